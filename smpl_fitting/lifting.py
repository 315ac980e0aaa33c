"""Where the detector's landmarks are in space: a small network that knows how the detector errs.

MediaPipe's 3D landmarks shrink towards the picture plane and guess the depth of feet and hidden limbs, most of all
in back views. The network was trained on rendered people whose bodies are known (``scripts/train_lifter.py``): it
tells the direction of every bone and how far that is to be believed (a Gaussian's mean and spread, as in Kendall and
Gal 2017). It reads each frame by itself with the residual layers of Martinez et al. 2017, and then the frames of the
0.6 s before and after by dilated convolutions over time, as in Pavllo et al. 2019: what is hidden now was not, or will
not be, a moment away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from smpl_fitting.landmarks import BONES, LANDMARK

WEIGHTS = Path(__file__).parent / "data" / "lifter.npz"
FEATURES = 33 * 7  # x, y, depth and visibility in the picture; x, y, z in space
WIDTH, BLOCKS = 256, 2
STEP = 0.1  # seconds between the frames that are read together
DILATIONS = (1, 2, 3)  # steps
REACH = sum(DILATIONS)
CHUNK = 2000  # frames that are looked at at once
_NAMES = list(LANDMARK)
MIRROR = [
    LANDMARK[n.replace("left", "RIGHT").replace("right", "left").replace("RIGHT", "right")] for n in _NAMES
]
_ACROSS = [(b, a) == (MIRROR[a], MIRROR[b]) for a, b in BONES]
_MIRRORED_BONES = [
    i if across else BONES.index((MIRROR[a], MIRROR[b]))
    for i, ((a, b), across) in enumerate(zip(BONES, _ACROSS, strict=True))
]


@dataclass(frozen=True)
class Lifted:
    """What one frame's landmarks say, T frames, in the axes of a camera that faces the person; spreads are
    standard deviations of each component."""

    points: Tensor  # (T, 33, 3) metres of an average person, from the middle of the hips
    directions: Tensor  # (T, B, 3) of BONES; about unit length
    direction_spreads: Tensor  # (T, B)
    offsets: Tensor  # (T, 33, 2) from the detected landmarks to the body's own, pixels
    pixel_spreads: Tensor  # (T, 33) as a share of the landmarks' extent


class Lifter(nn.Module):
    """(T, FEATURES) of :func:`features` and (T, 2 REACH + 1) rows of :func:`frames_around` to the numbers of
    :class:`Lifted`, offsets as shares of the extent."""

    mean: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("scale", torch.ones(FEATURES))
        self.first = nn.Linear(FEATURES, WIDTH)
        self.blocks = nn.ModuleList(_residual(WIDTH) for _ in range(BLOCKS))
        self.over_time = nn.ModuleList(_residual(3 * WIDTH) for _ in DILATIONS)
        self.nobody = nn.Parameter(torch.zeros(1, WIDTH))  # stands for a frame that is not there
        self.sizes = (33 * 3, len(BONES) * 3, len(BONES), 33 * 2, 33)
        self.last = nn.Linear(WIDTH, sum(self.sizes))

    def forward(self, features: Tensor, around: Tensor) -> Lifted:
        hidden = self.first(((features - self.mean) / self.scale).clamp(-5, 5))
        for block in self.blocks:
            hidden = hidden + block(hidden)
        for dilation, block in zip(DILATIONS, self.over_time, strict=True):
            known = torch.cat((hidden, self.nobody))  # row -1
            before, after = (known[around[:, REACH + step]] for step in (-dilation, dilation))
            hidden = hidden + block(torch.cat((hidden, before, after), -1))
        points, directions, spreads, offsets, pixel_spreads = self.last(hidden).split(self.sizes, -1)
        # the detector's own answer is where the network starts
        given = features.view(-1, 33, 7)
        return Lifted(
            given[..., 4:] + points.view(-1, 33, 3),
            bone_directions(given[..., 4:]) + directions.view(-1, len(BONES), 3),
            spreads.clamp(-4, 1).exp(),
            0.1 * offsets.view(-1, 33, 2),
            0.01 * pixel_spreads.clamp(-3, 4).exp(),
        )


def _residual(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(width, WIDTH),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(WIDTH, WIDTH),
    )


def frames_around(found: np.ndarray, fps: float, cuts: Sequence[int] | np.ndarray = ()) -> Tensor:
    """Rows of the frames that are read together with each frame, -1 where nobody was found or another shot is.

    Args:
        found: (T,) bool. cuts: rows at which another shot begins.

    Returns:
        (T, 2 REACH + 1) int64, ``STEP`` apart, the frame itself in the middle.
    """
    count, step = len(found), max(1, round(STEP * fps))
    own = np.arange(count)
    rows = own[:, None] + step * np.arange(-REACH, REACH + 1)
    inside = rows.clip(0, count - 1)
    shot = np.searchsorted(np.asarray(cuts, np.int64), own, side="right")
    there = (rows == inside) & found[inside] & (shot[inside] == shot[:, None])
    return torch.from_numpy(np.where(there, rows, -1))


def features(keypoints: Tensor, world: Tensor) -> Tensor:
    """(T, FEATURES) of landmarks (T, 33, 4: x px, y px, depth, visibility) and (T, 33, 3) metres: of any size and
    place in the picture alike."""
    middle, size = extent(keypoints)
    points = keypoints[..., :3] / size
    points = torch.cat((points[..., :2] - middle / size, points[..., 2:], keypoints[..., 3:], world), -1)
    return points.flatten(1)


def extent(keypoints: Tensor) -> tuple[Tensor, Tensor]:
    """Middle (T, 1, 2) and longer side (T, 1, 1) in pixels of the box around landmarks (T, 33, 2 or more)."""
    low, high = keypoints[..., :2].amin(1), keypoints[..., :2].amax(1)
    return ((low + high) / 2)[:, None], (high - low).amax(-1).clamp_min(1.0)[:, None, None]


def mirrored(keypoints: Tensor, world: Tensor) -> tuple[Tensor, Tensor]:
    """The landmarks of the person in a mirror (and of the picture turned over)."""
    flipped, reflected = keypoints[:, MIRROR].clone(), world[:, MIRROR].clone()
    flipped[..., 0] *= -1
    reflected[..., 0] *= -1
    return flipped, reflected


def lift(keypoints: Tensor, world: Tensor, around: Tensor) -> Lifted:
    """What the detector's landmarks say about the body.

    Args:
        keypoints: (T, 33, 4) x px, y px, depth, visibility. world: (T, 33, 3) metres, hip-centred, OpenCV axes.
        around: (T, 2 REACH + 1) of :func:`frames_around`.
    """
    count = len(around)
    away = (around - torch.arange(count)[:, None]).abs()
    margin = int(away[around >= 0].max()) if count else 0
    network, pieces = load_lifter(), []
    for start in range(0, count, CHUNK):
        low, high = max(0, start - margin), min(count, start + CHUNK + margin)
        near = around[low:high] - low
        near = near.masked_fill((near < 0) | (near >= high - low), -1)
        with torch.no_grad():
            said = answer(network, keypoints[low:high], world[low:high], near)
        wanted = slice(start - low, start - low + CHUNK)
        pieces.append([getattr(said, field.name)[wanted] for field in fields(said)])
    return Lifted(*(torch.cat(column) for column in zip(*pieces, strict=True)))


def answer(network: Lifter, keypoints: Tensor, world: Tensor, around: Tensor) -> Lifted:
    """What a network says of landmarks and of those in a mirror, in pixels and in the mean; see :func:`lift`."""
    plain, turned = (
        network(features(*seen), around) for seen in ((keypoints, world), mirrored(keypoints, world))
    )
    over = torch.tensor([-1.0, 1.0, 1.0])
    # a bone across the body runs the other way in the mirror
    back = torch.stack([-over if across else over for across in _ACROSS])
    size = extent(keypoints)[1]
    return Lifted(
        (plain.points + turned.points[:, MIRROR] * over) / 2,
        (plain.directions + turned.directions[:, _MIRRORED_BONES] * back) / 2,
        (plain.direction_spreads * turned.direction_spreads[:, _MIRRORED_BONES]).sqrt(),
        (plain.offsets + turned.offsets[:, MIRROR] * over[:2]) / 2 * size,
        (plain.pixel_spreads * turned.pixel_spreads[:, MIRROR]).sqrt(),
    )


@lru_cache(maxsize=1)
def load_lifter() -> Lifter:
    """The trained network that comes with the package."""
    network = Lifter()
    with np.load(WEIGHTS, allow_pickle=False) as archive:
        network.load_state_dict(
            {name: torch.from_numpy(archive[name].astype(np.float32)) for name in archive.files}
        )
    return network.eval()


def bone_directions(points: Tensor) -> Tensor:
    """Unit vectors (T, B, 3) along BONES between points (T, 33, 3)."""
    start, end = torch.tensor(BONES).unbind(1)
    bones = points[:, end] - points[:, start]
    return bones / bones.norm(dim=-1, keepdim=True).clamp_min(1e-6)
