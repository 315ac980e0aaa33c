"""A motion that a perfect fit would give: the open body leans forward by degrees, seen from the front."""

import numpy as np
import pytest
import torch

from smpl_fitting.geometry import look_at
from smpl_fitting.motion import Motion
from smpl_fitting.video import Footage

SIZE = (240, 320)
FRAMES = 6
LEAN = np.deg2rad(np.linspace(0, 40, FRAMES))


class Plain(Footage):
    """Gray frames."""

    def __init__(self, path, count):
        self.path, self.fps, self.has_alpha, self.image_size = path, 10.0, False, SIZE
        self.times = np.arange(count) / 10.0

    def _decode(self, wanted):
        for index in wanted:
            yield index, np.full((*SIZE, 3), 90, np.uint8)


@pytest.fixture(scope="session")
def leaning(body) -> Motion:
    """Faces the camera (-Y) and bends forward; the pelvis is 0.93 m up and moves 0.1 m a frame in x."""
    poses = np.zeros((FRAMES, 72))
    for row, angle in enumerate(LEAN):
        poses[row, :3] = (np.pi / 2, 0, 0)
        poses[row, 9:12] = (angle, 0, 0)  # spine1
    joints = body.joints(torch.zeros(10), torch.zeros(1, 72))[0].numpy()
    pelvis = np.array([[0.1 * row, 0.0, 0.93] for row in range(FRAMES)])
    camera = look_at((0.25, -4.0, 1.0), (0.25, 0.0, 1.0), 50.0, SIZE)
    trans = pelvis - joints[0]
    tensors = (torch.zeros(10), torch.tensor(poses).float(), torch.tensor(trans).float())
    pixels, depth = camera.project(body.landmarks(*tensors))
    keypoints = torch.cat([pixels, depth[..., None], torch.ones(FRAMES, 33, 1)], -1).numpy()
    keypoints[:, 31, 3] = 0.1
    contacts = np.zeros((FRAMES, 4))
    contacts[:3, :2] = 1
    return Motion(
        poses=poses,
        trans=trans,
        betas=np.zeros(10),
        fps=10.0,
        camera_K=np.tile(camera.K.numpy(), (FRAMES, 1, 1)),
        camera_R=np.tile(camera.R.numpy(), (FRAMES, 1, 1)),
        camera_t=np.tile(camera.t.numpy(), (FRAMES, 1)),
        image_size=SIZE,
        keypoints=keypoints,
        keypoints_world=np.zeros((FRAMES, 33, 3)),
        confidence=np.array([1, 1, 1, 0.3, 0.0, 1.0]),
        contacts=contacts,
    )


@pytest.fixture
def plain(tmp_path):
    return lambda count: Plain(tmp_path / "plain.mp4", count)
