"""Filmed clips of synthetic people: what is said to be true of them is what is seen."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from neural.training.bvh import load_bvh
from neural.training.filmed import ClipSpec, set_scene, standing_camera, turned_before_camera
from neural.training.mocap import MocapError, retarget
from neural.training.people import PosedPerson
from smpl_fitting.body import load_body
from smpl_fitting.body.names import JOINT_NAMES
from smpl_fitting.errors import LiquidMotionError

SPEC = ClipSpec("walk", 3, "male", False, "cmu_12_01_walk.bvh", 1.0, 0.1, 30, 4.0, image_size=(160, 120))


def posed_points(points):
    """A person whose body is these points (T, N, 3)."""
    empty = np.zeros((len(points), 24, 3))
    return PosedPerson(
        (), points.astype(np.float32), empty, np.zeros((len(points), 72)), np.zeros((len(points), 3))
    )


@pytest.mark.parametrize("roll", [0.0, 20.0])
@pytest.mark.parametrize("image_size", [(640, 480), (480, 640)])
def test_the_camera_keeps_the_motion_in_the_picture(roll, image_size):
    rng = np.random.default_rng(0)
    points = rng.uniform((-0.8, -0.5, 0.0), (0.8, 0.5, 1.8), (20, 500, 3))
    spec = replace(SPEC, roll=roll, image_size=image_size, fill=0.85)
    pixels, depth = standing_camera(spec, posed_points(points)).project(
        torch.from_numpy(points[:, ::25]).float()
    )
    assert depth.min() > 0
    size = torch.tensor([image_size[1], image_size[0]])
    share = ((pixels.reshape(-1, 2) - size / 2).abs() / (size / 2)).amax(0)
    assert share.max() == pytest.approx(0.85, abs=0.02)


@pytest.mark.parametrize("azimuth", [0.0, 90.0, -135.0])
def test_the_person_is_turned_so_that_the_camera_is_on_that_side(azimuth):
    """The camera is on the -Y side: she faces it, has it to her left, or behind her right shoulder."""
    rng = np.random.default_rng(1)
    upright = np.tile([np.pi / 2, 0.0, 0.0], (5, 1))  # Y-up to Z-up, facing -Y
    poses = np.concatenate((upright, 0.1 * rng.normal(size=(5, 69))), axis=1)
    before = rng.normal(size=(5, 3))
    turned, trans = turned_before_camera(poses, before, np.array([0.0, 0.9, 0.0]), azimuth)
    axes = Rotation.from_rotvec(turned[0, :3]).as_matrix()
    left, forward = axes[:, 0], axes[:, 2]
    to_camera = np.array([0.0, -1.0, 0.0])
    assert np.degrees(np.arctan2(to_camera @ left, to_camera @ forward)) == pytest.approx(azimuth, abs=1e-6)
    np.testing.assert_array_equal(turned[:, 3:], poses[:, 3:])
    assert np.ptp(trans[:, 2]) == pytest.approx(np.ptp(before[:, 2]))


@pytest.mark.parametrize(
    ("name", "rest_frame"), [("cmu_12_01_walk", None), ("jesse_dance", 0), ("jumping_jacks", None)]
)
def test_bvh_limbs_point_where_the_recording_has_them(shared, name, rest_frame):
    recording = load_bvh(shared(f"mocap/{name}.bvh"), rest_frame)
    body = load_body("open")
    poses, trans = retarget(recording, body.J_template.double().numpy(), recording.fps)
    tensors = [torch.as_tensor(v).float() for v in (np.zeros(10), poses, trans)]
    joints = body.joints(*tensors).numpy()
    bones = recording.skeleton.names
    frames = min(len(joints), len(recording.tails))
    for side in ("left", "right"):
        for start, end, bone in (
            ("hip", "knee", "femur"),
            ("knee", "ankle", "tibia"),
            ("shoulder", "elbow", "humerus"),
        ):
            ours = np.diff(
                joints[:frames, [JOINT_NAMES.index(f"{side}_{part}") for part in (start, end)]], axis=1
            )[:, 0]
            theirs = (
                recording.rotations[:frames, bones.index(side[0] + bone)]
                @ recording.skeleton.directions[bones.index(side[0] + bone)]
            )
            theirs = theirs @ np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]).T
            cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1)
            assert cosine.min() > np.cos(np.radians(2.0))


def test_a_bvh_file_of_something_else_is_an_error(tmp_path):
    path = tmp_path / "snake.bvh"
    path.write_text(
        "HIERARCHY\nROOT Head\n{\nOFFSET 0 0 0\nCHANNELS 3 Xrotation Yrotation Zrotation\n"
        "End Site\n{\nOFFSET 0 1 0\n}\n}\n"
        "MOTION\nFrames: 1\nFrame Time: 0.0333\n0 0 0\n"
    )
    with pytest.raises(MocapError, match="other names"):
        load_bvh(path)
    with pytest.raises(LiquidMotionError, match="missing.bvh"):
        load_bvh(tmp_path / "missing.bvh")


@pytest.mark.slow
def test_the_truth_is_where_the_picture_shows_the_person(shared):
    """The drawn person differs from the empty room where the true body projects, and hardly anywhere else."""
    pytest.importorskip("anny")
    from neural.training.raster_people import draw_room
    from neural.training.truth import surface_vertices
    from smpl_fitting.geometry import rasterize

    body = load_body("open")
    scene = set_scene(SPEC, shared("assets/makehuman_cc0"), shared("mocap"), body)
    picture = next(scene.frames()).astype(int)
    room = draw_room(surface_vertices(scene.posed, 0), scene.camera, scene.studio)
    drawn = np.abs(picture - room).max(-1) > 8
    true = rasterize(torch.from_numpy(scene.posed.body[0]).float(), body.faces, scene.camera).mask.numpy()
    assert (drawn & true).sum() / true.sum() > 0.9
    assert (drawn & true).sum() / (drawn | true).sum() > 0.7  # the clothes are wider than the body
    assert 1.3 < scene.stature < 2.1
