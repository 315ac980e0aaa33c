"""Rendered people who walk through one picture, with the truth about each one's pixels."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from neural.training.mocap import load_amc, load_asf, retarget
from neural.training.people import make_person, pose_person, random_person_spec, stand_on_floor
from neural.training.raster_people import draw_with_rasterizer
from neural.training.studio import Studio, look_at
from neural.training.truth import join_parts, surface_vertices

FPS = 30.0
WARDROBE = "assets/makehuman_cc0"


@dataclass(frozen=True)
class Walker:
    """Somebody (``seed``) who walks with ``yaw`` degrees to the captured direction, passing ``at`` (x, y) metres
    at the middle frame of the clip; y grows away from the camera."""

    seed: int
    yaw: float
    at: tuple[float, float]


def film(shared, walkers, frames, image_size=(360, 640), recording="02_01"):
    """Pictures (T, H, W, 3) uint8 and masks (N, T, H, W) bool of what can be seen of each walker."""
    skeleton = load_asf(shared("mocap/cmu/02.asf"))
    capture = load_amc(shared(f"mocap/cmu/{recording}.amc"), skeleton)
    camera = look_at((0.0, -5.0, 1.3), (0.0, 0.0, 0.95), 50.0, image_size)
    height, width = image_size
    rows = np.linspace(0.75, 0.45, height)[:, None, None] * (1.0, 0.97, 0.92)
    stripes = 0.9 + 0.1 * np.sign(np.sin(np.arange(width) / 23.0))[None, :, None]
    pictures = np.broadcast_to(rows * stripes * 255, (len(frames), height, width, 3)).copy()
    masks = np.zeros((len(walkers), len(frames), height, width), bool)
    people = {}
    for number in sorted(range(len(walkers)), key=lambda one: -walkers[one].at[1]):  # the farthest first
        walker = walkers[number]
        if walker.seed not in people:
            people[walker.seed] = make_person(random_person_spec(walker.seed), shared(WARDROBE))
        person = people[walker.seed]
        poses, trans = retarget(capture, person.joints, FPS)
        poses, trans = _through(poses[frames], stand_on_floor(person, poses, trans, FPS)[frames], walker)
        posed, surface = pose_person(person, poses, trans), join_parts(person)
        for row in range(len(frames)):
            drawn = draw_with_rasterizer(surface, surface_vertices(posed, row), camera, None, Studio())
            alpha = drawn[..., 3:] / 255.0
            pictures[row] = pictures[row] * (1 - alpha) + drawn[..., :3] * alpha
            masks[:, row] &= alpha[..., 0] < 0.5
            masks[number, row] = alpha[..., 0] >= 0.5
    return pictures.round().astype(np.uint8), masks


def _through(poses, trans, walker):
    """The motion turned about the vertical and moved, so that its middle frame is at the walker's place."""
    turn = Rotation.from_euler("z", walker.yaw, degrees=True)
    poses, middle = poses.copy(), trans[len(trans) // 2] * (1, 1, 0)
    poses[:, :3] = (turn * Rotation.from_rotvec(poses[:, :3])).as_rotvec()
    return poses, turn.apply(trans - middle) + (*walker.at, 0.0)
