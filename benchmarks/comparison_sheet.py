"""Sheets of best and worst cases: ``python benchmarks/comparison_sheet.py PICTURES OUT.jpg``.

PICTURES is what ``reenactment.py --pictures`` kept. A row for each case, at the left the best by the perceptual
distance of the renderer named last, at the right the worst: the true picture, then every renderer's, cut to the person.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from neural.metrics import person_box
from neural.perceptual import lite2_distance
from smpl_fitting.pictures.canvas import draw_text
from smpl_fitting.pictures.layout import below, beside, scaled
from smpl_fitting.video import read_image, write_image

HEIGHT = 300  # pixels of a row
TRUTH = "truth"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--renderers", nargs="+", default=["visible", "warp", "liquid"])
    parser.add_argument("--each", type=int, default=3, help="how many best and how many worst")
    options = parser.parse_args()
    cases = [
        path
        for path in sorted(options.pictures.glob(f"**/*_{TRUTH}.png"))
        if all(_beside(path, name).exists() for name in options.renderers)
    ]
    judged = sorted(((distance(path, options.renderers[-1]), path) for path in cases), key=lambda one: one[0])
    names = (TRUTH, *options.renderers)
    columns = []
    for chosen in (judged[: options.each], judged[-options.each :]):
        columns.append(below([row(path, names) for _, path in chosen], gap=4))
        for value, path in chosen:
            print(f"{value:.3f} {path.relative_to(options.pictures)}")
    write_image(options.out, beside(columns, gap=24))


def other(path: Path, name: str) -> np.ndarray:
    """The picture of the same frame by a renderer."""
    return read_image(_beside(path, name))[..., :3]


def _beside(path: Path, name: str) -> Path:
    return path.with_name(path.name.replace(TRUTH, name))


def distance(path: Path, name: str) -> float:
    """Perceptual distance on what differs from the empty room, at least 32 pixels."""
    value = lite2_distance(other(path, name), read_image(path)[..., :3], box(path))
    return float("inf") if value is None else value


def box(path: Path) -> tuple[int, int, int, int]:
    """Around the person: what is not as in the picture's corner column by column is taken for them."""
    truth = read_image(path)[..., :3].astype(int)
    behind = np.median(np.concatenate([truth[:, :4], truth[:, -4:]], axis=1), axis=1, keepdims=True)
    away = (np.abs(truth - behind).max(-1) > 40).astype(np.float32)
    found = person_box(away, 0.06)
    assert found is not None
    return found


def row(path: Path, names: tuple[str, ...]) -> np.ndarray:
    x0, y0, x1, y1 = box(path)
    cells = []
    for name in names:
        cell = scaled(np.ascontiguousarray(other(path, name)[y0:y1, x0:x1]), HEIGHT)
        draw_text(cell, name, (0, 0), 13, (255, 255, 255))
        cells.append(cell)
    return beside(cells, gap=4)


if __name__ == "__main__":
    main()
