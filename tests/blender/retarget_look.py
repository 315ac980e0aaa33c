"""Looked at by Blender itself: ``blender -b file.blend -P retarget_look.py -- PAIRS.json OUT.json``.

PAIRS names a BVH file, the frames to look at, and for each limb the rig's two bones and the recording's. The recording
is imported by Blender's own importer; OUT gets the angles between the limbs of both, degrees, and how low meshes reach.
"""

import json
import os
import sys
from pathlib import Path

import bpy
import numpy as np

asked, out = (Path(word) for word in sys.argv[sys.argv.index("--") + 1 :])
asked = json.loads(asked.read_text())
scene = bpy.context.scene
(rig,) = (o for o in scene.objects if o.type == "ARMATURE")
meshes = [o for o in scene.objects if o.find_armature() == rig]
bpy.ops.import_anim.bvh(filepath=asked["bvh"])
actor = bpy.context.object


def direction(body, bones):
    body = body.evaluated_get(bpy.context.evaluated_depsgraph_get())
    a, b = (np.array(body.matrix_world @ body.pose.bones[name].head) for name in bones)
    return (b - a) / np.linalg.norm(b - a)


def lowest(mesh):
    mesh = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(mesh.data.vertices), np.float32)
    mesh.data.vertices.foreach_get("co", points)
    world = np.array(mesh.matrix_world)
    return float((points.reshape(-1, 3) @ world[2, :3] + world[2, 3]).min())


angles, heights = [], []
for frame in asked["frames"]:
    scene.frame_set(frame)
    cosines = [direction(rig, ours) @ direction(actor, theirs) for ours, theirs in asked["limbs"]]
    angles.append(np.degrees(np.arccos(np.clip(cosines, -1, 1))).tolist())
    heights.append(min(map(lowest, meshes), default=0.0))
action = rig.animation_data.action
out.write_text(
    json.dumps(
        {
            "version": bpy.app.version,
            "fps": scene.render.fps / scene.render.fps_base,
            "range": list(action.frame_range),
            "angles": angles,
            "lowest": heights,
            "constraints": sum(len(bone.constraints) for bone in rig.pose.bones),
        }
    )
)
sys.stdout.flush()
os._exit(0)  # the interpreter's exit may hang once Rigify was at work
