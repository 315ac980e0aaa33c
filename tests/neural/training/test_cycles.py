"""Cycles sees what the truth says: same camera, same silhouette, same pixels twice."""

import importlib.util

import numpy as np
import pytest
import torch
from dolls import doll, random_motion

from neural.training.people import pose_person
from neural.training.people_render import draw_with_cycles
from neural.training.studio import Studio, look_at
from neural.training.truth import join_parts, see, surface_vertices
from smpl_fitting.geometry import Camera
from smpl_fitting.video import read_image

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="needs bpy, the extra 'blender'"),
]


def test_silhouettes_agree_through_an_off_centre_lens(tmp_path):
    person = doll()
    posed = pose_person(person, *random_motion(2, 3))
    level = look_at((0.8, -3.5, 1.6), (0.0, 0.0, 1.0), 40.0, (144, 112))
    K = level.K + torch.tensor([[0.0, 0.0, 9.0], [0.0, 0.0, -13.0], [0.0, 0.0, 0.0]])
    cameras = [level, Camera(K, level.R, level.t, level.image_size)]
    files = draw_with_cycles(person, posed, cameras, None, tmp_path, samples=8)
    surface = join_parts(person)
    for frame, (file, camera) in enumerate(zip(files, cameras, strict=True)):
        alpha = read_image(file)[..., 3] > 127
        truth = see(surface, surface_vertices(posed, frame), camera).mask
        assert (alpha & truth).sum() / (alpha | truth).sum() > 0.97


def test_the_same_arguments_draw_the_same_pixels(tmp_path):
    person = doll()
    posed = pose_person(person, *random_motion(1, 3))
    camera = look_at((0.8, -3.5, 1.6), (0.0, 0.0, 1.0), 40.0, (48, 40))
    pictures = [
        read_image(draw_with_cycles(person, posed, [camera], Studio(), tmp_path / name, samples=2)[0])
        for name in ("one", "two")
    ]
    assert pictures[0].shape == (48, 40, 3)
    np.testing.assert_array_equal(*pictures)
