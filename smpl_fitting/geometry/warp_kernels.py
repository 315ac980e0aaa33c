"""The rasterizer's two kernels for NVIDIA Warp: which face each pixel sees, and what it sees of it.

One source for CPU and CUDA. Every expression keeps the operation order of PyTorch3D's naive rasterizer, so
that the two agree bit for bit; for the same reason no multiply may be fused with an add.
"""
# What stands below is Warp's language, whose types a Python checker cannot follow.
# mypy: ignore-errors

import warp as wp

wp.set_module_options({"enable_backward": False, "fuse_fp": False, "fast_math": False})

# Double, as in PyTorch3D: the sum or comparison is made in double precision and only then rounded.
EPSILON = wp.constant(wp.float64(1.0e-8))
# Larger than any key of a hit.
NO_HIT_KEY = 0x7FFFFFFFFFFFFFFF
NO_HIT = wp.constant(wp.int64(NO_HIT_KEY))
FACE_BITS = wp.constant(wp.int64(0xFFFFFFFF))
# Pixels; above the rounding error of a coordinate in pictures of up to 30,000 pixels.
SLACK = wp.constant(0.01)


@wp.struct
class Settings:
    """How to rasterize; see ``rasterize_meshes``. ``margin`` is the square root of ``blur_radius``."""

    height: int
    width: int
    half_height: float
    half_width: float
    blur_radius: float
    margin: float
    perspective_correct: bool
    clip_barycentric_coords: bool
    cull_backfaces: bool


@wp.struct
class Face:
    """Corners in the picture, their depths, and the box to search, all NDC."""

    a: wp.vec2
    b: wp.vec2
    c: wp.vec2
    z: wp.vec3
    low: wp.vec2
    high: wp.vec2


@wp.func
def load_face(face_vertices: wp.array2d(dtype=wp.vec3), index: int, margin: float) -> Face:
    v0 = face_vertices[index, 0]
    v1 = face_vertices[index, 1]
    v2 = face_vertices[index, 2]
    low = wp.min(v0, wp.min(v1, v2))
    high = wp.max(v0, wp.max(v1, v2))
    face = Face()
    face.a = wp.vec2(v0[0], v0[1])
    face.b = wp.vec2(v1[0], v1[1])
    face.c = wp.vec2(v2[0], v2[1])
    face.z = wp.vec3(v0[2], v1[2], v2[2])
    face.low = wp.vec2(low[0] - margin, low[1] - margin)
    face.high = wp.vec2(high[0] + margin, high[1] + margin)
    return face


@wp.func
def edge(p: wp.vec2, a: wp.vec2, b: wp.vec2) -> float:
    """Cross product of ``p - a`` and ``b - a``: twice the signed area of the three points."""
    return (p[0] - a[0]) * (b[1] - a[1]) - (p[1] - a[1]) * (b[0] - a[0])


@wp.func
def inside_is_possible(p: wp.vec2, face: Face) -> bool:
    """Whether all barycentrics can be positive: the three edge functions have one sign and none is 0."""
    e0 = edge(p, face.b, face.c)
    e1 = edge(p, face.c, face.a)
    e2 = edge(p, face.a, face.b)
    return (e0 > 0.0 and e1 > 0.0 and e2 > 0.0) or (e0 < 0.0 and e1 < 0.0 and e2 < 0.0)


@wp.func
def barycentrics(p: wp.vec2, face: Face, perspective_correct: bool) -> wp.vec3:
    area = float(wp.float64(edge(face.c, face.a, face.b)) + EPSILON)
    w0 = edge(p, face.b, face.c) / area
    w1 = edge(p, face.c, face.a) / area
    w2 = edge(p, face.a, face.b) / area
    if perspective_correct:
        top0 = w0 * face.z[1] * face.z[2]
        top1 = w1 * face.z[0] * face.z[2]
        top2 = w2 * face.z[0] * face.z[1]
        # Beyond the horizon of the face's plane the sum is negative.
        total = wp.max(top0 + top1 + top2, 1.0e-8)
        w0 = top0 / total
        w1 = top1 / total
        w2 = top2 / total
    return wp.vec3(w0, w1, w2)


@wp.func
def is_inside(bary: wp.vec3) -> bool:
    return bary[0] > 0.0 and bary[1] > 0.0 and bary[2] > 0.0


@wp.func
def clip(bary: wp.vec3) -> wp.vec3:
    """Negative barycentrics set to 0 and the rest scaled to the sum 1."""
    w0 = wp.max(bary[0], 0.0)
    w1 = wp.max(bary[1], 0.0)
    w2 = wp.max(bary[2], 0.0)
    total = wp.max(w0 + w1 + w2, 1.0e-5)
    return wp.vec3(w0 / total, w1 / total, w2 / total)


@wp.func
def depth_at(bary: wp.vec3, face: Face) -> float:
    return bary[0] * face.z[0] + bary[1] * face.z[1] + bary[2] * face.z[2]


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
def squared_distance(p: wp.vec2, face: Face) -> float:
    """Squared distance to the nearest edge of the triangle, inside or outside."""
    ab = squared_distance_to_segment(p, face.a, face.b)
    ac = squared_distance_to_segment(p, face.a, face.c)
    bc = squared_distance_to_segment(p, face.b, face.c)
    return wp.min(wp.min(ab, ac), bc)


@wp.func
def signed_distance(p: wp.vec2, face: Face, bary: wp.vec3) -> float:
    """Squared distance to the nearest edge, negative inside."""
    distance = squared_distance(p, face)
    if is_inside(bary):
        distance = -distance
    return distance


@wp.func
def is_drawn(face: Face, cull_backfaces: bool) -> bool:
    """Whether the face has an area, faces the right way, and lies in front of the camera altogether."""
    area = edge(face.a, face.b, face.c)
    if cull_backfaces and area < 0.0:
        return False
    # False for NaN too, whose box could not be searched.
    if not wp.abs(wp.float64(area)) > EPSILON:
        return False
    return wp.float64(wp.min(face.z)) >= EPSILON


@wp.func
def depth_of_hit(p: wp.vec2, face: Face, settings: Settings) -> float:
    """Depth of the face in this pixel, or -1 where it does not reach the pixel."""
    if p[0] > face.high[0] or p[0] < face.low[0] or p[1] > face.high[1] or p[1] < face.low[1]:
        return -1.0
    if settings.blur_radius == 0.0 and not inside_is_possible(p, face):
        return -1.0
    bary = barycentrics(p, face, settings.perspective_correct)
    # Without blur no distance is below the radius.
    if not is_inside(bary) and (
        settings.blur_radius == 0.0 or squared_distance(p, face) >= settings.blur_radius
    ):
        return -1.0
    if settings.clip_barycentric_coords:
        bary = clip(bary)
    return depth_at(bary, face)


@wp.func
def pixel_index(coordinate: float, size: int, half_range: float) -> float:
    """Where between the pixels' centres a coordinate lies, on an axis that runs against the pixels."""
    return (1.0 - coordinate / half_range) * 0.5 * float(size) - 0.5


@wp.func
def first_pixel(coordinate: float, size: int, half_range: float) -> int:
    """First pixel at or after a coordinate; one too early where rounding leaves a doubt."""
    return int(wp.clamp(wp.ceil(pixel_index(coordinate, size, half_range) - SLACK), 0.0, float(size)))


@wp.func
def last_pixel(coordinate: float, size: int, half_range: float) -> int:
    """Last pixel at or before a coordinate, -1 for none; one too late where rounding leaves a doubt."""
    return int(wp.clamp(wp.floor(pixel_index(coordinate, size, half_range) + SLACK), -1.0, float(size - 1)))


@wp.func
def yields_to_sibling(
    index: int,
    p: wp.vec2,
    face: Face,
    face_vertices: wp.array2d(dtype=wp.vec3),
    sibling: wp.array(dtype=wp.int32),
    settings: Settings,
) -> bool:
    """Of the two halves of a face cut at the near plane only one counts in a pixel that both reach.

    It is the one that the pixel lies in, or else the closer one. (PyTorch3D compares distances without sign,
    so that near the seam rounding decides.)
    """
    other_index = sibling[index]
    if other_index < 0:
        return False
    other = load_face(face_vertices, other_index, settings.margin)
    if not is_drawn(other, settings.cull_backfaces) or depth_of_hit(p, other, settings) < 0.0:
        return False
    mine = signed_distance(p, face, barycentrics(p, face, settings.perspective_correct))
    theirs = signed_distance(p, other, barycentrics(p, other, settings.perspective_correct))
    return theirs < mine or (theirs == mine and other_index < index)


@wp.kernel
def find_faces(
    face_vertices: wp.array2d(dtype=wp.vec3),
    mesh_of_face: wp.array(dtype=wp.int32),
    sibling: wp.array(dtype=wp.int32),
    column_x: wp.array(dtype=wp.float32),
    row_y: wp.array(dtype=wp.float32),
    previous: wp.array(dtype=wp.int64),
    settings: Settings,
    strips: int,
    nearest: wp.array(dtype=wp.int64),
):
    """For each pixel the least key above ``previous``; a key is the depth's bits, then the face's number.

    One thread takes every ``strips``-th row of one face. Floats that are not negative sort like their bits,
    so the least key is the nearest face and, of equally near ones, the one with the lowest number, in
    whatever order the threads run.
    """
    index, strip = wp.tid()
    face = load_face(face_vertices, index, settings.margin)
    if not is_drawn(face, settings.cull_backfaces):
        return
    column0 = first_pixel(face.high[0], settings.width, settings.half_width)
    column1 = last_pixel(face.low[0], settings.width, settings.half_width)
    row0 = first_pixel(face.high[1], settings.height, settings.half_height)
    row1 = last_pixel(face.low[1], settings.height, settings.half_height)
    picture = mesh_of_face[index] * settings.height * settings.width

    row = row0 + strip
    while row <= row1:
        y = row_y[row]
        for column in range(column0, column1 + 1):
            p = wp.vec2(column_x[column], y)
            z = depth_of_hit(p, face, settings)
            if z >= 0.0:
                key = (wp.int64(wp.cast(wp.abs(z), wp.uint32)) << wp.int64(32)) | wp.int64(index)
                pixel = picture + row * settings.width + column
                if (
                    key < nearest[pixel]
                    and key > previous[pixel]
                    and not yields_to_sibling(index, p, face, face_vertices, sibling, settings)
                ):
                    wp.atomic_min(nearest, pixel, key)
        row += strips


@wp.kernel
def describe_hits(
    face_vertices: wp.array2d(dtype=wp.vec3),
    column_x: wp.array(dtype=wp.float32),
    row_y: wp.array(dtype=wp.float32),
    nearest: wp.array2d(dtype=wp.int64),
    settings: Settings,
    strips: int,
    pix_to_face: wp.array2d(dtype=wp.int64),
    zbuf: wp.array2d(dtype=wp.float32),
    bary_coords: wp.array2d(dtype=wp.vec3),
    dists: wp.array2d(dtype=wp.float32),
):
    """Face number, depth, barycentrics and signed squared distance of each pixel's hits; others stay.

    One thread takes every ``strips``-th pixel of one row.
    """
    row, strip = wp.tid()
    y = row_y[row % settings.height]
    column = strip
    while column < settings.width:
        pixel = row * settings.width + column
        for k in range(nearest.shape[0]):
            key = nearest[k, pixel]
            if key != NO_HIT:
                index = int(key & FACE_BITS)
                face = load_face(face_vertices, index, settings.margin)
                p = wp.vec2(column_x[column], y)
                bary = barycentrics(p, face, settings.perspective_correct)
                dists[pixel, k] = signed_distance(p, face, bary)
                if settings.clip_barycentric_coords:
                    bary = clip(bary)
                pix_to_face[pixel, k] = wp.int64(index)
                zbuf[pixel, k] = depth_at(bary, face)
                bary_coords[pixel, k] = bary
        column += strips
