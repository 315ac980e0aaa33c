import pytest
from tool_files import make_walk


@pytest.fixture(scope="session")
def walk_smpl():
    return make_walk("smpl")


@pytest.fixture(scope="session")
def walk_smplx():
    return make_walk("smplx")
