"""Curves of a fit over its frames: how far off, how sure, how the feet and the joints move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from smpl_fitting.pictures.measures import SURE, Measures
from smpl_fitting.video import write_image

_SOLES = ("left heel", "left toe", "right heel", "right toe")
_COLOURS = ("#d95f02", "#f4a460", "#1f78b4", "#87c5ea")


def write_plots(measures: Measures, frames: np.ndarray, worst: list[int], path: str | Path) -> None:
    """Write one picture of five plots.

    Args:
        frames: (T,) numbers of the rows in the footage. worst: rows to mark.
    """
    figure = Figure(figsize=(14, 12), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    errors, surety, feet, touching, shaking = figure.subplots(
        5, 1, sharex=True, height_ratios=(3, 2, 3, 1.2, 3)
    )
    style = {"linewidth": 1.0, "marker": "o" if len(frames) < 3 else ""}
    errors.plot(frames, 100 * measures.error, color="black", **style)
    errors.set_ylabel("landmark error\n% of height")
    _mark_worst(errors, measures, frames, worst)
    surety.plot(frames, measures.confidence, color="black", label="confidence", **style)
    surety.plot(frames, measures.visible, color="#6a3d9a", label="visible landmarks", **style)
    surety.set_ylim(-0.05, 1.05)
    surety.set_ylabel("share")
    for index, (name, colour) in enumerate(zip(_SOLES, _COLOURS, strict=True)):
        feet.plot(frames, 100 * measures.soles[:, index, 2], color=colour, label=name, **style)
    feet.axhline(0, color="gray", linewidth=0.8)
    feet.set_ylabel("sole above ground\ncm")
    touching.imshow(
        _contact_stripes(measures.contacts),
        aspect="auto",
        interpolation="nearest",
        extent=(frames[0] - 0.5, frames[-1] + 0.5, 3.5, -0.5),
    )
    touching.set_yticks(range(4), _SOLES, fontsize=7)
    touching.set_ylabel("contact")
    shaking.plot(frames, measures.acceleration, color="black", **style)
    shaking.set_ylabel("acceleration of the joints\nm/s²")
    shaking.set_xlabel("frame")
    for axes in (surety, feet):
        axes.legend(loc="upper right", fontsize=7, ncols=4)
    for axes in (errors, surety, feet, shaking):
        axes.grid(alpha=0.3)
        _shade_doubt(axes, measures.confidence, frames)
    canvas.draw()
    write_image(path, np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3]))


def _mark_worst(axes: Axes, measures: Measures, frames: np.ndarray, worst: list[int]) -> None:
    for row in worst:
        axes.plot(frames[row], 100 * measures.error[row], "o", color="#e31a1c", markersize=4)
        axes.annotate(str(frames[row]), (frames[row], 100 * measures.error[row]), fontsize=8, color="#e31a1c")
    mean = 100 * np.nanmean(measures.error) if np.isfinite(measures.error).any() else np.nan
    axes.set_title(f"{len(frames)} frames, mean landmark error {mean:.2f} % of the height", fontsize=10)


def _shade_doubt(axes: Axes, confidence: np.ndarray, frames: np.ndarray) -> None:
    """Amber where the pose is unsure, red where nobody was found."""
    step = frames[1] - frames[0] if len(frames) > 1 else 1
    for chosen, colour in (((confidence > 0) & (confidence < SURE), "orange"), (confidence == 0, "red")):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(int)))
        for start, stop in edges.reshape(-1, 2):
            axes.axvspan(frames[start] - step / 2, frames[stop - 1] + step / 2, color=colour, alpha=0.15)


def _contact_stripes(contacts: np.ndarray) -> np.ndarray:
    """(4, T, 3) each sole's colour where it touches the ground, white where not."""
    import matplotlib.colors

    tints = np.array([matplotlib.colors.to_rgb(colour) for colour in _COLOURS])
    share = contacts.T[..., None]
    return share * tints[:, None] + (1 - share)
