"""Files that move: saved elsewhere, appended, linked, moved with their project, opened after years, relinked."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import small_person

bpy = pytest.importorskip("bpy")
from blender_addon.scene import build, missing, paths, versions  # noqa: E402
from blender_addon.scene import person as people  # noqa: E402


@pytest.fixture
def project(addon, person, tmp_path):
    """A saved project: scene.blend, subject/ with body and plate, motion.npz; all paths relative."""
    folder = tmp_path / "project"
    subject = folder / "subject"
    subject.mkdir(parents=True)
    (subject / "subject.json").write_text("{}")
    shutil.copy(person["body"], subject / "body.npz")
    shutil.copy(person["motion"], folder / "motion.npz")
    for name in ("texture.png", "background.png"):
        image = bpy.data.images.new("x", 8, 8)
        image.filepath_raw, image.file_format = str(subject / name), "PNG"
        image.save()
        bpy.data.images.remove(image)
    spec = build.SceneSpec(folder / "motion.npz", subject / "body.npz", subject=subject, background="plate")
    build.build_scene(bpy.context.scene, spec)
    save(folder / "scene.blend")
    return folder


def save(path, **options):
    bpy.ops.wm.save_as_mainfile(filepath=str(path), **options)


def load(path):
    bpy.ops.wm.open_mainfile(filepath=str(path))


def stored():
    return {stored.path.rpartition(".")[2]: stored for stored in paths.stored_paths()}


def texts():
    return {name: one.text for name, one in stored().items()}


def test_saving_elsewhere_keeps_the_files(project, tmp_path):
    expected = {"subject": "//subject", "motion": "//motion.npz", "plate": "//subject/background.png"}
    assert texts() == expected
    (tmp_path / "deep" / "er").mkdir(parents=True)
    save(tmp_path / "deep" / "er" / "copy.blend", copy=True)
    assert texts() == expected
    save(tmp_path / "deep" / "other.blend")
    assert texts()["subject"] == "//../project/subject"
    for path in (tmp_path / "deep" / "er" / "copy.blend", tmp_path / "deep" / "other.blend"):
        load(path)
        assert stored()["subject"].absolute == str(project / "subject")
        assert stored()["plate"].absolute == str(project / "subject" / "background.png")
        assert not missing.known


def test_failed_save_leaves_the_paths(project, tmp_path):
    before = texts()
    with pytest.raises(RuntimeError):
        save(tmp_path / "no" / "such" / "folder.blend")
    assert texts() == before


def test_moved_project(project, tmp_path):
    project.rename(tmp_path / "moved")
    load(tmp_path / "moved" / "scene.blend")
    assert not missing.known
    assert stored()["subject"].absolute == str(tmp_path / "moved" / "subject")


@pytest.mark.skipif(not hasattr(bpy.app.handlers, "blend_import_post"), reason="Blender 4.2 does not tell")
def test_appended_person_finds_its_subject(project, tmp_path):
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    (tmp_path / "elsewhere").mkdir()
    save(tmp_path / "elsewhere" / "new.blend")
    bpy.ops.wm.append(directory=f"{project / 'scene.blend'}/Object/", filename="Person")
    assert texts() == {"subject": "//../project/subject", "motion": "//../project/motion.npz"}
    rig = bpy.data.objects["Person rig"]
    assert len(people.read_shape(rig).names) == 5


def test_linked_and_overridden_person_finds_its_subject(project, tmp_path):
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    (tmp_path / "elsewhere").mkdir()
    save(tmp_path / "elsewhere" / "new.blend")
    bpy.ops.wm.link(directory=f"{project / 'scene.blend'}/Object/", filename="Person")
    mesh = bpy.data.objects["Person"]
    assert paths.absolute_path(mesh, "liquid_motion.subject") == str(project / "subject")
    override = mesh.override_create(remap_local_usages=True)
    assert override.library is None
    assert paths.absolute_path(override, "liquid_motion.subject") == str(project / "subject")
    save(tmp_path / "moved.blend")
    assert paths.absolute_path(override, "liquid_motion.subject") == str(project / "subject")


def test_missing_files_are_named_and_relinked(project, tmp_path):
    keep = tmp_path / "disk" / "x" / "shoot"
    keep.parent.mkdir(parents=True)
    (project / "subject").rename(keep)
    (project / "motion.npz").unlink()
    decoy = tmp_path / "disk" / "subject"
    decoy.mkdir()
    load(project / "scene.blend")
    named = {(one.what, one.owner) for one in missing.known}
    assert named >= {("Subject", "Person"), ("Motion", "Person"), ("Plate", "Scene")}
    assert {one.what for one in missing.known if isinstance(one.place, bpy.types.Image)} == {"Picture"}
    bpy.ops.liquid_motion.relink(directory=str(tmp_path / "disk"))
    assert texts()["plate"] == "//../disk/x/shoot/background.png"
    assert {one.what for one in missing.known} == {
        "Subject",
        "Motion",
    }  # the folder has another name: not guessed
    keep.rename(keep.with_name("subject"))
    bpy.ops.liquid_motion.relink(directory=str(tmp_path / "disk"))
    assert texts()["subject"] == "//../disk/x/subject"
    image = next(image for image in bpy.data.images if "texture" in image.filepath)
    assert (
        image.filepath == "//../disk/x/shoot/texture.png" or Path(bpy.path.abspath(image.filepath)).exists()
    )
    with pytest.raises(RuntimeError, match="no such folder"):
        bpy.ops.liquid_motion.relink(directory=str(tmp_path / "nowhere"))


def older(project):
    """The file as version 0 wrote it: no record on the rig, no motion, no number."""
    rig, mesh = bpy.data.objects["Person rig"], bpy.data.objects["Person"]
    del rig.data[people.RECORD]
    mesh.liquid_motion.property_unset("motion")
    mesh.liquid_motion.property_unset("version")
    save(project / "scene.blend")


def test_older_file_is_brought_up_to_date(project):
    expected = people.read_shape(bpy.data.objects["Person rig"])
    older(project)
    load(project / "scene.blend")
    found = people.read_shape(bpy.data.objects["Person rig"])
    for name in ("joints", "directions", "fitted", "applied", "offset"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))
    assert texts()["motion"] == "//motion.npz"
    assert bpy.data.objects["Person"].liquid_motion.version == versions.VERSION


def test_older_file_without_its_subject(project, tmp_path):
    """Said, left as it is, and brought up to date when the subject is relinked."""
    older(project)
    (project / "subject").rename(tmp_path / "subject")
    load(project / "scene.blend")
    assert versions.migrate_file()[0].startswith("Person: made by an older version")
    assert bpy.data.objects["Person"].liquid_motion.version == 0
    bpy.ops.liquid_motion.relink(directory=str(tmp_path))
    assert bpy.data.objects["Person"].liquid_motion.version == versions.VERSION
    assert people.RECORD in bpy.data.objects["Person rig"].data


def test_older_file_of_another_body_is_left(project, person):
    older(project)
    arrays = small_person.body_arrays()
    arrays["shapedirs"] = arrays["shapedirs"][..., :2]
    arrays["J_shapedirs"], arrays["betas"] = arrays["J_shapedirs"][..., :2], arrays["betas"][:2]
    small_person.write(project / "subject" / "body.npz", arrays)
    load(project / "scene.blend")
    assert "not the one in the scene" in versions.migrate_file()[0]
