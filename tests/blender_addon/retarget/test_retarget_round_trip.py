"""SMPL -> rig -> SMPL on every rig: what the rig shows in Blender, taken back, is the motion it was given."""

import numpy as np
import pytest
import rigs
from moving import degrees_apart, sine_clip

from blender_addon.retarget.apply import Job, retarget
from blender_addon.retarget.matcher import match
from blender_addon.retarget.options import Options
from blender_addon.retarget.solve import solve
from blender_addon.retarget.source import armature_clip

FRAMES = 8


def round_trip(rig):
    """(clip, what came back, solution there, solution back), at the scene's rate."""
    clip = sine_clip(FRAMES, amplitude=0.4).resample(24.0)
    options = Options(feet=False)
    there = retarget([Job(rig, clip, options=options)])[0].solution
    shown = armature_clip(rig, (1, clip.frame_count))
    who = match(clip.skeleton)
    there_map = match(there.target)
    back = solve(shown, there_map, clip.skeleton, who, options)
    return clip, back, there_map, who


def worst_angle(clip, back, there_map, who):
    """Largest difference of any bone that has its own counterpart, and of each chain's end."""
    worst = {}
    for role, bones in who.pairs.items():
        if role not in there_map.pairs:
            continue
        one_to_one = len(there_map.pairs[role]) == len(bones)
        for bone in bones if one_to_one else bones[-1:]:
            node, row = back.bones.index(bone), clip.skeleton.index(bone)
            worst[bone] = degrees_apart(back.axes[:, node], clip.rotations[:, row]).max()
    return worst


@pytest.mark.parametrize("name", rigs.PEOPLE)
def test_round_trip(name, shared):
    rig = rigs.build(name, shared)
    clip, back, there_map, who = round_trip(rig)
    worst = worst_angle(clip, back, there_map, who)
    assert len(worst) >= 15
    assert max(worst.values()) < 1.0, {bone: angle for bone, angle in worst.items() if angle >= 1.0}
    node, row = back.bones.index("pelvis"), clip.skeleton.index("pelvis")
    path, truth = back.heads[:, node], clip.positions[:, row]
    assert np.abs((path - path[0]) - (truth - truth[0])).max() < 0.02
