"""Antialiased dots, lines and words on uint8 pictures, all of one kind at once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

Colour = tuple[int, int, int]


def draw_dots(
    image: np.ndarray, centres: np.ndarray, radius: float, colours: np.ndarray | Colour, hollow: bool = False
) -> None:
    """Draw dots, or rings where ``hollow``, into ``image`` (H, W, 3) uint8; parts outside are left out.

    Args:
        centres: (N, 2) x, y in pixels with centres at .5. colours: (N, 3) or one for all, [0, 255].
    """
    reach = int(np.ceil(radius + 1.5))
    steps = np.arange(-reach, reach + 1)
    whole = np.floor(centres)
    columns = whole[:, 0, None, None] + steps[None, None, :]
    rows = whole[:, 1, None, None] + steps[None, :, None]
    distance = np.hypot(columns + 0.5 - centres[:, 0, None, None], rows + 0.5 - centres[:, 1, None, None])
    thickness = max(1.0, 0.35 * radius)
    edge = np.abs(distance - radius + thickness / 2) - thickness / 2 if hollow else distance - radius
    shape = np.broadcast_shapes(columns.shape, rows.shape)
    tints = np.broadcast_to(np.asarray(colours, np.float32).reshape(-1, 1, 1, 3), (*shape, 3))
    _paint(image, np.broadcast_to(rows, shape), np.broadcast_to(columns, shape), 0.5 - edge, tints)


def draw_lines(
    image: np.ndarray, starts: np.ndarray, ends: np.ndarray, width: float, colours: np.ndarray | Colour
) -> None:
    """Draw straight lines with round ends into ``image`` (H, W, 3) uint8.

    Only the pixels along each line are looked at, not its bounding box.

    Args:
        starts, ends: (N, 2) x, y in pixels with centres at .5. colours: (N, 3) or one for all, [0, 255].
    """
    size = np.array(image.shape[1::-1])
    tints = np.broadcast_to(np.asarray(colours, np.float32).reshape(-1, 3), (len(starts), 3))
    starts, ends, kept = _clipped(np.asarray(starts, float), np.asarray(ends, float), size, width)
    tints = tints[kept]
    if not len(starts):
        return
    along = ends - starts
    steep = np.abs(along[:, 1]) > np.abs(along[:, 0])
    # (N, 2) with the longer way first
    first = np.where(steep[:, None], starts[:, ::-1], starts)
    way = np.where(steep[:, None], along[:, ::-1], along)
    low = np.floor(np.minimum(first[:, 0], first[:, 0] + way[:, 0]) - width)
    counts = (np.ceil(np.maximum(first[:, 0], first[:, 0] + way[:, 0]) + width) - low).astype(int) + 1
    line = np.repeat(np.arange(len(starts)), counts)
    major = low[line] + np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
    length = np.where(np.abs(way[:, 0]) < 1e-6, 1e-6, way[:, 0])
    share = np.clip((major + 0.5 - first[line, 0]) / length[line], 0, 1)
    reach = int(np.ceil(0.75 * width + 1.5))
    minor = np.floor(first[line, 1] + share * way[line, 1])[:, None] + np.arange(-reach, reach + 1)
    ahead = np.broadcast_to(major[:, None] + 0.5 - first[line, 0, None], minor.shape)
    offset = np.stack([ahead, minor + 0.5 - first[line, 1, None]], axis=-1)
    squared = np.maximum((way**2).sum(1), 1e-9)[line, None]
    nearest = np.clip((offset * way[line, None]).sum(-1) / squared, 0, 1)
    distance = np.linalg.norm(offset - nearest[..., None] * way[line, None], axis=-1)
    majors = np.broadcast_to(major[:, None], minor.shape)
    rows = np.where(steep[line, None], majors, minor)
    columns = np.where(steep[line, None], minor, majors)
    _paint(
        image,
        rows,
        columns,
        width / 2 + 0.5 - distance,
        np.broadcast_to(tints[line, None], (*minor.shape, 3)),
    )


def draw_text(image: np.ndarray, text: str, corner: tuple[float, float], size: int, colour: Colour) -> None:
    """Write one line into ``image`` (H, W, 3) uint8, on a darkened ground.

    Args:
        corner: x, y of the upper left. size: height of the letters' em in pixels.
    """
    coverage = _letters(text, size)
    pad = size // 3
    x, y = int(corner[0]), int(corner[1])
    ground = image[y : y + coverage.shape[0] + 2 * pad, x : x + coverage.shape[1] + 2 * pad]
    ground[:] = ground * 0.35
    place = ground[pad : pad + coverage.shape[0], pad : pad + coverage.shape[1]]
    part = coverage[: place.shape[0], : place.shape[1], None]
    place[:] = place * (1 - part) + part * np.asarray(colour, np.float32)


def _paint(
    image: np.ndarray, rows: np.ndarray, columns: np.ndarray, coverage: np.ndarray, colours: np.ndarray
) -> None:
    """Mix colours (…, 3) into pixels by coverage (…); where shapes overlap, the one that covers more shows."""
    inside = (
        (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1]) & (coverage > 0)
    )
    share = np.minimum(coverage[inside], 1.0)
    order = np.argsort(share, kind="stable")
    row, column = rows[inside].astype(int)[order], columns[inside].astype(int)[order]
    share = share[order, None]
    image[row, column] = np.rint((1 - share) * image[row, column] + share * colours[inside][order])


def _clipped(
    starts: np.ndarray, ends: np.ndarray, size: np.ndarray, margin: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The parts of lines within the picture and ``margin`` around it (Liang and Barsky 1984), and whose they are."""
    way = ends - starts
    way = np.where(np.abs(way) < 1e-9, 1e-9, way)
    limits = np.stack([(-margin - starts) / way, (size + margin - starts) / way])
    enter = np.maximum(limits.min(0).max(1), 0.0)
    leave = np.minimum(limits.max(0).min(1), 1.0)
    kept = np.flatnonzero((enter < leave) & np.isfinite(starts).all(1) & np.isfinite(ends).all(1))
    first, last = enter[kept, None], leave[kept, None]
    return starts[kept] + first * way[kept], starts[kept] + last * way[kept], kept


@lru_cache(maxsize=64)
def _letters(text: str, size: int) -> np.ndarray:
    """(h, w) float32 coverage of a line of text in DejaVu Sans, which comes with matplotlib."""
    import matplotlib
    from matplotlib.ft2font import FT2Font

    font = FT2Font(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"))
    font.set_size(size, 72)
    font.set_text(text, 0.0)
    font.draw_glyphs_to_bitmap(antialiased=True)
    return np.asarray(font.get_image(), np.float32) / 255
