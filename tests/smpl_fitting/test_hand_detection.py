"""Hands and faces in real photos, and of drawn people whose hands and heads are known."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from smpl_fitting.body import load_body
from smpl_fitting.detection import Detections, detect
from smpl_fitting.detection.closeups import crop_of_box, pixels_per_metre, to_pixels, turned_upright
from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.face import _REST, STABLE_POINTS, detect_head, head_rotation
from smpl_fitting.detection.hands import detect_hands, solid_landmarks
from smpl_fitting.fit import fit_stills
from smpl_fitting.hand_rig import hand_rig
from smpl_fitting.video import open_footage, write_image
from smpl_fitting.world import frame_camera

WRISTS = (15, 16)


def resized(picture, factor):
    height, width = picture.shape[:2]
    rows, columns = (np.arange(int(n * factor)) / factor for n in (height, width))
    return picture[rows.astype(int)][:, columns.astype(int)]


@pytest.fixture(scope="module")
def man(shared):
    """Footage and detections of a standing man with both hands in view."""
    footage = open_footage(shared("footage/stills/animateanyone_11.png"))
    return footage, detect(footage)


def test_both_hands_of_a_photo_are_found(man):
    footage, person = man
    hands = detect_hands(footage, person)
    assert hands.keypoints.shape == hands.world.shape == (1, 2, 21, 3)
    assert (hands.confidence > 0.8).all()
    scale = pixels_per_metre(person.keypoints[0], person.keypoints_world[0])
    for hand, wrist in enumerate(WRISTS):
        points = hands.keypoints[0, hand, :, :2]
        assert np.linalg.norm(points[0] - person.keypoints[0, wrist, :2]) < 0.05 * scale
        assert 0.08 * scale < np.ptp(points, axis=0).max() < 0.22 * scale
        assert points[12, 1] > points[9, 1] > points[0, 1]  # the arms hang
    # thumbs point to the trousers' middle, which is between the hands
    assert hands.keypoints[0, 0, 4, 0] < hands.keypoints[0, 0, 20, 0] + 0.1 * scale
    world = hands.world[0] - hands.world[0].mean(1, keepdims=True)
    assert 0.1 < np.ptp(world, axis=1).max() < 0.25  # metres


def test_hands_stay_with_a_mirrored_picture(man, tmp_path):
    """Mirroring exchanges left and right and the hands with them."""
    footage, person = man
    picture = next(footage.frames(0, 1))[1][..., :3]
    write_image(tmp_path / "mirror.png", np.ascontiguousarray(picture[:, ::-1]))
    turned = open_footage(tmp_path / "mirror.png")
    seen, mirrored = detect_hands(footage, person), detect_hands(turned, detect(turned))
    assert (mirrored.confidence > 0.5).all()
    width = picture.shape[1]
    for hand in (0, 1):
        flipped = mirrored.keypoints[0, 1 - hand, :, :2] * (-1, 1) + (width, 0)
        apart = np.linalg.norm(flipped - seen.keypoints[0, hand, :, :2], axis=1)
        assert np.median(apart) < 0.15 * np.ptp(flipped, axis=0).max()


def test_wrong_sides_are_rejected(man):
    """A body whose left and right are exchanged: the network sees that the hands are not its own."""
    footage, person = man
    swap = np.arange(33)
    for left in (1, 2, 3):
        swap[[left, left + 3]] = left + 3, left
    for left in (7, 9, *range(11, 33, 2)):
        swap[[left, left + 1]] = left + 1, left
    exchanged = dataclasses.replace(
        person, keypoints=person.keypoints[:, swap], keypoints_world=person.keypoints_world[:, swap]
    )
    assert (detect_hands(footage, exchanged).confidence < 0.1).all()


def test_tiny_hands_and_faces_are_not_looked_at(man, tmp_path):
    footage, person = man
    picture = next(footage.frames(0, 1))[1][..., :3]
    write_image(tmp_path / "far.png", np.ascontiguousarray(resized(picture, 0.1)))
    small = dataclasses.replace(
        person, keypoints=person.keypoints * (0.1, 0.1, 0.1, 1), image_size=(91, 62), boxes=person.boxes * 0.1
    )
    footage = open_footage(tmp_path / "far.png")
    assert (detect_hands(footage, small).confidence == 0).all()
    assert (detect_head(footage, small).confidence == 0).all()


def test_nobody_has_no_hands(man):
    footage, person = man
    nobody = dataclasses.replace(person, confidence=np.zeros(1, np.float32))
    hands, head = detect_hands(footage, nobody), detect_head(footage, nobody)
    assert (hands.confidence == 0).all() and np.isfinite(hands.world).all()
    assert (head.confidence == 0).all() and np.array_equal(head.rotations, np.eye(3)[None])


def test_a_face_that_looks_at_the_camera(shared):
    footage = open_footage(shared("footage/clips/ipercore_akun_1.mp4"))
    person = detect(footage, frames=range(6))
    head = detect_head(footage, person)
    assert (head.confidence > 0.5).mean() > 0.6
    facing = head.rotations[head.confidence > 0.5]
    assert (facing[:, 2, 2] < -0.6).all()  # the face's forward is towards the camera
    assert (facing[:, 1, 1] < -0.7).all()  # and its up is up
    steps = [Rotation.from_matrix(a.T @ b).magnitude() for a, b in zip(facing, facing[1:], strict=False)]
    assert np.rad2deg(max(steps)) < 25


def test_turned_points_give_their_rotation():
    rng = np.random.default_rng(0)
    rotations = Rotation.from_rotvec(rng.normal(0, 0.8, (20, 3))).as_matrix()
    points = np.einsum("tij,nj->tni", rotations, _REST) / (1, 1, 1.3) * 57 + 300
    found, misfit = head_rotation(points)
    assert np.allclose(found, rotations, atol=1e-6) and misfit.max() < 1e-3
    assert head_rotation(rng.normal(size=(5, len(STABLE_POINTS), 3)))[1].min() > 0.5  # no face


def test_boxes_and_crops_undo_each_other():
    rng = np.random.default_rng(1)
    points = rng.normal(0, 30, (21, 2)) + (200, 100)
    crop = crop_of_box(points, np.array([0.6, -0.8]), 1.0)
    inverse = np.linalg.inv(np.vstack((crop.to_picture, (0, 0, 1))))
    inside = points @ inverse[:2, :2].T + inverse[:2, 2]
    assert inside.min() > -1e-6 and inside.max() < 1 + 1e-6
    assert np.isclose(np.ptp(inside, axis=0).max(), 1)
    up = crop.to_picture[:, :2] @ (0, -1)
    assert np.allclose(up / np.linalg.norm(up), (0.6, -0.8))
    back = to_pixels(np.concatenate((inside, np.zeros((21, 1))), 1), crop)
    assert np.allclose(back[:, :2], points)


def test_depths_turn_with_the_crop():
    """A hand seen in a crop that lies on its side, told in the picture's axes: x and y turn, the depth stays."""
    crop = Crop(0.0, 0.0, 10.0, np.pi / 2)
    turned = turned_upright(np.array([[0.0, -1.0, 0.3]]), crop)  # up in the crop
    assert np.allclose(turned, [[1.0, 0.0, 0.3]])  # is right in the picture
    rng = np.random.default_rng(2)
    world = rng.normal(0, 0.05, (21, 3))
    pixels = np.concatenate((world[:, :2] * 400 + 50, np.zeros((21, 1))), 1)
    solid = solid_landmarks(pixels, world)
    assert np.allclose(solid[:, :2], world[:, :2] - world[:, :2].mean(0))
    assert np.corrcoef(solid[:, 2], world[:, 2])[0, 1] > 0.999


@pytest.fixture(scope="module")
def drawn(shared):
    """A drawn person seen from the front whose head is turned by a known rotation, as footage parts."""
    pytest.importorskip("anny")
    wardrobe = shared("assets/makehuman_cc0")
    from neural.training.people import joint_transforms, make_person, pose_person, random_person_spec
    from neural.training.raster_people import draw_with_rasterizer
    from neural.training.studio import Studio, look_at
    from neural.training.truth import join_parts, surface_vertices

    person = make_person(random_person_spec(3, gender="male"), wardrobe)
    poses = np.zeros((4, 24, 3))
    poses[:, 0, 0] = np.pi / 2  # upright in the Z-up world, facing -Y
    poses[:, 16, 2], poses[:, 17, 2] = -1.1, 1.1
    poses[:, 15] = [(0, 0, 0), (0, 0.5, 0), (0.3, -0.4, 0), (0, 0.2, 0.3)]
    posed = pose_person(person, poses.reshape(4, 72), np.tile([0.0, 0.0, 1.1], (4, 1)))
    surface = join_parts(person)
    target = posed.joints[0, 12].tolist()
    camera = look_at((target[0], target[1] - 2.2, target[2]), tuple(target), 50.0, (480, 480))
    pictures = [
        draw_with_rasterizer(surface, surface_vertices(posed, frame), camera, Studio()) for frame in range(4)
    ]
    turns = np.stack(
        [joint_transforms(person.joints, posed.poses[t], posed.trans[t])[15, :, :3] for t in range(4)]
    )
    return pictures, camera.R.numpy() @ turns


@pytest.mark.slow
def test_heads_of_drawn_people(drawn, tmp_path):
    pictures, truth = drawn
    for picture, wanted in zip(pictures, truth, strict=True):
        write_image(tmp_path / "drawn.png", picture)
        footage = open_footage(tmp_path / "drawn.png")
        person = detect(footage)
        assert isinstance(person, Detections) and person.found.all()
        head = detect_head(footage, person)
        assert head.confidence[0] > 0.5
        assert np.rad2deg(Rotation.from_matrix(wanted.T @ head.rotations[0]).magnitude()) < 13


@pytest.mark.slow
def test_a_photo_is_fitted_with_its_hands(man, shared):
    """From the photo to 52 joints: the hands hang with bent fingers, and the palms lie as the network saw them."""
    body = load_body("open_h")
    photo = shared("footage/stills/animateanyone_11.png")
    [fit] = fit_stills([photo], body, detections=[man[1]])
    assert (fit.motion.model, fit.motion.poses.shape) == ("open_h", (1, 156))
    poses = fit.motion.poses.reshape(52, 3)
    hands = detect_hands(*man)
    state = (fit.motion.betas, fit.motion.poses, fit.motion.trans)
    joints = body.joints(*(torch.from_numpy(array) for array in state))[0]
    camera = frame_camera(fit.motion, 0)
    scale = pixels_per_metre(man[1].keypoints[0], man[1].keypoints_world[0])
    for hand, side in enumerate(("left", "right")):
        rig = hand_rig(body, side)
        assert (poses[rig.joints[1:, 1]] * rig.axes[1:]).sum(1).min() > 0.1  # the fingers' middle joints bend
        seen = camera.project(joints[torch.from_numpy(rig.joints[1:, 2])])[0].numpy()
        apart = np.linalg.norm(seen - hands.keypoints[0, hand, [7, 11, 15, 19], :2], axis=1)
        assert np.median(apart) < 0.06 * scale
