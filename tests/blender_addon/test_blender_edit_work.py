"""Edits that the worker computes: what it is asked, and what comes back onto the rig."""

import json
from pathlib import Path

import numpy as np
import pytest
import small_person

bpy = pytest.importorskip("bpy")
from blender_addon.scene import build, fit_keys, layers  # noqa: E402

FRAMES = 20
# a worker that answers every job with the motion it was asked about, half a metre up, and keeps the request
WORKER = """
import json, sys
import numpy as np
def say(**message):
    print(json.dumps({{"v": 1, **message}}), flush=True)
say(id=None, type="hello", version="test")
for line in sys.stdin:
    request = json.loads(line)
    if request["type"] != "run":
        break
    params = request["params"]
    with open({log!r}, "a") as log:
        log.write(json.dumps([request["job"], params]) + chr(10))
    with np.load(params.get("start") or params["motion"]) as file:
        arrays = dict(file)
    first, last = params["frames"]
    arrays["poses"] = arrays["poses"][first : last + 1]
    arrays["trans"] = arrays["trans"][first : last + 1] + [0, 0, 0.5]
    with open(params["out"], "wb") as file:
        np.savez(file, **arrays)
    say(id=request["id"], type="result", result={{"motion": params["out"], "frames": last - first + 1}})
"""


@pytest.fixture
def rig(addon, person, fake_worker, tmp_path, monkeypatch):
    """A person of 20 frames from frame 11, whose motion file is a fit with landmarks."""
    log = str(tmp_path / "requests.jsonl")
    monkeypatch.setenv("LIQUID_MOTION_PYTHON", fake_worker(WORKER.format(log=log)))
    arrays = small_person.motion_arrays(FRAMES) | {
        "keypoints": np.ones((FRAMES, 33, 4)),
        "source": np.array("/long/gone/clip.mp4"),
    }
    (tmp_path / "clip.mp4").write_bytes(b"")  # beside the motion file: the project was moved
    path = small_person.write(tmp_path / "fit.npz", arrays)
    body = small_person.write(tmp_path / "open.npz", person["body_arrays"] | {"name": np.array("open")})
    made = build.build_scene(bpy.context.scene, build.SceneSpec(path, body, frame_start=11))
    bpy.context.view_layer.objects.active = made.rig
    settings = bpy.context.scene.liquid_motion_edit
    settings.first, settings.last, settings.blend = 15, 24, 2
    made.rig["log"] = log
    return made.rig


def requests(rig):
    with open(rig["log"]) as log:
        return [json.loads(line) for line in log]


def lifted(rig, before):
    """(T,) metres by which the body was lifted on each frame."""
    return (fit_keys.to_smpl(rig, fit_keys.read_fit(rig))[1] - before)[:, 2]


@pytest.mark.parametrize("operator", ["foot_lock", "refit"])
def test_result_is_blended_into_the_range(rig, operator):
    _, before = fit_keys.to_smpl(rig, fit_keys.read_fit(rig))
    assert getattr(bpy.ops.liquid_motion, operator)() == {"FINISHED"}
    assert not [path for path in Path(bpy.app.tempdir).iterdir() if path.suffix == ".npz"]
    rise = lifted(rig, before)
    assert np.abs(rise[:4]).max() < 1e-5 and np.abs(rise[14:]).max() < 1e-5
    assert np.allclose(rise[6:12], 0.5, atol=1e-5)
    assert 0 < rise[4] < rise[5] < 0.5 and 0 < rise[13] < rise[12] < 0.5
    ((job, params),) = requests(rig)
    assert (job, params["frames"], params["body"]) == (operator, [4, 13], "open")
    if operator == "refit":
        assert params["motion"].endswith("fit.npz")
        assert params["clip"] == params["motion"].replace("fit.npz", "clip.mp4")
        assert np.allclose(params["shape"], small_person.body_arrays()["betas"])


def test_worker_gets_the_present_keys(rig, tmp_path):
    """Keys changed by hand, in the body's own terms: the file reads back as what was fitted and changed."""
    keys = fit_keys.read_fit(rig)
    poses, trans = fit_keys.to_smpl(rig, keys)
    trans = trans + [0.0, 1.0, 0.0]
    fit_keys.write_fit(rig, fit_keys.from_smpl(rig, poses, trans, keys.first))
    from blender_addon.scene.motion_file import write_motion

    write_motion(bpy.context.scene, rig, fit_keys.read_fit(rig), tmp_path / "now.npz")
    with np.load(tmp_path / "now.npz") as file:
        assert np.abs(file["trans"] - small_person.motion_arrays(FRAMES)["trans"] - [0, 1, 0]).max() < 1e-5
        assert float(file["mocap_frame_rate"]) == pytest.approx(29.97, abs=1e-3)
        assert np.allclose(file["open_betas"], small_person.body_arrays()["betas"])


def test_refusals(rig, tmp_path):
    settings = bpy.context.scene.liquid_motion_edit
    settings.first, settings.last = 100, 110
    with pytest.raises(RuntimeError, match="11 to 30"):
        bpy.ops.liquid_motion.foot_lock()
    settings.first, settings.last = 15, 24
    (tmp_path / "clip.mp4").unlink()
    with pytest.raises(RuntimeError, match="choose it again as the driving clip"):
        bpy.ops.liquid_motion.refit()
    (tmp_path / "fit.npz").unlink()
    with pytest.raises(RuntimeError, match="no motion file with the landmarks"):
        bpy.ops.liquid_motion.refit()
    layers.add_layer(rig)
    assert not bpy.ops.liquid_motion.refit.poll()
    layers.remove_layer(rig)
    rig.data["liquid_motion"]["model"] = "smplx"
    with pytest.raises(RuntimeError, match="choose its file"):
        bpy.ops.liquid_motion.foot_lock()
    bpy.context.view_layer.objects.active = None
    assert not bpy.ops.liquid_motion.foot_lock.poll()
