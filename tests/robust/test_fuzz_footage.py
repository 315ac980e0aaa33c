"""Broken clips and pictures: an error of one line or frames of one size; no crash, no hang, no memory without end."""

import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from mutations import damaged

from smpl_fitting.video import VideoWriter, exr, write_image

REPO = Path(__file__).parents[2]
KINDS = ("mp4", "mov", "gif", "png", "jpg", "exr", "webm", "avi", "tif")
PEAK = 1500  # MB, of which the interpreter and the libraries take about 300


def _picture(index: int, size=(48, 64)) -> np.ndarray:
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.stack([rows * 4 % 256, columns * 3 % 256, (rows + columns + 9 * index) % 256], -1).astype(
        np.uint8
    )


def _encoded(path: Path, codec: str, pixels: str, count: int = 8) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(12))
        stream.height, stream.width = 48, 64
        stream.pix_fmt = pixels
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(_picture(index), format="rgb24").reformat(format=pixels)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> dict[str, bytes]:
    """The bytes of a small good file of each kind."""
    folder = tmp_path_factory.mktemp("good")
    for kind in ("mp4", "mov"):
        with VideoWriter(folder / f"clip.{kind}", 12.0, (48, 64)) as writer:
            for index in range(8):
                writer.write(_picture(index))
    _encoded(folder / "clip.gif", "gif", "rgb8")
    _encoded(folder / "clip.webm", "libvpx-vp9", "yuv420p")
    _encoded(folder / "clip.avi", "mpeg4", "yuv420p")
    _encoded(folder / "clip.tif", "tiff", "rgb24", count=1)
    write_image(folder / "clip.png", _picture(0))
    write_image(folder / "clip.jpg", _picture(0))
    exr.write(folder / "clip.exr", np.random.default_rng(0).random((48, 64, 4)), np.ones((48, 64)))
    return {kind: (folder / f"clip.{kind}").read_bytes() for kind in KINDS}


def _run(paths: list[Path]) -> dict[str, int]:
    """How often each came out; a crash, a hang, another error or much memory fails, naming the file."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("decode_worker.py"))],
        input="".join(f"{path}\n" for path in paths),
        capture_output=True,
        text=True,
        timeout=1200,
        cwd=REPO,
    )
    lines = done.stdout.splitlines()
    begun = [line for line in lines if line.startswith("begin ")]
    assert done.returncode == 0, f"killed by {-done.returncode} at {begun[-1:]}; {done.stderr[-300:]}"
    wrong = [(lines[i - 1], line) for i, line in enumerate(lines) if line.startswith("WRONG")]
    assert not wrong, wrong[:3]
    assert int(lines[-1].split()[1]) < PEAK, lines[-1]
    return {word: lines.count(word) for word in ("ok", "refused")}


def _broken_files(data: bytes, kind: str, folder: Path, seeds: range) -> list[Path]:
    paths = []
    for seed in seeds:
        paths.append(folder / f"{seed}.{kind}")
        paths[-1].write_bytes(damaged(data, np.random.default_rng((seed, KINDS.index(kind)))))
    return paths


def test_good_files_open(good, tmp_path):
    paths = [tmp_path / f"good.{kind}" for kind in KINDS]
    for path in paths:
        path.write_bytes(good[path.suffix[1:]])
    assert _run(paths) == {"ok": len(KINDS), "refused": 0}


def test_broken_files_of_each_kind(good, tmp_path):
    paths = [path for kind in KINDS for path in _broken_files(good[kind], kind, tmp_path, range(25))]
    outcomes = _run(paths)
    assert outcomes["refused"] > 40 and outcomes["ok"] > 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_hundreds_of_broken_files(kind, good, tmp_path):
    _run(_broken_files(good[kind], kind, tmp_path, range(1000, 1450)))


def test_files_under_another_name(good, tmp_path):
    """A clip called a picture, a picture called a clip."""
    paths = []
    for kind in KINDS:
        for other in KINDS:
            paths.append(tmp_path / f"{kind}-as.{other}")
            paths[-1].write_bytes(good[kind])
    _run(paths)


def _png_of(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        + chunk(b"IEND", b"")
    )


def test_pictures_that_claim_to_be_huge(good, tmp_path):
    """Sizes in the headers of which the file holds next to nothing."""
    paths = []
    for width, height in ((2**31 - 1, 2**31 - 1), (100_000, 100_000), (30_000, 30_000), (1, 10**7)):
        paths.append(tmp_path / f"{width}x{height}.png")
        paths[-1].write_bytes(_png_of(width, height))
    gif = bytearray(good["gif"])
    gif[6:10] = b"\xff\xff\xff\xff"  # 65535 x 65535
    jpg = bytearray(good["jpg"])
    place = jpg.index(b"\xff\xc0") + 5
    jpg[place : place + 4] = b"\xff\xff\xff\xff"
    window = good["exr"].index(b"dataWindow\0box2i\0") + len(b"dataWindow\0box2i\0") + 4
    big = bytearray(good["exr"])
    big[window : window + 16] = np.array([0, 0, 2**30, 2**30], "<i4").tobytes()
    large = bytearray(good["exr"])
    large[window : window + 16] = np.array([0, 0, 60_000, 60_000], "<i4").tobytes()
    for name, data in (("huge.gif", gif), ("huge.jpg", jpg), ("huge.exr", big), ("large.exr", large)):
        paths.append(tmp_path / name)
        paths[-1].write_bytes(data)
    _run(paths)
