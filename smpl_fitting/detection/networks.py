"""The landmark networks there are: the one that mediapipe brings, and a larger one that is fetched once, if wanted.

Both are BlazePose's (Bazarevsky et al. 2020). *Heavy* sees landmarks a quarter closer to the truth than *full* and
takes more than twice as long (``benchmarks/fit_synthetic.py``, with it and without).
"""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import platformdirs

from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.files import atomic_path
from smpl_fitting.progress import Progress

Network = Literal["full", "heavy"]
NETWORKS: tuple[Network, ...] = get_args(Network)

FOLDER_VARIABLE = "LIQUID_MOTION_NETWORKS"
HEAVY_BYTES = 27_709_200
HEAVY_SOURCE = "https://storage.googleapis.com/mediapipe-assets/pose_landmark_heavy.tflite"
"""Where mediapipe itself loads it from; Apache-2.0."""
_HEAVY_SHA256 = "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe"
_WITH_MEDIAPIPE = "mediapipe/modules/pose_landmark/pose_landmark_full.tflite"
_BLOCK = 2**18
_TIMEOUT_S = 30.0


def heavy_file() -> Path:
    """Where the larger network is kept: in the user's own data folder, or where ``LIQUID_MOTION_NETWORKS`` says."""
    folder = os.environ.get(FOLDER_VARIABLE) or platformdirs.user_data_path("liquid-motion", appauthor=False)
    return Path(folder) / "pose_landmark_heavy.tflite"


def best_network() -> Network:
    """``heavy`` where it has been fetched, else ``full``."""
    return "heavy" if heavy_file().is_file() else "full"


def network_path(network: Network) -> str:
    """What mediapipe loads the network from.

    Raises:
        LiquidMotionError: it has not been fetched, or the file is cut off.
    """
    if network == "full":
        return _WITH_MEDIAPIPE
    size = heavy_file().stat().st_size if heavy_file().is_file() else 0
    if size != HEAVY_BYTES:
        found = f"is cut off ({size} of {HEAVY_BYTES} bytes)" if size else "is not there"
        raise LiquidMotionError(
            f"{heavy_file()}: the heavy landmark network {found}; fetch it: liquid-motion fetch"
        )
    return heavy_file().as_posix()


def fetch_heavy(given: Path | None = None, progress: Progress | None = None) -> Path:
    """Put the larger network where :func:`heavy_file` says, whole and checked, or leave things as they were.

    Nothing is downloaded where it is there already.

    Args:
        given: the file, where it is here already; by default it is downloaded.

    Raises:
        LiquidMotionError: it cannot be read, downloaded or written, or is another file.
        Cancelled: ``progress`` was cancelled.
    """
    progress = progress or Progress()
    if given is None and has_heavy():
        return heavy_file()
    digest, done = hashlib.sha256(), 0
    with atomic_path(heavy_file()) as temporary, open(temporary, "wb") as copy:
        for block in _blocks(given):
            copy.write(block)
            digest.update(block)
            done += len(block)
            progress.update(done / HEAVY_BYTES)
        if digest.hexdigest() != _HEAVY_SHA256:
            raise LiquidMotionError(
                f"{given or HEAVY_SOURCE}: not MediaPipe's pose_landmark_heavy.tflite, or cut off (SHA-256 "
                f"{digest.hexdigest()[:12]}…, {_HEAVY_SHA256[:12]}… was expected); fetch it again"
            )
    return heavy_file()


def has_heavy() -> bool:
    """Whether the larger network is there, down to its last byte."""
    if not heavy_file().is_file():
        return False
    return hashlib.sha256(heavy_file().read_bytes()).hexdigest() == _HEAVY_SHA256


def _blocks(given: Path | None) -> Iterator[bytes]:
    """The given file or the download, at most a little more than the network's size."""
    try:
        with open(given, "rb") if given else urllib.request.urlopen(HEAVY_SOURCE, timeout=_TIMEOUT_S) as file:
            for _ in range(HEAVY_BYTES // _BLOCK + 2):
                if not (block := file.read(_BLOCK)):
                    return
                yield block
    except (OSError, http.client.HTTPException) as error:
        mend = (
            "choose another file" if given else "go online, or give the file: liquid-motion fetch --from FILE"
        )
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise LiquidMotionError(f"{given or HEAVY_SOURCE}: cannot be read ({reason}); {mend}") from error
