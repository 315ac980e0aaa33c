"""Clips made by PyAV, whose every frame says which it is."""

from fractions import Fraction

import av
import numpy as np

SIZE = (64, 96)


def numbered(index, size=SIZE):
    """A picture whose left third is as bright as its number, red at the top right, blue at the bottom right."""
    picture = np.zeros((*size, 3), np.uint8)
    picture[:, : size[1] // 3] = 20 + 6 * index
    picture[: size[0] // 2, size[1] // 3 :] = (200, 40, 30)
    picture[size[0] // 2 :, size[1] // 3 :] = (30, 60, 190)
    return picture


def number(picture):
    """Which picture of :func:`numbered` this is."""
    height, width = picture.shape[:2]
    return round((float(picture[height // 3 : height // 2, width // 12 : width // 5].mean()) - 20) / 6)


def encode_clip(
    path, codec, pix_fmt, pictures, *, stamps=None, rate=25, options=None, context=None, metadata=None
):
    """Write ``pictures`` (RGB or RGBA arrays); ``stamps`` in units of 1/1000 s makes a variable rate."""
    base = Fraction(1, 1000) if stamps else Fraction(1, rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = base
        for name, value in (context or {}).items():
            setattr(stream.codec_context, name, value)
        stream.metadata.update(metadata or {})
        spaces = {"dst_colorspace": (context or {}).get("colorspace", 5)}
        if not pix_fmt.startswith(("rgb", "bgr", "gbr", "pal")):
            spaces["dst_color_range"] = (context or {}).get("color_range", 1)
        for index, picture in enumerate(pictures):
            kind = "rgba" if picture.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=kind)
            frame = frame.reformat(format=pix_fmt, **spaces)
            frame.pts, frame.time_base = (stamps[index] if stamps else index), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
