"""The motion file and the body export, read with numpy alone (design, section 4)."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import AddonError

BODY_FORMAT_VERSION = 1


@dataclass(frozen=True)
class Cameras:
    """The pinholes of T frames, OpenCV: ``x_cam = R x + t``."""

    K: np.ndarray  # (T, 3, 3)
    R: np.ndarray  # (T, 3, 3)
    t: np.ndarray  # (T, 3)
    image_size: tuple[int, int]  # (height, width)


@dataclass(frozen=True)
class MotionData:
    """What the scene needs of a motion file: one person over T frames in a Z-up world, metres."""

    poses: np.ndarray  # (T, J * 3) axis-angle
    trans: np.ndarray  # (T, 3), pelvis = J_0 + trans
    fps: float
    model: str
    cameras: Cameras | None
    betas: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (B,) of the model
    contacts: np.ndarray | None = None  # (T, 4) in [0, 1]: left heel, left toe, right heel, right toe
    keypoints: np.ndarray | None = None  # (T, 33, 4): x px, y px, depth, visibility

    @property
    def frame_count(self) -> int:
        return len(self.poses)


@dataclass(frozen=True)
class BodyData:
    """A person's body: Y-up, facing +Z, metres. V vertices, J joints, F triangles, B betas, U texture points."""

    name: str
    gender: str
    v_template: np.ndarray  # (V, 3)
    shapedirs: np.ndarray  # (V, 3, B)
    posedirs: np.ndarray  # (V, 3, P), P = 0 where the model has none
    J_template: np.ndarray  # (J, 3)
    J_shapedirs: np.ndarray  # (J, 3, B)
    weights: np.ndarray  # (V, J)
    parents: np.ndarray  # (J,), -1 for the root
    faces: np.ndarray  # (F, 3)
    uv: np.ndarray  # (U, 2), v up
    faces_uv: np.ndarray  # (F, 3)
    joint_names: tuple[str, ...]
    betas: np.ndarray  # (B,)
    clothing: np.ndarray  # (V, 3) rest-pose offsets of clothes and hair

    def joints(self) -> np.ndarray:
        """Rest joints (J, 3) of this person, Y-up."""
        return self.J_template + self.J_shapedirs @ self.betas


def read_motion(path: str | Path) -> MotionData:
    """Read a motion file.

    Raises:
        AddonError: it is missing, unreadable, or not a motion.
    """
    data = _read_npz(path, "motion file", "fit the clip again")
    try:
        rate = data["mocap_frame_rate"] if "mocap_frame_rate" in data else data["mocap_framerate"]
        motion = MotionData(
            poses=data["poses"].astype(float),
            trans=data["trans"].astype(float),
            fps=float(rate),
            model=str(data["model"]) if "model" in data else "",
            cameras=_cameras(data),
            betas=_betas(data),
            contacts=data["contacts"].astype(float) if "contacts" in data else None,
            keypoints=data["keypoints"].astype(float) if "keypoints" in data else None,
        )
        _check_motion(motion)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise AddonError(f"{path}: not a motion file ({_reason(error)}); fit the clip again") from error
    return motion


def read_body(path: str | Path) -> BodyData:
    """Read a body export.

    Raises:
        AddonError: it is missing, unreadable, of another version, or not a body.
    """
    data = _read_npz(path, "body file", "make the subject again")
    version = int(data.get("format_version", -1))
    if version != BODY_FORMAT_VERSION:
        raise AddonError(
            f"{path}: body format {version}, this extension reads {BODY_FORMAT_VERSION}; make the subject again"
        )
    try:
        names = ("v_template", "shapedirs", "posedirs", "J_template", "J_shapedirs", "weights", "uv", "betas")
        body = BodyData(
            name=str(data["name"]),
            gender=str(data["gender"]),
            parents=data["parents"].astype(int),
            faces=data["faces"].astype(np.int32),
            faces_uv=data["faces_uv"].astype(np.int32),
            joint_names=tuple(str(name) for name in data["joint_names"]),
            clothing=_clothing(data),
            **{name: data[name].astype(float) for name in names},
        )
        _check_body(body)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise AddonError(f"{path}: not a body file ({_reason(error)}); make the subject again") from error
    return body


def _clothing(data: dict[str, np.ndarray]) -> np.ndarray:
    """Zeros where nobody was dressed: bodies exported alone wear nothing."""
    bare = np.zeros(data["v_template"].shape)
    clothing = data["clothing"].astype(float) if "clothing" in data else bare
    if clothing.shape != bare.shape or not np.isfinite(clothing).all():
        raise ValueError(f"clothing has shape {clothing.shape}, expected {bare.shape} finite numbers")
    return clothing


def _read_npz(path: str | Path, kind: str, mend: str) -> dict[str, np.ndarray]:
    path = Path(path)
    if not path.is_file():
        raise AddonError(f"{path}: no such {kind}; choose another, or {mend}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise AddonError(f"{path}: not a readable {kind} ({_reason(error)}); {mend}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return " ".join(str(error).split())


def _betas(data: dict[str, np.ndarray]) -> np.ndarray:
    """The shape of the motion's own model: an open body's is stored apart, since other tools would misread it."""
    return np.atleast_1d(data.get("open_betas", data.get("betas", np.zeros(0)))).astype(float)


def _cameras(data: dict[str, np.ndarray]) -> Cameras | None:
    if "camera_K" not in data:
        return None
    height, width = (int(side) for side in data["image_size"])
    K, R, t = (data[f"camera_{name}"].astype(float) for name in "KRt")
    return Cameras(K, R, t, (height, width))


def _check_motion(motion: MotionData) -> None:
    frames = len(motion.poses)
    if motion.poses.ndim != 2 or frames == 0 or motion.poses.shape[1] % 3:
        raise ValueError(f"poses have shape {motion.poses.shape}, expected (T, joints x 3)")
    if not (np.isfinite(motion.fps) and motion.fps > 0):
        raise ValueError(f"the frame rate is {motion.fps}")
    arrays = [("poses", motion.poses, motion.poses.shape), ("trans", motion.trans, (frames, 3))]
    if motion.betas.ndim != 1:
        raise ValueError(f"betas have shape {motion.betas.shape}, expected one vector")
    arrays.append(("betas", motion.betas, motion.betas.shape))
    if motion.contacts is not None:
        arrays.append(("contacts", motion.contacts, (frames, 4)))
    if motion.keypoints is not None:
        arrays.append(("keypoints", motion.keypoints, (frames, 33, 4)))
    if motion.cameras is not None:
        arrays.append(("camera_K", motion.cameras.K, (frames, 3, 3)))
        arrays.append(("camera_R", motion.cameras.R, (frames, 3, 3)))
        arrays.append(("camera_t", motion.cameras.t, (frames, 3)))
    for name, value, shape in arrays:
        if value.shape != shape:
            raise ValueError(f"{name} has shape {value.shape}, expected {shape}")
        if not np.isfinite(value).all():
            raise ValueError(f"{name} holds values that are not finite numbers")
    if motion.cameras is not None and not (motion.cameras.K[:, [0, 1], [0, 1]] > 0).all():
        raise ValueError("a focal length in camera_K is not positive")


def _check_body(body: BodyData) -> None:
    vertices, joints, betas = len(body.v_template), len(body.parents), len(body.betas)
    shapes = {
        "v_template": (vertices, 3),
        "shapedirs": (vertices, 3, betas),
        "posedirs": (vertices, 3, body.posedirs.shape[-1]),
        "J_template": (joints, 3),
        "J_shapedirs": (joints, 3, betas),
        "weights": (vertices, joints),
        "faces": (len(body.faces), 3),
        "faces_uv": (len(body.faces), 3),
        "uv": (len(body.uv), 2),
    }
    for name, shape in shapes.items():
        if getattr(body, name).shape != shape:
            raise ValueError(f"{name} has shape {getattr(body, name).shape}, expected {shape}")
    if len(body.joint_names) != joints or len(set(body.joint_names)) != joints:
        raise ValueError(f"{joints} joints need as many different joint_names")
    if body.posedirs.shape[-1] not in (0, 9 * (joints - 1)):
        raise ValueError(f"posedirs hold {body.posedirs.shape[-1]} directions, expected {9 * (joints - 1)}")
    if (
        body.parents[0] >= 0
        or (body.parents[1:] >= np.arange(1, joints)).any()
        or (body.parents[1:] < 0).any()
    ):
        raise ValueError("parents must come before their children, the root first")
    for name, top in (("faces", vertices), ("faces_uv", len(body.uv))):
        index = getattr(body, name)
        if len(index) == 0 or index.min() < 0 or index.max() >= top:
            raise ValueError(f"{name} hold an index outside 0..{top - 1}")
