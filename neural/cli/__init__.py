"""The command ``liquid-motion``: one module here for each subcommand, found by its name.

A module holds ``command``, a typer function; a new file is a new subcommand. A name that begins with an
underscore is a helper. Everything heavy is imported inside the functions, so that ``--help`` answers at once.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Sequence

import typer

from neural import __version__

USAGE = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 success, 1 failure, 2 wrong usage, 130 Ctrl-C."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    words = spread_values(words, ("--source", "--driving") if words[:1] == ["transfer"] else ("--source",))
    if words[:1] == ["evaluate"]:
        words = name_stdout(words)
    app = build_app()
    if "--json" not in words:
        app(words, prog_name="liquid-motion")
        return
    # click's own answer to wrong usage is prose on stderr: a machine gets an object on stdout as well
    try:
        app(words, prog_name="liquid-motion")
    except SystemExit as end:
        if end.code == USAGE:
            message = f"wrong usage; see liquid-motion {' '.join(words[:1])} --help"
            print(json.dumps({"status": "error", "code": "usage", "message": message}))
        raise


def command_names() -> list[str]:
    """The subcommands, without importing them."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def build_app() -> typer.Typer:
    """All subcommands as one typer application."""
    app = typer.Typer(
        name="liquid-motion",
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,  # rich would double the time --help takes
        pretty_exceptions_enable=False,
        help="Put a person into your Blender scene: one photo or clip of them, one clip of somebody moving.",
    )
    app.callback()(_common)
    for name in command_names():
        module = importlib.import_module(f"{__name__}.{name}")
        app.command(name, no_args_is_help=False)(module.command)
    return app


def spread_values(words: list[str], options: Sequence[str] = ("--source",)) -> list[str]:
    """Let ``--source a b`` stand for ``--source a --source b``, which is what typer understands."""
    spread: list[str] = []
    last = None
    for word in words:
        if word.startswith("-") and word != "-":
            last = word if word in options else None
            spread.append(word)
        elif last is not None and spread[-1] != last:
            spread += [last, word]
        else:
            spread.append(word)
    return spread


def name_stdout(words: list[str]) -> list[str]:
    """A bare ``--json`` of a command whose ``--json`` takes a file: ``--json -``."""
    named: list[str] = []
    for word, following in zip(words, [*words[1:], "--"], strict=True):
        named.append(word)
        if word == "--json" and following.startswith("--"):
            named.append("-")
    return named


def _version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


def _common(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and end."
    ),
) -> None:
    pass
