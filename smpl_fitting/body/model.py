"""The body: a shape-blended, skinned mesh in SMPL's layout, with texture space, parts and landmarks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from smpl_fitting.body.skinning import (
    blend_shapes,
    forward_kinematics,
    joint_transforms,
    lbs,
    pose_matrices,
    pose_shapes,
    skin_linear,
)
from smpl_fitting.files import atomic_path

EXPORT_VERSION = 1


class BodyOutput(NamedTuple):
    vertices: Tensor  # (T, V', 3)
    joints: Tensor  # (T, J, 3)


@dataclass(frozen=True)
class BodyModel:
    """One body model, Y-up and facing +Z at rest, metres. All tensors are float32 or int64 on one device."""

    name: str  # "open", "smpl", "smplh" or "smplx"
    gender: str
    joint_names: tuple[str, ...]
    v_template: Tensor  # (V, 3)
    shapedirs: Tensor  # (V, 3, B), betas of unit variance
    posedirs: Tensor | None  # (V, 3, (J-1)*9), None where the model has no pose correctives
    J_template: Tensor  # (J, 3) joints of the template
    J_shapedirs: Tensor  # (J, 3, B)
    weights: Tensor  # (V, J)
    parents: Tensor  # (J,), the root's -1
    faces: Tensor  # (F, 3), counter-clockwise seen from outside
    uv: Tensor  # (U, 2) in [0, 1], v up; no two faces share texels
    faces_uv: Tensor  # (F, 3) into uv
    part_labels: Tensor  # (F,) uint8 into PART_NAMES
    mirror: Tensor  # (V,) the left-right partner of each vertex
    landmark_vertices: Tensor  # (33, K) of MediaPipe's pose landmarks
    landmark_weights: Tensor  # (33, K), rows sum to one; they may be negative
    sole_vertices: Tensor  # (4, K) under left heel, left toe, right heel, right toe
    clothing: Tensor | None = None  # (V, 3) rest-pose offsets of clothes and hair; see smpl_fitting.clothing
    hm08_index: Tensor | None = None  # (V,) open body only: each vertex's id in MakeHuman's base mesh

    @cached_property
    def _template(self) -> Tensor:
        """(V, 3) the template as it is dressed."""
        return self.v_template if self.clothing is None else self.v_template + self.clothing

    @property
    def num_betas(self) -> int:
        return self.shapedirs.shape[-1]

    @property
    def num_joints(self) -> int:
        return len(self.joint_names)

    @property
    def num_vertices(self) -> int:
        return len(self.v_template)

    @cached_property
    def parent_ids(self) -> tuple[int, ...]:
        """``parents`` as plain numbers."""
        return tuple(self.parents.tolist())

    def to(self, device: torch.device | str) -> BodyModel:
        moved: dict[str, Any] = {
            field.name: value.to(device)
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return dataclasses.replace(self, **moved)

    def __call__(
        self, betas: Tensor, poses: Tensor, trans: Tensor | None = None, vertex_index: Tensor | None = None
    ) -> BodyOutput:
        """The posed vertices (all, or those of ``vertex_index``) and joints. Arguments as in :func:`lbs`."""
        rows = slice(None) if vertex_index is None else vertex_index
        return BodyOutput(
            *lbs(
                betas,
                poses,
                trans,
                self._template[rows],
                self.shapedirs[rows],
                None if self.posedirs is None else self.posedirs[rows],
                self.J_template,
                self.J_shapedirs,
                self.weights[rows],
                self.parent_ids,
            )
        )

    def landmarks(self, betas: Tensor, poses: Tensor, trans: Tensor | None = None) -> Tensor:
        """(T, 33, 3) MediaPipe's pose landmarks, at the price of a dozen vertices."""
        return self._points(self._landmark_pieces, len(self.landmark_vertices), betas, poses, trans)

    def soles(self, betas: Tensor, poses: Tensor, trans: Tensor | None = None) -> Tensor:
        """(T, 4, 3) where the feet meet the ground: left heel, left toe, right heel, right toe, on the bare soles."""
        return self._points(self._sole_pieces, len(self.sole_vertices), betas, poses, trans)

    def joints(self, betas: Tensor, poses: Tensor, trans: Tensor | None = None) -> Tensor:
        """(T, J, 3) posed joints."""
        rest = blend_shapes(betas, self.J_template, self.J_shapedirs)
        rotations = pose_matrices(poses, self.num_joints)
        joints = forward_kinematics(rotations, rest, self.parent_ids)[1]
        return joints if trans is None else joints + trans[:, None]

    def shaped(self, betas: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices (V, 3) and joints (J, 3) at rest; a leading T where betas are (T, B)."""
        return (
            blend_shapes(betas, self._template, self.shapedirs),
            blend_shapes(betas, self.J_template, self.J_shapedirs),
        )

    def save_export(self, path: str | Path, betas: Tensor | np.ndarray) -> None:
        """Write the body and one person's ``betas`` as plain numpy arrays: Blender has no torch."""
        arrays = {
            name: getattr(self, name).cpu().numpy()
            for name in (
                "v_template",
                "shapedirs",
                "J_template",
                "J_shapedirs",
                "weights",
                "parents",
                "faces",
                "uv",
                "faces_uv",
                "part_labels",
                "mirror",
                "landmark_vertices",
                "landmark_weights",
                "sole_vertices",
            )
        }
        empty = np.zeros((self.num_vertices, 3, 0), np.float32)
        bare = torch.zeros_like(self.v_template) if self.clothing is None else self.clothing
        arrays["clothing"] = bare.cpu().numpy()
        arrays["posedirs"] = empty if self.posedirs is None else self.posedirs.cpu().numpy()
        arrays["betas"] = np.asarray(torch.as_tensor(betas).detach().cpu(), np.float32)
        arrays["joint_names"] = np.array(self.joint_names)
        arrays["name"], arrays["gender"] = np.array(self.name), np.array(self.gender)
        arrays["format_version"] = np.array(EXPORT_VERSION)
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)

    @cached_property
    def _landmark_pieces(self) -> _Pieces:
        return self._pieces(self.landmark_vertices, self.landmark_weights)

    @cached_property
    def _sole_pieces(self) -> _Pieces:
        share = torch.full(self.sole_vertices.shape, 1 / self.sole_vertices.shape[1])
        return self._pieces(self.sole_vertices, share.to(self.weights))

    def _pieces(self, vertices: Tensor, shares: Tensor) -> _Pieces:
        """Weighted sets of vertices, (L, K) ids and weights, gathered by the joint that moves them.

        A point is ``sum_k a_k sum_j w_kj (R_j v_k + s_j)``, that is ``sum_j (R_j q_j + c_j s_j)`` with
        ``q_j = sum_k a_k w_kj v_k``: as linear in betas and pose correctives as a vertex is, and a handful of
        joints instead of K vertices.
        """
        weights = self.weights[vertices] * shares[..., None]  # (L, K, J)
        owner, joint = torch.nonzero(weights.abs().sum(1) > 0, as_tuple=True)
        chosen = weights[owner, :, joint]  # (P, K)
        rows = vertices[owner]

        def gather(table: Tensor) -> Tensor:
            return torch.einsum("pk,pkc...->pc...", chosen, table[rows])

        correctives = None if self.posedirs is None else gather(self.posedirs)
        return _Pieces(
            owner,
            joint,
            gather(self.v_template),
            gather(self.shapedirs),
            correctives,
            chosen.sum(1, keepdim=True),
        )

    def _points(
        self, pieces: _Pieces, count: int, betas: Tensor, poses: Tensor, trans: Tensor | None
    ) -> Tensor:
        rotations = pose_matrices(poses, self.num_joints)
        rest_joints = blend_shapes(betas, self.J_template, self.J_shapedirs)
        transforms, _ = joint_transforms(rotations, rest_joints, trans, self.parent_ids)
        rest = pose_shapes(blend_shapes(betas, pieces.template, pieces.shapedirs), rotations, pieces.posedirs)
        if rest.ndim == 2:
            rows = rest.new_zeros(count * self.num_joints, 4)
            place = pieces.owner * self.num_joints + pieces.joint
            rows = rows.index_add(0, place, torch.cat((rest, pieces.share), 1))
            return skin_linear(rows.view(count, -1), transforms)
        chosen = transforms[:, pieces.joint]
        moved = (chosen[..., :3] @ rest[..., None])[..., 0] + pieces.share * chosen[..., 3]
        return moved.new_zeros(len(moved), count, 3).index_add(1, pieces.owner, moved)


class _Pieces(NamedTuple):
    owner: Tensor  # (P,) the point that each piece adds to
    joint: Tensor  # (P,) the joint that moves it
    template: Tensor  # (P, 3)
    shapedirs: Tensor  # (P, 3, B)
    posedirs: Tensor | None  # (P, 3, (J-1)*9)
    share: Tensor  # (P, 1) of the joint's translation
