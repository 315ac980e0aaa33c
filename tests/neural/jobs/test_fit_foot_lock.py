"""``foot_lock`` of the fit job."""

import numpy as np
import torch

from neural.jobs.context import JobContext
from neural.jobs.fit import run
from smpl_fitting.body import load_body
from smpl_fitting.motion import Motion
from smpl_fitting.video import read_image, write_image


def test_planted_feet_of_a_film_stand_still(shared, tmp_path):
    """A photo that drifts through the frames: the fitted feet slide unless they are locked."""
    photo = read_image(shared("footage/stills/animateanyone_11.png"))[..., :3]
    photo = photo[:: photo.shape[0] // 320 + 1, :: photo.shape[0] // 320 + 1]
    still = np.full((photo.shape[0] + 40, photo.shape[1] + 60, 3), 140, np.uint8)
    still[20:-20, 30:-30] = photo
    for index in range(6):
        write_image(tmp_path / "clip" / f"{index}.png", np.roll(still, index // 2, axis=1))
    params = {"clip": tmp_path / "clip", "out": tmp_path / "locked.npz", "foot_lock": True}
    run(params, JobContext())
    motion = Motion.load(tmp_path / "locked.npz")
    values = (torch.as_tensor(v).float() for v in (motion.betas, motion.poses, motion.trans))
    soles = load_body("open").soles(*values).numpy()
    planted = motion.contacts > 0.5
    both = planted[1:] & planted[:-1]
    assert both.any()
    assert 1e3 * np.linalg.norm(np.diff(soles, axis=0), axis=-1)[both].max() < 0.5
    assert soles[..., 2].min() > -1e-3
