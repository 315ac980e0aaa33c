"""Which parts of the feet carry weight: heel and toe of both feet, from how fast and how high they move.

Thresholds on speed and height flicker on noisy motion (Ikemoto, Arikan and Forsyth 2006, "Knowing when to put
your foot down"), so each point is a two-state hidden Markov chain instead, as zero-velocity detectors for
foot-worn sensors are: speed and height speak for or against contact in every frame, and changing the state has
a price, which gives hysteresis and a least duration without further rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import ndimage, signal

from smpl_fitting.landmarks import LANDMARK

HEELS_AND_TOES = 4  # left heel, left toe, right heel, right toe
SOLE_LANDMARKS = [LANDMARK[f"{side}_{part}"] for side in ("left", "right") for part in ("heel", "foot_index")]
DOUBTFUL = (0.1, 0.5)  # visibilities between which a foot passes from unseen to seen

SPEED_WINDOW = 0.13  # seconds over which a speed is measured
SLOW = 0.2  # m/s: at this speed contact and swing are about equally likely
SWING_SHARE = 0.1  # of the foot's fastest swing that is added to it
STRIDE = 0.5  # seconds to either side in which a walker swings each foot
HEIGHT_SPREAD = 0.04  # metres that a fitted sole on the ground strays from it
TAIL = 1.5  # how fast height speaks against contact: as height to the power of minus twice this
SWING_HEIGHT = 0.4  # metres: a foot in the air is somewhere below this
DEPTH_RATIO = 10.0  # a monocular fit errs this much more along the line of sight than across it
FLOATING = -0.5  # the most that a sole's height over the ground speaks against contact
RAISED = 0.1  # metres above the lower foot: half of what a raised foot has at least
EVIDENCE_RATE = 20.0  # independent measurements a second: neighbouring frames share their errors
CHANGE_RATE = 4.0  # contacts made, and contacts broken, a second
LEAP = 0.75  # seconds to either side in which somebody stands on something: nobody flies longer
UNSEEN = -1.0  # log-odds of contact that an unseen foot adds: it claims none for long


def find_contacts(
    soles: np.ndarray,
    fps: float,
    *,
    ground: float | None = None,
    confidence: np.ndarray | None = None,
    view: np.ndarray | None = None,
    picture: np.ndarray | None = None,
    cuts: Sequence[int] | np.ndarray = (),
) -> np.ndarray:
    """The probability that each part of the feet stands on something.

    Args:
        soles: (T, 4, 3) metres, Z-up: left heel, left toe, right heel, right toe.
        ground: its height, where it is known; else the lowest the feet come within about a second.
        confidence: (T, 4) or (T,) in [0, 1], how well the feet are seen; unseen feet claim no contact.
        view: (3,) or (T, 3) line of sight in the same axes, along which a monocular fit errs most.
        picture: (T, 4, 2) metres, where the footage itself shows the soles across the line of sight, as
            landmarks: a fit may slide where the picture stands still.
        cuts: rows at which a new shot begins; nothing is carried across them.

    Returns:
        (T, 4) float32 in [0, 1], in the order of ``soles``.

    Raises:
        ValueError: arrays whose shapes do not fit.
    """
    soles = np.asarray(soles, np.float64)
    if soles.ndim != 3 or soles.shape[1:] != (HEELS_AND_TOES, 3):
        raise ValueError(f"soles have shape {soles.shape}, expected (T, 4, 3)")
    seen = np.ones(soles.shape[:2])
    if confidence is not None:
        confidence = np.asarray(confidence, np.float64)
        seen = seen * (confidence[:, None] if confidence.ndim == 1 else confidence)
    sight = None if view is None else np.broadcast_to(np.asarray(view, np.float64), (len(soles), 3))
    contacts = np.zeros(soles.shape[:2], np.float32)
    for shot in shots(len(soles), cuts):
        speed = speed_evidence(sole_speed(soles[shot], fps, None if sight is None else sight[shot]), fps)
        if picture is not None:
            speed = np.maximum(speed, speed_evidence(sole_speed(picture[shot], fps), fps))
        evidence = speed + height_evidence(soles[shot, :, 2], fps, ground)
        evidence = seen[shot] * evidence + (1 - seen[shot]) * UNSEEN
        contacts[shot] = smoothed_probability(evidence * min(EVIDENCE_RATE / fps, 1.0), CHANGE_RATE / fps)
    return contacts


def foot_visibility(keypoints: np.ndarray, confidence: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """(T, 4) in [0, 1]: how well heels and toes are seen, as ``confidence`` of :func:`find_contacts`.

    Args:
        keypoints: (T, 33, 4) MediaPipe's landmarks, x px, y px, depth, visibility.
        confidence: (T,), 0 where nobody was found. image_size: (height, width).
    """
    x, y, _, visibility = np.moveaxis(keypoints[:, SOLE_LANDMARKS], -1, 0)
    height, width = image_size
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    low, high = DOUBTFUL
    return np.where(inside, (visibility - low) / (high - low), 0.0).clip(0, 1) * (confidence > 0)[:, None]


def foot_rays(keypoints: np.ndarray, K: np.ndarray) -> np.ndarray:
    """(T, 4, 2) where heels and toes are seen, in the camera's plane at depth 1.

    Args:
        keypoints: (T, 33, 2 or more) MediaPipe's landmarks, pixels. K: (T, 3, 3).
    """
    offset = keypoints[:, SOLE_LANDMARKS, :2] - K[:, None, :2, 2]
    return offset / K[:, None, [0, 1], [0, 1]]


def shots(frames: int, cuts: Sequence[int] | np.ndarray) -> Iterator[slice]:
    """The stretches between cuts; ``cuts`` are the rows at which a new one begins."""
    edges = np.unique(np.concatenate([[0, frames], np.asarray(cuts, np.int64).reshape(-1)]))
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        yield slice(int(start), int(stop))


def sole_speed(soles: np.ndarray, fps: float, view: np.ndarray | None = None) -> np.ndarray:
    """(T, 4) speeds in m/s of soles (T, 4, 3 or 2): the slope of a line through ``SPEED_WINDOW``.

    view: (T, 3) lines of sight; motion along them counts less, by ``DEPTH_RATIO``.
    """
    frames = len(soles)
    if frames == 1:
        return np.zeros(soles.shape[:2])
    window = 2 * max(round(SPEED_WINDOW * fps / 2), 1) + 1
    if window > frames:
        slope = np.gradient(soles, 1 / fps, axis=0)
    else:
        slope = signal.savgol_filter(soles, window, 1, deriv=1, delta=1 / fps, axis=0)
    if view is not None:
        along = view / np.maximum(np.linalg.norm(view, axis=-1, keepdims=True), 1e-9)
        depth = np.einsum("tpc,tc->tp", slope, along)[..., None] * along[:, None]
        slope = slope - depth * (1 - 1 / DEPTH_RATIO)
    return np.linalg.norm(slope, axis=-1)


def speed_evidence(speed: np.ndarray, fps: float) -> np.ndarray:
    """(T, 4) log-odds of contact from speeds (T, 4) alone; bounded, since both states have outliers."""
    if len(speed) == 1:
        return np.zeros(speed.shape)
    # the fit's errors grow with the speed: a runner's planted foot seems to move faster than a dancer's
    fastest = ndimage.maximum_filter1d(speed, 2 * max(round(STRIDE * fps), 1) + 1, axis=0, mode="nearest")
    ratio = speed / (SLOW + SWING_SHARE * fastest)
    return 2.0 * np.log(2.0 / (1 + ratio**2)).clip(-3.0)


def height_evidence(heights: np.ndarray, fps: float, ground: float | None = None) -> np.ndarray:
    """(T, 4) log-odds of contact from the heights (T, 4).

    Above the ground: Student's law there against any height in the air. It says little against contact, since
    a fitted body may float or sink by a hand's breadth; its own lower foot is the better witness then.
    """
    above = (heights - support(heights, fps, ground)[:, None]) / HEIGHT_SPREAD
    above = np.where(above < 0, 0.5 * above, above)  # too low is an error of the fit, too high may be a step
    on_ground = np.log(SWING_HEIGHT / HEIGHT_SPREAD / np.pi) - TAIL * np.log1p(above**2)
    higher = (heights - _lowest(heights)[:, None]).clip(0) / RAISED
    return on_ground.clip(FLOATING) + (0.5 - TAIL * np.log1p(higher**2)).clip(max=0)


def support(heights: np.ndarray, fps: float, ground: float | None = None) -> np.ndarray:
    """(T,) the height of what the person stands on, from the soles' heights (T, 4).

    Nobody stays in the air for long: where the feet do not come down to ``ground`` for ``LEAP`` seconds to
    either side, the person stands on a step (or the fit has drifted), and the lowest that the feet come is its
    height.
    """
    reach = 2 * max(round(LEAP * fps), 1) + 1
    lowest = ndimage.minimum_filter1d(_lowest(heights), reach, mode="nearest")
    return lowest if ground is None else np.maximum(lowest, ground)


def _lowest(heights: np.ndarray) -> np.ndarray:
    """(T,) the height of the lowest sole, single outliers apart."""
    return ndimage.median_filter(heights.min(1), size=min(5, len(heights)), mode="nearest")


def smoothed_probability(evidence: np.ndarray, change: float) -> np.ndarray:
    """Forward-backward smoothing (Rabiner 1989) of two-state chains, in log-odds.

    Args:
        evidence: (T, N) log-likelihood ratios. change: probability of changing the state, per frame.

    Returns:
        (T, N) posterior probabilities of the first state.
    """
    change = min(change, 0.5)

    def carried(odds: np.ndarray) -> np.ndarray:
        return np.logaddexp(odds + np.log1p(-change), np.log(change)) - np.logaddexp(
            odds + np.log(change), np.log1p(-change)
        )

    def pass_along(rows: np.ndarray) -> np.ndarray:
        before = np.zeros_like(rows)
        for i in range(1, len(rows)):
            before[i] = carried(before[i - 1] + rows[i - 1])
        return before

    odds = evidence + pass_along(evidence) + pass_along(evidence[::-1])[::-1]
    return 1 / (1 + np.exp(-odds.clip(-60, 60)))
