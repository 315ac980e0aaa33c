"""What a rig's build tells about its bones where names do not: symmetry, branches, lengths, and heights at rest.

Only heads are looked at: importers of formats that have joints only make tails up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .rotations import normalized
from .skeleton import FINGERS, SIDES, Skeleton

Rows = dict[str, tuple[int, ...]]

_MIRROR_TOLERANCE = 0.02
"""Share of the rig's size by which a bone may miss the mirror image of its partner."""
_LIMB_REACH = 0.2
"""Share of the rig's size that a limb reaches at least; fingers, hair and skirts reach less."""
_CHUNK = 256  # bones compared at a time: rigs with hair and cloth have thousands
_ACROSS, _ALONG = 0.5, 0.6
"""Cosines: legs across the trunk and parallel to the arms mean four legs."""


@dataclass(frozen=True)
class _Limb:
    """A pair of mirrored branches of the trunk: the longest path of each side, from the bone at the trunk."""

    trunk: int  # the bone they hang from
    sides: tuple[tuple[int, ...], tuple[int, ...]]  # the second is on the positive side of the mirror's axis
    reach: float


def guess(skeleton: Skeleton) -> Rows | str:
    """Roles of a rig by its build alone, or why it has not the build of a person."""
    heads = skeleton.heads
    size = float(np.ptp(heads, axis=0).max())
    if size <= 0:
        return "all bones are in one place"
    axis, partner = _mirror(skeleton, size)
    if axis is None:
        return "left and right are not mirror images of one another at rest"
    limbs = _limbs(skeleton, axis, partner, size)
    if len(limbs) < 2:
        return f"{len(limbs)} pair{'s' * (len(limbs) != 1)} of limbs instead of arms and legs"
    legs, arms = _legs_and_arms(skeleton, limbs[0], limbs[1])
    if legs.trunk == arms.trunk:
        return "arms and legs hang from the same bone"
    rows = _trunk(skeleton, legs, arms, partner)
    left = _left_side(skeleton, legs, arms, axis)
    for number in (0, 1):
        side = SIDES[0] if number == left else SIDES[1]
        leg, arm = _segments(heads, legs.sides[number]), _segments(heads, arms.sides[number])
        if leg is None or arm is None:
            return "an arm or a leg has fewer than two segments"
        rows |= _named(side, ("", "upper_leg", "lower_leg", "foot", "toes"), legs.sides[number], leg)
        rows |= _named(side, ("shoulder", "upper_arm", "lower_arm", "hand", ""), arms.sides[number], arm)
    return rows | _fingers(skeleton, rows)


def between(skeleton: Skeleton, rows: Rows) -> Rows:
    """Roles that lie between or behind bones whose roles are known."""
    used = {bone for chain in rows.values() for bone in chain}
    found: Rows = {}
    trunk = skeleton.ancestors(rows["left_upper_arm"][0])
    branch = next((b for b in trunk if b in skeleton.ancestors(rows["right_upper_arm"][0])), None)
    hips = rows["hips"][-1]
    if branch is not None and hips in trunk:
        found["spine"] = tuple(
            reversed([b for b in trunk[trunk.index(branch) : trunk.index(hips)] if b not in used])
        )
    for side in SIDES:
        up = skeleton.ancestors(rows[f"{side}_upper_arm"][0])
        if branch in up:
            found[f"{side}_shoulder"] = tuple(reversed([b for b in up[: up.index(branch)] if b not in used]))
        children = skeleton.children(rows[f"{side}_foot"][-1])
        if len(children) == 1 and skeleton.deform[children[0]]:
            found[f"{side}_toes"] = (int(children[0]),)
    if "head" in rows:
        up = skeleton.ancestors(rows["head"][0])
        low = next((i for i, b in enumerate(up) if b == branch or b in rows.get("spine", ())), 0)
        found["neck"] = tuple(reversed([b for b in up[:low] if b not in used]))
    above = skeleton.ancestors(rows["hips"][0])
    if above and above[-1] not in used and not skeleton.constrained[above[-1]]:
        found["root"] = (above[-1],)
    found |= _fingers(skeleton, rows)
    return {role: chain for role, chain in found.items() if chain and role not in rows}


def not_a_person(skeleton: Skeleton, rows: Rows) -> str:
    """Why the build is another animal's, or nothing."""
    middle = {part: _middle(skeleton, rows, part) for part in ("upper_leg", "foot", "upper_arm", "lower_arm")}
    trunk = normalized(middle["upper_arm"] - middle["upper_leg"])
    leg = normalized(middle["foot"] - middle["upper_leg"])
    arm = normalized(middle["lower_arm"] - middle["upper_arm"])
    if abs(trunk @ leg) < _ACROSS and arm @ leg > _ALONG:
        return "this is the rig of a four-legged animal: its trunk lies across its legs"
    return ""


def misplaced(skeleton: Skeleton, rows: Rows) -> dict[str, str]:
    """Roles whose bones are not where the rest of the body says, with what is odd."""
    across = {
        part: skeleton.heads[rows[f"left_{part}"][0]] - skeleton.heads[rows[f"right_{part}"][0]]
        for part in ("upper_leg", "upper_arm")
    }
    found = {}
    if across["upper_leg"] @ across["upper_arm"] < 0:
        found["left_upper_arm"] = "it is on the side of the right leg"
    if all(f"{side}_toes" in rows for side in SIDES):
        up = _middle(skeleton, rows, "upper_arm") - _middle(skeleton, rows, "upper_leg")
        front = np.cross(across["upper_leg"], up)
        ahead = _middle(skeleton, rows, "toes") - _middle(skeleton, rows, "foot")
        if normalized(front) @ normalized(ahead) < -0.5:
            found["left_upper_leg"] = "left and right look swapped: the toes point backwards"
    return found


def _middle(skeleton: Skeleton, rows: Rows, part: str) -> np.ndarray:
    return np.mean([skeleton.heads[rows[f"{side}_{part}"][0]] for side in SIDES], 0)


def _mirror(skeleton: Skeleton, size: float) -> tuple[int | None, np.ndarray]:
    """The axis across the body, and each bone's mirrored partner (B,): itself in the middle, -1 where it has none."""
    count = len(skeleton.names)
    depth = np.array([len(skeleton.ancestors(bone)) for bone in range(count)])
    best: tuple[int, int | None, np.ndarray] = (
        3,
        None,
        np.full(count, -1),
    )  # a limb on each side has 4 bones
    for axis in range(3):
        partner = _partners(skeleton, depth, axis, _MIRROR_TOLERANCE * size)
        pairs = int(((partner >= 0) & (partner != np.arange(count))).sum()) // 2
        if pairs > best[0]:
            best = (pairs, axis, partner)
    return best[1], best[2]


def _partners(skeleton: Skeleton, depth: np.ndarray, axis: int, tolerance: float) -> np.ndarray:
    """(B,) the bone of the same depth in the tree that is nearest to each bone's mirror image."""
    heads = skeleton.heads
    image = heads.copy()
    image[:, axis] = 2 * np.median(heads[skeleton.parents < 0, axis]) - image[:, axis]
    partner = np.full(len(heads), -1)
    for level in np.unique(depth):
        rows = np.flatnonzero(depth == level)
        for chunk in np.array_split(rows, len(rows) // _CHUNK + 1):
            distance = np.linalg.norm(image[chunk, None] - heads[None, rows], axis=-1)
            near = distance.min(1) <= tolerance
            partner[chunk[near]] = rows[distance.argmin(1)[near]]
    return partner


def _limbs(skeleton: Skeleton, axis: int, partner: np.ndarray, size: float) -> list[_Limb]:
    """Pairs of branches that reach far, the farthest first."""
    limbs = []
    own = partner == np.arange(len(partner))
    for bone in np.flatnonzero(~own & (partner >= 0)):
        mate, trunk = int(partner[bone]), int(skeleton.parents[bone])
        if trunk < 0 or not own[trunk] or skeleton.heads[bone, axis] > skeleton.heads[mate, axis]:
            continue
        paths = _longest_path(skeleton, int(bone)), _longest_path(skeleton, mate)
        reach = min(_length(skeleton, path) for path in paths)
        if min(len(path) for path in paths) >= 3 and reach > _LIMB_REACH * size:
            limbs.append(_Limb(trunk, paths, reach))
    limbs.sort(key=lambda limb: -limb.reach)
    # hair and skirts hang beside limbs from the same bone and reach less
    return [limb for i, limb in enumerate(limbs) if limb.trunk not in {other.trunk for other in limbs[:i]}]


def _longest_path(skeleton: Skeleton, bone: int) -> tuple[int, ...]:
    """From a bone to the descendant that is farthest along the bones."""
    paths = [_longest_path(skeleton, int(child)) for child in skeleton.children(bone)]
    if not paths:
        return (bone,)
    return (bone, *max(paths, key=lambda path: _length(skeleton, (bone, *path))))


def _length(skeleton: Skeleton, path: tuple[int, ...]) -> float:
    return float(np.linalg.norm(np.diff(skeleton.heads[list(path)], axis=0), axis=1).sum())


def _legs_and_arms(skeleton: Skeleton, one: _Limb, other: _Limb) -> tuple[_Limb, _Limb]:
    """Legs end beyond where they begin, seen from the arms; arms leave the trunk sideways."""
    heads = skeleton.heads
    trunk = normalized(heads[one.trunk] - heads[other.trunk])
    ends = [np.mean([heads[path[-1]] - heads[path[0]] for path in limb.sides], 0) for limb in (one, other)]
    beyond = ends[0] @ trunk, ends[1] @ -trunk
    return (one, other) if beyond[0] > beyond[1] else (other, one)


def _trunk(skeleton: Skeleton, legs: _Limb, arms: _Limb, partner: np.ndarray) -> Rows:
    down = [arms.trunk, *skeleton.ancestors(arms.trunk)]
    hips = next((b for b in [legs.trunk, *skeleton.ancestors(legs.trunk)] if b in down), down[-1])
    rows: Rows = {"hips": (hips,), "spine": tuple(reversed(down[: down.index(hips)]))}
    if down[-1] != hips:
        rows["root"] = (down[-1],)
    up = skeleton.heads[arms.trunk] - skeleton.heads[legs.trunk]
    necks = [int(c) for c in skeleton.children(arms.trunk) if partner[c] == c]
    if not necks:
        return rows
    neck = max(necks, key=lambda bone: (skeleton.heads[bone] - skeleton.heads[arms.trunk]) @ up)
    path = [neck]
    while middle := [int(c) for c in skeleton.children(path[-1]) if partner[c] == c]:
        path.append(max(middle, key=lambda bone: (skeleton.heads[bone] - skeleton.heads[path[-1]]) @ up))
    head = _head(skeleton, path)
    rows["head"] = (path[head],)
    if head:
        rows["neck"] = tuple(path[:head])
    return rows


def _head(skeleton: Skeleton, path: list[int]) -> int:
    """Which bone of neck, …, head, … is the head: where face or hair branch off, else the one before a far end."""
    branching = [i for i, bone in enumerate(path) if len(skeleton.children(bone)) > 1]
    if branching:
        return branching[0]
    steps = np.linalg.norm(np.diff(skeleton.heads[path], axis=0), axis=1)
    if len(path) > 2 and steps.argmax() == len(steps) - 1:
        return len(path) - 2
    return len(path) - 1


def _left_side(skeleton: Skeleton, legs: _Limb, arms: _Limb, axis: int) -> int:
    """Which of a limb's sides is the left one: the feet point ahead, and left is up x ahead."""
    heads = skeleton.heads
    up = normalized(heads[arms.trunk] - heads[legs.trunk])
    ahead = np.zeros(3)
    for path in legs.sides:
        segments = _segments(heads, path)
        foot = path[segments + 2] if segments is not None else path[-1]
        toe = heads[path[-1]] if path[-1] != foot else skeleton.tails[foot]
        ahead += normalized(toe - heads[foot])
    ahead -= up * (ahead @ up)
    ahead[axis] = 0.0
    left = np.cross(up, ahead)
    if abs(left[axis]) < 1e-3:  # feet that tell nothing: who stands in Blender faces -Y
        left = np.cross(up, (0.0, -1.0, 0.0))
    return int(left[axis] > 0)


def _segments(heads: np.ndarray, path: tuple[int, ...]) -> int | None:
    """Where a limb's upper segment begins on its path: the two longest neighbours are upper and lower segment.

    Segments of several bones (twist bones in line) are not told from two segments.
    """
    steps = np.linalg.norm(np.diff(heads[list(path)], axis=0), axis=1)
    if len(steps) < 2:
        return None
    return int(np.minimum(steps[:-1], steps[1:]).argmax())


def _named(side: str, parts: tuple[str, ...], path: tuple[int, ...], upper: int) -> Rows:
    """Roles along a limb: what comes before the upper segment, the segments and the end, and the bone behind."""
    before, *limb, behind = parts
    rows: Rows = {f"{side}_{part}": (path[upper + i],) for i, part in enumerate(limb)}
    if before and upper:
        rows[f"{side}_{before}"] = path[:upper]
    if behind and len(path) > upper + 3:
        rows[f"{side}_{behind}"] = (path[upper + 3],)
    return rows


def _fingers(skeleton: Skeleton, rows: Rows) -> Rows:
    """Five chains on a hand are fingers: the thumb begins nearest the wrist, the others follow across the palm."""
    found: Rows = {}
    for side in SIDES:
        if f"{side}_hand" not in rows or any(f"{side}_{finger}" in rows for finger in FINGERS):
            continue
        wrist = skeleton.heads[rows[f"{side}_hand"][-1]]
        children = [int(c) for c in skeleton.children(rows[f"{side}_hand"][-1]) if skeleton.deform[c]]
        chains = [path for child in children if len(path := _longest_path(skeleton, child)) > 1]
        if len(chains) != len(FINGERS):
            continue
        chains = [_from_knuckle(skeleton, path, wrist) for path in chains]
        base = skeleton.heads[[path[0] for path in chains]]
        thumb = int(np.linalg.norm(base - wrist, axis=1).argmin())
        others = np.delete(base, thumb, 0)
        across = np.linalg.svd(others - others.mean(0))[2][0]
        along = (base - base[thumb]) @ across
        along *= np.sign(along.sum())
        along[thumb] = -np.inf
        order = np.argsort(along)
        found |= {f"{side}_{finger}": chains[i][:3] for finger, i in zip(FINGERS, order, strict=True)}
    return found


def _from_knuckle(skeleton: Skeleton, path: tuple[int, ...], wrist: np.ndarray) -> tuple[int, ...]:
    """The chain without a bone inside the palm."""
    reach = np.linalg.norm(skeleton.heads[list(path[:2])] - wrist, axis=1)
    return path[1:] if len(path) > 3 and reach[0] < 0.5 * reach[1] else path
