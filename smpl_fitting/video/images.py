"""Single pictures: PNG, JPEG, WebP, TIFF, BMP … through PyAV, OpenEXR through its own library."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.error
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from smpl_fitting.errors import FootageError
from smpl_fitting.files import atomic_path
from smpl_fitting.video import exr
from smpl_fitting.video.convert import FrameConverter, has_alpha_channel
from smpl_fitting.video.exif import orientation_matrix

_SUFFIXES = "png jpg jpeg jfif webp tif tiff bmp tga exr ppm pgm jp2 dpx hdr"
PICTURE_SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
_KINDS = "png jpeg webp tiff bmp ppm pgm pam pbm j2k dpx hdr sgi qoi jpegxl"
_DEMUXERS = ",".join(["webp", *(f"{kind}_pipe" for kind in _KINDS.split())])
# PNG measured at 1080p RGBA: level 1 with the "up" filter takes 90 ms for 3.3 MB; OpenCV 82 ms for 3.7 MB at its
# fastest useful setting and 580 ms for 2.8 MB at level 6. JPEG keeps the chroma of every pixel (4:4:4).
_PNG = ("png", None, {"compression_level": "1", "pred": "up"})
_JPEG = ("mjpeg", "yuvj444p", {"qmin": "2", "qmax": "2"})
_ENCODERS = {".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG}


def is_picture_name(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES


def read_image(path: str | Path) -> np.ndarray:
    """A picture as uint8 (H, W, 3), or (H, W, 4) with straight alpha where the file stores alpha.

    Gray is repeated, 16 bit and float are rounded to 8 bit, EXIF orientation is honoured, and EXR, which is
    scene-linear, is taken through the sRGB transfer function.

    Raises:
        FootageError: the file is missing, empty, damaged, or not a picture.
    """
    path = Path(path)
    if not path.is_file():
        raise FootageError(f"{path}: no such picture; check the name")
    if path.stat().st_size == 0:
        raise FootageError(f"{path}: the file is empty; export or copy it again")
    if path.suffix.lower() == ".exr":
        return exr.read_display(path)
    try:
        # From memory: given a name, FFmpeg would take a "%" in it for a pattern.
        data = path.read_bytes()
        with av.open(
            io.BytesIO(data), "r", options={"format_whitelist": _DEMUXERS}, metadata_errors="replace"
        ) as container:
            frame = next(container.decode(video=0))
            convert = FrameConverter(alpha=has_alpha_channel(frame), matrix=orientation_matrix(data))
            return convert(frame)
    except (av.error.FFmpegError, StopIteration, IndexError, OSError) as error:
        reason = getattr(error, "strerror", None) or "no picture inside"
        raise FootageError(
            f"{path}: not a readable picture ({reason}); export it again as PNG or JPEG"
        ) from error


def write_image(path: str | Path, picture: np.ndarray) -> None:
    """Write uint8 (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, whole or not at all; the suffix names the format.

    Raises:
        FootageError: the format cannot be written, or the disk is full or not writable.
    """
    path = Path(path)
    data = encode_image(path, picture)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def encode_image(path: Path, picture: np.ndarray) -> bytes:
    """The bytes of a PNG or JPEG file (by the suffix of ``path``) of uint8 (H, W[, 3|4])."""
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3):
        raise ValueError(f"picture is {picture.dtype} {picture.shape}, expected uint8 (H, W[, 3|4])")
    suffix = path.suffix.lower()
    if suffix not in _ENCODERS:
        raise FootageError(f"{path}: pictures are written as .png or .jpg; choose one of them")
    codec, stored, options = _ENCODERS[suffix]
    given = "gray" if picture.ndim == 2 else {3: "rgb24", 4: "rgba"}[picture.shape[2]]
    encoder = cast(av.VideoCodecContext, av.CodecContext.create(codec, "w"))
    encoder.height, encoder.width = picture.shape[:2]
    encoder.pix_fmt = stored or given
    encoder.time_base = Fraction(1, 25)
    encoder.options = options
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=given)
    if stored:
        frame = frame.reformat(
            format=stored, dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.JPEG
        )
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
