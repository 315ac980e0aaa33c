"""Guests that mean harm: nothing in a file is run, and no file takes memory or time that it does not fill."""

import collections
import gzip
import io
import os
import pickle
import resource
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
import torch
from tool_files import gvhmr_content, joblib_bytes, wham_content

from smpl_fitting.errors import MotionFileError
from smpl_fitting.guests import read_motion
from smpl_fitting.guests.safe_joblib import MAX_ARRAY, Skipped, entry, read_pickle


class Evil:
    """Unpickled by pickle itself, this makes a file."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


@pytest.fixture
def mark(tmp_path):
    path = tmp_path / "was_run"
    yield path
    assert not path.exists(), "the file's code was run"


def evil_files(mark, walk):
    bad = Evil(mark)
    wham = wham_content(walk, np.zeros(3))
    wham[0]["note"] = bad
    torch_file, objects = io.BytesIO(), io.BytesIO()
    torch.save({**gvhmr_content(walk), "extra": bad}, torch_file)
    np.savez(objects, trans=np.zeros((2, 3)), poses=np.array([bad, bad], dtype=object))
    return {
        "plain.pkl": pickle.dumps(bad),
        "old.pkl": b"\x80\x02" + pickle.dumps(bad, 0),
        "nested.pkl": pickle.dumps({"a": [1, (2, {"b": bad})]}),
        "joblib.pkl": joblib_bytes(wham),
        "zlib.pkl": joblib_bytes(wham, 3),
        "gzip.pkl": gzip.compress(pickle.dumps(bad)),
        "hmr4d_results.pt": torch_file.getvalue(),
        "amass.npz": objects.getvalue(),
    }


@pytest.mark.parametrize(
    "name",
    [
        "plain.pkl",
        "old.pkl",
        "nested.pkl",
        "joblib.pkl",
        "zlib.pkl",
        "gzip.pkl",
        "hmr4d_results.pt",
        "amass.npz",
    ],
)
def test_no_code_is_run(tmp_path, mark, walk_smpl, name):
    (tmp_path / name).write_bytes(evil_files(mark, walk_smpl)[name])
    with pytest.raises(MotionFileError) as error:
        read_motion(tmp_path / name)
    assert name in str(error.value) and "\n" not in str(error.value)
    assert any(word in str(error.value) for word in ("refused", "safe", "object"))


def test_pickle_itself_would_run_it(tmp_path):
    """The files above are real: an ordinary reader obeys them."""
    path = tmp_path / "was_run"
    pickle.loads(pickle.dumps(Evil(path)))
    assert path.exists()


@pytest.mark.parametrize("call", ["builtins eval", "numpy load", "joblib load", "torch.hub load", "os popen"])
def test_only_what_a_motion_needs(tmp_path, call):
    """Calls that are not on the list are refused; torch's objects stay closed and do nothing."""
    module, name = call.split()
    code = b"\x80\x02}X\x01\x00\x00\x00ac" + f"{module}\n{name}\n".encode() + b"X\x04\x00\x00\x00evil\x85Rs."
    (tmp_path / "a.pkl").write_bytes(code)
    with pytest.raises(MotionFileError, match="refused" if not module.startswith("torch") else "not of WHAM"):
        read_motion(tmp_path / "a.pkl")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({1, 2}, "a set"),
        ({frozenset([1]): 2}, "a set"),
        ({((1, 2), 3): 4}, "keys"),
        ({"a": np.array([{}, None])}, "an array of objects"),
        ({"a": np.zeros(2, "f4,i4")}, "which no motion needs"),
        ({"a": np.array("2020-01-01", "M8[D]")}, "which no motion needs"),
        ({"a": 1 + 2j}, "complex"),
    ],
)
def test_containers_that_no_motion_needs(tmp_path, content, says):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(MotionFileError, match=says):
        read_pickle(tmp_path / "a.pkl")


def test_keys_that_would_be_hashed_for_ever(tmp_path):
    """Forty tuples, each holding the one before twice: 2^40 steps to hash."""
    code = b"\x80\x02})" + b"".join(b"q%c2" % n + b"\x86" for n in range(40)) + b"K\x01s."
    (tmp_path / "a.pkl").write_bytes(code)
    start = time.monotonic()
    with pytest.raises(MotionFileError, match="keys"):
        read_pickle(tmp_path / "a.pkl")
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("order", ["C", "F"])
def test_plain_pickles_of_every_protocol(tmp_path, protocol, order):
    array = np.asarray(np.arange(6.0).reshape(2, 3), order=order)
    content = {
        "a": array,
        "big": array.astype(">f4"),
        "n": np.float32(3),
        "d": collections.OrderedDict(x=[1, None]),
    }
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content, protocol))
    read = read_pickle(tmp_path / "a.pkl")
    np.testing.assert_array_equal(entry(read, "a"), array)
    np.testing.assert_array_equal(entry(read, "big"), array)
    assert read["n"] == 3 and read["d"] == {"x": [1, None]}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("compress", [0, 1, 9])
def test_joblib_arrays(tmp_path, protocol, compress):
    content = {
        "a": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "f": np.asfortranarray(np.eye(3)[:2]),
        "z": np.zeros((0, 3)),
    }
    (tmp_path / "a.pkl").write_bytes(joblib_bytes(content, compress, protocol))
    read = read_pickle(tmp_path / "a.pkl")
    for name, value in content.items():
        np.testing.assert_array_equal(entry(read, name), value)


def test_meshes_are_passed_over(tmp_path):
    """Arrays too large to be a pose are not kept, and what follows them is read."""
    content = {"verts": np.zeros(MAX_ARRAY // 4 + 1, np.float32), "after": np.arange(3)}
    (tmp_path / "a.pkl").write_bytes(joblib_bytes(content, 1))
    read = read_pickle(tmp_path / "a.pkl")
    assert isinstance(entry(read, "verts"), Skipped)
    np.testing.assert_array_equal(entry(read, "after"), [0, 1, 2])


@pytest.mark.parametrize("magic", ["bz2", "lzma", "xz"])
def test_other_compressions_are_named(tmp_path, magic):
    start = {"bz2": b"BZh9", "lzma": b"\x5d\x00\x00", "xz": b"\xfd7zXZ"}[magic]
    (tmp_path / "a.pkl").write_bytes(start + bytes(50))
    with pytest.raises(MotionFileError, match="save it with compress=0 or 3"):
        read_motion(tmp_path / "a.pkl")


def npy(shape, descr="<f8", content=b""):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def archive(members, compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


def torch_bytes(content):
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def claims():
    """Files that claim to be gigabytes, or unfold to them, and are kilobytes."""
    many = b"\x80\x02" + b"B" + struct.pack("<I", 2**31 - 1)
    zeros = zlib.compress(bytes(2**24), 9)
    group = {"body_pose": torch.zeros(1, 1).expand(10**12, 63), "betas": torch.zeros(1, 1).expand(10**12, 10)}
    group |= {
        "global_orient": torch.zeros(1, 1).expand(10**12, 3),
        "transl": torch.zeros(1, 1).expand(10**12, 3),
    }
    pretended = {
        "smpl_params_global": group,
        "smpl_params_incam": group,
        "K_fullimg": torch.zeros(1, 1, 1).expand(10**12, 3, 3),
    }
    huge, root = b"J\xff\xff\xff\x7f", b"HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\n"
    return {
        "shape.npz": archive({"poses.npy": npy((10**11, 156)), "trans.npy": npy((10**11, 3))}),
        "negative.npz": archive({"poses.npy": npy((-1, 156)), "trans.npy": npy((3, 3))}),
        "text.npz": archive({"poses.npy": npy((1,), "<U999999999"), "trans.npy": npy((3, 3))}),
        "bytes.pkl": many,
        "bytes8.pkl": b"\x80\x04\x8e" + struct.pack("<Q", 2**62),
        "bytearray8.pkl": b"\x80\x05\x96" + struct.pack("<Q", 2**62),
        "frame.pkl": b"\x80\x04\x95" + struct.pack("<Q", 2**62),
        "long.pkl": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1),
        "memo.pkl": b"\x80\x02" + b"]" + b"r" + struct.pack("<I", 2**32 - 1) + b".",
        "wrapper.pkl": joblib_bytes({"a": np.zeros((1, 1))}).replace(b"K\x01K\x01\x86", 2 * huge + b"\x86"),
        "zeros.pkl": zeros,
        "strides.pt": torch_bytes(pretended),
        "frames.bvh": root + b"CHANNELS 1 Xposition\n}\nMOTION\nFrames: 999999999999\nFrame Time: 1\n1\n",
        "joints.bvh": root + b"JOINT b\n{\nOFFSET 0 0 0\n" * 3000 + b"MOTION\n",
    }  # fmt: skip


@pytest.mark.parametrize("name", list(claims()))
def test_claims_are_not_believed(tmp_path, name):
    content = claims()[name]
    assert len(content) < 200_000
    (tmp_path / name).write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    with pytest.raises(MotionFileError) as error:
        read_motion(tmp_path / name)
    assert time.monotonic() - start < 2 and "\n" not in str(error.value)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # kilobytes
    assert grown < 100_000


@pytest.mark.slow
def test_a_bomb_ends_early(tmp_path):
    """Kilobytes that unfold to more than is kept: refused when they pass the bound, which is memory to be had."""
    packer = zlib.compressobj(9)
    chunk = b"B" + struct.pack("<I", 2**24) + bytes(2**24)
    parts = [packer.compress(b"\x80\x02]("), *(packer.compress(chunk) for _ in range(36)), packer.flush()]
    (tmp_path / "a.pkl").write_bytes(b"".join(parts))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MotionFileError, match="keeps more than"):
        read_motion(tmp_path / "a.pkl")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_500_000


def test_not_a_motion(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "empty.pkl").write_bytes(b"")
    np.savez(tmp_path / "other.npz", pictures=np.zeros(3))
    (tmp_path / "other.pkl").write_bytes(pickle.dumps([1, 2]))
    for name, says in (
        ("a.txt", "give one of amass, bvh"),
        ("empty.pkl", "no motion format"),
        ("other.npz", "it holds pictures"),
        ("other.pkl", "not of WHAM"),
        ("missing.bvh", "no such motion file"),
    ):
        with pytest.raises(MotionFileError, match=says):
            read_motion(tmp_path / name)
    with pytest.raises(MotionFileError, match="format 'fbx' is unknown"):
        read_motion(tmp_path / "a.txt", format="fbx")
    with pytest.raises(MotionFileError, match="frame rate of 0"):
        read_motion(tmp_path / "a.txt", fps=0)


@pytest.mark.parametrize("format", ["liquid", "amass", "bvh", "gvhmr", "wham", "4d-humans", "sam-3d-body"])
@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 40, b"PK\x03\x04", b"\x80\x04N.", b"HIERARCHY\nMOTION\n", bytes(range(256))]
)
def test_a_format_forced_on_the_wrong_file(tmp_path, format, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(MotionFileError) as error:
        read_motion(tmp_path / "a", format=format)
    assert "\n" not in str(error.value)
