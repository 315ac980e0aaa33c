"""GVHMR's ``hmr4d_results.pt`` (Shen et al. 2024; layout: tools/demo/demo.py, gvhmr_pl_demo.py of its repository).

Neutral SMPL-X parameters twice: ``smpl_params_global`` in a gravity-aligned Y-up world and ``smpl_params_incam``
in OpenCV camera axes, each with ``body_pose`` (T, 63), ``betas`` (T, 10), ``global_orient`` (T, 3), ``transl`` (T, 3),
beside ``K_fullimg`` (T, 3, 3) with the principal point in the middle. Its clips are converted to 30 frames a second.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smpl_fitting.body import BodyModel
from smpl_fitting.errors import MotionFileError
from smpl_fitting.guests.placement import rest_pelvis
from smpl_fitting.guests.smpl_results import DEFAULT_FPS, Sighting, to_motion
from smpl_fitting.guests.timeline import axis_angle_to_matrices
from smpl_fitting.motion import Motion

_MAX_BYTES = 2**31  # unpacked; real files hold features of the network beside the motion
_WIDTHS = {"global_orient": 3, "body_pose": 63, "betas": 10, "transl": 3}


def read_gvhmr(path: str | Path, body: BodyModel | None = None, fps: float | None = None) -> Motion:
    """GVHMR's result with its world and its cameras. The hands stay flat: GVHMR sees none.

    Args:
        body: the SMPL-X model, if there is one, for the exact place of the pelvis.
        fps: 30 by default, as GVHMR works.

    Raises:
        MotionFileError: the file cannot be read or is not in GVHMR's layout.
    """
    path = Path(path)
    try:
        content = _load(path)
        world, camera = (_parameters(content, f"smpl_params_{kind}") for kind in ("global", "incam"))
        K = _numbers(content["K_fullimg"], "K_fullimg", (3, 3))
        if len({len(K), len(world["transl"]), len(camera["transl"])}) > 1:
            raise ValueError("its parts differ in length")
        betas = world["betas"].mean(0)
        pelvis = rest_pelvis("smplx", betas, body)
        rotations = axis_angle_to_matrices(
            np.concatenate([camera["global_orient"], camera["body_pose"]], axis=1)
        )
        seen = Sighting(
            model="smplx",
            frames=np.arange(len(K)),
            rotations=rotations,
            pelvis=camera["transl"] + pelvis,
            betas=betas,
            rest_pelvis=pelvis,
            world_root=axis_angle_to_matrices(world["global_orient"])[:, 0],
            world_pelvis=world["transl"] + pelvis,
            K=K,
            image_size=(round(2 * float(K[0, 1, 2])), round(2 * float(K[0, 0, 2]))),
        )
        return to_motion(seen, fps or DEFAULT_FPS, path.name)
    except (OSError, KeyError, ValueError, TypeError, OverflowError, MotionFileError) as error:
        lacks = f"it has no {error}" if isinstance(error, KeyError) else error
        raise MotionFileError(f"{path}: not a GVHMR result ({lacks}); run GVHMR's demo again") from error


def is_torch_archive(path: Path) -> bool:
    """Whether the file is what ``torch.save`` writes."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        return False


def _load(path: Path) -> dict[str, Any]:
    """The dictionary in the file; only tensors and plain containers are let in.

    Raises:
        ValueError: it is no such file, or a huge one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > _MAX_BYTES:
                raise ValueError(f"it unpacks to more than {_MAX_BYTES} bytes")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise ValueError(f"not a safe torch file: {reason}") from error
    if not isinstance(content, dict):
        raise ValueError(f"it holds a {type(content).__name__}, expected a dictionary")
    return content


def _parameters(content: dict[str, Any], name: str) -> dict[str, np.ndarray]:
    group = content[name]
    if not isinstance(group, dict):
        raise ValueError(f"{name} is a {type(group).__name__}, expected a dictionary")
    found = {part: _numbers(group[part], f"{name}.{part}", (width,)) for part, width in _WIDTHS.items()}
    if len({len(value) for value in found.values()}) > 1:
        raise ValueError(f"the parts of {name} differ in length")
    return found


def _numbers(value: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """(T, *shape) finite float64."""
    if not isinstance(value, torch.Tensor) or value.shape[1:] != shape or value.layout != torch.strided:
        raise ValueError(f"{name} is not a tensor of shape (T, {', '.join(map(str, shape))})")
    if len(value) == 0 or value.numel() > value.untyped_storage().nbytes():  # strides of 0 pretend any size
        raise ValueError(f"{name} is empty, or claims more numbers than it holds")
    if value.is_complex() or value.is_quantized:
        raise ValueError(f"{name} holds {value.dtype}")
    numbers = value.detach().double().numpy()
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} holds values that are not finite")
    return numbers
