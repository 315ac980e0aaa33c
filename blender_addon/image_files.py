"""Telling whole PNG and EXR files from broken ones, by decoding them without Blender."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_EXR_MAGIC = b"\x76\x2f\x31\x01"
_EXR_MULTIPART = 0x10  # in the second byte of the version field
_EXR_ROWS_PER_BLOCK = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}  # by compression
_EXR_ZIPPED = (2, 3)


def is_whole(path: Path, size: tuple[int, int]) -> bool:
    """Whether a PNG or EXR file is complete and of ``size`` (height, width)."""
    return whole_size(path) == size


def whole_size(path: Path) -> tuple[int, int] | None:
    """(height, width) of a complete PNG or EXR file, None for anything else."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return _png_size(data) if data.startswith(_PNG_SIGNATURE) else _exr_size(data)


def _png_size(data: bytes) -> tuple[int, int] | None:
    """(height, width) of a PNG whose chunks are all there with the right checksums and hold every row, else None."""
    size, expected, found, pixels, at = None, 0, 0, zlib.decompressobj(), len(_PNG_SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        if at + 12 + length > len(data):
            return None
        if zlib.crc32(body, zlib.crc32(kind)) != struct.unpack_from(">I", data, at + 8 + length)[0]:
            return None
        if kind == b"IHDR":
            width, height, depth, colour_type = struct.unpack_from(">IIBB", body)
            size = (height, width)
            expected = height * (1 + (width * depth * _PNG_CHANNELS[colour_type] + 7) // 8)
        elif kind == b"IDAT":
            try:
                found += len(pixels.decompress(body))
            except zlib.error:
                return None
        elif kind == b"IEND":
            return size if found + len(pixels.flush()) == expected else None
        at += 12 + length
    return None


def _exr_size(data: bytes) -> tuple[int, int] | None:
    """(height, width) of a scan-line EXR whose every block is inside the file, else None.

    Layout: magic, version, a header for each part (Blender 5 writes several), a table of block offsets for each part,
    blocks. OpenEXR writes the tables last, so a cut-off file has zeros in them.
    """
    if not data.startswith(_EXR_MAGIC):
        return None
    try:
        parts, table = _exr_headers(data)
        several = len(parts) > 1 or bool(data[5] & _EXR_MULTIPART)
        sizes = set()
        for part in parts:
            left, top, right, bottom = struct.unpack("<4i", part["dataWindow"])
            sizes.add((bottom - top + 1, right - left + 1))
            rows = _EXR_ROWS_PER_BLOCK[part["compression"][0]]
            blocks = -(-(bottom - top + 1) // rows)
            for offset in struct.unpack_from(f"<{blocks}Q", data, table):
                start = offset + 8 + 4 * several  # past the part's number, first row and byte count
                (count,) = struct.unpack_from("<I", data, start - 4)
                if offset < table or start + count > len(data):
                    return None
                if part["compression"][0] in _EXR_ZIPPED and not _unzips(data[start : start + count]):
                    return None
            table += 8 * blocks
    except (struct.error, KeyError, ValueError, IndexError):
        return None
    return sizes.pop() if len(sizes) == 1 else None


def _unzips(block: bytes) -> bool:
    """A block that zip made no smaller is stored as it was, and then does not begin as zlib streams do."""
    try:
        zlib.decompress(block)
    except zlib.error:
        return not _begins_as_zlib(block)
    return True


def _begins_as_zlib(block: bytes) -> bool:
    return len(block) > 1 and block[0] & 0x0F == 8 and (block[0] << 8 | block[1]) % 31 == 0


def _exr_headers(data: bytes) -> tuple[list[dict[str, bytes]], int]:
    """Attributes (name, type, size, value, up to an empty name) of each part, and where the offset tables start."""
    several = bool(data[5] & _EXR_MULTIPART)
    parts, at = [], 8
    while data[at]:
        attributes = {}
        while data[at]:
            end = data.index(b"\0", at)
            name = data[at:end].decode("ascii")
            at = data.index(b"\0", end + 1) + 1
            (length,) = struct.unpack_from("<i", data, at)
            attributes[name] = data[at + 4 : at + 4 + length]
            at += 4 + length
        parts.append(attributes)
        at += 1
        if not several:
            return parts, at
    return parts, at + 1
