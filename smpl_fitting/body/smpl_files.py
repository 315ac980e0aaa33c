"""SMPL, SMPL-H and SMPL-X model files that users bring (``.npz`` or ``.pkl``); never bundled with us.

The files are read into our own :class:`BodyModel`, so that every body runs through the same code; ``smplx``
is the oracle of the tests. What the files lack (landmarks, parts, mirror, texture space) is derived.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from smpl_fitting.body.derive import derive_landmarks, derive_mirror, derive_parts
from smpl_fitting.body.model import BodyModel
from smpl_fitting.body.names import JOINT_NAMES, SMPL_PARENTS, SMPLH_JOINT_NAMES, SMPLX_JOINT_NAMES
from smpl_fitting.body.open_body import load_open_body
from smpl_fitting.body.safe_pickle import read_pickle
from smpl_fitting.body.unwrap import unwrap
from smpl_fitting.errors import BodyModelError
from smpl_fitting.safe_npz import read_arrays

KEYS = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
MAX_BETAS = 16  # as in AMASS; a model of 300 betas has nothing to tell from footage beyond these
KINDS = {24: ("smpl", JOINT_NAMES), 52: ("smplh", SMPLH_JOINT_NAMES), 55: ("smplx", SMPLX_JOINT_NAMES)}
NUM_EXPRESSIONS = {20: 10, 110: 100, 400: 100}  # SMPL-X files keep expressions behind the betas: by columns
AGAIN = "give a SMPL, SMPL-H or SMPL-X .npz or .pkl, or use the open body"


def load_smpl_file(path: str | Path, gender: str | None = None) -> BodyModel:
    """A licensed model file as a :class:`BodyModel`. Poses are absolute: no mean hand pose is added.

    Args:
        path: ``SMPL_NEUTRAL.pkl``, ``SMPLX_MALE.npz`` …
        gender: ``None`` reads it off the file's name (neutral where that does not say).

    Raises:
        BodyModelError: the file is missing, damaged, unsafe, or not one of the three models.
    """
    path = Path(path)
    if not path.exists():
        raise BodyModelError(f"{path}: no such body model file; {AGAIN}")
    if path.is_dir():
        raise BodyModelError(f"{path}: is a folder; name the model file in it")
    if path.suffix == ".npz":
        content = _read_npz(path)
    elif path.suffix == ".pkl":
        content = read_pickle(path, KEYS)
    else:
        raise BodyModelError(f"{path}: is neither .npz nor .pkl; {AGAIN}")
    missing = [key for key in KEYS if key not in content]
    if missing:
        raise BodyModelError(f"{path}: is no body model (lacks {', '.join(missing)}); {AGAIN}")
    try:
        arrays = {key: _numbers(key, content[key]) for key in KEYS}
        kind, names = _kind(arrays)
        _check_values(arrays)
        return _assemble(arrays, kind, names, gender or _gender(path))
    except BodyModelError as error:
        raise BodyModelError(f"{path}: {error}; {AGAIN}") from error
    except (ValueError, LookupError, RuntimeError, ArithmeticError) as error:
        raise BodyModelError(f"{path}: its mesh is not a body's ({error}); {AGAIN}") from error


def _read_npz(path: Path) -> dict[str, Any]:
    try:
        return read_arrays(path, KEYS)
    except ValueError as error:
        raise BodyModelError(
            f"{path}: not a readable .npz model ({error}); download the model again"
        ) from error


def _numbers(key: str, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise BodyModelError(f"{key} does not hold finite numbers")
    return array


def _kind(arrays: dict[str, np.ndarray]) -> tuple[str, tuple[str, ...]]:
    """Which of the three models this is; refuses others (hands, animals) and arrays that do not fit."""
    vertices, joints = len(arrays["v_template"]), len(arrays["J_regressor"])
    if joints not in KINDS:
        raise BodyModelError(f"has {joints} joints; SMPL has 24, SMPL-H 52, SMPL-X 55")
    expected = {
        "v_template": (vertices, 3),
        "shapedirs": (vertices, 3, None),
        "posedirs": (vertices, 3, (joints - 1) * 9),
        "J_regressor": (joints, vertices),
        "weights": (vertices, joints),
        "kintree_table": (2, joints),
        "f": (None, 3),
    }
    for key, shape in expected.items():
        found = arrays[key].shape
        if len(found) != len(shape) or any(s not in (None, f) for s, f in zip(shape, found, strict=True)):
            raise BodyModelError(
                f"{key} has shape {found}, which does not fit {joints} joints, {vertices} vertices"
            )
    faces = arrays["f"]
    if faces.size == 0 or faces.min() < 0 or faces.max() >= vertices:
        raise BodyModelError("its faces name vertices that it does not have")
    body = tuple(arrays["kintree_table"][0, 1:22].astype(np.int64).tolist())
    if body != SMPL_PARENTS[1:22]:
        raise BodyModelError("its skeleton is not SMPL's")
    return KINDS[joints]


def _check_values(arrays: dict[str, np.ndarray]) -> None:
    """Refuses numbers that no body has, of which deriving the rest would take for ever or fail."""
    size = float(np.ptp(arrays["v_template"], axis=0).max())
    if not 0.1 < size < 10:
        raise BodyModelError(f"the body is {size:.3g} metres tall")
    for key in ("shapedirs", "posedirs"):
        if arrays[key].size and float(np.abs(arrays[key]).max()) > 10:
            raise BodyModelError(f"{key} move vertices by more than 10 metres")
    for key in ("weights", "J_regressor"):
        sums = arrays[key].sum(1, dtype=np.float64)
        if np.abs(arrays[key]).max() > 10 or np.abs(sums - 1).max() > 0.05:
            raise BodyModelError(f"the rows of {key} do not sum to one")
    edges = np.sort(arrays["f"][:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64), axis=1)
    _, uses = np.unique(edges[:, 0] * len(arrays["v_template"]) + edges[:, 1], return_counts=True)
    if uses.max() > 2:
        raise BodyModelError("its faces are no surface (more than two of them share an edge)")


def _gender(path: Path) -> str:
    name = path.stem.lower()
    for gender, marks in (("female", ("female", "_f_")), ("male", ("male", "_m_"))):
        if any(mark in f"{name}_" for mark in marks):
            return gender
    return "neutral"


def _assemble(arrays: dict[str, np.ndarray], kind: str, names: tuple[str, ...], gender: str) -> BodyModel:
    columns = arrays["shapedirs"].shape[2]
    shape_columns = columns - NUM_EXPRESSIONS.get(columns, 0) if kind == "smplx" else columns
    v_template = arrays["v_template"].astype(np.float64)
    shapedirs = arrays["shapedirs"][..., : min(shape_columns, MAX_BETAS)].astype(np.float64)
    regressor = arrays["J_regressor"].astype(np.float64)
    weights = arrays["weights"].astype(np.float64)
    faces = arrays["f"].astype(np.int64)
    J_template = regressor @ v_template
    parts = derive_parts(weights, faces, names)
    landmarks = derive_landmarks(load_open_body(), v_template, faces, J_template, names)
    uv, faces_uv = unwrap(v_template, faces, parts)
    parents = arrays["kintree_table"][0].astype(np.int64)
    parents[0] = -1  # files write it as 2^32 - 1
    return BodyModel(
        name=kind,
        gender=gender,
        joint_names=names,
        v_template=_float(v_template),
        shapedirs=_float(shapedirs),
        posedirs=_float(arrays["posedirs"]),
        J_template=_float(J_template),
        J_shapedirs=_float(np.einsum("jv,vcb->jcb", regressor, shapedirs)),
        weights=_float(weights),
        parents=torch.from_numpy(parents),
        faces=torch.from_numpy(faces),
        uv=_float(uv),
        faces_uv=torch.from_numpy(faces_uv),
        part_labels=torch.from_numpy(parts),
        mirror=torch.from_numpy(derive_mirror(v_template, weights, names)),
        landmark_vertices=torch.from_numpy(landmarks[0]),
        landmark_weights=_float(landmarks[1]),
        sole_vertices=torch.from_numpy(landmarks[2]),
    )


def _float(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
