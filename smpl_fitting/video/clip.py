"""Reading clips: any container and codec of FFmpeg that can hold a film, by PyAV."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.error
import numpy as np

from smpl_fitting.errors import FootageError
from smpl_fitting.video.convert import FrameConverter, display_matrix, has_alpha_channel
from smpl_fitting.video.footage import Footage, Frames, check_size
from smpl_fitting.video.timing import constant_rate

_log = logging.getLogger(__name__)

# Named, because FFmpeg otherwise reads text files as ANSI art and follows play lists to other files.
CONTAINERS = "mov,matroska,webm,avi,gif,apng,webp,mpegts,mpeg,ogg,flv,asf,mxf,m4v,h264,hevc,ivf,nut,mjpeg"
CONTAINERS += ",yuv4mpegpipe"
_LIBVPX = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own VP8 and VP9 decoders drop the alpha


@dataclass(frozen=True)
class _Layout:
    """How the stored pictures are to be shown."""

    alpha: bool
    aspect: Fraction | None
    matrix: np.ndarray | None


@dataclass(frozen=True)
class _Index:
    """The stored frames of a stream in order of display."""

    stamps: np.ndarray  # (N,) int64 in units of the stream's time base; empty where the file records none
    key_stamps: np.ndarray  # (K,) int64, those of the key frames
    count: int


class ClipFootage(Footage):
    """A film file. Opening reads the packets' time stamps and decodes the first frame only."""

    def __init__(self, path: Path, fps: float | None = None) -> None:
        self.path = path
        with open_container(path) as container:
            stream = _film_stream(path, container)
            self.has_audio = bool(container.streams.audio)
            nominal = stream.average_rate or stream.guessed_rate
            self._index = _read_index(container, stream)
            time_base = float(stream.time_base or 0)
            aspect = stream.sample_aspect_ratio
        self._require(self._index.count > 0, "holds no frames")
        if len(self._index.stamps) and time_base:
            seconds = self._index.stamps * time_base
        else:
            seconds = np.arange(self._index.count) / float(nominal or 25)
        timing = constant_rate(seconds, float(nominal) if nominal else None, fps)
        self.fps = timing.fps
        self.times = timing.times
        self._source_index = timing.source_index
        self._layout = self._first_frame_layout(aspect)
        first = self.frame(0)
        if self._layout.alpha and (first[..., 3] == 255).all():
            self._layout = dataclasses.replace(self._layout, alpha=False)
        self.has_alpha = self._layout.alpha
        self.image_size = (first.shape[0], first.shape[1])
        check_size(path, self.image_size)

    def _first_frame_layout(self, aspect: Fraction | None) -> _Layout:
        with contextlib.closing(self._stored_frames(0)) as stored:
            first = next(stored, None)
        if first is None:
            raise FootageError(
                f"{self.path}: none of its frames can be decoded; the file is damaged, export or copy it again"
            )
        frame = first[1]
        return _Layout(has_alpha_channel(frame), aspect, display_matrix(frame))

    def _require(self, condition: bool, problem: str) -> None:
        if not condition:
            raise FootageError(f"{self.path}: {problem}; the file may be damaged, export or copy it again")

    def _decode(self, wanted: range) -> Frames:
        targets = self._source_index[wanted.start : wanted.stop : wanted.step]
        position = 0
        held: av.VideoFrame | None = None
        layout = self._layout
        convert = FrameConverter(alpha=layout.alpha, aspect=layout.aspect, matrix=layout.matrix)
        for source, frame in self._stored_frames(int(targets[0])):
            # Where a stored frame could not be decoded, the one before it is held.
            while position < len(targets) and targets[position] < source:
                yield wanted[position], convert(held or frame)
                position += 1
            held = frame
            while position < len(targets) and targets[position] == source:
                yield wanted[position], convert(frame)
                position += 1
            if position == len(targets):
                return
        if held is None:
            raise FootageError(
                f"{self.path}: frames from {wanted[0]} on cannot be decoded; the file is damaged, export it again"
            )
        _log.warning("%s: %d frames at the end cannot be decoded", self.path, len(targets) - position)
        for index in wanted[position:]:
            yield index, convert(held)

    def _stored_frames(self, first: int) -> Generator[tuple[int, av.VideoFrame], None, None]:
        """Decode from the key frame at or before stored frame ``first``: (stored index, frame), rising."""
        keys = self._index.key_stamps
        if first > 0 and len(self._index.stamps) and len(keys):
            before = int(np.searchsorted(keys, self._index.stamps[first], side="right")) - 1
            if before > 0:
                decoded = self._decode_from(int(keys[before]))
                start = next(decoded, None)
                if start is not None and start[0] <= first:
                    yield start
                    yield from decoded
                    return
                decoded.close()
        yield from self._decode_from(None)

    def _decode_from(self, stamp: int | None) -> Generator[tuple[int, av.VideoFrame], None, None]:
        stamps = self._index.stamps
        with open_container(self.path) as container:
            stream = _film_stream(self.path, container)
            decoder = _decoder(stream)
            if stamp is not None:
                container.seek(stamp, stream=stream, backward=True)
            for count, frame in enumerate(_decode_packets(container, stream, decoder)):
                if len(stamps) == 0:
                    yield count, frame
                elif frame.pts is not None:
                    yield int(np.searchsorted(stamps[:-1], frame.pts)), frame


def open_container(path: Path) -> av.container.InputContainer:
    """Open a film file for reading.

    Raises:
        FootageError: it is missing, empty, or not a film.
    """
    if not path.is_file():
        raise FootageError(f"{path}: no such file; check the name")
    if path.stat().st_size == 0:
        raise FootageError(f"{path}: the file is empty; export or copy it again")
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
    try:
        return av.open(str(path.resolve()), options=options, metadata_errors="replace")
    except av.error.FFmpegError as error:
        reason = (
            "you may not read it" if isinstance(error, PermissionError) else "not a film that can be read"
        )
        raise FootageError(
            f"{path}: {reason}; give an mp4, mov, webm, avi or gif, a picture, or a folder of pictures"
        ) from error


def _film_stream(path: Path, container: av.container.InputContainer) -> av.VideoStream:
    covers = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & covers]
    if not streams or streams[0].codec_context is None:
        raise FootageError(f"{path}: holds no film that can be decoded; export it as H.264 mp4")
    streams[0].thread_type = "AUTO"
    return streams[0]


def _decoder(stream: av.VideoStream) -> av.VideoCodecContext:
    name = _LIBVPX.get(stream.codec_context.name)
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if name is None or tags.get("alpha_mode") != "1":
        return stream.codec_context
    decoder = cast(av.VideoCodecContext, av.CodecContext.create(name, "r"))
    decoder.extradata = stream.codec_context.extradata
    return decoder


def _read_index(container: av.container.InputContainer, stream: av.VideoStream) -> _Index:
    stamps: list[int | None] = []
    keys: list[int] = []
    try:
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_discard:
                continue
            stamps.append(packet.pts)
            if packet.is_keyframe and packet.pts is not None:
                keys.append(packet.pts)
    except av.error.FFmpegError as error:
        _log.warning("%s: reading stopped early (%s)", container.name, error.strerror)
    known = [stamp for stamp in stamps if stamp is not None]
    if len(known) < len(stamps):
        return _Index(np.zeros(0, np.int64), np.zeros(0, np.int64), len(stamps))
    unique = np.unique(np.array(known, dtype=np.int64))
    return _Index(unique, np.unique(np.array(keys, dtype=np.int64)), len(unique))


def _decode_packets(container, stream, decoder) -> Iterator[av.VideoFrame]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            packet = None  # a file that was cut off: what was read so far is still to be had
        try:
            yield from decoder.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            _log.debug("%s: a broken frame was skipped (%s)", container.name, error.strerror)
        if packet is None or packet.size == 0:
            return
