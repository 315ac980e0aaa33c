"""What the operators of the steps share: whether they can be pressed, and how they hand work to the queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import bpy

from .. import tasks
from ..errors import AddonError
from ..preferences import worker_python


class WorkOperator:
    """Base of an operator that queues work. ``plan`` says what; ``obstacle`` why it cannot be pressed now.

    The undo step belongs to the result, which comes later: so these operators have no ``UNDO`` of their own.
    """

    bl_options = {"REGISTER"}

    @classmethod
    def obstacle(cls, context: bpy.types.Context) -> str:
        """Why this cannot be done now; '' where it can."""
        return ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = cls.obstacle(context) or _no_worker()
        if reason:
            cls.poll_message_set(reason)  # type: ignore[attr-defined]
        return not reason

    def queue(
        self, title: str, steps: Sequence[tasks.Step], on_done: Callable[[list[dict[str, Any]]], str | None]
    ) -> set[str]:
        """Hand the steps to the worker. Under -b they are done when this returns."""
        owner = type(self).bl_idname.lower().replace("_ot_", ".")  # type: ignore[attr-defined]
        task = tasks.submit_jobs(steps, title, on_done, owner)
        return tasks.answer(self, task)  # type: ignore[arg-type]

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            return self.start(context)
        except AddonError as error:
            self.report({"ERROR"}, str(error))  # type: ignore[attr-defined]
            return {"CANCELLED"}

    def start(self, context: bpy.types.Context) -> set[str]:
        """Queue the work.

        Raises:
            AddonError: something that is chosen cannot be used.
        """
        raise NotImplementedError


def under_way(title: str) -> str:
    """That this very work is queued already, else ''."""
    return f"{title}: is under way" if any(task.title == title for task in tasks.running()) else ""


def _no_worker() -> str:
    try:
        worker_python()
    except AddonError as error:
        return str(error)
    return ""
