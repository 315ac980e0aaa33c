"""One person through a clip: searched for, followed from frame to frame, and marked as missing where not seen."""

from __future__ import annotations

import contextlib

import numpy as np

from smpl_fitting.detection.follow import Follower
from smpl_fitting.detection.results import NUM_LANDMARKS, Detections
from smpl_fitting.detection.session import DetectorSession
from smpl_fitting.detection.sides import keep_sides
from smpl_fitting.detection.tracks import Track, choose
from smpl_fitting.progress import Progress
from smpl_fitting.video import Footage

_GRAY = 128


def detect(
    footage: Footage,
    *,
    frames: range | None = None,
    masks: bool = True,
    progress: Progress | None = None,
    session: DetectorSession | None = None,
) -> Detections:
    """Landmarks, box and mask of one person in the frames of a clip or picture.

    Args:
        footage: what to look at; a few frames are in memory at a time.
        frames: the rising range of frames to look at, all by default.
        masks: keep the person's mask of each frame, compressed.
        session: networks that are loaded already; loading them takes about half a second.

    Raises:
        FootageError: a frame cannot be read.
        Cancelled: ``progress`` was cancelled.
    """
    wanted = range(footage.frame_count) if frames is None else frames
    progress = progress or Progress()
    fps = footage.fps / wanted.step
    with contextlib.nullcontext(session) if session else DetectorSession() as networks:
        follower = Follower(networks, fps, len(wanted), masks)
        with contextlib.closing(footage.frames(wanted.start, wanted.stop, wanted.step)) as pictures:
            for index, (_, picture) in enumerate(progress.track(pictures, len(wanted))):
                follower.step(index, _opaque(picture))
    track = choose(follower.tracks, len(wanted), fps, footage.image_size)
    return _gather(track or Track(masks), masks, wanted, footage.image_size)


def _opaque(picture: np.ndarray) -> np.ndarray:
    """RGB of a picture, over gray where it is transparent: what hides there was not meant to be seen."""
    if picture.shape[2] == 3:
        return picture
    alpha = picture[..., 3:].astype(np.uint16)
    return ((picture[..., :3] * alpha + _GRAY * (255 - alpha) + 127) // 255).astype(np.uint8)


def _gather(track: Track, masks: bool, wanted: range, image_size: tuple[int, int]) -> Detections:
    count = len(wanted)
    keypoints = np.zeros((count, NUM_LANDMARKS, 4), np.float32)
    world = np.zeros((count, NUM_LANDMARKS, 3), np.float32)
    confidence = np.zeros(count, np.float32)
    boxes = np.zeros((count, 4), np.float32)
    crops = np.zeros((count, 4))
    for i, one in track.sightings.items():
        keypoints[i], world[i], boxes[i] = one.keypoints, one.keypoints_world, one.box
        confidence[i] = one.score
        crops[i] = one.crop.x, one.crop.y, one.crop.size, one.crop.rotation
    seen = np.array(sorted(track.sightings), int)
    if len(seen):
        height = max(1.0, float(np.median(boxes[seen, 3] - boxes[seen, 1])))
        keypoints[seen], world[seen] = keep_sides(seen, keypoints[seen], world[seen], height)
    return Detections(
        keypoints=keypoints,
        keypoints_world=world,
        confidence=confidence,
        boxes=boxes,
        image_size=image_size,
        frames=np.arange(wanted.start, wanted.stop, wanted.step),
        crops=crops,
        masks=tuple(track.masks.get(i, b"") for i in range(count)) if masks else None,
    )
