"""The pictures of a fit whose truth is known: what is drawn where, and the files of the whole set."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from smpl_fitting.geometry import rasterize
from smpl_fitting.overlay import ALARM, CONTACT, WARNING, overlay_frames, write_overlay
from smpl_fitting.pictures.measures import measure, worst_frames
from smpl_fitting.pictures.report import write_pictures
from smpl_fitting.pictures.side_view import SideView
from smpl_fitting.progress import Cancelled, Progress
from smpl_fitting.video import open_footage, read_image
from smpl_fitting.world import body_vertices, frame_camera

SIDE = (300, 240)


def test_measures_of_a_perfect_fit(leaning, body):
    measures = measure(leaning, body)
    assert np.nanmax(measures.error) < 1e-4
    assert np.isnan(measures.error[4]) and np.isfinite(np.delete(measures.error, 4)).all()
    np.testing.assert_allclose(measures.visible, 32 / 33)
    np.testing.assert_allclose(measures.pelvis[:, 0], 0.1 * np.arange(6), atol=1e-5)
    assert np.isnan(measures.acceleration[[0, -1]]).all()
    assert (measures.acceleration[1:-1] < 2).all()


def test_acceleration_of_a_known_jerk(leaning, body):
    """One frame 2 cm aside at 10 frames a second: 2 m/s² there and 4 in that frame, before what is there anyway."""
    trans = np.tile(leaning.trans[:1], (6, 1))
    trans[3, 2] += 0.02
    still = replace(leaning, poses=np.tile(leaning.poses[:1], (6, 1)), trans=trans)
    np.testing.assert_allclose(measure(still, body).acceleration[1:-1], [0, 2, 4, 2], atol=0.01)


def test_worst_frames_are_apart_and_in_order(leaning, body):
    measures = replace(measure(leaning, body), error=np.array([0.05, 0.04, 0.01, 0.09, np.nan, 0.02]))
    assert worst_frames(measures, 10.0, 6) == [3, 0]  # a quarter of a second: three frames
    assert worst_frames(measures, 4.0, 6) == [3, 0, 1, 5, 2]
    assert worst_frames(measures, 10.0, 1) == [3]


def test_overlay_draws_the_mesh_and_marks(leaning, body, plain):
    pictures = {row: picture for row, picture, _ in overlay_frames(plain(6), leaning, body)}
    for row, picture in pictures.items():
        vertices = body_vertices(body, leaning, [row])[0]
        inside = rasterize(vertices, body.faces, frame_camera(leaning, row)).mask.numpy()
        changed = (picture != 90).any(-1)
        changed[:40, :] = inside[:40, :]  # the caption
        assert (changed & inside).sum() > 0.97 * inside.sum()
        if row in (1, 5):
            assert (changed & ~inside).sum() < 0.15 * inside.sum()  # lines and dots at the rim
    assert (pictures[3][-1] == WARNING).all() and (pictures[4][-1] == ALARM).all()
    assert (pictures[0][-1] == 90).all()
    near = np.abs(pictures[0].astype(int) - CONTACT).max(-1) < 40
    assert near.any() and not (np.abs(pictures[5].astype(int) - CONTACT).max(-1) < 40).any()


def test_side_view_shows_the_lean_at_one_scale(leaning, body):
    """The head's way over the pelvis, in pixels, is that of the body turned a quarter; the camera is to the left."""
    measures = measure(leaning, body)
    view = SideView(leaning, body, measures, SIDE)
    scale = []
    for row in range(6):
        camera = view.camera(row)
        eyes = measures.landmarks[row, [2, 5]].mean(0)
        pelvis = measures.pelvis[row]
        pixels = [camera.project(_tensor(point))[0].numpy() for point in (pelvis, eyes)]
        ahead = pixels[0][0] - pixels[1][0]  # towards the picture's left edge
        assert (ahead > 0) == (pelvis[1] - eyes[1] > 0)
        scale.append(ahead / (pelvis[1] - eyes[1]))
        assert all(0 < p[0] < SIDE[1] and 0 < p[1] < SIDE[0] for p in pixels)
    assert np.ptp(scale) < 0.06 * np.mean(scale)
    pictures = [view.draw(row, body_vertices(body, leaning, [row])[0]) for row in (0, 5)]
    assert all(picture.shape == (*SIDE, 3) for picture in pictures)
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() > 2


def test_side_view_follows_somebody_who_walks_away(leaning, body):
    trans = leaning.trans.copy()
    trans[:, 1] += np.linspace(0, 12, 6)
    walking = replace(leaning, trans=trans)
    measures = measure(walking, body)
    view = SideView(walking, body, measures, SIDE)
    heights = []
    for row in range(6):
        points = view.camera(row).project(_tensor(measures.landmarks[row]))[0].numpy()
        heights.append(np.ptp(points[:, 1]))
    assert min(heights) > 0.25 * SIDE[0], "the person stays large"


def test_all_pictures_of_a_clip(leaning, body, plain, tmp_path):
    files = write_pictures(plain(6), leaning, body, tmp_path / "pictures")
    movie = open_footage(files.movie)
    assert movie.frame_count == 6 and movie.fps == pytest.approx(10)
    assert movie.image_size == (360, 480 + 288)
    assert read_image(files.plots).std() > 10
    worst = read_image(files.worst)
    assert worst.shape[0] >= 720 and worst.shape[1] >= 2 * 720
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [
        "errors.png",
        "fit.mp4",
        "worst.png",
    ]


def test_pictures_of_a_still_and_of_a_part(leaning, body, plain, tmp_path):
    files = write_pictures(plain(1), leaning.select(slice(0, 1)), body, tmp_path / "still")
    assert files.movie.name == "fit.png" and read_image(files.movie).shape == (360, 768, 3)
    part = leaning.select(slice(0, 2))
    write_pictures(plain(9), part, body, tmp_path / "part", frames=range(4, 8, 2))
    assert open_footage(tmp_path / "part" / "fit.mp4").frame_count == 2


def test_a_motion_without_contacts_and_nobody_found(leaning, body, plain, tmp_path):
    bare = replace(leaning, contacts=None, confidence=np.zeros(6))
    files = write_pictures(plain(6), bare, body, tmp_path)
    assert open_footage(files.movie).frame_count == 6 and files.worst.exists()


def test_overlay_alone_and_cancelling(leaning, body, plain, tmp_path):
    write_overlay(plain(6), leaning, body, tmp_path / "overlay.mp4")
    assert open_footage(tmp_path / "overlay.mp4").image_size == (240, 320)
    asked = iter([False, False, True])
    stop = Progress(cancelled=lambda: next(asked, True))
    with pytest.raises(Cancelled):
        write_pictures(plain(6), leaning, body, tmp_path / "stopped", progress=stop)
    assert not list((tmp_path / "stopped").glob("*.mp4"))


def _tensor(values):
    return torch.as_tensor(np.asarray(values), dtype=torch.float32)
