"""What happens in the pictures of the guide. Played inside Blender by make_guide.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

import bpy  # noqa: E402
from _guide_window import (  # noqa: E402
    Story,
    click,
    play,
    region_of,
    shoot,
    sidebar,
    view3d,
    wait_for,
)

TAB = "Liquid Motion"


def guide(out: Path, work: Path, source: Path, driving: Path) -> Story:
    """From an empty file to the finished picture."""
    yield from open_tab()
    yield from shoot(out / "tab.png")


def look(out: Path, work: Path, source: Path, driving: Path) -> Story:
    """The whole tab in its states, for our own eyes."""
    yield from open_tab()
    yield from shoot(out / "empty.png")
    settings = bpy.context.scene.liquid_motion.work
    settings.sources.add().path = str(source)
    settings.driving.path = str(driving)
    yield 1.5
    yield from click(sidebar, "liquid_motion.find_people")
    yield 1.0
    yield from shoot(out / "finding.png")
    yield from wait_for(lambda: settings.sources[0].people >= 0, 90, "people")
    yield from shoot(out / "found.png")
    yield from click(sidebar, "liquid_motion.do_it_all")
    yield 5.0
    yield from shoot(out / "working.png")
    yield from wait_for(lambda: bpy.context.scene.liquid_motion.work.person is not None, 120, "person")
    yield from shoot(out / "person.png")


def open_tab() -> Story:
    bpy.ops.wm.read_homefile(use_empty=False, use_factory_startup=True, load_ui=True)
    yield 1.0
    area = view3d()
    area.spaces.active.show_region_ui = True
    yield 0.5
    for _ in range(3):  # the region knows its tabs only when it has been drawn
        yield 0.5
        region_of(view3d(), "UI").active_panel_category = TAB
    yield 0.5


STORIES = {"guide": guide, "look": look}

if __name__ == "__main__":
    bpy.context.preferences.view.show_splash = False
    name, *paths = sys.argv[sys.argv.index("--") + 1 :]
    play(STORIES[name](*map(Path, paths)))
