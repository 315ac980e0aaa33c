"""The fit's keys of a rig as arrays, and back: a range of frames changed, all other keys as they were."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..errors import AddonError
from .action import corrective_name, corrective_path, corrective_values
from .conventions import Y_UP_TO_Z_UP, axis_angle_to_matrix, continuous_quaternions, matrix_to_quaternion
from .person import PersonShape, body_of, check_action_writable, read_shape

FIT_TRACK = "Liquid Motion Fit"
"""NLA track that holds the fit while an action of corrections lies above it."""
_LINEAR = 1


@dataclass(frozen=True)
class FitKeys:
    """T whole frames of the fit, as its action has them, corrections above it left out."""

    first: int  # scene frame of row 0
    rotations: np.ndarray  # (T, J, 4) quaternions of the pose bones
    locations: np.ndarray  # (T, 3) of the root's pose bone
    names: tuple[str, ...]  # J bones, the root first

    @property
    def last(self) -> int:
        return self.first + len(self.locations) - 1

    def rows(self, first: int, last: int) -> FitKeys:
        """The frames from ``first`` to ``last``, as far as there are keys."""
        start, stop = max(first, self.first), min(last, self.last)
        rows = slice(start - self.first, stop - self.first + 1)
        return FitKeys(start, self.rotations[rows], self.locations[rows], self.names)


def fit_strip(rig: bpy.types.Object) -> bpy.types.NlaStrip | None:
    """The NLA strip of the fit, where corrections lie above it."""
    animation = rig.animation_data
    track = animation.nla_tracks.get(FIT_TRACK) if animation else None
    return track.strips[0] if track is not None and len(track.strips) else None


def fit_action(rig: bpy.types.Object) -> bpy.types.Action:
    """The action with the fitted motion.

    Raises:
        AddonError: the rig has none.
    """
    strip = fit_strip(rig)
    action = strip.action if strip is not None else rig.animation_data and rig.animation_data.action
    if not action:
        raise AddonError(f"{rig.name}: has no action; import its motion again")
    return action


def fcurves_of(action: bpy.types.Action, owner: bpy.types.ID):
    """The F-curves of an action that move ``owner``, the same from Blender 4.2 to 5.2."""
    if not hasattr(action, "slots"):
        return action.fcurves
    for layer in action.layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                if bag.slot in (_slot(action, owner), None):
                    return bag.fcurves
    slot = _slot(action, owner) or action.slots.new(id_type=owner.id_type, name=owner.name)
    layer = action.layers[0] if len(action.layers) else action.layers.new("Layer")
    strip = layer.strips[0] if len(layer.strips) else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True).fcurves


def _slot(action: bpy.types.Action, owner: bpy.types.ID):
    """The slot that ``owner`` uses of this action, else the action's first."""
    animation = owner.animation_data
    users = [animation, *(strip for track in animation.nla_tracks for strip in track.strips)]
    for user in users:
        if user.action == action and user.action_slot is not None:
            return user.action_slot
    return action.slots[0] if len(action.slots) else None


def read_fit(rig: bpy.types.Object) -> FitKeys:
    """The fit of a rig.

    Raises:
        AddonError: it has no action, or the action has no keys on its joints.
    """
    names = read_shape(rig).names
    action = fit_action(rig)
    curves = {(curve.data_path, curve.array_index): curve for curve in fcurves_of(action, rig)}
    frames = _frames(curves.values())
    if len(frames) == 0:
        raise AddonError(f"{rig.name}: its action {action.name} has no keys; import the motion again")
    rotations = np.zeros((len(frames), len(names), 4))
    rotations[..., 0] = 1.0
    locations = np.zeros((len(frames), 3))
    for joint, name in enumerate(names):
        for index in range(4):
            _sample(
                curves.get((_path(name, "rotation_quaternion"), index)), frames, rotations[:, joint, index]
            )
    for index in range(3):
        _sample(curves.get((_path(names[0], "location"), index)), frames, locations[:, index])
    rotations /= np.maximum(np.linalg.norm(rotations, axis=-1, keepdims=True), 1e-9)
    return FitKeys(int(frames[0]), rotations, locations, names)


def _frames(curves) -> np.ndarray:
    """Whole frames from the first key to the last."""
    ends = [
        (curve.keyframe_points[0].co.x, curve.keyframe_points[-1].co.x)
        for curve in curves
        if len(curve.keyframe_points)
    ]
    if not ends:
        return np.zeros(0, int)
    first, last = min(start for start, _ in ends), max(stop for _, stop in ends)
    return np.arange(int(np.ceil(first - 1e-3)), int(np.floor(last + 1e-3)) + 1)


def _sample(curve: bpy.types.FCurve | None, frames: np.ndarray, out: np.ndarray) -> None:
    if curve is not None:
        out[:] = [curve.evaluate(frame) for frame in frames.tolist()]


def _path(bone: str, name: str) -> str:
    return f'pose.bones["{bone}"].{name}'


def write_fit(rig: bpy.types.Object, keys: FitKeys) -> None:
    """Replace the fit's keys on the frames of ``keys``; keys before and after stay as they are.

    Of an action that is linked from another file a local copy is made, which the rig then uses.

    Raises:
        AddonError: the rig is linked, or has no action.
    """
    check_action_writable(rig)
    action = _writable(rig, fit_action(rig))
    fcurves = fcurves_of(action, rig)
    known = {(curve.data_path, curve.array_index): curve for curve in fcurves}
    # signs as those of the keys before, so that no joint turns the long way round at the seam
    before = read_fit(rig).rows(keys.first - 1, keys.first - 1) if keys.first > _first(known) else None
    rotations = keys.rotations
    if before is not None and len(before.rotations):
        rotations = np.concatenate([before.rotations, rotations])
    rotations = continuous_quaternions(rotations)[-len(keys.rotations) :]
    frames = np.arange(keys.first, keys.last + 1)
    columns = {(_path(keys.names[0], "location"), i): keys.locations[:, i] for i in range(3)}
    for joint, name in enumerate(keys.names):
        columns |= {(_path(name, "rotation_quaternion"), i): rotations[:, joint, i] for i in range(4)}
    for (path, index), values in columns.items():
        curve = known.get((path, index)) or fcurves.new(path, index=index)
        _replace(curve, frames, values)
    _write_correctives(rig, keys, frames)


def _write_correctives(rig: bpy.types.Object, keys: FitKeys, frames: np.ndarray) -> None:
    """The pose correctives of a body that has them, for the new poses; those of a linked body stay."""
    body = body_of(rig)
    blocks = body.data.shape_keys if body is not None and body.data.library is None else None
    if blocks is None or corrective_name(0) not in blocks.key_blocks or blocks.animation_data is None:
        return
    action = blocks.animation_data.action
    if action is None or action.library is not None:
        return
    curves = {curve.data_path: curve for curve in fcurves_of(action, blocks)}
    for k, values in enumerate(corrective_values(to_smpl(rig, keys)[0]).T):
        if corrective_path(k) in curves:
            _replace(curves[corrective_path(k)], frames, values)


def _first(curves: dict) -> float:
    return min((c.keyframe_points[0].co.x for c in curves.values() if len(c.keyframe_points)), default=np.inf)


def _writable(rig: bpy.types.Object, action: bpy.types.Action) -> bpy.types.Action:
    if action.library is None and action.override_library is None:
        return action
    strip = fit_strip(rig)
    user = strip if strip is not None else rig.animation_data
    slot = getattr(user, "action_slot", None)
    copy = action.copy()
    user.action = copy
    if slot is not None:
        user.action_slot = next(s for s in copy.slots if s.identifier == slot.identifier)
    return copy


def _replace(curve: bpy.types.FCurve, frames: np.ndarray, values: np.ndarray) -> None:
    """Keys on every one of ``frames``, straight lines between; the others keep values and handles."""
    points = curve.keyframe_points
    columns = {}
    for name, width, kind in (
        ("co", 2, np.float32),
        ("handle_left", 2, np.float32),
        ("handle_right", 2, np.float32),
        ("interpolation", 1, np.int32),
        ("handle_left_type", 1, np.int32),
        ("handle_right_type", 1, np.int32),
    ):
        data = np.empty(len(points) * width, kind)
        points.foreach_get(name, data)
        columns[name] = data.reshape(-1, width)
    at = columns["co"][:, 0]
    before, after = at < frames[0] - 1e-3, at > frames[-1] + 1e-3
    new = np.stack([frames, values], -1).astype(np.float32)
    straight = np.full((len(new), 1), _LINEAR, np.int32)
    fresh = {"co": new, "handle_left": new, "handle_right": new, "interpolation": straight}
    points.clear()
    points.add(int(before.sum() + after.sum()) + len(new))
    for name, old in columns.items():
        middle = fresh.get(name, np.zeros((len(new), 1), np.int32))
        joined = np.concatenate([old[before], middle, old[after]])
        points.foreach_set(name, joined.ravel())
    curve.update()


def blend(old: FitKeys, new: FitKeys, frames: int, whole: FitKeys) -> FitKeys:
    """``new`` over ``old``, both of the same frames, led in and out over some frames at ends inside the clip.

    Args:
        whole: the fit; at its own first and last frame nothing has to be met, so there is no ramp.
    """
    count = len(old.locations)
    weight = np.ones(count)
    ramp = (np.arange(min(frames, count)) + 1) / (frames + 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    if old.first > whole.first:
        weight[: len(ramp)] = np.minimum(weight[: len(ramp)], ramp)
    if old.last < whole.last:
        weight[count - len(ramp) :] = np.minimum(weight[count - len(ramp) :], ramp[::-1])
    rotations = slerp(old.rotations, new.rotations, weight[:, None])
    locations = old.locations + weight[:, None] * (new.locations - old.locations)
    return FitKeys(old.first, rotations, locations, old.names)


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Quaternions (..., 4) from ``a`` at t = 0 to ``b`` at t = 1 along the shorter arc (Shoemake 1985)."""
    cosine = np.sum(a * b, -1)
    b = np.where(cosine[..., None] < 0, -b, b)
    angle = np.arccos(np.clip(np.abs(cosine), 0.0, 1.0))
    scale = np.maximum(np.sin(angle), 1e-9)
    near = angle < 1e-4
    first = np.where(near, 1 - t, np.sin((1 - t) * angle) / scale)
    second = np.where(near, t, np.sin(t * angle) / scale)
    mixed = first[..., None] * a + second[..., None] * b
    return mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)


def smooth(whole: FitKeys, first: int, last: int, sigma: float, *, root: bool = True) -> FitKeys:
    """The frames from ``first`` to ``last``, low-passed by a Gaussian of ``sigma`` frames that sees those beside them.

    Quaternions are averaged as vectors with the signs of neighbours and put back on the sphere, which for the angles
    inside a few frames is the mean rotation to second order (Markley et al. 2007).
    """
    part = whole.rows(first, last)
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2)
    kernel /= kernel.sum()
    start = part.first - whole.first
    at = np.arange(start, start + len(part.locations))[:, None] + np.arange(-reach, reach + 1)
    # beyond the clip's ends the motion goes on as it came, mirrored at its last key
    folded = np.clip(at, 0, len(whole.locations) - 1)
    quaternions = continuous_quaternions(whole.rotations)
    rotations = np.einsum("k,tkjc->tjc", kernel, quaternions[folded])
    rotations /= np.linalg.norm(rotations, axis=-1, keepdims=True)
    mirrored = (
        2 * whole.locations[folded] - whole.locations[np.clip(2 * folded - at, 0, len(whole.locations) - 1)]
    )
    points = np.where((at == folded)[..., None], whole.locations[folded], mirrored)
    locations = np.einsum("k,tkc->tc", kernel, points) if root else part.locations
    return FitKeys(part.first, rotations, locations, part.names)


def to_smpl(rig: bpy.types.Object, keys: FitKeys) -> tuple[np.ndarray, np.ndarray]:
    """poses (T, J * 3) axis-angle and trans (T, 3) of a motion file; see :func:`.action.bone_rotations`."""
    shape, rest = read_shape(rig), _rest(rig, keys.names)
    C = Y_UP_TO_Z_UP
    bone = _quaternion_to_matrix(keys.rotations)
    in_armature = rest @ bone @ np.swapaxes(rest, -1, -2)
    local = C.T @ in_armature @ C
    local[:, 0] = in_armature[:, 0] @ C
    poses = _axis_angle(matrix_to_quaternion(local)).reshape(len(local), -1)
    pelvis = shape.rest_joints(shape.applied)[0]
    return poses, _head(rig, keys.names[0]) + keys.locations @ rest[0].T - pelvis


def from_smpl(rig: bpy.types.Object, poses: np.ndarray, trans: np.ndarray, first: int) -> FitKeys:
    """Inverse of :func:`to_smpl`."""
    shape: PersonShape = read_shape(rig)
    rest = _rest(rig, shape.names)
    C = Y_UP_TO_Z_UP
    R = axis_angle_to_matrix(poses.reshape(len(poses), -1, 3))
    local = C @ R @ C.T
    local[:, 0] = R[:, 0] @ C.T
    rotations = matrix_to_quaternion(np.swapaxes(rest, -1, -2) @ local @ rest)
    pelvis = shape.rest_joints(shape.applied)[0]
    locations = (trans + pelvis - _head(rig, shape.names[0])) @ rest[0]
    return FitKeys(first, rotations, locations, shape.names)


def _rest(rig: bpy.types.Object, names: tuple[str, ...]) -> np.ndarray:
    return np.array([rig.data.bones[name].matrix_local.to_3x3() for name in names])


def _head(rig: bpy.types.Object, name: str) -> np.ndarray:
    return np.array(rig.data.bones[name].head_local)


def _quaternion_to_matrix(q: np.ndarray) -> np.ndarray:
    w, x, y, z = np.moveaxis(q, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def _axis_angle(q: np.ndarray) -> np.ndarray:
    """Axis-angle (..., 3) of unit quaternions (..., 4), of at most half a turn."""
    q = np.where(q[..., :1] < 0, -q, q)
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, q[..., :1])
    return q[..., 1:] * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 2.0)
