"""A rendered walker with known joints, filmed once for all tests of this folder."""

import pytest

from smpl_fitting.body import load_body


@pytest.fixture(scope="session")
def body():
    return load_body("open")


@pytest.fixture(scope="session")
def walker(shared):
    """A :class:`Scene`: a dressed man walks by in front of a wall, 24 frames at 15 a second, 480 x 360."""
    pytest.importorskip("anny", reason="needs anny, to make the synthetic person")
    from filming import film

    return film(
        shared("assets/makehuman_cc0"), shared("mocap/cmu/02.asf"), shared("mocap/cmu/02_01.amc"), seed=3
    )
