"""Convert a motion file of another tool to ours, or ours to BVH or AMASS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs._inputs import body_model, parameter
from neural.jobs.context import JobContext
from smpl_fitting.errors import LiquidMotionError

_ENDINGS = (".npz", ".bvh")


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Read one motion, write one.

    Params:
        source: the file to read. out: the ``.npz`` or ``.bvh`` to write.
        format: optional, of the source (:data:`smpl_fitting.guests.FORMATS`). to: optional ``open`` or ``open_h``.
        as: ``liquid`` (default) or ``amass``, for an ``.npz``.
        body: optional, the model file that the motion was made with. fps, person: optional, as in
            :func:`smpl_fitting.guests.read_motion`.

    Returns:
        ``out``: the file written; ``frames``, ``fps``, ``model`` and whether it holds ``cameras``.

    Raises:
        LiquidMotionError: the source cannot be read, or the result not be written.
    """
    from smpl_fitting.guests import read_motion, to_open, write_amass, write_bvh

    source, out = Path(parameter(params, "source")), Path(parameter(params, "out"))
    if out.suffix.lower() not in _ENDINGS:
        raise LiquidMotionError(f"{out}: motions are written as {' or '.join(_ENDINGS)}; choose such a name")
    as_amass = params.get("as") == "amass"
    if as_amass and out.suffix.lower() != ".npz":
        raise LiquidMotionError(f"{out}: AMASS motions are .npz files; choose such a name")
    body = body_model(params, context) if params.get("body") else None
    motion = read_motion(
        source, params.get("format"), body, fps=params.get("fps"), person=params.get("person")
    )
    own = body if body is not None and body.name == motion.model else None
    if params.get("to"):
        motion = to_open(motion, own, params["to"])
        own = None
    context.progress.update(0.7)
    if out.suffix.lower() == ".bvh":
        write_bvh(motion, out, own)
    elif as_amass:
        write_amass(motion, out)
    else:
        motion.save(out)
    return {
        "out": out,
        "frames": motion.frame_count,
        "fps": motion.fps,
        "model": "smplh" if as_amass else motion.model,
        "cameras": motion.has_cameras and not as_amass and out.suffix.lower() == ".npz",
    }
