"""Footage that is large, small, upright, dark, gray, cut, or of one frame only."""

import numpy as np
import pytest
from scenes import fitted, joint_errors, landmark_errors

from smpl_fitting.fit import fit_clip
from smpl_fitting.video import VideoWriter

pytestmark = pytest.mark.slow


def test_four_thousand_pixels(walker, body):
    """3840 x 2880: as good as the small clip it was made from."""
    scene = walker.take(slice(0, 3)).scaled((2880, 3840))
    fit = fitted(scene, body)
    assert joint_errors(fit, body, scene).mean() < 0.075
    assert landmark_errors(fit, body, scene).mean() < 0.025


def test_portrait(walker, body):
    scene = walker.take(slice(0, 12)).cropped(140, 0, 380, 360)
    assert joint_errors(fitted(scene, body), body, scene).mean() < 0.085


@pytest.mark.parametrize(("height", "bound"), [(120, 0.13), (90, 0.16)])
def test_tiny_people(walker, body, height, bound):
    """People of 72 and 54 pixels in 1280 x 720."""
    scene = walker.take(slice(0, 8)).scaled((height, height * 4 // 3)).placed((720, 1280), (700, 300))
    fit = fitted(scene, body)
    assert (fit.motion.confidence > 0.5).all()
    assert joint_errors(fit, body, scene).mean() < bound


@pytest.mark.parametrize("light", [0.2, 0.1])
def test_dark_footage(walker, body, light):
    """A fifth and a tenth of the light, with the sensor's noise."""
    noise = np.random.default_rng(0).normal(0, 2, walker.pictures[:8].shape)
    pictures = np.clip(walker.pictures[:8] * light + noise, 0, 255).astype(np.uint8)
    scene = walker.take(slice(0, 8)).with_pictures(pictures)
    assert joint_errors(fitted(scene, body), body, scene).mean() < 0.11


def test_gray_footage(walker, body):
    pictures = walker.pictures[:12].mean(-1, keepdims=True).astype(np.uint8).repeat(3, -1)
    scene = walker.take(slice(0, 12)).with_pictures(pictures)
    assert joint_errors(fitted(scene, body), body, scene).mean() < 0.085


def test_one_frame(walker, body, tmp_path):
    """A film of one frame, from a file, has a motion of one frame."""
    scene = walker.take(slice(5, 6))
    path = tmp_path / "one.mp4"
    with VideoWriter(path, 15.0, (360, 480)) as writer:
        writer.write(scene.pictures[0])
    fit = fit_clip(path, body)
    assert fit.motion.frame_count == 1 and fit.motion.confidence[0] > 0.5
    assert np.isfinite(fit.motion.poses).all()
    assert joint_errors(fit, body, scene).mean() < 0.09


def test_two_frames(walker, body):
    scene = walker.take(slice(5, 7))
    assert joint_errors(fitted(scene, body), body, scene).mean() < 0.085


def test_a_cut_to_a_closer_camera(walker, body):
    """The second shot sees the same walk from nearer: neither is bent towards the other at the seam."""
    near = walker.scaled((540, 720)).cropped(120, 60, 600, 420)
    scene = walker.take(slice(0, 8)).followed_by(near.take(slice(8, 16)))
    fit = fitted(scene, body)
    assert (fit.motion.confidence > 0.5).all()
    _check_seam(fit, body, scene, 8)


def test_a_cut_to_another_camera(walker, walker_from_behind, body):
    """The same person seen from behind, elsewhere in the picture."""
    scene = walker.take(slice(0, 10)).followed_by(walker_from_behind)
    fit = fitted(scene, body)
    assert (fit.motion.confidence > 0.5).all()
    _check_seam(fit, body, scene, 10)


def _check_seam(fit, body, scene, cut: int) -> None:
    errors = joint_errors(fit, body, scene)
    assert errors.mean() < 0.11
    seam = slice(cut - 1, cut + 1)
    assert errors[seam].max() < max(0.15, 1.5 * errors[2 : cut - 2].max()), "at the cut"
    assert landmark_errors(fit, body, scene)[seam].mean() < 0.08
