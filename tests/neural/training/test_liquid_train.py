"""Training: a kill changes nothing, recipes are checked, and foreign files are refused."""

import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from liquid_samples import write_samples
from safetensors.torch import load_file, save_file

from neural.networks.generator import Generator, GeneratorConfig
from neural.networks.weights import WeightsError, load_generator, save_generator
from neural.training.config import ConfigError, TrainConfig, load_config
from neural.training.losses import LossWeights
from neural.training.train import CHECKPOINT, FINAL, train

RECIPE = """
data = "samples"
out = "{out}"
steps = 6
batch = 2
height = 64
width = 64
pair_steps = 2
learning_rate = 1e-2
warmup = 1
threads = 1
precision = "float32"
checkpoint_seconds = {seconds}
judge_steps = 3
log_steps = 1
[generator]
base = 4
[loss]
perceptual = 0.0
adversarial = 0.01
adversarial_pair = 0.01
adversarial_from = 2
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    write_samples(folder / "samples")
    return folder


def recipe(work, out, seconds=1e9):
    path = work / f"{out}.toml"
    path.write_text(RECIPE.format(out=out, seconds=seconds))
    return path


@pytest.fixture(scope="module")
def unbroken(work):
    return train(load_config(recipe(work, "unbroken")))


def test_learns_and_logs(work, unbroken):
    assert unbroken.steps == 6
    assert unbroken.figures["liquid_psnr_db"] != unbroken.figures["warp_psnr_db"]
    assert list((work / "unbroken" / "log").glob("events*"))
    assert load_generator(unbroken.weights)[1]["steps"] == 6


@pytest.mark.slow
def test_a_kill_changes_no_bit(work, unbroken):
    path = recipe(work, "killed", seconds=0)
    script = (
        "import sys; from neural.training.config import load_config; from neural.training.train import train; "
        "train(load_config(sys.argv[1]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, str(path)], start_new_session=True
    )
    checkpoint = work / "killed" / CHECKPOINT
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert checkpoint.exists()
    train(load_config(path))
    for name in (CHECKPOINT, FINAL):
        whole, broken = (load_file(work / out / name) for out in ("unbroken", "killed"))
        assert whole.keys() == broken.keys()
        assert all(torch.equal(whole[key], broken[key]) for key in whole)


def test_the_checkpoint_of_another_recipe_is_refused(work, unbroken):
    config = load_config(recipe(work, "unbroken"))
    with pytest.raises(ConfigError, match="belongs to another recipe"):
        train(replace(config, learning_rate=0.5))


def test_training_goes_on_from_given_weights(work, unbroken):
    config = load_config(recipe(work, "onward"))
    trained = train(replace(config, init=unbroken.weights, steps=1, learning_rate=1e-9))
    first, second = (load_generator(path)[0].state_dict() for path in (unbroken.weights, trained.weights))
    assert all(torch.allclose(first[key], second[key], atol=1e-3) for key in first)


def test_the_critic_of_pairs_alone(work):
    """It has nothing to say of steps that come without the frame before."""
    config = load_config(recipe(work, "pairs"))
    config = replace(config, loss=replace(config.loss, adversarial=0.0))
    assert train(config).steps == 6


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('data = "a"\nout = "b"\nstep = 3', "step is unknown; known are data"),
        ('data = "a"\nout = "b"\nsteps = "many"', "steps is 'many', expected int"),
        ('data = "a"\nout = "b"\nheight = 100', "multiple of 16"),
        ('data = "a"\nout = "b"\n[generator]\nblock = "magic"', "choose one of add"),
        ('data = "a"\nout = "b"\n[loss]\nl1 = -1', "must not be negative"),
        ('data = "a"', "out"),
        ("data = ", "not readable as TOML"),
    ],
)
def test_a_wrong_recipe_is_told_in_one_line(tmp_path, text, reason):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=reason) as told:
        load_config(path)
    assert "\n" not in str(told.value) and str(path) in str(told.value)


def test_shipped_recipes_are_understood():
    from pathlib import Path

    import neural

    recipes = sorted((Path(neural.__file__).parent / "data" / "recipes").glob("*.toml"))
    assert [load_config(path).generator.base for path in recipes] == [16, 48]


def test_every_loss_can_be_switched_off(work):
    from neural.training.losses import picture_losses

    pictures = torch.rand(2, 2, 4, 64, 64)
    nothing = LossWeights(0, 0, 0, 0, 0, 0, 0)
    ground = torch.zeros(2, 3, 64, 64)
    assert picture_losses(pictures[0], pictures[1], ground, nothing, None) == {}
    for name in ("l1", "l2", "mask", "gradient", "ssim"):
        parts = picture_losses(pictures[0], pictures[1], ground, replace(nothing, **{name: 1.0}), None)
        assert list(parts) == [name] and float(parts[name]) > 0
        same = picture_losses(pictures[0], pictures[0], ground, replace(nothing, **{name: 1.0}), None)
        assert math.isclose(float(same[name]), 0, abs_tol=1e-5)


def test_the_temporal_loss_is_0_where_the_picture_moves_as_the_truth_does():
    from neural.training.losses import temporal_loss

    truth = torch.rand(1, 4, 16, 16)
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    flow = torch.stack([columns + 0.5, rows + 1.5], dim=-1)[None]
    flow[:, -1] = torch.nan  # moved in from below
    now = torch.cat([truth[..., 1:, :], truth[..., :1, :]], dim=2)
    assert float(temporal_loss(now * 0.5, truth * 0.5, now, truth, flow)) < 1e-6
    flicker = now + 0.1
    assert math.isclose(float(temporal_loss(flicker, truth, now, truth, flow)), 0.1, rel_tol=1e-4)


def generator_file(path, **header):
    save_generator(path, Generator(GeneratorConfig(4)), {"steps": 1, **header})
    return path


def test_broken_weights_are_refused(tmp_path):
    path = generator_file(tmp_path / "a.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"a\.safetensors: broken") as told:
        load_generator(path)
    assert "\n" not in str(told.value)
    path.write_bytes(b"not at all")
    with pytest.raises(WeightsError, match="broken"):
        load_generator(path)
    with pytest.raises(WeightsError, match="no such file"):
        load_generator(tmp_path / "b.safetensors")


def test_foreign_weights_are_refused(tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match="not weights of this kind"):
        load_generator(path)
    with pytest.raises(WeightsError, match="not weights of this kind"):
        load_generator(generator_file(path, kind="liquid-motion training"))
    with pytest.raises(WeightsError, match="format 99"):
        load_generator(generator_file(path, format=99))
    with pytest.raises(WeightsError, match="do not fit this network"):
        load_generator(generator_file(path, generator={"base": 8, "block": "add"}))


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    generator = Generator(GeneratorConfig(4))
    with torch.no_grad():
        generator.leave.bias[0] = torch.nan
    save_generator(tmp_path / "a.safetensors", generator, {})
    with pytest.raises(WeightsError, match="no finite numbers"):
        load_generator(tmp_path / "a.safetensors")


def test_settings_have_limits():
    with pytest.raises(ValueError, match="device 'tpu' is unknown"):
        TrainConfig(data=None, out=None, device="tpu")


def test_the_command_trains_and_says_what_came_out(work, unbroken, capfd):
    from neural.cli import main

    with pytest.raises(SystemExit) as end:
        main(["train", str(recipe(work, "unbroken"))])
    out = capfd.readouterr().out
    assert end.value.code == 0
    assert "generator.safetensors: 6 steps" in out and "gain_db" in out
