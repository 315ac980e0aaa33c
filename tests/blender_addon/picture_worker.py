"""A worker that answers every render with a known picture, keeps what it was sent, and dies when asked to.

Run as a script, with the folder of ``picture.npz`` (rgba, depth) as its argument before ``-m neural.worker``.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np


def main(folder: Path) -> None:
    def say(**message) -> None:
        print(json.dumps({"v": 1, **message}), flush=True)

    say(id=None, type="hello", version="test")
    for line in sys.stdin:
        request = json.loads(line)
        if request["type"] != "run":
            break
        params = request["params"]
        if (folder / "die").exists():
            (folder / "die").unlink()
            print("out of luck", file=sys.stderr, flush=True)
            os.kill(os.getpid(), 9)
        with open(folder / "requests.jsonl", "a") as log:
            log.write(json.dumps([request["job"], params]) + "\n")
        if request["job"] == "footage_frame":
            height, width = params["size"]
            np.savez(params["out"], rgb=np.full((height, width, 3), [10, 20, 30], np.uint8))
        else:
            shutil.copy(params["arrays"], folder / "arrays.npz")
            shutil.copy(folder / "picture.npz", params["out"])
        say(id=request["id"], type="progress", stage="drawing", fraction=1.0, eta_s=0)
        say(id=request["id"], type="result", result={"path": params["out"]})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
