"""Following everybody of a clip from frame to frame, at most a handful of frames in memory."""

from __future__ import annotations

import zlib
from collections import deque
from typing import NamedTuple

import numpy as np

from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.matching import assign, relink, touching
from smpl_fitting.detection.search import COARSE, FINE, FINEST, LARGE, MEDIUM, PART, Place, find_people
from smpl_fitting.detection.session import DetectorSession, Sighting
from smpl_fitting.detection.tracks import Track

MAX_PERIOD = 8  # frames between two searches, at most
_MAX_PEOPLE = 4
_MAX_EVERYBODY = 12
_SEARCH_SECONDS = 0.25  # between two looks for newcomers
_FINEST_EVERY = 8  # searches; some 50 tiles take as long as following somebody for a second
_BUFFER_BYTES = 150e6  # of past frames, to follow a newcomer backwards to where he came in
_FORGET_SECONDS = 10.0
_HIDDEN_SECONDS = 1.5  # for which somebody behind another is looked for in every frame
_TRIAL_SECONDS = 1.0  # after which somebody far less prominent than the leading person is followed no longer
_BYSTANDER = 0.35  # of the leading person's prominence
MIN_LENGTH = 3  # frames; shorter tracks of a clip are mistakes


class Row(NamedTuple):
    """One sighting as it is written down: of which track, in which frame, and the packed mask (or nothing)."""

    track: int
    frame: int
    sighting: Sighting
    mask: bytes


class Follower:
    """Feed it the frames in order with ``step``, and take the ``rows`` it has found.

    Args:
        everybody: follow all people, not only those whom the clip can be about.
        places: rows of the clip at which to look closely at a place, whoever is followed.

    Attributes:
        rows: the sightings since the caller last emptied this list.
        active, lost: whom it follows, and whom it may find again.
        forgotten: whom it will not find again, since the caller last emptied this list.
    """

    def __init__(
        self,
        fps: float,
        *,
        keep_masks: bool = True,
        everybody: bool = False,
        places: dict[int, Place] | None = None,
    ) -> None:
        self._fps = fps
        self._keep_masks = keep_masks
        self._everybody = everybody
        self._places = places or {}
        self._period = int(np.clip(round(_SEARCH_SECONDS * fps), 1, MAX_PERIOD))
        self._trial = max(MIN_LENGTH, round(_TRIAL_SECONDS * fps))
        self._past: deque[tuple[int, np.ndarray]] = deque()
        self._masked: list[Sighting] = []  # those of the newest frame
        self.rows: list[Row] = []
        self.active: list[Track] = []
        self.lost: list[Track] = []
        self.forgotten: list[Track] = []
        self.bystanders: list[Crop] = []
        self.cuts: list[int] = []
        self.next_number = 0

    @property
    def memory(self) -> int:
        """How many sightings of each track are kept to judge it by."""
        return max(2 * self._trial, 2 * MAX_PERIOD)

    def step(self, session: DetectorSession, index: int, picture: np.ndarray, is_cut: bool = False) -> None:
        """Look at the next frame, uint8 (H, W, 3), with the networks. ``is_cut``: a new shot begins with it."""
        if is_cut:
            self._begin_shot(index)
        self._follow(session, index, picture)
        due = index % self._period == 0
        if due and len(self.active) > 1 and not self._everybody:
            self._dismiss_bystanders(picture)
        if due or is_cut or index in self._places or not self._seen(index):
            self._search(session, index, picture, thorough=is_cut)
        oldest = index - _FORGET_SECONDS * self._fps
        self.forgotten += [track for track in self.lost if track.last <= oldest]
        self.lost = [track for track in self.lost if track.last > oldest]
        self.remember(index, picture)

    def remember(self, index: int, picture: np.ndarray) -> None:
        """Keep a frame that was looked at, for newcomers to be followed backwards in it."""
        if self.cuts and index < self.cuts[-1]:
            return
        self._past.append((index, picture))
        while len(self._past) > self._period or len(self._past) * picture.nbytes > _BUFFER_BYTES:
            self._past.popleft()

    def _seen(self, index: int) -> list[Track]:
        return [track for track in self.active if track.last == index]

    def _begin_shot(self, index: int) -> None:
        self.cuts.append(index)
        self.lost += self.active
        self.active, self.bystanders = [], []
        self._past.clear()

    def _record(self, track: Track, index: int, sighting: Sighting, alone: bool = True) -> None:
        mask = b""
        if self._keep_masks:
            mask = zlib.compress(np.rint(sighting.mask * 255.0).astype(np.uint8).tobytes(), 1)
        track.add(index, sighting, alone)
        track.shot = len(self.cuts)
        self.rows.append(Row(track.number, index, sighting.without_mask(), mask))

    def _follow(self, session: DetectorSession, index: int, picture: np.ndarray) -> None:
        # The longest first: where two tracks have come to show one person, the younger ends.
        tracks = sorted(self.active, key=lambda track: -track.count)
        crops = [track.coasting_crop(index) if track.hidden else track.next_crop() for track in tracks]
        looks = [session.look(picture, crop) for crop in crops]
        mixed = [_meets_another(i, tracks, looks) for i in range(len(tracks))]
        among = [i for i, is_mixed in enumerate(mixed) if is_mixed]
        assigned = assign([tracks[i] for i in among], index, [looks[i] for i in among])
        for i, sighting in zip(among, assigned, strict=True):
            looks[i] = sighting
        for i in among:
            if tracks[i].hidden and _is_part_of_another(i, looks):
                looks[i] = None
        self.active, self._masked = [], []
        for track, crop, sighting, is_mixed in zip(tracks, crops, looks, mixed, strict=True):
            before = crop if track.hidden else track.newest.next_crop
            if sighting is not None and _continues(before, sighting.next_crop):
                track.hidden = False
                self._record(track, index, sighting, alone=not is_mixed)
                self.active.append(track)
                self._masked.append(sighting)
                continue
            track.hidden = track.hidden or is_mixed
            waits = track.hidden and index - track.last < _HIDDEN_SECONDS * self._fps
            (self.active if waits else self.lost).append(track)

    def _dismiss_bystanders(self, picture: np.ndarray) -> None:
        """Stop following those far less prominent than the leading person: they cost as much as he does."""
        tried = [track for track in self.active if track.count >= self._trial]
        if len(tried) < 2:
            return
        size = (picture.shape[0], picture.shape[1])
        prominence = {
            track.number: track.prominence(self._fps, size, newest=2 * self._trial) for track in tried
        }
        limit = _BYSTANDER * max(prominence.values())
        for track in tried:
            if prominence[track.number] < limit:
                self.active.remove(track)
                self.lost.append(track)
                self.bystanders.append(track.next_crop())

    def _search(self, session: DetectorSession, index: int, picture: np.ndarray, thorough: bool) -> None:
        places = [track.newest.next_crop for track in self._seen(index)]
        if places:  # while nobody is followed, a bystander's place may hide the one who was
            places += self.bystanders
        room = (_MAX_EVERYBODY if self._everybody else _MAX_PEOPLE) - len(self._seen(index))
        level = FINE if thorough else self._level(index, picture)
        found = find_people(
            session,
            picture,
            level,
            places,
            seen=self._masked,
            place=self._places.get(index),
            everybody=self._everybody,
        )
        newcomers: list[list[tuple[int, Sighting]]] = []
        for sighting in found[: max(0, room)]:
            newcomers.append(self._backwards(session, index, sighting, newcomers))
        missing = [*(track for track in self.active if track.last < index), *self.lost]
        known = relink(missing, [self._track_of(one) for one in newcomers], self._fps, _FORGET_SECONDS)
        for sightings, person in zip(newcomers, known, strict=True):
            self._take_on(person, sightings)

    def _take_on(self, person: Track | None, sightings: list[tuple[int, Sighting]]) -> None:
        """Follow a newcomer from now on, or somebody who is back."""
        if person is None:
            person = Track(self.next_number, keep=self.memory)
            self.next_number += 1
        if person in self.lost:
            self.lost.remove(person)
        if person not in self.active:
            self.active.append(person)
        person.hidden = False
        for index, sighting in reversed(sightings):
            self._record(person, index, sighting)

    def _track_of(self, sightings: list[tuple[int, Sighting]]) -> Track:
        track = Track(shot=len(self.cuts))
        for index, sighting in sightings:
            track.add(index, sighting)
        return track

    def _level(self, index: int, picture: np.ndarray) -> int:
        """How fine to search: for small people only while nobody large is followed."""
        seen = self._seen(index)
        if not seen or self._everybody:
            if index % (_FINEST_EVERY * self._period) == 0:
                return FINE if seen else FINEST
            return MEDIUM if seen or index % self._period else FINE
        tallest = max(track.newest.height for track in seen)
        return COARSE if tallest > LARGE * min(picture.shape[:2]) else MEDIUM

    def _backwards(
        self,
        session: DetectorSession,
        index: int,
        newest: Sighting,
        newcomers: list[list[tuple[int, Sighting]]],
    ) -> list[tuple[int, Sighting]]:
        """A newcomer's sightings from frame ``index`` back through the frames since the last search."""
        sightings = [(index, newest)]
        for i, picture in reversed(self._past):
            sighting = session.look(picture, newest.crop.towards(newest.next_crop))
            if sighting is None or not _continues(newest.next_crop, sighting.next_crop):
                break
            others = [track.recent[i] for track in [*self.active, *self.lost] if i in track.recent]
            others += [other for sightings in newcomers for j, other in sightings if j == i]
            if any(sighting.is_same_as(other) for other in others):
                break
            sightings.append((i, sighting))
            newest = sighting
        return sightings


def _meets_another(i: int, tracks: list[Track], looks: list[Sighting | None]) -> bool:
    """Whether a track's person may be taken for somebody else: their boxes touch, or one person is seen twice."""
    mine = looks[i]
    for j, track in enumerate(tracks):
        other = looks[j]
        if j == i:
            continue
        if touching(tracks[i].newest.box, track.newest.box):
            return True
        if (
            mine is not None
            and other is not None
            and (mine.is_same_as(other) or touching(mine.box, other.box))
        ):
            return True
    return False


def _is_part_of_another(i: int, looks: list[Sighting | None]) -> bool:
    """Whether what was seen of a hidden person is a part of somebody who is in front of him."""
    mine, others = looks[i], [one for j, one in enumerate(looks) if j != i and one is not None]
    return mine is not None and any(mine.share_within(other) > PART for other in others)


def _continues(before: Crop, after: Crop) -> bool:
    """Whether crops proposed in neighbouring frames can be one person's."""
    moved = float(np.hypot(after.x - before.x, after.y - before.y))
    return moved < 0.35 * before.size and 0.6 < after.size / before.size < 1.7
