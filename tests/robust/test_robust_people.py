"""People who are not seen whole, not seen all the time, or not alone: fitted as far as they are seen."""

import numpy as np
import pytest
from scenes import UPPER, camera_joints, fitted, joint_errors, landmark_errors, seen_errors

from smpl_fitting.fit import fit_clip
from smpl_fitting.landmarks import JOINT, LANDMARK
from smpl_fitting.video import open_footage

pytestmark = pytest.mark.slow


def test_without_the_legs(walker, body):
    """Cut at the hips: what is in the picture fits, and the legs that nobody sees stay below the body."""
    cut = int(walker.points[:, 23:25, 1].mean()) + 20
    scene = walker.take(slice(0, 12)).cropped(0, 0, 480, cut)
    fit = fitted(scene, body)
    assert joint_errors(fit, body, scene, UPPER).mean() < 0.11
    assert seen_errors(fit, body, scene).mean() < 0.03
    joints = camera_joints(fit.motion, body)
    down = joints[:, JOINT["left_knee"], 1] - joints[:, JOINT["left_hip"], 1]
    assert (down > 0.1).all(), "a walker's hidden thighs hang"


def test_without_the_feet(walker, body):
    cut = int(walker.points[:, 25:27, 1].mean()) + 10
    scene = walker.take(slice(0, 12)).cropped(0, 0, 480, cut)
    fit = fitted(scene, body)
    assert joint_errors(fit, body, scene).mean() < 0.11
    assert seen_errors(fit, body, scene).mean() < 0.03


def test_gone_and_back(walker, body):
    """Out of the picture for eight frames, then there again: one motion, unsure only where nobody is."""
    offsets = np.zeros((24, 2), int)
    offsets[:, 0] = 200
    offsets[8:16, 0] = 2000
    scene = walker.placed((360, 880), offsets)
    fit = fitted(scene, body)
    assert (fit.motion.confidence[scene.visible] > 0.5).all()
    assert (fit.motion.confidence[~scene.visible] == 0).all()
    errors = joint_errors(fit, body, scene)[scene.visible]
    assert errors.mean() < 0.08 and errors.max() < 0.13


def test_over_the_edge_and_back(walker, body):
    """Leaves over the picture's edge by and by. Nobody is claimed where nobody is left, whole people are found."""
    offsets = np.zeros((24, 2), int)
    offsets[:, 0] = np.r_[np.linspace(0, 300, 10), [400] * 4, np.linspace(300, 0, 10)]
    scene = walker.placed((360, 480), offsets)
    fit = fitted(scene, body)
    inside = ((scene.points >= 0) & (scene.points < (480, 360))).all(-1).mean(1)
    assert (fit.motion.confidence[inside == 0] == 0).all()
    whole = inside == 1
    assert (fit.motion.confidence[whole] > 0.5).all()
    assert joint_errors(fit, body, scene)[whole].mean() < 0.09


def test_behind_a_wall(walker, body):
    """A wall before the legs in half of the frames."""
    top = int(walker.points[:, 25:27, 1].mean()) - 10
    pictures = walker.pictures[:16].copy()
    pictures[5:11, top:] = 90
    scene = walker.take(slice(0, 16)).with_pictures(pictures)
    errors = joint_errors(fitted(scene, body), body, scene)
    assert errors.mean() < 0.09 and errors.max() < 0.17


def test_behind_a_pole(walker, body):
    middle = int(walker.points[:, :, 0].mean())
    pictures = walker.pictures.copy()
    pictures[6:18, :, middle - 18 : middle + 18] = (60, 50, 40)
    scene = walker.with_pictures(pictures)
    errors = joint_errors(fitted(scene, body), body, scene)
    assert errors.mean() < 0.13 and errors.max() < 0.26


def test_covered_for_a_moment(walker, body):
    """Four frames without anything to see: marked, and the body goes on its way meanwhile."""
    pictures = walker.pictures.copy()
    pictures[10:14] = 90
    scene = walker.with_pictures(pictures)
    fit = fitted(scene, body)
    assert (fit.motion.confidence[10:14] == 0).all()
    assert (np.delete(fit.motion.confidence, range(10, 14)) > 0.5).all()
    errors = joint_errors(fit, body, scene)
    assert errors[10:14].max() < 0.25 and np.delete(errors, range(10, 14)).mean() < 0.08


def test_before_a_mirror(walker, body):
    """The smaller mirrored copy moves as well; the person herself is the one who is fitted."""
    copy = walker.scaled((240, 320)).pictures[:, :, ::-1]
    scene = walker.placed((360, 880), np.zeros(2, int)).take(slice(0, 12))
    scene.pictures[:, 60:300, 540:860] = copy[:12]
    assert joint_errors(fitted(scene, body), body, scene).mean() < 0.08


def test_beside_a_poster(walker, body):
    """Somebody on a poster is as large, and stands still."""
    scene = walker.placed((360, 880), np.zeros(2, int)).take(slice(0, 12))
    scene.pictures[:, :, 400:880] = walker.pictures[5]
    assert joint_errors(fitted(scene, body), body, scene).mean() < 0.08


def test_the_walker_and_not_the_man_on_the_roof(shared, body):
    """sports2d: hips and heights read off the pictures by hand, in three frames a second apart."""
    footage = open_footage(shared("footage/clips/sports2d_demo.mp4"))
    frames = range(60, 161, 10)
    fit = fit_clip(footage, body, frames=frames)
    assert (fit.motion.confidence > 0.5).all()
    truth = {60: (1412, 745), 110: (925, 725), 160: (418, 730)}
    for frame, hips in truth.items():
        row = frames.index(frame)
        joints = camera_joints(fit.motion, body)[row]
        K = fit.motion.camera_K[row]
        pixel = (joints[JOINT["pelvis"]] @ K.T)[:2] / joints[JOINT["pelvis"], 2]
        assert np.linalg.norm(pixel - hips) < 50, f"frame {frame}"  # she is 380 px tall, he is 300 away
    path = camera_joints(fit.motion, body)[:, JOINT["pelvis"]]
    assert (np.diff(path[:, 0]) < 0).all(), "she walks to the left"
    # a walker whose head is above her feet
    assert (fit.motion.keypoints[:, LANDMARK["nose"], 1] < fit.motion.keypoints[:, 27, 1] - 250).all()


def test_truth_of_the_scene(walker, body):
    """The plain clip, for comparison with all the others."""
    scene = walker.take(slice(0, 12))
    fit = fitted(scene, body)
    assert joint_errors(fit, body, scene).mean() < 0.075
    assert landmark_errors(fit, body, scene).mean() < 0.025
