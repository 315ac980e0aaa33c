"""A person with a lamp beside her, put to motions that head anywhere in their own worlds."""

import numpy as np
import pytest
from painted import body_pose, level_camera

from neural.transfer import transfer
from smpl_fitting.motion import Motion
from smpl_fitting.video import read_image


def standing(yaw):
    """A motion that nobody filmed."""
    poses = np.repeat(body_pose(yaw).numpy(), 2, axis=0)
    return Motion(poses=poses, trans=np.zeros((2, 3), np.float32), betas=np.zeros(10, np.float32), fps=10.0)


@pytest.mark.parametrize("renderer", ["warp", "liquid"])
def test_the_lamp_stands_beside_the_camera_whatever_the_motions_heading(
    beside_a_lamp, open_body, tmp_path, renderer
):
    _, lit = beside_a_lamp
    pictures = []
    for yaw in (0.0, 90.0, 200.0):
        out = tmp_path / f"{yaw}"
        transfer(lit, standing(yaw), open_body, out, background="transparent", renderer=renderer)
        pictures.append(read_image(out / "frames" / "0002.png").astype(int))
    inside = pictures[0][..., 3] == 255
    assert inside.sum() > 1000
    for other in pictures[1:]:
        assert np.abs(other - pictures[0])[inside].mean() < 1.0
    shown = lit.images[0][..., :3].astype(int)
    assert level_camera().image_size == shown.shape[:2] == pictures[0].shape[:2]
    columns = np.flatnonzero(inside.any(0))
    middle = (columns[0] + columns[-1]) // 2
    left, right = (
        pictures[0][:, part, :3][inside[:, part]].mean() for part in (np.s_[:middle], np.s_[middle:])
    )
    assert left > right  # the lamp is at her right, as in the photo
