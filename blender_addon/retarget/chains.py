"""How the source's turning is shared out: over spines of other bone counts, and over twist bones.

``delta`` is a bone's rotation from its rest pose in the world, P R^-1, (T, 3, 3).
"""

from __future__ import annotations

import numpy as np

from .rotations import slerp, split_twist, transpose


def resample_chain(base: np.ndarray, deltas: np.ndarray, knots: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Deltas (T, n, 3, 3) of a chain of n bones from those of a chain of m.

    A bone's turn is reached at its end; between, the chain bends evenly. So the last bone of either chain turns the
    same, and equal chains turn bone by bone.

    Args:
        base: (T, 3, 3) delta of what the chain stands on, reached at share 0 of its length.
        deltas: (T, m, 3, 3) of the source's bones.
        knots: (m,) shares of the source chain's length at which its bones end, the last 1.
        at: (n,) shares of the target chain's length at which its bones end, the last 1.
    """
    if len(at) == len(knots):
        return deltas
    values = np.concatenate([base[:, None], deltas], 1)
    along = np.concatenate([[0.0], knots])
    low = np.clip(np.searchsorted(along, at, side="left") - 1, 0, len(knots) - 1)
    t = (at - along[low]) / np.maximum(along[low + 1] - along[low], 1e-9)
    return slerp(values[:, low], values[:, low + 1], np.clip(t, 0.0, 1.0)[None])


def share_twist(base: np.ndarray, delta: np.ndarray, axis: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Deltas (T, n, 3, 3) that turn from ``base`` to ``delta``: the whole swing each, the twist by their share.

    Args:
        base, delta: (T, 3, 3).
        axis: (3,) the segment's direction at rest, in the space the deltas act on.
        shares: (n,) 0 to 1.
    """
    turned, twist = split_twist(transpose(base) @ delta, axis)
    partial = slerp(np.eye(3), twist[:, None], shares[None])
    return base[:, None] @ turned[:, None] @ partial
