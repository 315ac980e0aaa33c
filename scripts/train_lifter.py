"""Train the network that lifts the detector's landmarks into space (``smpl_fitting/lifting.py``).

    python scripts/train_lifter.py render ../shared DIR [--people 600]   # about 12 s a person on one core
    python scripts/train_lifter.py train DIR                             # writes smpl_fitting/data/lifter.npz

Dressed synthetic people (none of the held-out outfits, skins and seeds) move for a second at a time as CMU's subject 02
did, as people do, or as joints allow (``_lifter_motions.py``), and are seen from all sides. Both of MediaPipe's
landmark networks follow them as in a clip (:mod:`smpl_fitting.detection`; the heavy one has to be fetched), and true
landmarks are kept beside what they see. Rendering skips the people that are in DIR already.
The shipped network learned in 14,000 steps from 541 people, and was judged by 50 others.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from _lifter_motions import random_run
from torch import Tensor

from neural.training import mocap
from neural.training.people import make_person, pose_person, random_person_spec
from neural.training.raster_people import draw_with_rasterizer
from neural.training.studio import look_at, random_studio
from neural.training.truth import join_parts, surface_vertices
from smpl_fitting.body import load_body
from smpl_fitting.detection import DetectorSession
from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.networks import NETWORKS
from smpl_fitting.detection.session import Sighting
from smpl_fitting.files import atomic_path
from smpl_fitting.geometry import Camera
from smpl_fitting.landmarks import BONES, LANDMARK
from smpl_fitting.lifting import (
    MIRROR,
    REACH,
    STEP,
    WEIGHTS,
    Lifted,
    Lifter,
    answer,
    bone_directions,
    extent,
    features,
    frames_around,
    mirrored,
)
from smpl_fitting.world import view_rotation

SIZE = (320, 320)
RUNS, FRAMES = 4, 12  # of a person, of a run; STEP apart
SUBJECT = "02"  # of CMU; 01 is kept for the benchmark
MISTAKEN = 0.15  # of the extent: a median miss beyond this is somebody else, or nobody
BATCH_RUNS, VALIDATION = 24, 1 / 12
FORGOTTEN, ALONE = 0.1, 0.15  # share of neighbouring frames left out in training, and of frames shown alone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    rendering = commands.add_parser("render")
    rendering.add_argument("shared", type=Path, help="folder with assets/makehuman_cc0 and mocap/cmu")
    rendering.add_argument("out", type=Path)
    rendering.add_argument("--people", type=int, default=600)
    rendering.add_argument("--first", type=int, default=20000, help="seed of the first, for a second process")
    training = commands.add_parser("train")
    training.add_argument("data", type=Path)
    training.add_argument("--steps", type=int, default=14000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.command == "render":
        render(options.shared, options.out, range(options.first, options.first + options.people))
    else:
        train(options.data, options.steps)


def render(shared: Path, out: Path, seeds: range) -> None:
    """Write one ``.npz`` a person and network: what it saw, the truth in the camera's axes, the run and the frame."""
    skeleton = mocap.load_asf(shared / f"mocap/cmu/{SUBJECT}.asf")
    recordings = [
        mocap.load_amc(path, skeleton) for path in sorted((shared / "mocap/cmu").glob(f"{SUBJECT}_*.amc"))
    ]
    sessions = [DetectorSession(network) for network in NETWORKS]
    for seed in seeds:
        paths = [out / session.network / f"{seed}.npz" for session in sessions]
        if paths[-1].exists():
            continue
        rows = list(look_at_person(seed, shared / "assets/makehuman_cc0", recordings, sessions))
        for path, session in zip(paths, sessions, strict=True):
            columns = zip(*(row for network, row in rows if network == session.network), strict=True)
            arrays = {
                n: np.stack(c).astype(np.float32)
                for n, c in zip(("kp", "world", "true", "K", "at"), columns, strict=False)
            }
            if arrays:
                with atomic_path(path) as temporary, open(temporary, "wb") as file:
                    np.savez(file, **arrays)
        print(f"{seed}: seen {len(rows)} of {len(sessions) * RUNS * FRAMES} times", flush=True)


Row = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Landmarks (33, 4) px, world landmarks (33, 3), true ones (33, 3) in camera axes, K (3, 3), run and frame (2,)."""


def look_at_person(
    seed: int, wardrobe: Path, recordings: list[mocap.Recording], sessions: list[DetectorSession]
) -> Iterator[tuple[str, Row]]:
    """Yield the network and what it saw, for each frame and network that found her."""
    rng = np.random.default_rng(seed)
    body = load_body("open")
    person = make_person(random_person_spec(seed), wardrobe, body)
    surface = join_parts(person)
    pools = [
        mocap.retarget(recordings[i], person.joints, fps=rng.uniform(0.7, 1.3) / STEP)[0]
        for i in rng.choice(len(recordings), 3)
    ]
    for run in range(RUNS):
        posed = pose_person(person, *random_run(pools, FRAMES, STEP, rng))
        vertices = [surface_vertices(posed, frame) for frame in range(FRAMES)]
        camera = random_camera(np.concatenate([one[::20] for one in vertices]), rng)
        studio, crops = random_studio(seed * 100 + run), dict.fromkeys(NETWORKS)
        for frame in range(FRAMES):
            picture = draw_with_rasterizer(surface, vertices[frame], camera, studio)
            corners = posed.body[frame][body.landmark_vertices]
            true = (corners * body.landmark_weights.numpy()[..., None]).sum(1)
            true = true @ camera.R.numpy().T + camera.t.numpy()
            for session in sessions:
                found, crops[session.network] = follow(session, picture, crops[session.network])
                if found is not None:
                    at = np.array([run, frame])
                    yield (
                        session.network,
                        (found.keypoints, found.keypoints_world, true, camera.K.numpy(), at),
                    )


def follow(
    session: DetectorSession, picture: np.ndarray, crop: Crop | None
) -> tuple[Sighting | None, Crop | None]:
    """Look where she was, or anew; and where to look next."""
    if crop is not None and (found := session.look(picture, crop)) is not None:
        return found, crop.towards(found.next_crop)
    candidates = session.candidates(picture)
    found = session.look(picture, candidates[0]) if candidates else None
    return found, found.next_crop if found else None


def random_camera(vertices: np.ndarray, rng: np.random.Generator) -> Camera:
    """A camera anywhere around the person, near or far."""
    middle = (vertices.min(0) + vertices.max(0)) / 2
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(2.4, 7)
    rise = rng.normal() * 0.35 * distance / 4
    eye = middle + (distance * np.sin(angle), -distance * np.cos(angle), rise)
    target = middle + rng.normal(size=3) * 0.12
    half = min(1.35 * np.linalg.norm(vertices - middle, axis=1).max(), 2.0)
    field = 2 * np.degrees(np.arctan(half / distance)) * rng.uniform(0.68, 1.2)
    return look_at(tuple(eye), tuple(target), field, SIZE)


@dataclass(frozen=True)
class Frames:
    """N frames, one run after the other: what was seen, and the truth.

    Attributes:
        seen: (N, 33, 4), world: (N, 33, 3), as :func:`smpl_fitting.lifting.lift` takes them.
        points: (N, 33, 3) true landmarks in the axes of a camera that faces the person.
        offsets: (N, 33, 2) from the landmarks seen to the true ones, as a share of the extent.
        right: (N,) bool, not of somebody else.
        around: (N, 2 REACH + 1) rows of :func:`smpl_fitting.lifting.frames_around`.
        run: (N,) number of the run.
    """

    seen: Tensor
    world: Tensor
    points: Tensor
    offsets: Tensor
    right: Tensor
    around: Tensor
    run: Tensor


def train(folder: Path, steps: int) -> None:
    """Fit the network to what both landmark networks saw of all people but every twelfth, by whom it is judged."""
    seeds = sorted({path.stem for path in folder.glob("*/*.npz")})
    held = set(seeds[:: round(1 / VALIDATION)])
    learned = load(sorted(path for path in folder.glob("*/*.npz") if path.stem not in held))
    judged = {
        network: load([path for seed in sorted(held) if (path := folder / network / f"{seed}.npz").exists()])
        for network in NETWORKS
    }
    print(
        f"{len(learned.run)} frames of {len(seeds) - len(held)} people to learn from, {len(held)} to judge by"
    )
    inputs, points, offsets, right, around, run = both_ways(learned)
    directions = bone_directions(points)
    torch.manual_seed(0)
    network = fresh_network(inputs)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps)
    # of x, y, depth, visibility; x, y, z in space: how much the same landmarks flicker
    noise = torch.tensor([0.004, 0.004, 0.01, 0.02, 0.006, 0.006, 0.01]).repeat(33)
    first = torch.searchsorted(run, torch.arange(int(run[-1]) + 2))
    for step in range(steps):
        chosen = torch.randint(len(first) - 1, (BATCH_RUNS,)).unique()
        rows = torch.cat([torch.arange(first[one], first[one + 1]) for one in chosen])
        near = forgetful(around[rows], rows)
        lifted = network(inputs[rows] + torch.randn(len(rows), inputs.shape[1]) * noise, near)
        loss = cost(lifted, points[rows], directions[rows], offsets[rows], right[rows].float())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        if step % 2000 == 0 or step == steps - 1:
            for name, frames in judged.items():
                print(f"{step}, {name}: {report(network, frames)}", flush=True)
    save(network)


def load(files: list[Path]) -> Frames:
    """What was rendered.

    Raises:
        SystemExit: a file is not of this script.
    """
    rows: list[tuple[Tensor, ...]] = []
    count = runs = 0
    for path in files:
        try:
            with np.load(path, allow_pickle=False) as archive:
                seen, world, true, K = (
                    torch.from_numpy(archive[name]) for name in ("kp", "world", "true", "K")
                )
                run, frame = archive["at"].astype(int).T
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
        around = rows_around(run, frame)
        rows.append(
            (
                seen,
                world,
                points,
                offsets,
                right,
                torch.where(around < 0, -1, around + count),
                torch.from_numpy(run) + runs,
            )
        )
        count, runs = count + len(seen), runs + RUNS
    return Frames(*(torch.cat(column) for column in zip(*rows, strict=True)))


def rows_around(run: np.ndarray, frame: np.ndarray) -> Tensor:
    """:func:`smpl_fitting.lifting.frames_around` of the frames that were seen of RUNS runs."""
    place = run * FRAMES + frame
    row = np.full(RUNS * FRAMES, -1)
    row[place] = np.arange(len(place))
    places = frames_around(row >= 0, 1 / STEP, range(FRAMES, RUNS * FRAMES, FRAMES)).numpy()[place]
    return torch.from_numpy(np.where(places < 0, -1, row[places]))


def both_ways(frames: Frames) -> tuple[Tensor, ...]:
    """Features, points, offsets, right, around and run of the frames, and of what a mirror shows."""
    over = torch.tensor([-1.0, 1.0, 1.0])
    count, runs = len(frames.run), int(frames.run.max()) + 1
    turned = features(*mirrored(frames.seen, frames.world))
    around = torch.where(frames.around < 0, -1, frames.around + count)
    return (
        torch.cat((features(frames.seen, frames.world), turned)),
        torch.cat((frames.points, frames.points[:, MIRROR] * over)),
        torch.cat((frames.offsets, frames.offsets[:, MIRROR] * over[:2])),
        frames.right.repeat(2),
        torch.cat((frames.around, around)),
        torch.cat((frames.run, frames.run + runs)),
    )


def forgetful(around: Tensor, rows: Tensor) -> Tensor:
    """``around`` with its rows counted within the rising ``rows``, some forgotten: gaps, ends of clips, photos."""
    near = torch.searchsorted(rows, around.clamp_min(0))
    gone = (torch.rand(near.shape) < FORGOTTEN) | (torch.rand(len(near), 1) < ALONE)
    gone[:, REACH] = False
    return torch.where(gone | (around < 0), -1, near)


def fresh_network(inputs: Tensor) -> Lifter:
    """A network that believes the detector, and all bones alike."""
    network = Lifter()
    network.mean.copy_(inputs.mean(0))
    network.scale.copy_(inputs.std(0).clamp_min(0.02))
    for layer in (network.last, *(block[-1] for block in network.over_time)):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    first = sum(network.sizes[:2])
    network.last.bias.data[first : first + len(BONES)] = -1
    return network


def cost(lifted: Lifted, points: Tensor, directions: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """Negative log likelihoods of directions and pixels, and the points' distance (3 or 2 numbers share a spread);
    the mean over frames of these weights."""
    spread, fine = lifted.direction_spreads, lifted.pixel_spreads
    bones = (lifted.directions - directions).square().sum(-1) / (2 * spread**2) + 3 * spread.log()
    marks = (lifted.offsets - offsets).square().sum(-1) / (2 * fine**2) + 2 * fine.log()
    points_apart = (lifted.points - points).norm(dim=-1)
    each = bones.mean(1) + 0.5 * marks.mean(1) + 20 * points_apart.mean(1)
    return (each * weights).sum() / weights.sum()


@torch.no_grad()
def report(network: Lifter, frames: Frames) -> str:
    """The people it has not learnt from: as the detector sees them, each frame alone, and over time."""
    network.eval()
    true, right = bone_directions(frames.points), frames.right
    alone = torch.full_like(frames.around, -1)
    alone[:, REACH] = torch.arange(len(alone))
    size = extent(frames.seen)[1]

    def errors(directions: Tensor, points: Tensor, miss: Tensor) -> list[float]:
        cosine = (torch.nn.functional.normalize(directions, dim=-1) * true).sum(-1)
        degrees = torch.rad2deg(torch.arccos(cosine.clamp(-1, 1)))
        far = 1e3 * (points - frames.points).norm(dim=-1)
        return [float(value[right].mean()) for value in (degrees, far, 100 * miss.norm(dim=-1))]

    columns = [errors(bone_directions(frames.world), frames.world, frames.offsets)]
    for around in (alone, frames.around):
        lifted = answer(network, frames.seen, frames.world, around)
        columns.append(errors(lifted.directions, lifted.points, lifted.offsets / size - frames.offsets))
    network.train()
    bones, points, marks = (
        " -> ".join(f"{value:.2f}" for value in row) for row in zip(*columns, strict=True)
    )
    return f"bones {bones} degrees, points {points} mm, landmarks {marks} % of the extent"


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
