"""From a decoded frame to the picture a viewer would see: colour matrix, range, orientation, pixel shape, alpha."""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

# Chroma is interpolated over the full width and rounded exactly: the default of swscale is a level darker.
_SCALING = Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_RGB = 0  # AVCOL_SPC_RGB
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG


class FrameConverter:
    """Decoded frames of one stream to upright RGB or RGBA arrays.

    Args:
        alpha: give four channels, straight alpha, instead of three.
        aspect: shape of a stored pixel, width / height; other than 1 for anamorphic footage.
        matrix: how stored pictures are turned upright, see :func:`display_matrix`.
    """

    def __init__(
        self, *, alpha: bool = False, aspect: Fraction | None = None, matrix: np.ndarray | None = None
    ) -> None:
        self._format = "rgba" if alpha else "rgb24"
        self._aspect = aspect
        self._matrix = matrix
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """The picture as uint8 (H, W, 3|4), display-referred sRGB, upright."""
        height, width = square_pixel_size(frame.height, frame.width, self._aspect)
        converted = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format=self._format,
            src_colorspace=colour_matrix(frame),
            src_color_range=frame.color_range or None,
            dst_color_range=_FULL_RANGE,
            interpolation=_SCALING,
        )
        return upright(converted.to_ndarray(), self._matrix)


def colour_matrix(frame: av.VideoFrame) -> int:
    """The YCbCr matrix of a frame. Untagged footage follows the players' rule: BT.709 from 720p up, else BT.601."""
    if frame.colorspace in (_UNSPECIFIED, _RGB):
        is_hd = frame.width >= 1280 or frame.height > 576
        return int(Colorspace.ITU709 if is_hd else Colorspace.ITU601)
    return int(frame.colorspace)


def square_pixel_size(height: int, width: int, aspect: Fraction | None) -> tuple[int, int]:
    """(height, width) of a picture once its pixels are made square, by stretching the width."""
    if not aspect or aspect == 1 or not Fraction(1, 4) <= aspect <= 4:
        return height, width
    return height, max(1, round(width * aspect))


def display_matrix(frame: av.VideoFrame) -> np.ndarray | None:
    """The upper-left 2x2 of a film frame's display matrix, or None where it is stored upright.

    A stored point (x right, y down) is shown at (x', y') with ``(x', y') = (x, y) @ matrix``
    (ISO/IEC 14496-12, 6.2.2). Not for photos: see :mod:`smpl_fitting.video.exif`.
    """
    try:
        side_data = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:
        # PyAV 18 lists no side data at all where FFmpeg gives a kind that PyAV has no name for. It still tells
        # the rotation, not a mirroring.
        turn = np.deg2rad(frame.rotation)
        matrix = np.round([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], 6)
    else:
        if side_data is None:
            return None
        matrix = np.frombuffer(cast(bytes, side_data), dtype=np.int32).reshape(3, 3)[:2, :2] / 65536.0
    return None if np.allclose(matrix, np.eye(2), atol=1e-3) else matrix


def upright(picture: np.ndarray, matrix: np.ndarray | None) -> np.ndarray:
    """Turn and mirror a picture (H, W, C) by a display matrix, to the nearest multiple of 90 degrees."""
    if matrix is None:
        return picture
    if abs(matrix[0, 0]) + abs(matrix[1, 1]) < abs(matrix[0, 1]) + abs(matrix[1, 0]):
        picture = picture.swapaxes(0, 1)
        x_sign, y_sign = matrix[1, 0], matrix[0, 1]
    else:
        x_sign, y_sign = matrix[0, 0], matrix[1, 1]
    if x_sign < 0:
        picture = picture[:, ::-1]
    if y_sign < 0:
        picture = picture[::-1]
    return np.ascontiguousarray(picture)


def has_alpha_channel(frame: av.VideoFrame) -> bool:
    """Whether the frame's pixel format stores alpha."""
    name = frame.format.name
    return name == "pal8" or name.startswith(
        ("rgba", "bgra", "argb", "abgr", "yuva", "gbrap", "ya8", "ya16", "ayuv")
    )
