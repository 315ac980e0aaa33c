"""A user's own clip as training data: what is written is what the clip shows, and the trainer reads it."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional
from typer.testing import CliRunner

from neural.training.clip_samples import make_clip_samples
from neural.training.dataset import TrainingSet
from neural.training.make_samples import main
from neural.training.samples import SampleFile
from smpl_fitting.errors import NobodyFoundError
from smpl_fitting.video import VideoWriter, open_footage

DRIVING = Path(str(files("neural") / "data" / "demo" / "driving.mp4"))
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The demo's person, 12 neighbouring frames."""
    path = tmp_path_factory.mktemp("clip") / "walk.mp4"
    whole = open_footage(DRIVING)
    with VideoWriter(path, 24, whole.image_size) as writer:
        for _, picture in whole.frames(20, 32):
            writer.write(np.ascontiguousarray(picture[..., :3]))
    return path


@pytest.fixture(scope="module")
def samples(clip, open_body, tmp_path_factory):
    path = tmp_path_factory.mktemp("samples") / "walk.npz"
    make_clip_samples(path, open_footage(clip), open_body, 5)
    return path


def test_the_truth_is_the_clips_own_person(samples):
    file = SampleFile(samples)
    assert file.about["clip"] == "walk.mp4" and file.count >= 5
    for number in range(file.count):
        target = file.target(number)
        person, drawn = target.truth[3] > 0.5, target.inputs.warp[3] > 0.5
        assert float((person & drawn).sum() / (person | drawn).sum()) > 0.8
        off = (target.truth - target.inputs.warp)[:3].abs().mean(0)[person & drawn]
        assert float(off.mean()) < 0.1


def test_pairs_show_the_same_points_where_the_flow_says(samples):
    file = SampleFile(samples)
    assert file.before
    for number, before in file.before.items():
        now, earlier = file.target(number), file.target(before)
        height, width = earlier.truth.shape[1:]
        grid = now.flow / torch.tensor([width, height]) * 2 - 1
        known = ~grid.isnan().any(-1) & (now.truth[3] > 0.9)
        assert int(known.sum()) > 500
        carried = functional.grid_sample(earlier.truth[None], grid.nan_to_num(-9)[None], align_corners=False)[
            0
        ]
        moved = (carried[:3] - now.truth[:3]).abs().mean(0)[known].mean()
        assert float(moved) < 0.06


def test_the_trainer_reads_them(samples):
    batch = TrainingSet([samples], (96, 64), 0, 1, 1).batch(0, 2, pair=True)
    assert batch.pair is not None and batch.truth.shape == (2, 4, 96, 64)


def test_a_clip_of_nobody_is_named(tmp_path, open_body):
    path = tmp_path / "wall.mp4"
    with VideoWriter(path, 24, (96, 128)) as writer:
        for _ in range(4):
            writer.write(np.full((96, 128, 3), 120, np.uint8))
    with pytest.raises(NobodyFoundError, match="wall.mp4"):
        make_clip_samples(tmp_path / "wall.npz", open_footage(path), open_body, 5)
    assert not (tmp_path / "wall.npz").exists()


def test_the_command_wants_something_to_make(tmp_path):
    import typer

    app = typer.Typer()
    app.command()(main)
    assert "both --wardrobe and --mocap" in CliRunner().invoke(app, [str(tmp_path)]).output
