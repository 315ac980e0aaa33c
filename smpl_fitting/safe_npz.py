"""The arrays of an ``.npz`` from a stranger: no pickles, and no more memory than is allowed."""

from __future__ import annotations

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO

import numpy as np

MAX_BYTES = 2**31  # of all arrays of a file together
_KINDS = "biufcSU"
# What zipfile and numpy's reader of headers raise for damaged files.
DAMAGE: tuple[type[Exception], ...] = (
    *(
        OSError,
        ValueError,
        KeyError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        struct.error,
        EOFError,
        NotImplementedError,
    ),
    *(RuntimeError, SyntaxError, tokenize.TokenError, TypeError, OverflowError, MemoryError),
)


def read_arrays(path: Path, wanted: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The ``wanted`` arrays (all, by default) of those in the file; others are not even looked at.

    Nothing is reserved before the file has proved to hold it, and nothing in it is run: headers may be literals only.

    Raises:
        ValueError: the file cannot be read, is no ``.npz``, damaged, or one of the arrays holds objects or is huge.
    """
    arrays: dict[str, np.ndarray] = {}
    room = MAX_BYTES
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            for name in members if wanted is None else [name for name in wanted if name in members]:
                with archive.open(members[name]) as stream:
                    arrays[name] = _read_array(stream, name, room)
                room -= arrays[name].nbytes
    except DAMAGE as error:
        raise ValueError(str(error) or type(error).__name__) from error
    return arrays


def array_names(path: Path) -> set[str]:
    """The names of the arrays in an ``.npz``, without reading them; empty where it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
    except DAMAGE:
        return set()


def _read_array(stream: IO[bytes], name: str, room: int) -> np.ndarray:
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):  # the others are for headers of more than 64 KB, that is for structures
        raise ValueError(f"{name} is stored in version {version} of the npy format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.hasobject or dtype.kind not in _KINDS:
        raise ValueError(f"{name} holds {dtype}, expected plain numbers or text")
    if min(shape, default=0) < 0:
        raise ValueError(f"{name} has shape {shape}")
    size = math.prod(shape) * dtype.itemsize
    if size > room:
        raise ValueError(f"{name} claims to take {size} bytes; a file's arrays may take {MAX_BYTES}")
    content = stream.read(size)
    if len(content) != size:
        raise ValueError(f"{name} is cut off")
    return np.frombuffer(bytearray(content), dtype).reshape(shape, order="F" if fortran else "C")
