"""The main job: source and driving clip in; subject, frames, movie, figures and a Blender scene out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs._inputs import chosen_frames, computing_device, parameter
from neural.jobs.context import JobContext


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Run the main job in a folder; what an earlier run of the same job finished is used again.

    Params:
        sources: photos and clips of the person. driving: a clip. out: a folder.
        background, cam_strategy, renderer, personalize, longest_side, overlay, scene, body: see
            :class:`neural.pipeline.MainJob`, whose defaults hold for what is not given.
        frames: optional ``[first, last]`` of the driving clip.
        device: ``auto`` or ``cpu``.

    Returns:
        what :func:`neural.pipeline.run_main_job` returns: paths, figures, seconds of each stage.

    Raises:
        LiquidMotionError: see :func:`neural.pipeline.run_main_job`.
    """
    computing_device(params)
    from neural.pipeline import MainJob, run_main_job
    from smpl_fitting.video import open_footage

    driving = Path(parameter(params, "driving"))
    names = (
        "body",
        "background",
        "cam_strategy",
        "renderer",
        "personalize",
        "longest_side",
        "overlay",
        "scene",
    )
    job = MainJob(
        sources=tuple(Path(source) for source in parameter(params, "sources")),
        driving=driving,
        out=Path(parameter(params, "out")),
        frames=chosen_frames(params, open_footage(driving)) if params.get("frames") else None,
        **{name: params[name] for name in names if params.get(name) is not None},
    )
    return run_main_job(job, context.progress, context.log)
