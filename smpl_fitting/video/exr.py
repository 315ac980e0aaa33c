"""OpenEXR pictures in Blender's multi-layer layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR

from smpl_fitting.colour import linear_to_srgb, srgb_to_linear
from smpl_fitting.errors import FootageError

FAR = 1e10  # Blender's depth of an empty pixel
_LAYER = "ViewLayer"


def write(path: Path, rgba: np.ndarray, depth: np.ndarray | None) -> None:
    """Write display-referred straight RGBA in [0, 1] (H, W, 4) and depth in metres (H, W).

    Stored as Blender stores its own renders: linear light, premultiplied, in the half-float channels
    ``ViewLayer.Combined.RGBA`` and the float channel ``ViewLayer.Depth.Z`` (empty pixels at 1e10).
    """
    rgba = rgba.astype(np.float32)
    alpha = rgba[..., 3:]
    linear = np.concatenate([srgb_to_linear(rgba[..., :3]) * alpha, alpha], axis=-1).astype(np.float16)
    channels = {
        f"{_LAYER}.Combined.{name}": np.ascontiguousarray(linear[..., index])
        for index, name in enumerate("RGBA")
    }
    if depth is not None:
        finite = np.where(np.isfinite(depth), depth, FAR).astype(np.float32)
        channels[f"{_LAYER}.Depth.Z"] = finite
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, channels) as file:
        file.write(str(path))


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Linear colour float32 (H, W, 3|4), premultiplied, and depth float32 (H, W) or None.

    Raises:
        FootageError: the file is damaged or holds no colour.
    """
    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            channels = {name: np.asarray(channel.pixels) for name, channel in file.channels().items()}
    except Exception as error:  # the library raises bare exceptions of several kinds
        raise FootageError(
            f"{path}: not a readable OpenEXR picture ({error}); render or export it again"
        ) from error
    colour = [channel for name in "RGB" if (channel := _find(channels, name)) is not None]
    if len(colour) < 3:
        gray = _find(channels, "Y")
        if gray is None:
            raise FootageError(
                f"{path}: holds no colour channels ({', '.join(channels)}); export it with RGB"
            )
        colour = [gray] * 3
    alpha = _find(channels, "A")
    planes = colour if alpha is None else [*colour, alpha]
    return np.stack(planes, axis=-1).astype(np.float32), _find(channels, "Z")


def read_display(path: Path) -> np.ndarray:
    """Display-referred uint8 (H, W, 3|4) with straight alpha."""
    linear, _ = read(path)
    if linear.shape[2] == 4:
        alpha = linear[..., 3:]
        linear = np.concatenate([linear[..., :3] / np.maximum(alpha, 1e-6), alpha], axis=-1)
    display = linear_to_srgb(linear)
    display[..., 3:] = np.clip(linear[..., 3:], 0.0, 1.0)
    return np.rint(display * 255.0).astype(np.uint8)


def _find(channels: dict[str, np.ndarray], name: str) -> np.ndarray | None:
    """A channel at the root, of the Combined pass, or else of the first layer that has one."""
    names = [name, *sorted((full for full in channels if full.endswith("." + name)), key=_by_pass)]
    return next((channels[full] for full in names if full in channels), None)


def _by_pass(name: str) -> tuple[bool, str]:
    return (".Combined." not in f".{name}", name)
