"""A recorded walk on rigs of several kinds, by the installed extension in a real Blender, looked at by that Blender."""

import json
from pathlib import Path

import numpy as np
import pytest
from test_binary import blender  # noqa: F401, a fixture

pytestmark = [pytest.mark.binary, pytest.mark.slow]
HERE = Path(__file__).parent
FRAMES = list(range(1, 460, 30))
RECORDED = (
    ("{}UpLeg", "{}Leg"),
    ("{}Leg", "{}Foot"),
    ("{}Arm", "{}ForeArm"),
    ("{}ForeArm", "{}Hand"),
)
RIGS = {
    "xbot": tuple((f"mixamorig:{a}", f"mixamorig:{b}") for a, b in RECORDED),
    "meebit": (
        ("{}UpperLegBone", "{}LowerLegBone"),
        ("{}LowerLegBone", "{}FootBone"),
        ("{}UpperArmBone", "{}LowerArmBone"),
        ("{}LowerArmBone", "{}HandBone"),
    ),
    "rigify": (
        ("DEF-thigh.{}", "DEF-shin.{}"),
        ("DEF-shin.{}", "DEF-foot.{}"),
        ("DEF-upper_arm.{}", "DEF-forearm.{}"),
        ("DEF-forearm.{}", "DEF-hand.{}"),
    ),
}
FILES = {"xbot": "rigs/Xbot.glb", "meebit": "rigs/meebit.vrm"}


def limbs(rig):
    """The rig's bones and the recording's, of both arms and legs."""
    found = []
    for side in ("Left", "Right"):
        ours = {"xbot": side, "meebit": side, "rigify": side[0]}[rig]
        for own, recorded in zip(RIGS[rig], RECORDED, strict=True):
            found.append([[name.format(ours) for name in own], [name.format(side) for name in recorded]])
    return found


@pytest.fixture
def look(blender, tmp_path):  # noqa: F811
    def run(file, rig, bvh):
        asked, out = tmp_path / "asked.json", tmp_path / "seen.json"
        asked.write_text(json.dumps({"bvh": str(bvh), "frames": FRAMES, "limbs": limbs(rig)}))
        blender("-b", file, "-P", HERE / "retarget_look.py", "--", asked, out)
        return json.loads(out.read_text())

    return run


@pytest.mark.parametrize("rig", RIGS)
def test_a_recorded_walk(rig, blender, look, shared, tmp_path):  # noqa: F811
    bvh, out = shared("mocap/cmu_12_01_walk.bvh"), tmp_path / "walk.blend"
    if rig == "rigify":
        character = tmp_path / "rigify.blend"
        said = blender("-b", "-P", HERE / "retarget_rigify.py", "--", character, 120)
        assert "706 bones" in said
    else:
        character = shared(FILES[rig])
    words = ["-b", "--command", "liquid_motion", "retarget", "--motion", bvh, "--rig", character, "-o", out]
    said = blender(*words, "--no-feet")
    assert f"Saved: '{out}'" in said and "frames" in said
    seen = look(out, rig, bvh)
    assert seen["fps"] == pytest.approx(120, abs=0.1) and seen["range"][0] == 1
    assert np.max(seen["angles"]) < 0.2, "every limb points as the recording's"
    constraints = seen["constraints"]
    blender(*words)
    seen = look(out, rig, bvh)
    assert seen["constraints"] == constraints
    arms = [k for k, (_, recorded) in enumerate(limbs(rig)) if "Arm" in recorded[0]]
    assert np.max(np.array(seen["angles"])[:, arms]) < 0.2
    assert np.mean(seen["angles"]) < 4, "feet that are planted bend the legs a little"
    assert min(seen["lowest"]) > -0.01


def test_mistakes_are_told(blender, shared, tmp_path):  # noqa: F811
    bvh, rig = shared("mocap/cmu_12_01_walk.bvh"), shared(FILES["meebit"])
    words = ["-b", "--command", "liquid_motion", "retarget", "--rig", rig, "-o", tmp_path / "x.blend"]
    assert "no such file" in blender(*words, "--motion", tmp_path / "none.bvh", code=1)
    assert "no armature called 'Nobody'" in blender(*words, "--motion", bvh, "--target", "Nobody", code=1)
    assert "needs" in blender(*words, "--motion", bvh, "--root", "root", code=1)
    assert not (tmp_path / "x.blend").exists()
