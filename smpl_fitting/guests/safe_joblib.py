"""Pickles and joblib files from other tools, read without running what is in them, and without joblib.

A pickle is a program. Here it may build lists, dictionaries, text, numbers and numeric arrays, and nothing
else; what it asks for besides is refused before it is called. joblib writes an array as a small object (shape,
order, type) followed by its raw bytes in the stream, the whole of it perhaps compressed
(joblib/numpy_pickle.py, versions 0.10 to 1.5).
"""

from __future__ import annotations

import gzip
import io
import math
import pickle
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from smpl_fitting.errors import MotionFileError

MAX_ARRAY = 2**26  # bytes; larger arrays (meshes over time) are passed over and stand as Skipped
MAX_STREAM = 2**34  # bytes that a compressed stream may unfold to; most of them are skipped meshes
MAX_KEPT = 2**29  # bytes of everything that is kept
_CHUNK = 2**20
_ARRAY_KINDS = "biufSU"
_GZIP, _ZLIB = b"\x1f\x8b", (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_OTHER_COMPRESSION = {b"BZ": "bzip2", b"\xfd7": "xz", b"\x04\x22": "lz4", b"\x5d\x00": "lzma"}


class Skipped:
    """Stands for an array that is too large to be of use here."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape


class Closed:
    """Stands for an object of another library (a torch tensor) that stays closed: nothing of it is run."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __call__(self, *_: object, **__: object) -> Closed:
        return Closed()

    def __setstate__(self, _: object) -> None:
        pass


class _Refused(Exception):
    """The pickle asks for what a motion does not need."""


def is_pickle(path: Path) -> bool:
    """Whether a file begins as a pickle, plain or compressed, does."""
    with path.open("rb") as file:
        start = file.read(2)
    return start[:1] == b"\x80" or start == _GZIP or start in _ZLIB or start in _OTHER_COMPRESSION


def read_pickle(path: Path) -> Any:
    """The content of a pickle or joblib file, in plain dictionaries, lists, numbers and arrays.

    Raises:
        MotionFileError: the file is no such pickle, is cut short, unfolds beyond all measure, or asks for more.
    """
    try:
        with path.open("rb") as file:
            return _open(_Unpickler(_Stream(_plain_stream(file))).load())
    except _Refused as error:
        raise MotionFileError(
            f"{path}: refused: the pickle {error}; ask whoever gave you the file, or export it again"
        ) from error
    except MotionFileError:
        raise
    except MemoryError as error:
        raise MotionFileError(f"{path}: asks for more memory than there is; export it again") from error
    except Exception as error:  # a damaged pickle can fail in any way at all
        raise MotionFileError(
            f"{path}: not a readable pickle ({type(error).__name__}: {error}); export it again"
        ) from error


def _plain_stream(file: IO[bytes]) -> IO[bytes] | gzip.GzipFile | io.BufferedReader:
    start = file.read(2)
    file.seek(0)
    if start in _OTHER_COMPRESSION:
        raise _Refused(
            f"is compressed by {_OTHER_COMPRESSION[start]}, which is not read here: save it with compress=0 or 3"
        )
    if start == _GZIP:
        return gzip.open(file)
    return io.BufferedReader(_Inflated(file)) if start in _ZLIB else file


class _Inflated(io.RawIOBase):
    """A zlib stream, unfolded piece by piece."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._zlib = zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        piece = b""
        while not piece and not self._zlib.eof:
            packed = self._zlib.unconsumed_tail or self._file.read(_CHUNK)
            piece = self._zlib.decompress(packed, len(buffer))
            if not packed and not piece:
                break
        buffer[: len(piece)] = piece
        return len(piece)


class _Stream:
    """What the unpickler reads from; it never reserves more memory than the stream really fills."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile | io.BufferedReader) -> None:
        self._file = file
        self._passed = 0
        self._kept = 0

    def read(self, size: int) -> bytes:
        if size > MAX_KEPT - self._kept:
            raise _Refused(f"keeps more than {MAX_KEPT} bytes")
        pieces = []
        while size > 0:
            piece = self._take(size)
            pieces.append(piece)
            size -= len(piece)
            self._kept += len(piece)
        return b"".join(pieces)

    def skip(self, size: int) -> None:
        while size > 0:
            size -= len(self._take(size))

    def readline(self) -> bytes:
        line = self._file.readline(_CHUNK)
        self._kept += len(line)
        return line

    def _take(self, size: int) -> bytes:
        piece = self._file.read(min(size, _CHUNK))
        self._passed += len(piece)
        if not piece:
            raise EOFError("it is cut off")
        if self._passed > MAX_STREAM:
            raise _Refused(f"unfolds to more than {MAX_STREAM} bytes")
        return piece


class _Dtype:
    """Stands for ``numpy.dtype``: a plain numeric or text type, its byte order given by its state."""

    def __init__(self, name: object = "", *_: object) -> None:
        self._name = str(name)
        self._order = "|"

    def __setstate__(self, state: tuple) -> None:
        self._order = state[1]

    def value(self) -> np.dtype:
        if len(self._name) > 12:
            raise _Refused("asks for a type of numbers that no motion needs")
        plain = np.dtype(self._name)
        if plain.kind not in _ARRAY_KINDS or plain.itemsize > 4096:
            raise _Refused(f"asks for an array of {plain}, which no motion needs")
        return plain.newbyteorder(">") if self._order == ">" else plain


class _Array:
    """Stands for a numpy array inside the pickle itself, or (as joblib writes it) following it."""

    array: np.ndarray | Skipped | None = None  # on the class: joblib's own are made without __init__

    def __init__(self, *_: object) -> None:
        self.wrapper: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):  # joblib's NumpyArrayWrapper
            self.wrapper = state
            return
        _, shape, dtype, fortran, content = state
        if isinstance(content, str):
            content = content.encode("latin1")
        if not isinstance(content, bytes):
            raise _Refused("holds an array of objects, which no motion needs")
        self.array = _make_array(content, tuple(shape), dtype.value(), "F" if fortran else "C")

    def read_from(self, stream: _Stream) -> None:
        """Take the array's raw bytes from the stream, behind the padding that aligns them."""
        shape = tuple(int(side) for side in self.wrapper["shape"])
        dtype = self.wrapper["dtype"].value()
        if min(shape, default=0) < 0:
            raise ValueError(f"an array of shape {shape}")
        if self.wrapper.get("numpy_array_alignment_bytes") is not None:
            stream.read(stream.read(1)[0])
        size = math.prod(shape) * dtype.itemsize
        if size > MAX_ARRAY:
            stream.skip(size)
            self.array = Skipped(shape)
        else:
            self.array = _make_array(stream.read(size), shape, dtype, str(self.wrapper.get("order", "C")))


def _make_array(content: bytes, shape: tuple[int, ...], dtype: np.dtype, order: str) -> np.ndarray:
    array = np.frombuffer(bytearray(content), dtype).reshape(shape, order="F" if order == "F" else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _scalar(dtype: _Dtype, content: bytes | str = b"") -> Any:
    data = content.encode("latin1") if isinstance(content, str) else content
    return np.frombuffer(data, dtype.value(), 1)[0]


def _from_buffer(content: bytes | bytearray, dtype: _Dtype, shape: tuple, order: str) -> np.ndarray:
    return _make_array(bytes(content), tuple(shape), dtype.value(), order)


def _new_dict(*_: object) -> dict:
    return {}


def _latin_bytes(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin1")


def _path_text(*parts: object) -> str:
    return str(PurePosixPath(*map(str, parts)))


_MAKERS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): _Array,
    ("collections", "defaultdict"): _new_dict,
    ("collections", "OrderedDict"): _new_dict,
    ("builtins", "dict"): _new_dict,
    ("_codecs", "encode"): _latin_bytes,
    ("pathlib", "PosixPath"): _path_text,
    ("pathlib", "WindowsPath"): _path_text,
}


_PYTHON_UNPICKLER: Any = vars(pickle)[
    "_Unpickler"
]  # arrays follow opcodes, which the one in C reads ahead of


class _Unpickler(_PYTHON_UNPICKLER):
    def __init__(self, stream: _Stream) -> None:
        super().__init__(stream, encoding="latin1")
        self._stream = stream

    dispatch = dict(_PYTHON_UNPICKLER.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins"}.get(module, module).replace("numpy._core", "numpy.core")
        if (module, name) in _MAKERS:
            return _MAKERS[module, name]
        if module.split(".")[0] == "torch":
            return Closed
        raise _Refused(f"asks for {module}.{name}, which no motion needs")

    def get_extension(self, code: int) -> None:
        raise _Refused(f"asks for extension {code}, which no motion needs")

    def load_build(self) -> None:
        super().load_build()
        made = self.stack[-1]
        if isinstance(made, _Array) and made.array is None:
            made.read_from(self._stream)

    def load_setitem(self) -> None:
        _check_key(self.stack[-2])
        super().load_setitem()

    def load_setitems(self) -> None:
        for key in self.stack[::2]:
            _check_key(key)
        super().load_setitems()

    def load_dict(self) -> None:
        for key in self.stack[::2]:
            _check_key(key)
        super().load_dict()

    def load_bytearray8(self) -> None:
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    def load_set(self) -> None:
        raise _Refused("holds a set, which no motion needs")

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.DICT[0]] = load_dict
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8
    for _code in (pickle.EMPTY_SET, pickle.FROZENSET, pickle.ADDITEMS):
        dispatch[_code[0]] = load_set


def _check_key(key: object) -> None:
    """Nested tuples share their parts in a pickle, and hashing them can take for ever."""
    parts = key if isinstance(key, tuple) else (key,)
    if not all(part is None or isinstance(part, str | bytes | int | float | np.generic) for part in parts):
        raise _Refused("has a dictionary with keys that no motion needs")


def _open(value: Any) -> Any:
    """An array where the unpickler holds its stand-in; other values as they are."""
    return value.array if isinstance(value, _Array) else value


def entry(value: Any, key: Any) -> Any:
    """``value[key]`` of what :func:`read_pickle` gave, arrays opened; None where there is no such entry."""
    if isinstance(value, dict):
        return _open(value.get(key))
    if isinstance(value, list | tuple) and isinstance(key, int) and key < len(value):
        return _open(value[key])
    return None
