"""The people of a clip: searched for, followed from frame to frame, and marked as missing where not seen."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from smpl_fitting.detection.choice import At, PersonChoice, parse_person
from smpl_fitting.detection.cuts import BEHIND, with_cuts
from smpl_fitting.detection.follow import MAX_PERIOD, Follower
from smpl_fitting.detection.journal import Journal, footage_key
from smpl_fitting.detection.masks import MaskStore
from smpl_fitting.detection.networks import Network, best_network
from smpl_fitting.detection.people import Person, group, listed, person_at, read_tracks
from smpl_fitting.detection.results import NUM_LANDMARKS, Detections
from smpl_fitting.detection.session import DetectorSession
from smpl_fitting.detection.sides import keep_sides
from smpl_fitting.errors import NobodyFoundError
from smpl_fitting.progress import Progress
from smpl_fitting.video import Footage
from smpl_fitting.video.footage import Frames

CHUNK_FRAMES = 300
_GRAY = 128


def detect(
    footage: Footage,
    *,
    frames: range | None = None,
    person: PersonChoice = None,
    masks: bool = True,
    progress: Progress | None = None,
    session: DetectorSession | None = None,
    checkpoint: Path | None = None,
) -> Detections:
    """Landmarks, box and mask of one person in the frames of a clip or picture.

    Args:
        footage: what to look at; a few frames are in memory at a time.
        frames: the rising range of frames to look at, all by default.
        person: who; None for the one whom the clip is about. See :data:`PersonChoice`.
        masks: keep the person's mask of each frame, compressed.
        session: networks that are loaded already, which takes about half a second; by default the best landmark
            network that is here.
        checkpoint: a folder for what is found so far. A run that was killed goes on from there, when footage and
            options are the same, and gives the same result; the caller removes the folder in the end.

    Raises:
        FootageError: a frame cannot be read.
        NobodyFoundError: there is no such person; never raised without ``person``.
        LiquidMotionError: ``person`` is none of these, or the checkpoint cannot be written.
        Cancelled: ``progress`` was cancelled.
    """
    search = _Search(footage, frames, person, masks, session)
    with search.journal(checkpoint) as journal:
        search.run(journal, progress or Progress())
        people = search.people(journal)
        number = 0 if search.wanted is None else _number(people, search)
        [found] = search.gather(people[number : number + 1] or [None], journal)
    return dataclasses.replace(found, person=number)


def detect_people(
    footage: Footage,
    *,
    frames: range | None = None,
    masks: bool = True,
    progress: Progress | None = None,
    session: DetectorSession | None = None,
    checkpoint: Path | None = None,
) -> list[Detections]:
    """Everybody of a clip or picture, the most prominent first; arguments and errors as of :func:`detect`.

    Prominent is who is large, well visible, lively, central, and there for long. Empty where nobody is.
    """
    search = _Search(footage, frames, 0, masks, session)
    with search.journal(checkpoint) as journal:
        search.run(journal, progress or Progress())
        found = search.gather(search.people(journal), journal)
    return [dataclasses.replace(one, person=number) for number, one in enumerate(found)]


class _Search:
    """One detection: what is asked for, and the steps that answer it."""

    def __init__(
        self,
        footage: Footage,
        frames: range | None,
        person: PersonChoice,
        masks: bool,
        session: DetectorSession | None,
    ) -> None:
        self.footage = footage
        self.frames = range(footage.frame_count) if frames is None else frames
        self.wanted = parse_person(person, self.frames, footage.image_size)
        self.masks = masks
        self.session = session
        self.network: Network = session.network if session else best_network()
        self.fps = footage.fps / self.frames.step

    @property
    def everybody(self) -> bool:
        """Whether others are followed than those whom the clip can be about."""
        return self.wanted is not None

    def row(self, frame: int) -> int:
        """The row of the nearest frame that is looked at."""
        return min(len(self.frames) - 1, round((frame - self.frames.start) / self.frames.step))

    @contextlib.contextmanager
    def journal(self, checkpoint: Path | None) -> Iterator[Journal]:
        """The journal in the checkpoint, or in a temporary folder."""
        place = self.wanted if isinstance(self.wanted, At) else None  # numbers choose only in the end
        key = footage_key(self.footage, self.frames, self.masks, self.everybody, place, self.network)
        if checkpoint is not None:
            yield Journal(checkpoint / f"detection-{key}")
            return
        with tempfile.TemporaryDirectory(prefix="liquid-motion-") as folder:
            yield Journal(Path(folder))

    def run(self, journal: Journal, progress: Progress) -> None:
        """Look at all frames that the journal does not know yet."""
        count = len(self.frames)
        place = self.wanted if isinstance(self.wanted, At) else None
        places = {self.row(place.frame): place.place} if place else {}
        with contextlib.ExitStack() as stack:
            follower = Follower(self.fps, keep_masks=self.masks, everybody=self.everybody, places=places)
            done = journal.restore(follower)
            progress.update(done / count)
            if done == count:
                return
            networks = self.session or stack.enter_context(DetectorSession(self.network))
            # The frames before are looked at for cuts, and to follow newcomers back into them.
            first = max(0, done - max(MAX_PERIOD, BEHIND))
            pictures = stack.enter_context(contextlib.closing(self._pictures(first)))
            for index, picture, is_cut in with_cuts(pictures):
                if index < done:
                    follower.remember(index, picture)
                    continue
                follower.step(networks, index, picture, is_cut)
                if (index + 1) % CHUNK_FRAMES == 0 or index + 1 == count:
                    journal.write(follower, index + 1)
                progress.update((index + 1) / count)

    def _pictures(self, first: int) -> Frames:
        frames = self.frames[first:]
        with contextlib.closing(self.footage.frames(frames.start, frames.stop, frames.step)) as pictures:
            for row, (_, picture) in enumerate(pictures, first):
                yield row, _opaque(picture)

    def people(self, journal: Journal) -> list[Person]:
        """Who was found, the most prominent first."""
        count = len(self.frames)
        people = group(read_tracks(journal, count), count, self.fps, self.footage.image_size)
        return listed(people, count, self.fps) if self.everybody else people

    def gather(self, people: list[Person] | list[None], journal: Journal) -> list[Detections]:
        """The detections of these people; of None, that of nobody."""
        count = len(self.frames)
        stores = [MaskStore(count) for _ in people]
        shown = np.full((len(people), count), -1)  # the track whose sighting shows the person in a row
        for number, one in enumerate(people):
            if one is not None:
                shown[number, one.frame] = one.track
        for chunk in journal.masks() if self.masks else ():
            for track, row, mask in chunk:
                for number in np.flatnonzero(shown[:, row] == track):
                    stores[number].put(row, mask)
        cuts = journal.cuts()
        return [
            self._detections(one, cuts, store if self.masks else None)
            for one, store in zip(people, stores, strict=True)
        ]

    def _detections(self, person: Person | None, cuts: np.ndarray, masks: MaskStore | None) -> Detections:
        count = len(self.frames)
        keypoints = np.zeros((count, NUM_LANDMARKS, 4), np.float32)
        world = np.zeros((count, NUM_LANDMARKS, 3), np.float32)
        confidence, boxes = np.zeros(count, np.float32), np.zeros((count, 4), np.float32)
        crops = np.zeros((count, 4))
        if person is not None:
            rows = person.frame
            height = max(1.0, float(np.median(person.box[:, 3] - person.box[:, 1])))
            keypoints[rows], world[rows] = keep_sides(rows, person.keypoints, person.world, height, cuts)
            confidence[rows], boxes[rows], crops[rows] = person.score, person.box, person.crop
        return Detections(
            keypoints=keypoints,
            keypoints_world=world,
            confidence=confidence,
            boxes=boxes,
            image_size=self.footage.image_size,
            frames=np.arange(self.frames.start, self.frames.stop, self.frames.step),
            crops=crops,
            masks=masks,
            cuts=cuts,
            network=self.network,
        )


def _number(people: list[Person], search: _Search) -> int:
    """Whom the search is for.

    Raises:
        NobodyFoundError: nobody of these people.
    """
    clip = str(search.footage.path)
    if isinstance(search.wanted, At):
        return person_at(people, search.wanted, search.row(search.wanted.frame), clip)
    number = search.wanted or 0
    if number >= len(people):
        found = f"only people 0 to {len(people) - 1} were" if len(people) > 1 else "only person 0 was"
        raise NobodyFoundError(
            f"{clip}: has no person {number}; {found if people else 'nobody was'} found; choose another"
        )
    return number


def _opaque(picture: np.ndarray) -> np.ndarray:
    """RGB of a picture, over gray where it is transparent: what hides there was not meant to be seen."""
    if picture.shape[2] == 3:
        return picture
    alpha = picture[..., 3:].astype(np.uint16)
    return ((picture[..., :3] * alpha + _GRAY * (255 - alpha) + 127) // 255).astype(np.uint8)
