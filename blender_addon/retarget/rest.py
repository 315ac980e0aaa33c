"""Rest-pose alignment: the target posed as the source is at rest.

For every mapped bone there is a rotation C from the target's armature space to the world in which the source rests,
such that C R_t is the target bone in the source's rest pose. Then the bone follows the source by

    P_t = (P_s R_s^-1) C R_t

with P and R the bones' axes posed and at rest, in the world.
"""

from __future__ import annotations

import numpy as np

from .figure import NEXT, Figure
from .rotations import about_axis, nearest_rotation, normalized, swing
from .skeleton import FINGERS, SIDES

_SAME = 2e-3
"""Bodies whose segments differ by no more than this share of their length are one body in two rest poses."""


def align(source: Figure, target: Figure, pose: np.ndarray | None = None) -> dict[int, np.ndarray]:
    """C (3, 3) by target bone, for the mapped bones.

    Both rest poses are taken to stand in the same way: the body's axes are matched as a whole, then limbs and fingers
    are swung parents first, the shortest way, onto the directions of the source's. Trunk, head and shoulders keep
    their rest, since spines are bent and collar bones placed differently from rig to rig. Feet are flat in both
    rest poses, so they only turn about the vertical. If the two have one body, nothing of this is a matter of
    build, and all directions are matched.

    Args:
        source, target: both mapped.
        pose: (B, 3, 3) axes of the target's bones in armature space when it is posed as the source rests; given by
            the user where rest poses are too far apart to guess. Then nothing is swung.
    """
    to_world = nearest_rotation(source.skeleton.world[:3, :3])
    whole = to_world @ source.facing() @ target.facing().T
    if pose is not None:
        rest = target.skeleton.rest[:, :3, :3]
        return {bone: whole @ pose[bone] @ rest[bone].T for chain in target.chains.values() for bone in chain}
    same = one_body(source, target)
    up = to_world @ source.facing()[:, 2]
    result: dict[int, np.ndarray] = {}

    def inherited(role: str, above: tuple[str, ...]) -> np.ndarray:
        return next((result[target.chains[other][-1]] for other in above if other in target.chains), whole)

    for role, above in _parents_first():
        if role not in target.chains:
            continue
        C = inherited(role, above)
        part = role.partition("_")[2]
        if role in source.chains:
            if part == "foot" and not same:
                C = _flat(source, target, role, whole, to_world, up)
            elif part in FINGERS or (part in NEXT and part != "shoulder") or part == "hand" or same:
                for bone, before, after in _directions(source, target, role):
                    C = swing(C @ before, to_world @ after) @ C
                    result[bone] = C
            if part == "hand":
                C = _palm(source, target, role, C, to_world)
        for bone in target.chains[role]:
            result.setdefault(bone, C)
        if part == "hand":
            result[target.chains[role][0]] = C
    return result


def one_body(source: Figure, target: Figure) -> bool:
    """Whether both have the same build, up to scale: every segment, with as many bones."""
    roles = [
        f"{side}_{part}"
        for side in SIDES
        for part in ("upper_arm", "lower_arm", "upper_leg", "lower_leg", "foot")
    ]
    roles += ["spine"]
    if not (source.has(*roles) and target.has(*roles)):
        return False
    if len(source.chains["spine"]) != len(target.chains["spine"]):
        return False
    lengths = []
    for figure in (source, target):
        steps = [np.linalg.norm(np.diff(figure.joints(role), axis=0), axis=1) for role in roles]
        if len({len(step) for step in steps[:-1]}) != 1:
            return False
        lengths.append(np.concatenate(steps))
    ratio = lengths[1] / np.maximum(lengths[0], 1e-9)
    return bool(np.ptp(ratio) < _SAME * np.mean(ratio))


def _parents_first() -> list[tuple[str, tuple[str, ...]]]:
    """Each role, with the roles whose correction it takes on where it has none of its own, nearest first."""
    order: list[tuple[str, tuple[str, ...]]] = [("root", ()), ("hips", ())]
    trunk = ("hips", "spine", "neck", "head", "jaw")
    order += [(role, tuple(reversed(trunk[: i + 1]))) for i, role in enumerate(trunk[1:])]
    for side in SIDES:
        arm = [f"{side}_{part}" for part in ("shoulder", "upper_arm", "lower_arm", "hand")]
        leg = [f"{side}_{part}" for part in ("upper_leg", "lower_leg", "foot", "toes")]
        for limb, base in ((arm, ("spine", "hips")), (leg, ("hips",))):
            order += [(role, (*reversed(limb[:i]), *base)) for i, role in enumerate(limb)]
        order += [(f"{side}_{finger}", (f"{side}_hand",)) for finger in FINGERS]
    return order


def _directions(source: Figure, target: Figure, role: str) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """(bone, its direction, the source's direction there), each in its own armature space; unknown ones left out.

    Limb segments count as one, whatever twist bones they have; fingers and spines bone by bone, the source's
    direction being that at the same share of the length.
    """
    chain = target.chains[role]
    part = role.partition("_")[2]
    if part not in FINGERS and role not in ("spine", "neck"):
        ends = source.end(role), target.end(role)
        if ends[0] is None or ends[1] is None:
            return []
        return [(chain[0], ends[1] - target.head(role), ends[0] - source.head(role))]
    theirs, ours = source.joints(role), target.joints(role)
    if source.end(role) is None or target.end(role) is None:  # the last bone follows the one before
        theirs, ours = theirs[: len(theirs) - 1], ours[: len(ours) - 1]
    if len(theirs) < 2 or len(ours) < 2:
        return []
    if len(theirs) == len(ours):
        return list(zip(chain, np.diff(ours, axis=0), np.diff(theirs, axis=0), strict=False))
    along = _shares(theirs)
    middle = (_shares(ours)[1:] + _shares(ours)[:-1]) / 2
    segment = np.clip(np.searchsorted(along, middle) - 1, 0, len(theirs) - 2)
    return list(zip(chain, np.diff(ours, axis=0), np.diff(theirs, axis=0)[segment], strict=False))


def _shares(joints: np.ndarray) -> np.ndarray:
    """Arc length at each joint as a share of the whole."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(joints, axis=0), axis=1))])
    return along / max(along[-1], 1e-9)


def _flat(
    source: Figure, target: Figure, role: str, whole: np.ndarray, to_world: np.ndarray, up: np.ndarray
) -> np.ndarray:
    """A foot that stays flat: turned about ``up`` (in the world) to the source's heading, where both have toes."""
    toes = role.replace("foot", "toes")
    if not (source.has(toes) and target.has(toes)):
        return whole
    ours = whole @ (target.head(toes) - target.head(role))
    theirs = to_world @ (source.head(toes) - source.head(role))
    ours, theirs = (normalized(v - up * (v @ up)) for v in (ours, theirs))
    angle = np.arctan2(np.cross(ours, theirs) @ up, ours @ theirs)
    return about_axis(up, angle) @ whole


def _palm(source: Figure, target: Figure, role: str, C: np.ndarray, to_world: np.ndarray) -> np.ndarray:
    """A hand turned about its own direction until its row of knuckles lies as the source's does."""
    side = role.partition("_")[0]
    across = []
    for figure in (source, target):
        present = [f"{side}_{f}" for f in FINGERS[1:] if f"{side}_{f}" in figure.chains]
        if len(present) < 2:
            return C
        across.append(figure.head(present[0]) - figure.head(present[-1]))
    along = normalized(to_world @ (source.end(role) - source.head(role)))
    theirs, ours = to_world @ across[0], C @ across[1]
    theirs, ours = (normalized(v - along * (v @ along)) for v in (theirs, ours))
    angle = np.arctan2(np.cross(ours, theirs) @ along, ours @ theirs)
    return about_axis(along, angle) @ C
