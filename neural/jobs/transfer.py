"""A finished subject doing what clips or motion files show: frames and a movie of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs._driving import driving_motion, fitting_share
from neural.jobs._inputs import body_model, computing_device, parameter
from neural.jobs.context import JobContext
from smpl_fitting.errors import LiquidMotionError


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Draw a subject in every frame of one or more motions; see :func:`neural.transfer.transfer`.

    Params:
        subject: a subject folder. driving: a motion file (``.npz``), or a clip to fit; or a list of them.
        out: a folder; of several each gets its own in it, named like the file.
        background: ``source``, ``transparent``, a colour, a picture or a clip. cam_strategy: ``smooth``, ``source``,
            ``copy`` or ``follow``. renderer: a name of :mod:`neural.renderers`. provenance: also write where
            every pixel comes from. body: ``open`` or a model file, that of the subject. device: ``auto`` or ``cpu``.

    Returns:
        ``frames`` (how many in all), ``pictures`` and ``movie`` (paths; of the first motion), ``movies`` (all).

    Raises:
        LiquidMotionError: see :func:`neural.transfer.transfer`; or a clip cannot be read or shows nobody.
    """
    computing_device(params)
    from neural.subject import load_subject
    from neural.transfer import transfer

    subject = load_subject(parameter(params, "subject"))
    given, out = parameter(params, "driving"), Path(parameter(params, "out"))
    paths = [Path(path) for path in (given if isinstance(given, list) else [given])]
    body = body_model(params, context)
    choices = {
        name: params[name]
        for name in ("background", "cam_strategy", "renderer", "provenance")
        if params.get(name) is not None
    }
    results = []
    for index, (path, folder) in enumerate(zip(paths, _folders(paths, out), strict=True)):
        progress = context.progress.part("", index / len(paths), (index + 1) / len(paths))
        share = fitting_share(path)
        motion = driving_motion(path, body, progress.part("", 0.0, share))
        results.append(
            transfer(subject, motion, body, folder, progress=progress.part("", share, 1.0), **choices)
        )
    return {
        **results[0],
        "frames": sum(int(one["frames"]) for one in results),
        "movies": [one["movie"] for one in results],
    }


def _folders(paths: list[Path], out: Path) -> list[Path]:
    """Where the results of each go.

    Raises:
        LiquidMotionError: there are none, or two would share a folder.
    """
    if not paths:
        raise LiquidMotionError("no driving clip was given; name at least one")
    if len(paths) == 1:
        return [out]
    names = [path.stem for path in paths]
    for name in names:
        if names.count(name) > 1:
            raise LiquidMotionError(
                f"two driving files are called {name!r}; rename one, its results get that name"
            )
    return [out / name for name in names]
