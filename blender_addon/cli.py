"""The command line: ``blender -b [file.blend] --command liquid_motion …`` and ``python -m blender_addon …``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import bpy

from . import scene_command, worker_command
from .colour import srgb_to_linear
from .errors import AddonError
from .frames import check_pattern, parse_frames, render_frames
from .properties import BACKGROUNDS, RENDERERS
from .retarget import command as retarget_command
from .scene.build import SceneSpec, build_scene, make_paths_relative
from .scene.save import save_blend

COMMAND = "liquid_motion"
ENGINES = ("LIQUID_MOTION", "CYCLES", "BLENDER_EEVEE", "BLENDER_EEVEE_NEXT", "BLENDER_WORKBENCH")

_registered: list = []


def main(arguments: list[str], program: str = f"blender --command {COMMAND}") -> int:
    """Run one command. Returns the exit code: 0 done, 1 failed, 2 not understood."""
    try:
        if arguments[:1] and arguments[0] in worker_command.COMMANDS:
            return worker_command.run_in_worker(arguments)
        options = _parser(program).parse_args(arguments)
        options.run(options)
    except SystemExit as stop:  # argparse has printed help or what is wrong
        return int(stop.code or 0)
    except AddonError as error:
        print(f"Error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description="Liquid Motion in Blender")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    build = commands.add_parser("build-scene", help="make a .blend of a motion and a body")
    build.set_defaults(run=_build_scene)
    build.add_argument("--motion", type=Path, required=True, help="motion file (.npz)")
    build.add_argument("--body", type=Path, help="body file; default: body.npz of the subject")
    build.add_argument("--subject", type=Path, help="folder with the person's look")
    build.add_argument("--texture", type=Path, help="UV texture; default: texture.png of the subject")
    build.add_argument(
        "--footage", type=Path, help="driving clip, pictures or picture, seen behind the camera"
    )
    build.add_argument("--plate", type=Path, help="still background; default: background.png of the subject")
    build.add_argument(
        "--background",
        default="transparent",
        help="what the engine puts behind the person: transparent, plate, driving, or a colour #rrggbb",
    )
    build.add_argument(
        "--renderer",
        default="warp",
        choices=[name for name, *_ in RENDERERS],
        help="how the engine draws people",
    )
    build.add_argument("--name", default="Person", help="name of the body object")
    build.add_argument("--frame-start", type=int, default=1, help="frame of the first pose")
    build.add_argument("--out", type=Path, required=True, help="the .blend to write")
    render = commands.add_parser("render", help="render frames, each written whole or not at all")
    render.set_defaults(run=_render)
    render.add_argument("--blend", type=Path, help="file to render; default: the one Blender has loaded")
    render.add_argument("--engine", choices=ENGINES, help="default: the file's")
    render.add_argument("--frames", help="for instance 1-10,15; default: the scene's range")
    render.add_argument("--out", required=True, help="for instance frames/####.png (or .exr, with depth)")
    render.add_argument("--overwrite", action="store_true", help="render frames that are there already too")
    scene_command.add_to(commands)
    retarget_command.add_to(commands)
    for name, text in worker_command.COMMANDS.items():
        commands.add_parser(name, help=text)
    return parser


def _build_scene(options: argparse.Namespace) -> None:
    background, colour = _background(options.background)
    body = options.body or (options.subject / "body.npz" if options.subject else None)
    if body is None:
        raise AddonError("no body: give --body or --subject")
    out = options.out.absolute()
    if not out.parent.is_dir():
        raise AddonError(f"{out.parent}: no such folder; make it first")
    if not bpy.data.filepath:  # a file that was loaded gets the person added
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    spec = SceneSpec(
        motion=options.motion,
        body=body,
        texture=options.texture,
        footage=options.footage,
        subject=options.subject,
        plate=options.plate,
        background=background,
        colour=colour,
        name=options.name,
        frame_start=options.frame_start,
    )
    built = build_scene(scene, spec)
    scene.liquid_motion.renderer = options.renderer
    make_paths_relative(scene, built, out.parent)
    for warning in built.warnings:
        print(f"Warning: {warning}", file=sys.stderr)
    save_blend(out)
    print(f"Saved: '{out}'")


def _background(text: str) -> tuple[str, tuple[float, float, float]]:
    """The kind of background and its scene-linear colour."""
    if text in {name for name, *_ in BACKGROUNDS} - {"colour"}:
        return text, (0.0, 0.0, 0.0)
    try:
        if len(text) != 7 or text[0] != "#":
            raise ValueError
        red, green, blue = srgb_to_linear([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    except ValueError:
        raise AddonError(
            f"background {text!r} is not understood; write transparent, plate, driving or #rrggbb"
        ) from None
    return "colour", (float(red), float(green), float(blue))


def _render(options: argparse.Namespace) -> None:
    if options.blend is not None:
        if not options.blend.is_file():
            raise AddonError(f"{options.blend}: no such file; check the path")
        try:
            bpy.ops.wm.open_mainfile(filepath=str(options.blend.absolute()))
        except RuntimeError as error:
            raise AddonError(f"{options.blend}: not a .blend file that this Blender can open") from error
    elif not bpy.data.filepath:
        raise AddonError("no file to render: give --blend, or the file before --command")
    scene = bpy.context.scene
    frames = (
        parse_frames(options.frames)
        if options.frames
        else list(range(scene.frame_start, scene.frame_end + 1))
    )
    check_pattern(options.out, frames)
    if options.engine:
        try:
            scene.render.engine = options.engine
        except TypeError as error:
            raise AddonError(f"engine {options.engine} is not in Blender {bpy.app.version_string}") from error
    render_frames(scene, frames, options.out, overwrite=options.overwrite)


def register() -> None:
    _registered.append(bpy.utils.register_cli_command(COMMAND, main))


def unregister() -> None:
    while _registered:
        bpy.utils.unregister_cli_command(_registered.pop())
