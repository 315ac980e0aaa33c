"""Makes training data: ``python -m neural.training.make_samples OUT --wardrobe W --mocap M``.

People that training must not meet go to ``OUT/held_out``: other clothes and skins, other motion. Files that are there
already are kept, so a run that was stopped goes on, and two runs make the same files. ``--clips`` adds footage of
one's own, a person each, through the fit; ``--judged-clips`` footage to judge by.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import torch
import typer

from neural.training.clip_samples import make_clip_samples
from neural.training.people import HELD_OUT_CMU_SUBJECT, HELD_OUT_SEEDS
from neural.training.synthetic import HEAD, PERSON, make_subject_samples
from smpl_fitting.body import load_body
from smpl_fitting.video import open_footage


class Part(enum.StrEnum):
    """What is looked at."""

    PERSON = PERSON
    HEAD = HEAD


HELD_OUT_TARGETS, CLIP_TARGETS = 6, 48


def make_data(
    out: Path, wardrobe: Path, mocap: Path, seeds: Iterable[int], targets: int, held_out: bool, part: str
) -> None:
    """One file for each seed, in ``out``.

    Args:
        wardrobe: the folder with ``clothes``, ``hair`` and ``skins``. mocap: that with CMU's ``.amc`` files.
        targets: moments of each person. part: of her, as in :func:`make_subject_samples`.

    Raises:
        WardrobeError, MocapError: something is missing.
    """
    body = load_body("open")
    recordings = sorted(
        path for path in mocap.glob("*.amc") if (path.name.split("_")[0] == HELD_OUT_CMU_SUBJECT) == held_out
    )
    if not recordings:
        raise typer.BadParameter(f"{mocap}: holds no .amc files of the subjects wanted")
    for seed in seeds:
        path = out / (f"{seed:05d}.npz" if part == PERSON else f"{seed:05d}_{part}.npz")
        if not path.exists():
            make_subject_samples(
                path, seed, targets, wardrobe, recordings, body, part=part, held_out=held_out
            )
            print(path, flush=True)


def make_footage_data(out: Path, clips: Iterable[Path], targets: int) -> None:
    """One file for each clip, in ``out``, named like it.

    Raises:
        FootageError, NobodyFoundError: a clip cannot be read, or shows nobody.
    """
    body = load_body("open")
    for clip in clips:
        path = out / f"{clip.stem}.npz"
        if not path.exists():
            make_clip_samples(path, open_footage(clip), body, targets)
            print(path, flush=True)


def main(
    out: Annotated[Path, typer.Argument(help="The folder for the samples.")],
    wardrobe: Annotated[
        Path | None, typer.Option(help="Folder with clothes, hair and skins (MakeHuman, CC0).")
    ] = None,
    mocap: Annotated[Path | None, typer.Option(help="Folder with CMU's .asf and .amc files.")] = None,
    people: Annotated[int, typer.Option(help="How many people to train on.")] = 100,
    held_out: Annotated[int, typer.Option(help="How many people to judge by.")] = 12,
    targets: Annotated[int, typer.Option(help="Moments of each person.")] = 12,
    clips: Annotated[list[Path] | None, typer.Option(help="Footage of a person each, to train on.")] = None,
    judged_clips: Annotated[list[Path] | None, typer.Option(help="Footage to judge by.")] = None,
    part: Annotated[
        Part, typer.Option(help="What is looked at: the network sees heads from near by, too.")
    ] = Part.PERSON,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
) -> None:
    """Draw synthetic people, fit them badly, and write down what the network is to learn; or do so with footage."""
    if (wardrobe is None) != (mocap is None) or not (wardrobe or clips or judged_clips):
        raise typer.BadParameter("synthetic people need both --wardrobe and --mocap, footage needs --clips")
    torch.set_num_threads(threads)
    if wardrobe and mocap:
        judged = list(HELD_OUT_SEEDS)[:held_out]
        make_data(out / "held_out", wardrobe, mocap, judged, HELD_OUT_TARGETS, True, part.value)
        make_data(out, wardrobe, mocap, range(people), targets, False, part.value)
    make_footage_data(out / "held_out", judged_clips or [], HELD_OUT_TARGETS)
    make_footage_data(out, clips or [], CLIP_TARGETS)


if __name__ == "__main__":
    typer.run(main)
