"""The fit job draws the pictures it is asked for, of the demo's photo."""

from pathlib import Path

import pytest

from neural.jobs.context import JobContext
from neural.jobs.fit import run
from smpl_fitting.video import read_image

PHOTO = Path(__file__).parents[3] / "neural/data/demo/source.jpg"


@pytest.mark.slow
def test_pictures_of_a_photo(tmp_path):
    params = {"clip": PHOTO, "out": tmp_path / "m.npz", "pictures": tmp_path / "pictures"}
    result = run(params, JobContext())
    assert result["pictures"] == tmp_path / "pictures" and result["overlay"] is None
    assert sorted(path.name for path in result["pictures"].iterdir()) == [
        "errors.png",
        "fit.png",
        "worst.png",
    ]
    assert read_image(result["pictures"] / "fit.png").shape[0] >= 360
