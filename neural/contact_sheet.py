"""One picture that shows what a transfer did: the sources, and below each other driving and result over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

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
    columns = []
    for row in rows:
        above = _scaled(driving.frame(frames[int(row)])[..., :3], HEIGHT)
        below = _scaled(_opaque(read_image(result_path(int(row) + first))), HEIGHT)
        width = max(above.shape[1], below.shape[1])
        columns.append(np.concatenate([_padded(above, width), _gap_row(width), _padded(below, width)]))
    left = _scaled(sources[0][..., :3], 2 * HEIGHT + GAP)
    pieces = [left]
    for column in columns:
        pieces += [np.full((left.shape[0], GAP, 3), 255, np.uint8), column]
    write_image(path, np.ascontiguousarray(np.concatenate(pieces, axis=1)))


def _gap_row(width: int) -> np.ndarray:
    return np.full((GAP, width, 3), 255, np.uint8)


def _scaled(image: np.ndarray, height: int) -> np.ndarray:
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    planes = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
    planes = torch.nn.functional.interpolate(planes, size=(height, width), mode="bicubic", antialias=True)
    return planes[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()


def _padded(image: np.ndarray, width: int) -> np.ndarray:
    left = (width - image.shape[1]) // 2
    return np.pad(image, ((0, 0), (left, width - image.shape[1] - left), (0, 0)), constant_values=255)


def _opaque(image: np.ndarray) -> np.ndarray:
    """A picture with alpha over light gray."""
    if image.shape[2] == 3:
        return image
    alpha = image[..., 3:].astype(np.float32) / 255
    return (image[..., :3] * alpha + 230 * (1 - alpha)).astype(np.uint8)
