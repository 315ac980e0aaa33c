"""What is asked of Rigify's generated rig, in a process of its own: bpy hangs at exit after generating one.

``python rigify_checks.py``: prints a line a check; the exit code is the number of failures.
"""

import os
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE)]

import bpy  # noqa: E402
import numpy as np  # noqa: E402
import rigs  # noqa: E402
from moving import degrees_apart, evaluated, sine_clip  # noqa: E402
from test_retarget_apply import state  # noqa: E402

from blender_addon.retarget.apply import Job, retarget, solve_on  # noqa: E402
from blender_addon.retarget.matcher import match  # noqa: E402
from blender_addon.retarget.options import Options  # noqa: E402
from blender_addon.retarget.solve import solve  # noqa: E402
from blender_addon.retarget.source import armature_clip  # noqa: E402

ORG = {
    "ORG-thigh.L": "thigh_fk.L",
    "ORG-shin.R": "shin_fk.R",
    "ORG-foot.L": "foot_fk.L",
    "ORG-hand.R": "hand_fk.R",
}
FINGER = "f_index.02.L"


def as_predicted(rig):
    """Every keyed control, and the bones that deform, are where the solver says; the switches are keyed."""
    [applied] = retarget([Job(rig, sine_clip(6, 156, amplitude=0.3))])
    solution = applied.solution
    assert FINGER in solution.bones
    for frame in (1, 5):
        shown = evaluated(rig, frame, solution.bones)
        axes = shown[:, :3, :3] / np.linalg.norm(shown[:, :3, :3], axis=1, keepdims=True)
        assert degrees_apart(axes, solution.axes[frame - 1]).max() < 0.01
        assert np.abs(shown[:, :3, 3] - solution.heads[frame - 1]).max() < 1e-4
        driven = evaluated(rig, frame, list(ORG))
        rows = [solution.bones.index(name) for name in ORG.values()]
        assert np.abs(driven[:, :3, 3] - solution.heads[frame - 1, rows]).max() < 1e-4
    assert rig.pose.bones["thigh_parent.L"]["IK_FK"] == 1.0


def through_ik(rig):
    """Feet and hands are where forward kinematics has them, knees in the plane of its bend."""
    clip = sine_clip(6, amplitude=0.3)
    fk = retarget([Job(rig, clip)])[0]
    truth = [evaluated(rig, frame, list(ORG)) for frame in (1, 5)]
    ik = retarget([Job(rig, clip, options=Options(limbs="ik"))])[0]
    assert "foot_ik.L" in ik.solution.bones and "thigh_fk.L" not in ik.solution.rotations
    assert "thigh_fk.L" in fk.solution.rotations
    for frame, wanted in zip((1, 5), truth, strict=True):
        shown = evaluated(rig, frame, list(ORG))
        assert np.abs((shown - wanted)[2:, :3, 3]).max() < 2e-3, "ankle and wrist"
        assert np.abs((shown - wanted)[:2, :3, 3]).max() < 0.05, "Rigify's IK stretches a little"
    assert rig.pose.bones["thigh_parent.L"]["IK_FK"] == 0.0


def as_a_source(rig):
    """Keyed through its IK controls, it is watched at the bones that deform: SMPL gets its motion back."""
    clip = replace(sine_clip(6, amplitude=0.3), fps=24.0)
    retarget([Job(rig, clip, options=Options(limbs="ik", feet=False))])
    shown = armature_clip(rig, (1, clip.frame_count))
    who = match(clip.skeleton)
    back = solve(shown, match(shown.skeleton, source=True), clip.skeleton, who, Options(feet=False))
    for upper, lower in (
        ("left_hip", "left_knee"),
        ("right_knee", "right_ankle"),
        ("left_elbow", "left_wrist"),
    ):
        ours = back.heads[:, back.bones.index(lower)] - back.heads[:, back.bones.index(upper)]
        a, b = (clip.positions[:, clip.skeleton.index(name)] for name in (upper, lower))
        cosine = (ours * (b - a)).sum(-1) / np.linalg.norm(ours, axis=-1) / np.linalg.norm(b - a, axis=-1)
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 6, "Rigify's IK stretches a little"


def untouched(rig):
    """Solving shakes the rig and puts everything back, also under an action."""
    before = state(rig)
    action = rig.animation_data.action
    solve_on(rig, sine_clip(3))
    assert state(rig) == before and rig.animation_data.action == action


def fast(rig):
    bones = len(rig.data.bones)
    begin = time.process_time()
    [applied] = retarget([Job(rig, sine_clip(1250, 156))])
    seconds = time.process_time() - begin
    print(f"{bones} bones, {len(applied.solution.axes)} frames: {seconds:.2f} s of one core")
    assert bones > 700 and len(applied.solution.axes) == 1000 and seconds < 5


def main() -> int:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    rig = rigs.build("rigify_generated")
    failures = 0
    for check in (as_predicted, through_ik, as_a_source, untouched, fast):
        rig.animation_data.action = None
        try:
            check(rig)
            print(f"{check.__name__}: ok")
        except Exception:
            traceback.print_exc()
            failures += 1
    return failures


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
