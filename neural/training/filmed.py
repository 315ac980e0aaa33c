"""Clips of synthetic people in captured motion, with the truth about body and camera: what benchmarks are judged by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from neural.training import mocap
from neural.training.bvh import load_bvh
from neural.training.dressing import Part
from neural.training.people import (
    Person,
    PosedPerson,
    make_person,
    pose_person,
    random_person_spec,
    stand_on_floor,
)
from neural.training.raster_people import draw_room, draw_with_rasterizer
from neural.training.studio import Studio, look_at, random_studio
from neural.training.truth import Surface, join_parts, surface_vertices
from smpl_fitting.body import BodyModel
from smpl_fitting.geometry import Camera

FPS = 30.0


@dataclass(frozen=True)
class ClipSpec:
    """Who does what before which camera.

    Attributes:
        name: of the clip, unique in its set.
        seed: of the person, her clothes' colours and the room; with ``gender`` and ``held_out`` as in
            :func:`neural.training.people.random_person_spec`.
        motion: a file below the folder of motion captures, ``.amc`` or ``.bvh``.
        start, seconds: the part of it that is filmed.
        azimuth: degrees, where the camera stands seen from the person: 0 before her, 90 to her left.
        distance, height: of the camera from the middle of her way, and above the floor, in metres.
        roll: degrees by which the camera is tilted sideways.
        fill: share of the picture that her way takes.
        image_size: (height, width).
        airborne: she climbs or hangs, so the floor is below the lowest sole of the clip and not under each step.
        rest_frame: as in :func:`neural.training.bvh.load_bvh`.
        outfit: name of the wardrobe in place of the drawn one.
    """

    name: str
    seed: int
    gender: str
    held_out: bool
    motion: str
    start: float
    seconds: float
    azimuth: float
    distance: float
    height: float = 1.2
    roll: float = 0.0
    fill: float = 0.85
    image_size: tuple[int, int] = (640, 480)
    airborne: bool = False
    rest_frame: int | None = None
    outfit: str | None = None


@dataclass(frozen=True)
class Scene:
    """A person ready to be filmed: ``posed`` over T frames in the Z-up world, one standing camera."""

    person: Person
    posed: PosedPerson
    surface: Surface
    camera: Camera
    studio: Studio

    @property
    def stature(self) -> float:
        """Metres from sole to crown, standing without shoes."""
        return float(np.ptp(self.person.body_rest[:, 1]))

    def frames(self) -> Iterator[np.ndarray]:
        """Draw the frames in turn, (H, W, 3) uint8."""
        for frame in range(len(self.posed.poses)):
            yield draw_in_room(self, surface_vertices(self.posed, frame))


def set_scene(spec: ClipSpec, wardrobe: Path, captures: Path, body: BodyModel) -> Scene:
    """Make the person, her motion and the camera of a clip.

    Args:
        wardrobe: the folder with ``clothes``, ``hair`` and ``skins``. captures: that of the motion files.

    Raises:
        WardrobeError, MocapError: something of them is missing.
    """
    who = random_person_spec(spec.seed, gender=spec.gender, held_out=spec.held_out)
    person = recoloured(
        make_person(replace(who, outfit=spec.outfit or who.outfit), wardrobe, body), spec.seed
    )
    poses, trans = captured_motion(spec, captures, person.joints)
    if spec.airborne:
        lowest = pose_person(person, poses, trans)
        trans = trans - [0.0, 0.0, min(float(part[..., 2].min()) for part in lowest.parts)]
    else:
        trans = stand_on_floor(person, poses, trans, FPS)
    posed = pose_person(person, *turned_before_camera(poses, trans, person.joints[0], spec.azimuth))
    studio = random_studio(spec.seed)
    wall = float(posed.body[..., 1].max()) + 0.3 + studio.wall_distance
    return Scene(
        person, posed, join_parts(person), standing_camera(spec, posed), replace(studio, wall_distance=wall)
    )


def captured_motion(spec: ClipSpec, captures: Path, rest_joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """poses (T, 72) and trans (T, 3) of the clip's part of the recording, Z-up."""
    path = captures / spec.motion
    if path.suffix == ".bvh":
        recording = load_bvh(path, spec.rest_frame)
    else:
        skeleton = mocap.load_asf(path.with_name(path.name.split("_")[0] + ".asf"))
        recording = mocap.load_amc(path, skeleton)
    poses, trans = mocap.retarget(recording, rest_joints, FPS)
    part = slice(round(spec.start * FPS), round((spec.start + spec.seconds) * FPS))
    return poses[part], trans[part]


def turned_before_camera(
    poses: np.ndarray, trans: np.ndarray, rest_pelvis: np.ndarray, azimuth: float
) -> tuple[np.ndarray, np.ndarray]:
    """The motion about the origin, turned so that a camera on the -Y side sees it from ``azimuth`` degrees."""
    roots = Rotation.from_rotvec(poses[:, :3])
    facing = roots.as_matrix()[:, :2, 2].mean(0)  # the body's +Z
    turn = Rotation.from_euler(
        "z", -90.0 - np.degrees(np.arctan2(facing[1], facing[0])) - azimuth, degrees=True
    )
    pelvis = rest_pelvis + trans
    middle = np.array([*(pelvis[:, :2].max(0) + pelvis[:, :2].min(0)) / 2, 0.0])
    turned = poses.copy()
    turned[:, :3] = (turn * roots).as_rotvec()
    return turned, turn.apply(pelvis - middle) - rest_pelvis


def standing_camera(spec: ClipSpec, posed: PosedPerson) -> Camera:
    """The camera that keeps all of the motion in the picture, aimed at its middle.

    The principal point is the picture's middle; the focal length follows from distance and ``fill``.
    """
    points = torch.from_numpy(posed.body[:, ::25].reshape(-1, 3))
    height, width = spec.image_size
    eye, target = (0.0, -spec.distance, spec.height), points.mean(0).tolist()
    for _ in range(5):
        camera = rolled(look_at(eye, tuple(target), 60.0, spec.image_size), spec.roll)
        pixels, depth = camera.project(points)
        middle = (pixels.amax(0) + pixels.amin(0)) / 2
        target = camera.unproject(middle, depth.mean()).tolist()
    offset = (pixels - middle).abs().amax(0) / camera.K[0, 0]
    focal = float(torch.minimum(width / 2 / offset[0], height / 2 / offset[1])) * spec.fill
    K = torch.tensor([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
    return replace(camera, K=K)


def rolled(camera: Camera, degrees: float) -> Camera:
    """The camera turned about its own axis."""
    turn = torch.from_numpy(Rotation.from_euler("z", degrees, degrees=True).as_matrix()).float()
    return replace(camera, R=turn @ camera.R, t=turn @ camera.t)


def recoloured(person: Person, seed: int) -> Person:
    """The person with clothes and shoes in other colours: the channels mixed, darker or lighter.

    The held-out outfits are few; so no two of the people who wear one look the same.
    """
    rng = np.random.default_rng((seed, 11))
    parts = tuple(
        _recoloured(part, rng) if part.kind in ("outfit", "shoes") else part for part in person.parts
    )
    return replace(person, parts=parts)


def _recoloured(part: Part, rng: np.random.Generator) -> Part:
    mix = rng.dirichlet((1.0, 1.0, 1.0), size=3) * rng.uniform(0.6, 1.3)
    if part.material.texture is None:
        return part
    texture = part.material.texture.copy()
    colours = texture[..., :3].reshape(-1, 3) @ mix.T.astype(np.float32)
    texture[..., :3] = np.clip(colours, 0, 255).astype(np.uint8).reshape(*texture.shape[:2], 3)
    return replace(part, material=replace(part.material, texture=texture))


def draw_in_room(scene: Scene, vertices: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 of one frame; only the person's own pixels are sampled finely."""
    picture = draw_room(vertices, scene.camera, scene.studio)
    box = scene.camera.covering_box(torch.from_numpy(vertices))
    if box is None:
        return picture
    x0, y0, x1, y1 = box
    person = draw_with_rasterizer(scene.surface, vertices, scene.camera.cropped(box), None, scene.studio)
    alpha = person[..., 3:] / 255.0
    behind = picture[y0:y1, x0:x1]
    picture[y0:y1, x0:x1] = np.round(alpha * person[..., :3] + (1 - alpha) * behind).astype(np.uint8)
    return picture
