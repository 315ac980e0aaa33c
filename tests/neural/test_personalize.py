"""Personalising: a subject's own weights, better on fits kept aside, resumed, and found by the renderer."""

import shutil
import time

import pytest
import torch
from painted import level_camera

from neural.liquid import PERSONAL, LiquidRenderer
from neural.networks.generator import Generator, GeneratorConfig
from neural.networks.weights import load_generator, save_generator
from neural.personalize import MOST_SECONDS, personalize
from neural.subject import load_subject
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.progress import Cancelled, Progress

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def general(tmp_path_factory):
    """Weights that give everybody a cast of 0.15: what a person's sources can mend."""
    path = tmp_path_factory.mktemp("weights") / "general.safetensors"
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(4))
    torch.nn.init.constant_(generator.leave.bias[:12], 0.15)
    save_generator(path, generator, {})
    return path


@pytest.fixture(scope="module")
def person(subject, tmp_path_factory):
    """A copy of the subject that may be written to."""
    folder = tmp_path_factory.mktemp("person") / "subject"
    shutil.copytree(subject.path, folder)
    return load_subject(folder)


@pytest.fixture
def short(monkeypatch):
    """20 large steps instead of hundreds: what is tested shows in these."""
    monkeypatch.setattr("neural.personalize._MOST_STEPS", 20)
    monkeypatch.setattr("neural.personalize._JUDGED_EVERY", 5)
    monkeypatch.setattr("neural.personalize._MISFITS", 1)
    monkeypatch.setattr("neural.personalize._LEARNING_RATE", 3e-3)


def test_broken_off_and_gone_on_with(person, open_body, general, short):
    half_done = person.path / "liquid-half-done.safetensors"
    stages = []
    progress = Progress(lambda stage, fraction: stages.append(stage), half_done.exists)
    with pytest.raises(Cancelled):
        personalize(person, open_body, 90, progress, general)
    assert not (person.path / PERSONAL).exists()
    assert {"Preparing", "Learning the person"} <= set(stages)
    assert load_generator(half_done)[1]["steps"] == 5

    done = personalize(person, open_body, 90, weights=general)
    assert done.steps == 20
    assert done.loss < done.loss_before
    assert done.weights == person.path / PERSONAL
    assert sorted(path.name for path in person.path.glob("liquid*")) == [PERSONAL]

    again = personalize(person, open_body, 90, weights=general)
    assert again == done  # an ended run is not repeated

    camera = level_camera((160, 120))
    vertices = person.vertices[0]
    own = LiquidRenderer(general).render(person, vertices, camera, camera.image_size)
    others = LiquidRenderer(general, personal=False).render(person, vertices, camera, camera.image_size)
    assert (own.rgba != others.rgba).any()


def test_a_run_that_gains_nothing_is_not_repeated_either(person, open_body, short, tmp_path, monkeypatch):
    """Steps so large that they spoil the network."""
    monkeypatch.setattr("neural.personalize._LEARNING_RATE", 1.0)
    weights = tmp_path / "fine.safetensors"
    save_generator(weights, Generator(GeneratorConfig(4)), {})
    done = personalize(person, open_body, 90, weights=weights)
    assert done.weights is None and done.loss == done.loss_before
    assert not (person.path / PERSONAL).exists()  # not even those learned from other general weights
    started = time.monotonic()
    assert personalize(person, open_body, 90, weights=weights) == done
    assert time.monotonic() - started < 1


def test_limits(person, open_body, general):
    with pytest.raises(LiquidMotionError, match=f"choose up to {MOST_SECONDS:g}"):
        personalize(person, open_body, 500, weights=general)
