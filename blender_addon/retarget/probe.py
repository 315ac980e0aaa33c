"""What the controls of a rig with constraints hang from, found by shaking it.

A control rig puts mechanism between its controls: bones that follow others by constraints, drivers that switch what
a limb follows. None of it is read. The keyed bones are turned and moved at random a few times, Blender evaluates the
rig, and for each keyed bone the one that explains its frame in all these poses is what it hangs from. Everything is
put back afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy
import numpy as np

from ..scene.conventions import axis_angle_to_matrix
from .hangs import Hangs, hangs_of
from .keys import rotation_channels
from .rotations import nearest_rotation, rotate, transpose
from .skeleton import Skeleton, Switch

SHAKES = 6
_ANGLE, _STEP = 0.3, 0.1  # radians, and share of the rig's size
_AXES_TOLERANCE, _PLACE_TOLERANCE = (
    1e-3,
    1e-3,
)  # radians, share of the size: evaluation is in single precision


def finder(rig: bpy.types.Object, switches: Sequence[Switch] = ()):
    """``find_hangs`` of :func:`solve.solve` for this rig: Blender's rules where nothing but bones is at work, else by
    shaking, with ``switches`` set."""

    def find(skeleton: Skeleton, bones: list[int], moving: list[int]) -> Hangs:
        involved = sorted(set(bones).union(*(skeleton.ancestors(bone) for bone in bones)))
        scales = np.linalg.norm(skeleton.basis[involved, :3, :3], axis=1)
        if not skeleton.constrained[involved].any() and np.allclose(scales, 1.0, atol=1e-4):
            return hangs_of(skeleton, bones, moving)
        return probe(rig, skeleton, bones, moving, switches)

    return find


def probe(
    rig: bpy.types.Object,
    skeleton: Skeleton,
    bones: list[int],
    moving: list[int],
    switches: Sequence[Switch] = (),
) -> Hangs:
    """Shake the rig. Bones that something else holds, so that no keys could pose them, are left out of the result.

    Args:
        bones: rows of the bones to be keyed.
        moving: rows of those whose location is keyed. The others are only turned: moved, they would stretch limbs.
        switches: custom properties to set meanwhile.
    """
    keyed = sorted({*bones, *moving})
    rng = np.random.default_rng(0)
    size = float(np.ptp(skeleton.heads, axis=0).max()) or 1.0
    turns = axis_angle_to_matrix(rng.uniform(-_ANGLE, _ANGLE, (SHAKES, len(keyed), 3)))
    steps = np.tile(skeleton.basis[keyed, :3, 3], (SHAKES, 1, 1))
    for bone in moving:
        steps[:, keyed.index(bone)] = rng.uniform(-_STEP, _STEP, (SHAKES, 3)) * size
    axes, heads = _evaluate(rig, skeleton, keyed, turns, steps, switches)
    frames = axes @ transpose(turns)
    free = ~(skeleton.connected[keyed] & (skeleton.parents[keyed] >= 0))
    acting = [_location_axes(skeleton, bone, frames[:, k]) for k, bone in enumerate(keyed)]
    unmoved = heads - free[:, None] * rotate(np.stack(acting, 1), steps)
    return _explain(skeleton, keyed, axes, heads, frames, unmoved, size)


def _location_axes(skeleton: Skeleton, bone: int, frames: np.ndarray) -> np.ndarray:
    """Axes (..., 3, 3) in which a bone's location acts, where ``frames`` are those in which its rotation does: the
    same, or the parent's, or for roots the armature's."""
    if skeleton.local_location[bone]:
        return frames
    parent = int(skeleton.parents[bone])
    if parent < 0:
        return np.broadcast_to(np.eye(3), frames.shape)
    return frames @ skeleton.rest[bone, :3, :3].T @ skeleton.rest[parent, :3, :3]


def _evaluate(
    rig: bpy.types.Object,
    skeleton: Skeleton,
    keyed: list[int],
    turns: np.ndarray,
    steps: np.ndarray,
    switches: Sequence[Switch],
) -> tuple[np.ndarray, np.ndarray]:
    """Axes (K, N, 3, 3) and heads (K, N, 3) that Blender gives the keyed bones when they are so posed."""
    names = [skeleton.names[bone] for bone in keyed]
    matrices = np.empty((len(turns), len(keyed), 4, 4))
    with kept_pose(rig, names, switches):
        for switch in switches:
            bone = rig.pose.bones[switch.bone]
            bone[switch.property] = type(bone[switch.property])(switch.value)  # an int property stays one
        for shake in range(len(turns)):
            for k, name in enumerate(names):
                bone = rig.pose.bones[name]
                channel, values = rotation_channels(turns[shake, k : k + 1], bone.rotation_mode)
                setattr(bone, channel, values[0])
                bone.location = steps[shake, k]
            rig.update_tag()
            bpy.context.view_layer.update()
            evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
            matrices[shake] = [evaluated[name].matrix for name in names]
    return nearest_rotation(matrices[..., :3, :3]), matrices[..., :3, 3]


@contextmanager
def kept_pose(rig: bpy.types.Object, names: Sequence[str], switches: Sequence[Switch] = ()) -> Iterator[None]:
    """Keeps the rig's animation out of the way, and puts back these bones and switches, whatever happens inside."""
    channels = ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle")
    before = {(name, c): tuple(getattr(rig.pose.bones[name], c)) for name in names for c in channels}
    values = [rig.pose.bones[switch.bone][switch.property] for switch in switches]
    with _detached(rig):
        try:
            yield
        finally:
            for (name, channel), value in before.items():
                setattr(rig.pose.bones[name], channel, value)
            for switch, value in zip(switches, values, strict=True):
                rig.pose.bones[switch.bone][switch.property] = value
    rig.update_tag()
    bpy.context.view_layer.update()


@contextmanager
def _detached(rig: bpy.types.Object) -> Iterator[None]:
    """No action and no NLA: they would undo every pose at the next evaluation."""
    animation = rig.animation_data
    if animation is None:
        yield
        return
    action, slot, nla = animation.action, getattr(animation, "action_slot", None), animation.use_nla
    animation.action, animation.use_nla = None, False
    try:
        yield
    finally:
        animation.action, animation.use_nla = action, nla
        if slot is not None:
            animation.action_slot = slot


def _explain(
    skeleton: Skeleton,
    keyed: list[int],
    axes: np.ndarray,
    heads: np.ndarray,
    frames: np.ndarray,
    unmoved: np.ndarray,
    size: float,
) -> Hangs:
    """For every keyed bone the bones, explained before, whose axes and whose place its frame keeps to."""
    order: list[int] = []
    found: dict[int, tuple] = {}
    progress = True
    while progress:
        progress = False
        for k in range(len(keyed)):
            if k in found:
                continue
            turned = _constant(frames[:, k], [None, *order], axes)
            carried = _carried(unmoved[:, k], [None, *order], axes, heads, size)
            if turned is not None and carried is not None:
                found[k] = (*turned, *carried)
                order.append(k)
                progress = True
    position = {k: i for i, k in enumerate(order)} | {None: -1}
    parents = np.array([position[found[k][0]] for k in order], int)
    offsets = np.stack([found[k][1] for k in order])
    bones = np.array([keyed[k] for k in order])
    free = ~skeleton.local_location[bones] & (skeleton.parents[bones] < 0)
    acting = [_location_axes(skeleton, bone, offset) for bone, offset in zip(bones, offsets, strict=True)]
    return Hangs(
        bones,
        parents,
        offsets,
        np.array([position[found[k][2]] for k in order], int),
        np.stack([found[k][3] if found[k][2] is not None else np.zeros(3) for k in order]),
        np.stack([found[k][3] if found[k][2] is None else np.zeros(3) for k in order]),
        np.where(free, -1, parents),
        np.stack(acting),
        ~(skeleton.connected[bones] & (skeleton.parents[bones] >= 0)),
    )


def _constant(frames: np.ndarray, candidates: list[int | None], axes: np.ndarray) -> tuple | None:
    """(candidate, K) with ``frames == R_candidate K`` in all poses, the best; None where there is none."""
    best = None
    for candidate in candidates:
        relative = frames if candidate is None else transpose(axes[:, candidate]) @ frames
        K = nearest_rotation(relative.mean(0))
        error = np.abs(relative - K).max()
        if error < _AXES_TOLERANCE and (best is None or error < best[0]):
            best = (error, candidate, K)
    return best and best[1:]


def _carried(
    places: np.ndarray, candidates: list[int | None], axes: np.ndarray, heads: np.ndarray, size: float
) -> tuple | None:
    """(candidate, a) with ``places == t_candidate + R_candidate a`` in all poses, the best; or None."""
    best = None
    for candidate in candidates:
        relative = places
        if candidate is not None:
            step = places - heads[:, candidate]
            relative = np.squeeze(transpose(axes[:, candidate]) @ step[..., None], -1)
        a = relative.mean(0)
        error = np.abs(relative - a).max() / size
        if error < _PLACE_TOLERANCE and (best is None or error < best[0]):
            best = (error, candidate, a)
    return best and best[1:]
