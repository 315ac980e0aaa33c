"""How steady drawn clips are: ``python benchmarks/steadiness.py --renderers visible warp --clips FOOTAGE…``.

The synthetic people of ``fit_synthetic.py`` are filmed, fitted, and drawn from some of their own frames in the fitted
motion. From each frame to the next the body's pixels are carried by the true flow (of footage: by the fitted one),
and what changes beyond that is the temporal error, on pixels seen in both frames; the true clip has one too, since
light and sampling change. Told are the error in levels of 255, and its ratio to the true clip's, as mean and standard
deviation over clips. The first source frame standing still (``copy``) is left out: nothing moves in it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from _fits import kept_fit
from _synthetic_clips import load_clip
from _synthetic_sets import SETS

from neural.background import Plate, background_from_clip
from neural.compositing import over
from neural.correspondence import body_flow
from neural.metrics import temporal_error
from neural.renderers import Renderer, make_renderer
from neural.sources import dress_views
from neural.subject import Subject, build_subject
from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.fit import Fit
from smpl_fitting.motion import Motion
from smpl_fitting.video import Footage, open_footage
from smpl_fitting.world import body_vertices, frame_camera

TRUTH = "truth"
PAIRS = 6  # of neighbouring frames, spread over the clip
Flow = Mapping[int, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--renderers", nargs="+", default=["visible", "warp"])
    parser.add_argument("--set", choices=[*SETS, "none"], default="test", help="which synthetic clips")
    parser.add_argument("--only", nargs="*", help="names of the set's clips")
    parser.add_argument("--clips", nargs="*", type=Path, default=[], help="footage of one person each")
    parser.add_argument("--sources", type=int, default=1, help="frames of each clip the person is drawn from")
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "liquid-motion-benchmarks"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    body = load_body("open")
    renderers = {name: make_renderer(name) for name in options.renderers}
    figures: dict[str, float] = {}
    rows = []
    for spec in SETS.get(options.set, ()):
        if options.only and spec.name not in options.only:
            continue
        clip = load_clip(spec, options.shared, options.cache, body)
        fit = kept_fit(clip.footage, body, options.cache)
        vertices = torch.from_numpy(clip.vertices).float()
        true = [(one, clip.camera) for one in vertices]
        flow = {k: body_flow(*true[k], *true[k - 1], body.faces).numpy() for k in _pairs(fit)}
        rows.append(judge(clip.footage, fit, body, flow, renderers, options))
        show(spec.name, rows[-1])
    figures |= summary("synthetic", rows)
    rows = []
    for path in options.clips:
        clip_footage = open_footage(path)
        fit = kept_fit(clip_footage, body, options.cache)
        fitted = {k: _pose(body, fit.motion, k) for pair in _pairs(fit) for k in (pair - 1, pair)}
        flow = {k: body_flow(*fitted[k], *fitted[k - 1], body.faces).numpy() for k in _pairs(fit)}
        rows.append(judge(clip_footage, fit, body, flow, renderers, options))
        show(path.stem, rows[-1])
    figures |= summary("footage", rows)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def judge(
    clip: Footage, fit: Fit, body: BodyModel, flows: Flow, renderers: Mapping[str, Renderer], options
) -> dict[str, float]:
    """Mean temporal error of the clip itself and of every renderer, levels."""
    found = np.flatnonzero(fit.detections.confidence > 0)
    sources = [int(found[round(k)]) for k in np.linspace(0, len(found), options.sources, endpoint=False)]
    subject, plate = _subject(clip, fit, body, sources)
    dressed = subject.dress(body)
    errors: dict[str, list[float]] = {name: [] for name in (TRUTH, *renderers)}
    for row, flow in flows.items():
        truths = [np.ascontiguousarray(clip.frame(k)[..., :3]) for k in (row, row - 1)]
        behind = {
            k: plate.behind(k, one, fit.detections.mask(k))
            for k, one in zip((row, row - 1), truths, strict=True)
        }
        pictures = {TRUTH: truths} | {
            name: list(_drawn(renderer, subject, dressed, fit.motion, behind))
            for name, renderer in renderers.items()
        }
        for name, (now, before) in pictures.items():
            error = temporal_error(now, before, flow)
            if error is not None:
                errors[name].append(error)
    return {name: float(np.mean(values)) for name, values in errors.items()}


def _subject(clip: Footage, fit: Fit, body: BodyModel, sources: list[int]) -> tuple[Subject, Plate]:
    views, dressed = dress_views([(clip, fit, row) for row in sources], body)
    plate = background_from_clip(clip, fit.detections.mask)
    with tempfile.TemporaryDirectory() as folder:
        return build_subject(views, dressed, Path(folder) / "subject", background=plate.image), plate


def _drawn(
    renderer: Renderer,
    subject: Subject,
    dressed: BodyModel,
    motion: Motion,
    behind: Mapping[int, np.ndarray],
) -> Iterator[np.ndarray]:
    """The rows of ``behind``, drawn over what stands there."""
    for row, plate in behind.items():
        vertices, camera = _pose(dressed, motion, row)
        previous = _pose(dressed, motion, row - 1) if row > 0 else None
        yield over(
            renderer.render(subject, vertices, camera, camera.image_size, previous=previous).rgba, plate
        )


def _pose(body: BodyModel, motion: Motion, row: int):
    return body_vertices(body, motion, [row])[0], frame_camera(motion, row)


def _pairs(fit: Fit) -> list[int]:
    """Rows, spread over the clip, that were found like the one before."""
    found = fit.detections.confidence > 0
    rows = np.flatnonzero(found[1:] & found[:-1]) + 1
    return sorted({int(rows[round(k)]) for k in np.linspace(0, len(rows) - 1, min(PAIRS, len(rows)))})


def show(name: str, row: dict[str, float]) -> None:
    cells = "".join(f"  {one} {value:.2f} ({value / row[TRUTH]:.2f}x)" for one, value in row.items())
    print(f"{name:20}{cells}", flush=True)


def summary(kind: str, rows: list[dict[str, float]]) -> dict[str, float]:
    """Mean and spread over clips, printed and flat."""
    figures: dict[str, float] = {}
    for name in rows[0] if rows else ():
        for what, values in (
            ("error_levels", [row[name] for row in rows]),
            ("ratio", [row[name] / row[TRUTH] for row in rows]),
        ):
            spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
            figures |= {
                f"{kind}_{name}_{what}_mean": float(np.mean(values)),
                f"{kind}_{name}_{what}_spread": spread,
            }
        error, ratio, spread = (
            figures[f"{kind}_{name}_{what}"] for what in ("error_levels_mean", "ratio_mean", "ratio_spread")
        )
        print(f"{kind} {name:10} {error:6.2f} levels, {ratio:.2f} ± {spread:.2f} of the true clip's")
    return figures


if __name__ == "__main__":
    main()
