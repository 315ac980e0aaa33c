"""The rasterizer against 56 cases recorded from PyTorch3D 0.7.9 on the CPU."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from smpl_fitting.geometry import rasterize_meshes

_FILE = Path(__file__).parents[2] / "data" / "pytorch3d_rasterize_meshes.npz"
_KEYWORDS = {
    "blur_radius": float,
    "faces_per_pixel": int,
    "perspective_correct": bool,
    "clip_barycentric_coords": bool,
    "cull_backfaces": bool,
}
OUTPUTS = ("pix_to_face", "zbuf", "bary_coords", "dists")


@dataclass(frozen=True)
class Case:
    verts: list[torch.Tensor]
    faces: list[torch.Tensor]
    image_size: tuple[int, int]
    keywords: dict
    outputs: dict[str, torch.Tensor]


def case_names() -> list[str]:
    with np.load(_FILE) as arrays:
        return sorted({name.split("/")[0] for name in arrays.files})


def load_case(name: str) -> Case:
    with np.load(_FILE) as arrays:
        count = int(arrays[f"{name}/n"])
        z_clip_value = float(arrays[f"{name}/z_clip_value"])
        keywords = {key: kind(arrays[f"{name}/{key}"]) for key, kind in _KEYWORDS.items()}
        keywords["z_clip_value"] = None if math.isnan(z_clip_value) else z_clip_value
        return Case(
            verts=[torch.from_numpy(arrays[f"{name}/verts{n}"]) for n in range(count)],
            faces=[torch.from_numpy(arrays[f"{name}/faces{n}"]) for n in range(count)],
            image_size=tuple(arrays[f"{name}/image_size"].tolist()),
            keywords=keywords,
            outputs={key: torch.from_numpy(arrays[f"{name}/{key}"]) for key in OUTPUTS},
        )


CASES = case_names()


def test_all_cases_are_here():
    assert len(CASES) == 56


@pytest.mark.parametrize("gradients", [False, True], ids=["kernel", "torch"])
@pytest.mark.parametrize("name", CASES)
def test_equal_to_pytorch3d_bit_for_bit(name, gradients):
    """With gradients, depth, barycentrics and distances are computed anew by torch."""
    case = load_case(name)
    verts = [v.requires_grad_(gradients) for v in case.verts]
    outputs = rasterize_meshes(verts, case.faces, case.image_size, backend="warp", **case.keywords)
    for output, key in zip(outputs, OUTPUTS, strict=True):
        assert torch.equal(output.detach(), case.outputs[key].to(output.dtype)), key


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("backend", ["warp", "pytorch3d"])
def test_same_faces_on_cuda(backend):
    if backend == "pytorch3d":
        pytest.importorskip("pytorch3d._C", reason="needs PyTorch3D")
    for name in CASES:
        case = load_case(name)
        verts, faces = [v.cuda() for v in case.verts], [f.cuda() for f in case.faces]
        outputs = rasterize_meshes(verts, faces, case.image_size, backend=backend, **case.keywords)
        assert torch.equal(outputs[0].cpu(), case.outputs["pix_to_face"].long()), name
        for output, key in list(zip(outputs, OUTPUTS, strict=True))[1:]:
            torch.testing.assert_close(output.cpu(), case.outputs[key], atol=1e-5, rtol=1e-4)


def test_pytorch3d_backend_is_pytorch3d():
    pytest.importorskip("pytorch3d._C", reason="needs PyTorch3D")
    for name in CASES:
        case = load_case(name)
        if max(case.image_size) > 64:  # minutes by PyTorch3D on the CPU
            continue
        outputs = rasterize_meshes(
            case.verts, case.faces, case.image_size, backend="pytorch3d", **case.keywords
        )
        for output, key in zip(outputs, OUTPUTS, strict=True):
            assert torch.equal(output, case.outputs[key].to(output.dtype)), (name, key)
