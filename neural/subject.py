"""The subject: one person's look in a folder - sources, masks, fits, fused texture, background.

::

    subject.json     format_version, model, gender, sources, atlas size, key (what it was made from)
    frames/0000.png  the source pictures, RGB          masks/0000.png  the person in each, 8 bit
    fits.npz         a motion file with one row, and one camera, for each source
    views.npz        vertices (S, V, 3) of the dressed fits, world metres; gains (S, 3) of the sources' exposures;
                     lights (S, 4) in which they were taken, see :mod:`neural.light`
    body.npz         the body with the person's betas and clothing, in plain numpy (see BodyModel.save_export)
    texture.png      RGBA; colours everywhere, A = 255 where a source shows the texel and 0 where it was filled in:
                     alpha is a note, not a coverage, so read it as channel-packed
    provenance.npz   source (A, A) uint8: 0 invented, 255 mirrored from the other side, else source number + 1;
                     trust (A, A) uint8, 255 = seen squarely; shading (A, A) float16, by how much the light of the
                     sources brightened the texture
    background.png   the plate behind the person
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neural.background import background_from_still
from neural.broad_normals import BroadNormals
from neural.light import DISPLAY_GAMMA, Light
from neural.painting import paint
from neural.source_view import SourceView
from neural.surface import Surface
from neural.texture import ATLAS_SIZE, INVENTED, MIRRORED
from smpl_fitting.body import BodyModel
from smpl_fitting.clothing import clothed
from smpl_fitting.errors import LiquidMotionError, SubjectError
from smpl_fitting.files import atomic_path
from smpl_fitting.geometry import Camera
from smpl_fitting.motion import Motion
from smpl_fitting.progress import Progress
from smpl_fitting.video import read_image, write_image

FORMAT_VERSION = 3
UNLIT_VERSION = 2
"""Folders of it know nothing of light; they are read as photographed in ambient light."""
STALE_S = 3600.0  # age from which a half-made folder is taken for a killed job's and removed
_REMAKE = "make the subject again (liquid-motion subject)"


@dataclass(frozen=True, eq=False)
class Subject:
    """A loaded subject folder.

    Attributes:
        origins: the picture or clip that each source comes from.
        surface: the dressed body in the person's shape, at rest.
        motion: the sources' fits, one row each.
        images: (H, W, 3) uint8 for each source. masks: (H, W) uint8.
        vertices: (S, V, 3) world, of the sources' fits. cameras: one for each source.
        gains: (S, 3) exposure corrections of the sources. lights: (S, 4) that they were taken in.
        clothing: (V, 3) rest-pose offsets from the bare body, see :mod:`smpl_fitting.clothing`.
        texture: (A, A, 4) uint8. source, trust: (A, A) uint8, shading: (A, A) float16, see the module.
        background: (H, W, 3) uint8.
    """

    path: Path
    model: str
    origins: tuple[str, ...]
    surface: Surface
    motion: Motion
    images: tuple[np.ndarray, ...]
    masks: tuple[np.ndarray, ...]
    vertices: Tensor
    cameras: tuple[Camera, ...]
    gains: Tensor
    lights: Tensor
    clothing: Tensor
    texture: np.ndarray
    source: np.ndarray
    trust: np.ndarray
    shading: np.ndarray
    background: np.ndarray

    @property
    def light(self) -> Light:
        """That of the first source."""
        return Light.of_photo(self.lights[0])

    @functools.cached_property
    def broad_normals(self) -> BroadNormals:
        """Of the mesh in any pose: those that light falls on."""
        return BroadNormals(self.surface)

    @functools.cached_property
    def exposure(self) -> float:
        """Mean irradiance on what the sources show, as a multiple of the ambient light."""
        shown = (self.source != INVENTED) & (self.source != MIRRORED)
        if not shown.any():
            return 1.0
        return float((self.shading[shown].astype(np.float32) ** DISPLAY_GAMMA).mean())

    def dress(self, body: BodyModel) -> BodyModel:
        """The body model (bare, of the subject's kind) in the subject's clothes."""
        return clothed(body, self.clothing)

    def views(self) -> list[Motion]:
        """The fit of each source as a motion of one row, with its own picture's size and origin."""
        return [
            replace(self.motion.select(slice(row, row + 1)), image_size=camera.image_size, source=origin)
            for row, (camera, origin) in enumerate(zip(self.cameras, self.origins, strict=True))
        ]


def build_subject(
    sources: Sequence[SourceView],
    body: BodyModel,
    out_dir: str | Path,
    progress: Progress | None = None,
    *,
    background: np.ndarray | None = None,
    atlas_size: int = ATLAS_SIZE,
) -> Subject:
    """Make a subject folder, or load it where the same one was made before.

    It is made under a temporary name and renamed, so ``out_dir`` is never half a subject.

    Args:
        sources: the views; all share the betas of the first.
        body: in the person's clothes, where the views' vertices are (see :func:`neural.sources.dress_views`).
        background: (H, W, 3) uint8 plate; made from the first source by filling the person's hole when None.

    Raises:
        SubjectError: there are no sources, or ``out_dir`` is something else than a subject.
        LiquidMotionError: the folder cannot be written.
        Cancelled: through ``progress``; nothing is left behind.
    """
    out_dir = Path(out_dir)
    progress = progress or Progress()
    if not sources:
        raise SubjectError(f"{out_dir}: no source pictures were given; name at least one")
    key = _key(sources, body, background, atlas_size)
    if _stored_key(out_dir) == key:
        return load_subject(out_dir)
    if out_dir.exists() and any(out_dir.iterdir()) and not (out_dir / "subject.json").is_file():
        raise SubjectError(f"{out_dir}: holds other files and no subject; choose another folder")
    try:
        out_dir.parent.mkdir(parents=True, exist_ok=True)
        _sweep(out_dir)
        making = Path(tempfile.mkdtemp(prefix=_prefix(out_dir), dir=out_dir.parent))
    except OSError as error:
        raise LiquidMotionError(
            f"{out_dir}: cannot be written ({error.strerror}); choose another folder or mend its permissions"
        ) from error
    try:
        making.chmod(0o755)
        _write(making, sources, body, background, atlas_size, key, progress)
        _put_in_place(making, out_dir)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return load_subject(out_dir)


def _write(
    folder: Path,
    sources: Sequence[SourceView],
    body: BodyModel,
    background: np.ndarray | None,
    atlas_size: int,
    key: str,
    progress: Progress,
) -> None:
    for index, view in enumerate(sources):
        write_image(folder / "frames" / f"{index:04d}.png", view.image)
        write_image(folder / "masks" / f"{index:04d}.png", _to_byte(view.mask))
    _join([view.motion for view in sources]).save(folder / "fits.npz")
    betas = torch.as_tensor(sources[0].motion.betas, dtype=torch.float32)
    body.save_export(folder / "body.npz", betas)
    surface = body_surface(body, betas)
    painting = paint(sources, body, surface, atlas_size, progress.part("Painting the texture", 0.05, 0.8))
    write_image(folder / "texture.png", painting.texture)
    _save(folder / "provenance.npz", source=painting.source, trust=painting.trust, shading=painting.shading)
    vertices = torch.stack([view.vertices for view in sources]).numpy()
    gains, lights = painting.gains.numpy(), painting.lights.numpy()
    _save(folder / "views.npz", vertices=vertices, gains=gains, lights=lights)
    if background is None:
        part = progress.part("Filling the background", 0.8, 1.0)
        background = background_from_still(sources[0].image, sources[0].mask, part)
    write_image(folder / "background.png", background)
    about = {
        "format_version": FORMAT_VERSION,
        "model": body.name,
        "gender": body.gender,
        "atlas_size": atlas_size,
        "sources": [
            {"file": f"frames/{index:04d}.png", "mask": f"masks/{index:04d}.png", "from": view.motion.source}
            for index, view in enumerate(sources)
        ],
        "key": key,
    }
    with atomic_path(folder / "subject.json") as temporary:
        temporary.write_text(json.dumps(about, indent=2) + "\n")
    progress.update(1.0)


def _save(path: Path, **arrays: np.ndarray) -> None:
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)


def _to_byte(mask: np.ndarray) -> np.ndarray:
    return np.clip(np.round(mask * 255), 0, 255).astype(np.uint8)


def body_surface(body: BodyModel, betas: Tensor) -> Surface:
    """The surface of a body in a person's shape and clothes."""
    rest, _ = body.shaped(betas)
    return Surface(rest, body.faces, body.uv, body.faces_uv, body.part_labels)


def load_subject(path: str | Path) -> Subject:
    """Read a subject folder.

    Raises:
        SubjectError: it is missing, half made, damaged, or of another version.
    """
    path = Path(path)
    about = _read_about(path)
    try:
        count = len(about["sources"])
        images = tuple(read_image(path / one["file"])[..., :3] for one in about["sources"])
        masks = tuple(read_image(path / one["mask"])[..., 0] for one in about["sources"])
        motion = Motion.load(path / "fits.npz")
        body, views, provenance = (_arrays(path / f"{name}.npz") for name in ("body", "views", "provenance"))
        if about["format_version"] == UNLIT_VERSION:
            views["lights"] = np.zeros((count, 4), np.float32)
            provenance["shading"] = np.ones(provenance["source"].shape, np.float16)
        vertices = torch.from_numpy(views["vertices"])
        surface = _surface(body)
        if motion.frame_count != count or vertices.shape != (count, *surface.rest.shape):
            raise ValueError(
                f"{count} sources but {motion.frame_count} fits and vertices {tuple(vertices.shape)}"
            )
        return Subject(
            path=path,
            model=str(about["model"]),
            origins=tuple(str(one["from"]) for one in about["sources"]),
            surface=surface,
            motion=motion,
            images=images,
            masks=masks,
            vertices=vertices,
            cameras=tuple(_camera(motion, row, image) for row, image in enumerate(images)),
            gains=torch.from_numpy(views["gains"]),
            lights=torch.from_numpy(views["lights"]),
            clothing=torch.from_numpy(body["clothing"]),
            texture=read_image(path / "texture.png"),
            source=provenance["source"],
            trust=provenance["trust"],
            shading=provenance["shading"],
            background=read_image(path / "background.png")[..., :3],
        )
    except (
        LiquidMotionError,
        OSError,
        KeyError,
        ValueError,
        TypeError,
        EOFError,
        zipfile.BadZipFile,
    ) as error:
        raise SubjectError(f"{path}: the subject is damaged ({error}); {_REMAKE}") from error


def _read_about(path: Path) -> dict:
    if not path.is_dir():
        raise SubjectError(f"{path}: no such subject folder; {_REMAKE}")
    if not (path / "subject.json").is_file():
        raise SubjectError(f"{path}: not a subject folder (it has no subject.json); {_REMAKE}")
    try:
        about = json.loads((path / "subject.json").read_text())
        version = about["format_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SubjectError(f"{path}: subject.json is damaged ({error}); {_REMAKE}") from error
    if version not in (FORMAT_VERSION, UNLIT_VERSION):
        raise SubjectError(
            f"{path}: the subject has format {version}, this version reads {FORMAT_VERSION}; {_REMAKE}"
        )
    return about


def _arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _surface(body: dict[str, np.ndarray]) -> Surface:
    rest = (
        body["v_template"] + body["clothing"] + body["shapedirs"][..., : len(body["betas"])] @ body["betas"]
    )
    return Surface(
        rest=torch.from_numpy(rest.astype(np.float32)),
        faces=torch.from_numpy(body["faces"].astype(np.int64)),
        uv=torch.from_numpy(body["uv"].astype(np.float32)),
        faces_uv=torch.from_numpy(body["faces_uv"].astype(np.int64)),
        part_labels=torch.from_numpy(body["part_labels"].astype(np.uint8)),
    )


def _camera(motion: Motion, row: int, image: np.ndarray) -> Camera:
    """The camera of one source; pictures may differ in size, of which a motion file holds one."""
    if motion.camera_K is None or motion.camera_R is None or motion.camera_t is None:
        raise ValueError("the fits have no cameras")
    K, R, t = (torch.from_numpy(a[row]).float() for a in (motion.camera_K, motion.camera_R, motion.camera_t))
    return Camera(K, R, t, (image.shape[0], image.shape[1]))


def _join(motions: list[Motion]) -> Motion:
    """One motion with a row for each source; what one of them lacks is left out."""
    first = motions[0]

    def rows(name: str) -> np.ndarray | None:
        parts = [getattr(motion, name) for motion in motions]
        return None if any(part is None for part in parts) else np.concatenate(parts)

    names = ("keypoints", "keypoints_world", "confidence", "contacts", "times")
    cameras = ("camera_K", "camera_R", "camera_t")
    return Motion(
        poses=np.concatenate([motion.poses for motion in motions]),
        trans=np.concatenate([motion.trans for motion in motions]),
        betas=first.betas,
        fps=first.fps,
        model=first.model,
        gender=first.gender,
        image_size=first.image_size,
        track_id=first.track_id,
        source=first.source,
        **{name: rows(name) for name in names + cameras},
    )


def _key(
    sources: Sequence[SourceView], body: BodyModel, background: np.ndarray | None, atlas_size: int
) -> str:
    """A fingerprint of everything a subject is made from."""
    digest = hashlib.sha256(f"{FORMAT_VERSION} {body.name} {body.gender} {atlas_size}".encode())
    digest.update(body.v_template.numpy().tobytes())
    if body.clothing is not None:
        digest.update(body.clothing.numpy().tobytes())
    for view in sources:
        camera = view.camera
        digest.update(view.motion.source.encode())
        parts = [view.image, _to_byte(view.mask), view.vertices.numpy(), view.motion.betas]
        for array in parts + [camera.K.numpy(), camera.R.numpy(), camera.t.numpy()]:
            digest.update(np.ascontiguousarray(array).tobytes())
    if background is not None:
        digest.update(np.ascontiguousarray(background).tobytes())
    return digest.hexdigest()


def _stored_key(folder: Path) -> str | None:
    """The fingerprint of a subject that is there and whole."""
    if not (folder / "subject.json").is_file():
        return None
    try:
        return str(_read_about(folder).get("key"))
    except SubjectError:
        return None


def _prefix(out_dir: Path) -> str:
    return f".{out_dir.name}-making-"


def _sweep(out_dir: Path) -> None:
    """Remove what killed jobs left behind."""
    for left in out_dir.parent.glob(f"{_prefix(out_dir)}*"):
        if time.time() - left.stat().st_mtime > STALE_S:
            shutil.rmtree(left, ignore_errors=True)


def _put_in_place(making: Path, out_dir: Path) -> None:
    """Rename the finished folder; one that was there before goes only after it is out of the way."""
    if out_dir.exists():
        old = Path(tempfile.mkdtemp(prefix=_prefix(out_dir), dir=out_dir.parent))
        os.replace(out_dir, old)
        os.replace(making, out_dir)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(making, out_dir)
