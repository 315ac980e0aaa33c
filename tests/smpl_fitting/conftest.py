import pytest

from smpl_fitting.body import load_body


@pytest.fixture(scope="session")
def body():
    return load_body("open")
