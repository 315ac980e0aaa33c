"""Reading old model pickles without running what is in them.

A pickle is a program. Ours may only build numpy arrays, scipy sparse matrices and chumpy arrays; anything
else is refused before it is called. chumpy itself is not needed: a stand-in keeps the array inside.
"""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from smpl_fitting.errors import BodyModelError


class _Chumpy:
    """Stands for any chumpy array of a pickle: the value is a plain array among its attributes."""

    def __init__(self, *_: object) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state

    def value(self) -> np.ndarray:
        """The array. A selection (``chumpy.reordering.Select``) keeps the ids of its elements beside it."""
        if "x" in self.state:
            return np.asarray(plain(self.state["x"]))
        inner = np.asarray(plain(self.state["a"]))
        if "idxs" not in self.state:
            return inner
        shape = self.state.get("preferred_shape", -1)
        return inner.ravel()[np.asarray(self.state["idxs"])].reshape(shape)


class _Csc:
    """Stands for a scipy sparse matrix, whose module names have moved over the years."""

    form = "csc"

    def __init__(self, *_: object) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state

    def value(self) -> np.ndarray:
        from scipy import sparse

        shape = self.state.get("_shape", self.state.get("shape"))
        if self.form == "coo":
            places = (self.state["row"], self.state["col"])
            return sparse.coo_matrix((self.state["data"], places), shape=shape).toarray()
        parts = (self.state["data"], self.state["indices"], self.state["indptr"])
        kind = sparse.csc_matrix if self.form == "csc" else sparse.csr_matrix
        return kind(parts, shape=shape).toarray()


class _Csr(_Csc):
    form = "csr"


class _Coo(_Csc):
    form = "coo"


_SPARSE = {"csc_matrix": _Csc, "csr_matrix": _Csr, "coo_matrix": _Coo}
_NUMPY = {
    ("multiarray", "_reconstruct"),
    ("multiarray", "scalar"),
    ("numeric", "_frombuffer"),
}
_PLAIN = {
    ("builtins", "object"),
    ("builtins", "set"),
    ("builtins", "bytes"),
    ("builtins", "bytearray"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins", "copy_reg": "copyreg"}.get(module, module)
        if (module, name) in _PLAIN:
            return getattr(importlib.import_module(module), name)
        package, _, last = module.rpartition(".")
        if package in ("numpy.core", "numpy._core") and (last, name) in _NUMPY:
            return getattr(importlib.import_module(f"numpy.core.{last}"), name)
        if module.startswith("scipy.sparse") and name in _SPARSE:
            return _SPARSE[name]
        if module.split(".")[0] == "chumpy":
            return _Chumpy
        if (module, name) == ("copyreg", "_reconstructor"):
            return _reconstruct
        if (module, name) == ("_codecs", "encode"):  # how protocol 2 writes bytes
            return _latin_bytes
        raise BodyModelError(f"asks for {module}.{name}, which no body model needs")


def _reconstruct(kind: type, base: type, state: object) -> object:
    """``copyreg._reconstructor`` for the stand-ins only, which old protocols build this way."""
    if kind not in (_Chumpy, _Csc, _Csr, _Coo) or base is not object:
        raise BodyModelError(f"asks to build a {kind}, which no body model needs")
    return kind()


def _latin_bytes(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin1")


def plain(value: Any) -> Any:
    """The numpy array that a stand-in holds; other values as they are."""
    return value.value() if isinstance(value, _Chumpy | _Csc) else value


def read_pickle(path: Path, wanted: Collection[str]) -> dict[str, Any]:
    """The ``wanted`` entries of the dictionary in a model pickle, as plain arrays.

    Raises:
        BodyModelError: the file is no pickle, is cut short, holds no dictionary, or asks for more.
    """
    try:
        with path.open("rb") as file:
            content = _Unpickler(file, encoding="latin1").load()
        if not isinstance(content, dict):
            raise BodyModelError(f"holds a {type(content).__name__}, not a model")
        return {str(name): plain(value) for name, value in content.items() if name in wanted}
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
