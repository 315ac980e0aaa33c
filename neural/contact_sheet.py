"""One picture that shows what a transfer did: the sources, and below each other driving and result over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from smpl_fitting.pictures.layout import below, beside, opaque, scaled
from smpl_fitting.video import Footage, read_image, write_image

MOMENTS = 5
HEIGHT = 420  # pixels of each row
GAP = 6


def write_contact_sheet(
    path: Path,
    sources: Sequence[np.ndarray],
    driving: Footage,
    frames: range,
    result_path: Callable[[int], Path],
    first: int = 1,
) -> None:
    """Write the sheet: the first source at the left over both rows' height, then driving above result.

    Args:
        sources: (H, W, 3) uint8 pictures; frames: of the driving clip, in the order of the results;
        result_path: gives the picture file of a result by its number, which starts at ``first``.
    """
    rows = np.unique(np.linspace(0, len(frames) - 1, MOMENTS).round().astype(int))
    columns = [scaled(opaque(sources[0]), 2 * HEIGHT + GAP)]
    for row in rows:
        above = scaled(opaque(driving.frame(frames[int(row)])), HEIGHT)
        result = scaled(opaque(read_image(result_path(int(row) + first))), HEIGHT)
        columns.append(below([above, result], gap=GAP))
    write_image(path, beside(columns, gap=GAP))
