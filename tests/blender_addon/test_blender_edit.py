"""Editing a fit: what Blender shows afterwards, on the frames that were meant and on all others."""

import numpy as np
import pytest
import small_person

bpy = pytest.importorskip("bpy")
from blender_addon.errors import AddonError  # noqa: E402
from blender_addon.scene import build, fit_keys, layers, shape  # noqa: E402
from blender_addon.scene.action import read_action  # noqa: E402
from blender_addon.scene.conventions import axis_angle_to_matrix  # noqa: E402
from blender_addon.scene.person import rig_of  # noqa: E402

FRAMES = 40


@pytest.fixture
def made(addon, person, tmp_path):
    """A person of 40 frames from frame 11: a smooth turn with noise on it."""
    rng = np.random.default_rng(5)
    t = np.linspace(0, 3, FRAMES)[:, None]
    arrays = small_person.motion_arrays(FRAMES)
    arrays["poses"] = np.sin(t * rng.uniform(0.5, 1.5, 15)) * 0.8 + rng.normal(0, 0.05, (FRAMES, 15))
    arrays["trans"] = t * [0.5, 0.2, 0.1] + rng.normal(0, 0.01, (FRAMES, 3))
    path = small_person.write(tmp_path / "long.npz", arrays)
    spec = build.SceneSpec(path, person["body"], frame_start=11)
    built = build.build_scene(bpy.context.scene, spec)
    bpy.context.view_layer.objects.active = built.rig
    built.rig.select_set(True)
    return built, arrays


def test_reads_back_the_motion_file(made):
    built, arrays = made
    keys = fit_keys.read_fit(built.rig)
    assert (keys.first, keys.last) == (11, 50)
    poses, trans = fit_keys.to_smpl(built.rig, keys)
    found, expected = (axis_angle_to_matrix(p.reshape(-1, 5, 3)) for p in (poses, arrays["poses"]))
    assert np.abs(found - expected).max() < 1e-5
    assert np.abs(trans - arrays["trans"]).max() < 1e-5
    again = fit_keys.from_smpl(built.rig, poses, trans, 11)
    assert np.abs(np.abs(np.sum(again.rotations * keys.rotations, -1)) - 1).max() < 1e-6
    assert np.abs(again.locations - keys.locations).max() < 1e-5


def test_writes_only_the_frames(made, evaluated):
    built, arrays = made
    before = read_action(built.rig.animation_data.action)
    poses, trans = arrays["poses"].copy(), arrays["trans"].copy()
    poses[10:15] += 0.3
    trans[10:15] += [0.1, 0.2, 0.3]
    fit_keys.write_fit(built.rig, fit_keys.from_smpl(built.rig, poses[10:15], trans[10:15], 21))
    after = read_action(built.rig.animation_data.action)
    assert after.keys() == before.keys()
    for name, points in after.items():
        assert np.array_equal(points[:, 0], before[name][:, 0])
        outside = (points[:, 0] < 21) | (points[:, 0] > 25)
        assert np.array_equal(points[outside], before[name][outside])
    changed = arrays | {"poses": poses, "trans": trans}
    body = small_person.body_arrays()
    for row in (9, 10, 12, 14, 15):
        expected = small_person.skinned(body, changed, row)
        assert np.abs(evaluated(built.mesh, 11 + row) - expected).max() < 1e-5
    # no joint takes the long way between two keys
    for joint in range(5):
        columns = [
            after[f'pose.bones["{small_person.NAMES[joint]}"].rotation_quaternion', i] for i in range(4)
        ]
        q = np.stack([c[:, 1] for c in columns], -1)
        assert (np.sum(q[1:] * q[:-1], -1) > 0).all()


def test_pose_correctives_follow(addon, person, evaluated, tmp_path):
    """Of a body that has them: the skin of the new poses is the formula's, on the frames that were written."""
    arrays, motion = small_person.body_arrays(correctives=True), small_person.motion_arrays(12)
    body = small_person.write(tmp_path / "body.npz", arrays)
    path = small_person.write(tmp_path / "motion.npz", motion)
    made = build.build_scene(bpy.context.scene, build.SceneSpec(path, body))
    poses = motion["poses"].copy()
    poses[4:8] *= 0.5
    fit_keys.write_fit(made.rig, fit_keys.from_smpl(made.rig, poses[4:8], motion["trans"][4:8], 5))
    for row in (3, 4, 6, 8):
        expected = small_person.skinned(arrays, motion | {"poses": poses}, row)
        assert np.abs(evaluated(made.mesh, 1 + row) - expected).max() < 1e-5


def test_keeps_bezier_keys_beside_the_range(made):
    built, _ = made
    action = built.rig.animation_data.action
    curve = next(c for c in fit_keys.fcurves_of(action, built.rig) if c.data_path.endswith("location"))
    for point in list(curve.keyframe_points)[5:30]:
        point.interpolation = "BEZIER"
        point.handle_left_type = point.handle_right_type = "FREE"
        point.handle_left = point.co.x - 0.3, point.co.y + 0.1
    curve.update()
    expected = [tuple(p.handle_left) for p in curve.keyframe_points][5:9]
    fit_keys.write_fit(built.rig, fit_keys.read_fit(built.rig).rows(21, 30))
    curve = next(c for c in fit_keys.fcurves_of(action, built.rig) if c.data_path.endswith("location"))
    points = list(curve.keyframe_points)
    assert [tuple(p.handle_left) for p in points][5:9] == expected
    assert points[6].interpolation == "BEZIER" and points[12].interpolation == "LINEAR"


def test_smoothing_takes_the_noise(made):
    """Nearer to the motion without its noise, inside the range only, without a step at its ends."""
    built, arrays = made
    whole = fit_keys.read_fit(built.rig)
    new = fit_keys.smooth(whole, 21, 40, 2.0)
    mixed = fit_keys.blend(whole.rows(21, 40), new, 4, whole)
    assert (mixed.first, mixed.last) == (21, 40)

    def jerk(keys):
        return np.abs(np.diff(keys.locations, 3, axis=0)).mean()

    assert jerk(mixed) < 0.3 * jerk(whole.rows(21, 40))
    t = np.linspace(0, 3, FRAMES)[10:30, None] * [0.5, 0.2, 0.1]
    found = fit_keys.to_smpl(built.rig, mixed)[1]
    assert np.abs(found - t).mean() < 0.7 * np.abs(arrays["trans"][10:30] - t).mean()
    assert np.abs(mixed.locations[0] - whole.rows(21, 21).locations[0]).max() < 0.01
    # a motion that is straight stays as it is, to its very ends
    line = fit_keys.FitKeys(1, np.tile([1.0, 0, 0, 0], (20, 1, 1)), np.arange(60.0).reshape(20, 3), ("a",))
    assert np.allclose(fit_keys.smooth(line, 1, 20, 2.0).locations, line.locations)


def test_slerp_and_blend_known_values():
    turn = np.array([[np.cos(0.4), np.sin(0.4), 0, 0]])
    none = np.array([[1.0, 0, 0, 0]])
    half = fit_keys.slerp(none, -turn, np.array([0.5]))
    assert np.allclose(half, [[np.cos(0.2), np.sin(0.2), 0, 0]])
    assert np.allclose(fit_keys.slerp(none, none, np.array([0.3])), none)
    old = fit_keys.FitKeys(5, np.tile(none, (9, 1, 1)), np.zeros((9, 3)), ("a",))
    new = fit_keys.FitKeys(5, np.tile(none, (9, 1, 1)), np.ones((9, 3)), ("a",))
    inside = fit_keys.FitKeys(1, np.tile(none, (30, 1, 1)), np.zeros((30, 3)), ("a",))
    ramp = fit_keys.blend(old, new, 3, inside).locations[:, 0]
    assert np.allclose(ramp[3:6], 1) and np.allclose(ramp, ramp[::-1]) and 0 < ramp[0] < ramp[1] < ramp[2] < 1
    assert np.allclose(fit_keys.blend(old, new, 3, old).locations, 1)


def test_corrections_leave_the_fit(made, evaluated):
    """A bone posed on one frame is shown there as posed; falloff frames away, and in the fit, nothing changes."""
    built, _ = made
    scene, rig = bpy.context.scene, built.rig
    fit = rig.animation_data.action
    before = read_action(fit)
    shown = {frame: evaluated(built.mesh, frame) for frame in (11, 20, 25, 30, 50)}
    assert bpy.ops.liquid_motion.add_layer() == {"FINISHED"}
    for frame, expected in shown.items():
        assert np.abs(evaluated(built.mesh, frame) - expected).max() < 1e-5
    for frame, turn in ((25, (0.8, 0.6, 0, 0)), (27, (0.6, 0, 0.8, 0))):
        scene.frame_set(frame)
        rig.pose.bones["head"].rotation_quaternion = turn
        rig.pose.bones["pelvis"].location.x += 0.25
        place = rig.pose.bones["pelvis"].location.copy()
        assert bpy.ops.liquid_motion.key_correction(falloff=5) == {"FINISHED"}
        scene.frame_set(1)
        scene.frame_set(frame)
        found = rig.pose.bones["head"].rotation_quaternion.normalized()
        assert abs(found.dot(turn)) > 1 - 1e-5
        assert (rig.pose.bones["pelvis"].location - place).length < 1e-4
    for frame in (11, 20, 50):
        assert np.abs(evaluated(built.mesh, frame) - shown[frame]).max() < 1e-4
    found = read_action(fit)
    assert all(np.array_equal(found[name], before[name]) for name in before)
    with pytest.raises(RuntimeError, match="no bone was moved"):
        bpy.ops.liquid_motion.key_correction()
    corrected = {frame: evaluated(built.mesh, frame) for frame in range(18, 36)}
    assert bpy.ops.liquid_motion.merge_layer() == {"FINISHED"}
    assert not layers.has_layer(rig) and rig.animation_data.action == fit
    for frame, expected in corrected.items():
        assert np.abs(evaluated(built.mesh, frame) - expected).max() < 1e-4


def test_corrections_can_be_thrown_away(made, evaluated):
    built, _ = made
    rig = built.rig
    names = [action.name for action in bpy.data.actions]
    expected = evaluated(built.mesh, 25)
    layers.add_layer(rig)
    rig.pose.bones["head"].rotation_quaternion = (0, 1, 0, 0)
    layers.key_correction(rig, 25, 3)
    bpy.ops.liquid_motion.remove_layer()
    assert [action.name for action in bpy.data.actions] == names
    assert len(rig.animation_data.nla_tracks) == 0
    assert np.abs(evaluated(built.mesh, 25) - expected).max() < 1e-5
    with pytest.raises(AddonError, match="no layer"):
        layers.remove_layer(rig)


def test_smooth_operator_and_its_refusals(made, evaluated):
    built, _ = made
    outside = evaluated(built.mesh, 15)
    inside = evaluated(built.mesh, 30)
    settings = bpy.context.scene.liquid_motion_edit
    settings.first, settings.last = 25, 35
    assert bpy.ops.liquid_motion.smooth() == {"FINISHED"}
    assert np.abs(evaluated(built.mesh, 15) - outside).max() < 1e-6
    assert 1e-3 < np.abs(evaluated(built.mesh, 30) - inside).max() < 0.5
    settings.first, settings.last = 60, 70
    with pytest.raises(RuntimeError, match="11 to 50"):
        bpy.ops.liquid_motion.smooth()
    bpy.context.view_layer.objects.active = None
    assert not bpy.ops.liquid_motion.smooth.poll()


@pytest.mark.parametrize("keep_feet", [False, True])
def test_bones_follow_the_shape(made, evaluated, keep_feet):
    """As the body model has it with these betas; or lifted so that the standing soles keep their height."""
    built, arrays = made
    betas = np.array([-1.0, 2.5, 1.0])
    for key, value in zip(built.mesh.data.shape_keys.key_blocks[1:], betas, strict=True):
        key.value = value
    assert shape.bones_lag(built.rig)
    action = read_action(built.rig.animation_data.action)
    assert bpy.ops.liquid_motion.apply_shape(keep_feet=keep_feet) == {"FINISHED"}
    assert not shape.bones_lag(built.rig)
    body = small_person.body_arrays()
    old, new = body, body | {"betas": betas}
    lift = 0.0
    if keep_feet:

        def leg(arrays):
            joints = arrays["J_template"] + arrays["J_shapedirs"] @ arrays["betas"]
            return joints[0, 1] - (arrays["v_template"] + arrays["shapedirs"] @ arrays["betas"])[:, 1].min()

        pelvis = (body["J_shapedirs"] @ (betas - body["betas"]))[0]
        lift = leg(new) - leg(old) - pelvis[2 - 1]
        # trans counts from J_0 in the Y-up axes: its z is what the formula below adds
        lift -= pelvis[2] - pelvis[1]
    for row in (0, 17, 39):
        expected = small_person.skinned(new, arrays, row) + [0, 0, lift]
        assert np.abs(evaluated(built.mesh, 11 + row) - expected).max() < 1e-5
    assert all(np.array_equal(v, action[k]) for k, v in read_action(built.rig.animation_data.action).items())
    # and back again
    for key, value in zip(built.mesh.data.shape_keys.key_blocks[1:], body["betas"], strict=True):
        key.value = value
    bpy.ops.liquid_motion.apply_shape(keep_feet=keep_feet)
    for row in (0, 39):
        expected = small_person.skinned(body, arrays, row)
        assert np.abs(evaluated(built.mesh, 11 + row) - expected).max() < 1e-5


def test_motion_of_another_shape_reads_back(made):
    """After Apply Shape, poses and trans of the motion file are those of before: SMPL's meaning is kept."""
    built, arrays = made
    built.mesh.data.shape_keys.key_blocks["beta_1"].value = 3.0
    shape.apply_shape(built.rig, keep_feet=False)
    poses, trans = fit_keys.to_smpl(built.rig, fit_keys.read_fit(built.rig))
    assert np.abs(trans - arrays["trans"]).max() < 1e-5
    found, expected = (axis_angle_to_matrix(p.reshape(-1, 5, 3)) for p in (poses, arrays["poses"]))
    assert np.abs(found - expected).max() < 1e-4


def test_linked_and_overridden_rigs(made, tmp_path):
    """Linked: refused. A library override: its keys become a local action, shape is refused; the file is untouched."""
    path = tmp_path / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(path), link=True) as (_, into):
        into.objects = ["Person", "Person rig"]
    collection = bpy.context.scene.collection
    for linked in into.objects:
        collection.objects.link(linked)
    rig = bpy.data.objects["Person rig"]
    keys = fit_keys.read_fit(rig)
    with pytest.raises(AddonError, match="linked from library.blend"):
        fit_keys.write_fit(rig, keys.rows(20, 30))
    with pytest.raises(AddonError, match="linked from library.blend"):
        layers.add_layer(rig)
    with pytest.raises(AddonError, match="linked from library.blend"):
        shape.apply_shape(rig)
    mesh = bpy.data.objects["Person"].override_create(remap_local_usages=True)
    rig = mesh.parent if mesh.parent.library is None else rig.override_create(remap_local_usages=True)
    linked_action = rig.animation_data.action
    assert linked_action.library is not None
    before = read_action(linked_action)
    part = keys.rows(20, 30)
    moved = fit_keys.FitKeys(part.first, part.rotations, part.locations + 1.0, part.names)
    fit_keys.write_fit(rig, moved)
    assert rig.animation_data.action.library is None
    assert all(np.array_equal(v, before[k]) for k, v in read_action(linked_action).items())
    assert np.abs(fit_keys.read_fit(rig).rows(20, 30).locations - moved.locations).max() < 1e-5
    with pytest.raises(AddonError, match="linked|override"):
        shape.apply_shape(rig)


def test_duplicated_and_renamed(made):
    built, _ = made
    built.rig.name, built.mesh.name = "Anna rig", "Anna"
    assert rig_of(built.mesh) == built.rig
    assert fit_keys.read_fit(built.rig).last == 50
    for chosen in (built.rig, built.mesh):
        chosen.select_set(True)
    bpy.ops.object.duplicate()
    copy = next(o for o in bpy.context.selected_objects if o.type == "ARMATURE")
    assert copy != built.rig
    layers.add_layer(copy)
    assert not layers.has_layer(built.rig)
    assert fit_keys.read_fit(copy).last == 50
