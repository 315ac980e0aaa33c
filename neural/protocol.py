"""The worker's messages: one JSON object per line, each with ``v``, ``id`` and ``type``."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from typing import Any

VERSION = 1

RequestId = str | int


class ProtocolError(Exception):
    """A request that cannot be understood. ``id`` is the request's, where it could be read."""

    def __init__(self, message: str, id: RequestId | None = None) -> None:
        super().__init__(message)
        self.id = id


@dataclass(frozen=True)
class Request:
    """One line from the other side; ``job`` and ``params`` belong to the type ``run`` only."""

    type: str
    id: RequestId | None
    job: str = ""
    params: dict[str, Any] | None = None


def encode(kind: str, id: RequestId | None, **content: Any) -> bytes:
    """One message as a line of ASCII. Paths become strings, numpy scalars numbers, NaN and infinity null."""
    message = {"v": VERSION, "id": id, "type": kind, **content}
    return (json.dumps(to_json(message), allow_nan=False) + "\n").encode("ascii")


def decode(line: bytes) -> Request:
    """Read a request.

    Raises:
        ProtocolError: it is not JSON, of another version, or lacks what its type needs.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the request is not JSON ({error}); send one JSON object per line") from error
    if not isinstance(message, dict):
        raise ProtocolError("the request is not a JSON object; send one JSON object per line")
    id = message.get("id")
    if id is not None and (isinstance(id, bool) or not isinstance(id, (str, int))):
        raise ProtocolError(f"id {id!r} is neither text nor an integer")
    if message.get("v") != VERSION:
        raise ProtocolError(
            f"protocol version {message.get('v')!r} is not {VERSION}; "
            "install the same version of the extension and of liquid-motion",
            id,
        )
    return _request(message, id)


def _request(message: dict[str, Any], id: RequestId | None) -> Request:
    kind = message.get("type")
    if kind == "quit":
        return Request("quit", id)
    if kind not in ("run", "cancel"):
        raise ProtocolError(f"request type {kind!r} is none of run, cancel, quit", id)
    if id is None:
        raise ProtocolError(f"a {kind} request needs an id", id)
    if kind == "cancel":
        return Request("cancel", id)
    job, params = message.get("job"), message.get("params", {})
    if not isinstance(job, str) or not isinstance(params, dict):
        raise ProtocolError("a run request needs a job (text) and params (an object)", id)
    return Request("run", id, job, params)


def to_json(value: Any) -> Any:
    """``value`` as JSON can hold it.

    Raises:
        TypeError: it holds something with no meaning in JSON.
    """
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # a numpy scalar or array, without importing numpy
        return to_json(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
