"""The packed masks of a clip: in memory while they are few, in a nameless temporary file when they are many."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np

_IN_MEMORY = 64 << 20  # bytes; about ten minutes of one person


class MaskStore(Sequence[bytes]):
    """One byte string for each frame, empty where there is no mask; read only, once it is filled."""

    def __init__(self, count: int) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (lives as long as this)
        self._starts = np.zeros(count, np.int64)
        self.lengths = np.zeros(count, np.int64)
        self._end = 0

    @staticmethod
    def of(masks: Iterable[bytes], count: int) -> MaskStore:
        """A store of ``count`` masks in order."""
        store = MaskStore(count)
        for index, mask in enumerate(masks):
            store.put(index, mask)
        return store

    def put(self, index: int, mask: bytes) -> None:
        """Give a frame its mask."""
        self._file.seek(self._end)
        self._file.write(mask)
        self._starts[index], self.lengths[index] = self._end, len(mask)
        self._end += len(mask)

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[bytes, ...]: ...

    def __getitem__(self, index: int | slice) -> bytes | tuple[bytes, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        self._file.seek(int(self._starts[index]))
        return self._file.read(int(self.lengths[index]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return NotImplemented
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]
