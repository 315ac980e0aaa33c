"""Following everybody of a clip from frame to frame, at most a handful of frames in memory."""

from __future__ import annotations

from collections import deque

import numpy as np

from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.search import COARSE, FINE, FINEST, LARGE, MEDIUM, find_people
from smpl_fitting.detection.session import DetectorSession, Sighting
from smpl_fitting.detection.tracks import Track

_MAX_PEOPLE = 4
_SEARCH_SECONDS = 0.25  # between two looks for newcomers
_FINEST_EVERY = 8  # searches; some 50 tiles take as long as following somebody for a second
_BUFFER_BYTES = 150e6  # of past frames, to follow a newcomer backwards to where he came in
_FORGET_SECONDS = 10.0
_TRIAL_SECONDS = 1.0  # after which somebody far less prominent than the leading person is followed no longer
_BYSTANDER = 0.35  # of the leading person's prominence
_MIN_LENGTH = 3  # frames; shorter tracks of a clip are mistakes


class Follower:
    """Feed it the frames in order with ``step``; then read ``tracks``."""

    def __init__(self, session: DetectorSession, fps: float, frame_count: int, keep_masks: bool) -> None:
        self._session = session
        self._fps = fps
        self._frame_count = frame_count
        self._keep_masks = keep_masks
        self._period = int(np.clip(round(_SEARCH_SECONDS * fps), 1, 8))
        self._active: list[Track] = []
        self._lost: list[Track] = []
        self._bystanders: list[Crop] = []
        self._past: deque[tuple[int, np.ndarray]] = deque()

    @property
    def tracks(self) -> list[Track]:
        """Everybody who was followed long enough to be believed."""
        least = min(_MIN_LENGTH, self._frame_count)
        return [track for track in [*self._active, *self._lost] if len(track) >= least]

    def step(self, index: int, picture: np.ndarray) -> None:
        """Look at the next frame, uint8 (H, W, 3)."""
        self._follow(index, picture)
        due = index % self._period == 0
        if due and len(self._active) > 1:
            self._dismiss_bystanders(picture)
        if due or not self._active:
            self._search(index, picture)
        self._past.append((index, picture))
        while len(self._past) > self._period or len(self._past) * picture.nbytes > _BUFFER_BYTES:
            self._past.popleft()

    def _follow(self, index: int, picture: np.ndarray) -> None:
        followed: list[Track] = []
        # The longest first: where two tracks have come to show one person, the younger ends.
        for track in sorted(self._active, key=len, reverse=True):
            newest = track.sightings[track.last]
            sighting = self._session.look(picture, track.next_crop())
            twice = sighting and any(sighting.is_same_as(other.sightings[index]) for other in followed)
            if sighting is None or twice or not _continues(newest, sighting):
                self._lost.append(track)
            else:
                track.add(index, sighting)
                followed.append(track)
        self._active = followed

    def _dismiss_bystanders(self, picture: np.ndarray) -> None:
        """Stop following those far less prominent than the leading person: they cost as much as he does."""
        trial = max(_MIN_LENGTH, round(_TRIAL_SECONDS * self._fps))
        tried = [track for track in self._active if len(track) >= trial]
        if len(tried) < 2:
            return
        size = (picture.shape[0], picture.shape[1])
        prominence = {id(track): track.prominence(self._fps, size, 2 * trial) for track in tried}
        limit = _BYSTANDER * max(prominence.values())
        for track in tried:
            if prominence[id(track)] < limit:
                self._active.remove(track)
                self._lost.append(track)
                self._bystanders.append(track.next_crop())

    def _search(self, index: int, picture: np.ndarray) -> None:
        known = [track.sightings[index].next_crop for track in self._active]
        if known:  # while nobody is followed, a bystander's place may hide the one who was
            known += self._bystanders
        room = _MAX_PEOPLE - len(self._active)
        for sighting in find_people(self._session, picture, self._level(index, picture), known)[:room]:
            track = Track(self._keep_masks)
            track.add(index, sighting)
            self._backwards(track)
            self._active.append(self._relinked(track))

    def _level(self, index: int, picture: np.ndarray) -> int:
        """How fine to search: for small people only while nobody large is followed."""
        if not self._active:
            if index % (_FINEST_EVERY * self._period) == 0:
                return FINEST
            return FINE if index % self._period == 0 else MEDIUM
        tallest = max(track.sightings[track.last].height for track in self._active)
        return COARSE if tallest > LARGE * min(picture.shape[:2]) else MEDIUM

    def _backwards(self, track: Track) -> None:
        """Follow a newcomer back through the frames since the last search."""
        newest = track.sightings[track.first]
        for index, picture in reversed(self._past):
            sighting = self._session.look(picture, newest.crop.towards(newest.next_crop))
            if sighting is None or not _continues(newest, sighting):
                return
            others = [other for other in [*self._active, *self._lost] if index in other.sightings]
            if any(sighting.is_same_as(other.sightings[index]) for other in others):
                return
            track.add(index, sighting)
            newest = sighting

    def _relinked(self, track: Track) -> Track:
        """The lost track that this one goes on, with its sightings; else the track itself."""
        for lost in sorted(self._lost, key=lambda one: -one.last):
            seconds = (track.first - lost.last) / self._fps
            if 0 < seconds < _FORGET_SECONDS and lost.could_become(track, seconds):
                self._lost.remove(lost)
                lost.absorb(track)
                return lost
        return track


def _continues(before: Sighting, after: Sighting) -> bool:
    """Whether two sightings in neighbouring frames can be one person."""
    moved = float(np.hypot(after.next_crop.x - before.next_crop.x, after.next_crop.y - before.next_crop.y))
    grown = after.next_crop.size / before.next_crop.size
    return moved < 0.35 * before.next_crop.size and 0.6 < grown < 1.7
