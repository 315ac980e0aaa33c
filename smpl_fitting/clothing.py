"""The clothed body (SMPL+D): how far clothes and hair stand away from the body, from the outlines of photos.

Along the outline of the drawn body the way to the mask's edge is measured; each way is one linear equation for
the offsets of the face's three vertices along their normals. A thin-plate energy carries them over the surface,
which makes one sparse linear system for all photos together (Alldieck et al., Video Based Reconstruction of 3D
People Models, CVPR 2018, unpose silhouette rays likewise).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu
from torch import Tensor

from smpl_fitting.body import PART_NAMES, BodyModel
from smpl_fitting.geometry import Camera, rasterize, vertex_normals
from smpl_fitting.landmarks import LANDMARK
from smpl_fitting.motion import Motion
from smpl_fitting.world import body_vertices, frame_camera

ITERATIONS = 3  # the outline moves with the offsets: measure again
PERSON_PIXELS = 700  # height at which outlines are measured
REACH_OUT, REACH_IN = 0.12, 0.03  # of the height: a skirt's hem, a waist that the fit made too wide
LARGEST = (-0.03, 0.15)  # metres
SQUARE = 0.75  # cosine between the surface's normal and the way, from which the way is a measurement
OUTLIER = 0.02  # metres that a way may differ from what its neighbours say
REWEIGHTINGS = 4
TOUCHING = 0.015  # of the height: limbs nearer than twice this may share what is between them
# Weights against one equation for each vertex' width of outline.
STIFFNESS = 20.0  # thin plate
TENSION = 0.02  # membrane: keeps the plate from swinging where nothing is measured
MIRROR = 0.02
RIDGE, BARE_RIDGE = 1e-3, 10.0
# Half of the time of what splu chooses for any matrix: this one is symmetric and positive definite.
_SYMMETRIC = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
FACE_RADIUS = 0.05  # metres around eyes, nose and mouth that stay as the body model has them


@dataclass(frozen=True)
class Outline:
    """One photo of the person: a one-row motion with its camera, and the person's mask (H, W) in [0, 1]."""

    motion: Motion
    mask: np.ndarray


def fit_clothing(body: BodyModel, photos: Sequence[Outline]) -> Tensor:
    """Offsets (V, 3) in the rest pose, metres, that take the body's outline to the person's.

    Smooth, symmetric where nothing was seen, and none on hands and face. Add them to the body with
    :func:`clothed`.

    Args:
        body: without clothing; its landmarks say where the face is.
        photos: all of the same ``betas``.
    """
    betas = torch.as_tensor(photos[0].motion.betas, dtype=torch.float32)
    rest, _ = body.shaped(betas)
    normals = vertex_normals(rest, body.faces)
    smoothness = _smoothness(body, rest)
    width = float(_edges(body.faces, rest)[1].mean())
    offsets = torch.zeros(body.num_vertices)
    for _ in range(ITERATIONS):
        dressed = clothed(body, offsets[:, None] * normals)
        rows, targets = _equations(dressed, photos, offsets, width)
        solved = _robust_solve(rows, targets, smoothness)
        offsets = torch.as_tensor(solved, dtype=torch.float32).clamp(*LARGEST)
    return offsets[:, None] * normals


def clothed(body: BodyModel, clothing: Tensor) -> BodyModel:
    """The body with rest-pose offsets (V, 3) on its surface; its joints stay where they are."""
    return replace(body, clothing=clothing)


def _robust_solve(rows: sparse.csr_matrix, targets: np.ndarray, smoothness: sparse.csc_matrix) -> np.ndarray:
    """(V,) offsets by iteratively reweighted least squares: a way that its neighbours deny is an outlier.

    Such are the ways from the corners between limbs, from shadows in the mask, and from things in the hand.
    """
    weights = np.ones(len(targets))
    for _ in range(REWEIGHTINGS):
        weighted = sparse.diags(weights) @ rows
        system = (rows.T @ weighted + smoothness).tocsc()
        solved = splu(system, **_SYMMETRIC).solve(weighted.T @ targets)
        weights = 1 / (1 + ((rows @ solved - targets) / OUTLIER) ** 2) ** 2  # Geman-McClure
    return solved


def _equations(
    body: BodyModel, photos: Sequence[Outline], offsets: Tensor, width: float
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Rows over the vertices' offsets, and what they should come to."""
    blocks, targets = [], []
    for photo in photos:
        vertices = body_vertices(body, photo.motion, [0])[0]
        camera = frame_camera(photo.motion, 0)
        found = _measure(vertices, body.faces, camera, photo.mask, width)
        if found is None:
            continue
        corners, coefficients, ways, weight = found
        rows = np.repeat(np.arange(len(ways)), 3)
        shape = (len(ways), body.num_vertices)
        block = sparse.csr_matrix(((coefficients * weight).ravel(), (rows, corners.ravel())), shape=shape)
        blocks.append(block)
        targets.append(block @ offsets.double().numpy() + ways * weight)
    if not blocks:
        return sparse.csr_matrix((0, body.num_vertices)), np.zeros(0)
    return sparse.vstack(blocks).tocsr(), np.concatenate(targets)


def _measure(
    vertices: Tensor, faces: Tensor, camera: Camera, mask: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float] | None:
    """The ways along the body's outline in one photo.

    Returns:
        corners (N, 3) vertex numbers; coefficients (N, 3) of their offsets; ways (N,) metres that the outline
        still has to go; and the weight of each equation. None where the body is out of the picture.
    """
    camera, mask = _near(vertices, camera, mask)
    fragments = rasterize(vertices, faces, camera)
    drawn = fragments.mask.numpy()
    if not drawn.any():
        return None
    edge = drawn & ~ndimage.binary_erosion(drawn, border_value=1)
    rows, columns = np.nonzero(edge)
    outward = _outward(drawn)[:, rows, columns]
    height = int(np.ptp(rows)) + 1
    steps, valid = _ways(drawn, mask > 0.5, rows, columns, outward, height)
    rows, columns, outward, steps = rows[valid], columns[valid], outward[:, valid], steps[valid]
    if len(rows) == 0:
        return None
    face = fragments.pix_to_face.numpy()[rows, columns]
    bary = fragments.bary.numpy()[rows, columns]
    metres = fragments.depth.numpy()[rows, columns] / float(camera.K[0, 0])
    # a step to the right or down in the picture, in the world
    direction = outward[0][:, None] * camera.R[0].numpy() + outward[1][:, None] * camera.R[1].numpy()
    corners = faces.numpy()[face]
    normals = vertex_normals(vertices, faces).numpy()[corners]
    facing = np.einsum("nki,ni->nk", normals, direction)
    # in the corner between an arm and the trunk "outwards" is neither's normal: no measurement
    good = facing.mean(1) > SQUARE
    if not good.any():
        return None
    corners, coefficients, ways = corners[good], (bary * facing)[good], (steps * metres)[good]
    spacing = float(np.median(metres))  # metres from one equation to the next along the outline
    return corners, coefficients, ways, float(np.sqrt(spacing / width))


def _near(vertices: Tensor, camera: Camera, mask: np.ndarray) -> tuple[Camera, np.ndarray]:
    """The picture scaled so that the person is about PERSON_PIXELS high, never enlarged."""
    pixels, _ = camera.project(vertices)
    extent = float((pixels.amax(0) - pixels.amin(0)).amax())
    scale = min(1.0, PERSON_PIXELS / max(extent, 1.0))
    height, width = (max(1, round(side * scale)) for side in camera.image_size)
    small = torch.nn.functional.interpolate(
        torch.as_tensor(mask)[None, None].float(), size=(height, width), mode="bilinear", antialias=True
    )
    return camera.resized((height, width)), small[0, 0].numpy()


def _outward(drawn: np.ndarray) -> np.ndarray:
    """(2, H, W) unit x, y away from the drawn body, meaningful near its outline."""
    smooth = ndimage.gaussian_filter(drawn.astype(np.float32), 3.0)
    y, x = np.gradient(-smooth)
    return np.stack([x, y]) / np.maximum(np.hypot(x, y), 1e-6)


def _ways(
    drawn: np.ndarray,
    person: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    outward: np.ndarray,
    height: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N,) from the outline to the mask's edge along ``outward``, and which of them were found.

    Between limbs that nearly touch, as trouser legs do, each has half; a way that ends at a limb farther off
    says nothing. The picture's own border is no edge of the person.
    """
    reach_out, reach_in = round(REACH_OUT * height), round(REACH_IN * height)
    steps = np.arange(-reach_in, reach_out + 1)
    y = np.round(rows[:, None] + steps * outward[1][:, None]).astype(int)
    x = np.round(columns[:, None] + steps * outward[0][:, None]).astype(int)
    inside = (y >= 0) & (y < person.shape[0]) & (x >= 0) & (x < person.shape[1])
    y, x = y.clip(0, person.shape[0] - 1), x.clip(0, person.shape[1] - 1)
    on = person[y, x] & inside
    here = on[:, reach_in]
    outer, inner = ~on[:, reach_in:], on[:, reach_in::-1]
    first_out, first_in = outer.argmax(1), inner.argmax(1)
    left_body = np.cumsum(~drawn[y, x][:, reach_in:], axis=1) > 2
    met = (drawn[y, x] & inside)[:, reach_in:] & left_body
    half = np.where(met.any(1), met.argmax(1) / 2, np.inf)
    way = np.where(here, np.minimum(first_out - 0.5, half), 0.5 - first_in)
    border = np.take_along_axis(~inside, (reach_in + first_out)[:, None], 1)[:, 0]
    blocked = (half < first_out - 0.5) & (half > TOUCHING * height)
    found = np.where(here, ((outer.any(1) & ~border) | np.isfinite(half)) & ~blocked, inner.any(1))
    return way, found


def _smoothness(body: BodyModel, rest: Tensor) -> sparse.csc_matrix:
    """The quadratic energy of offsets that is no measurement: plate, membrane, symmetry, bare parts."""
    count = body.num_vertices
    (first, second), _ = _edges(body.faces, rest)
    ones = np.ones(len(first))
    adjacency = sparse.coo_matrix((ones, (first, second)), shape=(count, count)).tocsr()
    adjacency = adjacency + adjacency.T
    degree = np.asarray(adjacency.sum(1)).ravel()
    membrane = sparse.diags(degree) - adjacency
    plate = sparse.diags(1 / np.maximum(degree, 1)) @ membrane
    mirror = sparse.csr_matrix(
        (np.ones(count), (np.arange(count), body.mirror.numpy())), shape=(count, count)
    )
    symmetry = sparse.identity(count) - mirror
    ridge = np.where(_bare(body, rest), BARE_RIDGE, RIDGE)
    energy = (
        STIFFNESS * plate.T @ plate
        + TENSION * membrane
        + MIRROR * symmetry.T @ symmetry
        + sparse.diags(ridge)
    )
    return energy.tocsc()


def _edges(faces: Tensor, rest: Tensor) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Each edge once, as two vertex numbers, and its length in metres."""
    pairs = np.sort(faces.numpy()[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    first, second = np.unique(pairs, axis=0).T
    points = rest.numpy()
    return (first, second), np.linalg.norm(points[first] - points[second], axis=1)


def _bare(body: BodyModel, rest: Tensor) -> np.ndarray:
    """(V,) hands and face: what clothes leave free and the model's own shape fits."""
    hands = [index for index, name in enumerate(PART_NAMES) if "hand" in name]
    bare = np.zeros(body.num_vertices, bool)
    of_hands = np.isin(body.part_labels.numpy(), hands)
    bare[body.faces.numpy()[of_hands].ravel()] = True
    corners = rest[body.landmark_vertices]
    landmarks = (corners * body.landmark_weights[..., None]).sum(1)
    face = [LANDMARK[name] for name in ("nose", "left_eye", "right_eye", "mouth_left", "mouth_right")]
    near = torch.cdist(rest, landmarks[face]).amin(1) < FACE_RADIUS
    return bare | near.numpy()
