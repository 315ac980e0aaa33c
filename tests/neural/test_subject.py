import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from painted import Painted, body_pose, checks, level_camera

from neural.subject import build_subject, load_subject
from smpl_fitting.errors import LiquidMotionError, SubjectError
from smpl_fitting.motion import Motion
from smpl_fitting.progress import Cancelled, Progress
from smpl_fitting.video import read_image

SMALL = {"atlas_size": 128}


@pytest.fixture(scope="module")
def views(checked):
    return [checked.view(body_pose(yaw), level_camera((240, 160))) for yaw in (0.0, 90.0)]


@pytest.fixture(scope="module")
def made(views, open_body, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "person"
    return build_subject(views, open_body, folder, **SMALL)


@pytest.fixture
def copied(made, tmp_path):
    return shutil.copytree(made.path, tmp_path / "person")


def test_the_folder_holds_what_the_design_says(made, views, open_body):
    files = {str(p.relative_to(made.path)) for p in made.path.rglob("*") if p.is_file()}
    assert files == {
        "subject.json", "frames/0000.png", "frames/0001.png", "masks/0000.png", "masks/0001.png", "fits.npz",
        "views.npz", "body.npz", "texture.png", "provenance.npz", "background.png",
    }  # fmt: skip
    about = json.loads((made.path / "subject.json").read_text())
    assert about["format_version"] == 3 and len(about["sources"]) == 2 and about["model"] == "open"
    np.testing.assert_array_equal(read_image(made.path / "frames/0001.png"), views[1].image)
    fits = Motion.load(made.path / "fits.npz")
    np.testing.assert_allclose(fits.poses[1], views[1].motion.poses[0])
    texture = read_image(made.path / "texture.png")
    assert texture.shape == (128, 128, 4) and set(np.unique(texture[..., 3])) == {0, 255}
    seen = (made.source > 0) & (made.source < 255)
    np.testing.assert_array_equal(seen, texture[..., 3] == 255)


def test_it_loads_as_it_was_made(made, views, open_body):
    for row, view in enumerate(views):
        torch.testing.assert_close(made.vertices[row], view.vertices)
        torch.testing.assert_close(made.cameras[row].K, view.camera.K)
        assert made.cameras[row].image_size == view.camera.image_size
    torch.testing.assert_close(made.surface.rest, open_body.shaped(torch.zeros(10))[0])
    assert made.background.shape == views[0].image.shape


def test_a_folder_from_before_lights_is_read_as_photographed_in_even_light(copied, made):
    about = json.loads((copied / "subject.json").read_text())
    (copied / "subject.json").write_text(json.dumps(about | {"format_version": 2}))
    for name, gone in (("views", "lights"), ("provenance", "shading")):
        with np.load(copied / f"{name}.npz") as archive:
            kept = {one: archive[one] for one in archive.files if one != gone}
        np.savez(copied / f"{name}.npz", **kept)
    old = load_subject(copied)
    assert not old.lights.any() and (old.shading == 1).all() and old.exposure == 1
    np.testing.assert_array_equal(old.texture, made.texture)


def test_photos_have_lights_of_their_own_and_the_frames_of_a_clip_share_theirs(open_body, tmp_path):
    """Two photos under lamps at either side; as frames of one clip they would have to agree on one."""
    lamps = torch.tensor([[-1.5, -0.5, 0.5, 0.0], [1.5, -0.5, 0.5, 0.0]])
    shown = [Painted(open_body, checks, one).view(body_pose(), level_camera((240, 160))) for one in lamps]
    named = [
        dataclasses.replace(one, motion=dataclasses.replace(one.motion, source=name))
        for one, name in zip(shown, ("a.jpg", "b.jpg"), strict=True)
    ]
    photos = build_subject(named, open_body, tmp_path / "photos", **SMALL)
    assert photos.lights[0, 0] < -0.5 and photos.lights[1, 0] > 0.5
    assert photos.origins == ("a.jpg", "b.jpg")
    assert [one.source for one in photos.views()] == ["a.jpg", "b.jpg"]
    clip = build_subject(shown, open_body, tmp_path / "clip", **SMALL)
    np.testing.assert_array_equal(clip.lights[0], clip.lights[1])


def test_made_again_is_loaded_and_not_remade(made, views, open_body):
    before = (made.path / "texture.png").stat().st_mtime_ns
    build_subject(views, open_body, made.path, **SMALL)
    assert (made.path / "texture.png").stat().st_mtime_ns == before


def test_other_sources_replace_it(copied, views, open_body):
    other = build_subject(views[:1], open_body, copied, **SMALL)
    assert len(other.images) == 1
    assert [p.name for p in copied.parent.iterdir()] == ["person"]


def test_a_given_background_is_kept(tmp_path, views, open_body):
    plate = np.full((50, 60, 3), 77, np.uint8)
    assert (
        build_subject(views[:1], open_body, tmp_path / "s", background=plate, **SMALL).background == 77
    ).all()


def test_sources_of_different_sizes(tmp_path, checked, views, open_body):
    larger = checked.view(body_pose(30.0), level_camera((300, 260)))
    made = build_subject([views[0], larger], open_body, tmp_path / "s", **SMALL)
    assert [camera.image_size for camera in made.cameras] == [(240, 160), (300, 260)]


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_cancelled_leaves_nothing(tmp_path, views, open_body, steps):
    polls = iter(range(100))
    progress = Progress(cancelled=lambda: next(polls) >= steps)
    with pytest.raises(Cancelled):
        build_subject(views, open_body, tmp_path / "s", progress, **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_cancelled_leaves_the_old_one(copied, views, open_body):
    with pytest.raises(Cancelled):
        build_subject(views[:1], open_body, copied, Progress(cancelled=lambda: True), **SMALL)
    assert len(load_subject(copied).images) == 2
    assert [p.name for p in copied.parent.iterdir()] == ["person"]


def test_a_folder_of_other_things_is_left_alone(tmp_path, views, open_body):
    (tmp_path / "holiday.txt").write_text("mine")
    with pytest.raises(SubjectError, match="choose another folder"):
        build_subject(views, open_body, tmp_path, **SMALL)
    assert (tmp_path / "holiday.txt").read_text() == "mine"


def test_a_file_in_the_way(tmp_path, views, open_body):
    (tmp_path / "file").write_text("")
    with pytest.raises(LiquidMotionError, match="file"):
        build_subject(views, open_body, tmp_path / "file" / "subject", **SMALL)


def test_no_sources(tmp_path, open_body):
    with pytest.raises(SubjectError, match="at least one"):
        build_subject([], open_body, tmp_path / "s")


@pytest.mark.parametrize(
    "name",
    [
        "frames/0000.png",
        "masks/0001.png",
        "fits.npz",
        "views.npz",
        "body.npz",
        "texture.png",
        "provenance.npz",
    ],
)
@pytest.mark.parametrize("harm", ["missing", "cut", "rubbish"])
def test_damage_is_one_line_that_names_the_folder(copied, name, harm):
    path = copied / name
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:100] if harm == "cut" else b"rubbish")
    with pytest.raises(SubjectError) as caught:
        load_subject(copied)
    message = str(caught.value)
    assert str(copied) in message and "make the subject again" in message and "\n" not in message


@pytest.mark.parametrize(
    "about", ["", "[]", '{"format_version": 99, "sources": []}', '{"format_version": 1}']
)
def test_a_wrong_subject_json(copied, about):
    (copied / "subject.json").write_text(about)
    with pytest.raises(SubjectError, match="make the subject again"):
        load_subject(copied)


def test_not_a_subject(tmp_path):
    with pytest.raises(SubjectError, match="no such subject"):
        load_subject(tmp_path / "none")
    with pytest.raises(SubjectError, match="no subject.json"):
        load_subject(tmp_path)


def test_views_must_fit_together(views):
    with pytest.raises(ValueError, match="mask has shape"):
        dataclasses.replace(views[0], mask=views[0].mask[:-1])
    with pytest.raises(ValueError, match="image is"):
        dataclasses.replace(views[0], image=views[0].image[..., 0])
