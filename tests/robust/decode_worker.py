"""Opens the files named on stdin and decodes a few frames of each; native code may kill it, so it runs alone.

For each line it prints ``begin PATH`` and then ``ok``, ``refused`` or ``WRONG error``; at the end the peak memory.
"""

import logging
import signal
import sys
from pathlib import Path

from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.video import open_footage

FRAMES = 4
SECONDS = 20


def outcome(path: str) -> str:
    try:
        footage = open_footage(path)
        for index, picture in footage.frames(0, FRAMES):
            height, width = footage.image_size
            if picture.shape[:2] != (height, width) or picture.shape[2] not in (3, 4):
                return f"WRONG frame {index} is {picture.shape}, not {footage.image_size}"
        if footage.frame_count > 1:
            footage.frame(footage.frame_count - 1)
    except LiquidMotionError as error:
        if path not in str(error) or "\n" in str(error):
            return f"WRONG message {error!r}"
        return "refused"
    except Exception as error:  # what the test is about
        return f"WRONG {type(error).__name__}: {error}".replace("\n", " ")
    return "ok"


def main() -> None:
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        path = line.rstrip("\n")
        print("begin", path, flush=True)
        # by default the alarm ends the process, also inside of native code
        signal.alarm(SECONDS)
        print(outcome(path), flush=True)
        signal.alarm(0)
    print("peak", _peak_megabytes(), flush=True)


def _peak_megabytes() -> int:
    # not getrusage: what it gives starts with the memory of the process that started this one
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    main()
