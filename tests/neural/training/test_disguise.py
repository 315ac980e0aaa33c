"""A disguised window shows the same person's mirror image in other colours, everywhere alike."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from liquid_samples import write_samples

from neural.networks.generator import carried
from neural.training.dataset import TrainingSet, training_files
from neural.training.disguise import Disguise, random_disguise

MIRROR = Disguise(True, torch.eye(3))


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    files = training_files(write_samples(tmp_path_factory.mktemp("samples")))
    return TrainingSet(files, (64, 48), 1, 2, 2).batch(3, 2, False)


def test_the_mirror_image_of_the_mirror_image_is_the_window_itself(batch):
    again = MIRROR.worn(MIRROR.worn(batch))
    for one in fields(batch):
        value = getattr(batch, one.name)
        if value is not None:
            assert torch.allclose(getattr(again, one.name), value), one.name


def test_mirrored_flows_read_the_mirrored_source_at_the_mirrored_place(batch):
    """Carrying a source's pixels and mirroring is mirroring and carrying."""
    batch = replace(batch, grid=torch.rand(2, batch.grid.shape[1], 32, 24, 2) * 2 - 1)
    mirrored = MIRROR.worn(batch)
    there = carried(mirrored.pictures, mirrored.grid)
    assert torch.allclose(there, carried(batch.pictures, batch.grid).flip(-1), atol=1e-5)


def test_left_becomes_right_on_the_rest_body_and_in_the_normals(batch):
    mirrored = MIRROR.worn(batch).guide.flip(-1)
    assert torch.equal(mirrored[:, [0, 3]], -batch.guide[:, [0, 3]])
    kept = [1, 2, 4, 5, 6, 7, 8, 9]
    assert torch.equal(mirrored[:, kept], batch.guide[:, kept])


def test_a_mirrored_flow_leads_to_the_mirrored_point():
    flow = torch.full((4, 6, 2), torch.nan)
    flow[1, 2] = torch.tensor([5.5, 3.0])
    moved = MIRROR.moved(flow, 20)
    assert moved[1, 3].tolist() == [14.5, 3.0] and int((~moved.isnan()).sum()) == 2
    assert Disguise(False, torch.eye(3)).moved(flow, 20) is flow


def test_colours_change_alike_everywhere_and_grey_turns_to_no_hue(batch):
    rng = np.random.default_rng(3)
    one = replace(random_disguise(rng), mirrored=False)
    worn = one.worn(batch)
    for name in ("pictures", "warp", "truth"):
        before, after = getattr(batch, name), getattr(worn, name)
        wanted = torch.einsum("ij,...jhw->...ihw", one.colours, before[..., :3, :, :]).clamp(0, 1)
        assert torch.allclose(after[..., :3, :, :], wanted, atol=1e-6)
        assert torch.equal(after[..., 3:, :, :], before[..., 3:, :, :])
    greys = [random_disguise(rng).colours.sum(1) for _ in range(50)]
    assert all(float(grey.max() / grey.min()) < 1.6 for grey in greys)  # gains alone tint grey
