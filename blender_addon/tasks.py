"""The queue of long work: one task at a time in a background thread, its result taken over in Blender's own.

``submit`` returns at once. A timer, which lives only while there is work, hands results to ``on_done`` in the main
thread and pushes one undo step each. Under ``blender -b`` nothing may wait in the background: ``submit`` then works
at once and returns when it is done.
"""

from __future__ import annotations

import contextlib
import itertools
import textwrap
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import bpy

from . import jobs
from .errors import AddonError
from .preferences import worker_python
from .project import project_place

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "QUEUED", "RUNNING", "DONE", "FAILED", "CANCELLED"
ROLE = "tasks"
"""The worker of this queue is not the one that renders: a frame need not wait for a fit."""
_TICK_S = 0.1
_CANCEL_TIMEOUT_S = 0.4
"""A job that has not stopped by then is ended with its worker, so that cancelling never takes a second."""
_JOIN_S = 2.0
_LOG_LINES = 500
_POPUP_LETTERS = 80

Report = jobs.Report
Cancelled = Callable[[], bool]
Work = Callable[[Report, Cancelled], Any]


@dataclass(eq=False)
class Task:
    """One piece of work. Read it anywhere; only this module writes it."""

    title: str
    stage: str = ""
    fraction: float = 0.0
    eta_s: float | None = None
    state: str = QUEUED
    message: str = ""
    log: list[str] = field(default_factory=list)
    folder: str = ""  # where its results go
    owner: str = ""  # the operator that asked for it, as ``liquid_motion.fit``
    number: int = field(default_factory=itertools.count(1).__next__)  # by which buttons name it
    _scene: int = 0  # session_uid: undo and renaming keep it, a file that is loaded has others
    _cancel: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _outcome: tuple[str, Any] | None = None  # state and result or error; written last by the thread

    @property
    def ended(self) -> bool:
        return self.state in (DONE, FAILED, CANCELLED)

    def add_log(self, text: str) -> None:
        """Keep lines for the log, the newest ``_LOG_LINES``."""
        stamp = time.strftime("%H:%M:%S")
        self.log.extend(f"{stamp}  {line}" for line in text.splitlines())
        del self.log[:-_LOG_LINES]

    def report(self, stage: str, fraction: float, eta_s: float | None) -> None:
        if stage != self.stage:
            self.add_log(stage)
        self.stage, self.fraction, self.eta_s = stage, fraction, eta_s


_tasks: list[Task] = []
_plans: dict[Task, tuple[Work, Callable[[Any], str | None]]] = {}
"""What tasks that have not ended do, and what is done with their results."""


def submit(title: str, work: Work, on_done: Callable[[Any], str | None]) -> Task:
    """Queue work.

    Args:
        title: what it is, for the artist: "Fit walk.mp4".
        work: ``work(report, cancelled)``, called in a background thread; it must not touch bpy. It may raise
            AddonError (its text is shown), or JobCancelled after ``cancelled()`` became true.
        on_done: called once with what ``work`` returned, in Blender's main thread, in Object Mode, with the scene
            that was active at ``submit`` as ``bpy.context.scene``; not called where that scene is gone. It may
            raise AddonError, and return words for the artist.
    """
    return _queue(Task(title), work, on_done)


@dataclass(frozen=True)
class Step:
    """One job of the worker, a module of ``neural/jobs``. ``share``: how long it takes, next to the other steps."""

    kind: str
    params: dict[str, Any]
    share: float = 1.0


def submit_job(
    kind: str, params: dict[str, Any], title: str, on_done: Callable[[dict[str, Any]], str | None]
) -> Task:
    """Queue one job of the worker; ``on_done`` gets its result.

    Raises:
        AddonError: no Python for the worker is set.
    """
    return submit_jobs([Step(kind, params)], title, lambda results: on_done(results[0]))


def submit_jobs(
    steps: Sequence[Step], title: str, on_done: Callable[[list[dict[str, Any]]], str | None], owner: str = ""
) -> Task:
    """Queue jobs that are one piece of work, done one after the other; ``on_done`` gets their results.

    Args:
        owner: operator whose button shows the progress, as ``liquid_motion.fit``.

    Raises:
        AddonError: no Python for the worker is set.
    """
    task, python = Task(title, owner=owner), worker_python()

    def work(report: Report, cancelled: Cancelled) -> list[dict[str, Any]]:
        worker = jobs.shared_worker(python, ROLE)
        whole = sum(step.share for step in steps)
        results, done = [], 0.0
        for step in steps:
            part = _part(report, done / whole, step.share / whole)
            result = worker.run(
                step.kind,
                step.params,
                report=part,
                log=task.add_log,
                cancelled=cancelled,
                cancel_timeout_s=_CANCEL_TIMEOUT_S,
            )
            results.append(result)
            done += step.share
        return results

    return _queue(task, work, on_done)


def _part(report: Report, start: float, share: float) -> Report:
    """Reports of one step as those of the whole; the rest takes as long, by its share, as the step so far."""
    began = time.monotonic()

    def partial(stage: str, fraction: float, eta_s: float | None) -> None:
        if eta_s is not None:
            eta_s += (time.monotonic() - began + eta_s) * (1 - start - share) / share
        report(stage, start + share * fraction, eta_s)

    return partial


def answer(operator: bpy.types.Operator, task: Task) -> set[str]:
    """What an operator that submitted a task returns: under -b it has failed where the task has."""
    if task.state == FAILED:
        operator.report({"ERROR"}, task.message)
        return {"CANCELLED"}
    return {"FINISHED"}


def cancel(task: Task) -> None:
    """Ask a task to stop; one that waits is taken out of the queue."""
    task._cancel.set()
    if task.state == QUEUED:
        _end(task, CANCELLED, "")


def running() -> list[Task]:
    """Tasks that wait or work, in their order."""
    return [task for task in _tasks if not task.ended]


def all() -> list[Task]:
    """Every task of this session that was not dismissed, in their order."""
    return list(_tasks)


def numbered(number: int) -> Task | None:
    """The task that buttons name by this number, None where it was dismissed."""
    return next((task for task in _tasks if task.number == number), None)


def dismiss(task: Task) -> None:
    """Forget a task that has ended."""
    if task.ended and task in _tasks:
        _tasks.remove(task)


def _queue(task: Task, work: Work, on_done: Callable[[Any], str | None]) -> Task:
    task._scene, task.folder = bpy.context.scene.session_uid, str(project_place())
    for earlier in all():
        if earlier.state in (DONE, CANCELLED) and not earlier.message:  # it has been seen
            dismiss(earlier)
    _tasks.append(task)
    _plans[task] = work, on_done
    if _blocks():
        task.state = RUNNING
        _run(task, work)
        _take_over(task)
    elif not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, persistent=True)
    return task


def _blocks() -> bool:
    """Whether there is no event loop whose timers could take results over."""
    return bpy.app.background


def _run(task: Task, work: Work) -> None:
    """In the task's thread (Blender's own under -b). Whatever goes wrong is the task's outcome."""
    try:
        outcome = DONE, work(task.report, task._cancel.is_set)
    except jobs.JobCancelled:
        outcome = CANCELLED, None
    except Exception as error:
        _log_error(task, error)
        outcome = FAILED, error
    task._outcome = outcome


def _log_error(task: Task, error: Exception) -> None:
    if isinstance(error, AddonError):  # its text becomes the message, which is logged
        task.add_log(getattr(error, "details", ""))
    else:
        task.add_log("".join(traceback.format_exception(error)))


def _tick() -> float | None:
    """The timer: results of the task that has ended, then the start of the next."""
    current = next(iter(running()), None)
    if current is not None and current.state == QUEUED:
        current.state = RUNNING
        work, _ = _plans[current]
        current._thread = threading.Thread(
            target=_run, args=(current, work), name="liquid-motion-task", daemon=True
        )
        current._thread.start()
    elif current is not None and current._outcome is not None:
        reason = _why_wait() if current._outcome[0] == DONE else ""
        if reason:
            current.stage = reason
        else:
            _take_over(current)
    _redraw()
    return _TICK_S if running() else None


def _why_wait() -> str:
    """What the artist is in the middle of that a result would break; '' where it may come."""
    if bpy.app.is_job_running("RENDER"):
        return "Waits for the render"
    for window in bpy.context.window_manager.windows:
        active = window.view_layer.objects.active
        if active is not None and active.mode != "OBJECT":
            return "Waits for Object Mode"
        if any(operator.bl_idname.startswith("TRANSFORM_OT_") for operator in window.modal_operators):
            return "Waits for the transform"
    return ""


def _take_over(task: Task) -> None:
    """In the main thread: the end of a task whose thread has ended."""
    assert task._outcome is not None
    state, result = task._outcome
    if state == DONE:
        state, result = _deliver(task, result)
    if state == FAILED:
        known = isinstance(result, AddonError)
        _end(task, FAILED, str(result) if known else f"{result!r}: see the log, and report this please")
        _tell(task)
    else:
        _end(task, state, result or "")


def _deliver(task: Task, result: Any) -> tuple[str, Any]:
    """Hand a result to its ``on_done`` in the scene it is for. Returns the state, and words or the error."""
    scene = next((scene for scene in bpy.data.scenes if scene.session_uid == task._scene), None)
    if scene is None:
        return DONE, f"the file it was for is closed; what was made is in {task.folder}"
    _, on_done = _plans[task]
    with _looking_at(scene):
        try:
            words = on_done(result)
        except Exception as error:
            _log_error(task, error)
            return FAILED, error
        finally:  # whatever was added before a failure can be undone too
            bpy.ops.ed.undo_push(message=task.title)
    return DONE, words or ""


@contextlib.contextmanager
def _looking_at(scene: bpy.types.Scene) -> Iterator[None]:
    """The context of a scene: timers have no window, and operators need one that shows the scene."""
    windows = list(bpy.context.window_manager.windows)
    window = next((w for w in windows if w.scene == scene), windows[0])
    shown = window.scene
    if shown != scene:
        window.scene = scene
    try:
        with bpy.context.temp_override(window=window):
            yield
    finally:
        if shown != scene:
            window.scene = shown


def _end(task: Task, state: str, message: str) -> None:
    task.state, task.message, task.fraction, task.eta_s = state, message, 1.0, None
    if message:
        task.add_log(message)
    del _plans[task]


def _tell(task: Task) -> None:
    """A failure shows even where the sidebar is closed."""
    window = next(iter(bpy.context.window_manager.windows), None)
    if window is None or bpy.app.background:
        return

    def draw(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
        for line in textwrap.wrap(task.message, _POPUP_LETTERS):
            menu.layout.label(text=line, translate=False)
        menu.layout.separator()
        menu.layout.operator("liquid_motion.show_log", icon="TEXT").number = task.number

    with bpy.context.temp_override(window=window):
        bpy.context.window_manager.popup_menu(draw, title=f"{task.title} has failed", icon="ERROR")


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            kind = {"VIEW_3D": "UI", "PREFERENCES": "WINDOW"}.get(area.type)
            for region in area.regions:
                if region.type == kind:
                    region.tag_redraw()


def register() -> None:
    """Nothing to set up: the timer starts with the first task."""


def unregister() -> None:
    """Stop all work; nothing of it changes the scene any more."""
    current = running()
    for task in current:
        task._cancel.set()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    for task in current:
        if task._thread is not None:
            task._thread.join(_JOIN_S)
    _tasks.clear()
    _plans.clear()
