"""Colour between the worker and Blender's render result."""

import numpy as np
import pytest

pytest.importorskip("bpy")
from blender_addon import colour  # noqa: E402


def test_transfer_by_known_values():
    """IEC 61966-2-1: middle grey 0.5 is 0.21404 linear; ends stay; the two parts meet."""
    assert np.allclose(colour.srgb_to_linear([0, 0.5, 1]), [0, 0.2140411, 1])
    assert np.allclose(colour.srgb_to_linear([0.04045 - 1e-9, 0.04045 + 1e-9]), 0.0031308, atol=1e-7)
    values = np.linspace(0, 1, 1000)
    assert np.allclose(colour.linear_to_srgb(colour.srgb_to_linear(values)), values, atol=1e-7)


def test_over_closed_form():
    front = np.array([[[1.0, 0, 0, 0.25]]])
    assert np.allclose(colour.over(front, np.array([[[0, 0, 1.0, 1]]])), [[[0.25, 0, 0.75, 1]]])
    assert np.allclose(colour.over(front, np.array([[[0.3, 0.4, 0.5, 0.0]]])), front)
    clear = np.array([[[0.7, 0.7, 0.7, 0.0]]])
    assert np.allclose(colour.over(clear, clear)[..., 3], 0)


def test_the_nearer_person_is_in_front():
    red, blue = np.array([1.0, 0, 0, 1]), np.array([0, 0, 1.0, 1])
    first = (np.tile(red, (1, 3, 1)), np.array([[1.0, 5.0, np.inf]]))
    second = (np.tile(blue, (1, 3, 1)), np.array([[2.0, 3.0, 4.0]]))
    first[0][0, 2] = 0
    rgba, depth = colour.merge_by_depth(first, second)
    assert np.allclose(rgba, [[red, blue, blue]])
    assert np.allclose(depth, [[1, 3, 4]])


def test_passes_are_bottom_up_and_premultiplied():
    rgba = np.zeros((2, 1, 4))
    rgba[0, 0] = [1, 0.5, 0, 0.5]
    flat = colour.to_combined(rgba).reshape(2, 1, 4)
    assert flat.dtype == np.float32
    assert np.allclose(flat[1, 0], [0.5, 0.10702, 0, 0.5], atol=1e-5)
    assert np.allclose(colour.to_depth(np.array([[1.0], [np.inf]])), [colour.FAR, 1.0])
