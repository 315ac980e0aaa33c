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
    landmark_weights: Tensor  # (33, K), rows sum to one
    hm08_index: Tensor | None = None  # (V,) open body only: each vertex's id in MakeHuman's base mesh

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
                self.v_template[rows],
                self.shapedirs[rows],
                None if self.posedirs is None else self.posedirs[rows],
                self.J_template,
                self.J_shapedirs,
                self.weights[rows],
                self.parent_ids,
            )
        )

    def landmarks(self, betas: Tensor, poses: Tensor, trans: Tensor | None = None) -> Tensor:
        """(T, 33, 3) MediaPipe's pose landmarks, without evaluating more of the mesh than they rest on."""
        if self.posedirs is None and betas.ndim == 1:
            template, directions = self._landmark_points
            rotations = pose_matrices(poses, self.num_joints)
            rest_joints = blend_shapes(betas, self.J_template, self.J_shapedirs)
            transforms, _ = joint_transforms(rotations, rest_joints, trans, self.parent_ids)
            return skin_linear(template + directions[..., : len(betas)] @ betas, transforms)
        used, place = self._landmark_rows
        vertices = self(betas, poses, trans, used).vertices
        return (vertices[:, place] * self.landmark_weights[..., None]).sum(2)

    def joints(self, betas: Tensor, poses: Tensor, trans: Tensor | None = None) -> Tensor:
        """(T, J, 3) posed joints."""
        rest = blend_shapes(betas, self.J_template, self.J_shapedirs)
        rotations = pose_matrices(poses, self.num_joints)
        joints = forward_kinematics(rotations, rest, self.parent_ids)[1]
        return joints if trans is None else joints + trans[:, None]

    def shaped(self, betas: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices (V, 3) and joints (J, 3) at rest; a leading T where betas are (T, B)."""
        return (
            blend_shapes(betas, self.v_template, self.shapedirs),
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
            )
        }
        empty = np.zeros((self.num_vertices, 3, 0), np.float32)
        arrays["posedirs"] = empty if self.posedirs is None else self.posedirs.cpu().numpy()
        arrays["betas"] = np.asarray(torch.as_tensor(betas).detach().cpu(), np.float32)
        arrays["joint_names"] = np.array(self.joint_names)
        arrays["name"], arrays["gender"] = np.array(self.name), np.array(self.gender)
        arrays["format_version"] = np.array(EXPORT_VERSION)
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)

    @cached_property
    def _landmark_rows(self) -> tuple[Tensor, Tensor]:
        """The vertices that landmarks use, each once, and where (33, K) finds them among those."""
        return torch.unique(self.landmark_vertices, return_inverse=True)

    @cached_property
    def _landmark_points(self) -> tuple[Tensor, Tensor]:
        """The landmarks as rows for :func:`skin_linear`: (33, J*4) and its change per beta (33, J*4, B).

        A landmark is a sum of vertices, and so is its row; both are linear in the betas.
        """
        rows, share = self.landmark_vertices, self.landmark_weights[..., None]
        weights = self.weights[rows] * share  # (33, K, J)
        ones, still = torch.ones_like(share), torch.zeros_like(self.shapedirs[rows][..., :1, :])
        template = torch.cat((self.v_template[rows], ones), -1)
        directions = torch.cat((self.shapedirs[rows], still), -2)
        return (
            torch.einsum("lkj,lkc->ljc", weights, template).flatten(1),
            torch.einsum("lkj,lkcb->ljcb", weights, directions).flatten(1, 2),
        )
