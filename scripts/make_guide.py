"""Make the pictures of docs/guide.md: a real Blender window under a virtual display, driven by real clicks.

    python scripts/make_guide.py --worker-python PYTHON [--blender "COMMAND"] [--out DIR] [--work DIR]

Blender (4.2 to 5.2), Xvfb, xdotool and ImageMagick's ``import`` and ``convert`` must be where COMMAND runs. The
extension must be installed there, or is from ``--zip``. Every click looks for its button by what Blender says is
under the mouse, so that a panel may change its looks without breaking this script.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
DEMO = REPO / "neural" / "data" / "demo"
SCREEN = (1500, 1000)
EXTENSION = "bl_ext.user_default.liquid_motion"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blender", default="blender", help='command, for instance "chroot DIR blender"')
    parser.add_argument("--worker-python", required=True, help="Python in whose environment liquid-motion is")
    parser.add_argument("--zip", type=Path, help="the extension to install first")
    parser.add_argument("--out", type=Path, default=REPO / "docs" / "guide", help="folder for the pictures")
    parser.add_argument("--work", type=Path, help="the user's home in the pictures (a temporary folder)")
    parser.add_argument("--source", type=Path, default=DEMO / "source.jpg")
    parser.add_argument("--driving", type=Path, default=DEMO / "driving.mp4")
    parser.add_argument("--story", default="guide", help="which of _guide_story.STORIES is played")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="guide_") as temporary:
        work = (options.work or Path(temporary)).resolve()
        footage = work / "footage"  # so that the pictures show no path of this machine
        footage.mkdir(parents=True, exist_ok=True)
        source, driving = (shutil.copy(path, footage) for path in (options.source, options.driving))
        environment = {
            "HOME": str(work),
            "BLENDER_USER_RESOURCES": str(work / "blender"),
            "LIQUID_MOTION_PYTHON": options.worker_python,
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        prefix = [*shlex.split(options.blender)]
        blender = ["env", *(f"{name}={value}" for name, value in environment.items()), prefix[-1]]
        outside = prefix[:-1]  # what comes before the program: a chroot, for instance
        if options.zip:
            install = ["--command", "extension", "install-file", "--repo", "user_default", "--enable"]
            subprocess.run([*outside, *blender, *install, str(options.zip.resolve())], check=True)
        screen = f"-screen 0 {SCREEN[0]}x{SCREEN[1]}x24"
        story = [
            str(Path(__file__).with_name("_guide_story.py")),
            "--",
            options.story,
            str(options.out.resolve()),
        ]
        story += [str(work), str(source), str(driving)]
        window = ["--window-geometry", "0", "0", *map(str, SCREEN), "--python-exit-code", "4", "--python"]
        command = [*outside, "xvfb-run", "-a", "-s", screen, *blender, *window, *story]
        return subprocess.run(command, check=False, env=os.environ).returncode


if __name__ == "__main__":
    sys.exit(main())
