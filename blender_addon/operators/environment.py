"""The worker's environment: create it, go on with it, check it, remove it; and the user's SMPL files, checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from .. import environment, jobs, preferences, tasks
from ..errors import AddonError
from ..interpreters import find_interpreter

SET_UP, CHECK, REMOVE = "Create environment", "Check environment", "Remove environment"
FETCH = "Fetch heavy detector"
_TITLES = (SET_UP, CHECK, REMOVE, FETCH)

findings: list[dict[str, Any]] = []
"""What the last check found: name, state (ok, missing, broken), detail and mend."""
body_checks: dict[str, tasks.Task] = {}
"""The last check of each SMPL file, and what the worker said of those that are well."""
body_facts: dict[str, str] = {}


def task_under_way() -> tasks.Task | None:
    """The set-up, check, removal or download that waits or works."""
    return next((task for task in tasks.running() if task.title in _TITLES), None)


def last_failure() -> tasks.Task | None:
    """The newest set-up, check, removal or download, where it failed."""
    ended = [task for task in tasks.all() if task.title in _TITLES]
    return ended[-1] if ended and ended[-1].state == tasks.FAILED else None


def may_go_online() -> str:
    """Why nothing may be downloaded, or ''."""
    if bpy.app.online_access:
        return ""
    if bpy.app.online_access_override:
        return "Blender was started with --offline-mode: start it without"
    return "Online access is off: allow it under Preferences > System > Network"


def no_worker() -> str:
    """Why no worker can be started, or ''."""
    try:
        preferences.worker_python()
    except AddonError as error:
        return str(error)
    return ""


def _not_needed() -> str:
    return (
        ""
        if preferences.preferences() is not None
        else "Not needed: the worker runs in the Python that has bpy"
    )


def _under_way() -> str:
    return "Under way" if task_under_way() else ""


def _not_created() -> str:
    none = environment.state(preferences.environment_folder()) == environment.NONE
    return "None was created here" if none else ""


def _no_file() -> str:
    return "" if _chosen_bodies() else "Choose a file first"


def _nothing_hinders(operator: type[bpy.types.Operator], *obstacles: Callable[[], str]) -> bool:
    """For polls: whether none of these has a reason to give; the first that has is shown to the user."""
    why = next((why for obstacle in obstacles if (why := obstacle())), "")
    if why:
        operator.poll_message_set(why)
    return not why


def _keep(health: dict[str, Any]) -> None:
    findings[:] = health["findings"]


class LIQUID_MOTION_OT_environment_create(bpy.types.Operator):
    """Download what the worker needs into a folder of its own. What is there already is kept"""

    bl_idname = "liquid_motion.environment_create"
    bl_label = "Create Environment"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _nothing_hinders(cls, _not_needed, _under_way, may_go_online)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        flavour = preferences.preferences().setup_flavour
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=self.bl_label,
            message=f"Downloads {environment.DOWNLOAD_GB[flavour]} GB from PyPI and PyTorch's own servers. "
            "You can go on working meanwhile",
            confirm_text="Download",
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        own = preferences.preferences()
        chosen, flavour = bpy.path.abspath(own.setup_python), own.setup_flavour
        folder = preferences.environment_folder()

        def work(report: jobs.Report, cancelled: tasks.Cancelled) -> dict[str, Any]:
            jobs.stop_workers()  # their files may be about to be replaced
            report("Looking for a Python", 0.0, None)
            python = find_interpreter(chosen)
            return environment.create_environment(python.path, folder, flavour, report, cancelled)

        return tasks.answer(self, tasks.submit(SET_UP, work, _keep))


class LIQUID_MOTION_OT_environment_check(bpy.types.Operator):
    """Start the worker and let it look at itself: what is there, what is missing, and the mend"""

    bl_idname = "liquid_motion.environment_check"
    bl_label = "Check"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _nothing_hinders(cls, _under_way, no_worker)

    def execute(self, context: bpy.types.Context) -> set[str]:
        findings.clear()
        params = {
            "folder": str(preferences.environment_folder().parent),
            "extension": environment.extension_version(),
            "bodies": list(_chosen_bodies().values()),
        }
        return tasks.answer(self, tasks.submit_job("doctor", params, CHECK, _keep))


class LIQUID_MOTION_OT_fetch_detector(bpy.types.Operator):
    """Download the larger network that finds people: a quarter more exact, and less than half as fast.
    Every fit uses it from then on"""

    bl_idname = "liquid_motion.fetch_detector"
    bl_label = "Fetch Heavy Detector"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _nothing_hinders(cls, _under_way, no_worker, may_go_online)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=self.bl_label,
            message="Downloads 28 MB from Google's MediaPipe (Apache-2.0). You can go on working meanwhile",
            confirm_text="Download",
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        return tasks.answer(self, tasks.submit_job("fetch", {}, FETCH, lambda _: None))


class LIQUID_MOTION_OT_environment_remove(bpy.types.Operator):
    """Delete the environment that was created here, and what was downloaded for it"""

    bl_idname = "liquid_motion.environment_remove"
    bl_label = "Remove Environment"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _nothing_hinders(cls, _under_way, _not_created)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = preferences.environment_folder()
        findings.clear()

        def work(report: jobs.Report, cancelled: tasks.Cancelled) -> None:
            jobs.stop_workers()
            report("Deleting", 0.0, None)
            environment.remove_environment(folder, cancelled)

        return tasks.answer(self, tasks.submit(REMOVE, work, lambda _: None))


class LIQUID_MOTION_OT_check_body(bpy.types.Operator):
    """Let the worker read this model file; it stays where it is"""

    bl_idname = "liquid_motion.check_body"
    bl_label = "Check SMPL File"

    model: bpy.props.EnumProperty(
        name="Model",
        description="Which of the files",
        items=[(model, name, f"Your {name} file") for model, name in preferences.SMPL_MODELS],
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _nothing_hinders(cls, _no_file, no_worker)

    def execute(self, context: bpy.types.Context) -> set[str]:
        model = self.model
        body_facts.pop(model, None)
        body_checks.pop(model, None)

        def keep(found: dict[str, Any]) -> None:
            body_facts[model] = (
                f"{found['vertices']} vertices, {found['joints']} joints, {found['betas']} betas, {found['gender']}"
            )

        try:
            params = {"path": preferences.body_file(model), "model": model}
            name = dict(preferences.SMPL_MODELS)[model]
            task = tasks.submit_job("check_body", params, f"Check the {name} file", keep)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        body_checks[model] = task
        return tasks.answer(self, task)


def _chosen_bodies() -> dict[str, str]:
    own = preferences.preferences()
    if own is None:
        return {}
    return {model: path for model, _ in preferences.SMPL_MODELS if (path := _absolute(getattr(own, model)))}


def _absolute(path: str) -> str:
    return str(Path(bpy.path.abspath(path))) if path else ""


_CLASSES = (
    LIQUID_MOTION_OT_environment_create,
    LIQUID_MOTION_OT_environment_check,
    LIQUID_MOTION_OT_fetch_detector,
    LIQUID_MOTION_OT_environment_remove,
    LIQUID_MOTION_OT_check_body,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    findings.clear()
    body_checks.clear()
    body_facts.clear()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
