"""Motion and body files: good ones, AMASS's, and broken ones, each with one readable line."""

import numpy as np
import pytest
import small_person

pytest.importorskip("bpy")
from blender_addon.errors import AddonError  # noqa: E402
from blender_addon.scene.files import read_body, read_motion  # noqa: E402


def test_reads_what_motion_save_writes(tmp_path):
    pytest.importorskip("torch")
    from smpl_fitting.motion import Motion

    rng = np.random.default_rng(0)
    motion = Motion(
        rng.normal(size=(3, 72)),
        rng.normal(size=(3, 3)),
        np.ones(10),
        fps=29.97,
        camera_K=np.tile(np.eye(3), (3, 1, 1)),
        camera_R=np.tile(np.eye(3), (3, 1, 1)),
        camera_t=np.zeros((3, 3)),
        image_size=(10, 20),
    )
    motion.save(tmp_path / "m.npz")
    found = read_motion(tmp_path / "m.npz")
    assert np.array_equal(found.poses, motion.poses)
    assert np.array_equal(found.cameras.K, motion.camera_K)
    assert (found.fps, found.model, found.cameras.image_size) == (29.97, "open", (10, 20))


def test_reads_amass(tmp_path):
    """Its older name of the rate, no model, no cameras."""
    arrays = {"poses": np.zeros((2, 156)), "trans": np.zeros((2, 3)), "mocap_framerate": np.array(120.0)}
    found = read_motion(small_person.write(tmp_path / "amass.npz", arrays))
    assert (found.fps, found.cameras, found.frame_count) == (120.0, None, 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"poses": np.zeros((6, 14))}, "poses have shape"),
        ({"poses": np.full((6, 15), np.nan)}, "not finite"),
        ({"trans": np.zeros((5, 3))}, "trans has shape"),
        ({"mocap_frame_rate": np.array(0.0)}, "frame rate is 0"),
        ({"image_size": None}, "image_size"),
        ({"camera_K": np.zeros((6, 3, 3))}, "focal length"),
        ({"poses": None}, "'poses' is missing"),
    ],
)
def test_broken_motion(tmp_path, change, words):
    arrays = {k: v for k, v in (small_person.motion_arrays() | change).items() if v is not None}
    path = small_person.write(tmp_path / "broken.npz", arrays)
    with pytest.raises(AddonError, match=words) as error:
        read_motion(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format_version": np.array(2)}, "body format 2, this extension reads 1"),
        ({"weights": np.zeros((40, 4))}, "weights has shape"),
        ({"faces": np.full((38, 3), 40)}, "faces hold an index outside"),
        ({"posedirs": np.zeros((40, 3, 35))}, "posedirs hold 35"),
        ({"parents": np.array([-1, 2, 0, 0, 3])}, "parents must come before"),
        ({"joint_names": np.array(["a"] * 5)}, "joint_names"),
        ({"uv": None}, "'uv' is missing"),
    ],
)
def test_broken_body(tmp_path, change, words):
    arrays = {k: v for k, v in (small_person.body_arrays() | change).items() if v is not None}
    path = small_person.write(tmp_path / "broken.npz", arrays)
    with pytest.raises(AddonError, match=words) as error:
        read_body(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
@pytest.mark.parametrize("read", [read_motion, read_body])
def test_unreadable(tmp_path, read, content):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(AddonError, match="not a readable"):
        read(path)
    with pytest.raises(AddonError, match="no such"):
        read(tmp_path / "missing.npz")
    with pytest.raises(AddonError, match="no such"):
        read(tmp_path)


def test_truncated(tmp_path):
    path = small_person.write(tmp_path / "m.npz", small_person.motion_arrays())
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(AddonError, match="not a readable motion file"):
        read_motion(path)


def test_single_array(tmp_path):
    path = tmp_path / "m.npz"
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(AddonError, match="not a readable motion file"):
        read_motion(path)


def test_pickles_are_not_opened(tmp_path):
    path = small_person.write(
        tmp_path / "m.npz", small_person.motion_arrays() | {"poses": np.array([{}], object)}
    )
    with pytest.raises(AddonError, match="not a readable motion file"):
        read_motion(path)
