"""The synthetic clips, drawn and detected once and kept in a folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from _detections import digest
from _fit_metrics import Track, true_contacts

import neural.training
from neural.training.filmed import FPS, ClipSpec, Scene, captured_motion, set_scene
from smpl_fitting.body import BodyModel
from smpl_fitting.detection import Detections
from smpl_fitting.files import atomic_path
from smpl_fitting.geometry import Camera
from smpl_fitting.video import Footage, VideoWriter, open_footage

# What decides the pictures, beside the motion: a change to any of these draws the clips again.
_DRAWING = (
    "dressing",
    "face_details",
    "filmed",
    "hm08",
    "people",
    "raster_people",
    "studio",
    "truth",
    "wardrobe",
)


@dataclass(frozen=True)
class TrueClip:
    """A drawn clip and what is known of it.

    ``footage`` on disk; ``vertices`` (T, V, 3) and ``joints`` (T, 24, 3) in the Z-up world with the floor at 0;
    ``stature`` metres.
    """

    spec: ClipSpec
    footage: Footage
    camera: Camera
    vertices: np.ndarray
    joints: np.ndarray
    stature: float

    def world_soles(self, body: BodyModel) -> np.ndarray:
        """(T, 4, 3) the true bare soles."""
        return self.vertices[:, body.sole_vertices.numpy()].mean(2)

    def contacts(self, body: BodyModel) -> np.ndarray:
        """(T, 4) bool"""
        return true_contacts(self.world_soles(body), FPS)

    def track(self, body: BodyModel) -> Track:
        """The true body in camera axes."""
        return Track(*(self.in_camera(v) for v in (self.joints, self.vertices, self.world_soles(body))))

    def in_camera(self, points: np.ndarray) -> np.ndarray:
        return points @ self.camera.R.double().numpy().T + self.camera.t.double().numpy()

    def landmarks(self, body: BodyModel) -> np.ndarray:
        """(T, 33, 3) the true landmarks in camera axes."""
        points = self.vertices[:, body.landmark_vertices.numpy()]
        return self.in_camera((points * body.landmark_weights.numpy()[..., None]).sum(2))

    def landmark_pixels(self, body: BodyModel) -> np.ndarray:
        """(T, 33, 2)"""
        seen = self.landmarks(body) @ self.camera.K.double().numpy().T
        return seen[..., :2] / seen[..., 2:]


def load_clip(spec: ClipSpec, shared: Path, cache: Path, body: BodyModel) -> TrueClip:
    """A clip, drawn unless the cache has it."""
    captures = shared / "mocap"
    moved = np.concatenate(captured_motion(spec, captures, body.J_template.double().numpy()), axis=1)
    parts = [
        repr(spec).encode(),
        *drawing_code(),
        body.weights.numpy().tobytes(),
        np.rint(1e3 * moved).tobytes(),
    ]
    key = digest(*parts)
    film, numbers = cache / f"{spec.name}-{key}.mp4", cache / f"{spec.name}-{key}.npz"
    if not (film.exists() and numbers.exists()):
        cache.mkdir(parents=True, exist_ok=True)
        _draw(set_scene(spec, shared / "assets/makehuman_cc0", captures, body), film, numbers)
    with np.load(numbers) as kept:
        camera = Camera(*(torch.from_numpy(kept[name]) for name in "KRt"), spec.image_size)
        return TrueClip(
            spec, open_footage(film), camera, kept["vertices"], kept["joints"], float(kept["stature"])
        )


def with_true_landmarks(detections: Detections, clip: TrueClip, body: BodyModel) -> Detections:
    """The detections with the true landmarks' pixels; visibility, depth and 3D landmarks stay the detector's."""
    keypoints = detections.keypoints.copy()
    keypoints[detections.found, :, :2] = clip.landmark_pixels(body)[detections.found]
    return replace(detections, keypoints=keypoints, exact=True)


def _draw(scene: Scene, film: Path, numbers: Path) -> None:
    with VideoWriter(film, FPS, scene.camera.image_size) as writer:
        for picture in scene.frames():
            writer.write(picture)
    with atomic_path(numbers) as temporary, open(temporary, "wb") as file:
        np.savez(
            file,
            vertices=scene.posed.body,
            joints=scene.posed.joints,
            stature=scene.stature,
            K=scene.camera.K.numpy(),
            R=scene.camera.R.numpy(),
            t=scene.camera.t.numpy(),
        )


def drawing_code() -> list[bytes]:
    """The source text of all that draws people: pictures that were kept are another's once it changes."""
    folder = Path(neural.training.__file__).parent
    return [(folder / f"{name}.py").read_bytes() for name in _DRAWING]
