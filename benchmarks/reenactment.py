"""How close drawn people come to true pictures: ``python benchmarks/reenactment.py --renderers visible warp``.

Four trials, by default each with one and with four source pictures:

* ``clips``: self-reenactment of footage (``--clips FILE…``): the frames that the package chooses for a source are the
  source, others the truth.
* ``move``: held-out synthetic people, fitted from photos, put to somebody else's captured motion; the truth is what
  they look like doing it, over the true room.
* ``turn``: the same people seen from all around, a view every 30 degrees, from photos of the front (1) or of four
  sides (4).
* ``near``: the same in pictures of twice the size, from the front half: for faces.

Poses and cameras of the last three are the true ones, the body's shape, clothes and texture come from the photos.
``personal`` among the renderers is ``liquid`` after ``liquid-motion personalize`` learned the person from the sources.
Figures are those of ``neural.scoring``, as mean and standard deviation over people or clips, beside the first source
picture unmoved (``copy``); then what each renderer gains over ``warp`` on each of them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from _fits import kept_fit
from _held_out import PEOPLE, VIEWS, Shot, load_person, make_subject

from neural.compositing import fit_background, over
from neural.evaluate import COPY, evaluate_clip
from neural.liquid import LiquidRenderer
from neural.personalize import personalize
from neural.renderers import VISIBLE, WARP, Renderer, make_renderer
from neural.scoring import FIGURES, Figures, mean_figures, score
from neural.sources import choose_frames
from neural.subject import Subject, load_subject
from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.video import open_footage, write_image
from smpl_fitting.world import body_vertices, frame_camera, with_shape

TARGETS = 6  # of a clip
PERSONAL = "personal"
Scores = dict[str, list[Figures]]
SHOWN = ("box_psnr_db", "box_ssim", "box_lite2_distance", "face_lite2_distance", "mask_iou", "temporal_ratio")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--renderers", nargs="+", default=["visible", "warp"])
    parser.add_argument(
        "--trials", nargs="+", default=["move", "turn"], choices=["clips", "move", "turn", "near"]
    )
    parser.add_argument("--sources", nargs="+", type=int, default=[1, 4], choices=[1, 2, 3, 4])
    parser.add_argument("--clips", nargs="+", type=Path, default=[], help="footage of one person each")
    parser.add_argument(
        "--people", nargs="+", type=int, default=list(range(len(PEOPLE))), help="which of them"
    )
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "liquid-motion-benchmarks"
    )
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="keep what was compared")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    body = load_body("open")
    renderers = {name: _Personal() if name == PERSONAL else make_renderer(name) for name in options.renderers}
    figures: dict[str, float] = {}
    for count in options.sources:
        for trial in options.trials:
            if trial == "clips":
                cases = {p.stem: clip_rows(p, count, body, renderers, options) for p in options.clips}
            else:
                cases = {
                    PEOPLE[n].name: person_rows(n, count, trial, body, renderers, options)
                    for n in options.people
                }
            if cases:
                figures |= tell(f"{trial}_{count}_sources", list(cases.values()))
                figures |= tell_gains(f"{trial}_{count}_sources", cases)
                if trial == "turn":
                    figures |= tell_views(count, list(cases.values()))
            if options.json:  # after each trial: what is there is not lost when a later one is stopped
                options.json.write_text(json.dumps(figures, indent=1) + "\n")


class _Personal:
    """The liquid renderer, which first learns each subject it has not drawn before."""

    def __init__(self) -> None:
        self._liquid, self._body, self._folder = (
            LiquidRenderer(),
            load_body("open"),
            tempfile.TemporaryDirectory(),
        )
        self._learned: dict[Path, Subject] = {}

    def render(self, subject: Subject, *view, **more):
        if subject.path not in self._learned:
            own = Path(self._folder.name) / str(
                len(self._learned)
            )  # kept apart, for ``liquid`` to draw her without
            shutil.copytree(subject.path, own)
            self._learned[subject.path] = load_subject(own)
            done = personalize(self._learned[subject.path], self._body)
            print(
                f"personalised in {done.seconds:.0f} s: {done.loss_before:.4f} -> {done.loss:.4f}", flush=True
            )
        return self._liquid.render(self._learned[subject.path], *view, **more)


def clip_rows(path: Path, count: int, body: BodyModel, renderers: Mapping[str, Renderer], options) -> Scores:
    """A clip's scores by renderer; targets are evenly spaced."""
    clip = open_footage(path)
    fit = kept_fit(clip, body, options.cache)
    sources = choose_frames(fit, body, count)
    step = max(1, clip.frame_count // (TARGETS + 1))
    kept = options.pictures and options.pictures / f"{path.stem}_{count}"
    outcome = evaluate_clip(clip, sources, body, renderers, step, fit=fit, pictures=kept)
    names = (COPY, *renderers)
    return {name: [one.figures for one in outcome.scores if one.renderer == name] for name in names}


def person_rows(
    number: int, count: int, trial: str, body: BodyModel, renderers: Mapping[str, Renderer], options
) -> Scores:
    """A person's scores by renderer."""
    person = load_person(PEOPLE[number], options.shared, options.cache, body)
    subject = make_subject(person, count, options.cache, body)
    shot: Shot = getattr(person, trial)
    kept = options.pictures and options.pictures / f"{person.spec.name}_{trial}_{count}"
    return judge(shot, subject, body, renderers, kept)


def judge(
    shot: Shot, subject: Subject, body: BodyModel, renderers: Mapping[str, Renderer], kept: Path | None
) -> Scores:
    """Draw and compare every judged frame of a shot."""
    motion, dressed = with_shape(shot.motion, body, subject.motion.betas), subject.dress(body)

    def pose(row: int):
        return body_vertices(dressed, motion, [row])[0], frame_camera(motion, row)

    def drawn(renderer: Renderer, row: int, looks_back: bool):
        vertices, camera = pose(row)
        previous = pose(row - 1) if looks_back and row > 0 else None
        rgba = renderer.render(subject, vertices, camera, camera.image_size, previous=previous).rgba
        return over(rgba, shot.backgrounds[row]), rgba[..., 3]

    unmoved = fit_background(subject.images[0], shot.truths[0].picture.shape[:2])
    rows: Scores = {COPY: [score(truth, unmoved, None, unmoved) for truth in shot.truths]}
    for name, renderer in renderers.items():
        rows[name] = []
        for row, truth in zip(shot.judged, shot.truths, strict=True):
            moves = truth.flow is not None
            picture, alpha = drawn(renderer, row, moves)
            rows[name].append(
                score(truth, picture, alpha, drawn(renderer, row - 1, moves)[0] if moves else None)
            )
            if kept:
                write_image(kept / f"{row:04d}_{name}.png", picture)
                write_image(kept / f"{row:04d}_truth.png", truth.picture)
    return rows


def tell(trial: str, cases: Sequence[Scores]) -> dict[str, float]:
    """Print and return mean and spread over the cases, whose own figures are means over frames."""
    figures: dict[str, float] = {}
    print(f"\n{trial} ({len(cases)})")
    print(f"{'':12}" + "".join(f"{name:>24}" for name in SHOWN))
    for renderer in cases[0]:
        each = [mean_figures(case[renderer]) for case in cases]
        cells = []
        for name in FIGURES:
            values = [value for one in each if (value := one[name]) is not None]
            if not values:
                cells += [f"{'-':>24}"] if name in SHOWN else []
                continue
            mean, spread = float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
            figures |= {f"{trial}_{renderer}_{name}_mean": mean, f"{trial}_{renderer}_{name}_spread": spread}
            cells += [f"{mean:15.3f} ± {spread:6.3f}"] if name in SHOWN else []
        print(f"{renderer:12}" + "".join(cells), flush=True)
    return figures


def tell_gains(trial: str, cases: Mapping[str, Scores]) -> dict[str, float]:
    """Print and return what each renderer's figures are more than the warp's, case by case."""
    gains: dict[str, float] = {}
    for case, rows in cases.items():
        for renderer in [name for name in rows if name not in (COPY, WARP, VISIBLE) and WARP in rows]:
            ours, warp = mean_figures(rows[renderer]), mean_figures(rows[WARP])
            cells = []
            for name in SHOWN:
                mine, its = ours[name], warp[name]
                if mine is not None and its is not None:
                    gains[f"{trial}_{case}_{renderer}_{name}_gain"] = mine - its
                    cells.append(f"{mine - its:+24.3f}")
                else:
                    cells.append(f"{'-':>24}")
            print(f"{renderer:12}" + "".join(cells) + f"  more than warp, {case}", flush=True)
    return gains


def tell_views(count: int, cases: Sequence[Scores]) -> dict[str, float]:
    """Means over people for each angle."""
    figures: dict[str, float] = {}
    print(f"\n{'degrees':12}" + "".join(f"{view:>8}" for view in VIEWS))
    for renderer in cases[0]:
        for name in ("box_psnr_db", "box_lite2_distance"):
            means = [float(np.mean([case[renderer][k][name] for case in cases])) for k in range(len(VIEWS))]
            figures |= {
                f"turn_{count}_sources_{view}deg_{renderer}_{name}": m
                for view, m in zip(VIEWS, means, strict=True)
            }
            print(f"{renderer:12}" + "".join(f"{mean:8.2f}" for mean in means) + f"  {name}")
    return figures


if __name__ == "__main__":
    main()
