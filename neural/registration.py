"""Where the background of one frame is seen in another, under a camera that moves: a homography.

Exact for a camera that turns and zooms, and for a flat background; near enough for one held in the hand. Corners
are tracked (Lucas-Kanade) to a tenth of a pixel; where the camera has gone too far for that, corners that look alike
(ORB, Rublee et al. 2011) say where to begin. Robust estimation (MAGSAC++, Barath et al. 2020) leaves out passers-by
and leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

LONGEST = 960
"""Pixels of the longer side at which frames are compared: blurred and noisy footage says no more."""
_CORNERS = 600
_ALIKE = 2000  # corners that are compared by looks
_DISTINCT = 0.75  # of the second best likeness (Lowe 2004)
_ASTRAY = 1.5  # pixels of LONGEST that a corner of the background may be off
_FEWEST, _SHARE = 12, 0.3  # corners, and share of those that were tracked, that must agree
_WINDOW = (21, 21)


@dataclass(frozen=True)
class View:
    """A frame, ready to be compared.

    Attributes:
        gray: (h, w) uint8, the longer side at most :data:`LONGEST`. free: (h, w) uint8, 0 where it is no background.
        scale: of both, against the frame. corners: (N, 1, 2) float32 places in the background.
    """

    gray: np.ndarray
    free: np.ndarray
    scale: float
    corners: np.ndarray

    @cached_property
    def looks(self) -> tuple[np.ndarray, np.ndarray]:
        """Places (M, 2) and descriptors (M, 32) uint8 of corners to compare by looks."""
        found, descriptors = cv2.ORB.create(_ALIKE).detectAndCompute(self.gray, self.free)
        places = np.array([one.pt for one in found], np.float32)
        return places.reshape(-1, 2), np.zeros((0, 32), np.uint8) if descriptors is None else descriptors


def see(picture: np.ndarray, covered: np.ndarray) -> View:
    """A frame (H, W, 3) uint8 of which ``covered`` (H, W) bool is no background."""
    scale = min(1.0, LONGEST / max(picture.shape[:2]))
    gray = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
    free: np.ndarray = (~covered).astype(np.uint8) * 255
    if scale < 1:
        size = (round(gray.shape[1] * scale), round(gray.shape[0] * scale))
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
        free = cv2.resize(free, size, interpolation=cv2.INTER_NEAREST)
    corners = cv2.goodFeaturesToTrack(gray, _CORNERS, 0.005, max(gray.shape) / 100, mask=free)
    return View(gray, free, scale, np.zeros((0, 1, 2), np.float32) if corners is None else corners)


def register(seen: View, wanted: View) -> np.ndarray | None:
    """(3, 3) from pixels of one frame to those of another of the same size; None where too little agrees."""
    guess = _tracked(seen, wanted, np.eye(3))
    if guess is None:
        guess = _by_looks(seen, wanted)
    tracked = None if guess is None else _tracked(seen, wanted, guess)
    if tracked is None:
        return None
    scale, shift = 1 / seen.scale, 0.5 / seen.scale - 0.5  # OpenCV counts from the first pixel's centre
    enlarge = np.array([[scale, 0, shift], [0, scale, shift], [0, 0, 1]])
    return enlarge @ tracked @ np.linalg.inv(enlarge)


def _tracked(seen: View, wanted: View, guess: np.ndarray) -> np.ndarray | None:
    """The homography by tracking, from the view that ``guess`` leads to: what is turned or nearer looks the same."""
    if len(seen.corners) < _FEWEST:
        return None
    from_here = cv2.warpPerspective(seen.gray, guess, seen.gray.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    start = cv2.perspectiveTransform(seen.corners, guess)
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        from_here, wanted.gray, start, np.zeros_like(start), winSize=_WINDOW, maxLevel=4
    )
    kept = found[:, 0] == 1
    return _agreed(seen.corners[kept, 0], there[kept, 0])


def _by_looks(seen: View, wanted: View) -> np.ndarray | None:
    (places, ours), (others, theirs) = seen.looks, wanted.looks
    if min(len(ours), len(theirs)) < 2:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(ours, theirs, k=2)
    best = [one[0] for one in pairs if len(one) == 2 and one[0].distance < _DISTINCT * one[1].distance]
    return _agreed(places[[one.queryIdx for one in best]], others[[one.trainIdx for one in best]])


def _agreed(first: np.ndarray, second: np.ndarray) -> np.ndarray | None:
    """The homography that most pairs (N, 2) agree on."""
    if len(first) < _FEWEST:
        return None
    cv2.setRNGSeed(0)
    matrix, agree = cv2.findHomography(first, second, cv2.USAC_MAGSAC, _ASTRAY)
    if matrix is None or agree.sum() < max(_FEWEST, _SHARE * len(first)):
        return None
    return matrix
