"""Self-reenactment: the yardstick."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from neural.jobs._inputs import body_model, computing_device, parameter
from neural.jobs.context import JobContext
from smpl_fitting.files import atomic_path


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Evaluate renderers on one clip; see :func:`neural.evaluate.evaluate_clip`.

    Params:
        clip: footage. sources: frame numbers (``[0]``). renderers: names (``["visible", "warp"]``). step: 10.
        figures: optional JSON file for the flat figures. pictures: optional folder for what was compared.
        body: ``open`` or a model file. device: ``auto`` or ``cpu``.

    Returns:
        ``table``: ``{renderer: {figure: mean}}``; ``figures``: the same, flat; ``sources``, ``targets``: frame
        numbers; ``camera_moves``.

    Raises:
        LiquidMotionError: the clip cannot be read, has no such frames, or a source shows nobody.
    """
    computing_device(params)
    from neural.evaluate import evaluate_clip
    from neural.renderers import VISIBLE, WARP, make_renderer

    renderers = {name: make_renderer(name) for name in params.get("renderers") or [VISIBLE, WARP]}
    pictures = params.get("pictures")
    outcome = evaluate_clip(
        parameter(params, "clip"),
        params.get("sources") or [0],
        body_model(params, context),
        renderers,
        step=params.get("step") or 10,
        pictures=Path(pictures) if pictures else None,
        progress=context.progress,
    )
    if params.get("figures"):
        with atomic_path(params["figures"]) as temporary:
            temporary.write_text(json.dumps(outcome.flat(), indent=1) + "\n")
    return {
        "table": outcome.table(),
        "figures": outcome.flat(),
        "sources": outcome.sources,
        "targets": outcome.targets,
        "camera_moves": outcome.camera_moves,
    }
