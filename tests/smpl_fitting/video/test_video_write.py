"""Writing films: what comes back, the sound that goes along, and what is left behind when it fails."""

import subprocess
import sys
import textwrap
from fractions import Fraction

import av
import numpy as np
import pytest
from numbered_clips import SIZE, number, numbered

from smpl_fitting.errors import FootageError, LiquidMotionError
from smpl_fitting.video import VideoWriter, open_footage

RATE = 48000


def _write(path, count=20, size=SIZE, fps=25.0, **more):
    with VideoWriter(path, fps, size, **more) as writer:
        for index in range(count):
            writer.write(numbered(index % 30, size))
    return path


def test_frames_colours_tags_and_rate_come_back(tmp_path):
    path = _write(tmp_path / "out" / "film.mp4", fps=30000 / 1001)
    footage = open_footage(path)
    assert (footage.frame_count, footage.image_size, footage.has_audio) == (20, SIZE, False)
    assert footage.fps == pytest.approx(30000 / 1001, abs=1e-6)
    for index, picture in footage.frames():
        assert number(picture) == index
        for row, column in ((16, 60), (48, 60), (32, 10)):
            assert np.abs(picture[row - 8, column].astype(int) - numbered(index)[row - 8, column]).max() <= 5
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    assert (frame.format.name, frame.colorspace, frame.color_range) == ("yuv420p", 1, 1)
    assert (frame.color_trc, frame.color_primaries) == (1, 1)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # players can start before all is loaded
    assert [file.name for file in path.parent.iterdir()] == ["film.mp4"]


def test_odd_sizes_are_padded(tmp_path):
    footage = open_footage(_write(tmp_path / "odd.mp4", size=(51, 77)))
    assert footage.image_size == (52, 78)
    last = footage.frame(3)[-2:, -2:].astype(int)
    assert np.abs(last - (30, 60, 190)).max() <= 6


def test_the_caller_may_reuse_its_array(tmp_path):
    picture = np.zeros((*SIZE, 3), np.uint8)
    with VideoWriter(tmp_path / "a.mp4", 25, SIZE) as writer:
        for index in range(10):
            picture[:] = numbered(index)
            writer.write(picture)
    assert [number(p) for _, p in open_footage(tmp_path / "a.mp4").frames()] == list(range(10))


def _sounding(path, codec, seconds=4.0, beep=2.0):
    """A film of 25 frames per second with silence, but for a 1 kHz tone of 0.3 s from ``beep`` on."""
    time = np.arange(int(seconds * RATE)) / RATE
    sound = np.where((time >= beep) & (time < beep + 0.3), 0.5 * np.sin(2 * np.pi * 1000 * time), 0)
    with av.open(str(path), "w") as container:
        film = container.add_stream("libx264", rate=25)
        film.height, film.width, film.pix_fmt = *SIZE, "yuv420p"
        track = container.add_stream(codec, rate=RATE)
        track.codec_context.layout = "mono"
        for index in range(int(seconds * 25)):
            frame = av.VideoFrame.from_ndarray(numbered(index % 30), format="rgb24")
            container.mux(film.encode(frame.reformat(format="yuv420p")))
        container.mux(film.encode(None))
        resampler = av.AudioResampler(track.codec_context.format, "mono", RATE, frame_size=1024)
        frame = av.AudioFrame.from_ndarray(sound.astype(np.float32)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(track.encode(part))
        container.mux(track.encode(None))
    return path


def _beep_and_end(path):
    """When the tone begins, and when the sound ends, in seconds."""
    with av.open(str(path)) as container:
        pieces = [(float(f.pts * f.time_base), f.to_ndarray()[0]) for f in container.decode(audio=0)]
    if pieces[0][1].dtype == np.int16:
        pieces = [(start, piece / 32768) for start, piece in pieces]
    loud = [
        start + np.flatnonzero(np.abs(piece) > 0.2)[0] / RATE
        for start, piece in pieces
        if np.abs(piece).max() > 0.2
    ]
    return loud[0], pieces[-1][0] + len(pieces[-1][1]) / RATE


@pytest.mark.parametrize(("name", "codec"), [("s.mp4", "aac"), ("s.avi", "pcm_s16le"), ("s.mkv", "flac")])
@pytest.mark.parametrize("start", [0.0, 1.2])
def test_sound_is_kept_cut_to_the_range_and_in_step(tmp_path, name, codec, start):
    source = open_footage(_sounding(tmp_path / name, codec))
    assert source.has_audio
    path = _write(tmp_path / "out.mp4", count=75, audio_from=source, audio_start=start)
    beep, end = _beep_and_end(path)
    assert beep == pytest.approx(2.0 - start, abs=0.03)
    assert end == pytest.approx(min(3.0, 4.0 - start), abs=0.1)  # a film of 3 s, from a source of 4 s
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


def test_sources_without_sound_give_silence(tmp_path):
    silent = _write(tmp_path / "silent.mp4", count=5)
    assert not open_footage(_write(tmp_path / "a.mp4", count=5, audio_from=silent)).has_audio
    (tmp_path / "frames").mkdir()
    assert not open_footage(_write(tmp_path / "b.mp4", count=5, audio_from=tmp_path / "frames")).has_audio


def test_a_block_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), VideoWriter(tmp_path / "a.mp4", 25, SIZE) as writer:
        writer.write(numbered(0))
        raise KeyError("the caller's own")
    assert list(tmp_path.iterdir()) == []


def test_misuse(tmp_path):
    with pytest.raises(FootageError, match="no frames"), VideoWriter(tmp_path / "a.mp4", 25, SIZE):
        pass
    with (
        pytest.raises(ValueError, match="expected uint8"),
        VideoWriter(tmp_path / "a.mp4", 25, SIZE) as writer,
    ):
        writer.write(numbered(0, (10, 10)))
    with pytest.raises(FootageError, match=r"\.mp4 or \.mov"):
        VideoWriter(tmp_path / "a.wmv", 25, SIZE)
    with pytest.raises(FootageError, match="rate of 0"):
        VideoWriter(tmp_path / "a.mp4", 0, SIZE)
    with pytest.raises(FootageError, match=r"text\.mp4"):
        (tmp_path / "text.mp4").write_text("not a film")
        VideoWriter(tmp_path / "a.mp4", 25, SIZE, audio_from=tmp_path / "text.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["text.mp4"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LiquidMotionError, match=r"a\.mp4: cannot be written .*;"):
        VideoWriter(tmp_path / "file" / "a.mp4", 25, SIZE)


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is a Unix one")
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    # A limit on the size of files fails as a full disk does: in the middle of a write.
    script = """
    import resource, signal, sys
    import numpy as np
    from smpl_fitting.errors import FootageError
    from smpl_fitting.video import VideoWriter
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    noise = np.random.default_rng(0)
    try:
        with VideoWriter(sys.argv[1], 25, (240, 320)) as writer:
            for _ in range(60):
                writer.write(noise.integers(0, 256, (240, 320, 3), dtype=np.uint8))
    except FootageError as error:
        print(error)
    """
    path = tmp_path / "film.mp4"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), path],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.count("\n") == 1 and f"{path}: cannot be written" in done.stdout
    assert list(tmp_path.iterdir()) == []
