"""Training samples: what is written is read, steps get the same windows always, damage is told."""

import numpy as np
import pytest
import torch
from liquid_samples import SIZE, target, write_samples

from neural.training.dataset import TrainingSet, training_files
from neural.training.samples import SampleError, SampleFile, save_samples


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_samples(tmp_path_factory.mktemp("samples"))


def training_set(folder, **changes):
    settings = {"size": (64, 48), "seed": 5, "pool_files": 2, "file_steps": 2} | changes
    return TrainingSet(training_files(folder), **settings)


def test_comes_back_to_the_precision_of_the_file(tmp_path):
    wanted = target(7, before=0)
    save_samples(tmp_path / "a.npz", torch.rand(2, 4, 48, 48), [target(6), wanted], {})
    read = SampleFile(tmp_path / "a.npz").target(1)
    assert torch.allclose(read.truth, wanted.truth, atol=0.5 / 255)
    assert torch.allclose(read.inputs.guide, wanted.inputs.guide, atol=0.5 / 127)
    assert torch.allclose(read.inputs.grid, wanted.inputs.grid, atol=1e-4)
    assert torch.allclose(read.flow, wanted.flow, atol=0.02, equal_nan=True)
    assert read.before == 0


def test_a_step_always_gets_the_same_windows(folder):
    first, second = training_set(folder), training_set(folder)
    for step in range(7):
        first.batch(step, 3, step % 2 == 0)
    for step in (6, 0):
        one, other = first.batch(step, 3, True), second.batch(step, 3, True)
        assert torch.equal(one.truth, other.truth) and torch.equal(one.background, other.background)
    assert not torch.equal(first.batch(1, 3, False).truth, first.batch(2, 3, False).truth)


def test_every_file_is_met(folder):
    data = training_set(folder, pool_files=1, file_steps=1)
    met = set()
    for step in range(3):
        data.batch(step, 1, False)
        met |= set(data._loaded)
    assert met == set(training_files(folder))


def test_a_sample_that_is_still_being_written_is_none_yet(folder):
    torn = folder / ".00007-x1y2z3.npz"
    torn.write_bytes(b"half")
    try:
        assert torn not in training_files(folder)
    finally:
        torn.unlink()


def test_what_a_window_holds_belongs_together(folder):
    """The warp of these samples is the truth and a little noise, more of it in brighter colours."""
    batch = training_set(folder).batch(3, 4, False)
    assert batch.truth.shape == (4, 4, 64, 48)
    assert batch.grid.shape[2:] == (32, 24, 2)
    assert float((batch.warp - batch.truth).abs().max()) < 0.12


def test_the_flow_leads_to_the_same_point_of_the_frame_before(folder):
    """Their flow moves everything two rows down, in pixels of the whole windows."""
    data = training_set(folder)
    batch = data.batch(0, 2, True)
    known = ~batch.flow.isnan().any(-1)
    assert bool(known.any())
    row, column = known[0].nonzero()[len(known[0].nonzero()) // 2].tolist()
    x, y = batch.flow[0, row, column].tolist()
    coverage = batch.truth[0, 3:]  # which no disguise recolours, but it may be the mirror image's
    for part, there in ((coverage, column), (coverage.flip(-1), coverage.shape[2] - 1 - column)):
        for file in data._loaded.values():
            if at := _holds(file.target(1).truth[3:], part):
                wanted = file.target(0).truth[3, at[0] + row + 2, at[1] + there]
    assert batch.pair.truth[0, 3, int(y), int(x)] == pytest.approx(float(wanted), abs=1e-6)


def _holds(whole, part):
    for top in range(0, SIZE[0] - part.shape[1] + 1, 2):
        for left in range(0, SIZE[1] - part.shape[2] + 1, 2):
            if torch.equal(whole[:, top : top + part.shape[1], left : left + part.shape[2]], part):
                return top, left
    return None


def test_no_files_is_an_error(tmp_path):
    with pytest.raises(SampleError, match="make them with"):
        training_set(tmp_path)


def test_damage_is_told(tmp_path):
    path = tmp_path / "a.npz"
    save_samples(path, torch.rand(1, 4, 48, 48), [target(6, 1)], {})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SampleError, match=r"a\.npz: not readable"):
        SampleFile(path)
    np.savez(path, about=np.array('{"targets": 1, "before": {}, "format": 1}'))
    with pytest.raises(SampleError, match="pictures is missing"):
        SampleFile(path)
