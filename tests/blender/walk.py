"""The life of the installed extension, in Blender's own Python: install, use, disable, enable, update, uninstall.

    blender -b --factory-startup -P walk.py -- FOLDER
    python walk.py -- FOLDER                    (pip's bpy)

FOLDER holds ``new.zip`` and ``old.zip`` (the same with an earlier version), ``motion.npz`` and ``body.npz``, and, where
operators shall do real work, ``source.jpg`` and ``driving.mp4``. The answer is written to ``FOLDER/walk.json``: what
each operator did, what was left behind at each disabling, and what settings an update kept. The extension's folder
is made read-only before anything is run. BLENDER_USER_RESOURCES must name an empty profile.
"""

import importlib
import json
import os
import pkgutil
import sys
import threading
import time
import traceback
from pathlib import Path

import bpy
import bpy.utils.previews

FOLDER = Path(sys.argv[sys.argv.index("--") + 1]).absolute()
MODULE = "bl_ext.user_default.liquid_motion"
OURS = "liquid_motion"
SLOW = {
    "environment_create",
    "environment_remove",
}  # download and delete gigabytes; they have tests of their own

FIRST = ("retarget_detect", "do_it_all")  # others need what these make
PICTURE = {"filepath": str(FOLDER / "picture.png")}
WORDS = {
    "personalise": {"seconds": 5},
    # not glTF: bpy 4.2 dies at the interpreter's exit once it has exported a default cube so
    "export_person": {"filepath": str(FOLDER / "person.fbx"), "format": ".fbx"},
    "import_motion": {"filepath": str(FOLDER / "motion.npz"), "body": str(FOLDER / "body.npz")},
    "check_body": {"model": "smplx"},
    "source_add": PICTURE,
    "frames_plane": PICTURE,
    "frames_strip": PICTURE,
    "camera_background": PICTURE,
    "relink": {"directory": str(FOLDER)},
    "retarget_save_map": {"filepath": str(FOLDER / "map.json")},
    "retarget_load_map": {"filepath": str(FOLDER / "map.json")},
}
"""What operators are given besides their defaults."""

timers, commands = [], []


def watch_registries():
    """Blender lists neither its timers nor its commands: note what is registered."""
    register, command = bpy.app.timers.register, bpy.utils.register_cli_command
    drop = bpy.utils.unregister_cli_command

    def register_timer(function, **options):
        timers.append(function)
        return register(function, **options)

    def register_command(name, function):
        handle = command(name, function)
        commands.append((name, handle))
        return handle

    def unregister_command(handle):
        commands[:] = [one for one in commands if one[1] is not handle]
        return drop(handle)

    bpy.app.timers.register = register_timer
    bpy.utils.register_cli_command = register_command
    bpy.utils.unregister_cli_command = unregister_command


def traces():
    """All that an extension may leave in Blender, as ``kind: set of names``."""
    types = [cls for name in dir(bpy.types) if isinstance(cls := getattr(bpy.types, name), type)]
    described = [cls for cls in types if hasattr(cls, "bl_rna")]
    bases = (bpy.types.RenderEngine, bpy.types.Operator, bpy.types.Panel, bpy.types.PropertyGroup)
    return {
        "class": set(dir(bpy.types)),
        "subclass": {
            full_name(cls)
            for base in bases
            for cls in base.__subclasses__()
            if getattr(cls, "is_registered", False)
        },
        "property": {f"{cls.__name__}.{key}" for cls in described for key in cls.bl_rna.properties.keys()},  # noqa: SIM118
        "attribute": {f"{cls.__name__}.{key}" for cls in types for key in vars(cls) if OURS in key},
        "handler": set(handlers()),
        "timer": {full_name(one) for one in timers if bpy.app.timers.is_registered(one)},
        "command": {name for name, _ in commands},
        "key": set(keys()),
        "menu entry": {
            f"{cls.__name__} {full_name(function)}"
            for cls in types
            for function in getattr(getattr(cls, "draw", None), "_draw_funcs", ())
            if function.__module__ != cls.__module__  # its own, listed once another was there
        },
        "operator": set(dir(getattr(bpy.ops, OURS))),
        "preview": {str(uuid) for uuid in getattr(bpy.utils.previews, "_uuid_open", ())},
        "process": set(children()),
        "thread": {thread.name for thread in threading.enumerate()},
        "add-on": set(bpy.context.preferences.addons.keys()),
    }


def full_name(one):
    return f"{one.__module__}.{getattr(one, '__qualname__', one)}"


def handlers():
    for name in dir(bpy.app.handlers):
        functions = getattr(bpy.app.handlers, name)
        for function in functions if isinstance(functions, list) else ():
            yield f"{name} {full_name(function)}"


def keys():
    added = bpy.context.window_manager.keyconfigs.addon
    for keymap in added.keymaps if added else ():
        for item in keymap.keymap_items:
            yield f"{keymap.name} {item.idname}"


def children():
    """Command lines of this process's children, where /proc tells (Linux)."""
    for task in Path("/proc/self/task").glob("*/children"):
        for pid in task.read_text().split():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if words != [b""]:  # it has ended and waits to be asked
                yield b" ".join(words).decode().strip()


def left(before):
    """What is there now and was not before, settling for a second: threads end a little later."""
    for _ in range(20):
        now = traces()
        found = sorted(f"{kind} {name}" for kind in now for name in now[kind] - before[kind])
        if not found:
            break
        time.sleep(0.05)
    return found


def import_all():
    """Every module of the extension, also those that are imported in time only."""
    package = sys.modules[MODULE]
    for found in pkgutil.walk_packages(package.__path__, MODULE + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def run_operators(answers, scene):
    """Every operator whose poll allows it, with its defaults; an error report is an answer, a traceback is not."""
    for name in sorted(dir(getattr(bpy.ops, OURS)), key=lambda name: (name not in FIRST, name)):
        operator = getattr(getattr(bpy.ops, OURS), name)
        began = time.monotonic()
        if name in SLOW:
            continue
        try:
            answer = sorted(operator(**WORDS.get(name, {}))) if operator.poll() else "poll"
        except RuntimeError as error:
            answer = str(error).strip()
        answers[f"{scene}: {name}"] = [answer, round(time.monotonic() - began, 2)]


def open_scene(kind):
    """A new file: empty, or with a person, whose rig or mesh is active."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    if kind == "empty":
        return
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / f"{kind}.blend"))
    if kind == "footage":
        bpy.ops.liquid_motion.source_add(filepath=str(FOLDER / "source.jpg"))
        bpy.context.scene.liquid_motion.work.driving.path = str(FOLDER / "driving.mp4")
        return
    rigs = [import_person() for _ in range(2 if kind == "retarget" else 1)]
    if kind == "retarget":
        settings = bpy.context.scene.liquid_motion_retarget
        settings.source_kind, settings.source, settings.target = "ARMATURE", *rigs
    for one in bpy.data.objects:
        if one.type == kind.upper():
            bpy.context.view_layer.objects.active = one
            one.select_set(True)


def import_person():
    done = bpy.ops.liquid_motion.import_motion(**WORDS["import_motion"])
    assert done == {"FINISHED"}, done
    return bpy.context.object


def settings():
    return bpy.context.preferences.addons[MODULE].preferences


def install(name):
    bpy.ops.extensions.package_install_files(
        filepath=str(FOLDER / name), repo="user_default", enable_on_install=True, overwrite=True
    )
    assert MODULE in bpy.context.preferences.addons, f"{name} is not enabled"


def version():
    manifest = Path(sys.modules[MODULE].__file__).with_name("blender_manifest.toml").read_text()
    return next(line.split('"')[1] for line in manifest.splitlines() if line.startswith("version"))


def make_read_only(folder, writable=False):
    """The extension's folder as an administrator may have installed it."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o200 if writable else path.stat().st_mode & ~0o222)
    return os.access(folder, os.W_OK)


def files():
    """What is in the extension's folder, less Python's own cache."""
    folder = Path(sys.modules[MODULE].__file__).parent
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts}


def walk(answer):
    watch_registries()
    open_scene("empty")
    before = traces()
    install("old.zip")
    settings().worker_python = python = settings().worker_python or sys.executable
    settings().smplx = "/somewhere/SMPLX_NEUTRAL.npz"
    user = Path(bpy.utils.extension_path_user(MODULE, path="worker", create=True), "kept.txt")
    user.write_text("kept")
    old = version()
    install("new.zip")
    answer["update"] = {
        "from": old,
        "to": version(),
        "settings": [settings().worker_python == python, settings().smplx],
        "user's folder": user.is_file(),
    }
    settings().worker_python = ""
    import_all()
    there, code = files(), Path(sys.modules[MODULE].__file__).parent
    answer["writable"] = make_read_only(code)
    picture = bpy.data.images.new("picture", 64, 96)
    picture.filepath_raw = PICTURE["filepath"]
    picture.save()
    kinds = (
        "empty",
        "armature",
        "mesh",
        "retarget",
        *(["footage"] if (FOLDER / "driving.mp4").exists() else []),
    )
    for kind in kinds:
        open_scene(kind)
        run_operators(answer["operators"], kind)
    answer["written into the extension"] = sorted(files() - there)
    bpy.ops.preferences.addon_disable(module=MODULE)
    answer["left"]["in a scene that uses it"] = left(before)
    open_scene("empty")
    answer["left"]["disabled"] = left(before)
    bpy.ops.preferences.addon_enable(module=MODULE)
    assert "import_motion" in dir(bpy.ops.liquid_motion)
    answer["operators again"] = len(dir(bpy.ops.liquid_motion))
    bpy.ops.preferences.addon_disable(module=MODULE)
    answer["left"]["disabled again"] = left(before)
    bpy.ops.preferences.addon_enable(module=MODULE)
    make_read_only(code, writable=True)
    repositories = bpy.context.preferences.extensions.repos
    index = next(i for i, one in enumerate(repositories) if one.module == "user_default")
    bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id=OURS)
    answer["left"]["uninstalled"] = left(before)
    answer["files left"] = user.exists() or Path(repositories[index].directory, OURS).exists()


def main():
    answer = {"blender": bpy.app.version_string, "operators": {}, "left": {}}
    try:
        walk(answer)
    except Exception:
        answer["failed"] = traceback.format_exc()
    (FOLDER / "walk.json").write_text(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
