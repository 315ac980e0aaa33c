"""Whose look is taken where a source shows two people."""

from pathlib import Path

import numpy as np
import pytest

from neural.jobs import load_job
from neural.jobs.context import JobContext
from neural.sources import fit_sources
from smpl_fitting.body import load_body
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.video import open_footage, read_image, write_image

DEMO = Path(__file__).parents[2] / "neural" / "data" / "demo"


@pytest.mark.slow
def test_choice_of_person(tmp_path):
    """The demo's two people side by side: who is asked for is who is fitted."""
    left = read_image(DEMO / "source.jpg")[..., :3]
    right = open_footage(DEMO / "driving.mp4").frame(30)[..., :3]
    rows = np.arange(len(left)) * len(right) // len(left)
    columns = np.arange(len(left) * right.shape[1] // len(right)) * len(right) // len(left)
    both = tmp_path / "both.png"
    write_image(both, np.concatenate([left, right[rows][:, columns]], axis=1))
    places = []
    for number in (0, 1):
        [view] = fit_sources([both], load_body("open"), people=[number]).views
        pixels, _ = view.camera.project(view.vertices)
        places.append(float(pixels[:, 0].mean()))
    assert places[0] < left.shape[1] < places[1]


def test_as_many_choices_as_sources():
    with pytest.raises(LiquidMotionError, match="names 2 for 1 sources"):
        load_job("subject")(
            {"sources": ["a.jpg"], "people": [0, 1], "out": "x", "body": "open"},
            JobContext(log=lambda _: None),
        )
