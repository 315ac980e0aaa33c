"""``… retarget``: motions onto the characters of a file, from the command line."""

from __future__ import annotations

import argparse
from math import radians
from pathlib import Path

import bpy

from ..errors import AddonError
from .apply import Applied, Job, retarget
from .characters import READS, WRITES, armatures, check_out, open_character, save_character
from .clip import Clip
from .options import LIMB_MODES, ROOT_MODES, SCALES, Options
from .presets import load_map
from .source import armature_clip, read_clip


def add_to(commands) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser("retarget", help="put a motion on rigged characters")
    parser.set_defaults(run=_run)
    source = parser.add_argument_group("what moves (one for all characters, or one for each)")
    source.add_argument("--motion", type=Path, nargs="+", help="motion files (.npz) or recordings (.bvh)")
    source.add_argument("--body", type=Path, help="body file of the motion; default: the open body")
    source.add_argument("--from-armature", help="an animated armature of the scene instead of files")
    target = parser.add_argument_group("who moves")
    target.add_argument(
        "--rig", type=Path, help=f"file ({' '.join(READS)}); default: the one Blender has loaded"
    )
    target.add_argument("--target", nargs="+", default=[], help="armatures; default: the only one")
    target.add_argument("--map", type=Path, help="bone map (.json); default: found by names and build")
    parser.add_argument("-o", "--out", type=Path, required=True, help=f"file to write ({' '.join(WRITES)})")
    parser.add_argument("--root", choices=ROOT_MODES, default="hips", help="who travels")
    parser.add_argument("--scale", default="legs", help=f"of the steps: {', '.join(SCALES)} or a number")
    parser.add_argument("--turn", type=float, default=0.0, help="degrees about the vertical")
    parser.add_argument(
        "--offset",
        type=float,
        nargs=3,
        default=(0.0, 0.0, 0.0),
        metavar=("X", "Y", "Z"),
        help="of the path, metres",
    )
    parser.add_argument("--floor", type=float, default=0.0, help="height of the characters' floor, metres")
    parser.add_argument("--no-feet", action="store_true", help="leave feet as the angles put them")
    parser.add_argument(
        "--fade", type=float, default=0.15, help="seconds in which a foot's correction comes and goes"
    )
    parser.add_argument("--hands", action="store_true", help="keep hands where they touch the body")
    parser.add_argument("--no-fingers", action="store_true", help="leave fingers alone")
    parser.add_argument(
        "--flat", action="store_true", help="the character is a flat cut-out: angles in the picture"
    )
    parser.add_argument("--limbs", choices=LIMB_MODES, default="fk", help="which controls to key")
    parser.add_argument(
        "--sparse", type=float, metavar="DEGREES", help="fewer keys, off by no more than this"
    )
    parser.add_argument("--nla", action="store_true", help="as NLA strips")
    parser.add_argument("--frame-start", type=int, default=1, help="frame of the first pose")


def _run(options: argparse.Namespace) -> None:
    check_out(options.out)
    if bool(options.motion) == bool(options.from_armature):
        raise AddonError("give either --motion or --from-armature")
    if options.sparse is not None and options.sparse <= 0:
        raise AddonError(f"--sparse {options.sparse} is not a positive angle")
    clips = [read_clip(path, options.body) for path in options.motion or []]
    if options.rig is not None:
        open_character(options.rig)
    elif not bpy.data.filepath:
        raise AddonError("no character: give --rig, or the file before --command")
    if options.from_armature:
        clips = [armature_clip(armatures([options.from_armature])[0])]
    rigs = armatures(options.target)
    if len(clips) not in (1, len(rigs)):
        raise AddonError(f"{len(clips)} motions for {len(rigs)} characters; give one for all or one for each")
    if options.rig is not None and options.rig.suffix.lower() != ".blend":
        _set_timing(clips[0], options.frame_start)
    chosen, bone_map = _options(options), load_map(options.map) if options.map else None
    jobs = [
        Job(rig, clips[k % len(clips)], target_map=bone_map, options=chosen) for k, rig in enumerate(rigs)
    ]
    done = retarget(jobs, frame_start=options.frame_start, sparse=options.sparse, nla=options.nla)
    save_character(options.out, nla=options.nla)
    for one in done:
        print(_said(one))
    print(f"Saved: '{options.out.absolute()}'")


def _options(options: argparse.Namespace) -> Options:
    scale: str | float = options.scale
    if scale not in SCALES:
        try:
            scale = float(options.scale)
        except ValueError:
            raise AddonError(
                f"scale {options.scale!r} is neither a number nor one of {', '.join(SCALES)}"
            ) from None
    return Options(
        root=options.root,
        scale=scale,
        offset=tuple(options.offset),
        turn=radians(options.turn),
        floor=options.floor,
        feet=not options.no_feet,
        fade=options.fade,
        hands=options.hands,
        fingers=not options.no_fingers,
        flat=options.flat,
        limbs=options.limbs,
    )


def _set_timing(clip: Clip, frame_start: int) -> None:
    """A file made from an imported character takes the motion's rate and length."""
    scene = bpy.context.scene
    whole = max(1, round(clip.fps))
    scene.render.fps = whole
    scene.render.fps_base = whole / clip.fps
    scene.frame_start, scene.frame_end = frame_start, frame_start + clip.frame_count - 1


def _said(one: Applied) -> str:
    solution = one.solution
    done = f"{one.rig.name}: {len(solution.axes)} frames, {len(solution.bones)} bones"
    return "\n".join([done, *(f"Warning: {line}" for line in one.warnings())])
