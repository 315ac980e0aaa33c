"""Check a SMPL, SMPL-H or SMPL-X file that the user chose; it stays where it is."""

from __future__ import annotations

from typing import Any

from neural.jobs._inputs import parameter
from neural.jobs.context import JobContext
from smpl_fitting.errors import BodyModelError

NAMES = {"smpl": "SMPL", "smplh": "SMPL-H", "smplx": "SMPL-X"}


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Read the file as a fit would.

    Params:
        path: the model file (``.npz`` or ``.pkl``).
        model: optional, which model it must be: ``smpl``, ``smplh`` or ``smplx``.

    Returns:
        ``model``, ``gender``, ``vertices``, ``joints`` and ``betas``: what the file holds.

    Raises:
        BodyModelError: it is missing, damaged, unsafe, or another model than was asked for.
    """
    from smpl_fitting.body import load_body

    path, wanted = parameter(params, "path"), params.get("model")
    body = load_body(path)
    if wanted not in (None, body.name):
        is_a, field = NAMES.get(body.name, "open"), NAMES.get(wanted, wanted)
        raise BodyModelError(f"{path}: is a model of {is_a}, not {field}; choose it in the field {is_a}")
    return {
        "model": body.name,
        "gender": body.gender,
        "vertices": len(body.v_template),
        "joints": body.num_joints,
        "betas": body.shapedirs.shape[2],
    }
