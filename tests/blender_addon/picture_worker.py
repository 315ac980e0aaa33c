"""A worker that answers every render with a known picture, keeps what it was sent, and dies when asked to.

Run as a script, with the folder of ``picture.npz`` (rgba, depth, provenance) as its argument before ``-m
neural.worker``. ``moving`` in that folder has the picture's red grow with the first vertex's x; ``slow`` holds
seconds to wait.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np

PREPARED = {"fit": "motion.npz", "adapt": "motion.npz", "subject": "project/subject"}
"""What the jobs before the first frame make, from the folder."""


def write(path: str, *arrays: np.ndarray) -> None:
    with open(path, "wb") as file:
        for array in arrays:
            np.save(file, array)


def draw(folder: Path, params: dict) -> list[int]:
    """Keep the arrays (the last, and all of them by number), answer with the picture."""
    number = len(list(folder.glob("arrays*.npz")))
    shutil.copy(params["arrays"], folder / "arrays.npz")
    shutil.copy(params["arrays"], folder / f"arrays{number:03d}.npz")
    with np.load(folder / "picture.npz") as picture:
        rgba, depth, provenance = (picture[name] for name in ("rgba", "depth", "provenance"))
    height, width = params["size"]
    rgba, depth, provenance = rgba[:height, :width], depth[:height, :width], provenance[:height, :width]
    if (folder / "slow").exists():
        time.sleep(float((folder / "slow").read_text()))
    if (folder / "moving").exists():
        with np.load(params["arrays"]) as arrays:
            rgba[..., 0] = float(arrays["vertices"][0, 0]) % 1.0
    write(params["out"], (rgba * 65535 + 0.5).astype(np.uint16), depth, provenance)
    return [0, 0, rgba.shape[1], rgba.shape[0]]


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
            x0, y0, x1, y1 = params["crop"]
            write(params["out"], np.full((y1 - y0, x1 - x0, 3), [10, 20, 30], np.uint8))
            answer = {"path": params["out"]}
        elif request["job"] in PREPARED:
            prepared = folder / PREPARED[request["job"]]
            (shutil.copytree if prepared.is_dir() else shutil.copy)(prepared, params["out"])
            answer = {"cameras": "none"}
        else:
            answer = {"path": params["out"], "box": draw(folder, params)}
        say(id=request["id"], type="progress", stage="drawing", fraction=1.0, eta_s=0)
        say(id=request["id"], type="result", result=answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
