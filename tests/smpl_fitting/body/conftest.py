"""A model file in SMPL's layout that we may make: the open body under SMPL's keys, with made-up pose correctives."""

import numpy as np
import pytest

from smpl_fitting.body import load_body
from smpl_fitting.body.names import SMPL_PARENTS
from smpl_fitting.body.open_body import joint_regressor, read_packed


@pytest.fixture(scope="session")
def body():
    return load_body("open")


@pytest.fixture(scope="session")
def smpl_arrays(body):
    rng = np.random.default_rng(0)
    parents = np.array(SMPL_PARENTS, np.int64)
    parents[0] = 2**32 - 1  # as in the real files
    return {
        "v_template": body.v_template.numpy().astype(np.float64),
        "shapedirs": body.shapedirs.numpy().astype(np.float64),
        "posedirs": rng.normal(0, 0.003, (body.num_vertices, 3, 207)),
        "J_regressor": joint_regressor(read_packed()),
        "weights": body.weights.numpy().astype(np.float64),
        "kintree_table": np.stack((parents, np.arange(24))),
        "f": body.faces.numpy().astype(np.uint32),
    }


@pytest.fixture(scope="session")
def count_overlaps():
    """``count_overlaps(triangles)``: see :func:`_overlapping_texels`."""
    return _overlapping_texels


def _overlapping_texels(triangles, size=1024):
    """The number of texel centres covered more than once by (F, 3, 2) triangles, all of positive area."""
    ab, ac = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    assert (area > 0).all(), "mirrored or degenerate in texture space"
    count = np.zeros((size + 1, size + 1), np.int32)
    low = np.floor(triangles.min(1) * size - 0.5).astype(int).clip(0)
    high = np.ceil(triangles.max(1) * size + 0.5).astype(int).clip(0, size)
    reach = (high - low).max(1)
    for span in np.unique(reach):
        chosen = np.flatnonzero(reach == span)
        steps = np.arange(span + 1)
        x = (low[chosen, 0, None, None] + steps[None, None, :]).clip(0, size)
        y = (low[chosen, 1, None, None] + steps[None, :, None]).clip(0, size)
        p = (np.stack(np.broadcast_arrays(x, y), -1) + 0.5) / size - triangles[chosen, 0][:, None, None]
        u = p[..., 0] * ac[chosen, 1, None, None] - p[..., 1] * ac[chosen, 0, None, None]
        v = p[..., 1] * ab[chosen, 0, None, None] - p[..., 0] * ab[chosen, 1, None, None]
        total = area[chosen][:, None, None]
        inside = (u > 0) & (v > 0) & (u + v < total)
        x, y = np.broadcast_arrays(x, y)
        np.add.at(count, (y[inside], x[inside]), 1)
    return int((count[:size, :size] > 1).sum())
