"""Training samples of synthetic people, seen through fits that err as real ones do.

The person, her clothes, motion, light and cameras are known; the *subject* is built by the very code that builds it
from footage, from pictures whose fit was disturbed: another pose and shape, a body without the clothes, an outline
that the detector drew.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation
from torch import Tensor

from neural.liquid_inputs import SourceInputs, source_inputs, target_inputs
from neural.matting import refine_mask
from neural.render import WarpRenderer
from neural.source_view import SourceView
from neural.subject import Subject, build_subject
from neural.training import mocap
from neural.training.filmed import FPS, recoloured
from neural.training.misfit import TARGET_STRENGTHS, Misfit, random_misfit
from neural.training.people import (
    TAILORED,
    Person,
    PosedPerson,
    make_person,
    pose_person,
    random_person_spec,
    stand_on_floor,
)
from neural.training.raster_people import draw_room, draw_with_rasterizer
from neural.training.samples import Target, save_samples
from neural.training.studio import Studio, look_at, random_studio
from neural.training.truth import FrameTruth, Surface, flow_to, join_parts, see, surface_vertices
from neural.windows import Scope, Window, head_scope, head_vertices, person_scope, scope_window
from smpl_fitting.body import BodyModel
from smpl_fitting.clothing import Outline, clothed, fit_clothing
from smpl_fitting.geometry import Camera
from smpl_fitting.motion import Motion
from smpl_fitting.progress import Progress
from smpl_fitting.world import body_vertices

ATLAS_SIZE = 512
SOURCE_COUNTS = (1, 1, 1, 2, 3, 4)
"""How many pictures the subjects have, in turn."""

PERSON, HEAD = "person", "head"
"""What is looked at: the whole person, or her head from near by."""

_PICTURE = 400  # pixels a side of the drawn pictures
_STATURES = (210.0, 370.0)  # pixels
_HEAD_PICTURE = 256
_HEADS = (60.0, 130.0)  # pixels of a head's height
_PAIR_SHARE = 0.25  # of the moments, whose frame before is a target too
_LIMBS = (1, 2, 4, 5, 12, 15, 16, 17, 18, 19)  # joints that are bent further than the recordings do
_BEND = 0.3  # radians
_BETA_ERROR = 0.25  # standard deviation of a fit's betas


@dataclass(frozen=True)
class _Actor:
    """A person in her clip: T moments, each with the frame before it (2 T frames). ``looked_at``: vertices of the
    body that cameras are aimed at."""

    person: Person
    surface: Surface
    posed: PosedPerson
    studio: Studio
    body: BodyModel  # dressed as the fit believes
    betas: np.ndarray
    part: str
    looked_at: np.ndarray

    @property
    def picture(self) -> tuple[int, int]:
        return (_PICTURE, _PICTURE) if self.part == PERSON else (_HEAD_PICTURE, _HEAD_PICTURE)


def make_subject_samples(
    path: Path,
    seed: int,
    targets: int,
    wardrobe: Path,
    recordings: list[Path],
    body: BodyModel,
    *,
    part: str = PERSON,
    held_out: bool = False,
    progress: Progress | None = None,
) -> None:
    """One synthetic subject and her targets; the same file for the same arguments.

    Args:
        targets: moments to draw; some of them with the frame before, as further targets.
        wardrobe: the folder with ``clothes``, ``hair`` and ``skins``. recordings: CMU ``.amc`` files.
        part: :data:`PERSON` or :data:`HEAD`.

    Raises:
        WardrobeError, MocapError: something is missing.
    """
    progress = progress or Progress()
    rng = np.random.default_rng((seed, 6))
    spec = random_person_spec(seed, held_out=held_out)
    if (
        seed % 2 and not held_out
    ):  # every second one: the wardrobe has nine outfits to learn from, and no more
        spec = replace(spec, outfit=TAILORED)
    person = recoloured(make_person(spec, wardrobe, body), seed)
    sources = SOURCE_COUNTS[seed % len(SOURCE_COUNTS)]
    posed = _perform(person, recordings, sources + targets, rng)
    betas = person.betas + rng.normal(0, _BETA_ERROR, len(person.betas))
    looked_at = (
        head_vertices(body.faces, body.part_labels) if part == HEAD else torch.arange(body.num_vertices)
    )
    studio = _studio(seed, rng)
    actor = _Actor(person, join_parts(person), posed, studio, body, betas, part, looked_at.numpy())
    views, cameras, dressed = _sources(actor, sources, rng)
    actor = replace(actor, body=dressed)
    folder = Path(tempfile.mkdtemp(prefix="liquid-subject-"))
    try:
        subject = build_subject(
            views, dressed, folder / "subject", background=views[0].image, atlas_size=ATLAS_SIZE
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    scope = head_scope(subject) if part == HEAD else person_scope(subject)
    seen, warp = source_inputs(subject, scope), WarpRenderer()
    made: list[Target] = []
    for moment in progress.track(range(sources, sources + targets), targets):
        made += _moment(actor, subject, scope, seen, warp, moment, cameras, len(made), rng)
    about = {"seed": seed, "held_out": held_out, "sources": sources, "outfit": spec.outfit, "skin": spec.skin}
    save_samples(path, seen.pictures, made, about)


def _studio(seed: int, rng: np.random.Generator) -> Studio:
    """A random room; in every second one the light is even, as outdoors under clouds."""
    studio = random_studio(seed)
    if rng.random() < 0.5:
        return studio
    return replace(studio, key_watts=float(rng.uniform(10, 80)), sky=float(rng.uniform(0.6, 1.0)))


def _perform(person: Person, recordings: list[Path], moments: int, rng: np.random.Generator) -> PosedPerson:
    """Moments of one recording, each followed by the frame before: rows 2 i and 2 i + 1."""
    recorded = recordings[rng.integers(len(recordings))]
    skeleton = mocap.load_asf(recorded.with_name(recorded.name.split("_")[0] + ".asf"))
    poses, trans = mocap.retarget(mocap.load_amc(recorded, skeleton), person.joints, FPS)
    trans = stand_on_floor(person, poses, trans, FPS)
    now = rng.choice(np.arange(1, len(poses)), moments, replace=len(poses) - 1 < moments)
    rows = np.stack([now, now - 1], axis=1).ravel()
    poses, trans = poses[rows].copy(), trans[rows].copy()
    trans[:, :2] -= (person.joints[0] + trans).reshape(-1, 2, 3)[:, :1, :2].repeat(2, 0).reshape(-1, 2)
    joints = poses.reshape(moments, 2, 24, 3)
    bent = rng.random(moments) < 0.5
    joints[:, :, list(_LIMBS)] += (
        rng.normal(0, _BEND, (moments, 1, len(_LIMBS), 3)) * bent[:, None, None, None]
    )
    return pose_person(person, poses, trans)


def _sources(
    actor: _Actor, count: int, rng: np.random.Generator
) -> tuple[list[SourceView], list[Camera], BodyModel]:
    """The source pictures, fitted and dressed, their cameras, and the body in its clothes."""
    cameras, motions, images, masks = [], [], [], []
    azimuth = rng.normal(0, 40)  # mostly from the front
    for index in range(count):
        camera = _camera(actor, 2 * index, azimuth, rng)
        azimuth += rng.uniform(60, 180)
        image, alpha = _photo(actor, 2 * index, camera)
        cameras.append(camera)
        images.append(image)
        masks.append(refine_mask(image, _detected(alpha, rng)))
        motions.append(_fitted(actor, 2 * index, camera, random_misfit(rng)))
    outlines = [Outline(motion, mask) for motion, mask in zip(motions, masks, strict=True)]
    dressed = clothed(actor.body, fit_clothing(actor.body, outlines))
    views = [
        SourceView(image, mask, body_vertices(dressed, motion, [0])[0], camera, motion)
        for image, mask, motion, camera in zip(images, masks, motions, cameras, strict=True)
    ]
    return views, cameras, dressed


def _moment(
    actor: _Actor,
    subject: Subject,
    scope: Scope,
    seen: SourceInputs,
    warp: WarpRenderer,
    moment: int,
    cameras: list[Camera],
    number: int,
    rng: np.random.Generator,
) -> list[Target]:
    """The target of a moment, after that of the frame before where that becomes one as well."""
    camera = cameras[rng.integers(len(cameras))]
    if rng.random() < 0.6:
        camera = _camera(actor, 2 * moment, rng.uniform(-180, 180), rng)
    else:  # as in a clip: the source's camera, turned to where the person is now
        camera = _aimed(camera, actor.posed.body[2 * moment, actor.looked_at])
    error = random_misfit(rng, TARGET_STRENGTHS)
    fits = [
        body_vertices(actor.body, _fitted(actor, row, camera, wrong), [0])[0]
        for row, wrong in ((2 * moment, error), (2 * moment + 1, error.drifted(rng, TARGET_STRENGTHS)))
    ]
    now, before = (scope_window(vertices, camera, scope) for vertices in fits)
    if now is None or before is None:
        return []
    past = (fits[1], before.camera) if rng.random() < 0.7 else None
    inputs = target_inputs(subject, seen, warp, fits[0], now.camera, subject.light, past)
    target = Target(inputs, _truth(actor, 2 * moment, now))
    if rng.random() >= _PAIR_SHARE:
        return [target]
    earlier = Target(
        target_inputs(subject, seen, warp, fits[1], before.camera, subject.light),
        _truth(actor, 2 * moment + 1, before),
    )
    flow = _true_flow(actor, moment, now.camera, before.camera)
    return [earlier, replace(target, before=number, flow=flow)]


def _camera(actor: _Actor, row: int, azimuth: float, rng: np.random.Generator) -> Camera:
    """A camera around the person in frame ``row``; azimuth in degrees from her front."""
    turn = Rotation.from_rotvec(actor.posed.poses[row, :3]).as_matrix()[:, 2]
    angle = np.arctan2(turn[1], turn[0]) + np.deg2rad(azimuth)
    points = actor.posed.body[row, actor.looked_at]
    middle = (points.max(0) + points.min(0)) / 2
    if actor.part == HEAD:
        distance, height = rng.uniform(0.9, 2.5), middle[2] + rng.normal(0, 0.25)
        heights, largest = _HEADS, 0.55
    else:
        distance, height = rng.uniform(2.5, 6.0), rng.uniform(0.5, 2.0)
        heights, largest = _STATURES, 0.93
    eye = (middle[0] + distance * np.cos(angle), middle[1] + distance * np.sin(angle), height)
    side = actor.picture[0]
    camera = look_at(eye, tuple(middle), 50.0, actor.picture)
    tall = float(np.ptp(actor.person.body_rest[actor.looked_at, 1]))
    reach = float(np.linalg.norm(np.array(eye) - middle))
    most = largest * side * tall / max(np.ptp(points, axis=0).max(), tall)
    focal = min(rng.uniform(*heights), most) * reach / tall
    K = torch.tensor([[focal, 0.0, side / 2], [0.0, focal, side / 2], [0.0, 0.0, 1.0]])
    return replace(camera, K=K)


def _aimed(camera: Camera, points: np.ndarray) -> Camera:
    eye = tuple(camera.centre.tolist())
    target = tuple(((points.max(0) + points.min(0)) / 2).tolist())
    return replace(look_at(eye, target, 50.0, camera.image_size), K=camera.K)


def _photo(actor: _Actor, row: int, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The picture (H, W, 3) uint8 in its room, and the person's share (H, W) of each pixel."""
    vertices = surface_vertices(actor.posed, row)
    rgba = draw_with_rasterizer(actor.surface, vertices, camera, None, actor.studio)
    alpha = rgba[..., 3:] / 255.0
    room = draw_room(vertices, camera, actor.studio)
    return np.round(alpha * rgba[..., :3] + (1 - alpha) * room).astype(np.uint8), alpha[..., 0].astype(
        np.float32
    )


def _detected(alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The outline as a detector of 256 pixels a side draws it: blurred, and off by a pixel here and there."""
    noise = ndimage.gaussian_filter(rng.standard_normal(alpha.shape), 8.0)
    blurred = ndimage.gaussian_filter(alpha, rng.uniform(1.0, 2.5))
    return np.clip(2.5 * (blurred - 0.5 + 0.12 * noise / noise.std()) + 0.5, 0, 1).astype(np.float32)


def _fitted(actor: _Actor, row: int, camera: Camera, error: Misfit) -> Motion:
    """The fit of one frame: the true motion, disturbed, in the open body's nearest shape."""
    # the open body's pelvis lies elsewhere than this person's
    pelvis = actor.person.joints[0] - actor.body.shaped(torch.from_numpy(actor.betas).float())[1][0].numpy()
    right = Motion(
        poses=actor.posed.poses[row][None].astype(np.float32),
        trans=(actor.posed.trans[row] + pelvis)[None].astype(np.float32),
        betas=actor.betas.astype(np.float32),
        fps=FPS,
        camera_K=camera.K[None].numpy(),
        camera_R=camera.R[None].numpy(),
        camera_t=camera.t[None].numpy(),
        image_size=camera.image_size,
    )
    return error.added_to(right, camera)


def _truth(actor: _Actor, row: int, window: Window) -> Tensor:
    rgba = draw_with_rasterizer(
        actor.surface, surface_vertices(actor.posed, row), window.camera, None, actor.studio
    )
    return torch.from_numpy(rgba).permute(2, 0, 1).float() / 255


def _true_flow(actor: _Actor, moment: int, now: Camera, before: Camera) -> Tensor:
    """(H, W, 2) pixels of the window before, NaN where the point was hidden or nobody is."""
    present, past = (surface_vertices(actor.posed, 2 * moment + k) for k in (0, 1))
    truth: FrameTruth = see(actor.surface, present, now)
    flow = flow_to(truth, actor.surface, past, before)
    rows, columns = np.nonzero(truth.mask)
    at = flow[rows, columns] + np.stack((columns + 0.5, rows + 0.5), axis=1)
    corners = past[actor.surface.faces[truth.face[rows, columns]]]
    depth = np.einsum("nk,nkc->nc", truth.bary[rows, columns], corners) @ before.R.numpy()[2] + float(
        before.t[2]
    )
    earlier = see(actor.surface, past, before).depth
    cell = np.floor(at).astype(int)
    height, width = earlier.shape
    inside = (cell >= 0).all(1) & (cell[:, 0] < width) & (cell[:, 1] < height)
    cell = np.where(inside[:, None], cell, 0)
    seen = inside & (np.abs(earlier[cell[:, 1], cell[:, 0]] - depth) < 0.02)
    out = np.full((*truth.face.shape, 2), np.nan, np.float32)
    out[rows[seen], columns[seen]] = at[seen]
    return torch.from_numpy(out)
