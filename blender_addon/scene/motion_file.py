"""A rig's motion as a motion file for the worker (design, section 4)."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ..errors import AddonError
from .files import read_motion
from .fit_keys import FitKeys, to_smpl
from .paths import absolute_path
from .person import body_of, read_shape


def write_motion(scene: bpy.types.Scene, rig: bpy.types.Object, keys: FitKeys, out: Path) -> None:
    """Write these frames as the body of the rig does them, in its present shape, at the scene's rate.

    Raises:
        AddonError: the rig does not know its shape, or the file cannot be written.
    """
    shape = read_shape(rig)
    poses, trans = to_smpl(rig, keys)
    fps = scene.render.fps / scene.render.fps_base
    own = shape.model.startswith("open")
    arrays = {
        "poses": poses.astype(np.float32),
        "trans": trans.astype(np.float32),
        "betas": np.zeros_like(shape.applied) if own else shape.applied,
        "model": np.array(shape.model),
        "gender": np.array(shape.gender),
        "mocap_frame_rate": np.array(fps),
        "mocap_framerate": np.array(fps),
    }
    if own:
        arrays["open_betas"] = shape.applied
    try:
        with open(out, "wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise AddonError(f"{out}: cannot be written ({error.strerror}); free some space") from error


def fit_file(scene: bpy.types.Scene, rig: bpy.types.Object, frames: int) -> Path:
    """The motion file of the fit that the rig's motion comes from: one with landmarks and a row for each frame.

    The rig's own, the one the scene's work names, or the one that ``liquid-motion run`` has put beside it.

    Raises:
        AddonError: none of them is there.
    """
    body = body_of(rig)
    own = absolute_path(body, "liquid_motion.motion") if body is not None else ""
    work = absolute_path(scene, "liquid_motion.work.motion")
    beside = str(Path(own).with_name("driving.npz")) if own else ""
    for text in (own, work, beside):
        if text and Path(text).is_file():
            motion = read_motion(text)
            if motion.keypoints is not None and motion.cameras is not None and motion.frame_count == frames:
                return Path(text)
    raise AddonError(
        f"{rig.name}: no motion file with the landmarks of its {frames} frames is there; relink or fit the clip again"
    )


def fitted_footage(scene: bpy.types.Scene, fit: Path) -> Path:
    """The footage that a motion file was fitted to: where the file says, else what the scene shows of that name.

    Raises:
        AddonError: it is not there any more.
    """
    with np.load(fit, allow_pickle=False) as archive:
        source = Path(str(archive["source"])) if "source" in archive else Path()
    moved = [absolute_path(scene, f"liquid_motion.{name}") for name in ("work.driving.path", "footage")]
    moved.append(str(fit.with_name(source.name)))
    for place in (source, *(Path(text) for text in moved if text)):
        if place.name == source.name and source.name and place.exists():
            return place
    raise AddonError(f"{source}: the footage of {fit.name} is not there; choose it again as the driving clip")
