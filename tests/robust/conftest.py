"""A rendered walker with known joints, filmed once for all tests of this folder."""

import pytest

from smpl_fitting.body import load_body


@pytest.fixture(scope="session")
def body():
    return load_body("open")


@pytest.fixture(scope="session")
def film_walker(shared):
    """``film_walker(azimuth, frames)``: a :class:`Scene` of a dressed man who walks by, 15 frames a second."""
    pytest.importorskip("anny", reason="needs anny, to make the synthetic person")
    from filming import film

    wardrobe, skeleton, recording = (
        shared(name) for name in ("assets/makehuman_cc0", "mocap/cmu/02.asf", "mocap/cmu/02_01.amc")
    )
    return lambda azimuth, frames: film(wardrobe, skeleton, recording, seed=3, azimuth=azimuth, frames=frames)


@pytest.fixture(scope="session")
def walker(film_walker):
    return film_walker(60.0, 24)


@pytest.fixture(scope="session")
def walker_from_behind(film_walker):
    return film_walker(200.0, 8)
