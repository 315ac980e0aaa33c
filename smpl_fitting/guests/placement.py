"""Where the pelvis of a SMPL-family body rests, and turning other tools' worlds into ours."""

from __future__ import annotations

import numpy as np
import torch

from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.body.names import JOINT_NAMES
from smpl_fitting.errors import MotionFileError
from smpl_fitting.guests.timeline import axis_angle_to_matrices
from smpl_fitting.motion import Motion

# Where the mean bodies of the licensed models have their pelvis at rest (Y-up metres), to the centimetre: used
# where the user gives no model file, and betas move it by a centimetre or two.
_MEAN_PELVIS = {"smpl": (0.0, -0.23, 0.03), "smplh": (0.0, -0.23, 0.03), "smplx": (0.0, -0.35, 0.01)}


def rest_pelvis(model: str, betas: np.ndarray, body: BodyModel | None = None) -> np.ndarray:
    """(3,) J_0(betas) of a model: exact for the open bodies and where ``body`` is that model, else the mean's."""
    if model.startswith("open"):
        body = load_body(model)
    if body is None or body.name != model:
        return np.array(_MEAN_PELVIS[model])
    return shaped_joints(body, betas)[0]


def rest_joints(
    motion: Motion, body: BodyModel | None = None
) -> tuple[np.ndarray, tuple[str, ...], tuple[int, ...]]:
    """Joints at rest (J, 3), their names and parents.

    Those of the motion's own body; without a ``body``, a licensed model's 24 joints are the open body's, moved to
    have the pelvis where that model has it.

    Raises:
        MotionFileError: ``body`` is another model.
    """
    if body is not None and body.name != motion.model:
        raise MotionFileError(
            f"the motion is of model {motion.model}, the body given is {body.name}; give its own"
        )
    if body is None and motion.model.startswith("open"):
        body = load_body(motion.model)
    if body is not None:
        return shaped_joints(body, motion.betas), body.joint_names, body.parent_ids
    stand_in = load_body("open")
    joints = shaped_joints(stand_in, np.zeros(0))
    joints = joints - joints[0] + rest_pelvis(motion.model, motion.betas)
    return joints[:22], JOINT_NAMES[:22], stand_in.parent_ids[:22]


def joint_rotations(motion: Motion) -> np.ndarray:
    """(T, J, 3, 3) local rotations, joint 0 in the world."""
    return axis_angle_to_matrices(np.asarray(motion.poses, np.float64))


def shaped_joints(body: BodyModel, betas: np.ndarray) -> np.ndarray:
    """(J, 3) joints at rest. Betas that are lacking are zero; what the body has no use for is left out."""
    fitted = torch.zeros(body.num_betas)
    count = min(len(betas), len(fitted))
    fitted[:count] = torch.as_tensor(np.asarray(betas[:count], np.float32))
    return body.shaped(fitted)[1].double().numpy()


def rest_of_24(body: BodyModel, betas: np.ndarray) -> np.ndarray:
    """(24, 3) joints at rest, in SMPL's order; a body with fingers has its hands where the middle ones begin."""
    joints = shaped_joints(body, betas)
    names = [name if name in body.joint_names else name.replace("hand", "middle1") for name in JOINT_NAMES]
    return joints[[body.joint_names.index(name) for name in names]]
