"""Files that are missing: looked for, and linked again from a folder."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..scene import missing, versions


class LIQUID_MOTION_OT_find_missing(bpy.types.Operator):
    """Look whether every file that the person and the scene need is there"""

    bl_idname = "liquid_motion.find_missing"
    bl_label = "Check Files"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        missing.known[:] = missing.find_missing()
        for line in missing.report(missing.known):
            self.report({"WARNING"}, line)
        if not missing.known:
            self.report({"INFO"}, "All files are there")
        return {"FINISHED"}


class LIQUID_MOTION_OT_relink(bpy.types.Operator):
    """Search a folder, and all folders in it, for the files that are missing, by their names"""

    bl_idname = "liquid_motion.relink"
    bl_label = "Relink Folder"
    bl_options = {"REGISTER", "UNDO"}

    directory: bpy.props.StringProperty(name="Folder", subtype="DIR_PATH")
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = Path(bpy.path.abspath(self.directory))
        if not self.directory or not folder.is_dir():
            self.report({"ERROR"}, f"{folder}: no such folder; choose the one that holds the files now")
            return {"CANCELLED"}
        mended, left = missing.relink(folder, missing.find_missing())
        for line in versions.migrate_file():  # what waited for its subject
            self.report({"WARNING"}, line)
        missing.known[:] = left
        for line in missing.report(left):
            self.report({"WARNING"}, line)
        self.report({"INFO"}, f"{len(mended)} found again in {folder.name}, {len(left)} still missing")
        return {"FINISHED"} if mended or not left else {"CANCELLED"}


_CLASSES = (LIQUID_MOTION_OT_find_missing, LIQUID_MOTION_OT_relink)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
