"""The motions that ``retarget.py`` puts on rigs, as motion files; made once and kept in a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

RECORDINGS = {"walk": "02_01", "run": "02_03", "jump": "02_04"}
"""Of CMU's subject 02."""
DANCE = "jesse_dance.bvh"
CLIP = "footage/clips/ipercore_akun_1.mp4"
FPS = 30.0


def sources(shared: Path, cache: Path, *, fit: bool) -> dict[str, Path]:
    """Files of every motion by name; those whose footage is missing are left out."""
    cache.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, number in RECORDINGS.items():
        path = cache / f"cmu_{number}.npz"
        if not path.is_file() and (shared / "mocap/cmu").is_dir():
            _recorded(shared / "mocap/cmu", number, path)
        found[name] = path
    found["dance"] = shared / "mocap" / DANCE
    fitted = cache / "akun_1.npz"
    if fit and not fitted.is_file() and (shared / CLIP).is_file():
        _fitted(shared / CLIP, fitted)
    found["akun_1"] = fitted
    return {name: path for name, path in found.items() if path.is_file()}


def _recorded(folder: Path, number: str, path: Path) -> None:
    """A recording on the open body, its soles on z = 0 as a rule."""
    import torch

    from neural.training.mocap import load_amc, load_asf, retarget
    from smpl_fitting.body import load_body
    from smpl_fitting.motion import Motion

    body = load_body("open")
    betas = torch.zeros(1, body.num_betas)
    joints = body.joints(betas, torch.zeros(1, 72))[0].numpy()
    recording = load_amc(folder / f"{number}.amc", load_asf(folder / f"{number[:2]}.asf"))
    poses, trans = retarget(recording, joints, FPS)
    soles = body.soles(betas, *(torch.from_numpy(a.astype(np.float32)) for a in (poses, trans)))
    trans[:, 2] -= np.percentile(soles[..., 2].amin(1).numpy(), 5)
    Motion(poses=poses, trans=trans, betas=np.zeros(body.num_betas), fps=FPS, source=f"CMU {number}").save(
        path
    )


def _fitted(clip: Path, path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from neural.cli import main; main()",
        "fit",
        str(clip),
        "--out",
        str(path),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
