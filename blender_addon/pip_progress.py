"""What pip says: as a stage and a fraction (downloads by their bytes, installing by the packages that are there), and
why it failed.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

_DOWNLOADING = re.compile(r"^\s*Downloading (?:\S*/)?([\w.]+)-\d\S*\.(?:whl|tar\.gz)(?!\.metadata)\b")
_PROGRESS = re.compile(r"^Progress (\d+) of (\d+)")
_INSTALLING = re.compile(r"^Installing collected packages: (.*)")
_COLLECTING = re.compile(
    r"^(?:Collecting|Processing|Requirement already satisfied:) (?:\S*/)?([\w.]+(?:-[A-Za-z]\w*)*)"
)
_DOWNLOAD_SHARE = 0.65
_NETWORK = (
    *("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ReadTimeoutError", "ProxyError"),
    *(
        "Read timed out",
        "IncompleteRead",
        "ConnectionResetError",
        "IncompleteDownload",
        "incomplete-download",
    ),
)
"""Words of pip's when the connection is bad."""


class PipProgress:
    """Fed with the lines of ``pip install --progress-bar raw``.

    Args:
        site_packages: where packages appear while pip says nothing for a minute.
        expected_bytes: what the step downloads in all, about; pip tells the size of each file only in its turn.
    """

    def __init__(self, site_packages: Path, expected_bytes: float) -> None:
        self.stage = "Looking up packages"
        self.fraction = 0.0
        self._site_packages = site_packages
        self._expected = expected_bytes
        self._done = 0  # bytes of the files before the present one
        self._current = (0, 0)
        self._installing: list[str] = []

    def line(self, text: str) -> bool:
        """Take a line in, or ``""`` when some time has passed. True where it is nothing for a log."""
        if match := _PROGRESS.match(text):
            self._bytes(int(match[1]), int(match[2]))
            return True
        if match := _DOWNLOADING.match(text):
            self._done += self._current[1]
            self._current = (0, 0)
            self.stage = f"Downloading {match[1]}"
        elif match := _INSTALLING.match(text):
            self._installing = [name.strip() for name in match[1].split(",")]
        elif match := _COLLECTING.match(text):
            self.stage = f"Looking up {match[1]}"
        if self._installing:
            self._count()
        return not text

    def _bytes(self, done: int, size: int) -> None:
        self._current = (done, size)
        total = max(self._expected, self._done + size)
        self.fraction = max(self.fraction, _DOWNLOAD_SHARE * (self._done + done) / total)

    def _count(self) -> None:
        """pip installs in the order it has named: the first that is not there yet is the present one."""
        there = {path.name.split("-")[0].lower() for path in self._site_packages.glob("*.dist-info")}
        missing = [name for name in self._installing if name.lower().replace("-", "_") not in there]
        share = 1 - len(missing) / len(self._installing)
        self.stage = f"Installing {missing[0]}" if missing else "Installing"
        self.fraction = max(self.fraction, _DOWNLOAD_SHARE + (1 - _DOWNLOAD_SHARE) * share)


def reason(lines: Collection[str]) -> str:
    """The line of pip's that says what went wrong, with the mend where there is one to know."""
    said = "\n".join(lines)
    errors = [line for line in lines if line.startswith(("ERROR:", "error:", "Error:", "OSError"))]
    if "No space left" in said or "Errno 28" in said:
        return "the disk is full; free some space and press the button again, it goes on from here"
    if any(word in said for word in _NETWORK):
        return "the connection failed; press the button again once it is back, it goes on from here"
    return (
        errors[0].partition(": ")[2] if errors else next((line for line in reversed(list(lines)) if line), "")
    )
