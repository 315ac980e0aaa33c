"""What the liquid renderer's network is shown of one frame; rendering, training and personalisation all read it here.

Everything is made from the subject, the mesh and the cameras alone, never from an earlier output of the network, so
frames come out the same in any order. What window of the picture that is follows from :mod:`neural.windows`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from neural.correspondence import depth_test, facing, pixels_to_grid, sample, surface_points
from neural.light import Light
from neural.render import WarpRenderer
from neural.source_view import pixel_trust
from neural.subject import Subject
from neural.surface import uv_to_pixels
from neural.texture import INVENTED, MIRRORED
from neural.uncover import push_pull
from neural.windows import Scope, cropped, stature
from smpl_fitting.geometry import Camera, Fragments, interpolate, rasterize, vertex_normals

SOURCE_SIDE = 224
"""Sides of the square crops of the sources."""
GUIDE_CHANNELS = 10
"""All within [-1, 1]. Place on the rest body in half statures (3): what UV tells, without its seams; normal in
camera axes (3); metres behind the body's middle; trust of the texture; texel invented; texel mirrored."""

HINT = 0.1
"""Trust of a source in a point that it does not show: what is before it says what clothes it wears."""
_SOURCE_MARGIN = 0.02  # more of it around the sources, whose fits err
_REACH = 24.0  # window pixels over which the flow is carried on beyond the body's outline
_FARTHEST = 1.5  # normalised coordinates of a source crop beyond which no flow points


@dataclass(frozen=True)
class SourceInputs:
    """The sources of a subject as the network reads them.

    Attributes:
        pictures: (K, 4, S, S) the person alone: colours times mask, and the mask, in [0, 1].
        cameras: of these crops. vertices: (K, V, 3), the sources' fits.
        trust: (K, V) in [0, 1], how far each vertex may be read from each source.
    """

    pictures: Tensor
    cameras: tuple[Camera, ...]
    vertices: Tensor
    trust: Tensor


@dataclass(frozen=True)
class TargetInputs:
    """What the network is shown of one window of (H, W) pixels.

    Attributes:
        warp: (4, H, W) the warp picture, straight alpha, in [0, 1]; colours are carried on beyond its outline.
        guide: (:data:`GUIDE_CHANNELS`, H, W); 0 where there is no body.
        previous: (4, H, W) the warp picture of the frame before, carried here along the body's exact flow, and
            whether it is known there; zeros without a frame before.
        grid: (K, H/2, W/2, 2) where each source crop shows the same surface point, as ``grid_sample`` reads it
            (``align_corners=False``); carried on beyond the outline.
        trust: (K, 1, H/2, W/2) in [0, 1], :data:`HINT` where the source shows the point from behind: what it shows
            there is before it.
    """

    warp: Tensor
    guide: Tensor
    previous: Tensor
    grid: Tensor
    trust: Tensor


def source_inputs(subject: Subject, scope: Scope) -> SourceInputs:
    """Crop a subject's sources, and say what of the body each shows."""
    faces = subject.surface.faces
    pictures, cameras, trusts = [], [], []
    for image, mask, gain, vertices, camera in zip(
        subject.images, subject.masks, subject.gains, subject.vertices, subject.cameras, strict=True
    ):
        box = _square(vertices[scope.vertices], camera, scope.margin + _SOURCE_MARGIN)
        view = camera.cropped(box).resized((SOURCE_SIDE, SOURCE_SIDE))
        share = torch.from_numpy(mask).float()[None] / 255
        colour = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255
        crop = cropped(torch.cat([(colour * gain[:, None, None]).clamp(0, 1) * share, share]), box)
        crop = resized_sources(crop[None])[0]
        pictures.append(crop)
        cameras.append(view)
        trusts.append(_vertex_trust(vertices, faces, view, crop[3].numpy()))
    return SourceInputs(torch.stack(pictures), tuple(cameras), subject.vertices, torch.stack(trusts))


def resized_sources(pictures: Tensor) -> Tensor:
    """Crops (K, 4, S, S) with :data:`SOURCE_SIDE` pixels a side."""
    size = (SOURCE_SIDE, SOURCE_SIDE)
    return functional.interpolate(pictures, size=size, mode="bilinear", antialias=True)


def target_inputs(
    subject: Subject,
    sources: SourceInputs,
    warp: WarpRenderer,
    vertices: Tensor,
    view: Camera,
    light: Light,
    previous: tuple[Tensor, Camera] | None = None,
    picture: Tensor | None = None,
) -> TargetInputs:
    """All inputs of one window.

    Args:
        vertices: (V, 3) world. view: the window's camera, sides multiples of :data:`MULTIPLE`.
        light: that the warp pictures are drawn in.
        previous: vertices and window camera of the frame before.
        picture: (4, H, W) the warp picture of this window, straight alpha, where it has been drawn already.
    """
    if picture is None:
        drawn = warp.render(subject, vertices, view, view.image_size, light=light)
        picture = torch.from_numpy(drawn.rgba).permute(2, 0, 1)
    fragments = rasterize(vertices, subject.surface.faces, view)
    grid, trust = _flows(sources, subject.surface.faces, fragments, vertices, view)
    return TargetInputs(
        warp=torch.cat([carry_on(picture[:3], picture[3]), picture[3:]]),
        guide=_guide(subject, vertices, view, fragments),
        previous=_previous(subject, warp, fragments, light, previous),
        grid=grid,
        trust=trust,
    )


def carry_on(colour: Tensor, alpha: Tensor) -> Tensor:
    """(3, H, W) straight colours, smoothly filled in where alpha (H, W) is 0."""
    weight = (alpha > 0).float().numpy()
    filled = push_pull(colour.permute(1, 2, 0).contiguous().numpy(), weight)
    return torch.from_numpy(np.ascontiguousarray(filled)).permute(2, 0, 1).clamp(0, 1).contiguous()


def _square(vertices: Tensor, camera: Camera, margin: float) -> tuple[int, int, int, int]:
    """A square of whole pixels around vertices, or in the picture's middle where they are outside."""
    box = camera.covering_box(vertices) or (0, 0, camera.image_size[1], camera.image_size[0])
    side = round(max(box[2] - box[0], box[3] - box[1]) * (1 + 2 * margin))
    x0, y0 = (box[0] + box[2] - side) // 2, (box[1] + box[3] - side) // 2
    return x0, y0, x0 + side, y0 + side


def _vertex_trust(vertices: Tensor, faces: Tensor, view: Camera, mask: np.ndarray) -> Tensor:
    """(V,) visibility x cos(normal, view) x how surely the pixel there is the person's surface."""
    fragments = rasterize(vertices, faces, view)
    pixels, _ = view.project(vertices)
    sure = sample(pixel_trust(mask, fragments)[None], pixels, padding_mode="zeros")[:, 0]
    cosine = facing(vertices, vertex_normals(vertices, faces), view)
    return depth_test(vertices, view, fragments.depth) * cosine * sure


def _guide(subject: Subject, vertices: Tensor, view: Camera, fragments: Fragments) -> Tensor:
    surface = subject.surface
    rest, covered = surface.rest, fragments.mask
    middle = (rest.amax(0) + rest.amin(0)) / 2
    place = (rest - middle) / (0.5 * stature(subject))
    normals = vertex_normals(vertices, surface.faces) @ view.R.T
    planes = interpolate(fragments, surface.faces, torch.cat([place, normals], dim=1)).permute(2, 0, 1)
    _, centre = view.project(vertices.mean(0))
    depth = torch.where(covered, fragments.depth - centre, 0.0)
    size = len(subject.source)
    texel = uv_to_pixels(interpolate(fragments, surface.faces_uv, surface.uv), size).long().clamp(0, size - 1)
    flat = texel[..., 1] * size + texel[..., 0]
    source = torch.from_numpy(subject.source).flatten()[flat]
    trust = torch.from_numpy(subject.trust).flatten()[flat].float() / 255
    known = torch.stack(
        [depth, trust * covered, (source == INVENTED) & covered, (source == MIRRORED) & covered]
    )
    return torch.cat([planes, known]).clamp(-1, 1)


def _flows(
    sources: SourceInputs, faces: Tensor, fragments: Fragments, vertices: Tensor, view: Camera
) -> tuple[Tensor, Tensor]:
    """Grids (K, H/2, W/2, 2) and trusts (K, 1, H/2, W/2) of every second pixel.

    A pixel beside the body is taken for a point that stands off the nearest surface, and goes where that takes it: seen
    from the same side the source shows what hair and hems the outline lacks.
    """
    half = Fragments(
        fragments.pix_to_face[1::2, 1::2], fragments.bary[1::2, 1::2], fragments.depth[1::2, 1::2]
    )
    height, width = half.pix_to_face.shape
    count = len(sources.cameras)
    grid = torch.full((count, height, width, 2), _FARTHEST)
    trust = torch.zeros(count, 1, height, width)
    if not bool(half.mask.any()):
        return grid, trust
    away, nearest = ndimage.distance_transform_edt(~half.mask.numpy(), return_indices=True)
    distance = torch.from_numpy(away).float() * (2 / _REACH)
    row, column = (distance < 1).nonzero().T
    on = torch.from_numpy(nearest).long()[:, row, column]
    body = half.mask.nonzero().T
    number = torch.zeros(height, width, dtype=torch.long)
    number[body[0], body[1]] = torch.arange(body.shape[1])
    at = number[on[0], on[1]]  # of the body's pixels, the nearest to each
    corners, bary = faces[half.pix_to_face[half.mask]], half.bary[half.mask]
    outside = (distance[row, column] > 0).nonzero()[:, 0]
    rim, of_rim = at[outside].unique(return_inverse=True)
    pixels = 2.0 * torch.stack([column - on[1], row - on[0]], dim=1)[outside]
    metres = pixels / view.K.diagonal()[:2] * half.depth[half.mask][at[outside], None]
    off = functional.pad(metres, (0, 1)) @ view.R
    frames = _frames(vertices[corners[rim]]).mT
    fade = 1 - distance[row, column]
    for index, camera in enumerate(sources.cameras):
        triangles = sources.vertices[index][corners]
        points = (bary[..., None] * triangles).sum(1)[at]
        turn = _frames(triangles[rim]) @ frames
        points[outside] += (turn[of_rim] * off[:, None]).sum(-1)
        seen, ahead = camera.project(points)
        read = pixels_to_grid(seen, camera.image_size)
        read = torch.where((ahead > 0)[:, None], read, torch.full_like(read, _FARTHEST))
        grid[index, row, column] = read.clamp(-_FARTHEST, _FARTHEST)
        known = (sources.trust[index][corners] * bary).sum(-1).clamp(HINT, 1.0)
        trust[index, 0, row, column] = known[at] * fade
    return grid, trust


def _frames(triangles: Tensor) -> Tensor:
    """(P, 3, 3) whose columns are right-handed axes fixed to triangles (P, 3, 3): along an edge, across, normal."""
    along = functional.normalize(triangles[:, 1] - triangles[:, 0], dim=-1)
    normal = functional.normalize(torch.linalg.cross(along, triangles[:, 2] - triangles[:, 0]), dim=-1)
    return torch.stack([along, torch.linalg.cross(normal, along), normal], dim=-1)


def _previous(
    subject: Subject,
    warp: WarpRenderer,
    fragments: Fragments,
    light: Light,
    previous: tuple[Tensor, Camera] | None,
) -> Tensor:
    height, width = fragments.pix_to_face.shape
    out = torch.zeros(4, height, width)
    covered = fragments.mask
    if previous is None or not bool(covered.any()):
        return out
    vertices, camera = previous
    # one sample will do: reading between pixels blurs it
    drawn = warp.render(subject, vertices, camera, camera.image_size, light=light, samples=1)
    _, points = surface_points(fragments, subject.surface.faces, vertices)
    seen = depth_test(points, camera, torch.from_numpy(drawn.depth))
    pixels, _ = camera.project(points)
    # with one sample coverage is 0 or 1, and colours are 0 where it is: they are premultiplied
    read = sample(torch.from_numpy(drawn.rgba).permute(2, 0, 1), pixels, padding_mode="zeros")
    known = seen & (read[:, 3] > 0.5)
    colour = read[:, :3] / read[:, 3:].clamp(min=1e-6)
    out[:, covered] = torch.where(known[:, None], torch.cat([colour, known[:, None].float()], 1), 0.0).T
    return out
