"""A hand at Blender's mouse and keyboard: find a button, click it, type, wait, take a picture. Runs inside Blender.

Stories are generators that yield seconds to wait; a timer plays them, so that Blender draws and works in between.
"""

from __future__ import annotations

import os
import subprocess
import time
import traceback
from collections.abc import Callable, Generator
from pathlib import Path

import bpy

Story = Generator[float, None, None]
Place = tuple[bpy.types.Window, bpy.types.Area, bpy.types.Region]
_STEP = 7  # pixels between two looks for a button: less than the height of one


class NotFoundError(Exception):
    """No button of that name is in the region."""


def play(story: Story) -> None:
    """Play a story from a timer, then quit Blender: with code 0, or 4 where it broke off."""

    def tick() -> float | None:
        try:
            return next(story)
        except StopIteration:
            bpy.ops.wm.quit_blender()
        except Exception:
            traceback.print_exc()
            subprocess.run(["import", "-window", "root", "/tmp/guide_failure.png"], check=False)
            os._exit(4)
        return None

    bpy.app.timers.register(tick, first_interval=2.0, persistent=True)


def view3d() -> bpy.types.Area:
    """The largest 3D viewport of the first window."""
    areas = bpy.context.window_manager.windows[0].screen.areas
    return max((a for a in areas if a.type == "VIEW_3D"), key=lambda a: a.width * a.height)


def region_of(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    return next(r for r in area.regions if r.type == kind)


def sidebar() -> Place:
    area = view3d()
    return bpy.context.window_manager.windows[0], area, region_of(area, "UI")


def xdo(*arguments: object) -> None:
    subprocess.run(["xdotool", *map(str, arguments)], check=True)


def move(window: bpy.types.Window, x: float, y: float) -> None:
    """Move the mouse to Blender's window coordinates, which count from the bottom; the first covers the screen."""
    screen = bpy.context.window_manager.windows[0].height
    xdo("mousemove", round(window.x + x), round(screen - window.y - y))


def rest(area: bpy.types.Area) -> Story:
    """Put the mouse into the middle of an area, where it highlights no button."""
    move(bpy.context.window_manager.windows[0], area.x + 0.4 * area.width, area.y + 0.2 * area.height)
    yield 0.4


def press(key: str) -> Story:
    """Press a key where the mouse is."""
    xdo("key", key)
    yield 0.6


def under_mouse(place: Place) -> str:
    """The operator or property of the button under the mouse, as Blender names it, or ''."""
    window, area, region = place
    manager = bpy.context.window_manager
    with bpy.context.temp_override(window=window, area=area, region=region):
        for copy in (bpy.ops.ui.copy_python_command_button, bpy.ops.ui.copy_data_path_button):
            if copy.poll():
                manager.clipboard = ""
                copy()
                return manager.clipboard
    return ""


def find(place: Callable[[], Place], wanted: str, columns: tuple[float, ...] = (0.5, 0.93)) -> Story:
    """Move the mouse over a region until ``wanted`` is under it.

    Raises:
        NotFoundError: it is not there.
    """
    yield from _scroll(place, 4)
    for _ in range(6):
        for column in columns:
            window, area, region = place()
            y = region.y + region.height - 4
            while y > region.y:
                move(window, region.x + column * region.width, y)
                yield 0.02
                if wanted in under_mouse(place()):
                    move(window, region.x + column * region.width, y - 4)
                    yield 0.15
                    return
                y -= _STEP
        yield from _scroll(place, 5)
    raise NotFoundError(wanted)


def _scroll(place: Callable[[], Place], button: int) -> Story:
    """Turn the mouse wheel over a region: button 4 to its beginning, 5 onwards by less than its height."""
    window, area, region = place()
    move(
        window, region.x + 0.3 * region.width, region.y + region.height - 14
    )  # a panel's header: no value changes
    xdo("click", "--repeat", 60 if button == 4 else 12, "--delay", 4, button)
    yield 0.4


def click(place: Callable[[], Place], wanted: str, columns: tuple[float, ...] = (0.5, 0.93)) -> Story:
    """Find a button and press it."""
    yield from find(place, wanted, columns)
    xdo("click", 1)
    yield 0.6


def enter(place: Callable[[], Place], wanted: str, text: str) -> Story:
    """Find a text field and type into it."""
    yield from find(place, wanted)
    xdo("click", "--repeat", 2, "--delay", 60, 1)
    yield 0.4
    xdo("key", "ctrl+a")
    xdo("type", "--delay", 5, text)
    yield 0.4
    xdo("key", "Return")
    yield 0.6


def wait_for(done: Callable[[], bool], seconds: float, what: str) -> Story:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(what)
        yield 0.3


def shoot(path: Path, crop: tuple[int, int, int, int] | None = None, width: int | None = None) -> Story:
    """Take a picture of the screen, or of a part (x, y, width, height, from the top left)."""
    yield 0.8
    whole = path.with_suffix(".screen.png")
    subprocess.run(["import", "-window", "root", str(whole)], check=True)
    command = ["convert", str(whole)]
    if crop:
        command += ["-crop", "{2}x{3}+{0}+{1}".format(*crop), "+repage"]
    if width:
        command += ["-resize", f"{width}x"]
    command += ["-quality", "88"] if path.suffix == ".jpg" else ["+dither", "-colors", "256"]
    subprocess.run([*command, "-strip", str(path)], check=True)
    whole.unlink()
