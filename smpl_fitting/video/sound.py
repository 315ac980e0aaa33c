"""The sound of one film, carried over into another."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import av.error

from smpl_fitting.video.clip import open_container
from smpl_fitting.video.images import is_picture_name

COPIED = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus"})  # codecs that mp4 players know


class SoundTrack:
    """Sound packets of a film from ``start`` on, written bit by bit beside the growing picture track."""

    def __init__(self, container: av.container.InputContainer, start: float, output) -> None:
        self._input = container
        self._output = output
        stream = container.streams.audio[0]
        films = container.streams.video
        origin = (films[0].start_time or 0) * (films[0].time_base or Fraction(0)) if films else Fraction(0)
        self._start = origin + Fraction(start).limit_denominator(1_000_000)
        self._copies = stream.codec_context.name in COPIED
        if self._copies:
            self._stream = output.add_stream_from_template(stream)
            self._packets = self._copied(stream)
        else:
            self._stream = output.add_stream("aac", rate=stream.codec_context.sample_rate)
            # PCM in AVI names no layout, only a number of channels.
            self._stream.codec_context.layout = "mono" if stream.codec_context.channels == 1 else "stereo"
            self._packets = self._encoded(stream)
        self._next = next(self._packets, None)

    @staticmethod
    def open(path: Path, start: float, output) -> SoundTrack | None:
        """The sound of ``path``, added as a stream to ``output``; None where it has none."""
        if not path.is_file() or is_picture_name(path):
            return None
        container = open_container(path)
        if not container.streams.audio:
            container.close()
            return None
        return SoundTrack(container, start, output)

    def write_until(self, seconds: float) -> None:
        """Mux the sound that begins before ``seconds`` of the output."""
        while self._next is not None and self._next.pts * self._next.time_base < seconds:
            self._output.mux(self._next)
            self._next = next(self._packets, None)

    def close(self) -> None:
        self._packets.close()
        self._input.close()

    def _copied(self, stream):
        offset = round(self._start / stream.time_base)
        for packet in self._demuxed(stream):
            if packet.pts is None or packet.pts < offset:
                continue
            packet.pts -= offset
            packet.dts = packet.pts
            packet.stream = self._stream
            yield packet

    def _encoded(self, stream):
        context = self._stream.codec_context
        resampler = av.AudioResampler("fltp", context.layout, context.sample_rate, frame_size=1024)
        for packet in self._demuxed(stream):
            for frame in packet.decode():
                if frame.pts is None or frame.pts * frame.time_base < self._start:
                    continue
                frame.pts -= round(self._start / frame.time_base)
                for part in resampler.resample(frame):
                    yield from self._stamped(context.encode(part))
        for part in resampler.resample(None):
            yield from self._stamped(context.encode(part))
        yield from self._stamped(context.encode(None))

    def _stamped(self, packets):
        for packet in packets:
            packet.stream = self._stream
            yield packet

    def _demuxed(self, stream):
        try:
            yield from self._input.demux(stream)
        except av.error.FFmpegError:
            return  # cut off: the sound ends there
