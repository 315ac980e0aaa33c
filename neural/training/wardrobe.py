"""MakeHuman clothes: Wavefront meshes bound to the base mesh ``hm08`` by ``.mhclo`` files.

Each row of an ``.mhclo`` binds a cloth vertex to three ``hm08`` vertices: barycentric weights and an offset,
in the units of the reference human, that is scaled along each axis by how far apart two named vertices are
on the person at hand (MakeHuman's community documentation, "Proxies and clothes: the mhclo format").
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smpl_fitting.errors import LiquidMotionError

HM08_VERTICES = 19158
"""Vertices of MakeHuman's base mesh with its helpers; an ``.mhclo`` binds to any of them."""


class WardrobeError(LiquidMotionError):
    """A garment, hair or skin file that is missing or not in MakeHuman's format."""


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh with texture coordinates of its own indexing.

    ``vertices`` (V, 3); ``faces`` (F, 3) int64; ``uv`` (U, 2) with v up; ``faces_uv`` (F, 3) int64;
    ``groups`` (F,) int64 indexes ``group_names`` (Wavefront ``g`` statements).
    """

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    faces_uv: np.ndarray
    groups: np.ndarray
    group_names: tuple[str, ...]


@dataclass(frozen=True)
class Garment:
    """A mesh and how it hangs on ``hm08``.

    ``index`` (V, 3) int64 ``hm08`` vertices; ``weights`` (V, 3) barycentric; ``offsets`` (V, 3) in units of
    the scales; ``scales`` ((vertex, vertex, length), ...) for x, y and z; ``hides`` (H,) ``hm08`` vertices
    that lie under it. ``texture`` is None where the wardrobe has lost it.
    """

    name: str
    mesh: Mesh
    index: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    scales: tuple[tuple[int, int, float], ...]
    hides: np.ndarray
    z_depth: int
    texture: Path | None
    normal_map: Path | None

    def fit(self, base: np.ndarray) -> np.ndarray:
        """The garment's vertices (V, 3) on a body. ``base``: (19158, 3), Y-up, any unit, unposed ``hm08``."""
        lengths = [
            abs(base[first, axis] - base[second, axis]) / length
            for axis, (first, second, length) in enumerate(self.scales)
        ]
        corners = base[self.index]
        return np.einsum("vk,vkc->vc", self.weights, corners) + self.offsets * np.array(lengths)

    def carry(self, values: np.ndarray) -> np.ndarray:
        """Values of ``hm08``'s vertices (19158, C) at the garment's (V, C), by weights kept non-negative."""
        weights = np.clip(self.weights, 0.0, None)
        weights = weights / np.maximum(weights.sum(1, keepdims=True), 1e-9)
        return np.einsum("vk,vkc->vc", weights, values[self.index])


def load_garment(path: str | Path) -> Garment:
    """Read an ``.mhclo`` and the ``.obj`` and textures beside it.

    Raises:
        WardrobeError: a file is missing, or a line is not what the format asks for.
    """
    path = Path(path)
    header, rows, hidden = _split_mhclo(path)
    try:
        index, weights, offsets = _bindings(rows)
        scales = tuple(_scale(header, axis) for axis in "xyz")
        hides = _vertex_ranges(hidden)
        z_depth = int(header.get("z_depth", ["50"])[0])
        obj_name = header["obj_file"][0]
    except (KeyError, ValueError, IndexError) as error:
        raise WardrobeError(
            f"{path}: not a MakeHuman clothes file ({error}); fetch the wardrobe again"
        ) from error
    mesh = load_obj(path.parent / obj_name)
    if len(mesh.vertices) != len(index):
        raise WardrobeError(
            f"{path}: binds {len(index)} vertices, {obj_name} has {len(mesh.vertices)}; fetch both again"
        )
    if index.max() >= HM08_VERTICES or (len(hides) and hides.max() >= HM08_VERTICES):
        raise WardrobeError(f"{path}: binds to a mesh larger than hm08; use clothes made for hm08")
    return Garment(
        name=path.stem,
        mesh=mesh,
        index=index,
        weights=weights,
        offsets=offsets,
        scales=scales,
        hides=hides,
        z_depth=z_depth,
        texture=_texture(path, "diffuse"),
        normal_map=_texture(path, "normal"),
    )


def load_obj(path: str | Path) -> Mesh:
    """Read a Wavefront mesh; polygons are cut into triangle fans.

    Raises:
        WardrobeError: the file is missing or has no faces.
    """
    path = Path(path)
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    faces: list[list[int]] = []
    faces_uv: list[list[int]] = []
    groups: list[int] = []
    names: dict[str, int] = {}
    group = names.setdefault("", 0)
    for line in _read_lines(path):
        key, _, rest = line.partition(" ")
        if key == "v":
            vertices.append([float(value) for value in rest.split()[:3]])
        elif key == "vt":
            uv.append([float(value) for value in rest.split()[:2]])
        elif key == "g":
            group = names.setdefault(rest.strip(), len(names))
        elif key == "f":
            corners = [corner.split("/") for corner in rest.split()]
            for k in range(1, len(corners) - 1):
                triangle = (corners[0], corners[k], corners[k + 1])
                faces.append([int(corner[0]) - 1 for corner in triangle])
                faces_uv.append(
                    [int(corner[1]) - 1 if len(corner) > 1 and corner[1] else 0 for corner in triangle]
                )
                groups.append(group)
    if not faces:
        raise WardrobeError(f"{path}: holds no faces; fetch the wardrobe again")
    return Mesh(
        vertices=np.array(vertices),
        faces=np.array(faces),
        uv=np.array(uv or [[0.0, 0.0]]),
        faces_uv=np.array(faces_uv),
        groups=np.array(groups),
        group_names=tuple(names),
    )


def hidden_faces(faces: np.ndarray, hides: np.ndarray, vertex_count: int) -> np.ndarray:
    """(F,) True for faces that clothes hide: those whose every corner is listed in ``hides``.

    A face with a visible corner stays, so that skin reaches below the hem instead of ending at it.
    """
    hidden = np.zeros(vertex_count, bool)
    hidden[hides] = True
    return hidden[faces].all(axis=1)


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise WardrobeError(
            f"{path}: cannot be read ({error.strerror}); point to a MakeHuman wardrobe folder"
        ) from error


def _split_mhclo(path: Path) -> tuple[dict[str, list[str]], list[list[str]], list[str]]:
    """The header's key -> values, the rows below ``verts``, and the words below ``delete_verts``."""
    header: dict[str, list[str]] = {}
    rows: list[list[str]] = []
    hidden: list[str] = []
    section = "header"
    for line in _read_lines(path):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "verts":
            section = "verts"
        elif words[0] == "delete_verts":
            section = "delete"
        elif words[0][0].isalpha():  # some files name the material among the rows
            header[words[0]] = words[1:]
        elif section == "verts":
            rows.append(words)
        elif section == "delete":
            hidden += words
    return header, rows, hidden


def _bindings(rows: list[list[str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three vertices, weights and offset of each row; a row of one number is that vertex itself."""
    full = [row if len(row) >= 9 else [row[0]] * 3 + ["1", "0", "0", "0", "0", "0"] for row in rows]
    table = np.array([row[:9] for row in full], dtype=float)
    if table.size == 0:
        raise ValueError("no rows below 'verts'")
    return table[:, :3].astype(np.int64), table[:, 3:6], table[:, 6:9]


def _scale(header: dict[str, list[str]], axis: str) -> tuple[int, int, float]:
    first, second, length = header[f"{axis}_scale"][:3]
    return int(first), int(second), float(length)


def _vertex_ranges(words: list[str]) -> np.ndarray:
    """``3 7 - 9`` -> [3, 7, 8, 9]."""
    vertices: list[int] = []
    position = 0
    while position < len(words):
        if words[position] == "-":
            vertices += range(vertices[-1] + 1, int(words[position + 1]) + 1)
            position += 2
        else:
            vertices.append(int(words[position]))
            position += 1
    return np.array(vertices, dtype=np.int64)


def _texture(path: Path, kind: str) -> Path | None:
    for suffix in (".png", ".jpg"):
        found = path.with_name(f"{path.stem}_{kind}{suffix}")
        if found.exists():
            return found
    return None
