"""The open body: our embedded default, SMPL's joints and betas on MakeHuman's CC0 base mesh hm08.

It comes in two layouts of one mesh: ``open`` with SMPL's 24 joints and ``open_h`` with SMPL-H's 52. Their betas,
vertices and texture space are the same, and so is the posed surface while the fingers' poses are zero.

At rest the fingers are MakeHuman's: slightly bent and spread, where SMPL-H's template (``flat_hand_mean=True``)
holds them straight: they bend by some 18, 10 and 3 degrees at the knuckle, the middle and the last joint, and the
thumb stands 44 degrees off the palm. Poses are absolute in both: zero is the mesh at rest, no mean hand pose is added.
A file of SMPL-H poses thus shows hands that are more bent by these angles, and no less plausible.
"""

from __future__ import annotations

import dataclasses
from importlib.resources import files

import numpy as np
import torch

from smpl_fitting.body.model import BodyModel
from smpl_fitting.body.names import JOINT_NAMES, SMPL_PARENTS, SMPLH_JOINT_NAMES, SMPLH_PARENTS
from smpl_fitting.errors import BodyModelError

FORMAT_VERSION = 1


def load_open_body() -> BodyModel:
    """The embedded open body (``data/open_body.npz``, made by ``scripts/build_open_body.py``)."""
    return unpack(read_packed())


def load_open_h_body() -> BodyModel:
    """The open body with fingers: SMPL-H's 52 joints (``data/open_fingers.npz`` beside the body's own file)."""
    return with_fingers(load_open_body(), _read("open_fingers.npz"))


def with_fingers(body: BodyModel, packed: dict[str, np.ndarray]) -> BodyModel:
    """The 24-joint open body in SMPL-H's layout: each hand joint's weights shared out among its finger joints.

    Args:
        packed: ``J_template`` (30, 3) and ``J_shapedirs`` (30, 3, B) of the finger joints; for the vertices
            ``share_vertices`` (N,) that follow a hand, ``share_joints`` (N, K) and ``share_values`` (N, K).
    """
    rows = packed["share_vertices"].astype(np.int64)
    shares = packed["share_values"].astype(np.float64)
    shares /= shares.sum(1, keepdims=True)
    hand = body.weights[rows, 22:].double().sum(1).numpy()  # a vertex follows one hand only
    weights = np.zeros((body.num_vertices, len(SMPLH_JOINT_NAMES)))
    weights[:, :22] = body.weights[:, :22].double().numpy()
    weights[rows[:, None], packed["share_joints"].astype(np.int64)] = hand[:, None] * shares
    return dataclasses.replace(
        body,
        name="open_h",
        joint_names=SMPLH_JOINT_NAMES,
        J_template=torch.cat((body.J_template[:22], _float(packed["J_template"]))),
        J_shapedirs=torch.cat((body.J_shapedirs[:22], _float(packed["J_shapedirs"]))),
        weights=_float(weights),
        parents=torch.tensor(SMPLH_PARENTS),
    )


def read_packed() -> dict[str, np.ndarray]:
    """The embedded file's arrays as they are stored (see :func:`unpack` for their meaning).

    Raises:
        BodyModelError: the installation lacks the file, or has that of another version.
    """
    packed = _read("open_body.npz")
    if int(packed.get("format_version", 0)) != FORMAT_VERSION:
        raise BodyModelError("open_body.npz: the embedded body is of another version; install again")
    return packed


def _read(name: str) -> dict[str, np.ndarray]:
    source = files("smpl_fitting.body") / "data" / name
    try:
        with source.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (OSError, ValueError) as error:
        raise BodyModelError(f"{source}: the embedded body is damaged ({error}); install again") from error


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
