"""Write the joints of the open body, as a function of its betas, for the extension: retargeting needs no mesh.

    python scripts/build_retarget_joints.py

Run it again when the open body changes. Joints are metres, Y-up, rounded to 0.01 mm.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from smpl_fitting.body import load_body

OUT = Path(__file__).parents[1] / "blender_addon" / "retarget" / "open_joints.json"


def main() -> None:
    joints: dict[str, list] = {}
    for model in ("open_h", "open"):
        body = load_body(model)
        template, shapedirs = np.asarray(body.J_template, float), np.asarray(body.J_shapedirs, float)
        for k, name in enumerate(body.joint_names):
            joints[name] = [np.round(template[k], 5).tolist(), np.round(shapedirs[k], 5).tolist()]
    vertices, directions = np.asarray(body.v_template, float), np.asarray(body.shapedirs, float)
    lowest = int(np.argmin(vertices[:, 1]))  # one vertex under the foot stands for the sole at every shape
    sole = [round(float(vertices[lowest, 1]), 5), np.round(directions[lowest, 1], 5).tolist()]
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in joints.items())
    OUT.write_text(f'{{"sole": {json.dumps(sole)},\n "joints": {{\n{rows}\n }}}}\n', encoding="utf-8")
    print(f"{OUT}: {len(joints)} joints")


if __name__ == "__main__":
    main()
