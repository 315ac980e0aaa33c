"""People whom no network has seen, and true answers: photos of them, how they look from all sides and in motion.

Drawn by our own rasterizer in rooms of their own, in the held-out outfits, skins and motions, and kept in a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from _detections import digest
from _synthetic_clips import drawing_code
from scipy.spatial.transform import Rotation

from neural import metrics
from neural.scoring import Truth
from neural.sources import dress_views
from neural.subject import Subject, build_subject
from neural.training.filmed import FPS, ClipSpec, Scene, draw_in_room, set_scene, standing_camera
from neural.training.people import PosedPerson, pose_person
from neural.training.people_render import true_motion
from neural.training.raster_people import draw_room
from neural.training.studio import Studio
from neural.training.truth import Surface, see, surface_vertices
from smpl_fitting.body import BodyModel
from smpl_fitting.detection import Detections
from smpl_fitting.files import atomic_path
from smpl_fitting.fit import Fit, fit_stills
from smpl_fitting.geometry import Camera
from smpl_fitting.motion import Motion
from smpl_fitting.video import open_footage, read_image, write_image

WALK, DANCE, JACKS = "cmu_12_01_walk.bvh", "jesse_dance.bvh", "jumping_jacks.bvh"
SIZE, LARGE = (512, 384), (1024, 768)
SIDES = (0.0, 180.0, 90.0, -90.0)
"""Where the camera of each source photo stands, seen from the person: before, behind, at the left, at the right."""
VIEWS = tuple(range(0, 360, 30))
NEAR_VIEWS = (-60, -30, 0, 30, 60)
"""The same, of the large pictures, which show faces."""
MOMENTS = 4
"""Of the motion, that are compared; each with the frame before it."""


def _spec(seed: int, gender: str, motion: str, start: float, azimuth: float, **more) -> ClipSpec:
    name = f"person_{seed}"
    return ClipSpec(name, seed, gender, True, motion, start, 1.5, azimuth, 3.6, image_size=SIZE, **more)


PEOPLE = (
    _spec(9201, "female", WALK, 0.3, 30),
    _spec(9202, "male", JACKS, 0.4, -15),
    _spec(9203, "female", DANCE, 1.2, 20, rest_frame=0),
    _spec(9204, "male", DANCE, 3.6, -40, rest_frame=0, outfit="male_casualsuit04"),
)


@dataclass(frozen=True)
class Shot:
    """True frames of one person.

    Attributes:
        motion: T rows, the truth with its cameras; also the frames before those that are judged.
        judged: rows of the motion. truths: of these. backgrounds: (H, W, 3) uint8 of every row, without the person.
    """

    motion: Motion
    judged: tuple[int, ...]
    truths: tuple[Truth, ...]
    backgrounds: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class HeldOut:
    """``photos`` in the order of :data:`SIDES`; ``turn``: a row for each of :data:`VIEWS`; ``near``: for each of
    :data:`NEAR_VIEWS`; ``move``: in motion."""

    spec: ClipSpec
    photos: tuple[Path, ...]
    stature: float
    turn: Shot
    near: Shot
    move: Shot


def load_person(spec: ClipSpec, shared: Path, cache: Path, body: BodyModel) -> HeldOut:
    """A person, drawn unless the cache has them."""
    key = digest(repr(spec).encode(), Path(__file__).read_bytes(), *drawing_code())
    folder = cache / f"{spec.name}-{key}"
    if not (folder / "complete").exists():
        _draw(spec, shared, folder, body)
    photos = tuple(folder / "photos" / f"{index:04d}.png" for index in range(len(SIDES)))
    stature = float((folder / "complete").read_text())
    return HeldOut(spec, photos, stature, *map(_load, (folder / "turn", folder / "near", folder / "move")))


def make_subject(person: HeldOut, sources: int, cache: Path, body: BodyModel) -> Subject:
    """The subject from the first so many photos, by the real fit (kept in the cache), the stature given."""
    photos = person.photos[:sources]
    stem = photos[0].parent.parent
    fits = []
    paths = [stem / f"fit-{sources}-{index}" for index in range(sources)]
    if not all(path.with_suffix(".npz").exists() for path in paths):
        for path, fit in zip(paths, fit_stills(photos, body, height=person.stature), strict=True):
            fit.detections.save(path.with_suffix(".seen.npz"))
            fit.motion.save(path.with_suffix(".npz"))
    for path in paths:
        fits.append(
            Fit(Motion.load(path.with_suffix(".npz")), Detections.load(path.with_suffix(".seen.npz")))
        )
    seen = [(open_footage(photo), fit, 0) for photo, fit in zip(photos, fits, strict=True)]
    views, dressed = dress_views(seen, body)
    return build_subject(views, dressed, cache / f"{stem.name}-subject-{sources}")


def _draw(spec: ClipSpec, shared: Path, folder: Path, body: BodyModel) -> None:
    scene = set_scene(spec, shared / "assets/makehuman_cc0", shared / "mocap", body)
    standing = pose_person(scene.person, _standing(len(SIDES)), _on_floor(scene, len(SIDES)))
    for index, side in enumerate(SIDES):
        camera = _around(standing_camera(replace(spec, fill=0.92, image_size=LARGE), standing), side)
        photo = replace(scene, camera=camera, studio=replace(scene.studio, wall_distance=50.0))
        write_image(
            folder / "photos" / f"{index:04d}.png", draw_in_room(photo, surface_vertices(standing, 0))
        )
    open_room = replace(scene.studio, wall_distance=50.0)
    for name, views, size in (("turn", VIEWS, SIZE), ("near", NEAR_VIEWS, LARGE)):
        turning = pose_person(scene.person, _standing(len(views)), _on_floor(scene, len(views)))
        seen_by = standing_camera(replace(spec, image_size=size), standing)
        cameras = [_around(seen_by, view) for view in views]
        _save(folder / name, scene, turning, cameras, open_room, list(range(len(views))), body, single=True)
    count = len(scene.posed.poses)
    judged = [round(k) for k in np.linspace(1, count - 1, MOMENTS)]
    cameras = [scene.camera] * count
    _save(folder / "move", scene, scene.posed, cameras, scene.studio, judged, body, single=False)
    (folder / "complete").write_text(f"{scene.stature}")


def _standing(count: int) -> np.ndarray:
    """(count, 72) upright, facing -Y, arms lowered to 40 degrees from the body."""
    pose = np.zeros((count, 72))
    pose[:, :3] = Rotation.from_matrix([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]).as_rotvec()
    pose[:, 16 * 3 + 2], pose[:, 17 * 3 + 2] = -0.9, 0.9
    return pose


def _on_floor(scene: Scene, count: int) -> np.ndarray:
    trans = np.zeros((1, 3))
    lowest = min(float(part[..., 2].min()) for part in pose_person(scene.person, _standing(1), trans).parts)
    return np.tile([[0.0, 0.0, -lowest]], (count, 1))


def _around(camera: Camera, degrees: float) -> Camera:
    """The camera gone round the world's vertical, to the person's left for positive angles."""
    turn = torch.from_numpy(Rotation.from_euler("z", degrees, degrees=True).as_matrix()).float()
    return replace(camera, R=camera.R @ turn.T)


def _save(
    folder: Path,
    scene: Scene,
    posed: PosedPerson,
    cameras: list[Camera],
    studio: Studio,
    judged: list[int],
    body: BodyModel,
    single: bool,
) -> None:
    """Pictures, rooms, masks and flows of the judged rows and, unless ``single``, of those before them."""
    surface = scene.surface
    rows = sorted({*judged, *(() if single else (row - 1 for row in judged))})
    for row in rows:
        vertices = surface_vertices(posed, row)
        filmed = replace(scene, camera=cameras[row], studio=studio)
        write_image(folder / f"{row:04d}.png", draw_in_room(filmed, vertices))
        write_image(folder / f"{row:04d}_room.png", draw_room(vertices, cameras[row], studio))
    for row in judged:
        arrays = {"mask": see(surface, surface_vertices(posed, row), cameras[row]).mask}
        if not single:
            arrays["flow"] = backward_flow(
                surface,
                surface_vertices(posed, row),
                surface_vertices(posed, row - 1),
                cameras[row],
                cameras[row - 1],
            )
        with atomic_path(folder / f"{row:04d}.npz") as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)
    true_motion(scene.person, posed, cameras, FPS, body).save(folder / "motion.npz")


def backward_flow(
    surface: Surface, vertices: np.ndarray, previous: np.ndarray, camera: Camera, previous_camera: Camera
) -> np.ndarray:
    """(H, W, 2) where each point was in the frame before, pixels; -1e4 where it was hidden or there is nobody."""
    now, before = see(surface, vertices, camera), see(surface, previous, previous_camera)
    corners = previous[surface.faces[now.face[now.mask]]]
    points = np.einsum("nk,nkc->nc", now.bary[now.mask], corners)
    pixels, depth = (
        one.numpy() for one in previous_camera.project(torch.from_numpy(points.astype(np.float32)))
    )
    height, width = camera.image_size
    column, row = np.clip(pixels.astype(int), 0, [width - 1, height - 1]).T
    shown = np.abs(before.depth[row, column] - depth) < 0.02
    flow = np.full((height, width, 2), -1e4, np.float32)
    flow[now.mask] = np.where(shown[:, None], pixels, -1e4)
    return flow


def _load(folder: Path) -> Shot:
    motion = Motion.load(folder / "motion.npz")
    judged = tuple(int(path.stem) for path in sorted(folder.glob("[0-9]*.npz")))
    return Shot(
        motion,
        judged,
        tuple(_truths(folder, motion, judged)),
        tuple(
            read_image(path)[..., :3]
            if (path := folder / f"{row:04d}_room.png").exists()
            else np.zeros(0, np.uint8)
            for row in range(motion.frame_count)
        ),
    )


def _truths(folder: Path, motion: Motion, judged: tuple[int, ...]) -> Iterator[Truth]:
    assert motion.keypoints is not None
    for row in judged:
        with np.load(folder / f"{row:04d}.npz") as kept:
            mask, flow = kept["mask"].astype(np.float32), kept["flow"] if "flow" in kept.files else None
        box = metrics.person_box(mask)
        assert box is not None
        face = metrics.face_box(motion.keypoints[row], (mask.shape[0], mask.shape[1]))
        previous = None if flow is None else read_image(folder / f"{row - 1:04d}.png")[..., :3]
        yield Truth(read_image(folder / f"{row:04d}.png")[..., :3], mask, box, face, previous, flow)
