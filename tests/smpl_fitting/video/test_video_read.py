"""Reading clips: right frame, right way up, right colours, right time; and saying what is wrong with bad ones."""

import struct
import threading

import numpy as np
import pytest
from numbered_clips import SIZE, number, numbered

from smpl_fitting.errors import FootageError
from smpl_fitting.video import open_footage, write_image

FORMATS = {
    "clip.mp4": ("libx264", "yuv420p"),
    "clip.mov": ("prores_ks", "yuv422p10le"),
    "clip.webm": ("libvpx-vp9", "yuv420p"),
    "clip.avi": ("mpeg4", "yuv420p"),
    "clip.mkv": ("libx264", "yuv420p10le"),
    "clip.gif": ("gif", "rgb8"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_frame_of_every_format(clip, name):
    codec, pix_fmt = FORMATS[name]
    footage = open_footage(
        clip(name, codec, pix_fmt, **({} if codec == "libx264" else {"options": {"b": "4M"}}))
    )
    assert (footage.image_size, footage.frame_count) == (SIZE, 30)
    assert footage.fps == pytest.approx(25, rel=1e-3)
    assert not footage.has_alpha and not footage.has_audio and not footage.is_still
    tolerance = 3 if name == "clip.gif" else 0  # 3 bits of gray: steps of 36, six numbers
    seen = [(index, number(picture)) for index, picture in footage.frames()]
    assert [index for index, _ in seen] == list(range(30))
    assert all(abs(shown - index) <= tolerance for index, shown in seen)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.webm", "clip.avi"])
def test_single_frames_are_those_of_the_loop(clip, name):
    footage = open_footage(clip(name, *FORMATS[name]))
    frames = dict(footage.frames())
    for index in (0, 1, 7, 8, 9, 15, 16, 17, 29, -1):
        assert np.array_equal(footage.frame(index), frames[index % 30])
    with pytest.raises(IndexError):
        footage.frame(30)


@pytest.mark.parametrize(
    ("start", "stop", "step"), [(0, None, 7), (11, 23, 1), (9, 30, 10), (29, 30, 1), (5, 5, 1)]
)
def test_ranges(clip, start, stop, step):
    footage = open_footage(clip())
    wanted = list(range(30))[start:stop:step]
    assert [(index, number(picture)) for index, picture in footage.frames(start, stop, step)] == [
        (index, index) for index in wanted
    ]


def test_variable_rate_shows_the_nearest_frame(clip):
    # 40 ms apart with jitter of the recorder, and a pause of 0.2 s after frame 9
    jitter = [0, 3, -4, 5, 0, -3, 2, 4, -5, 1]
    stamps = [40 * i + jitter[i % 10] + (160 if i > 9 else 0) for i in range(20)]
    footage = open_footage(clip("variable.mkv", count=20, stamps=stamps))
    assert footage.fps == pytest.approx(25)
    shown = [number(picture) for _, picture in footage.frames()]
    truth = [int(np.abs(np.array(stamps) - 40 * i).argmin()) for i in range(len(shown))]
    assert shown == truth
    assert footage.frame_count == 24
    assert np.allclose(footage.times, np.arange(24) / 25)


def test_resampling_to_a_rate_asked_for(clip):
    footage = open_footage(clip(count=25), fps=10)
    assert footage.fps == 10
    assert [number(picture) for _, picture in footage.frames()] == [0, 2, 5, 7, 10, 12, 15, 17, 20, 22]


def _turn(path, matrix):
    """Write a display matrix into the track header of an mp4 (ISO/IEC 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    a, b, c, d = matrix
    data[place : place + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), lambda p: p),
        ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),  # a phone held upright: 90 degrees clockwise
        ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
        ((0, -1, 1, 0), lambda p: np.rot90(p, 1)),
        ((-1, 0, 0, 1), lambda p: p[:, ::-1]),  # a selfie
    ],
)
def test_rotation(clip, matrix, shown):
    path = clip(count=3)
    stored = open_footage(path).frame(1)
    _turn(path, matrix)
    footage = open_footage(path)
    assert footage.image_size == shown(stored).shape[:2]
    assert np.array_equal(footage.frame(1), shown(stored))


@pytest.mark.parametrize("matrix", [1, 5, 9])
@pytest.mark.parametrize("full", [1, 2])
def test_colour_matrix_and_range(clip, matrix, full):
    context = {"colorspace": matrix, "color_range": full}
    path = clip(pix_fmt="yuv444p", count=2, context=context, options={"crf": "1"})
    assert np.abs(open_footage(path).frame(1).astype(int) - numbered(1)).max() <= 4


@pytest.mark.parametrize(("size", "matrix"), [((720, 1280), 1), ((480, 640), 5)])
def test_untagged_footage_follows_its_size(clip, size, matrix):
    # Tagged "unspecified", encoded with the matrix that players assume for that size.
    import av

    path = clip(pix_fmt="yuv444p", count=1, size=size, context={"colorspace": matrix}, options={"crf": "1"})
    raw = path.read_bytes()
    with av.open(str(path)) as container:
        tagged = next(container.decode(video=0)).colorspace
    assert tagged == matrix
    untagged = path.with_name("untagged.mp4")
    untagged.write_bytes(raw)
    with av.open(str(path)) as source, av.open(str(untagged), "w") as out:
        frame = next(source.decode(video=0))
        stream = out.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv444p"
        planes = av.VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv444p")
        out.mux(stream.encode(planes))
        out.mux(stream.encode(None))
    assert np.abs(open_footage(untagged).frame(0).astype(int) - numbered(0, size)).max() <= 5


def test_anamorphic_pixels_become_square(clip):
    path = clip(count=2, context={"sample_aspect_ratio": 2})
    assert open_footage(path).image_size == (SIZE[0], 2 * SIZE[1])


def test_odd_size(clip):
    footage = open_footage(clip("odd.webm", "libvpx-vp9", "yuv420p", count=3, size=(51, 77)))
    assert footage.image_size == (51, 77)
    assert footage.frame(2).shape == (51, 77, 3)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"), [("a.webm", "libvpx-vp9", "yuva420p"), ("a.mov", "png", "rgba")]
)
def test_alpha(clip, name, codec, pix_fmt):
    pictures = []
    for index in range(3):
        alpha = np.zeros((*SIZE, 1), np.uint8)
        alpha[:, SIZE[1] // 2 :] = 255
        pictures.append(np.concatenate([numbered(index), alpha], axis=2))
    metadata = {"alpha_mode": "1"} if name.endswith("webm") else {}
    footage = open_footage(clip(name, codec, pix_fmt, pictures=pictures, metadata=metadata))
    assert footage.has_alpha
    for index, picture in footage.frames():
        assert np.abs(picture[..., 3].astype(int) - pictures[index][..., 3]).max() <= 8


def test_opaque_alpha_is_dropped(clip):
    pictures = [np.dstack([numbered(0), np.full(SIZE, 255, np.uint8)])] * 2
    footage = open_footage(clip("opaque.mov", "png", "rgba", pictures=pictures))
    assert not footage.has_alpha
    assert np.array_equal(footage.frame(0), numbered(0))


def _decoders():
    return [thread for thread in threading.enumerate() if thread.name == "decode-ahead"]


def test_leaving_early_ends_the_thread(clip):
    footage = open_footage(clip())
    for index, _ in footage.frames():
        if index == 3:
            break
    assert _decoders() == []
    frames = footage.frames()
    next(frames)
    assert len(_decoders()) == 1
    frames.close()
    assert _decoders() == []


def test_a_few_frames_ahead_at_most():
    from smpl_fitting.video.threads import ahead

    made = []
    items = ahead((made.append(i) or i for i in range(100)), depth=3)
    for item in items:
        assert made[-1] <= item + 5
    with pytest.raises(ZeroDivisionError):
        list(ahead(1 // (2 - i) for i in range(5)))


def test_a_cut_off_clip_gives_what_is_there(clip):
    path = clip("cut.mkv")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    footage = open_footage(path)
    assert 5 < footage.frame_count < 30
    assert all(number(picture) == index for index, picture in footage.frames())


def test_a_broken_frame_is_held(clip):
    path = clip("broken.avi", "mjpeg", "yuvj420p", count=6)
    data = bytearray(path.read_bytes())
    start = [i for i in range(len(data) - 1) if data[i : i + 2] == b"\xff\xd8"][3]
    data[start : start + 600] = bytes(600)
    path.write_bytes(data)
    shown = [number(picture) for _, picture in open_footage(path).frames()]
    assert shown == [0, 1, 2, 2, 4, 5]


def _bad(tmp_path, kind):
    path = tmp_path / "bad.mp4"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("This is not a film.\n" * 50)
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(20_000))
    elif kind == "text.txt":
        path = tmp_path / "notes.txt"
        path.write_text("notes")
    elif kind == "png":
        path = tmp_path / "bad.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    elif kind == "folder":
        path = tmp_path / "folder"
        path.mkdir()
        (path / "notes.txt").write_text("notes")
    elif kind == "1x1":
        path = tmp_path / "dot.png"
        write_image(path, np.zeros((1, 1, 3), np.uint8))
    elif kind == "pattern":
        path = tmp_path / "####.png"
    elif kind == "sound":
        path = _sound_only(tmp_path / "sound.mp4")
    return path


def _sound_only(path):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    "kind", ["missing", "empty", "text", "noise", "text.txt", "png", "folder", "1x1", "pattern", "sound"]
)
def test_bad_input_is_one_line_with_name_and_mend(tmp_path, kind):
    path = _bad(tmp_path, kind)
    with pytest.raises(FootageError) as caught:
        open_footage(path)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message and ";" in message


def test_a_header_without_frames(clip):
    path = clip()
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat")])
    with pytest.raises(FootageError, match=r"clip\.mp4"):
        open_footage(path)


def test_real_clips(shared):
    footage = open_footage(shared("footage/clips/ipercore_akun_1.mp4"))
    assert (footage.image_size, footage.fps, footage.frame_count, footage.has_audio) == (
        (1080, 1920),
        30,
        219,
        True,
    )
    frames = dict(footage.frames(100, 103))
    assert np.array_equal(footage.frame(101), frames[101])
