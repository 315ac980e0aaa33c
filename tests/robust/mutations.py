"""Broken copies of good files, the same for the same seed."""

from __future__ import annotations

import io
import zipfile

import numpy as np


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes cut off, flipped, moved, zeroed, repeated or replaced."""
    content = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if not content:
            break
        start = int(rng.integers(len(content)))
        if rng.random() < 0.5:  # headers decide most
            start = int(rng.integers(min(len(content), 400)))
        length = int(min(len(content) - start, 2 ** rng.integers(0, 12)))
        match int(rng.integers(8)):
            case 0:
                del content[start:]
            case 1:
                content[start] ^= 1 << int(rng.integers(8))
            case 2:
                content[start : start + length] = bytes(length)
            case 3:
                content[start : start + length] = rng.integers(0, 256, length, np.uint8).tobytes()
            case 4:
                other = int(rng.integers(len(content)))
                content[start:start] = content[other : other + length]
            case 5:
                del content[start : start + length]
            case 6:
                size = int(rng.choice([2, 4, 8]))
                content[start : start + size] = b"\xff" * size
            case _:
                size = int(rng.choice([2, 4, 8]))
                content[start : start + size] = (2 ** (8 * size - 1) - 1).to_bytes(
                    size, str(rng.choice(["little", "big"]))
                )
    return bytes(content)


def odd_array(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An array of another kind, shape or content."""
    kind = array.dtype.kind
    number = array if kind in "iuf" else np.zeros((3, 4))
    choices = [
        lambda: number.astype(complex),
        lambda: number.astype(str) if number.size < 10_000 else np.array("x"),
        lambda: number > 0,
        lambda: np.array(["a", "b"]),
        lambda: np.full(number.shape, np.nan),
        lambda: np.where(rng.random(number.shape) < 0.01, np.inf, number),
        lambda: number.astype(float) * 1e300,
        lambda: number.astype(np.float16) * np.float16(1000),
        lambda: -number.astype(float),
        lambda: np.zeros_like(number),
        lambda: number[..., :-1] if number.ndim else number.reshape(1, 1),
        lambda: number[:-1] if number.ndim else np.zeros(0),
        lambda: number[:0] if number.ndim else np.zeros((0, 3)),
        lambda: number[None],
        lambda: number.T,
        lambda: np.array(3.5),
        lambda: np.array(2**62),
        lambda: np.array(-1),
        lambda: np.array(""),
        lambda: np.array("../../etc/passwd\n\0"),
        lambda: rng.permutation(number.ravel()).reshape(number.shape),
        lambda: np.array([np.datetime64("2020-01-01")]),
        lambda: np.zeros(3, [("a", "f4"), ("b", "i2")]),
        lambda: number.astype(">f8"),
        lambda: np.asfortranarray(number),
    ]
    return choices[int(rng.integers(len(choices)))]()


HEADERS = (
    "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (-5, 72), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (10**12, 72), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': __import__('os').system('touch PROOF'), }",
    "__import__('os').system('touch PROOF')",
    "{'descr': eval('1'), 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (True, 2), }",
    "{'descr': '<f8', 'fortran_order': 3, 'shape': [2], }",
    "{'descr': [('a', '<f8', (1000000, 1000000))], 'fortran_order': False, 'shape': (2,), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (2.5,), }",
    "(" * 300 + ")" * 300,
    "{'descr': '<U100000000', 'fortran_order': False, 'shape': (100000,), }",
    "{'descr': '<f8'",
    "lambda: 0",
    "'\\x00",
)


def npy_with_header(header: str, data: bytes = bytes(64)) -> bytes:
    """An ``.npy`` with this text for a header."""
    text = header.encode("latin1")
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def npz_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def with_member(arrays: dict[str, np.ndarray], name: str, npy: bytes) -> bytes:
    """An ``.npz`` of ``arrays`` with the raw ``npy`` for one of them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for key, value in arrays.items():
            member = io.BytesIO()
            np.save(member, value, allow_pickle=True)
            archive.writestr(f"{key}.npy", npy if key == name else member.getvalue())
        if name not in arrays:
            archive.writestr(f"{name}.npy", npy)
    return buffer.getvalue()


def bomb(name: str, claimed: int, real: int) -> bytes:
    """A small ``.npz`` whose array ``name`` claims so many bytes and unpacks to ``real`` zeros."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({claimed},), }}"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", npy_with_header(header, bytes(real)))
    return buffer.getvalue()


def odd_npz(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> bytes:
    """An ``.npz`` that is broken inside or outside."""
    changed = dict(arrays)
    name = str(rng.choice(sorted(arrays)))
    match int(rng.integers(6)):
        case 0:
            return damaged(npz_bytes(arrays), rng)
        case 1:
            del changed[name]
        case 2:
            return with_member(arrays, name, npy_with_header(HEADERS[int(rng.integers(len(HEADERS)))]))
        case 3:
            member = io.BytesIO()
            np.save(member, arrays[name])
            return with_member(arrays, name, damaged(member.getvalue(), rng))
        case 4:
            content = np.array([{"a": 1}, None], dtype=object)
            member = io.BytesIO()
            np.save(member, content, allow_pickle=True)
            return with_member(arrays, name, member.getvalue())
        case _:
            for key in rng.choice(sorted(arrays), int(rng.integers(1, 4))):
                changed[str(key)] = odd_array(arrays[str(key)], rng)
    return npz_bytes(changed)
