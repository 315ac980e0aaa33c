"""Fixtures of the pixel side: the open body, painted, and a subject made from two pictures of it."""

import pytest
import torch
from painted import Painted, body_pose, checks

from neural.subject import build_subject
from smpl_fitting.body import load_body


@pytest.fixture(scope="session")
def open_body():
    return load_body("open")


@pytest.fixture(scope="session")
def checked(open_body):
    """The body in checks, each part of another colour."""
    return Painted(open_body, checks)


@pytest.fixture(scope="session")
def subject(checked, tmp_path_factory):
    """Seen from the front and from behind."""
    views = [checked.view(body_pose(yaw)) for yaw in (0.0, 180.0)]
    return build_subject(views, checked.body, tmp_path_factory.mktemp("subjects") / "checked", atlas_size=512)


@pytest.fixture(scope="session")
def beside_a_lamp(open_body, tmp_path_factory):
    """The checked body with a lamp at its right, and a subject of its front."""
    painted = Painted(open_body, checks, torch.tensor([-1.5, -0.5, 0.8, 0.2]))
    folder = tmp_path_factory.mktemp("lit") / "subject"
    return painted, build_subject([painted.view(body_pose())], open_body, folder, atlas_size=512)
