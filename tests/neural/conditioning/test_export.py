import json

import numpy as np
import pytest
import torch
from painted import body_pose, level_camera

from neural.conditioning.export import (
    Take,
    export_conditioning,
    is_take,
    load_take,
    surface_landmarks,
    take_of,
)
from neural.conditioning.flow import UNKNOWN, flow_picture, forward_flow, no_flow, write_flo
from neural.conditioning.skeleton import LIMBS, POINTS, colours, draw_skeleton, openpose_points
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.geometry import rasterize
from smpl_fitting.landmarks import LANDMARK
from smpl_fitting.motion import Motion
from smpl_fitting.video import read_image

FOLDERS = ("depth", "normal", "semantic_map", "dwpose", "mask", "iuv", "parts", "flow")


@pytest.fixture(scope="module")
def motion():
    camera, count = level_camera((240, 160)), 3
    return Motion(
        poses=torch.cat([body_pose(yaw=10.0 * i) for i in range(count)]).numpy(),
        trans=np.zeros((count, 3), np.float32),
        betas=np.zeros(10, np.float32),
        fps=25.0,
        camera_K=camera.K.expand(count, 3, 3).numpy(),
        camera_R=camera.R.expand(count, 3, 3).numpy(),
        camera_t=camera.t.expand(count, 3).numpy(),
        image_size=camera.image_size,
    )


def test_a_folder_as_champ_reads_it(motion, open_body, tmp_path):
    result = export_conditioning(take_of(motion, open_body), open_body, tmp_path / "guidance")
    assert result["frames"] == 3
    for name in FOLDERS:
        pictures = sorted((tmp_path / "guidance" / name).glob("*.png"))
        assert [path.name for path in pictures] == ["0000.png", "0001.png", "0002.png"]
        assert read_image(pictures[0]).shape[:2] == (240, 160)
    about = json.loads((tmp_path / "guidance" / "conditioning.json").read_text())
    near, far = about["depth_range_m"]
    assert 3.5 < near < far < 4.5 and about["fps"] == 25.0 and about["parts"]["1"] == "head"
    # the nearest point of all is white in one frame, and none is brighter or darker than the range says
    levels = np.stack(
        [read_image(p)[..., 0] for p in sorted((tmp_path / "guidance" / "depth").glob("*.png"))]
    )
    assert levels.max() >= 250 and levels[levels > 0].min() >= 51


def test_vertices_of_any_deformation(motion, open_body, tmp_path):
    """What Blender keyed by hand comes as vertices, and gives the same pictures as poses that make them."""
    by_poses = take_of(motion, open_body)
    path = tmp_path / "take.npz"
    arrays = {
        "vertices": torch.stack([by_poses.vertices(row) for row in range(3)]).numpy(),
        "camera_K": motion.camera_K,
        "camera_R": motion.camera_R,
        "camera_t": motion.camera_t,
        "image_size": np.array([240, 160]),
        "fps": np.array(25.0),
    }
    np.savez(path, **arrays)
    assert is_take(path)
    export_conditioning(by_poses, open_body, tmp_path / "a")
    export_conditioning(load_take(path, open_body), open_body, tmp_path / "b")
    for name in FOLDERS:
        np.testing.assert_array_equal(*(read_image(tmp_path / side / name / "0001.png") for side in "ab"))
    motion.save(tmp_path / "motion.npz")
    assert not is_take(tmp_path / "motion.npz")
    np.savez(path, **{**arrays, "vertices": arrays["vertices"][:, :100]})
    with pytest.raises(LiquidMotionError, match="add or remove vertices"):
        load_take(path, open_body)
    np.savez(path, vertices=arrays["vertices"])
    with pytest.raises(LiquidMotionError, match="has no camera_K"):
        load_take(path, open_body)
    path.write_bytes(b"nothing")
    with pytest.raises(LiquidMotionError, match="not readable"):
        is_take(path)


def test_a_motion_without_cameras_is_refused(motion, open_body):
    import dataclasses

    blind = dataclasses.replace(motion, camera_K=None, camera_R=None, camera_t=None)
    with pytest.raises(LiquidMotionError, match="no cameras"):
        take_of(blind, open_body)


def test_skeleton_lies_on_the_body_and_hides_the_face_behind(open_body, checked):
    camera = level_camera()
    for yaw, face_is_seen in ((0.0, True), (180.0, False)):
        vertices = checked.vertices(body_pose(yaw))
        seen = rasterize(vertices, open_body.faces, camera)
        points = openpose_points(surface_landmarks(open_body, vertices), camera, seen)
        nose, eyes = POINTS.index("nose"), [POINTS.index(f"{side}_eye") for side in ("left", "right")]
        assert np.isfinite(points[[nose, *eyes]]).all() == face_is_seen
        left, right = (points[POINTS.index(f"{side}_shoulder")] for side in ("left", "right"))
        assert (left[0] > right[0]) == face_is_seen
        np.testing.assert_allclose(points[POINTS.index("neck")], (left + right) / 2, atol=0.5)
        body = [index for index, name in enumerate(POINTS) if "eye" not in name and "ear" not in name]
        x, y = points[[i for i in body if np.isfinite(points[i]).all()]].astype(int).T
        assert seen.mask.numpy()[y, x].all()


def test_skeletons_colours():
    assert colours()[[0, 1, 2, 3, 12, 17]].tolist() == [
        [255, 0, 0],
        [255, 85, 0],
        [255, 170, 0],
        [255, 255, 0],
        [0, 0, 255],
        [255, 0, 85],
    ]
    points = np.full((18, 2), np.nan)
    points[1], points[2] = (20.5, 20.5), (80.5, 20.5)  # neck and right shoulder: the first limb
    image = draw_skeleton(points, (40, 100))
    assert image[20, 50].tolist() == [153, 0, 0]  # 0.6 of red
    assert image[20, 20].tolist() == [255, 85, 0] and image[20, 80].tolist() == [255, 170, 0]
    assert (image[:15] == 0).all() and (image[26:] == 0).all()
    assert len(LIMBS) == 17 and draw_skeleton(np.full((18, 2), np.nan), (8, 8)).max() == 0


def test_flow_carries_points_to_the_next_frame(open_body, checked):
    camera = level_camera()
    now, then = (
        checked.vertices(body_pose()),
        checked.vertices(body_pose(yaw=8.0)) + torch.tensor([0.05, 0.0, 0.02]),
    )
    seen = rasterize(now, open_body.faces, camera)
    flow = forward_flow(seen, open_body.faces, then, camera)
    body = seen.mask.numpy()
    assert (flow[~body] == np.float32(UNKNOWN)).all()
    # at the knee's landmark: where the same point is projected in both frames
    for name in ("left_knee", "right_hip", "nose"):
        places = [
            camera.project(surface_landmarks(open_body, v)[LANDMARK[name]])[0].numpy() for v in (now, then)
        ]
        column, row = places[0].astype(int)
        if body[row, column] and name == "nose":  # the others lie within the limb, at another depth
            np.testing.assert_allclose(flow[row, column], places[1] - places[0], atol=1.0)
    still = forward_flow(seen, open_body.faces, now, camera)
    assert np.abs(still[body]).max() < 2e-2


def test_flo_file_and_picture(tmp_path):
    flow = np.random.default_rng(0).normal(0, 3, (5, 7, 2)).astype(np.float32)
    flow[0, 0] = UNKNOWN
    write_flo(tmp_path / "a.flo", flow)
    raw = (tmp_path / "a.flo").read_bytes()
    assert raw[:4] == b"PIEH"  # 202021.25 as a little-endian float: the format's check
    assert np.frombuffer(raw[4:12], "<i4").tolist() == [7, 5]
    np.testing.assert_array_equal(np.frombuffer(raw[12:], "<f4").reshape(5, 7, 2), flow)
    image = flow_picture(flow, 10.0)
    assert image[0, 0].tolist() == [0, 0, 0] and (image[1:].max(-1) == 255).all()
    assert flow_picture(np.zeros((1, 1, 2), np.float32), 5.0)[0, 0].tolist() == [255, 255, 255]
    assert flow_picture(no_flow((2, 2)), 5.0).max() == 0


def test_an_empty_picture_is_written(open_body, checked, tmp_path):
    camera = level_camera((64, 64), distance=4.0)
    aside = checked.vertices(body_pose()) + torch.tensor([50.0, 0.0, 0.0])
    export_conditioning(Take(lambda row: aside, [camera], 25.0), open_body, tmp_path)
    for name in FOLDERS:
        assert read_image(tmp_path / name / "0000.png")[..., :3].max() == 0
