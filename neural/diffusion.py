"""Diffusion of values on the body's surface, freely round the limbs and hardly along them.

Clothes are cut round the body, so colours and the thickness of cloth are carried round it: steady-state diffusion
with an anisotropic tensor, by linear finite elements on the rest pose's mesh, where texture seams do not exist.
"""

from __future__ import annotations

import torch
from scipy import sparse
from scipy.sparse import linalg
from torch import Tensor

from neural.surface import Refined, Surface
from smpl_fitting.body import BodyModel
from smpl_fitting.body.names import LANDMARK_NAMES


def landmark(body: BodyModel, rest: Tensor, name: str) -> Tensor:
    """(3,) a landmark on the rest vertices (V, 3) of the body."""
    index = LANDMARK_NAMES.index(name)
    return (rest[body.landmark_vertices[index]] * body.landmark_weights[index][:, None]).sum(0)


def limb_axes(body: BodyModel, refined: Refined, limbs_along: float) -> tuple[Tensor, Tensor]:
    """The direction (F, 3) of the limb each face lies on, in the rest pose, and the conductance (F,) along it.

    Trunk: upwards. Arms and legs: from the joint to the next. Hands, feet and head have no one axis.
    """
    joints = body.J_template
    names = body.joint_names
    axis = torch.zeros(len(names), 3)
    axis[:, 1] = 1.0
    along = torch.full((len(names),), 1.0)
    chains = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist"}
    for index, name in enumerate(names):
        side, _, kind = name.partition("_")
        if kind in chains:
            axis[index] = joints[names.index(f"{side}_{chains[kind]}")] - joints[index]
            along[index] = limbs_along
        elif name in ("pelvis", "spine1", "spine2", "spine3") or kind == "collar":
            along[index] = limbs_along
    weights = refined.lift(body.weights)[refined.surface.faces].mean(1)
    owner = weights.argmax(1)
    return torch.nn.functional.normalize(axis[owner], dim=-1), along[owner]


def gradients(surface: Surface, axes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients (F, 3, 3) of the three linear shape functions, their parts (F, 3) along the axis, areas (F,)."""
    p = surface.rest.double()[surface.faces]
    edges = p.roll(-2, 1) - p.roll(-1, 1)  # opposite to each corner
    normal = torch.linalg.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0], dim=-1)
    double_area = normal.norm(dim=-1).clamp(min=1e-12)
    unit = normal / double_area[:, None]
    gradient = torch.linalg.cross(unit[:, None].expand_as(edges), edges, dim=-1) / double_area[:, None, None]
    return gradient, (gradient * axes.double()[:, None]).sum(-1), double_area / 2


def stiffness(surface: Surface, axes: Tensor, along: Tensor, strength: Tensor) -> sparse.csc_matrix:
    """The finite-element matrix of div(D grad c), D = 1 round the axis and ``along`` along it, per face."""
    gradient, on_axis, area = gradients(surface, axes)
    value = gradient @ gradient.transpose(1, 2)
    value = value - (1 - along.double())[:, None, None] * on_axis[:, :, None] * on_axis[:, None, :]
    value = value * (area * strength.double())[:, None, None]
    faces, count = surface.faces, len(surface.rest)
    row = faces[:, :, None].expand(-1, 3, 3).reshape(-1).numpy()
    column = faces[:, None, :].expand(-1, 3, 3).reshape(-1).numpy()
    return sparse.csc_matrix((value.reshape(-1).numpy(), (row, column)), shape=(count, count))


def solve(matrix: sparse.csc_matrix, weight: Tensor, value: Tensor, pull: Tensor, anchor: Tensor) -> Tensor:
    """Minimise the diffusion's energy plus weighted squared distances to values and to anchors.

    Args:
        matrix: from :func:`stiffness`. weight, pull: (V,) of values and anchors (V, C).

    Returns:
        (V, C).
    """
    data, held = weight.double().numpy(), pull.double().numpy()
    right = data[:, None] * value.double().numpy() + held[:, None] * anchor.double().numpy()
    factor = linalg.splu(
        (matrix + sparse.diags(data + held)).tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return torch.from_numpy(factor.solve(right)).float()
