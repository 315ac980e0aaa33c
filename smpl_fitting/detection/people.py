"""From tracks to people: which tracks are one person, in what order of prominence, and which one is meant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smpl_fitting.detection.choice import At
from smpl_fitting.detection.follow import MIN_LENGTH
from smpl_fitting.detection.journal import Journal
from smpl_fitting.detection.tracks import SAME_CLOTHES, likeness, prominence
from smpl_fitting.errors import NobodyFoundError

_COLUMNS = ("frame", "track", "keypoints", "world", "score", "crop", "box")
_HANDOVER = (
    2  # frames in which two tracks of one person may overlap: a poor sighting here, a better one there
)
_LEAST_SECONDS = 0.3  # for which a person who is listed must have been seen, where the clip is that long


@dataclass(frozen=True)
class Person:
    """Everything seen of one person: N sightings with rising ``frame`` (row of the clip).

    ``track`` (N,) the numbers of their tracks, ``keypoints`` (N, 33, 4), ``world`` (N, 33, 3), ``score`` (N,),
    ``crop`` (N, 4), ``box`` (N, 4), ``colours`` (512,).
    """

    frame: np.ndarray
    track: np.ndarray
    keypoints: np.ndarray
    world: np.ndarray
    score: np.ndarray
    crop: np.ndarray
    box: np.ndarray
    colours: np.ndarray

    def importance(self, frame_count: int, fps: float, image_size: tuple[int, int]) -> float:
        """How likely it is that a clip of ``frame_count`` frames is about this person."""
        seconds = self.frame / fps
        return (
            len(self.frame)
            / frame_count
            * prominence(self.score, self.keypoints, self.box, seconds, image_size)
        )

    def could_be(self, other: Person) -> bool:
        """Whether both can be one person at different times: not both in more than a frame or two, dressed alike."""
        together = np.isin(self.frame, other.frame, assume_unique=True).sum()
        return together <= _HANDOVER and likeness(self.colours, other.colours) > SAME_CLOTHES

    def joined(self, other: Person) -> Person:
        """Both as one person; where both are in a frame, the surer sighting."""
        columns = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in _COLUMNS}
        order = np.lexsort((-columns["score"], columns["frame"]))
        order = order[np.unique(columns["frame"][order], return_index=True)[1]]
        columns = {name: column[order] for name, column in columns.items()}
        return Person(**columns, colours=self.colours + other.colours)


def read_tracks(journal: Journal, frame_count: int) -> list[Person]:
    """Every track that is long enough to be believed."""
    parts: dict[int, list[tuple[np.ndarray, ...]]] = {}
    colours: dict[int, np.ndarray] = {}
    for chunk in journal.sightings():
        colours.update(zip(chunk["known"].tolist(), chunk["colours"], strict=True))
        for number in np.unique(chunk["track"]).tolist():
            mine = chunk["track"] == number
            parts.setdefault(number, []).append(tuple(chunk[name][mine] for name in _COLUMNS))
    tracks = []
    for number, pieces in sorted(parts.items()):
        columns = [np.concatenate(column) for column in zip(*pieces, strict=True)]
        order = np.argsort(columns[0], kind="stable")
        if len(order) >= min(MIN_LENGTH, frame_count):
            ordered = {name: column[order] for name, column in zip(_COLUMNS, columns, strict=True)}
            tracks.append(Person(**ordered, colours=colours[number]))
    return tracks


def group(tracks: list[Person], frame_count: int, fps: float, image_size: tuple[int, int]) -> list[Person]:
    """The people of a clip, the most prominent first, each with all his tracks."""
    rest = sorted(tracks, key=lambda track: -track.importance(frame_count, fps, image_size))
    people = []
    while rest:
        person, *others = rest
        rest = []
        for other in others:
            if person.could_be(other):
                person = person.joined(other)
            else:
                rest.append(other)
        people.append(person)
    return people


def listed(people: list[Person], frame_count: int, fps: float) -> list[Person]:
    """The people worth a place in a list: seen for more than a moment."""
    least = min(frame_count, max(MIN_LENGTH, round(_LEAST_SECONDS * fps)))
    return [person for person in people if len(person.frame) >= least]


def person_at(people: list[Person], at: At, row: int, clip: str) -> int:
    """The number of the person whom ``at`` points out in row ``row`` of the clip.

    Raises:
        NobodyFoundError: nobody is there; names those who are elsewhere in that frame.
    """
    boxes = {
        number: person.box[np.searchsorted(person.frame, row)]
        for number, person in enumerate(people)
        if row in person.frame
    }
    best = max(boxes, key=lambda number: at.fit(boxes[number]), default=None)
    if best is not None and at.fit(boxes[best]) > 0:
        return best
    others = "; ".join(
        f"person {number} is at x {box[0]:.0f}-{box[2]:.0f}, y {box[1]:.0f}-{box[3]:.0f}"
        for number, box in boxes.items()
    )
    there = f"there, {others}; point at one of them" if others else "nobody at all was found in that frame"
    raise NobodyFoundError(f"{clip}: nobody was found at {at} in frame {at.frame}; {there}")
