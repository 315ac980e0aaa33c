"""Writing films: H.264 in mp4, encoded in the background, with the sound of another film."""

from __future__ import annotations

import contextlib
import math
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter

from smpl_fitting.errors import FootageError, LiquidMotionError
from smpl_fitting.files import atomic_path
from smpl_fitting.video.footage import Footage
from smpl_fitting.video.sound import SoundTrack
from smpl_fitting.video.threads import Behind

_QUALITY = {
    "crf": "18",
    "preset": "veryfast",
}  # visually lossless, and quick enough to stay hidden on 2 cores


class VideoWriter:
    """Frames to an H.264 mp4 (yuv420p, BT.709, index in front), as a context manager.

    Odd sizes, which yuv420p cannot hold, are padded by repeating the last row or column. The file appears
    under its name when the block has succeeded, and not at all when it has raised.

    Args:
        path: the ``.mp4`` (or ``.mov``) to write.
        fps: frames per second.
        image_size: (height, width) of the frames.
        audio_from: a film, or footage, whose sound is kept, cut to the length of this film. AAC, MP3, AC-3,
            ALAC and Opus are copied as they are, anything else is encoded as AAC. None, or a film without
            sound, gives a silent film.
        audio_start: where in that footage this film begins, in seconds from its first frame.

    Raises:
        FootageError: by any method: the file cannot be written, or its sound not be read.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float,
        image_size: tuple[int, int],
        audio_from: str | Path | Footage | None = None,
        audio_start: float = 0.0,
    ) -> None:
        self.path = Path(path)
        self.image_size = image_size
        if self.path.suffix.lower() not in (".mp4", ".mov"):
            raise FootageError(f"{self.path}: films are written as .mp4 or .mov; choose one of them")
        if not (math.isfinite(fps) and fps > 0):
            raise FootageError(f"{self.path}: a rate of {fps} frames per second cannot be written")
        self._rate = Fraction(fps).limit_denominator(1001)
        self._count = 0
        self._reformatter = VideoReformatter()
        self._behind = Behind("encode")
        with contextlib.ExitStack() as stack, _errors(self.path):
            temporary = stack.enter_context(atomic_path(self.path))
            stack.callback(self._behind.abandon)
            self._container = av.open(str(temporary), "w", options={"movflags": "+faststart"})
            self._stream = self._add_stream()
            self._sound: SoundTrack | None = None
            if audio_from is not None:
                source = audio_from.path if isinstance(audio_from, Footage) else Path(audio_from)
                self._sound = SoundTrack.open(source, audio_start, self._container)
                if self._sound is not None:
                    stack.callback(self._sound.close)
            self._stack = stack.pop_all()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind, error, trace) -> None:
        if kind is None:
            self.close()
            return
        self._release()
        self._stack.__exit__(kind, error, trace)

    def write(self, picture: np.ndarray) -> None:
        """Append uint8 (H, W, 3) display-referred sRGB. It is copied, so the array may be used again."""
        if picture.dtype != np.uint8 or picture.shape != (*self.image_size, 3):
            raise ValueError(
                f"frame is {picture.dtype} {picture.shape}, expected uint8 {(*self.image_size, 3)}"
            )
        height, width = self.image_size
        if height % 2 or width % 2:
            picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts = self._count
        frame.time_base = 1 / self._rate
        self._count += 1
        with _errors(self.path):
            self._behind.submit(self._encode, frame, self._count / self._rate)

    def close(self) -> None:
        """Finish the film and give it its name. Called by the context manager."""
        try:
            if self._count == 0:
                raise FootageError(f"{self.path}: there are no frames to write; choose a longer range")
            with _errors(self.path):
                self._behind.submit(self._flush)
                self._behind.finish()
                self._container.close()
        except BaseException as error:
            self._release()
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise
        self._stack.close()

    def _add_stream(self) -> av.VideoStream:
        height, width = self.image_size
        stream = self._container.add_stream("libx264", rate=self._rate, options=_QUALITY)
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = 1 / self._rate
        context.colorspace, context.color_range = int(Colorspace.ITU709), int(ColorRange.MPEG)
        context.color_primaries, context.color_trc = int(ColorPrimaries.BT709), int(ColorTrc.BT709)
        return stream

    def _encode(self, frame: av.VideoFrame, end: Fraction) -> None:
        converted = self._reformatter.reformat(
            frame,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        converted.pts, converted.time_base = frame.pts, frame.time_base
        self._container.mux(self._stream.encode(converted))
        if self._sound is not None:
            self._sound.write_until(float(end))

    def _flush(self) -> None:
        self._container.mux(self._stream.encode(None))

    def _release(self) -> None:
        """Close what is open after a failure, whose error is the one to report."""
        self._behind.abandon()
        with contextlib.suppress(av.error.FFmpegError, OSError):
            self._container.close()


@contextlib.contextmanager
def _errors(path: Path):
    """Errors of FFmpeg and the system as one line about the file."""
    try:
        yield
    except LiquidMotionError:
        raise
    except (av.error.FFmpegError, OSError) as error:
        raise FootageError(
            f"{path}: cannot be written ({error.strerror or error}); free some disk space or choose another folder"
        ) from error
