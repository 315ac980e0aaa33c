"""Films a synthetic person with our rasterizer; the truth comes from the posed mesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scenes import Scene

from neural.training.mocap import load_amc, load_asf, retarget
from neural.training.people import make_person, pose_person, random_person_spec, stand_on_floor
from neural.training.people_render import true_motion
from neural.training.raster_people import draw_with_rasterizer
from neural.training.studio import Studio, look_at
from neural.training.truth import join_parts, surface_vertices
from smpl_fitting.body import load_body

FPS = 15.0
FRAMES = 24
SIZE = (360, 480)


def film(
    wardrobe: Path,
    skeleton: Path,
    recording: Path,
    *,
    seed: int,
    azimuth: float = 60.0,
    size=SIZE,
    frames=FRAMES,
) -> Scene:
    """The walker, seen from ``azimuth`` degrees off the front."""
    person = make_person(random_person_spec(seed), wardrobe)
    poses, trans = retarget(load_amc(recording, load_asf(skeleton)), person.joints, FPS)
    poses, trans = poses[:frames], trans[:frames]
    trans = stand_on_floor(person, poses, trans, FPS)
    trans[:, :2] -= trans[:, :2].mean(0)
    posed = pose_person(person, poses, trans)
    angle = np.deg2rad(azimuth)
    eye = (4.2 * np.sin(angle), -4.2 * np.cos(angle), 1.3)
    camera = look_at(eye, (0.0, 0.0, 0.95), 48.0, size)
    studio = Studio(wall_distance=30.0)
    surface = join_parts(person)
    pictures = np.stack(
        [draw_with_rasterizer(surface, surface_vertices(posed, t), camera, studio) for t in range(frames)]
    )
    truth = true_motion(person, posed, [camera] * frames, FPS, load_body("open"))
    joints = posed.joints @ camera.R.numpy().T + camera.t.numpy()
    return Scene(pictures, FPS, joints, truth.keypoints[..., :2], np.ones(frames, bool))
