"""Has the worker draw snapshots. Nothing here needs Blender: the viewport does it from a thread of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..colour import Picture, merge_by_depth
from ..jobs import Report, Worker
from ..scene.camera import View, far_pinhole
from .exchange import new_path, read_arrays
from .snapshot import Person, Snapshot

_CANCEL_S = 1.0
"""A renderer cannot stop inside a frame: a worker that has not ended it by then is ended itself."""


@dataclass(frozen=True)
class Drawing:
    """How to draw, and whom to tell.

    Attributes:
        renderer: ``warp`` or ``liquid``.
        relight: have ``warp`` draw in the photo's lamp, as ``liquid`` does, where no other light is asked for.
        report: ``report(stage, fraction, eta_s)`` of one person's picture.
        cancelled: whether to stop.
    """

    worker: Worker
    renderer: str
    report: Report = lambda stage, fraction, eta_s: None
    cancelled: Callable[[], bool] = lambda: False
    relight: bool = False

    def picture(self, snapshot: Snapshot, previous: Snapshot | None = None) -> Picture:
        """Everybody, the nearer over the farther.

        Args:
            previous: the frame before, for renderers that carry it on.

        Raises:
            AddonError: the worker failed. JobCancelled: ``cancelled()`` became true.
        """
        before = {person.key: person for person in previous.people} if previous else {}
        pictures = []
        for person in snapshot.people:
            arrays, behind = view_arrays(person, snapshot.view)
            if person.lamps is not None:
                arrays |= {f"light_{name}": array for name, array in asdict(person.lamps).items()}
            earlier = before.get(person.key)
            if previous is not None and earlier is not None:
                old, _ = view_arrays(earlier, previous.view)
                arrays |= {f"previous_{name}": array for name, array in old.items()}
            pictures.append(self._person(person, arrays, snapshot.view.size, behind))
        if not pictures:
            return Picture.empty(snapshot.view.size)
        return functools.reduce(merge_by_depth, pictures)

    def _person(
        self, person: Person, arrays: dict[str, np.ndarray], size: tuple[int, int], behind: float
    ) -> Picture:
        source = new_path(self.worker.folder, "frame").with_suffix(".npz")
        np.savez(source, **arrays)
        params = {
            "subject": person.subject,
            "arrays": str(source),
            "size": list(size),
            "renderer": self.renderer,
            "relight": self.relight,
            "out": str(new_path(self.worker.folder, "picture")),
        }
        try:
            answer = self._run("render_frame", params)
        finally:
            source.unlink(missing_ok=True)
        x0, y0, x1, y1 = box = tuple(answer["box"])
        part = (y1 - y0, x1 - x0)
        rgba, depth, provenance = read_arrays(Path(answer["path"]), [(*part, 4), part, part])
        return Picture(rgba, depth - np.float32(behind) if behind else depth, provenance).placed(box, size)

    def footage(self, path: str, index: int, view: View) -> np.ndarray:
        """A frame of footage (H, W, 3) uint8, scaled to cover the whole picture; of it the part that is rendered.

        Raises:
            AddonError: it is not readable. JobCancelled: ``cancelled()`` became true.
        """
        out = str(new_path(self.worker.folder, "footage"))
        params = {
            "path": path,
            "index": index,
            "size": list(view.full_size),
            "crop": list(view.box),
            "out": out,
        }
        answer = self._run("footage_frame", params)
        return read_arrays(Path(answer["path"]), [(*view.size, 3)])[0]

    def _run(self, kind: str, params: dict[str, Any]) -> dict[str, Any]:
        return self.worker.run(
            kind, params, report=self.report, cancelled=self.cancelled, cancel_timeout_s=_CANCEL_S
        )


def view_arrays(person: Person, view: View) -> tuple[dict[str, np.ndarray], float]:
    """What the worker draws a person from, and how many metres its depths are beyond the camera's."""
    behind = 0.0
    if view.orthographic:
        view, behind = far_pinhole(view, person.vertices)
    return {"vertices": person.vertices, "K": view.K, "R": view.R, "t": view.t}, behind
