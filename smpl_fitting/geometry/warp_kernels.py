"""The rasterizer's two kernels for NVIDIA Warp: which face each pixel sees, and what it sees of it.

One source for CPU and CUDA. Every expression keeps the operation order of PyTorch3D's naive rasterizer, so that
the two agree bit for bit; for the same reason no multiply may be fused with an add.
"""
# Warp reads the annotations below as its own array types; a type checker cannot.
# mypy: disable-error-code="valid-type,no-any-return,no-untyped-def"

import warp as wp

# Annotations must stay objects: no `from __future__ import annotations` here.
wp.set_module_options({"enable_backward": False, "fuse_fp": False, "fast_math": False})

# Double, as in PyTorch3D: the sum or comparison is made in double precision and only then rounded.
EPSILON = wp.constant(wp.float64(1.0e-8))
# Larger than any key of a hit.
NO_HIT = wp.constant(wp.int64(0x7FFFFFFFFFFFFFFF))
FACE_BITS = wp.constant(wp.int64(0xFFFFFFFF))


@wp.struct
class Settings:
    """How to rasterize; see ``rasterize_meshes``. Sizes in pixels, ranges in NDC."""

    height: int
    width: int
    half_height: float
    half_width: float
    blur_radius: float
    margin: float
    perspective_correct: bool
    clip_barycentric_coords: bool
    cull_backfaces: bool


@wp.func
def pixel_to_ndc(index: int, size: int, half_range: float) -> float:
    """Coordinate of the centre of pixel ``index``, counted from the negative end of the axis."""
    full_range = 2.0 * half_range
    return -half_range + (full_range * float(index) + half_range) / float(size)


@wp.func
def pixel_centre(row: int, column: int, settings: Settings) -> wp.vec2:
    return wp.vec2(
        pixel_to_ndc(settings.width - 1 - column, settings.width, settings.half_width),
        pixel_to_ndc(settings.height - 1 - row, settings.height, settings.half_height),
    )


@wp.func
def edge(p: wp.vec2, a: wp.vec2, b: wp.vec2) -> float:
    """Cross product of ``p - a`` and ``b - a``: twice the signed area of the three points."""
    return (p[0] - a[0]) * (b[1] - a[1]) - (p[1] - a[1]) * (b[0] - a[0])


@wp.func
def xy(v: wp.vec3) -> wp.vec2:
    return wp.vec2(v[0], v[1])


@wp.func
def inside_is_possible(p: wp.vec2, v0: wp.vec3, v1: wp.vec3, v2: wp.vec3) -> bool:
    """Whether all barycentrics can be positive: the three edge functions have one sign and none is 0."""
    e0 = edge(p, xy(v1), xy(v2))
    e1 = edge(p, xy(v2), xy(v0))
    e2 = edge(p, xy(v0), xy(v1))
    return (e0 > 0.0 and e1 > 0.0 and e2 > 0.0) or (e0 < 0.0 and e1 < 0.0 and e2 < 0.0)


@wp.func
def barycentrics(p: wp.vec2, v0: wp.vec3, v1: wp.vec3, v2: wp.vec3, perspective_correct: bool) -> wp.vec3:
    area = float(wp.float64(edge(xy(v2), xy(v0), xy(v1))) + EPSILON)
    w0 = edge(p, xy(v1), xy(v2)) / area
    w1 = edge(p, xy(v2), xy(v0)) / area
    w2 = edge(p, xy(v0), xy(v1)) / area
    if perspective_correct:
        top0 = w0 * v1[2] * v2[2]
        top1 = w1 * v0[2] * v2[2]
        top2 = w2 * v0[2] * v1[2]
        total = top0 + top1 + top2
        w0 = top0 / total
        w1 = top1 / total
        w2 = top2 / total
    return wp.vec3(w0, w1, w2)


@wp.func
def clipped(bary: wp.vec3, clip: bool) -> wp.vec3:
    """Negative barycentrics set to 0 and the rest scaled to the sum 1, where asked for."""
    if not clip:
        return bary
    w0 = wp.max(bary[0], 0.0)
    w1 = wp.max(bary[1], 0.0)
    w2 = wp.max(bary[2], 0.0)
    total = wp.max(w0 + w1 + w2, 1.0e-5)
    return wp.vec3(w0 / total, w1 / total, w2 / total)


@wp.func
def depth_at(bary: wp.vec3, v0: wp.vec3, v1: wp.vec3, v2: wp.vec3) -> float:
    return bary[0] * v0[2] + bary[1] * v1[2] + bary[2] * v2[2]


@wp.func
def squared_length(dx: float, dy: float) -> float:
    return dx * dx + dy * dy


@wp.func
def squared_distance_to_segment(p: wp.vec2, a: wp.vec2, b: wp.vec2) -> float:
    dx = b[0] - a[0]
    dy = b[1] - a[1]
    length = squared_length(dx, dy)
    if wp.float64(length) <= EPSILON:
        return squared_length(p[0] - b[0], p[1] - b[1])
    along = (dx * (p[0] - a[0]) + dy * (p[1] - a[1])) / length
    along = wp.min(wp.max(along, 0.0), 1.0)
    return squared_length(p[0] - (a[0] + along * dx), p[1] - (a[1] + along * dy))


@wp.func
def squared_distance(p: wp.vec2, v0: wp.vec3, v1: wp.vec3, v2: wp.vec3) -> float:
    """Squared distance to the nearest edge of the triangle, inside or outside."""
    d01 = squared_distance_to_segment(p, xy(v0), xy(v1))
    d02 = squared_distance_to_segment(p, xy(v0), xy(v2))
    d12 = squared_distance_to_segment(p, xy(v1), xy(v2))
    return wp.min(wp.min(d01, d02), d12)


@wp.func
def is_drawn(v0: wp.vec3, v1: wp.vec3, v2: wp.vec3, cull_backfaces: bool) -> bool:
    """Whether the face has an area, faces the right way, and lies in front of the camera altogether."""
    area = edge(xy(v0), xy(v1), xy(v2))
    if cull_backfaces and area < 0.0:
        return False
    if wp.abs(wp.float64(area)) <= EPSILON:
        return False
    return wp.float64(wp.min(v0[2], wp.min(v1[2], v2[2]))) >= EPSILON


@wp.func
def in_box(p: wp.vec2, v0: wp.vec3, v1: wp.vec3, v2: wp.vec3, margin: float) -> bool:
    return not (
        p[0] > wp.max(v0[0], wp.max(v1[0], v2[0])) + margin
        or p[0] < wp.min(v0[0], wp.min(v1[0], v2[0])) - margin
        or p[1] > wp.max(v0[1], wp.max(v1[1], v2[1])) + margin
        or p[1] < wp.min(v0[1], wp.min(v1[1], v2[1])) - margin
    )


@wp.func
def depth_of_hit(p: wp.vec2, v0: wp.vec3, v1: wp.vec3, v2: wp.vec3, settings: Settings) -> float:
    """Depth of the face in this pixel, or -1 where it does not reach the pixel."""
    if not in_box(p, v0, v1, v2, settings.margin):
        return -1.0
    if settings.blur_radius == 0.0 and not inside_is_possible(p, v0, v1, v2):
        return -1.0
    bary = barycentrics(p, v0, v1, v2, settings.perspective_correct)
    if not (bary[0] > 0.0 and bary[1] > 0.0 and bary[2] > 0.0):
        if settings.blur_radius == 0.0:
            return -1.0
        if squared_distance(p, v0, v1, v2) >= settings.blur_radius:
            return -1.0
    return depth_at(clipped(bary, settings.clip_barycentric_coords), v0, v1, v2)


@wp.func
def first_pixel(coordinate: float, size: int, half_range: float) -> int:
    """First pixel at or after an NDC coordinate of an axis that runs against the pixels; one too early at most."""
    position = (1.0 - coordinate / half_range) * 0.5 * float(size) - 1.5
    return int(wp.clamp(position, 0.0, float(size)))


@wp.func
def last_pixel(coordinate: float, size: int, half_range: float) -> int:
    """Like :func:`first_pixel` for the other end; one too late at most, -1 when before the picture."""
    position = (1.0 - coordinate / half_range) * 0.5 * float(size) + 0.5
    return int(wp.clamp(position, -1.0, float(size - 1)))


@wp.kernel
def find_faces(
    face_vertices: wp.array2d(dtype=wp.vec3),
    mesh_of_face: wp.array(dtype=wp.int32),
    sibling: wp.array(dtype=wp.int32),
    previous: wp.array(dtype=wp.int64),
    settings: Settings,
    strips: int,
    nearest: wp.array(dtype=wp.int64),
):
    """For each pixel the least key above ``previous``; a key is the depth's bits, then the face's number.

    One thread takes every ``strips``-th row of one face. Floats that are not negative sort like their bits, so
    the least key is the nearest face and, among equally near ones, the one with the lowest number, in
    whatever order the threads run.
    """
    face, strip = wp.tid()
    v0 = face_vertices[face, 0]
    v1 = face_vertices[face, 1]
    v2 = face_vertices[face, 2]
    if not is_drawn(v0, v1, v2, settings.cull_backfaces):
        return
    left = wp.max(v0[0], wp.max(v1[0], v2[0])) + settings.margin
    right = wp.min(v0[0], wp.min(v1[0], v2[0])) - settings.margin
    top = wp.max(v0[1], wp.max(v1[1], v2[1])) + settings.margin
    bottom = wp.min(v0[1], wp.min(v1[1], v2[1])) - settings.margin
    column0 = first_pixel(left, settings.width, settings.half_width)
    column1 = last_pixel(right, settings.width, settings.half_width)
    row0 = first_pixel(top, settings.height, settings.half_height)
    row1 = last_pixel(bottom, settings.height, settings.half_height)
    picture = mesh_of_face[face] * settings.height * settings.width

    row = row0 + strip
    while row <= row1:
        for column in range(column0, column1 + 1):
            p = pixel_centre(row, column, settings)
            z = depth_of_hit(p, v0, v1, v2, settings)
            if z >= 0.0:
                key = (wp.int64(wp.cast(wp.abs(z), wp.uint32)) << wp.int64(32)) | wp.int64(face)
                pixel = picture + row * settings.width + column
                if key < nearest[pixel] and key > previous[pixel]:
                    if not yields_to_sibling(face, p, face_vertices, sibling, settings):
                        wp.atomic_min(nearest, pixel, key)
        row += strips


@wp.func
def yields_to_sibling(
    face: int,
    p: wp.vec2,
    face_vertices: wp.array2d(dtype=wp.vec3),
    sibling: wp.array(dtype=wp.int32),
    settings: Settings,
) -> bool:
    """Of the two halves of a face cut at the near plane only the closer one counts in a pixel that both reach."""
    other = sibling[face]
    if other < 0:
        return False
    u0 = face_vertices[other, 0]
    u1 = face_vertices[other, 1]
    u2 = face_vertices[other, 2]
    if not is_drawn(u0, u1, u2, settings.cull_backfaces):
        return False
    if depth_of_hit(p, u0, u1, u2, settings) < 0.0:
        return False
    mine = squared_distance(p, face_vertices[face, 0], face_vertices[face, 1], face_vertices[face, 2])
    theirs = squared_distance(p, u0, u1, u2)
    return theirs < mine or (theirs == mine and other < face)


@wp.kernel
def describe_hits(
    face_vertices: wp.array2d(dtype=wp.vec3),
    nearest: wp.array2d(dtype=wp.int64),
    settings: Settings,
    pix_to_face: wp.array2d(dtype=wp.int64),
    zbuf: wp.array2d(dtype=wp.float32),
    bary_coords: wp.array2d(dtype=wp.vec3),
    dists: wp.array2d(dtype=wp.float32),
):
    """Face number, depth, barycentrics and signed squared distance of each pixel's k-th hit, or -1."""
    pixel, k = wp.tid()
    key = nearest[k, pixel]
    if key == NO_HIT:
        pix_to_face[pixel, k] = wp.int64(-1)
        zbuf[pixel, k] = -1.0
        bary_coords[pixel, k] = wp.vec3(-1.0, -1.0, -1.0)
        dists[pixel, k] = -1.0
        return
    face = int(key & FACE_BITS)
    v0 = face_vertices[face, 0]
    v1 = face_vertices[face, 1]
    v2 = face_vertices[face, 2]
    row = (pixel // settings.width) % settings.height
    p = pixel_centre(row, pixel % settings.width, settings)
    bary = barycentrics(p, v0, v1, v2, settings.perspective_correct)
    kept = clipped(bary, settings.clip_barycentric_coords)
    distance = squared_distance(p, v0, v1, v2)
    if bary[0] > 0.0 and bary[1] > 0.0 and bary[2] > 0.0:
        distance = -distance
    pix_to_face[pixel, k] = wp.int64(face)
    zbuf[pixel, k] = depth_at(kept, v0, v1, v2)
    bary_coords[pixel, k] = kept
    dists[pixel, k] = distance
