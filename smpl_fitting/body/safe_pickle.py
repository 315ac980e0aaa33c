"""Reading old model pickles without running what is in them.

A pickle is a program. Ours may only build plain numeric arrays, scipy sparse matrices and chumpy arrays; anything
else is refused before it is called. Stand-ins build all of them: numpy's own ``__setstate__`` believes what it is
told (a type of objects whose flags deny it reads raw bytes as addresses), and so do scipy's matrices. chumpy
itself is not needed.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from smpl_fitting.errors import BodyModelError

MAX_ELEMENTS = 2**28  # of a dense array that a sparse one stands for; SMPL-X's largest has 0.6 million


class _Dtype:
    """Stands for ``numpy.dtype``: a plain type of numbers."""

    def __init__(self, name: object = "", *_: object) -> None:
        self._name = str(name)
        self._big_endian = False

    def __setstate__(self, state: tuple) -> None:
        self._big_endian = state[1] == ">"

    def value(self) -> np.dtype:
        # the name's first letters first: numpy takes structures and sizes of any kind in one text
        if self._name.lstrip("<>=|")[:1] not in tuple("biuf") or len(self._name) > 4:
            raise BodyModelError(f"holds an array of {self._name!r}, which no body model needs")
        kind = np.dtype(self._name)
        return kind.newbyteorder(">") if self._big_endian else kind


class _Array:
    """Stands for a numpy array."""

    def __init__(self, *_: object) -> None:
        self.array: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, content = state
        self.array = _array(content, dtype, shape, "F" if fortran else "C")

    def value(self) -> np.ndarray:
        if self.array is None:
            raise BodyModelError("holds an array without content")
        return self.array


class _Chumpy:
    """Stands for any chumpy array of a pickle: the value is a plain array among its attributes."""

    def __init__(self, *_: object) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state

    def value(self) -> np.ndarray:
        """The array. A selection (``chumpy.reordering.Select``) keeps the ids of its elements beside it."""
        if "x" in self.state:
            return plain(self.state["x"])
        inner = plain(self.state["a"])
        if "idxs" not in self.state:
            return inner
        shape = self.state.get("preferred_shape", -1)
        return inner.ravel()[plain(self.state["idxs"])].reshape(shape)


class _Csc:
    """Stands for a scipy sparse matrix, whose module names have moved over the years."""

    form = "csc"

    def __init__(self, *_: object) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state

    def value(self) -> np.ndarray:
        shape = self.state["_shape"] if "_shape" in self.state else self.state["shape"]
        rows, columns = (int(side) for side in shape)
        if not 0 < rows * columns <= MAX_ELEMENTS or rows < 0:
            raise BodyModelError(f"holds a sparse matrix of {rows} x {columns}, which no body model needs")
        data = plain(self.state["data"])
        if self.form == "coo":
            places = plain(self.state["row"]), plain(self.state["col"])
        else:
            starts = plain(self.state["indptr"])
            across = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
            inner = plain(self.state["indices"])
            places = (inner, across) if self.form == "csc" else (across, inner)
        dense = np.zeros((rows, columns))
        np.add.at(dense, places, data)
        return dense


class _Csr(_Csc):
    form = "csr"


class _Coo(_Csc):
    form = "coo"


def _array(content: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    if isinstance(content, str):
        content = content.encode("latin1")
    if not isinstance(content, bytes | bytearray) or not isinstance(dtype, _Dtype):
        raise BodyModelError("holds an array of objects, which no body model needs")
    sides = (shape,) if isinstance(shape, int) else tuple(int(side) for side in shape)
    kind = dtype.value()
    if min(sides, default=0) < 0 or math.prod(sides) * kind.itemsize != len(content):
        raise BodyModelError(f"holds an array of shape {sides} with {len(content)} bytes")
    array = np.frombuffer(content, kind).reshape(sides, order="F" if order == "F" else "C")
    return array.astype(kind.newbyteorder("="))


def _from_buffer(content: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    return _array(content, dtype, shape, order)


def _scalar(dtype: Any, content: Any = b"") -> np.ndarray:
    return _array(content, dtype, (), "C")


def _reconstruct(kind: Any, base: Any, state: object) -> object:
    """``copyreg._reconstructor`` for the stand-ins only, which old protocols build this way."""
    if kind not in (_Chumpy, _Csc, _Csr, _Coo) or base is not _Base:
        raise BodyModelError(f"asks to build a {kind}, which no body model needs")
    return kind()


class _Base:
    """Stands for ``object``, which is never built."""


def _latin_bytes(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin1")


def _bytes(content: Any = b"") -> bytes:
    if not isinstance(content, bytes | bytearray):  # a number would reserve so many bytes
        raise BodyModelError("asks for bytes in a way that no body model needs")
    return bytes(content)


def _members(values: Any = ()) -> list:
    """Stands for ``set``; nobody looks into it, and hashing nested tuples can take for ever."""
    return list(values) if isinstance(values, list | tuple) else []


_MAKERS: dict[tuple[str, str], Any] = {
    ("builtins", "object"): _Base,
    ("builtins", "set"): _members,
    ("builtins", "bytes"): _bytes,
    ("builtins", "bytearray"): _bytes,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("copyreg", "_reconstructor"): _reconstruct,
    ("_codecs", "encode"): _latin_bytes,  # how protocol 2 writes bytes
}
_SPARSE = {"csc_matrix": _Csc, "csr_matrix": _Csr, "coo_matrix": _Coo}
# The one in C reserves a table as long as the largest number that a pickle gives to one of its objects.
_PYTHON_UNPICKLER: Any = vars(pickle)["_Unpickler"]


class _Whole:
    """A file that is never asked for more than is left of it, which would be reserved before it is read."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size
        self.readline = file.readline

    def read(self, size: int) -> bytes:
        self._left -= len(content := self._file.read(min(size, self._left)))
        if len(content) < size:
            raise EOFError("it is cut off")
        return content


class _Unpickler(_PYTHON_UNPICKLER):
    dispatch = dict(_PYTHON_UNPICKLER.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins", "copy_reg": "copyreg"}.get(module, module)
        module = module.replace("numpy._core", "numpy.core")
        if (module, name) in _MAKERS:
            return _MAKERS[module, name]
        if module.startswith("scipy.sparse") and name in _SPARSE:
            return _SPARSE[name]
        if module.split(".")[0] == "chumpy":
            return _Chumpy
        raise BodyModelError(f"asks for {module}.{name}, which no body model needs")

    def get_extension(self, code: int) -> None:
        raise BodyModelError(f"asks for extension {code}, which no body model needs")

    def load_bytearray8(self) -> None:
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    def load_empty_set(self) -> None:
        self.append([])

    def load_frozenset(self) -> None:
        self.append(self.pop_mark())

    def load_additems(self) -> None:
        self.pop_mark()

    def load_setitem(self) -> None:
        _check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        _check_keys(self.stack[::2])
        super().load_setitems()

    def load_dict(self) -> None:
        _check_keys(self.stack[::2])
        super().load_dict()

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8
    dispatch[pickle.EMPTY_SET[0]] = load_empty_set
    dispatch[pickle.FROZENSET[0]] = load_frozenset
    dispatch[pickle.ADDITEMS[0]] = load_additems
    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.DICT[0]] = load_dict


def _check_keys(keys: Collection[object]) -> None:
    """Nested tuples share their parts in a pickle, and hashing them can take for ever."""
    for key in keys:
        parts = key if isinstance(key, tuple) else (key,)
        if not all(part is None or isinstance(part, str | bytes | int | float) for part in parts):
            raise BodyModelError("has a dictionary with keys that no body model needs")


def plain(value: Any) -> np.ndarray:
    """The array that a stand-in holds. Anything but an array is refused: lists may be nested without end."""
    if isinstance(value, _Chumpy | _Csc | _Array):
        return value.value()
    if not isinstance(value, np.ndarray):
        raise BodyModelError(f"holds a {type(value).__name__} where an array belongs")
    return value


def read_pickle(path: Path, wanted: Collection[str]) -> dict[str, Any]:
    """The ``wanted`` entries of the dictionary in a model pickle, as plain arrays.

    Raises:
        BodyModelError: the file is no pickle, is cut short, holds no dictionary, or asks for more.
    """
    try:
        with path.open("rb") as file:
            content = _Unpickler(_Whole(file, path.stat().st_size), encoding="latin1").load()
        if not isinstance(content, dict):
            raise BodyModelError(f"holds a {type(content).__name__}, not a model")
        return {name: plain(value) for name, value in content.items() if name in wanted}
    except BodyModelError as error:
        raise BodyModelError(f"{path}: refused: the pickle {error}; download the model again") from error
    except MemoryError as error:
        raise BodyModelError(
            f"{path}: asks for more memory than there is; download the model again"
        ) from error
    except Exception as error:  # a damaged pickle can fail in any way at all
        raise BodyModelError(
            f"{path}: not a readable model pickle ({type(error).__name__}: {error}); download the model again"
        ) from error
