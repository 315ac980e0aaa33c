"""One person through a clip: searched for, followed from frame to frame, and marked as missing where not seen."""

from __future__ import annotations

import zlib

import numpy as np

from smpl_fitting.detection.results import NUM_LANDMARKS, Detections
from smpl_fitting.detection.session import DetectorSession, Sighting
from smpl_fitting.progress import Progress
from smpl_fitting.video import Footage


def detect(
    footage: Footage,
    *,
    frames: range | None = None,
    masks: bool = True,
    progress: Progress | None = None,
) -> Detections:
    """Landmarks, box and mask of one person in the frames of a clip or picture.

    Args:
        footage: what to look at; a few frames are in memory at a time.
        frames: the rising range of frames to look at, all by default.
        masks: keep the person's mask of each frame, compressed.

    Raises:
        FootageError: a frame cannot be read.
        Cancelled: ``progress`` was cancelled.
    """
    wanted = range(footage.frame_count) if frames is None else frames
    progress = progress or Progress()
    sightings: list[Sighting | None] = []
    packed: list[bytes] = []
    with DetectorSession() as session:
        last: Sighting | None = None
        pictures = footage.frames(wanted.start, wanted.stop, wanted.step)
        for _, picture in progress.track(pictures, len(wanted)):
            rgb = picture[..., :3]
            last = session.look(rgb, last.next_crop) if last else None
            if last is None:
                last = _search(session, rgb)
            sightings.append(last)
            packed.append(_pack(last) if last and masks else b"")
    return _gather(sightings, packed if masks else None, wanted, footage.image_size)


def _search(session: DetectorSession, picture: np.ndarray) -> Sighting | None:
    seen = (session.look(picture, crop) for crop in session.candidates(picture))
    return max((one for one in seen if one), key=lambda one: one.score * one.height, default=None)


def _pack(sighting: Sighting) -> bytes:
    return zlib.compress(np.rint(sighting.mask * 255).astype(np.uint8).tobytes(), 1)


def _gather(
    sightings: list[Sighting | None], masks: list[bytes] | None, wanted: range, image_size: tuple[int, int]
) -> Detections:
    count = len(sightings)
    keypoints = np.zeros((count, NUM_LANDMARKS, 4), np.float32)
    world = np.zeros((count, NUM_LANDMARKS, 3), np.float32)
    confidence = np.zeros(count, np.float32)
    boxes = np.zeros((count, 4), np.float32)
    crops = np.zeros((count, 4))
    for i, one in enumerate(sightings):
        if one is not None:
            keypoints[i], world[i], boxes[i] = one.keypoints, one.keypoints_world, one.box
            confidence[i] = one.score
            crops[i] = one.crop.x, one.crop.y, one.crop.size, one.crop.rotation
    return Detections(
        keypoints=keypoints,
        keypoints_world=world,
        confidence=confidence,
        boxes=boxes,
        image_size=image_size,
        frames=np.arange(wanted.start, wanted.stop, wanted.step),
        crops=crops,
        masks=None if masks is None else tuple(masks),
    )
