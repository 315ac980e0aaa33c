"""Still and moving cameras: painted walls whose shift is known, and real footage."""

from pathlib import Path

import numpy as np
import pytest

from smpl_fitting.video import open_footage, write_image
from smpl_fitting.video.camera_motion import background_moves, camera_moves, camera_shift

SIZE = (120, 200)
DEMO = Path(__file__).parents[3] / "neural" / "data" / "demo"


def wall(shift=0, seed=0):
    """A textured wall, seen from ``shift`` pixels further right."""
    coarse = np.random.default_rng(seed).integers(40, 220, (16, 40, 3), np.uint8)
    return coarse.repeat(8, 0).repeat(8, 1)[: SIZE[0], 20 + shift : 20 + shift + SIZE[1]]


def nobody(row):
    return np.zeros(SIZE, np.float32)


def clip(folder, pictures):
    for index, picture in enumerate(pictures):
        write_image(folder / f"{index:04d}.png", picture)
    return open_footage(folder)


def test_the_shift_is_measured():
    nothing = [np.zeros(SIZE, bool)] * 2
    assert camera_shift([wall(), wall()], nothing) < 0.1
    assert camera_shift([wall(), wall(7)], nothing) == pytest.approx(7.0, abs=0.3)
    bare = np.full((*SIZE, 3), 200, np.uint8)
    assert camera_shift([bare, bare], nothing) == 0.0


def test_a_person_who_moves_is_no_camera_that_moves(tmp_path):
    masks = np.zeros((10, *SIZE), np.float32)
    pictures = []
    for row in range(10):
        masks[row, 30:110, 20 + 6 * row : 60 + 6 * row] = 1
        # a jacket of the wall's own texture: corners wherever there is a person
        pictures.append(np.where(masks[row][..., None] > 0, wall(20, 1)[:, ::-1], wall()))
    footage = clip(tmp_path, pictures)
    assert not camera_moves(footage, masks.__getitem__, range(10))


def test_another_shot_is_no_motion(tmp_path):
    footage = clip(tmp_path, [wall()] * 4 + [wall(20, 1)] * 4)
    assert not camera_moves(footage, nobody, range(8), [4])
    assert camera_moves(footage, nobody, range(8))


def test_frames_of_a_part_are_looked_at(tmp_path):
    footage = clip(tmp_path, [wall(15)] + [wall()] * 6)
    assert not camera_moves(footage, nobody, range(1, 7))
    assert camera_moves(footage, nobody, range(7))


@pytest.mark.parametrize(
    ("name", "moves"), [("clips/mmhuman3d_single.mp4", True), ("pose2sim_single/p2s_cam01.mp4", False)]
)
def test_real_footage(shared, name, moves):
    footage = open_footage(shared(f"footage/{name}"))
    row = np.zeros(footage.frame(0).shape[:2], np.float32)
    assert camera_moves(footage, lambda _: row, range(0, footage.frame_count, 8)) == moves


def test_shadow_on_a_bare_wall():
    """The demo's camera stands still, and the shadow of who leaps moves over a wall with few corners."""
    clip = open_footage(DEMO / "driving.mp4")
    pictures = [clip.frame(index)[..., :3] for index in (0, 48, 52, 56)]
    covered = np.zeros((4, *clip.image_size), bool)
    covered[:, 150:660, 200:340] = True  # where the actor stands at first
    assert not background_moves(pictures, covered)
