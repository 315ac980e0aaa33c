"""Channels as F-curves: rotations in each bone's own rotation mode, on every frame or on as few as an error allows."""

from __future__ import annotations

import numpy as np

from ..scene.action import Curve
from ..scene.conventions import continuous_quaternions, matrix_to_quaternion
from .rotations import matrix_to_axis_angle, matrix_to_euler
from .solve import Solution


def curves_of(solution: Solution) -> list[Curve]:
    """One curve for each keyed property: rotations of turned bones, locations of those that travel, switches."""
    modes = dict(zip(solution.target.names, solution.target.rotation_modes, strict=True))
    curves = []
    for bone, values in solution.locations.items():
        curves.append(Curve(bone_path(bone, "location"), values, bone))
    for bone, rotations in solution.rotations.items():
        name, values = rotation_channels(rotations, modes[bone])
        curves.append(Curve(bone_path(bone, name), values, bone))
    for switch in solution.switches:
        path = f'{bone_path(switch.bone, "")[:-1]}["{_escaped(switch.property)}"]'
        curves.append(Curve(path, np.array([[switch.value]]), switch.bone, scalar=True))
    return curves


def rotation_channels(rotations: np.ndarray, mode: str) -> tuple[str, np.ndarray]:
    """Name and values (T, 3 or 4) of the property that ``mode`` reads, from rotations (T, 3, 3)."""
    if mode == "QUATERNION":
        return "rotation_quaternion", continuous_quaternions(matrix_to_quaternion(rotations))
    if mode == "AXIS_ANGLE":
        return "rotation_axis_angle", matrix_to_axis_angle(rotations)
    return "rotation_euler", matrix_to_euler(rotations, mode)


def bone_path(bone: str, name: str) -> str:
    """Data path of a pose bone's property."""
    return f'pose.bones["{_escaped(bone)}"].{name}'


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')
