"""Stills of one rig: ``python _retarget_stills.py RIG OUT SHARED NAME=MOTION …`` writes DIR/RIG_NAME_FRAME_VIEW.png.

RIG ``source`` is the motion itself: the open body for motion files, a figure of sticks for recordings. DIR is OUT's
folder; OUT lists what was drawn. Rigs without a mesh are drawn as sticks too.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "benchmarks"), str(REPO / "tests" / "blender_addon" / "retarget")]

import bpy  # noqa: E402
import numpy as np  # noqa: E402
import rigs  # noqa: E402
from _retarget_rig import FPS, run_and_leave, shown_bones  # noqa: E402
from mathutils import Matrix, Vector  # noqa: E402
from rig_bodies import open_body  # noqa: E402

from blender_addon.retarget.apply import Job, retarget  # noqa: E402
from blender_addon.retarget.clip import Clip  # noqa: E402
from blender_addon.retarget.matcher import match  # noqa: E402
from blender_addon.retarget.rig import read_skeleton  # noqa: E402
from blender_addon.retarget.skeleton import SIDES  # noqa: E402
from blender_addon.retarget.source import read_clip  # noqa: E402
from blender_addon.scene.build import add_person  # noqa: E402
from blender_addon.scene.files import read_motion  # noqa: E402

SIZE = (300, 200)  # height, width
TITLE_WIDTH = 140
SAMPLES = 12
COLOURS = {"source": (0.75, 0.22, 0.05, 1)}
CHARACTER = (0.06, 0.2, 0.42, 1)
STILLS = (0.27, 0.5)
"""Shares of a motion after which it is looked at."""
VIEWS = {"front": (0.0, -1.0), "side": (1.0, 0.0)}
"""Where the camera stands, seen from the hips: x and y, for who faces -Y on the first frame."""
STICKS = tuple(
    (f"{side}_{a}", f"{side}_{b}")
    for side in SIDES
    for a, b in (
        ("upper_arm", "lower_arm"),
        ("lower_arm", "hand"),
        ("upper_leg", "lower_leg"),
        ("lower_leg", "foot"),
        ("foot", "toes"),
    )
)
TRUNK_STICKS = (
    ("hips", "head"),
    ("left_upper_leg", "right_upper_leg"),
    ("left_upper_arm", "right_upper_arm"),
)


@dataclass(frozen=True)
class Figure:
    """Something that is drawn frame by frame."""

    height: float  # of the body at rest, metres
    joints: list[dict[str, np.ndarray]]  # of each still: role -> place
    has_mesh: bool


def stills_of(clip: Clip) -> np.ndarray:
    """Frames, from 0."""
    return (np.array(STILLS) * (clip.frame_count - 1)).astype(int)


def show_rig(rig: bpy.types.Object, clip: Clip) -> Figure:
    """Retarget the clip and read the joints on the stills."""
    skeleton = read_skeleton(rig)
    shown = shown_bones(rig, match(skeleton))
    retarget([Job(rig, clip)])
    joints = []
    for frame in stills_of(clip):
        bpy.context.scene.frame_set(int(frame) + 1)
        evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
        world = np.array(evaluated.matrix_world)
        joints.append(
            {r: (world @ np.array(evaluated.pose.bones[b].matrix))[:3, 3] for r, b in shown.items()}
        )
    has_mesh = any(child.type == "MESH" and child.find_armature() == rig for child in bpy.data.objects)
    return Figure(_height(joints), joints, has_mesh)


def show_source(path: Path, clip: Clip) -> Figure:
    bone_map = match(clip.skeleton)
    rows = {role: clip.skeleton.index(bones[0]) for role, bones in bone_map.pairs.items()}
    heads = [clip.skeleton.heads[rows[f"left_{part}"]] for part in ("upper_leg", "lower_leg", "foot")]
    motion = read_motion(path) if path.suffix == ".npz" else None
    has_mesh = motion is not None and motion.poses.shape[1] == 72  # the open body without fingers
    scale = 1.0 if motion else 0.8 / np.linalg.norm(np.diff(heads, axis=0), axis=1).sum()
    if has_mesh:
        add_person(bpy.context.scene, motion, open_body())
    joints = [{r: scale * clip.positions[int(f), k] for r, k in rows.items()} for f in stills_of(clip)]
    if motion is None:  # recordings have their floor anywhere
        low = min(place[2] for frame in joints for place in frame.values())
        joints = [{role: place - [0, 0, low - 0.05] for role, place in frame.items()} for frame in joints]
    return Figure(_height(joints), joints, has_mesh)


def _height(joints: list[dict[str, np.ndarray]]) -> float:
    """From the legs, which look alike on people and on characters with large heads."""
    at = joints[0]
    pairs = (("left_upper_leg", "left_lower_leg"), ("left_lower_leg", "left_foot"), ("hips", "head"))
    return float(1.25 * sum(np.linalg.norm(at[a] - at[b]) for a, b in pairs))


def draw(name: str, figure: Figure, clip: Clip, folder: Path, label: str) -> list[str]:
    scene = bpy.context.scene
    camera = scene.camera
    # leaps too, with room for a head above its joint
    top = max(float(joints["head"][2]) for joints in figure.joints) + 0.2 * figure.height
    written = []
    for number, (frame, joints) in enumerate(zip(stills_of(clip), figure.joints, strict=True)):
        scene.frame_set(int(frame) + 1)
        sticks = None if figure.has_mesh else _sticks(joints, figure.height)
        paint_all(COLOURS.get(name, CHARACTER))
        for view, (x, y) in VIEWS.items():
            target = Vector((*joints["hips"][:2], 0.47 * top))
            place = target + 8 * Vector((x, y, 0.12))
            camera.matrix_world = Matrix.LocRotScale(place, (target - place).to_track_quat("-Z", "Y"), None)
            camera.data.ortho_scale = 1.12 * top
            path = folder / f"{name}_{label}_{number}_{view}.png"
            scene.render.filepath = str(path)
            bpy.ops.render.render(write_still=True)
            written.append(path.name)
        if sticks is not None:
            bpy.data.objects.remove(sticks)
    return written


def draw_title(name: str, folder: Path) -> str:
    """The rig's name, as a picture that goes before its stills."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    studio()
    words = bpy.data.curves.new("title", "FONT")
    words.body, words.align_x, words.align_y = name.replace("_", "\n"), "CENTER", "CENTER"
    title = bpy.data.objects.new("title", words)
    words.materials.append(paint((0.02, 0.02, 0.02, 1)))
    title.location.z = 1.0
    scene = bpy.context.scene
    scene.collection.objects.link(title)
    scene.camera.matrix_world = Matrix.Translation((0, 0, 5))
    longest = max(map(len, words.body.split("\n")))
    scene.camera.data.ortho_scale = 0.65 * max(longest, 6) * SIZE[0] / TITLE_WIDTH  # of the higher side
    bpy.data.objects.remove(bpy.data.objects["floor"])  # no shadow behind the letters
    scene.render.resolution_x = TITLE_WIDTH
    scene.render.filepath = str(folder / f"{name}_title.png")
    bpy.ops.render.render(write_still=True)
    return f"{name}_title.png"


def _sticks(joints: dict[str, np.ndarray], height: float) -> bpy.types.Object:
    """Four-sided sticks between the joints."""
    vertices: list[np.ndarray] = []
    faces: list[list[int]] = []
    for a, b in (*STICKS, *TRUNK_STICKS):
        if a not in joints or b not in joints:
            continue
        start, end = joints[a], joints[b]
        along = (end - start) / max(np.linalg.norm(end - start), 1e-9)
        across = np.cross(along, np.eye(3)[np.abs(along).argmin()])
        across /= np.linalg.norm(across)
        other = np.cross(along, across)
        base = len(vertices)
        for place in (start, end):
            for x, y in ((1, 0), (0, 1), (-1, 0), (0, -1)):
                vertices.append(place + 0.025 * height * (x * across + y * other))
        faces += [[base + i, base + (i + 1) % 4, base + 4 + (i + 1) % 4, base + 4 + i] for i in range(4)]
        faces += [[base + i for i in (3, 2, 1, 0)], [base + 4 + i for i in range(4)]]
    mesh = bpy.data.meshes.new("sticks")
    mesh.from_pydata([v.tolist() for v in vertices], [], faces)
    figure = bpy.data.objects.new("sticks", mesh)
    bpy.context.scene.collection.objects.link(figure)
    return figure


def studio() -> None:
    """A white floor, a sun and a bright sky."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_y, scene.render.resolution_x = SIZE
    scene.render.fps = FPS
    scene.cycles.samples, scene.cycles.use_denoising = SAMPLES, False
    scene.cycles.max_bounces = 2
    scene.view_settings.view_transform = "Standard"
    scene.world = bpy.data.worlds.new("sky")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.62, 0.66, 0.72, 1)
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy, sun.data.angle = 2.2, 0.1
    sun.rotation_euler = (0.7, 0.2, 0.9)
    floor = bpy.data.meshes.new("floor")
    floor.from_pydata([(-50, -50, 0), (50, -50, 0), (50, 50, 0), (-50, 50, 0)], [], [(0, 1, 2, 3)])
    floor.materials.append(paint((0.6, 0.6, 0.6, 1)))
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.type = "ORTHO"
    for added in (sun, bpy.data.objects.new("floor", floor), camera):
        scene.collection.objects.link(added)
    scene.camera = camera


def paint(colour: tuple[float, float, float, float]) -> bpy.types.Material:
    material = bpy.data.materials.new("paint")
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = colour
    shader.inputs["Roughness"].default_value = 0.7
    return material


def paint_all(colour: tuple[float, float, float, float]) -> None:
    """One colour for everything but the floor: shapes are looked at, not materials."""
    material = paint(colour)
    for mesh in bpy.data.meshes:
        if mesh.name != "floor":
            mesh.materials.clear()
            mesh.materials.append(material)


def main() -> None:
    name, out, shared, *motions = sys.argv[1:]
    folder, written = Path(out).parent, []
    for motion in motions:
        label, _, path = motion.partition("=")
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        studio()
        clip = read_clip(Path(path)).resample(FPS)
        if name == "source":
            figure = show_source(Path(path), clip)
        else:
            figure = show_rig(rigs.build(name, lambda file: Path(shared) / file), clip)
        written += draw(name, figure, clip, folder, label)
    written.append(draw_title(name, folder))
    Path(out).write_text(json.dumps(written))


if __name__ == "__main__":
    run_and_leave(main)
