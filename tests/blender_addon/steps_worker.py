"""A worker that answers the steps from footage to a person with the small person's files, at once.

Run as a script, with the folder of ``motion.npz`` and ``body.npz`` as its argument. It keeps what it was asked in
``requests.jsonl`` there.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np


def main(folder: Path) -> None:
    def say(**message) -> None:
        print(json.dumps({"v": 1, **message}), flush=True)

    say(id=None, type="hello", version="test", jobs=sorted(JOBS))
    for line in sys.stdin:
        request = json.loads(line)
        if request["type"] == "quit":
            break
        if request["type"] != "run":
            continue
        with open(folder / "requests.jsonl", "a") as log:
            log.write(json.dumps([request["job"], request["params"]]) + "\n")
        result = JOBS[request["job"]](folder, request["params"])
        say(id=request["id"], type="result", result=result)


def fit(folder: Path, params: dict) -> dict:
    if params.get("people"):
        Path(params["people"]).write_bytes(b"a picture")
        return {"people": params["people"], "people_found": 2}
    shutil.copy(folder / "motion.npz", params["out"])
    return {"motion": params["out"]}


def export_body(folder: Path, params: dict) -> dict:
    shutil.copy(folder / "body.npz", params["out"])
    return {"body": params["out"]}


def convert(folder: Path, params: dict) -> dict:
    """Motion capture has no cameras."""
    with np.load(folder / "motion.npz") as motion:
        np.savez(params["out"], **{k: motion[k] for k in motion.files if not k.startswith("camera")})
    return {"out": params["out"]}


def subject(folder: Path, params: dict) -> dict:
    out = Path(params["out"])
    out.mkdir()
    (out / "subject.json").write_text("{}")
    shutil.copy(folder / "motion.npz", out / "fits.npz")
    shutil.copy(folder / "body.npz", out / "body.npz")
    for name in ("texture.png", "background.png"):
        shutil.copy(folder / "grey.png", out / name)
    return {"subject": params["out"]}


def adapt(folder: Path, params: dict) -> dict:
    shutil.copy(params["motion"], params["out"])
    with np.load(params["motion"]) as motion:
        filmed = "camera_K" in motion.files
    cameras = {"copy": "driving", "follow": "none"}.get(params["cam_strategy"], "source")
    return {"motion": params["out"], "cameras": cameras if filmed else "none"}


JOBS = {"fit": fit, "export_body": export_body, "convert": convert, "subject": subject, "adapt": adapt}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
