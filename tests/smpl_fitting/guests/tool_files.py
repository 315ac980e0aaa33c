"""Results of other tools, made to their published layouts from one known movement seen by one known camera."""

import dataclasses
import pickle
import sys
import types
import zlib

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from smpl_fitting.body import load_body

FRAMES = 12
SIZE = (720, 1280)
FOCAL = 1300.0
UPRIGHT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # Y-up to Z-up


@dataclasses.dataclass(frozen=True)
class Walk:
    """The movement: local rotations (T, 24, 3, 3) with joint 0 in a Y-up world, pelvis (T, 3) there, a camera."""

    body: object  # stands for the licensed model: known joints
    betas: np.ndarray
    local: np.ndarray
    pelvis: np.ndarray
    R: np.ndarray  # (T, 3, 3) from the Y-up world to the camera
    t: np.ndarray
    K: np.ndarray

    @property
    def rest_pelvis(self):
        return self.body.shaped(torch.tensor(self.betas))[1][0].double().numpy()

    @property
    def root_cam(self):
        return self.R @ self.local[:, 0]

    @property
    def pelvis_cam(self):
        return (self.R @ self.pelvis[..., None])[..., 0] + self.t

    def axis_angle(self, root=None):
        local = self.local.copy()
        if root is not None:
            local[:, 0] = root
        return Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec().reshape(len(local), -1)

    def joints_cam(self):
        """(T, 24, 3) by the body's own forward kinematics."""
        trans = torch.tensor(self.pelvis_cam - self.rest_pelvis).float()
        poses = torch.tensor(self.axis_angle(self.root_cam)).float()
        return self.body.joints(torch.tensor(self.betas), poses, trans).double().numpy()

    def joints_world(self):
        """(T, 24, 3) in our Z-up world."""
        trans = torch.tensor(self.pelvis - self.rest_pelvis).float()
        joints = self.body.joints(torch.tensor(self.betas), torch.tensor(self.axis_angle()).float(), trans)
        return joints.double().numpy() @ UPRIGHT.T


def make_walk(model: str) -> Walk:
    rng = np.random.default_rng(3)
    body = load_body("open")
    place = (
        torch.tensor({"smpl": (0.0, -0.23, 0.03), "smplx": (0.0, -0.35, 0.01)}[model]) - body.J_template[0]
    )
    body = dataclasses.replace(
        body, name=model, v_template=body.v_template + place, J_template=body.J_template + place
    )
    time = np.linspace(0, 1, FRAMES)
    turns = rng.normal(0, 0.25, (24, 3)) * np.sin(
        2 * np.pi * time[:, None, None] + rng.uniform(0, 6, 24)[:, None]
    )
    turns[:, 22:] = 0
    local = Rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix().reshape(FRAMES, 24, 3, 3)
    facing = Rotation.from_euler("y", 150 + 40 * time[:, None], degrees=True).as_matrix()
    local[:, 0] = facing @ local[:, 0]
    pelvis = np.stack([0.3 * time, 0.9 + 0.05 * np.sin(9 * time), 1.2 * time], 1)
    look = Rotation.from_euler("yx", np.stack([10 * time, 5 + 3 * time], 1), degrees=True).as_matrix()
    R = look @ np.diag([1.0, -1.0, -1.0])
    t = np.stack([0.1 * time, 0.8 + 0 * time, 5 - time], 1)
    K = np.array([[FOCAL, 0, SIZE[1] / 2], [0, FOCAL, SIZE[0] / 2], [0, 0, 1.0]])
    betas = np.zeros(body.num_betas, np.float32)
    betas[:10] = rng.normal(0, 0.5, 10)
    return Walk(body, betas, local, pelvis, R, t, np.tile(K, (FRAMES, 1, 1)))


def world_joints(motion, body):
    """(T, 24, 3) of a motion, by the body's own forward kinematics on its first 22 joints."""
    poses = np.zeros((motion.frame_count, 72), np.float32)
    poses[:, :66] = motion.poses[:, :66]
    betas = torch.zeros(body.num_betas)
    betas[: len(motion.betas)] = torch.as_tensor(motion.betas).float()
    trans = torch.as_tensor(motion.trans).float()
    return body.joints(betas, torch.as_tensor(poses), trans).double().numpy()


def camera_joints(motion, body):
    """(T, 24, 3) in the axes of the motion's own camera."""
    joints = world_joints(motion, body)
    return np.einsum("tij,tkj->tki", motion.camera_R, joints) + motion.camera_t[:, None]


def wham_content(walk: Walk, hips_below: np.ndarray, frame_ids=None) -> dict:
    """What demo.py of WHAM dumps: {track: {...}}; the world's translation is that of the middle of the hips."""
    import collections

    root_world = walk.local[:, 0]
    results: dict = collections.defaultdict(dict)
    results[0] = {
        "pose": walk.axis_angle(walk.root_cam).astype(np.float32),
        "trans": (walk.pelvis_cam - walk.rest_pelvis).astype(np.float32),
        "pose_world": walk.axis_angle().astype(np.float32),
        "trans_world": (walk.pelvis + root_world @ hips_below).astype(np.float32),
        "betas": np.tile(walk.betas[:10], (FRAMES, 1)).astype(np.float32),
        "verts": np.zeros((FRAMES, 20, 3), np.float32),
        "frame_ids": np.arange(FRAMES) if frame_ids is None else np.asarray(frame_ids),
    }
    results[3] = {key: value[:4] for key, value in results[0].items()}
    return results


def phalp_content(walk: Walk, missing=()) -> dict:
    """What PHALP's track() dumps: one entry a frame, lists over the people; here two, the second at times predicted."""
    height, width = SIZE
    focal = 5000.0 * max(SIZE) / 256.0
    content = {}
    for frame in range(FRAMES):
        camera = walk.pelvis_cam[frame] - walk.rest_pelvis
        camera = camera + [0, 0, walk.pelvis_cam[frame, 2] * (focal / FOCAL - 1)]
        smpl = {
            "global_orient": walk.root_cam[frame][None].astype(np.float32),
            "body_pose": walk.local[frame, 1:].astype(np.float32),
            "betas": walk.betas[:10].astype(np.float32),
        }
        people = [7, 2] if frame not in missing else [7]
        rows = range(len(people))
        content[f"outputs/_DEMO/clip/img/{frame:06d}.jpg"] = {
            "time": frame,
            "shot": 0,
            "frame_path": f"outputs/_DEMO/clip/img/{frame:06d}.jpg",
            "tracked_ids": people,
            "tracked_bbox": [np.array([10.0, 20.0, 200.0, 400.0]) for _ in rows],
            "tid": people,
            "bbox": [np.array([10.0, 20.0, 200.0, 400.0]) for _ in rows],
            "tracked_time": [1 if track == 7 and frame % 3 else 0 for track in people],
            "center": [np.array([640.0, 360.0]) for _ in rows],
            "scale": [np.array([200.0, 400.0]) for _ in rows],
            "size": [[height, width] for _ in rows],
            "img_path": [f"{frame:06d}.jpg" for _ in rows],
            "img_name": [f"{frame:06d}.jpg" for _ in rows],
            "class_name": [np.int64(0) for _ in rows],
            "conf": [np.float32(0.9) for _ in rows],
            "annotations": [[] for _ in rows],
            "smpl": [smpl for _ in rows],
            "camera": [camera.astype(np.float32) for _ in rows],
            "camera_bbox": [np.ones(3, np.float32) for _ in rows],
            "3d_joints": [np.zeros((45, 3), np.float32) for _ in rows],
            "2d_joints": [np.zeros(90, np.float32) for _ in rows],
            "mask": [[{"size": [height, width], "counts": "abc"}] for _ in rows],
        }
    return content


def joblib_bytes(content, compress: int = 0, protocol: int = 4) -> bytes:
    """What ``joblib.dump`` writes (joblib/numpy_pickle.py, 1.2 to 1.5), by a pickler of our own."""
    import io

    module = types.ModuleType("joblib.numpy_pickle")

    class NumpyArrayWrapper:
        pass

    NumpyArrayWrapper.__module__, NumpyArrayWrapper.__qualname__ = "joblib.numpy_pickle", "NumpyArrayWrapper"
    module.NumpyArrayWrapper = NumpyArrayWrapper
    stream = io.BytesIO()

    class Pickler(pickle._Pickler):
        def save(self, value, *arguments, **options):
            if type(value) is not np.ndarray:
                return super().save(value, *arguments, **options)
            wrapper = NumpyArrayWrapper()
            wrapper.subclass, wrapper.shape, wrapper.dtype = np.ndarray, value.shape, value.dtype
            wrapper.order = "C" if value.flags.c_contiguous else "F"
            wrapper.allow_mmap = not compress
            wrapper.numpy_array_alignment_bytes = 16
            super().save(wrapper)
            if self.proto >= 4:
                self.framer.commit_frame(force=True)
            padding = 16 - (stream.tell() + 1) % 16
            stream.write(bytes([padding]) + b"\xff" * padding + value.tobytes(order=wrapper.order))
            return None

    before = {name: sys.modules.get(name) for name in ("joblib", "joblib.numpy_pickle")}
    sys.modules.update({"joblib": types.ModuleType("joblib"), "joblib.numpy_pickle": module})
    try:
        Pickler(stream, protocol).dump(content)
    finally:
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old
    return zlib.compress(stream.getvalue(), compress) if compress else stream.getvalue()


def gvhmr_content(walk: Walk) -> dict:
    """What demo.py of GVHMR saves: tensors only, the network's own outputs beside the parameters."""
    poses, world = walk.axis_angle(walk.root_cam), walk.axis_angle()
    shared = {
        "body_pose": torch.tensor(world[:, 3:66]).float(),
        "betas": torch.tensor(np.tile(walk.betas[:10], (FRAMES, 1))).float(),
    }

    def group(root, transl):
        return {**shared, "global_orient": torch.tensor(root).float(), "transl": torch.tensor(transl).float()}

    return {
        "smpl_params_global": group(world[:, :3], walk.pelvis - walk.rest_pelvis),
        "smpl_params_incam": group(poses[:, :3], walk.pelvis_cam - walk.rest_pelvis),
        "K_fullimg": torch.tensor(walk.K).float(),
        "net_outputs": {
            "model_output": {"pred_x": torch.zeros(1, FRAMES, 151)},
            "static_conf_logits": torch.zeros(1, 3),
        },
    }


def sam3d_content(walk: Walk, people: int = 1) -> list:
    """What process_one_image of SAM 3D Body gives, a list a frame, the 70 points from the body's own landmarks."""
    from smpl_fitting.guests.sam3d_body import _POINTS
    from smpl_fitting.landmarks import LANDMARK

    trans = torch.tensor(walk.pelvis_cam - walk.rest_pelvis).float()
    poses = torch.tensor(walk.axis_angle(walk.root_cam)).float()
    marks = walk.body.landmarks(torch.tensor(walk.betas), poses, trans).double().numpy()
    frames = []
    for frame, points in enumerate(marks):
        cam_t = walk.pelvis_cam[frame]
        keypoints = np.zeros((70, 3))
        for name, ids in _POINTS.items():
            keypoints[list(ids)] = points[LANDMARK[name]] - cam_t
        flat = (keypoints + cam_t) @ walk.K[frame].T
        one = {
            "bbox": np.array([100.0, 100.0, 300.0, 600.0], np.float32),
            "focal_length": np.float32(FOCAL),
            "pred_keypoints_3d": keypoints.astype(np.float32),
            "pred_keypoints_2d": (flat[:, :2] / flat[:, 2:]).astype(np.float32),
            "pred_vertices": np.zeros((50, 3), np.float32),
            "pred_cam_t": cam_t.astype(np.float32),
            "pred_pose_raw": np.zeros(266, np.float32),
            "global_rot": np.zeros(3, np.float32),
            "body_pose_params": np.zeros(133, np.float32),
            "hand_pose_params": np.zeros(108, np.float32),
            "scale_params": np.zeros(28, np.float32),
            "shape_params": np.zeros(45, np.float32),
            "expr_params": np.zeros(72, np.float32),
            "mask": None,
            "pred_joint_coords": np.zeros((127, 3), np.float32),
            "pred_global_rots": np.zeros((127, 3, 3), np.float32),
        }
        far = {
            **one,
            "bbox": np.array([0, 0, 50.0, 90.0], np.float32),
            "pred_cam_t": one["pred_cam_t"] + [3, 0, 4],
        }
        crowd = [far, one] if people == 2 and frame % 2 else [one, far][:people]
        frames.append(crowd)
    return frames
