"""Corrections on a layer above the fit: an action that is combined with it in the NLA, so that the fit stays.

The fit lies in the lowest NLA track; above it the rig's active action is blended with *Combine*, for which a
quaternion q of a bone means (fit's rotation) q, and a location is added.
"""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Quaternion, Vector

from ..errors import AddonError
from .action import keep_action, new_action
from .fit_keys import FIT_TRACK, FitKeys, fcurves_of, fit_action, fit_strip, read_fit, write_fit
from .person import check_action_writable, read_shape

_SAME_TURN, _SAME_PLACE = (
    1e-3,
    1e-4,
)  # radians and metres by which a bone's pose may be off and not count as changed


def has_layer(rig: bpy.types.Object) -> bool:
    return fit_strip(rig) is not None


def add_layer(rig: bpy.types.Object) -> bpy.types.Action:
    """Put the fit into the NLA and an empty action of corrections above it. Returns that.

    Raises:
        AddonError: the rig is linked, has no action, has a layer already, or NLA tracks of the artist's.
    """
    check_action_writable(rig)
    if has_layer(rig):
        raise AddonError(f"{rig.name}: has a layer of corrections already; key on that one")
    animation, fit = rig.animation_data, fit_action(rig)
    if len(animation.nla_tracks):
        raise AddonError(
            f"{rig.name}: has NLA tracks of its own, which would be combined with the fit; add your action there"
        )
    slot = getattr(animation, "action_slot", None)
    track = animation.nla_tracks.new()
    track.name = FIT_TRACK
    strip = track.strips.new(fit.name, int(round(fit.frame_range[0])), fit)
    if slot is not None:
        strip.action_slot = slot
    strip.extrapolation = "HOLD"
    corrections = new_action(rig, f"{rig.name} corrections", [])
    keep_action(fit)
    animation.action = corrections
    if hasattr(corrections, "slots"):
        animation.action_slot = corrections.slots[0]
    animation.action_blend_type = "COMBINE"
    return corrections


def key_correction(rig: bpy.types.Object, frame: int, falloff: int) -> list[str]:
    """Key the bones that the artist has posed at ``frame``, so that the fit is left over ``falloff`` frames.

    What is keyed is the difference from the fit; ``falloff`` frames before and after, where no correction is keyed
    between, the difference is none. Returns the names of the bones that were keyed.

    Raises:
        AddonError: there is no layer, or no bone was moved.
    """
    check_action_writable(rig)
    if not has_layer(rig):
        raise AddonError(f"{rig.name}: has no layer of corrections; add one first")
    wanted = _posed(rig)
    fit = read_fit(rig)
    row = int(np.clip(frame, fit.first, fit.last)) - fit.first
    bpy.context.scene.frame_set(frame)
    shown = _posed(rig)
    action = rig.animation_data.action
    fcurves = fcurves_of(action, rig)
    changed = []
    for joint, name in enumerate(fit.names):
        (turn, place), (old_turn, old_place) = wanted[name], shown[name]
        if turn.rotation_difference(old_turn).angle < _SAME_TURN and (place - old_place).length < _SAME_PLACE:
            continue
        delta = Quaternion(fit.rotations[row, joint]).inverted() @ turn
        delta = delta if delta.w >= 0 else -delta  # the sign of no correction
        path = f'pose.bones["{name}"].rotation_quaternion'
        _key(fcurves, path, np.array(delta), np.array([1.0, 0, 0, 0]), frame, falloff)
        if joint == 0:
            moved = np.array(place) - fit.locations[row]
            _key(fcurves, f'pose.bones["{name}"].location', moved, np.zeros(3), frame, falloff)
        changed.append(name)
    bpy.context.scene.frame_set(frame)
    if not changed:
        raise AddonError(f"{rig.name}: no bone was moved at frame {frame}; pose it first, then key")
    return changed


def _posed(rig: bpy.types.Object) -> dict[str, tuple[Quaternion, Vector]]:
    """What the pose bones hold now, as the artist sees them."""
    return {
        name: (rig.pose.bones[name].rotation_quaternion.normalized(), rig.pose.bones[name].location.copy())
        for name in read_shape(rig).names
    }


def _key(fcurves, path: str, values: np.ndarray, none: np.ndarray, frame: int, falloff: int) -> None:
    for index, value in enumerate(values):
        curve = fcurves.find(path, index=index) or fcurves.new(path, index=index)
        keyed = np.array([point.co.x for point in curve.keyframe_points])
        curve.keyframe_points.insert(frame, float(value), options={"FAST"})
        for side in (-falloff, falloff):
            low, high = sorted((frame, frame + side))
            if not ((keyed >= low) & (keyed <= high) & (np.abs(keyed - frame) > 1e-3)).any():
                curve.keyframe_points.insert(frame + side, float(none[index]), options={"FAST"})
        curve.update()


def combined(rig: bpy.types.Object) -> FitKeys:
    """Fit and corrections together, on the frames of the fit."""
    fit = read_fit(rig)
    if not has_layer(rig) or rig.animation_data.action is None:
        return fit
    fcurves = fcurves_of(rig.animation_data.action, rig)
    frames = range(fit.first, fit.last + 1)
    rotations = fit.rotations.copy()
    for joint, name in enumerate(fit.names):
        delta = _sampled(fcurves, f'pose.bones["{name}"].rotation_quaternion', frames, [1.0, 0, 0, 0])
        rotations[:, joint] = _multiply(rotations[:, joint], delta)
    moved = _sampled(fcurves, f'pose.bones["{fit.names[0]}"].location', frames, [0.0, 0, 0])
    return FitKeys(fit.first, rotations, fit.locations + moved, fit.names)


def merge_layer(rig: bpy.types.Object) -> None:
    """Write fit and corrections together into the fit's action, and take the layer away.

    Raises:
        AddonError: there is no layer, or the rig is linked.
    """
    check_action_writable(rig)
    if not has_layer(rig):
        raise AddonError(f"{rig.name}: has no layer of corrections")
    write_fit(rig, combined(rig))
    remove_layer(rig)


def _sampled(fcurves, path: str, frames: range, none: list[float]) -> np.ndarray:
    """(T, C) values of a property, of unit length where they are quaternions."""
    values = np.tile(none, (len(frames), 1))
    for index in range(len(none)):
        curve = fcurves.find(path, index=index)
        if curve is not None:
            values[:, index] = [curve.evaluate(frame) for frame in frames]
    return values / np.linalg.norm(values, axis=1, keepdims=True) if len(none) == 4 else values


def _multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton products (T, 4) of quaternions (T, 4)."""
    aw, ax, ay, az = a.T
    bw, bx, by, bz = b.T
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        -1,
    )


def remove_layer(rig: bpy.types.Object) -> None:
    """Throw the corrections away: the fit is the rig's action again.

    Raises:
        AddonError: there is no layer, or the rig is linked.
    """
    check_action_writable(rig)
    strip = fit_strip(rig)
    if strip is None:
        raise AddonError(f"{rig.name}: has no layer of corrections")
    animation, fit, corrections = rig.animation_data, strip.action, rig.animation_data.action
    slot = getattr(strip, "action_slot", None)
    animation.action_blend_type = "REPLACE"
    animation.action = fit
    if slot is not None:
        animation.action_slot = slot
    animation.nla_tracks.remove(animation.nla_tracks[FIT_TRACK])
    if corrections is not None and corrections.users == 0:
        bpy.data.actions.remove(corrections)
