"""Sources: the photos and clips of the person, and who is in them."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import steps
from ..project import stored_path
from ..results import show_people
from ..work_settings import LIQUID_MOTION_Footage, LIQUID_MOTION_WorkSettings
from ._work import WorkOperator, under_way

_DEMO = "Copy the demo's footage"


class LIQUID_MOTION_OT_source_add(bpy.types.Operator):
    """Add photos and clips of the person: whole body, from as many sides as there are"""

    bl_idname = "liquid_motion.source_add"
    bl_label = "Add Photos and Clips"
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(name="File", description="Photo or clip", subtype="FILE_PATH")
    directory: bpy.props.StringProperty(name="Folder", description="Where they are", subtype="DIR_PATH")
    files: bpy.props.CollectionProperty(
        name="Files", description="Photos and clips", type=bpy.types.OperatorFileListElement
    )
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    filter_movie: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        work = context.scene.liquid_motion.work
        names = [file.name for file in self.files if file.name]
        paths = [Path(self.directory, name) for name in names] or [Path(bpy.path.abspath(self.filepath))]
        known = {bpy.path.abspath(source.path) for source in work.sources}
        for path in paths:
            if not path.is_file():
                self.report({"ERROR"}, f"{path}: no such photo or clip; check the path")
                return {"CANCELLED"}
            if str(path) in known:
                self.report({"WARNING"}, f"{path.name} is in the list already")
                continue
            work.sources.add().path = stored_path(path)
        work.active_source = max(0, len(work.sources) - 1)
        return {"FINISHED"}


class LIQUID_MOTION_OT_try_demo(WorkOperator, bpy.types.Operator):
    """Take the photo and the clip that come with Liquid Motion as source and driving"""

    bl_idname = "liquid_motion.try_demo"
    bl_label = "Try the Demo"

    @classmethod
    def obstacle(cls, context: bpy.types.Context) -> str:
        return "There are sources already" if context.scene.liquid_motion.work.sources else under_way(_DEMO)

    def start(self, context: bpy.types.Context) -> set[str]:
        def take(results: list[dict]) -> None:
            work = bpy.context.scene.liquid_motion.work
            for path in results[0]["sources"]:
                work.sources.add().path = stored_path(Path(path))
            work.driving_kind, work.driving.path = "CLIP", stored_path(Path(results[0]["driving"]))

        return self.queue(_DEMO, [steps.demo()], take)


class LIQUID_MOTION_OT_source_remove(bpy.types.Operator):
    """Take the selected photo or clip off the list; the file stays where it is"""

    bl_idname = "liquid_motion.source_remove"
    bl_label = "Remove Source"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_source(context.scene.liquid_motion.work) is None:
            cls.poll_message_set("No source is selected")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        work = context.scene.liquid_motion.work
        work.sources.remove(work.active_source)
        work.active_source = max(0, min(work.active_source, len(work.sources) - 1))
        return {"FINISHED"}


class _FindPeople(WorkOperator):
    """Look for everybody in footage; a numbered picture lets the artist choose."""

    bl_label = "Find People"

    @staticmethod
    def footage(work: LIQUID_MOTION_WorkSettings) -> LIQUID_MOTION_Footage | None:
        raise NotImplementedError

    @classmethod
    def obstacle(cls, context: bpy.types.Context) -> str:
        footage = cls.footage(context.scene.liquid_motion.work)
        if footage is None or not footage.path:
            return "Choose a photo or clip first"
        return under_way(_title(footage))

    def start(self, context: bpy.types.Context) -> set[str]:
        footage = self.footage(context.scene.liquid_motion.work)
        assert footage is not None  # says poll
        step, picture = steps.find_people(footage)
        path = footage.path

        def take(results: list[dict]) -> None:
            for one in _all_footage(bpy.context.scene.liquid_motion.work):
                if one.path == path:  # the list may be another by now
                    show_people(one, picture, results[0]["people_found"])

        return self.queue(_title(footage), [step], take)


class LIQUID_MOTION_OT_find_people(_FindPeople, bpy.types.Operator):
    """Find everybody in the selected source, to choose who is meant"""

    bl_idname = "liquid_motion.find_people"

    @staticmethod
    def footage(work: LIQUID_MOTION_WorkSettings) -> LIQUID_MOTION_Footage | None:
        return active_source(work)


class LIQUID_MOTION_OT_find_drivers(_FindPeople, bpy.types.Operator):
    """Find everybody in the driving clip, to choose whose motion is meant"""

    bl_idname = "liquid_motion.find_drivers"

    @staticmethod
    def footage(work: LIQUID_MOTION_WorkSettings) -> LIQUID_MOTION_Footage | None:
        return work.driving


class LIQUID_MOTION_OT_show_picture(bpy.types.Operator):
    """Show the picture in a window of its own"""

    bl_idname = "liquid_motion.show_picture"
    bl_label = "Enlarge"

    filepath: bpy.props.StringProperty(name="File", description="Picture to show", subtype="FILE_PATH")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if bpy.app.background:
            cls.poll_message_set("There is no window to show it in")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = Path(bpy.path.abspath(self.filepath))
        if not path.is_file():
            self.report({"ERROR"}, f"{path}: is not there any more; find the people again")
            return {"CANCELLED"}
        image = bpy.data.images.load(str(path), check_existing=True)
        bpy.ops.wm.window_new()
        area = context.window_manager.windows[-1].screen.areas[0]
        area.type = "IMAGE_EDITOR"
        area.spaces.active.image = image
        return {"FINISHED"}


def active_source(work: LIQUID_MOTION_WorkSettings) -> LIQUID_MOTION_Footage | None:
    """The source that is selected in the list."""
    return work.sources[work.active_source] if 0 <= work.active_source < len(work.sources) else None


def _all_footage(work: LIQUID_MOTION_WorkSettings) -> list[LIQUID_MOTION_Footage]:
    return [*work.sources, work.driving]


def _title(footage: LIQUID_MOTION_Footage) -> str:
    return f"Find people in {footage.name}"


_CLASSES = (
    LIQUID_MOTION_OT_source_add,
    LIQUID_MOTION_OT_try_demo,
    LIQUID_MOTION_OT_source_remove,
    LIQUID_MOTION_OT_find_people,
    LIQUID_MOTION_OT_find_drivers,
    LIQUID_MOTION_OT_show_picture,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
