"""Train the network that lifts the detector's landmarks into space (``smpl_fitting/lifting.py``).

    python scripts/train_lifter.py render ../shared DIR [--people 200]   # about 12 s a person on one quiet core
    python scripts/train_lifter.py train DIR                             # writes smpl_fitting/data/lifter.npz

Dressed synthetic people (none of the held-out outfits, skins and seeds) take poses of CMU's subject 02, mixed, mirrored
and disturbed, or any that joints allow, and are seen from all sides; MediaPipe looks at the pictures, and the true
landmarks are kept beside its own. Rendering skips the people that are in DIR already.
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

import mediapipe
import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from neural.training import mocap
from neural.training.people import make_person, pose_person, random_person_spec
from neural.training.raster_people import draw_with_rasterizer
from neural.training.studio import look_at, random_studio
from neural.training.truth import join_parts, surface_vertices
from smpl_fitting.body import load_body
from smpl_fitting.body.names import JOINT_NAMES
from smpl_fitting.files import atomic_path
from smpl_fitting.geometry import Camera
from smpl_fitting.landmarks import BONES, LANDMARK
from smpl_fitting.lifting import MIRROR, WEIGHTS, Lifted, Lifter, bone_directions, extent, features, mirrored
from smpl_fitting.priors import joint_limits, mean_pose, pose_spread
from smpl_fitting.world import view_rotation

SEEDS, VIEWS, SIZE = 10000, 48, (320, 320)
ANYTHING = 0.5  # share of the poses that are made up: captured ones are few, and users' motions are others
SUBJECT = "02"  # of CMU; 01 is kept for the benchmark
MIRRORED_JOINTS = [
    JOINT_NAMES.index(n.replace("left", "RIGHT").replace("right", "left").replace("RIGHT", "right"))
    for n in JOINT_NAMES
]
UPPER = [
    JOINT_NAMES.index(n)
    for n in JOINT_NAMES
    if any(part in n for part in ("spine", "neck", "head", "collar", "shoulder", "elbow", "wrist"))
]
STILL = [JOINT_NAMES.index(f"{side}_{part}") for side in ("left", "right") for part in ("foot", "hand")]
MISTAKEN = 0.15  # of the extent: a median miss beyond this is somebody else, or nobody
BATCH, VALIDATION = 256, 1 / 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    rendering = commands.add_parser("render")
    rendering.add_argument("shared", type=Path, help="folder with assets/makehuman_cc0 and mocap/cmu")
    rendering.add_argument("out", type=Path)
    rendering.add_argument("--people", type=int, default=200)
    training = commands.add_parser("train")
    training.add_argument("data", type=Path)
    training.add_argument("--steps", type=int, default=8000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.command == "render":
        render(options.shared, options.out, options.people)
    else:
        train(options.data, options.steps)


def render(shared: Path, out: Path, people: int) -> None:
    """Write one ``.npz`` a person: what the detector saw, and the truth in the camera's axes."""
    out.mkdir(parents=True, exist_ok=True)
    skeleton = mocap.load_asf(shared / f"mocap/cmu/{SUBJECT}.asf")
    recordings = [
        mocap.load_amc(path, skeleton) for path in sorted((shared / "mocap/cmu").glob(f"{SUBJECT}_*.amc"))
    ]
    detector = mediapipe.solutions.pose.Pose(
        static_image_mode=True, model_complexity=1, min_detection_confidence=0.3
    )
    for seed in range(SEEDS, SEEDS + people):
        path = out / f"{seed}.npz"
        if path.exists():
            continue
        rows = list(look_at_person(seed, shared / "assets/makehuman_cc0", recordings, detector))
        if rows:
            columns = zip(*rows, strict=True)
            arrays = {
                n: np.stack(c).astype(np.float32)
                for n, c in zip(("kp", "world", "true", "K"), columns, strict=True)
            }
            with atomic_path(path) as temporary, open(temporary, "wb") as file:
                np.savez(file, **arrays)
        print(f"{seed}: {len(rows)} of {VIEWS} seen", flush=True)


def look_at_person(seed: int, wardrobe: Path, recordings: list[mocap.Recording], detector):
    """Yield landmarks (33, 4) px, world landmarks (33, 3), true ones (33, 3) in camera axes, K (3, 3)."""
    rng = np.random.default_rng(seed)
    body = load_body("open")
    person = make_person(random_person_spec(seed), wardrobe, body)
    chosen = rng.choice(len(recordings), 2)
    pool = np.concatenate([mocap.retarget(recordings[i], person.joints, fps=6)[0] for i in chosen])
    poses = np.stack([random_pose(pool, rng) for _ in range(VIEWS)])
    posed, surface = pose_person(person, poses, np.zeros((VIEWS, 3))), join_parts(person)
    for view in range(VIEWS):
        vertices = surface_vertices(posed, view)
        camera = random_camera(vertices, rng)
        result = detector.process(
            draw_with_rasterizer(surface, vertices, camera, random_studio(seed * 100 + view))
        )
        if result.pose_landmarks is None:
            continue
        height, width = SIZE
        seen = np.array(
            [(m.x * width, m.y * height, m.z * width, m.visibility) for m in result.pose_landmarks.landmark]
        )
        world = np.array([(m.x, m.y, m.z) for m in result.pose_world_landmarks.landmark])
        corners = posed.body[view][body.landmark_vertices]
        true = (corners * body.landmark_weights.numpy()[..., None]).sum(1)
        yield seen, world, true @ camera.R.numpy().T + camera.t.numpy(), camera.K.numpy()


def random_pose(pool: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(72,) a captured pose, mirrored, with another's upper body, disturbed, or in part any that joints allow."""

    def captured() -> np.ndarray:
        pose = pool[rng.integers(len(pool))].reshape(24, 3).copy()
        return pose[MIRRORED_JOINTS] * (1, -1, -1) if rng.random() < 0.5 else pose

    low, high, mean = (value.numpy() for value in (*joint_limits(), mean_pose()))
    spread = pose_spread().numpy()[:, None] * rng.normal(size=(23, 3))
    pose = captured()
    if rng.random() < 0.5:
        pose[UPPER] = captured()[UPPER]
    if rng.random() < ANYTHING:
        anything = mean + spread * rng.uniform(0.5, 1.2)
        pose[1:] = np.where(rng.random((23, 1)) < 0.7, anything, pose[1:])
    else:
        pose[1:] += spread * rng.choice([0.05, 0.2, 0.45])
    pose[1:] = np.clip(pose[1:], low, high)
    pose[STILL] = 0
    tilt = Rotation.from_rotvec(rng.normal(size=3) * rng.choice([0.05, 0.2, 0.6], p=[0.5, 0.35, 0.15]))
    pose[0] = (tilt * Rotation.from_rotvec(pose[0])).as_rotvec()
    return pose.reshape(72)


def random_camera(vertices: np.ndarray, rng: np.random.Generator) -> Camera:
    """A camera anywhere around the person, near or far."""
    middle = (vertices.min(0) + vertices.max(0)) / 2
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(2.4, 7)
    rise = rng.normal() * 0.35 * distance / 4
    eye = middle + (distance * np.sin(angle), -distance * np.cos(angle), rise)
    target = middle + rng.normal(size=3) * 0.15
    half = min(1.35 * np.linalg.norm(vertices - middle, axis=1).max(), 2.0)
    field = 2 * np.degrees(np.arctan(half / distance)) * rng.uniform(0.9, 1.3)
    return look_at(tuple(eye), tuple(target), field, SIZE)


def train(folder: Path, steps: int) -> None:
    """Fit the network to all people but every twelfth, by whom it is judged."""
    files = sorted(folder.glob("*.npz"))
    held = max(1, round(len(files) * VALIDATION))
    seen, world, points, offsets = load(files[held:])
    judged = load(files[:held])
    print(f"{len(seen)} pictures to learn from, {len(judged[0])} to judge by")
    turned = mirrored(seen, world)
    over = torch.tensor([-1.0, 1.0, 1.0])
    inputs = torch.cat((features(seen, world), features(*turned)))
    points = torch.cat((points, points[:, MIRROR] * over))
    offsets = torch.cat((offsets, offsets[:, MIRROR] * over[:2]))
    directions = bone_directions(points)
    torch.manual_seed(0)
    network = fresh_network(inputs)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps)
    # of x, y, depth, visibility; x, y, z in space: how much the same landmarks flicker
    noise = torch.tensor([0.004, 0.004, 0.01, 0.02, 0.006, 0.006, 0.01]).repeat(33)
    for step in range(steps):
        rows = torch.randint(len(inputs), (BATCH,))
        lifted = network(inputs[rows] + torch.randn(BATCH, inputs.shape[1]) * noise)
        loss = cost(lifted, points[rows], directions[rows], offsets[rows])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        if step % 1000 == 0 or step == steps - 1:
            print(f"{step}: {report(network, *judged)}", flush=True)
    save(network)


def load(files: list[Path]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Landmarks (N, 33, 4), world landmarks (N, 33, 3), true points (N, 33, 3) seen by a camera that faces the
    person, and the way to their pixels (N, 33, 2) as a share of the landmarks' extent."""
    rows = []
    for path in files:
        try:
            with np.load(path, allow_pickle=False) as archive:
                seen, world, true, K = (
                    torch.from_numpy(archive[name]) for name in ("kp", "world", "true", "K")
                )
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise SystemExit(
                f"{path}: not rendered by this script ({error}); delete it and render again"
            ) from error
        middle, size = extent(seen)
        points = torch.einsum("tji,tnj->tni", view_rotation(middle[:, 0], K), true)
        hips = [LANDMARK["left_hip"], LANDMARK["right_hip"]]
        points = points - points[:, hips].mean(1, keepdim=True)
        pixels = torch.einsum("tij,tnj->tni", K, true)
        offsets = (pixels[..., :2] / pixels[..., 2:] - seen[..., :2]) / size
        right = offsets.norm(dim=-1).median(1).values < MISTAKEN
        rows.append([value[right] for value in (seen, world, points, offsets)])
    seen, world, points, offsets = (torch.cat(column) for column in zip(*rows, strict=True))
    return seen, world, points, offsets


def fresh_network(inputs: Tensor) -> Lifter:
    """A network that believes the detector, and all bones alike."""
    network = Lifter()
    network.mean.copy_(inputs.mean(0))
    network.scale.copy_(inputs.std(0).clamp_min(0.02))
    torch.nn.init.zeros_(network.last.weight)
    torch.nn.init.zeros_(network.last.bias)
    first = sum(network.sizes[:2])
    network.last.bias.data[first : first + len(BONES)] = -1
    return network


def cost(lifted: Lifted, points: Tensor, directions: Tensor, offsets: Tensor) -> Tensor:
    """Negative log likelihoods of directions and pixels, and the points' distance (3 or 2 numbers share a spread)."""
    spread, fine = lifted.direction_spreads, lifted.pixel_spreads
    bones = (lifted.directions - directions).square().sum(-1) / (2 * spread**2) + 3 * spread.log()
    marks = (lifted.offsets - offsets).square().sum(-1) / (2 * fine**2) + 2 * fine.log()
    return bones.mean() + 0.5 * marks.mean() + 20 * (lifted.points - points).norm(dim=-1).mean()


@torch.no_grad()
def report(network: Lifter, seen: Tensor, world: Tensor, points: Tensor, offsets: Tensor) -> str:
    """The people it has not learnt from, before and after."""
    network.eval()
    lifted = network(features(seen, world))
    network.train()
    true = bone_directions(points)

    def degrees(found: Tensor) -> float:
        cosine = (torch.nn.functional.normalize(found, dim=-1) * true).sum(-1)
        return float(torch.rad2deg(torch.arccos(cosine.clamp(-1, 1))).mean())

    before, after = (miss.norm(dim=-1).mean() for miss in (offsets, lifted.offsets - offsets))
    far = [float(1e3 * (found - points).norm(dim=-1).mean()) for found in (world, lifted.points)]
    bones = [degrees(bone_directions(world)), degrees(lifted.directions)]
    return (
        f"bones {bones[0]:.1f} -> {bones[1]:.1f} degrees, landmarks {far[0]:.0f} -> {far[1]:.0f} mm, "
        f"{100 * before:.2f} -> {100 * after:.2f} % of the extent"
    )


def save(network: Lifter) -> None:
    state = network.state_dict()
    exact = ("mean", "scale")
    arrays = {
        name: value.numpy().astype(np.float32 if name in exact else np.float16)
        for name, value in state.items()
    }
    with atomic_path(WEIGHTS) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)


if __name__ == "__main__":
    main()
