"""The arrays of an ``.npz`` from a stranger: no pickles, and no more memory than a motion can need."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO

import numpy as np

MAX_BYTES = 2**29  # of one array: three and a half hours of SMPL-H poses at 30 fps in double precision
_KINDS = "biufSU"


def read_arrays(path: Path, wanted: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The ``wanted`` arrays (all, by default) of those in the file; others are not even looked at.

    Raises:
        ValueError: the file is no ``.npz``, damaged, or one of the arrays holds objects or is huge.
        OSError: it cannot be read.
    """
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            for name in members if wanted is None else [name for name in wanted if name in members]:
                with archive.open(members[name]) as stream:
                    arrays[name] = _read_array(stream, name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"a damaged archive: {error}") from error
    return arrays


def array_names(path: Path) -> set[str]:
    """The names of the arrays in an ``.npz``, without reading them; empty where it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        return set()


def _read_array(stream: IO[bytes], name: str) -> np.ndarray:
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"{name} is stored in version {version} of the npy format")
    shape, fortran, dtype = read_header(stream)
    if dtype.hasobject or dtype.kind not in _KINDS:
        raise ValueError(f"{name} holds {dtype}, expected plain numbers or text")
    size = math.prod(shape) * dtype.itemsize
    if size > MAX_BYTES:
        raise ValueError(f"{name} claims to take {size} bytes, more than a motion can need ({MAX_BYTES})")
    content = stream.read(size)
    if len(content) != size:
        raise ValueError(f"{name} is cut off")
    return np.frombuffer(bytearray(content), dtype).reshape(shape, order="F" if fortran else "C")
