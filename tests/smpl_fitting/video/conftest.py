import pytest
from numbered_clips import SIZE, encode_clip, numbered


@pytest.fixture
def clip(tmp_path):
    """``clip()`` writes an H.264 mp4 of 30 numbered frames with B-frames and a key frame every 8."""

    def write(
        name="clip.mp4", codec="libx264", pix_fmt="yuv420p", count=30, size=SIZE, pictures=None, **more
    ):
        pictures = pictures or [numbered(index, size) for index in range(count)]
        if codec == "libx264":
            more.setdefault("options", {"g": "8", "bf": "2", "crf": "10"})
        return encode_clip(tmp_path / name, codec, pix_fmt, pictures, **more)

    return write
