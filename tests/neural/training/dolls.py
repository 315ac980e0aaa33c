"""Hand-made persons for tests that need neither anny nor a wardrobe."""

import numpy as np

from neural.training.dressing import Material, Part
from neural.training.people import Person, PersonSpec
from smpl_fitting.body import load_body

SPEC = PersonSpec(5, "female", "none", "none", "none", "none", ())


def doll(kinds=("skin",)) -> Person:
    """The open body itself as a person: all skin, or (``shoes``) with the feet as a part of their own."""
    body = load_body("open")
    rest, weights = body.v_template.numpy().astype(float), body.weights.numpy().astype(float)
    faces, faces_uv = body.faces.numpy(), body.faces_uv.numpy()
    below = rest[faces][:, :, 1].max(1) < rest[:, 1].min() + 0.12
    parts = []
    for kind in kinds:
        chosen = below if kind == "shoes" else ~below if "shoes" in kinds else np.ones(len(faces), bool)
        material = Material(texture=None, color=(0.7, 0.4, 0.3))
        parts.append(
            Part(kind, kind, rest, weights, faces[chosen], body.uv.numpy(), faces_uv[chosen], material)
        )
    joints = body.J_template.numpy().astype(float)
    return Person(SPEC, tuple(parts), rest, weights, joints, np.zeros(body.num_betas))


def random_motion(frames: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Poses (T, 72) and trans (T, 3), upright in the Z-up world, that bend every joint a little."""
    rng = np.random.default_rng(seed)
    poses = rng.normal(0.0, 0.2, (frames, 72))
    poses[:, :3] = (np.pi / 2, 0.0, 0.0)
    return poses, rng.normal(0.0, 0.1, (frames, 3)) + (0.0, 0.0, 1.1)
