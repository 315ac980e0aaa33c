"""What happens in the pictures of the guide. Played inside Blender by make_guide.py."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

import addon_utils  # noqa: E402
import bpy  # noqa: E402
from _guide_window import (  # noqa: E402
    Place,
    Story,
    click,
    enter,
    find,
    play,
    press,
    region_of,
    rest,
    shoot,
    sidebar,
    view3d,
    wait_for,
    xdo,
)

TAB = "Liquid Motion"
MODULE = next(
    (a.module for a in bpy.context.preferences.addons if a.module.endswith("liquid_motion")),
    "blender_addon",
)
SHOWN = 27  # of the demo's clip: about to leap
FIT_S, PERSON_S, RENDER_S = 600, 600, 300


def guide(out: Path, work: Path, source: Path, driving: Path) -> Story:
    """From an empty file to the finished picture."""
    yield from preferences(out)
    yield from empty_file(work)
    yield from open_tab()
    yield from shoot(out / "tab.png", viewport())
    yield from sources(out, source)
    yield from drive(out, driving)
    yield from fit(out)
    yield from person(out)
    yield from render(out)


def preferences(out: Path) -> Story:
    """The extension among the add-ons, as it is before the worker is set up."""
    python = os.environ.pop("LIQUID_MOTION_PYTHON")
    yield from press("ctrl+comma")
    yield from wait_for(lambda: len(bpy.context.window_manager.windows) > 1, 10, "the preferences")
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "liquid"
    info = addon_utils.module_bl_info(sys.modules[MODULE])
    if not info["show_expanded"]:
        bpy.ops.preferences.addon_expand(module=MODULE)
    yield 1.0
    window = bpy.context.window_manager.windows[-1]
    yield from shoot(out / "preferences.png", on_screen(window))
    with bpy.context.temp_override(window=window):
        bpy.ops.wm.window_close()
    os.environ["LIQUID_MOTION_PYTHON"] = python
    yield 0.5


def empty_file(work: Path) -> Story:
    """A new file, without what is in it, saved."""
    bpy.ops.wm.read_homefile(use_empty=False, use_factory_startup=True, load_ui=True)
    yield 1.0
    yield from rest(view3d())
    yield from press("a")
    yield from press("Delete")
    bpy.ops.wm.save_as_mainfile(filepath=str(work / "first.blend"))


def open_tab() -> Story:
    yield from rest(view3d())
    if not view3d().spaces.active.show_region_ui:
        yield from press("n")
    region = region_of(view3d(), "UI")
    yield from wait_for(lambda: region.active_panel_category != "UNSUPPORTED", 10, "the sidebar")
    region.active_panel_category = TAB
    yield 0.5


def sources(out: Path, source: Path) -> Story:
    yield from click(sidebar, "liquid_motion.source_add")
    yield from wait_for(lambda: browser() is not None, 10, "the file browser")
    window, area, _ = browser()
    area.spaces.active.show_region_toolbar = area.spaces.active.show_region_tool_props = False
    parameters = area.spaces.active.params
    parameters.directory = str(source.parent).encode()
    parameters.display_type = "THUMBNAIL"
    yield 6.0  # its thumbnails come one by one
    parameters.filename = source.name
    yield from shoot(out / "file_browser.jpg", on_screen(window))
    yield from click(lambda: browser("EXECUTE"), "file.execute", (0.95, 0.85, 0.75))
    yield from wait_for(lambda: len(settings().sources) == 1, 10, "the source")
    yield from click(sidebar, "liquid_motion.find_people")
    yield from wait_for(lambda: settings().sources[0].people >= 0, FIT_S, "people")
    yield from rest(view3d())
    yield from shoot(out / "source.jpg", viewport())


def drive(out: Path, driving: Path) -> Story:
    yield from enter(sidebar, "work.driving.path", str(driving))
    yield from wait_for(lambda: bool(settings().driving.path), 5, "the driving clip")
    yield from find(sidebar, "liquid_motion.find_drivers")
    yield from rest(view3d())
    yield from shoot(out / "driving.jpg", viewport())


def fit(out: Path) -> Story:
    yield from click(sidebar, "liquid_motion.fit")
    yield from wait_for(lambda: task() is not None and task().fraction > 0.35, FIT_S, "the fit's progress")
    yield from shoot(out / "fitting.jpg", viewport())
    yield from wait_for(lambda: settings().stand_in is not None, FIT_S, "the fit")
    bpy.context.scene.frame_set(SHOWN)
    yield from rest(view3d())
    yield from shoot(out / "fitted.jpg", viewport())


def person(out: Path) -> Story:
    yield from click(sidebar, "liquid_motion.make_person")
    yield from wait_for(lambda: settings().person is not None, PERSON_S, "the person")
    bpy.context.scene.frame_set(SHOWN)
    yield from rest(view3d())
    yield from shoot(out / "person.jpg", viewport())


def render(out: Path) -> Story:
    yield from find(sidebar, "render.render")
    yield from rest(view3d())
    yield from shoot(out / "render_panel.jpg", viewport())
    done: list[int] = []
    bpy.app.handlers.render_complete.append(lambda *_: done.append(1))
    yield from click(sidebar, "render.render")
    yield from wait_for(lambda: bool(done), RENDER_S, "the render")
    yield 1.5
    window = bpy.context.window_manager.windows[-1]
    xdo("search", "--name", "Render", "windowmove", 10, 0)  # nobody else keeps it on the screen
    yield 1.0
    area = next(a for a in window.screen.areas if a.type == "IMAGE_EDITOR")
    with bpy.context.temp_override(window=window, area=area, region=region_of(area, "WINDOW")):
        bpy.ops.image.view_all(fit_view=True)
    yield from shoot(out / "render.jpg", on_screen(window))


def settings():
    return bpy.context.scene.liquid_motion.work


def task():
    module = sys.modules[f"{MODULE}.tasks"]
    return next(iter(module.running()), None)


def viewport() -> tuple[int, int, int, int]:
    """The 3D viewport with its sidebar on the screen: x, y from the top left, width, height."""
    area = view3d()
    return (
        area.x,
        bpy.context.window_manager.windows[0].height - area.y - area.height,
        area.width,
        area.height,
    )


def on_screen(window: bpy.types.Window) -> tuple[int, int, int, int]:
    height = bpy.context.window_manager.windows[0].height  # that window covers the screen
    return window.x, height - window.y - window.height, window.width, window.height


def browser(kind: str = "WINDOW") -> Place | None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "FILE_BROWSER":
                return window, area, region_of(area, kind)
    return None


STORIES = {"guide": guide}

if __name__ == "__main__":
    bpy.context.preferences.view.show_splash = False
    name, *paths = sys.argv[sys.argv.index("--") + 1 :]
    play(STORIES[name](*map(Path, paths)))
