"""Broken guests of every format: an error of ours or a motion, and nothing else."""

import io
import pickle
import time

import numpy as np
import pytest
import torch
from bvh_files import movement, names_of, offsets_of, write
from tool_files import gvhmr_content, joblib_bytes, phalp_content, sam3d_content, wham_content

from smpl_fitting.body import load_body
from smpl_fitting.body.names import SMPL_PARENTS
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.guests import read_motion
from smpl_fitting.motion import Motion

QUICK, THOROUGH = 25, 300  # of each format and kind
PATIENCE = 5.0  # seconds for one file


def npz_bytes(arrays, compressed=False):
    stream = io.BytesIO()
    arrays = {
        name: np.array(value, object) if isinstance(value, list) else value for name, value in arrays.items()
    }
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


def torch_bytes(content):
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def contents(walk):
    """What is in each kind of file, and what makes bytes of it."""
    rng = np.random.default_rng(0)
    amass = {
        "poses": rng.normal(0, 0.3, (4, 156)),
        "trans": rng.normal(0, 1, (4, 3)),
        "betas": np.zeros(16),
        "gender": np.array("male"),
        "mocap_framerate": np.array(30.0),
    }
    sam = [frame[0] for frame in sam3d_content(walk)[:3]]
    return {
        "amass": (amass, npz_bytes),
        "amass, packed": (amass, lambda arrays: npz_bytes(arrays, compressed=True)),
        "gvhmr": (gvhmr_content(walk), torch_bytes),
        "wham": (wham_content(walk, np.zeros(3)), joblib_bytes),
        "wham, packed": (wham_content(walk, np.zeros(3)), lambda content: joblib_bytes(content, 3)),
        "4d-humans": (dict(list(phalp_content(walk).items())[:4]), lambda content: joblib_bytes(content, 3)),
        "sam-3d-body": (sam, pickle.dumps),
    }


@pytest.fixture(scope="module")
def kinds(walk_smpl):
    return contents(walk_smpl)


@pytest.fixture(scope="module")
def plain_files(kinds, tmp_path_factory):
    """{kind: bytes} of files that are whole."""
    files = {kind: make(content) for kind, (content, make) in kinds.items()}
    folder = tmp_path_factory.mktemp("whole")
    local, path = movement(frames=4)
    rest = load_body("open").J_template.double().numpy()
    files["bvh"] = write(
        folder / "a.bvh", names_of("mixamo"), SMPL_PARENTS, offsets_of(rest), path, local
    ).read_bytes()
    Motion(
        np.zeros((4, 72)), np.zeros((4, 3)), np.zeros(10), 30.0, camera_K=np.tile(np.eye(3), (4, 1, 1))
    ).save(folder / "a.npz")
    files["liquid"] = (folder / "a.npz").read_bytes()
    return files


KINDS = [
    "amass",
    "amass, packed",
    "gvhmr",
    "wham",
    "wham, packed",
    "4d-humans",
    "sam-3d-body",
    "bvh",
    "liquid",
]


def read_or_refuse(path, content: bytes, format: str | None):
    """Read a file: True where it gave a motion, False where an error of ours; anything else fails the test."""
    path.write_bytes(content)
    start = time.monotonic()
    try:
        motion = read_motion(path, format)
    except LiquidMotionError as error:
        assert "\n" not in str(error) and path.name in str(error)
        return False
    finally:
        assert time.monotonic() - start < PATIENCE
    assert np.isfinite(motion.poses).all() and np.isfinite(motion.trans).all()
    return True


def broken(content: bytes, rng) -> bytes:
    """Cut, flipped, overwritten, doubled or filled with noise somewhere."""
    data = bytearray(content)
    kind = rng.integers(6)
    at = int(rng.integers(len(data)))
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        for _ in range(rng.integers(1, 8)):
            data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    elif kind == 2:
        data[at : at + 4] = rng.choice(
            [b"\xff\xff\xff\x7f", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"9999"]
        )
    elif kind == 3:
        data[at:at] = data[at : at + int(rng.integers(1, 64))]
    elif kind == 4:
        del data[at : at + int(rng.integers(1, 64))]
    else:
        data[at : at + 32] = rng.bytes(32)
    return bytes(data)


def leaves(content, path=()):
    """The paths of all values that are no containers."""
    if isinstance(content, dict):
        return [leaf for key, value in content.items() for leaf in leaves(value, (*path, key))]
    if isinstance(content, list) and content:
        return [leaf for key, value in enumerate(content) for leaf in leaves(value, (*path, key))]
    return [path]


def changed(content, path, value):
    if not path:
        return value
    copy = list(content) if isinstance(content, list) else dict(content)
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


def misfit(value, rng):
    """Something else in the place of a value: another shape, type, or numbers that are none."""
    array = value.numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    choices = [
        None,
        "text",
        7,
        -1,
        [],
        {},
        [[1, 2], [3]],
        np.zeros(0),
        np.zeros((2, 2, 2, 2)),
        np.array("x"),
        10**30,
    ]
    if array.dtype.kind in "fiu" and array.size:
        wide = np.atleast_1d(array.astype(np.float64))
        choices += [
            wide * np.nan,
            wide * np.inf,
            wide * 1e300,
            wide * 0,
            -wide * 1e9,
            wide[..., :-1],
            wide[:1],
        ]
        choices += [wide[None], *(wide.astype(kind) for kind in (np.float32, str, complex, bool))]
        choices.append(np.nan_to_num(wide).astype(np.int8))
    new = choices[int(rng.integers(len(choices)))]
    if isinstance(value, torch.Tensor) and isinstance(new, np.ndarray) and new.dtype.kind in "fiubc":
        return torch.from_numpy(np.ascontiguousarray(new))
    return new


def fuzz_bytes(content, path, count, seed):
    rng = np.random.default_rng(seed)
    return [read_or_refuse(path, broken(content, rng), None) for _ in range(count)]


def fuzz_values(content, make, path, count, seed):
    rng = np.random.default_rng(seed)
    places = leaves(content)
    outcomes = []
    for _ in range(count):
        bad = content
        for _ in range(rng.integers(1, 3)):
            place = places[int(rng.integers(len(places)))]
            value = content
            for key in place:
                value = value[key]
            bad = changed(bad, place, misfit(value, rng))
        outcomes.append(read_or_refuse(path, make(bad), None))
    return outcomes


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_read(plain_files, tmp_path, kind):
    assert read_or_refuse(tmp_path / "file", plain_files[kind], None)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_broken_bytes(plain_files, tmp_path, kind):
    outcomes = fuzz_bytes(plain_files[kind], tmp_path / "file", QUICK, 1)
    assert not all(outcomes)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS[:-2])
def test_values_that_do_not_fit(kinds, tmp_path, kind):
    outcomes = fuzz_values(*kinds[kind], tmp_path / "file", QUICK, 2)
    assert not all(outcomes)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_thousands_of_broken_files(kinds, plain_files, tmp_path, kind):
    fuzz_bytes(plain_files[kind], tmp_path / "file", THOROUGH, 3)
    if kind in kinds:
        fuzz_values(*kinds[kind], tmp_path / "file", THOROUGH // 2, 4)
