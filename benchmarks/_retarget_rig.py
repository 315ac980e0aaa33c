"""One rig in a Blender of its own: ``python _retarget_rig.py RIG OUT.json SHARED NAME=MOTION …`` (see ``retarget.py``).

What is measured is what Blender evaluates after the action is written, not what the solver believes.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "tests" / "blender_addon" / "retarget")]

import bpy  # noqa: E402
import numpy as np  # noqa: E402
import rigs  # noqa: E402

from blender_addon.retarget.apply import Job, retarget  # noqa: E402
from blender_addon.retarget.clip import Clip  # noqa: E402
from blender_addon.retarget.keys import bone_path  # noqa: E402
from blender_addon.retarget.matcher import match  # noqa: E402
from blender_addon.retarget.options import Options  # noqa: E402
from blender_addon.retarget.rig import read_skeleton  # noqa: E402
from blender_addon.retarget.skeleton import SIDES, BoneMap, Skeleton  # noqa: E402
from blender_addon.retarget.source import read_clip  # noqa: E402
from blender_addon.scene.action import Curve, add_action  # noqa: E402
from blender_addon.scene.conventions import matrix_to_quaternion  # noqa: E402

FPS = 30
SEGMENTS = tuple(
    (f"{side}_{upper}", f"{side}_{lower}")
    for side in SIDES
    for upper, lower in (
        ("upper_arm", "lower_arm"),
        ("lower_arm", "hand"),
        ("upper_leg", "lower_leg"),
        ("lower_leg", "foot"),
    )
)
JUMP = np.radians(30.0)
"""A bone flips where it turns this much farther in a frame than the source's."""
PLANTED_SPEED, PLANTED_HEIGHT = 0.2, 0.03
"""Metres a second and metres above its lowest place (5th percentile): what counts as a planted sole of the source."""
PERSON_LEG = 0.8  # metres, hip joint to ankle
LINE = 7  # points along a sole


@dataclass(frozen=True)
class Seen:
    """What a body shows over T frames: heads and axes of the first bone of each role, in the world."""

    heads: dict[str, np.ndarray]  # (T, 3)
    axes: dict[str, np.ndarray]  # (T, 3, 3)
    lowest: np.ndarray | None = None  # (T,) of the mesh


def shown_bones(rig: bpy.types.Object, bone_map: BoneMap) -> dict[str, str]:
    """The bones that move the skin: the mapped ones, but on a Rigify rig those that its controls drive."""
    shown = {role: bones[0] for role, bones in bone_map.pairs.items()}
    if bone_map.convention == "Rigify controls":
        limbs = {"upper_arm": "upper_arm", "lower_arm": "forearm", "hand": "hand", "upper_leg": "thigh"}
        limbs |= {"lower_leg": "shin", "foot": "foot", "toes": "toe", "shoulder": "shoulder"}
        shown = {f"{s}_{part}": f"DEF-{bone}.{s[0].upper()}" for s in SIDES for part, bone in limbs.items()}
        shown |= {"hips": "DEF-spine", "head": "DEF-spine.006"}
    return {role: bone for role, bone in shown.items() if bone in rig.pose.bones}


def frames_of(rig: bpy.types.Object, count: int) -> Iterator[bpy.types.Object]:
    """The rig as Blender evaluates it on each frame."""
    for frame in range(1, count + 1):
        bpy.context.scene.frame_set(frame)
        yield rig.evaluated_get(bpy.context.evaluated_depsgraph_get())


def meshes_of(rig: bpy.types.Object) -> list[bpy.types.Object]:
    return [
        o
        for o in bpy.data.objects
        if o.type == "MESH" and any(m.type == "ARMATURE" and m.object == rig for m in o.modifiers)
    ]


def see(rig: bpy.types.Object, shown: dict[str, str], count: int) -> Seen:
    meshes = meshes_of(rig)
    matrices, lowest = np.empty((count, len(shown), 4, 4)), np.full(count, np.inf)
    for frame, evaluated in enumerate(frames_of(rig, count)):
        world = np.array(evaluated.matrix_world)
        matrices[frame] = world @ np.array([evaluated.pose.bones[name].matrix for name in shown.values()])
        for mesh in meshes:
            lowest[frame] = min(lowest[frame], _lowest(mesh))
    axes = matrices[..., :3, :3] / np.linalg.norm(matrices[..., :3, :3], axis=-2, keepdims=True)
    roles = list(shown)
    return Seen(
        {role: matrices[:, k, :3, 3] for k, role in enumerate(roles)},
        {role: axes[:, k] for k, role in enumerate(roles)},
        lowest if meshes else None,
    )


def _lowest(mesh: bpy.types.Object) -> float:
    evaluated = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(len(evaluated.data.vertices) * 3, np.float32)
    evaluated.data.vertices.foreach_get("co", points)
    world = np.array(evaluated.matrix_world)
    return float((points.reshape(-1, 3) @ world[2, :3] + world[2, 3]).min())


def source_seen(clip: Clip, bone_map: BoneMap) -> Seen:
    """The source, in its own units: those of BVH files are not told."""
    rows = {role: clip.skeleton.index(bones[0]) for role, bones in bone_map.pairs.items()}
    return Seen(
        {role: clip.positions[:, row] for role, row in rows.items()},
        {role: clip.rotations[:, row] for role, row in rows.items()},
    )


def source_soles(clip: Clip, bone_map: BoneMap, seen: Seen) -> np.ndarray:
    """The source's soles (T, 4, 3) at the size of a person, metres."""
    shown = {role: bones[0] for role, bones in bone_map.pairs.items()}
    heads = [
        clip.skeleton.heads[clip.skeleton.index(shown[f"left_{p}"])]
        for p in ("upper_leg", "lower_leg", "foot")
    ]
    leg = np.linalg.norm(np.diff(heads, axis=0), axis=1).sum()
    return PERSON_LEG / leg * soles(seen, rest_soles(clip.skeleton, shown))


def direction_error(seen: Seen, source: Seen) -> float:
    """Mean angle in degrees between the limbs' segments and the source's."""
    angles = []
    for upper, lower in SEGMENTS:
        ours, theirs = (s.heads[lower] - s.heads[upper] for s in (seen, source))
        cosine = np.sum(ours * theirs, -1) / np.linalg.norm(ours, axis=-1) / np.linalg.norm(theirs, axis=-1)
        angles.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return float(np.mean(angles))


def rest_soles(skeleton: Skeleton, shown: dict[str, str]) -> dict[str, np.ndarray]:
    """Heel and ball (2, 3) of each foot, in the foot bone's axes: below ankle and ball joint, on the ground at rest."""
    world = skeleton.world
    at = {
        role: (world @ np.append(skeleton.heads[skeleton.index(bone)], 1))[:3] for role, bone in shown.items()
    }
    up = _up(at)
    points = {}
    for side in SIDES:
        bone = skeleton.index(shown[f"{side}_foot"])
        axes = world[:3, :3] @ skeleton.rest[bone, :3, :3]
        axes = axes / np.linalg.norm(axes, axis=0)
        places = [at[f"{side}_foot"], at.get(f"{side}_toes", at[f"{side}_foot"])]
        low = min(place @ up for place in places)
        points[side] = np.stack([(p - up * (p @ up - low) - at[f"{side}_foot"]) @ axes for p in places])
    return points


def _up(at: dict[str, np.ndarray]) -> np.ndarray:
    up = at["head"] - (at["left_upper_leg"] + at["right_upper_leg"]) / 2
    return np.eye(3)[np.abs(up).argmax()] * np.sign(up[np.abs(up).argmax()])


def soles(seen: Seen, rest: dict[str, np.ndarray]) -> np.ndarray:
    """(T, 4, 3) left heel, left ball, right heel, right ball."""
    return np.concatenate(
        [
            seen.heads[f"{side}_foot"][:, None]
            + np.einsum("tij,kj->tki", seen.axes[f"{side}_foot"], rest[side])
            for side in SIDES
        ],
        1,
    )


def planted(points: np.ndarray) -> np.ndarray:
    """(T - 1, 4) steps between frames in which the source's sole rests, and has rested a frame before and after."""
    slow = np.linalg.norm(np.diff(points, axis=0), axis=-1) * FPS < PLANTED_SPEED
    height = points[..., 2] - np.percentile(points[..., 2], 5, axis=0)
    low = (height[1:] < PLANTED_HEIGHT) & (height[:-1] < PLANTED_HEIGHT)
    still = np.pad(slow & low, ((1, 1), (0, 0)), constant_values=True)
    return still[1:-1] & still[:-2] & still[2:]


def sole_lines(rig: bpy.types.Object, shown: dict[str, str]) -> dict[str, np.ndarray]:
    """(LINE, 3) points along the middle of each sole, in the foot bone's axes: from the heel, the mesh's where there is
    one, to the ball, or to the tip where no toes bend."""
    skeleton = read_skeleton(rig)
    points = rest_soles(skeleton, shown)
    lines = {}
    for side in SIDES:
        heel, ball = points[side]
        start, end = heel - 0.3 * (ball - heel), ball
        if meshes_of(rig):
            start, end = _ends_of_sole(rig, skeleton, shown[f"{side}_foot"])
            if f"{side}_toes" in shown:  # of the two, the heel is farther from the ball
                start, end = max(start, end, key=lambda place: np.linalg.norm(place - ball)), ball
        lines[side] = start + np.linspace(0, 1, LINE)[:, None] * (end - start)
    return lines


def _ends_of_sole(rig: bpy.types.Object, skeleton: Skeleton, foot: str) -> tuple[np.ndarray, np.ndarray]:
    """Heel and tip of the mesh that the foot moves, on the lowest tenth of it."""
    rest = np.array(rig.matrix_world) @ skeleton.rest[skeleton.index(foot)]
    axes = rest[:3, :3] / np.linalg.norm(rest[:3, :3], axis=0)
    found = []
    for mesh in meshes_of(rig):
        group = mesh.vertex_groups.get(foot)
        rows = [
            v
            for v in mesh.data.vertices
            if group and any(g.group == group.index and g.weight > 0.5 for g in v.groups)
        ]
        found += [np.array(mesh.matrix_world @ vertex.co) for vertex in rows]
    places = np.array(found)
    sole = places[places[:, 2] < places[:, 2].min() + 0.1 * np.ptp(places[:, 2])]
    middle = sole.mean(0)
    along = np.linalg.svd((sole - middle) * [1, 1, 0])[2][0]
    reach = (sole - middle) @ along
    return tuple((middle + end * along - rest[:3, 3]) @ axes for end in (reach.min(), reach.max()))


def feet_steps(seen: Seen, lines: dict[str, np.ndarray], rests: np.ndarray) -> np.ndarray:
    """Metres that each planted foot moves in a frame: by the point of its sole that moves least, since a foot that
    rolls over its ball stands all the same.

    Args:
        lines: of :func:`sole_lines`.
        rests: (T - 1, 4) as of :func:`planted`.
    """
    steps = []
    for number, side in enumerate(SIDES):
        points = (
            np.einsum("tij,kj->tki", seen.axes[f"{side}_foot"], lines[side])
            + seen.heads[f"{side}_foot"][:, None]
        )
        least = np.linalg.norm(np.diff(points, axis=0), axis=-1).min(1)
        steps.append(least[rests[:, 2 * number : 2 * number + 2].any(1)])
    return np.concatenate(steps)


def source_turns(clip: Clip, bone_map: BoneMap) -> dict[str, np.ndarray]:
    """(T - 1,) how far each role turns from frame to frame: the bone of its chain that turns most."""
    rows = {role: [clip.skeleton.index(bone) for bone in bones] for role, bones in bone_map.pairs.items()}
    return {role: np.max([_turns(clip.rotations[:, k]) for k in chain], 0) for role, chain in rows.items()}


def flips(seen: Seen, turns: dict[str, np.ndarray]) -> int:
    """Jumps of bones that the source does not make."""
    return sum(
        int((_turns(seen.axes[role]) > turns[role] + JUMP).sum()) for role in set(seen.axes) & set(turns)
    )


def _turns(axes: np.ndarray) -> np.ndarray:
    """(T - 1,) radians from frame to frame."""
    trace = np.einsum("tij,tij->t", axes[1:], axes[:-1])
    return np.arccos(np.clip((trace - 1) / 2, -1, 1))


def figures(
    seen: Seen, source: Seen, turns: dict[str, np.ndarray], lines: dict[str, np.ndarray], rests: np.ndarray
) -> dict[str, float]:
    steps = feet_steps(seen, lines, rests) * 1e3
    result = {
        "direction_error_deg": direction_error(seen, source),
        "flips": float(flips(seen, turns)),
    }
    if len(steps):
        result |= {
            "planted_mm_per_frame": float(steps.mean()),
            "planted_p95_mm_per_frame": float(np.percentile(steps, 95)),
        }
    lowest = seen.lowest
    if lowest is None:
        heights = [
            np.einsum("tj,kj->tk", seen.axes[f"{s}_foot"][:, 2], lines[s]) + seen.heads[f"{s}_foot"][:, 2:]
            for s in SIDES
        ]
        lowest = np.concatenate(heights, 1).min(1)
    return result | {"floor_cm": float(max(-lowest.min(), 0) * 100)}


def copy_rotations(rig: bpy.types.Object, clip: Clip, source_map: BoneMap, target_map: BoneMap) -> None:
    """The floor to beat: every bone takes the local rotation of the source's, the hips its location too."""
    skeleton = clip.skeleton
    world = np.tile(np.eye(4), (clip.frame_count, len(skeleton.names), 1, 1))
    world[..., :3, :3], world[..., :3, 3] = clip.rotations, clip.positions
    rest = skeleton.world @ skeleton.rest
    curves = []
    for role, bones in target_map.pairs.items():
        for bone, name in zip(source_map.pairs.get(role, ()), bones, strict=False):
            row = skeleton.index(bone)
            parent = int(skeleton.parents[row])
            above = (world[:, parent], rest[parent]) if parent >= 0 else (np.eye(4), np.eye(4))
            local = (
                np.linalg.inv(np.linalg.inv(above[1]) @ rest[row]) @ np.linalg.inv(above[0]) @ world[:, row]
            )
            rig.pose.bones[name].rotation_mode = "QUATERNION"
            turns = local[:, :3, :3] / np.linalg.norm(local[:, :3, :3], axis=-2, keepdims=True)
            curves.append(Curve(bone_path(name, "rotation_quaternion"), matrix_to_quaternion(turns), name))
            if role == "hips":
                curves.append(Curve(bone_path(name, "location"), local[:, :3, 3], name))
    for switch in target_map.switches:
        rig.pose.bones[switch.bone][switch.property] = switch.value
    add_action(rig, "copy", curves)


def rest_rig(rig: bpy.types.Object) -> None:
    """No action, every bone at rest."""
    rig.animation_data_clear() if not rig.animation_data or not rig.animation_data.drivers else None
    if rig.animation_data:
        rig.animation_data.action = None
    for bone in rig.pose.bones:
        bone.matrix_basis.identity()
        bone.location, bone.scale = (0, 0, 0), (1, 1, 1)
        bone.rotation_quaternion, bone.rotation_euler = (1, 0, 0, 0), (0, 0, 0)


def measure(rig: bpy.types.Object, path: Path) -> dict[str, float]:
    """All figures of one motion on one rig."""
    clip = read_clip(path).resample(FPS)
    rest_rig(rig)
    target_map, source_map = match(read_skeleton(rig)), match(clip.skeleton, source=True)
    shown = shown_bones(rig, target_map)
    source = source_seen(clip, source_map)
    rests = planted(source_soles(clip, source_map, source))
    if clip.contacts is not None:  # what the motion file says counts
        rests = (clip.contacts[1:] > 0.5) & (clip.contacts[:-1] > 0.5)
    lines, turns = sole_lines(rig, shown), source_turns(clip, source_map)
    result: dict[str, float] = {
        "frames": float(clip.frame_count),
        "planted_frames": float(rests.any(1).sum()),
    }
    for name, feet in (("", True), ("free_", False)):
        rest_rig(rig)
        start = time.perf_counter()
        retarget([Job(rig, clip, options=Options(feet=feet))])
        seconds = time.perf_counter() - start
        found = figures(see(rig, shown, clip.frame_count), source, turns, lines, rests)
        result |= {f"{name}{figure}": value for figure, value in found.items()} | {f"{name}seconds": seconds}
    rest_rig(rig)
    copy_rotations(rig, clip, source_map, target_map)
    found = figures(see(rig, shown, clip.frame_count), source, turns, lines, rests)
    return result | {f"copied_{figure}": value for figure, value in found.items()}


def long_seconds(rig: bpy.types.Object, path: Path, frames: int = 1000) -> float:
    """Seconds to solve ``frames`` frames, the motion repeated."""
    clip = read_clip(path).resample(FPS)
    again = np.arange(frames) % clip.frame_count
    rest_rig(rig)
    start = time.perf_counter()
    retarget([Job(rig, clip.select(again))])
    return time.perf_counter() - start


def main() -> None:
    name, out, shared, *motions = sys.argv[1:]
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.context.scene.render.fps = FPS
    rig = rigs.build(name, lambda file: Path(shared) / file)
    bpy.context.scene.frame_set(1)
    result = {}
    for motion in motions:
        key, _, path = motion.partition("=")
        result[key] = measure(rig, Path(path))
    result["bones"] = len(rig.data.bones)
    result["seconds_1000_frames"] = long_seconds(rig, Path(motions[0].partition("=")[2]))
    Path(out).write_text(json.dumps(result))


def run_and_leave(main: Callable[[], None]) -> None:
    """Run a script's ``main`` and end the process: bpy hangs at exit after Rigify has generated. What failed has said
    so, and has written nothing."""
    try:
        main()
    except Exception:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    run_and_leave(main)
