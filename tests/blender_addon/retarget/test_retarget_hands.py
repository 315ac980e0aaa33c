"""Hands that touch the body touch it still; hands that do not are left alone. IK controls hold what FK shows."""

from dataclasses import replace

import numpy as np
import pytest
import rigs
from moving import evaluated, sine_clip

from blender_addon.errors import AddonError
from blender_addon.retarget.apply import Job, retarget
from blender_addon.retarget.ik import two_bone
from blender_addon.retarget.matcher import match
from blender_addon.retarget.options import Options
from blender_addon.retarget.rotations import rotate
from blender_addon.retarget.solve import solve

FREE = {"feet": False}
BESIDE = np.array([0.1, -0.05, 0.0])


def akimbo():
    """The left wrist beside the left hip, the right arm away from the body."""
    clip = sine_clip(6, amplitude=0.05)
    row = clip.skeleton.index
    arm = [row(f"left_{part}") for part in ("shoulder", "elbow", "wrist", "hand")]
    goal = clip.positions[:, row("left_hip")] + BESIDE
    turns = two_bone(
        *(clip.positions[:, k] for k in arm[:3]), goal, np.broadcast_to([0.0, 0, -1], goal.shape)
    )
    rotations, positions = clip.rotations.copy(), clip.positions.copy()
    for k, turn in zip(arm, turns, strict=False):
        rotations[:, k] = turn @ rotations[:, k]
    positions[:, arm[1]] = positions[:, arm[0]] + rotate(
        turns[0], clip.positions[:, arm[1]] - clip.positions[:, arm[0]]
    )
    positions[:, arm[2]] = goal
    return replace(clip, rotations=rotations, positions=positions)


def long_arms(skeleton):
    rest = skeleton.rest.copy()
    for k, name in enumerate(skeleton.names):
        if "elbow" in name or "wrist" in name or "hand" in name:
            parent = skeleton.parents[k]
            rest[k, :3, 3] = rest[parent, :3, 3] + 1.3 * (skeleton.rest[k] - skeleton.rest[parent])[:3, 3]
    return replace(skeleton, rest=rest)


def test_a_hand_at_the_hip_stays_there():
    clip = akimbo()
    who, target = match(clip.skeleton), long_arms(clip.skeleton)
    kept, free = (solve(clip, who, target, who, Options(hands=hands, **FREE)) for hands in (True, False))

    def off(solution):
        wrist, hip = (solution.heads[:, solution.bones.index(name)] for name in ("left_wrist", "left_hip"))
        return np.linalg.norm(wrist - hip - BESIDE, axis=-1)

    # trunk and thigh both have a say in a wrist that is near the hip
    assert off(kept).max() < 0.03 < 0.1 < off(free).min()
    right = kept.bones.index("right_wrist")
    assert np.abs(kept.heads[:, right] - free.heads[:, right]).max() < 1e-9


def test_ik_controls_hold_what_fk_shows(shared):
    rig = rigs.build("arp_controls", shared)
    clip = replace(sine_clip(8, amplitude=0.3), fps=24.0)
    bones = ["foot.l", "hand.l", "foot.r", "hand.r"]
    retarget([Job(rig, clip)])
    truth = [evaluated(rig, frame, bones) for frame in (1, 5)]
    [applied] = retarget([Job(rig, clip, options=Options(limbs="ik"))])
    assert "c_foot_ik.l" in applied.solution.locations and "c_thigh_fk.l" not in applied.solution.rotations
    for frame, wanted in zip((1, 5), truth, strict=True):
        assert np.abs(evaluated(rig, frame, bones) - wanted).max() < 1e-3


def test_ik_on_a_rig_without():
    clip = sine_clip(3)
    who = match(clip.skeleton)
    with pytest.raises(AddonError, match="inverse-kinematics"):
        solve(clip, who, clip.skeleton, who, Options(limbs="ik"))
