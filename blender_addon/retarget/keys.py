"""Channels as F-curves: rotations in each bone's own rotation mode, on every frame or on as few as an error allows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..scene.action import Curve
from ..scene.conventions import continuous_quaternions, matrix_to_quaternion
from .rotations import (
    about_axis,
    angle_between,
    euler_to_matrix,
    matrix_to_axis_angle,
    matrix_to_euler,
    normalized,
    quaternion_to_matrix,
)
from .solve import Solution


def curves_of(solution: Solution, sparse: float | None = None) -> list[Curve]:
    """One curve for each keyed property: rotations of turned bones, locations of those that travel, switches.

    Args:
        sparse: degrees by which a bone's rotation may be off between keys; default: a key on every frame. Locations
            may be off by what such an angle makes at the end of a leg.
    """
    modes = dict(zip(solution.target.names, solution.target.rotation_modes, strict=True))
    curves = []
    for bone, values in solution.locations.items():
        frames = None if sparse is None else _few_places(values, np.radians(sparse) * solution.leg_length)
        curves.append(_curve(bone, "location", values, frames))
    for bone, rotations in solution.rotations.items():
        name, values = rotation_channels(rotations, modes[bone])
        frames = (
            None if sparse is None else _few_rotations(values, rotations, modes[bone], np.radians(sparse))
        )
        curves.append(_curve(bone, name, values, frames))
    for switch in solution.switches:
        path = f'{bone_path(switch.bone, "")[:-1]}["{_escaped(switch.property)}"]'
        curves.append(Curve(path, np.array([[switch.value]]), switch.bone, scalar=True))
    return curves


def _curve(bone: str, name: str, values: np.ndarray, frames: np.ndarray | None) -> Curve:
    return Curve(bone_path(bone, name), values if frames is None else values[frames], bone, frames=frames)


def _few_rotations(values: np.ndarray, rotations: np.ndarray, mode: str, bound: float) -> np.ndarray:
    return few_keys(
        values, lambda between: angle_between(channels_rotation(between, mode), rotations) / bound
    )


def _few_places(values: np.ndarray, bound: float) -> np.ndarray:
    return few_keys(values, lambda between: np.linalg.norm(between - values, axis=-1) / bound)


def few_keys(values: np.ndarray, error: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Frames (K,) that suffice: with straight lines between them, ``error`` of the result is below 1 everywhere.

    A key is added where the error is worst, in each stretch that is not yet good enough, until all are (the
    criterion of Douglas and Peucker, 1973, on what Blender shows instead of on the curve).
    """
    count = len(values)
    frames = np.arange(count)
    keys = np.unique([0, count - 1])
    while True:
        between = np.stack([np.interp(frames, keys, column[keys]) for column in values.T], -1)
        wrong = error(between)
        if not (wrong >= 1).any():
            return keys
        wrong[keys] = 0.0
        starts = keys[:-1]
        worst = np.maximum.reduceat(wrong, starts)
        stretch = np.searchsorted(keys, frames, side="right") - 1
        new = np.flatnonzero((wrong >= 1) & (wrong == worst[np.minimum(stretch, len(starts) - 1)]))
        keys = np.unique([*keys, *new])


def rotation_channels(rotations: np.ndarray, mode: str) -> tuple[str, np.ndarray]:
    """Name and values (T, 3 or 4) of the property that ``mode`` reads, from rotations (T, 3, 3)."""
    if mode == "QUATERNION":
        return "rotation_quaternion", continuous_quaternions(matrix_to_quaternion(rotations))
    if mode == "AXIS_ANGLE":
        return "rotation_axis_angle", matrix_to_axis_angle(rotations)
    return "rotation_euler", matrix_to_euler(rotations, mode)


def channels_rotation(values: np.ndarray, mode: str) -> np.ndarray:
    """Rotations (T, 3, 3) that Blender makes of a property's values; the inverse of :func:`rotation_channels`."""
    if mode == "QUATERNION":
        return quaternion_to_matrix(values)
    if mode == "AXIS_ANGLE":
        return about_axis(normalized(values[:, 1:]), values[:, 0])
    return euler_to_matrix(values, mode)


def bone_path(bone: str, name: str) -> str:
    """Data path of a pose bone's property."""
    return f'pose.bones["{_escaped(bone)}"].{name}'


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')
