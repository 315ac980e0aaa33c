"""``liquid-motion worker``: the process that the Blender extension talks to."""

from __future__ import annotations

import typer


def command() -> None:
    """Serve jobs as JSON lines over stdin and stdout, until stdin closes."""
    from neural.worker import main

    raise typer.Exit(main())
