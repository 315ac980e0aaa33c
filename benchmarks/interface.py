"""Does Blender's window stay alive? ``python benchmarks/interface.py --worker-python PYTHON --json F``.

In a real window under a virtual display (Xvfb), the demo's person is made with the sidebar open: the longest press of
a button, timer tick and panel draw of ours while the worker starts and works, how long a cancel takes, and the time
of building the scene of a 300-frame motion.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blender", default="blender", help='command, for instance "chroot DIR blender"')
    parser.add_argument("--worker-python", required=True, help="Python in whose environment liquid-motion is")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    *outside, program = shlex.split(options.blender)
    with tempfile.TemporaryDirectory(prefix="interface_", dir=Path.cwd()) as folder:
        report = Path(folder, "figures.json")
        environment = [
            f"LIQUID_MOTION_PYTHON={options.worker_python}",
            f"BLENDER_USER_RESOURCES={folder}/profile",
            "LIBGL_ALWAYS_SOFTWARE=1",
        ]
        script = Path(__file__).with_name("_interface_window.py")
        command = [*outside, "xvfb-run", "-a", "-s", "-screen 0 1500x1000x24", "env", *environment, program]
        command += ["--factory-startup", "--window-geometry", "0", "0", "1500", "1000"]
        command += ["--python", str(script), "--", str(REPO), folder, str(report)]
        subprocess.run(command, check=True)
        figures = json.loads(report.read_text())
    for name, value in figures.items():
        print(f"{name:32} {value:8.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
