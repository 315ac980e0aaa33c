"""Where the liquid renderer's network looks: windows around the person, and around her head.

The network's answer is a correction, which can be enlarged; so a person who fills a large picture is looked at smaller
than she is shown, and her head once more from closer by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neural.subject import Subject
from smpl_fitting.body.names import PART_NAMES
from smpl_fitting.geometry import Camera

STATURE = 384
"""Pixels from sole to crown, standing, at which the network sees the person at most."""
HEAD = 112
"""Pixels from the head's lowest point to the crown at which the network sees the head, from closer by, at most."""
MULTIPLE = 16
"""Sides of windows are multiples of this: the network halves four times."""
_MARGIN = 0.06  # of the stature around the body: hair, skirts, and the misfit
_HEAD_MARGIN = 0.25  # of the head's height: hair, and room to fade


@dataclass(frozen=True)
class Scope:
    """What of the body the network looks at, and how closely.

    Attributes:
        vertices: (N,) their numbers. metres: its height in the rest pose, which is shown by ``pixels`` at most.
        margin: around it, a share of that height.
    """

    vertices: Tensor
    metres: float
    pixels: int
    margin: float


@dataclass(frozen=True)
class Window:
    """A part of a picture at the network's scale: ``box`` x0, y0, x1, y1 in the picture's pixels, which may reach
    beyond it; ``size`` (height, width) at the network's scale; ``camera`` of exactly that view."""

    box: tuple[int, int, int, int]
    size: tuple[int, int]
    camera: Camera


def person_scope(subject: Subject) -> Scope:
    """The whole person."""
    return Scope(torch.arange(len(subject.surface.rest)), stature(subject), STATURE, _MARGIN)


def head_scope(subject: Subject) -> Scope:
    """The head alone."""
    vertices = head_vertices(subject.surface.faces, subject.surface.part_labels)
    heights = subject.surface.rest[vertices, 1]
    return Scope(vertices, float(heights.amax() - heights.amin()), HEAD, _HEAD_MARGIN)


def head_vertices(faces: Tensor, part_labels: Tensor) -> Tensor:
    """(N,) numbers of the head's vertices; faces (F, 3), their parts (F,)."""
    return faces[part_labels == PART_NAMES.index("head")].unique()


def stature(subject: Subject) -> float:
    """Metres from sole to crown in the rest pose."""
    return float(subject.surface.rest[:, 1].amax() - subject.surface.rest[:, 1].amin())


def scope_window(vertices: Tensor, camera: Camera, scope: Scope) -> Window | None:
    """The window around the person or her head; None where that is out of the picture.

    Its scale follows from the rest pose's height and the distance, not from how far she stretches: so it does not
    change with her movements.

    Args:
        vertices: (V, 3) world.
    """
    shown = vertices[scope.vertices]
    box = camera.covering_box(shown)
    if box is None:
        return None
    _, depth = camera.project(shown)
    pixels_tall = float(camera.K[1, 1]) * scope.metres / max(float(depth.median()), 0.1)
    scale = min(1.0, scope.pixels / pixels_tall)
    margin = scope.margin * pixels_tall
    sides, starts, ends = [], [], []
    for low, high in ((box[1], box[3]), (box[0], box[2])):
        side = _round_up((high - low + 2 * margin) * scale)
        span = round(side / scale)
        start = round((low + high - span) / 2)
        sides.append(side)
        starts.append(start)
        ends.append(start + span)
    whole = (starts[1], starts[0], ends[1], ends[0])
    return Window(whole, (sides[0], sides[1]), camera.cropped(whole).resized((sides[0], sides[1])))


def cropped(planes: Tensor, box: tuple[int, int, int, int]) -> Tensor:
    """The box of (C, H, W), zeros beyond the picture."""
    x0, y0, x1, y1 = box
    height, width = planes.shape[1:]
    out = planes.new_zeros(planes.shape[0], y1 - y0, x1 - x0)
    top, bottom, left, right = max(y0, 0), min(y1, height), max(x0, 0), min(x1, width)
    if bottom > top and right > left:
        out[:, top - y0 : bottom - y0, left - x0 : right - x0] = planes[:, top:bottom, left:right]
    return out


def _round_up(side: float) -> int:
    return max(MULTIPLE, int(np.ceil(side / MULTIPLE)) * MULTIPLE)
