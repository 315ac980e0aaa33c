"""Flat cut-out characters: every limb as the picture has it, whatever its length, shown by Blender."""

from dataclasses import replace

import numpy as np
import pytest
from moving import armature_of, evaluated, sine_clip, sine_motion

from blender_addon.errors import AddonError
from blender_addon.retarget.apply import Job, retarget
from blender_addon.retarget.matcher import match
from blender_addon.retarget.options import Options
from blender_addon.retarget.smpl import joint_skeleton, motion_clip
from blender_addon.retarget.solve import solve
from blender_addon.scene.files import Cameras

LIMBS = (
    ("left_shoulder", "left_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_hip", "left_knee"),
    ("right_knee", "right_ankle"),
)


def puppet(seed=0):
    """SMPL's joints drawn in the XZ plane, every bone of a length of its own, arms hanging a little."""
    skeleton = sine_clip(2).skeleton
    rng = np.random.default_rng(seed)
    joints = np.zeros((len(skeleton.names), 3))
    for k, parent in enumerate(skeleton.parents):
        if parent >= 0:
            step = (skeleton.heads[k] - skeleton.heads[parent]) * [1, 0, 1] * rng.uniform(0.6, 1.5)
            if "elbow" in skeleton.names[k] or "wrist" in skeleton.names[k]:
                step = np.array([np.sign(step[0]) * 0.5, 0, -0.7]) * np.linalg.norm(step)
            joints[k] = joints[parent] + step
    return joint_skeleton(skeleton.names, skeleton.parents, joints)


def directions(heads, names):
    """Unit vectors (L, ...) in the picture, (x, z), of the limbs."""
    found = []
    for upper, lower in LIMBS:
        step = (heads[..., names.index(lower), :] - heads[..., names.index(upper), :])[..., [0, 2]]
        found.append(step / np.linalg.norm(step, axis=-1, keepdims=True))
    return np.array(found)


def test_angles_of_the_front_view():
    clip = replace(sine_clip(10, amplitude=0.3), fps=24.0)
    rig = armature_of(puppet())
    [applied] = retarget([Job(rig, clip, options=Options(flat=True))])
    names = list(clip.skeleton.names)
    for frame in (1, 6, 10):
        shown = evaluated(rig, frame, names)
        assert np.abs(shown[:, 1, 3]).max() < 1e-5, "nothing leaves the plane"
        ours, theirs = (directions(h, names) for h in (shown[:, :3, 3], clip.positions[frame - 1]))
        assert (ours * theirs).sum(-1).min() > np.cos(np.radians(0.1))
    assert not applied.solution.contacts.any()


def test_the_motions_own_camera_is_the_view():
    motion = sine_motion(8, amplitude=0.3)
    turn = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]])  # from the body's left side
    camera = Cameras(
        np.tile(np.array([[900.0, 0, 300], [0, 900, 400], [0, 0, 1]]), (8, 1, 1)),
        np.tile(turn, (8, 1, 1)),
        np.tile([0.0, 1.0, 5.0], (8, 1)),
        (800, 600),
    )
    clip = motion_clip(replace(motion, cameras=camera))
    target = puppet()
    who = match(target)
    solution = solve(clip, match(clip.skeleton), target, who, Options(flat=True))
    names = list(solution.bones)
    for upper, lower in LIMBS:
        pixels = []
        for joint in (upper, lower):
            x, y, z = (clip.positions[:, clip.skeleton.index(joint)] @ turn.T + [0.0, 1.0, 5.0]).T
            pixels.append(np.stack([900 * x / z + 300, -(900 * y / z + 400)], -1))
        step = pixels[1] - pixels[0]
        ours = solution.heads[:, names.index(lower)] - solution.heads[:, names.index(upper)]
        length = np.linalg.norm(step, axis=-1)
        cosine = (ours[:, [0, 2]] * step).sum(-1) / np.linalg.norm(ours, axis=-1) / length
        assert cosine[length > 0.3 * length.max()].min() > np.cos(np.radians(0.1))


def test_lengths_do_not_matter():
    clip = sine_clip(6, amplitude=0.3)
    turns = []
    for seed in (0, 1):
        target = puppet(seed)
        solution = solve(clip, match(clip.skeleton), target, match(target), Options(flat=True))
        turns.append(solution.axes[:, [solution.bones.index(a) for a, _ in LIMBS]] @ np.swapaxes(
            target.rest[[target.index(a) for a, _ in LIMBS], :3, :3], -1, -2))  # fmt: skip
    step = turns[0] @ np.swapaxes(turns[1], -1, -2)
    assert np.abs(step - step[:1]).max() < 1e-6, "the same course, whatever the drawing's rest pose"


def test_the_way_is_scaled_to_the_drawing():
    clip = sine_clip(20, amplitude=0.1)
    target = puppet()
    who = match(target)
    free, fixed = (
        solve(clip, match(clip.skeleton), target, who, Options(flat=True, root=root))
        for root in ("hips", "in_place")
    )
    row = free.bones.index("pelvis")
    assert np.ptp(free.heads[:, row, 0]) > 0.1 and np.ptp(free.heads[:, row, 1]) < 1e-6
    assert np.ptp(fixed.heads[:, row, 0]) < 0.06


def test_a_body_is_not_flat():
    clip = sine_clip(3)
    who = match(clip.skeleton)
    with pytest.raises(AddonError, match="no flat character"):
        solve(clip, who, clip.skeleton, who, Options(flat=True))
    with pytest.raises(AddonError, match="hips"):
        solve(clip, who, puppet(), who, Options(flat=True, root="both"))
