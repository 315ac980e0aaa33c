"""Render the embedded demo: ``neural/data/demo/source.jpg`` and ``driving.mp4``, two people who never lived.

    python scripts/make_demo.py --wardrobe ../shared/assets/makehuman_cc0 --mocap ../shared/mocap/cmu

Needs the extras ``blender`` and ``dev``. The wardrobe and the motion capture stay out of the repository.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from neural.training.mocap import Y_UP_TO_Z_UP, load_amc, load_asf, retarget
from neural.training.people import Person, PersonSpec, make_person, pose_person, stand_on_floor
from neural.training.people_render import draw_with_cycles
from neural.training.studio import Studio, look_at
from smpl_fitting.body.names import JOINT_NAMES
from smpl_fitting.progress import Progress
from smpl_fitting.video import VideoWriter, read_image, write_image

FPS = 30.0
SOURCE = PersonSpec(
    seed=3,
    gender="female",
    outfit="female_casualsuit01",
    shoes="shoes03",
    hair="long01",
    skin="young_lightskinned_female_diffuse2",
    phenotype=(
        ("gender", 0.0),
        ("age", 0.66),
        ("muscle", 0.5),
        ("weight", 0.42),
        ("height", 0.36),
        ("proportions", 0.95),
        ("cupsize", 0.45),
        ("firmness", 0.7),
        ("african", 0.1),
        ("asian", 0.3),
        ("caucasian", 0.6),
    ),
)
DRIVER = PersonSpec(
    seed=4,
    gender="male",
    outfit="male_casualsuit03",
    shoes="shoes01",
    hair="short04",
    skin="young_darkskinned_male_diffuse",
    phenotype=(
        ("gender", 1.0),
        ("age", 0.71),
        ("muscle", 0.8),
        ("weight", 0.5),
        ("height", 0.45),
        ("proportions", 0.9),
        ("african", 0.85),
        ("asian", 0.05),
        ("caucasian", 0.1),
    ),
)
# CMU subject 2, trial 4: he crouches, swings his arms, leaps, lands and steadies himself.
TRIAL, START, STOP = "02_04", 0.0, 3.2

SOURCE_STUDIO = Studio(
    floor=(0.50, 0.47, 0.44), wall=(0.72, 0.69, 0.64), wall_distance=1.6, sky=0.7, planks=False
)
DRIVER_STUDIO = Studio(
    floor=(0.50, 0.40, 0.31), wall=(0.47, 0.55, 0.58), wall_distance=1.9, key_azimuth=40.0, key_watts=190.0
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wardrobe", type=Path, required=True, help="MakeHuman's CC0 wardrobe")
    parser.add_argument("--mocap", type=Path, required=True, help="folder with 02.asf and 02_04.amc of CMU")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "neural" / "data" / "demo")
    parser.add_argument("--only", choices=("source", "driving"))
    parser.add_argument(
        "--samples", type=int, default=8, help="of the clip; the picture takes eight times more"
    )
    options = parser.parse_args()
    progress = Progress(lambda stage, done: print(f"{stage}: {done:.0%}", flush=True))
    if options.only != "driving":
        make_source(options, progress.part("source", 0.0, 0.2))
    if options.only != "source":
        make_driving(options, progress.part("driving", 0.2, 1.0))


def make_source(options: argparse.Namespace, progress: Progress) -> None:
    person = make_person(SOURCE, options.wardrobe)
    poses, trans = relaxed_pose(person)
    camera = look_at((0.15, -4.3, 1.25), (0.0, 0.0, 0.90), 29.0, (1024, 768))
    with tempfile.TemporaryDirectory() as folder:
        posed = pose_person(person, poses, trans)
        files = draw_with_cycles(
            person, posed, [camera], SOURCE_STUDIO, folder, samples=8 * options.samples, progress=progress
        )
        write_image(options.out / "source.jpg", read_image(files[0]))


def make_driving(options: argparse.Namespace, progress: Progress) -> None:
    person = make_person(DRIVER, options.wardrobe)
    recording = load_amc(options.mocap / f"{TRIAL}.amc", load_asf(options.mocap / f"{TRIAL[:2]}.asf"))
    poses, trans = retarget(recording.part(START, STOP), person.joints, FPS)
    trans = stand_on_floor(person, poses, trans, FPS)
    trans[:, :2] -= trans[:, :2].mean(0)
    camera = look_at((-0.5, -4.6, 1.2), (0.0, 0.0, 1.07), 33.0, (720, 540))
    with tempfile.TemporaryDirectory() as folder:
        posed = pose_person(person, poses, trans)
        files = draw_with_cycles(
            person,
            posed,
            [camera] * len(poses),
            DRIVER_STUDIO,
            folder,
            samples=options.samples,
            progress=progress,
        )
        with VideoWriter(options.out / "driving.mp4", FPS, camera.image_size) as writer:
            for file in files:
                writer.write(read_image(file))


def relaxed_pose(person: Person) -> tuple[np.ndarray, np.ndarray]:
    """One frame (1, 72), (1, 3): standing at ease, the arms off the body so that a camera sees all of it."""
    turns = {
        "left_shoulder": (8, 0, -50),
        "right_shoulder": (10, 0, 49),
        "left_collar": (0, 0, -6),
        "right_collar": (0, 0, 6),
        "left_elbow": (0, -16, -6),
        "right_elbow": (0, 18, 6),
        "left_hip": (0, 0, -4),
        "right_hip": (-1, 0, 3),
        "left_ankle": (0, 0, 4),
        "right_ankle": (1, 0, -3),
        "neck": (4, 0, 0),
        "head": (-2, 3, 0),
    }
    poses = np.zeros((24, 3))
    for name, degrees in turns.items():
        poses[JOINT_NAMES.index(name)] = Rotation.from_euler("xyz", degrees, degrees=True).as_rotvec()
    poses[0] = Rotation.from_matrix(Y_UP_TO_Z_UP).as_rotvec()
    trans = Y_UP_TO_Z_UP @ person.joints[0] - person.joints[0]
    poses, trans = poses.reshape(1, 72), trans[None]
    return poses, stand_on_floor(person, poses, trans, FPS)


if __name__ == "__main__":
    main()
