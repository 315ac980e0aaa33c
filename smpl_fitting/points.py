"""Points of the body and how they move with pose, place and shape: the analytic Jacobians of the fit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from smpl_fitting.body import BodyModel
from smpl_fitting.body.skinning import blend_shapes, forward_kinematics

Index = Tensor | slice


@dataclass(frozen=True)
class Linear:
    """Points of T frames with their derivatives, in the axes of ``trans``.

    ``lever``: a turn ``w`` (radians, in the points' own axes) of joint ``a`` with all that hangs on it moves
    point l by ``w x lever[t, l, a]``. ``shape``: by beta. By ``trans`` every point moves alike.
    """

    points: Tensor  # (T, L, 3)
    lever: Tensor  # (T, L, A, 3)
    shape: Tensor  # (T, L, 3, B)

    @cached_property
    def by_frame(self) -> Tensor:
        """(T, L, 3, 3 A + 3) the Jacobian by all turns and ``trans``: ``w x lever`` is ``-[lever]x w``."""
        x, y, z = self.lever.unbind(-1)
        zero = torch.zeros_like(x)
        rows = (
            torch.stack((zero, z, -y), -1),
            torch.stack((-z, zero, x), -1),
            torch.stack((y, -x, zero), -1),
        )
        turned = torch.stack(rows, 2).flatten(3)
        return torch.cat((turned, torch.eye(3).expand(*turned.shape[:2], 3, 3)), -1)


@dataclass(frozen=True)
class Posed:
    """The skeleton in T frames."""

    turns: Tensor  # (T, J, 3, 3) from the body's axes to those of trans
    joints: Tensor  # (T, J, 3)
    rest_joints: Tensor  # (J, 3)
    joint_shape: Tensor  # (T, J, 3, B) the joints' derivative by beta; B = 0 where nobody asks
    features: Tensor | None  # (T, (J-1)*9) of the pose correctives, where the model has them


class PointSet:
    """Points that are weighted sums of vertices, gathered by the joint that moves them.

    A point is ``sum_j G_j m_lj + c_lj x_j``, with G, x the joints' global rotations and places, so that the part
    of it that hangs on joint a moves about x_a with a single lever (see :class:`Linear`).
    """

    def __init__(self, body: BodyModel, vertices: Tensor, shares: Tensor, free: Tensor) -> None:
        """vertices: (L, K) ids, shares: (L, K). free: (A,) the joints that may turn."""
        self._body = body
        self._vertices, self._free = vertices, free
        self._weights = body.weights[vertices] * shares[..., None]  # (L, K, J)
        self._share = self._weights.sum(1)  # (L, J)
        self._template = torch.einsum("lkj,lkc->ljc", self._weights, body.v_template[vertices])
        self._shapedirs = torch.einsum("lkj,lkcb->ljcb", self._weights, body.shapedirs[vertices])
        self._hangs = descendants(body.parent_ids)[free]  # (A, J)
        self._hanging_share = self._share @ self._hangs.T  # (L, A)

    def evaluate(self, posed: Posed, betas: Tensor) -> Linear:
        """The points and their derivatives in all frames."""
        return self._linear(posed, betas, slice(None), slice(None))

    def evaluate_some(self, posed: Posed, betas: Tensor, frames: Tensor, chosen: Tensor) -> Linear:
        """Of the frames (F,) the points ``chosen`` (F, N), others in each frame."""
        return self._linear(posed, betas, frames, chosen)

    def positions(self, posed: Posed, betas: Tensor, frames: Tensor) -> Tensor:
        """(F, L, 3) the points alone."""
        turns = posed.turns[frames]
        arms = self._arms(posed, betas, frames, slice(None)).flatten(2)  # (1 or F, L, J * 3)
        turned = arms @ turns.transpose(2, 3).flatten(1, 2)
        return turned + self._share @ posed.joints[frames]

    def _arms(self, posed: Posed, betas: Tensor, frames: Index, chosen: Index) -> Tensor:
        """(1 or T, L, J, 3) what each joint carries of each point, in its own axes at rest."""
        arms = self._template + self._shapedirs @ betas - self._share[..., None] * posed.rest_joints
        arms = arms[chosen] if isinstance(chosen, Tensor) else arms[None]
        if posed.features is not None:
            corrected = self._correctives(posed.features[frames])
            if isinstance(chosen, Tensor):
                corrected = corrected[torch.arange(len(chosen))[:, None], chosen]
            arms = arms + corrected
        return arms

    def _linear(self, posed: Posed, betas: Tensor, frames: Index, chosen: Index) -> Linear:
        turns, joints = posed.turns[frames], posed.joints[frames]
        share, hanging_share = self._share[chosen], self._hanging_share[chosen]
        arms = self._arms(posed, betas, frames, chosen).expand(len(turns), -1, -1, -1)
        pieces = torch.einsum("tjab,tljb->tlja", turns, arms) + share[..., None] * joints[:, None]
        hanging = torch.einsum("aj,tljc->tlac", self._hangs, pieces)
        lever = hanging - hanging_share[..., None] * joints[:, None, self._free]
        return Linear(pieces.sum(2), lever, self._shape(turns, posed.joint_shape[frames], chosen))

    def _shape(self, turns: Tensor, joint_shape: Tensor, chosen: Index) -> Tensor:
        wanted = joint_shape.shape[-1]
        arms = (self._shapedirs - self._share[..., None, None] * self._body.J_shapedirs)[..., :wanted][chosen]
        each = "t" if isinstance(chosen, Tensor) else ""  # whether every frame has points of its own
        moved = torch.einsum(f"tjab,{each}ljbs->tlas", turns, arms)
        return moved + torch.einsum(f"{each}lj,tjas->tlas", self._share[chosen], joint_shape)

    def _correctives(self, features: Tensor) -> Tensor:
        posedirs = self._body.posedirs
        assert posedirs is not None
        moved = torch.einsum("lkcp,tp->tlkc", posedirs[self._vertices], features)
        return torch.einsum("lkj,tlkc->tljc", self._weights, moved)


class JointSet:
    """The joints as points: they move with what stands above them."""

    def __init__(self, body: BodyModel, joints: Tensor, free: Tensor) -> None:
        """joints: (L,) ids. free: (A,) the joints that may turn."""
        self._joints, self._free = joints, free
        self._hangs = descendants(body.parent_ids)[free][:, joints].T.clone()  # (L, A)

    def evaluate(self, posed: Posed) -> Linear:
        points = posed.joints[:, self._joints]
        lever = self._hangs[..., None] * (points[:, :, None] - posed.joints[:, None, self._free])
        return Linear(points, lever, posed.joint_shape[:, self._joints])


def pose_body(body: BodyModel, rotations: Tensor, trans: Tensor, betas: Tensor, shape: bool = True) -> Posed:
    """The skeleton of local rotations (T, J, 3, 3) at ``trans`` (T, 3); ``shape``: with derivatives by the betas."""
    rest = blend_shapes(betas, body.J_template, body.J_shapedirs)
    turns, joints = forward_kinematics(rotations, rest, body.parent_ids)
    joint_shape = joints.new_zeros(*joints.shape, 0)
    if shape:
        parents = torch.tensor((0, *body.parent_ids[1:]))
        ancestors = descendants(body.parent_ids).T.clone()  # (J, J): joint, above
        ancestors[:, 0] = 0  # the pelvis stays where trans puts it, but for its own shape
        bones = body.J_shapedirs - body.J_shapedirs[parents]
        reach = torch.einsum("tjab,jbs->tjas", turns[:, parents], bones)
        joint_shape = torch.einsum("ja,tacs->tjcs", ancestors, reach) + body.J_shapedirs[0]
    features = None
    if body.posedirs is not None:
        features = (rotations[:, 1:] - torch.eye(3)).flatten(1)
    return Posed(turns, joints + trans[:, None], rest, joint_shape, features)


def descendants(parents: tuple[int, ...]) -> Tensor:
    """(J, J) float: 1 where the second joint is the first or hangs on it."""
    table = torch.eye(len(parents))
    for joint, parent in enumerate(parents):
        if parent >= 0:
            table[:, joint] += table[:, parent]
    return table
