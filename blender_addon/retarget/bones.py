"""The axes of every mapped target bone in the world, from those of the source's."""

from __future__ import annotations

import numpy as np

from .chains import resample_chain, share_twist
from .clip import Clip
from .figure import NEXT, Figure
from .rotations import slerp, split_twist, transpose
from .skeleton import FINGERS

_BASES = {
    "spine": ("hips",),
    "neck": ("spine", "hips"),
    "upper_arm": ("shoulder", "spine", "hips"),
    "lower_arm": ("upper_arm",),
    "upper_leg": ("hips",),
    "lower_leg": ("upper_leg",),
}
"""What a part hangs from: nearest first."""
_UPPER, _LOWER = ("upper_arm", "upper_leg"), ("lower_arm", "lower_leg")


def turn_bones(
    clip: Clip, source: Figure, target: Figure, corrections: dict[int, np.ndarray], *, fingers: bool = True
) -> dict[int, np.ndarray]:
    """World axes (T, 3, 3) by target bone, for the roles that both have; the root is left to ``root``.

    Args:
        corrections: from ``rest.align``.
    """
    rest = clip.rest_rotations()
    deltas = {
        role: clip.rotations[:, chain] @ transpose(rest[list(chain)]) for role, chain in source.chains.items()
    }
    result: dict[int, np.ndarray] = {}
    for role, chain in target.chains.items():
        part = role.partition("_")[2]
        if role not in deltas or role == "root" or (part in FINGERS and not fingers):
            continue
        if part in FINGERS or role in ("spine", "neck"):
            base = _base(source, deltas, role, clip.frame_count)
            knots, at = _ends(source, role), _ends(target, role)
            turns = dict(
                zip(chain, np.moveaxis(resample_chain(base, deltas[role], knots, at), 1, 0), strict=True)
            )
        else:
            turns = _segment(source, target, role, deltas, corrections)
        for bone, delta in turns.items():
            result[bone] = delta @ corrections[bone] @ target.skeleton.rest[bone, :3, :3]
    return result


def _segment(
    source: Figure,
    target: Figure,
    role: str,
    deltas: dict[str, np.ndarray],
    corrections: dict[int, np.ndarray],
) -> dict[int, np.ndarray]:
    """Deltas (T, 3, 3) of one limb segment's bones: the main one, twist bones in line, and twist bones beside it.

    Bones in line share the segment's own twist from its base on. A bone beside an upper segment gives back the
    part of the twist that the skin near the shoulder or hip must not follow; one beside a lower segment takes
    the part of the hand's or foot's twist that is due where it sits.
    """
    side, _, part = role.partition("_")
    chain = target.chains[role]
    line = in_line(target, role)
    delta = deltas[role][:, in_line(source, role)[-1]]
    end = target.end(role)
    if len(chain) == 1 or end is None:
        return dict.fromkeys(chain, delta)
    along = end - target.head(role)
    axis = corrections[chain[0]] @ along / np.linalg.norm(along)
    base = _base(source, deltas, role, len(delta))
    heads = target.skeleton.heads
    ends = [*(heads[chain[k]] for k in line[1:]), end]
    shares = np.array([(point - target.head(role)) @ along / (along @ along) for point in ends])
    turns = np.moveaxis(share_twist(base, delta, axis, np.clip(shares, 0.0, 1.0)), 1, 0)
    result = {chain[k]: turn for k, turn in zip(line, turns, strict=True)}
    for bone in chain:
        if bone in result:
            continue
        share = np.clip([(heads[bone] - target.head(role)) @ along / (along @ along)], 0.0, 1.0)
        beyond = f"{side}_{NEXT.get(part)}"
        if part in _UPPER:
            result[bone] = share_twist(base, delta, axis, share)[:, 0]
        elif part in _LOWER and beyond in deltas:
            twist = split_twist(transpose(delta) @ deltas[beyond][:, 0], axis)[1]
            result[bone] = delta @ slerp(np.eye(3), twist, share)
        else:
            result[bone] = delta
    return result


def in_line(figure: Figure, role: str) -> list[int]:
    """Which bones of a segment's chain (positions in it) lead to the next joint: twist bones beside it do not."""
    side, _, part = role.partition("_")
    chain = figure.chains[role]
    following = figure.chains.get(f"{side}_{NEXT.get(part)}")
    if following is None:
        return [0]
    above = set(figure.skeleton.ancestors(following[0]))
    return [0, *(k for k, bone in enumerate(chain) if k and bone in above)]


def _ends(figure: Figure, role: str) -> np.ndarray:
    """Shares of the chain's length at which its bones end, the last 1."""
    steps = np.linalg.norm(np.diff(figure.joints(role), axis=0), axis=1)
    along = np.cumsum(steps)
    return along / max(along[-1], 1e-9)


def _base(source: Figure, deltas: dict[str, np.ndarray], role: str, frames: int) -> np.ndarray:
    """Delta (T, 3, 3) of what a role's chain stands on."""
    side, _, part = role.partition("_")
    names = (f"{side}_hand",) if part in FINGERS else _BASES.get(part or role, _BASES.get(role, ()))
    for name in names:
        for key in (name, f"{side}_{name}"):
            if key in deltas:
                return deltas[key][:, -1]
    return np.broadcast_to(np.eye(3), (frames, 3, 3))
