"""The open body: our embedded default, SMPL's joints and betas on MakeHuman's CC0 base mesh hm08."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import torch

from smpl_fitting.body.model import BodyModel
from smpl_fitting.body.names import JOINT_NAMES, SMPL_PARENTS
from smpl_fitting.errors import BodyModelError

FORMAT_VERSION = 1


def load_open_body() -> BodyModel:
    """The embedded open body (``data/open_body.npz``, made by ``scripts/build_open_body.py``)."""
    return unpack(read_packed())


def read_packed() -> dict[str, np.ndarray]:
    """The embedded file's arrays as they are stored (see :func:`unpack` for their meaning).

    Raises:
        BodyModelError: the installation lacks the file, or has that of another version.
    """
    source = files("smpl_fitting.body") / "data" / "open_body.npz"
    try:
        with source.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            packed = {name: archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise BodyModelError(f"{source}: the embedded body is damaged ({error}); install again") from error
    if int(packed.get("format_version", 0)) != FORMAT_VERSION:
        raise BodyModelError(f"{source}: the embedded body is of another version; install again")
    return packed


def unpack(packed: dict[str, np.ndarray]) -> BodyModel:
    """From the stored types (16-bit where 0.1 mm is enough, sparse weights) to a :class:`BodyModel`."""
    v_template = packed["v_template"].astype(np.float64)
    shapedirs = packed["shapedirs"].astype(np.float64)
    vertices = len(v_template)
    weights = np.zeros((vertices, len(JOINT_NAMES)))
    np.put_along_axis(weights, packed["weight_joints"].astype(np.int64), packed["weight_values"], axis=1)
    regressor = joint_regressor(packed)
    return BodyModel(
        name="open",
        gender="neutral",
        joint_names=JOINT_NAMES,
        v_template=_float(v_template),
        shapedirs=_float(shapedirs),
        posedirs=None,
        J_template=_float(regressor @ v_template),
        J_shapedirs=_float(np.einsum("jv,vcb->jcb", regressor, shapedirs)),
        weights=_float(weights / weights.sum(1, keepdims=True)),
        parents=torch.tensor(SMPL_PARENTS),
        faces=_index(packed["faces"]),
        uv=_float(packed["uv"] / np.float64(65535)),
        faces_uv=_index(packed["faces_uv"]),
        part_labels=torch.from_numpy(packed["part_labels"]),
        mirror=_index(packed["mirror"]),
        landmark_vertices=_index(packed["landmark_vertices"]),
        landmark_weights=_float(packed["landmark_weights"]),
        sole_vertices=_index(packed["sole_vertices"]),
        hm08_index=_index(packed["hm08_index"]),
    )


def joint_regressor(packed: dict[str, np.ndarray]) -> np.ndarray:
    """(24, V) float64 weights that regress the joints from rest vertices; signed, rows sum to one."""
    regressor = np.zeros((len(JOINT_NAMES), len(packed["v_template"])))
    regressor[packed["regressor_joints"].astype(np.int64), packed["regressor_vertices"].astype(np.int64)] = (
        packed["regressor_values"]
    )
    return regressor


def _float(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def _index(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.int64))
