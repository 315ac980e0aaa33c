"""What each keyed bone hangs from, and forward kinematics over the keyed bones alone.

A rig has many more bones than those a motion keys. Between two keyed bones there may be others, whose pose is
constant, bones that do not inherit rotation, or a mechanism of constraints. For a keyed bone all that matters is its
frame, the axes and place it has while its own channels are zero, as a function of the keyed bones above it:

    axes   = R_r K            r the keyed bone whose rotation it takes on, K constant
    place  = t_q + R_q a + c  q the keyed bone that carries it, a and c constant

and the axes in which its location channels act. :func:`hangs_of` derives this from Blender's rules for a rig without
constraints; ``rig.probe`` finds it by shaking a rig that has them. All in armature space.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .rotations import nearest_rotation, rotate, transpose
from .skeleton import Skeleton


@dataclass(frozen=True)
class Hangs:
    """N keyed bones, each after those it hangs from. Parents are indices into the N, -1 for the armature itself."""

    bones: np.ndarray  # (N,) rows of the skeleton
    rotation_parent: np.ndarray  # (N,) r
    rotation_offset: np.ndarray  # (N, 3, 3) K
    carrier: np.ndarray  # (N,) q
    carried: np.ndarray  # (N, 3) a
    constant: np.ndarray  # (N, 3) c
    location_parent: np.ndarray  # (N,)
    location_offset: np.ndarray  # (N, 3, 3) axes of the location channels, as K
    movable: np.ndarray  # (N,) bool: location channels have an effect

    def index(self, bone: int) -> int:
        """Position among the N of a row of the skeleton."""
        return int(np.flatnonzero(self.bones == bone)[0])


def hangs_of(skeleton: Skeleton, bones: list[int], moving: list[int]) -> Hangs:
    """By Blender's rules (armature.cc, BKE_bone_parent_transform_calc_from_matrices), for bones without constraints.

    Bones that are not keyed hold ``skeleton.basis``. Scale in the pose is taken to be none.

    Args:
        bones: rows of the bones whose rotation is keyed.
        moving: rows of those whose location is keyed.
    """
    keyed = sorted({*bones, *moving})
    node = {bone: i for i, bone in enumerate(keyed)}
    rest = skeleton.rest
    needed = sorted(set(keyed).union(*(skeleton.ancestors(bone) for bone in keyed)))
    # for every bone: (r, K), (q, a, c), (parent of the location axes, axes)
    frames: dict[int, tuple] = {}
    for bone in needed:
        parent = int(skeleton.parents[bone])
        if parent < 0:
            axes = rest[bone, :3, :3] if skeleton.local_location[bone] else np.eye(3)
            frames[bone] = ((-1, rest[bone, :3, :3]), (-1, np.zeros(3), rest[bone, :3, 3]), (-1, axes))
            continue
        offset = np.linalg.inv(rest[parent]) @ rest[bone]
        (r, K), (q, a, c) = _posed(skeleton, parent, node, frames)
        own = (r, K @ offset[:3, :3]) if skeleton.inherit_rotation[bone] else (-1, rest[bone, :3, :3])
        step = K @ offset[:3, 3]
        if r == q:
            place = (q, a + step, c) if q >= 0 else (-1, np.zeros(3), c + step)
        else:  # r is -1: the parent does not turn, so neither does the step
            place = (q, a, c + step)
        axes = K @ offset[:3, :3] if skeleton.local_location[bone] else K
        frames[bone] = (own, place, (r, axes))
    parts = [frames[bone] for bone in keyed]
    return Hangs(
        np.array(keyed),
        np.array([p[0][0] for p in parts]),
        np.stack([p[0][1] for p in parts]),
        np.array([p[1][0] for p in parts]),
        np.stack([p[1][1] for p in parts]),
        np.stack([p[1][2] for p in parts]),
        np.array([p[2][0] for p in parts]),
        np.stack([p[2][1] for p in parts]),
        ~(skeleton.connected[keyed] & (skeleton.parents[keyed] >= 0)),
    )


def _posed(skeleton: Skeleton, bone: int, node: dict[int, int], frames: dict[int, tuple]) -> tuple:
    """Axes and place of a bone itself, not of its frame: a keyed bone is what hangs there, others add their pose."""
    if bone in node:
        return (node[bone], np.eye(3)), (node[bone], np.zeros(3), np.zeros(3))
    (r, K), (q, a, c), (s, axes) = frames[bone]
    basis = skeleton.basis[bone]
    moved = np.zeros(3) if skeleton.connected[bone] and skeleton.parents[bone] >= 0 else axes @ basis[:3, 3]
    place = (q, a + moved, c) if s == q and q >= 0 else (q, a, c + moved)
    return (r, K @ nearest_rotation(basis[:3, :3])), place


def place(hangs: Hangs, axes: np.ndarray, locations: dict[int, np.ndarray]) -> np.ndarray:
    """Heads (T, N, 3) of the keyed bones, from their axes (T, N, 3, 3) and the (T, 3) locations of some of them."""
    frames, count = axes.shape[:2]
    heads = np.empty((frames, count, 3))
    for i in range(count):
        heads[:, i] = frame_place(hangs, i, axes, heads)
        if i in locations:
            heads[:, i] += rotate(
                _parent_axes(hangs.location_parent[i], axes) @ hangs.location_offset[i], locations[i]
            )
    return heads


def frame_place(hangs: Hangs, i: int, axes: np.ndarray, heads: np.ndarray) -> np.ndarray:
    """(T, 3) where keyed bone ``i`` is with no location of its own."""
    q = hangs.carrier[i]
    if q < 0:
        return np.broadcast_to(hangs.constant[i], (len(axes), 3))
    return heads[:, q] + axes[:, q] @ hangs.carried[i] + hangs.constant[i]


def locate(hangs: Hangs, i: int, axes: np.ndarray, heads: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The location channels (T, 3) that bring keyed bone ``i`` to ``wanted`` (T, 3)."""
    frame = _parent_axes(hangs.location_parent[i], axes) @ hangs.location_offset[i]
    return rotate(transpose(frame), wanted - frame_place(hangs, i, axes, heads))


def basis_rotations(hangs: Hangs, axes: np.ndarray) -> np.ndarray:
    """The rotation channels (T, N, 3, 3) that give the keyed bones their axes."""
    result = np.empty_like(axes)
    for i in range(axes.shape[1]):
        frame = _parent_axes(hangs.rotation_parent[i], axes) @ hangs.rotation_offset[i]
        result[:, i] = transpose(frame) @ axes[:, i]
    return result


def unkeyed_axes(hangs: Hangs, i: int, axes: np.ndarray) -> np.ndarray:
    """The axes (T, 3, 3) of keyed bone ``i`` with no rotation of its own."""
    return _parent_axes(hangs.rotation_parent[i], axes) @ hangs.rotation_offset[i]


def _parent_axes(parent: int, axes: np.ndarray) -> np.ndarray:
    return axes[:, parent] if parent >= 0 else np.eye(3)
