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


def test_bytes_are_exact_in_fixed_point():
    values = np.arange(256)
    assert np.array_equal(colour.to_fixed(values / 255), values * 257)
    assert np.abs(colour.from_fixed(colour.to_fixed(values / 255)) * 255 - values).max() < 1e-4


def picture(colours, depth, provenance=1):
    """One row."""
    shape = (1, len(colours))
    return colour.Picture(
        colour.to_fixed([colours]), np.array([depth], np.float32), np.full(shape, provenance, np.uint8)
    )


def test_over_closed_form():
    def over(front, back):
        return colour.from_fixed(colour.over(colour.to_fixed([[front]]), colour.to_fixed([[back]])))[0, 0]

    assert np.allclose(over([1, 0, 0, 0.25], [0, 0, 1, 1]), [0.25, 0, 0.75, 1], atol=2e-5)
    assert np.allclose(over([1, 0, 0, 0.25], [0.3, 0.4, 0.5, 0])[:3], [1, 0, 0], atol=2e-5)
    assert over([0.7, 0.7, 0.7, 0], [0.7, 0.7, 0.7, 0])[3] == 0
    assert np.array_equal(over([0.2, 0.4, 0.6, 1], [1, 1, 1, 1]), over([0.2, 0.4, 0.6, 1], [0, 0, 0, 1]))


def test_the_nearer_person_is_in_front():
    red, blue = [1.0, 0, 0, 1], [0, 0, 1.0, 1]
    first = picture([red, red, [0, 0, 0, 0]], [1.0, 5.0, np.inf], 1)
    second = picture([blue, blue, blue], [2.0, 3.0, 4.0], 2)
    merged = colour.merge_by_depth(first, second)
    assert np.allclose(colour.from_fixed(merged.rgba), [[red, blue, blue]])
    assert merged.depth.tolist() == [[1, 3, 4]]
    assert merged.provenance.tolist() == [[1, 2, 2]]


def test_linear_and_back():
    """Premultiplied linear light by the closed form; back again the same numbers, and clear is black."""
    linear = colour.to_linear(colour.to_fixed([[[1, 0.5, 0, 0.5]], [[0.3, 0.4, 0.5, 0.0]]]))
    assert linear.dtype == np.float32
    assert np.allclose(linear[0], [0.5, 0.10702, 0, 0.5], atol=1e-4)
    assert np.array_equal(linear[1], [[0, 0, 0, 0]])
    rng = np.random.default_rng(0)
    rgba = rng.integers(0, 256, (40, 30, 4)).astype(np.uint16) * 257
    rgba[..., 3] = np.maximum(rgba[..., 3], 16 * 257)
    assert np.abs(colour.from_linear(colour.to_linear(rgba)).astype(int) - rgba).max() <= 2


def test_average_in_linear_light():
    white, clear = [1.0, 1, 1, 1], [0.0, 0, 0, 0]
    pictures = [picture([white, clear], [3.0, np.inf], 7), picture([[0, 0, 0, 1.0], white], [2.0, 5.0], 9)]
    blurred = colour.average(pictures)
    assert np.allclose(
        colour.to_linear(blurred.rgba)[0], [[0.5, 0.5, 0.5, 1], [0.5, 0.5, 0.5, 0.5]], atol=1e-4
    )
    assert blurred.depth.tolist() == [[2, 5]]
    assert blurred.provenance.tolist() == [[7, 9]]
    assert colour.average(pictures[:1]) is pictures[0]


def test_a_part_in_the_whole_picture():
    part = picture([[1, 0, 0, 1], [0, 1, 0, 1]], [1.0, 2.0], 3)
    whole = part.placed((1, 2, 3, 3), (4, 5))
    assert whole.rgba.shape == (4, 5, 4)
    assert np.array_equal(whole.rgba[2, 1:3], part.rgba[0])
    assert np.isinf(whole.depth).sum() == 18 and whole.provenance.sum() == 6
    assert part.placed((0, 0, 2, 1), (1, 2)) is part


def test_depth_is_far_where_nobody_is():
    assert np.allclose(colour.to_depth(np.array([[1.0], [np.inf]])), [[1.0], [colour.FAR]])
