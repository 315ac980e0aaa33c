"""SAM 3D Body's results (Meta 2025; layout: sam_3d_body_estimator.py and metadata/mhr70.py of its repository).

``process_one_image`` gives a list with one dictionary a person: ``pred_keypoints_3d`` (70, 3) metres in OpenCV
axes, to be moved by ``pred_cam_t`` (3,) into the camera's, ``pred_keypoints_2d`` (70, 2) pixels, ``focal_length``,
``bbox`` (4,), and the pose of its own body, MHR, which is not SMPL's. So the 70 key points are what is read: they
hold everything that MediaPipe's landmarks are, and the open body is posed after them in closed form.

Its demo writes pictures only. Read is what people save: a pickle or joblib file with such a list for each frame
(or one dictionary a frame, or either by frame name), or an ``.npz`` with the same names stacked over the frames.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.body.names import LANDMARK_NAMES
from smpl_fitting.errors import MotionFileError
from smpl_fitting.guests.placement import rest_pelvis
from smpl_fitting.guests.safe_joblib import entry, read_pickle
from smpl_fitting.guests.smpl_results import DEFAULT_FPS, MAX_DISTANCE, Sighting, to_motion
from smpl_fitting.initialise import kabsch, poses_from_landmarks
from smpl_fitting.landmarks import LANDMARK
from smpl_fitting.motion import Motion
from smpl_fitting.safe_npz import read_arrays

_SHAPES = {"pred_keypoints_3d": (70, 3), "pred_keypoints_2d": (70, 2), "pred_cam_t": (3,), "focal_length": ()}
# MHR70's points by the names of MediaPipe's; two ids: the point between them, nearer to the first
_POINTS: dict[str, tuple[int, ...]] = {
    "nose": (0,),
    "left_eye": (1,),
    "right_eye": (2,),
    "left_ear": (3,),
    "right_ear": (4,),
    "left_shoulder": (5,),
    "right_shoulder": (6,),
    "left_elbow": (7,),
    "right_elbow": (8,),
    "left_hip": (9,),
    "right_hip": (10,),
    "left_knee": (11,),
    "right_knee": (12,),
    "left_ankle": (13,),
    "right_ankle": (14,),
    "left_heel": (17,),
    "right_heel": (20,),
    "left_foot_index": (15, 16),
    "right_foot_index": (18, 19),
    "left_wrist": (62,),
    "right_wrist": (41,),
    "left_index": (49,),
    "right_index": (28,),
    "left_pinky": (61,),
    "right_pinky": (40,),
    "left_thumb": (44,),
    "right_thumb": (23,),
}
_BIG_TOE = 2 / 3
_LENGTHS = (
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
    ("shoulder", "hip"),
    ("hip", "knee"),
    ("knee", "ankle"),
)
_LENGTH_SPREAD = 0.02  # metres
_SKULL = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


def looks_like_sam3d(content: Any) -> bool:
    people = _people(content)
    return bool(people) and any("pred_keypoints_3d" in one for frame in people for one in frame)


def read_sam3d(
    path: str | Path, fps: float | None = None, person: int | None = None, content: Any = None
) -> Motion:
    """One person of a SAM 3D Body result, as a motion of the open body.

    People are not numbered from frame to frame: the one chosen is followed to the nearest in the next frame. The
    tool has no world: the camera is taken to stand still, the ground is where the feet keep to.

    Args:
        fps: of the clip, which the result does not say; 30 by default.
        person: the place in the first frame's list; by default the one with the largest box.
        content: what :func:`read_pickle` gave for the file, if it has been read already.

    Raises:
        MotionFileError: the file cannot be read or is not in this layout.
    """
    path = Path(path)
    try:
        data, frames = (
            _stacked_arrays(path) if content is None and _is_npz(path) else _followed(path, content, person)
        )
        return _motion(data, frames, fps or DEFAULT_FPS, path.name)
    except MotionFileError:
        raise
    except (OSError, KeyError, ValueError, TypeError, IndexError, OverflowError) as error:
        raise MotionFileError(
            f"{path}: not a SAM 3D Body result ({error}); save its outputs again"
        ) from error


def landmarks_of_mhr70(points: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(T, 33, 3) MediaPipe's landmarks from MHR's first 70 key points (T, 70, 3).

    Those that MHR lacks (mouth, corners of the eyes) are where a head like ours, at ``rest`` (33, 3), has them.
    """
    world = np.empty((len(points), len(LANDMARK_NAMES), 3))
    for name, ids in _POINTS.items():
        shares = (1.0,) if len(ids) == 1 else (_BIG_TOE, 1.0 - _BIG_TOE)
        world[:, LANDMARK[name]] = sum(
            share * points[:, point] for share, point in zip(shares, ids, strict=True)
        )
    known = [LANDMARK[name] for name in _SKULL]
    lacking = [LANDMARK[name] for name in LANDMARK_NAMES if name not in _POINTS]
    middle = rest[known].mean(0)
    seen = world[:, known] - world[:, known].mean(1, keepdims=True)
    turn = kabsch(
        torch.from_numpy(rest[known] - middle), torch.from_numpy(seen), torch.ones(len(known)).double()
    )
    size = np.linalg.norm(seen, axis=(1, 2)) / np.linalg.norm(rest[known] - middle)
    placed = np.einsum("tij,nj->tni", turn.numpy(), rest[lacking] - middle) * size[:, None, None]
    world[:, lacking] = placed + world[:, known].mean(1, keepdims=True)
    return world


def betas_of_limbs(world: np.ndarray, body: BodyModel) -> np.ndarray:
    """(B,) the likeliest shape of a body whose limbs are as long as those between landmarks (T, 33, 3), metres.

    Least squares on the median lengths, each believed to two centimetres (MHR's points are not quite the
    landmarks), with betas of unit variance; lengths are linearised a few times.
    """
    names = [(f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in _LENGTHS]
    first, second = (np.array([LANDMARK[pair[end]] for pair in names]) for end in (0, 1))
    seen = np.median(np.linalg.norm(world[:, second] - world[:, first], axis=-1), axis=0)
    units = np.concatenate([np.zeros((1, body.num_betas)), np.eye(body.num_betas)])
    marks = _rest_landmarks(body, units)
    reach = marks[:, second] - marks[:, first]
    base, slope = reach[0], reach[1:] - reach[0]  # (L, 3), (B, L, 3)
    betas = np.zeros(body.num_betas)
    for _ in range(4):
        now = base + np.einsum("blc,b->lc", slope, betas)
        length = np.linalg.norm(now, axis=-1)
        rate = np.einsum("blc,lc->lb", slope, now / length[:, None]) / _LENGTH_SPREAD
        target = (seen - length) / _LENGTH_SPREAD + rate @ betas
        betas = np.linalg.solve(rate.T @ rate + np.eye(len(betas)), rate.T @ target)
    return betas


def _rest_landmarks(body: BodyModel, betas: np.ndarray) -> np.ndarray:
    """(N, 33, 3) at rest, for betas (N, B)."""
    shapes = torch.as_tensor(betas, dtype=torch.float32)
    return body.landmarks(shapes, torch.zeros(len(shapes), 3 * body.num_joints)).double().numpy()


def _motion(data: dict[str, np.ndarray], frames: np.ndarray, fps: float, source: str) -> Motion:
    body = load_body("open")
    world = landmarks_of_mhr70(
        data["pred_keypoints_3d"], _rest_landmarks(body, np.zeros((1, body.num_betas)))[0]
    )
    betas = betas_of_limbs(world, body)
    rest = _rest_landmarks(body, betas[None])[0]
    turned = poses_from_landmarks(
        torch.from_numpy(world).float(), torch.from_numpy(rest).float(), body.parents
    )
    local = turned.double().numpy()
    hips = [LANDMARK["left_hip"], LANDMARK["right_hip"]]
    own_pelvis = rest_pelvis("open", betas)
    reach = rest[hips].mean(0) - own_pelvis
    pelvis = world[:, hips].mean(1) + data["pred_cam_t"] - local[:, 0] @ reach
    K, size = _intrinsics(data)
    seen = Sighting(
        model="open",
        frames=frames,
        rotations=local[:, :22],
        pelvis=pelvis,
        betas=betas,
        rest_pelvis=own_pelvis,
        K=K,
        image_size=size,
    )
    return to_motion(seen, fps, source)


def _intrinsics(data: dict[str, np.ndarray]) -> tuple[np.ndarray, tuple[int, int]]:
    """K (N, 3, 3), and the picture's size: the principal point is its middle, and follows from 3D and 2D points."""
    points = data["pred_keypoints_3d"] + data["pred_cam_t"][:, None]
    if points[..., 2].min() <= 0 or data["focal_length"].min() <= 0:
        raise ValueError("its key points are behind the camera")
    seen = data["focal_length"][:, None, None] * points[..., :2] / points[..., 2:]
    centre = np.median(data["pred_keypoints_2d"] - seen, axis=(0, 1))
    if not (centre > 0).all():
        raise ValueError("its 2D and 3D key points do not fit together")
    K = np.zeros((len(points), 3, 3))
    K[:, 0, 0] = K[:, 1, 1] = data["focal_length"]
    K[:, :2, 2] = centre
    K[:, 2, 2] = 1.0
    return K, (round(2 * float(centre[1])), round(2 * float(centre[0])))


def _is_npz(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _stacked_arrays(path: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    arrays = read_arrays(path, _SHAPES)
    count = len(np.atleast_1d(arrays["pred_keypoints_3d"]))
    return {
        name: _checked(arrays[name].reshape(-1, *shape), shape, name, count)
        for name, shape in _SHAPES.items()
    }, (np.arange(count))


def _followed(path: Path, content: Any, person: int | None) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The chosen person's arrays over the frames in which there is anybody, and those frames."""
    people = _people(read_pickle(path) if content is None else content)
    if not people or not any(people):
        raise ValueError("it holds nobody")
    frames, rows = [], []
    last: np.ndarray | None = None
    for number, frame in enumerate(people):
        if not frame:
            continue
        places = [_array(one, "pred_cam_t", (3,)) for one in frame]
        if last is None:
            if person is not None and not 0 <= person < len(frame):
                raise ValueError(f"its first frame has no person {person}, only {len(frame)}")
            row = person if person is not None else int(np.argmax([_box_area(one) for one in frame]))
        else:
            row = int(np.argmin([np.linalg.norm(place - last) for place in places]))
        last = places[row]
        frames.append(number)
        rows.append(frame[row])
    arrays = {name: np.stack([_array(row, name, shape) for row in rows]) for name, shape in _SHAPES.items()}
    return arrays, np.array(frames)


def _people(content: Any) -> list[list[dict[str, Any]]]:
    """The people of each frame, of the forms in which results are kept; empty where it is none of them."""
    frames = (
        list(content.values())
        if isinstance(content, dict) and "pred_keypoints_3d" not in content
        else content
    )
    if isinstance(frames, dict):
        frames = [frames]
    if not isinstance(frames, list):
        return []
    if frames and all(isinstance(frame, dict) and "pred_keypoints_3d" in frame for frame in frames):
        return [[frame] for frame in frames]
    if all(isinstance(frame, list) and all(isinstance(one, dict) for one in frame) for frame in frames):
        return frames
    return []


def _array(person: dict[str, Any], name: str, shape: tuple[int, ...]) -> np.ndarray:
    value = np.asarray(entry(person, name))
    return _checked(value.reshape(-1) if shape == () and value.size == 1 else value[None], shape, name, 1)[0]


def _box_area(person: dict[str, Any]) -> float:
    x0, y0, x1, y1 = _array(person, "bbox", (4,))
    return float((x1 - x0) * (y1 - y0))


def _checked(value: np.ndarray, shape: tuple[int, ...], name: str, count: int) -> np.ndarray:
    if value.shape != (count, *shape) or value.dtype.kind not in "fiu" or count == 0:
        raise ValueError(f"{name} is not an array of shape {shape} in every frame")
    if not (np.abs(value) < MAX_DISTANCE).all():
        raise ValueError(f"{name} holds values that are not finite, or too large to be a person's")
    return value.astype(np.float64)
