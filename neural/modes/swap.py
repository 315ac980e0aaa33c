"""Appearance swap: a subject that wears parts of others - the jacket of one, the head of another.

All subjects of one body model share its mesh and texture layout, so a part is taken over with its texels, with what
is known of them, and with the offsets that make its clothes stand off the body. The outcome is a subject like any
other: renderers read a donor's own pictures where it gave the part.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from neural.subject import FORMAT_VERSION, Subject, load_subject
from neural.surface import Surface, build_atlas
from neural.texture import INVENTED, MAX_SOURCES, MIRRORED
from smpl_fitting.body import BodyModel
from smpl_fitting.body.names import PART_NAMES
from smpl_fitting.clothing import clothed
from smpl_fitting.errors import LiquidMotionError, SubjectError
from smpl_fitting.files import atomic_path
from smpl_fitting.motion import Motion
from smpl_fitting.video import write_image

GROUPS: Mapping[str, tuple[str, ...]] = {
    "hands": ("left_hand", "right_hand"),
    "feet": ("left_foot", "right_foot"),
    "arms": ("left_upper_arm", "right_upper_arm", "left_forearm", "right_forearm"),
    "legs": ("left_thigh", "right_thigh", "left_shin", "right_shin"),
    "shirt": ("torso", "left_upper_arm", "right_upper_arm"),
    "upper": ("torso", "left_upper_arm", "right_upper_arm", "left_forearm", "right_forearm"),
    "lower": ("left_thigh", "right_thigh", "left_shin", "right_shin"),
}
"""Names for several parts at once, beside those of :data:`smpl_fitting.body.names.PART_NAMES`."""


_SOFTENING = 8  # rounds of averaging between faces and vertices: borders then wave by less than a face


def parts_named(names: Sequence[str]) -> frozenset[int]:
    """Numbers of the parts that names and groups stand for.

    Raises:
        LiquidMotionError: a name is none of them.
    """
    parts: set[int] = set()
    for name in names:
        if name not in GROUPS and name not in PART_NAMES:
            known = ", ".join([*PART_NAMES, *GROUPS])
            raise LiquidMotionError(f"part {name!r} is unknown; choose among {known}")
        parts |= {PART_NAMES.index(one) for one in GROUPS.get(name, (name,))}
    return frozenset(parts)


def swap(
    base: Subject, gifts: Sequence[tuple[Subject, frozenset[int]]], body: BodyModel, out_dir: Path
) -> Subject:
    """Write and load a subject of the base's shape and background with parts of other subjects.

    Args:
        gifts: donors with the parts they give; of two that give the same part the later one does.
        body: of all their models, bare.

    Raises:
        SubjectError: the models or texture sizes differ, there are too many pictures, or the folder is not empty.
    """
    subjects = [base, *(donor for donor, _ in gifts)]
    _check(subjects, body, out_dir)
    giver = np.zeros(len(PART_NAMES), int)
    for number, (_, parts) in enumerate(gifts, start=1):
        giver[sorted(parts)] = number
    surface = base.surface
    shares = _shares(surface, torch.from_numpy(giver)[surface.part_labels.long()], len(subjects))
    worn = (shares.T[..., None] * torch.stack([one.clothing for one in subjects])).sum(0)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f".{out_dir.name}-swapping-", dir=out_dir.parent))
    try:
        making.chmod(0o755)
        clothed(body, worn).save_export(making / "body.npz", torch.as_tensor(base.motion.betas).float())
        _write_pictures(making, subjects)
        _write_texture(making, subjects, surface, shares)
        write_image(making / "background.png", base.background)
        _write_about(making, subjects, body)
        making.rename(out_dir)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return load_subject(out_dir)


def _check(subjects: Sequence[Subject], body: BodyModel, out_dir: Path) -> None:
    for one in subjects:
        if one.model != body.name:
            raise SubjectError(f"{one.path}: was made with the body model {one.model!r}, not {body.name!r}")
        if one.source.shape != subjects[0].source.shape:
            raise SubjectError(
                f"{one.path}: its texture is {one.source.shape[0]} pixels wide, that of {subjects[0].path} "
                f"{subjects[0].source.shape[0]}; make one of them again"
            )
    if sum(len(one.images) for one in subjects) > MAX_SOURCES:
        raise SubjectError(f"{subjects[0].path}: more than {MAX_SOURCES} pictures in all; give fewer donors")
    if out_dir.exists():
        raise SubjectError(f"{out_dir}: is there already; choose another folder")


def _shares(surface: Surface, giver: Tensor, count: int) -> Tensor:
    """(V, count): how much of each vertex every subject gives, softened across borders, which follow the faces' edges.

    Args:
        giver: (F,) the number of the subject that gives each face.
    """
    faces, vertices = surface.faces, len(surface.rest)
    corners = faces.reshape(-1)
    around = torch.zeros(vertices).index_add_(0, corners, torch.ones(len(corners)))[:, None].clamp(min=1)
    of_face = functional.one_hot(giver, count).float()
    for _ in range(_SOFTENING):
        shares = torch.zeros(vertices, count).index_add_(0, corners, of_face.repeat_interleave(3, 0)) / around
        of_face = shares[faces].mean(1)
    return shares


def _write_pictures(folder: Path, subjects: Sequence[Subject]) -> None:
    index = 0
    for one in subjects:
        for image, mask in zip(one.images, one.masks, strict=True):
            write_image(folder / "frames" / f"{index:04d}.png", np.ascontiguousarray(image))
            write_image(folder / "masks" / f"{index:04d}.png", np.ascontiguousarray(mask))
            index += 1
    rows = [view for one in subjects for view in one.views()]
    names = ("poses", "trans", "camera_K", "camera_R", "camera_t")
    joined = {name: np.concatenate([getattr(row, name) for row in rows]) for name in names}
    Motion(
        betas=subjects[0].motion.betas,
        fps=subjects[0].motion.fps,
        model=subjects[0].motion.model,
        gender=subjects[0].motion.gender,
        image_size=subjects[0].cameras[0].image_size,
        source=subjects[0].motion.source,
        **joined,
    ).save(folder / "fits.npz")
    with atomic_path(folder / "views.npz") as temporary, open(temporary, "wb") as file:
        kept = ("vertices", "gains", "lights")
        np.savez(file, **{one: torch.cat([getattr(who, one) for who in subjects]).numpy() for one in kept})


def _write_texture(folder: Path, subjects: Sequence[Subject], surface: Surface, shares: Tensor) -> None:
    size = len(subjects[0].source)
    atlas = build_atlas(surface, size)
    giver = atlas.points(shares, surface.faces).argmax(1)[atlas.nearest].reshape(size, size).numpy()
    base = subjects[0]
    texture, source, trust, shading = (
        one.copy() for one in (base.texture, base.source, base.trust, base.shading)
    )
    first = 0
    for number, one in enumerate(subjects):
        mine = giver == number
        known = (one.source != INVENTED) & (one.source != MIRRORED)
        texture[mine], trust[mine], shading[mine] = one.texture[mine], one.trust[mine], one.shading[mine]
        source[mine] = np.where(known, one.source + first, one.source)[mine]
        first += len(one.images)
    write_image(folder / "texture.png", texture)
    with atomic_path(folder / "provenance.npz") as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, source=source, trust=trust, shading=shading)


def _write_about(folder: Path, subjects: Sequence[Subject], body: BodyModel) -> None:
    origins = [f"{one.path.name} {index}" for one in subjects for index in range(len(one.images))]
    about = {
        "format_version": FORMAT_VERSION,
        "model": body.name,
        "gender": body.gender,
        "atlas_size": len(subjects[0].source),
        "sources": [
            {"file": f"frames/{index:04d}.png", "mask": f"masks/{index:04d}.png", "from": origin}
            for index, origin in enumerate(origins)
        ],
        "key": "swapped",
    }
    with atomic_path(folder / "subject.json") as temporary:
        temporary.write_text(json.dumps(about, indent=2) + "\n")
