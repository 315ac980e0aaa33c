"""Rendered frames on a plane that fills the camera's view at the person's depth: a person that CG can surround."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ..errors import AddonError
from .action import Curve, add_action
from .footage import FootageFile, resolve_footage
from .material import load_image

_MOST_SAMPLES = 60
"""Frames at which the person's depth is looked at; it is interpolated between."""


def add_frames_plane(
    scene: bpy.types.Scene, path: str | Path, rig: bpy.types.Object | None, *, name: str = "Person Frames"
) -> bpy.types.Object:
    """Add a plane with the frames, a child of the scene's camera that stands where the person is.

    The plane covers exactly what the camera sees, whatever the lens does, and comes nearer and goes away with the
    root of ``rig``; without a rig it stands at the camera's focus distance. It shines by itself (the frames hold
    their light), is clear where the frames are, and casts no shadow.

    Raises:
        AddonError: the scene has no camera, or the frames are missing or unreadable.
    """
    camera = scene.camera
    if camera is None or camera.type != "CAMERA":
        raise AddonError(f"{scene.name}: has no camera that the plane could face; add one")
    frames = resolve_footage(path)
    data = bpy.data.meshes.new(name)
    data.from_pydata([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], [], [(0, 1, 2, 3)])
    data.uv_layers.new(name="UVMap").data.foreach_set("uv", [0, 0, 1, 0, 1, 1, 0, 1])
    try:
        data.materials.append(_material(frames, name))
    except AddonError:
        bpy.data.meshes.remove(data)
        raise
    plane = bpy.data.objects.new(name, data)
    scene.collection.objects.link(plane)
    plane.parent = camera
    plane.visible_shadow = False
    at, locations, scales = _follow(scene, camera, rig)
    plane.location, plane.scale = locations[0], scales[0]
    if np.ptp(locations, 0).max() > 1e-6 or np.ptp(scales, 0).max() > 1e-6:
        curves = [
            Curve("location", locations, "Plane", frames=at - at[0]),
            Curve("scale", scales, "Plane", frames=at - at[0]),
        ]
        add_action(plane, name, curves, int(at[0]))
    return plane


def _follow(
    scene: bpy.types.Scene, camera: bpy.types.Object, rig: bpy.types.Object | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames (N,), and the plane's locations (N, 3) and scales (N, 3) in the camera's axes."""
    count = min(scene.frame_end - scene.frame_start + 1, _MOST_SAMPLES)
    at = np.unique(np.linspace(scene.frame_start, scene.frame_end, max(count, 1)).round().astype(int))
    locations, scales = np.empty((len(at), 3)), np.ones((len(at), 3))
    before = scene.frame_current
    try:
        for k, frame in enumerate(at):
            scene.frame_set(int(frame))
            graph = bpy.context.evaluated_depsgraph_get()
            eye = camera.evaluated_get(graph)
            depth = _depth(eye, rig.evaluated_get(graph) if rig is not None else None)
            low, high = _view_at(eye.data, scene, depth)
            locations[k] = (*((low + high) / 2), -depth)
            scales[k, :2] = (high - low) / 2
    finally:
        scene.frame_set(before)
    return at, locations, scales


def _depth(camera: bpy.types.Object, rig: bpy.types.Object | None) -> float:
    """Metres in front of the camera at which the plane stands; at least where the camera sees at all."""
    if rig is None or not rig.pose.bones:
        depth = camera.data.dof.focus_distance
    else:
        root = rig.matrix_world @ rig.pose.bones[0].head
        depth = -(camera.matrix_world.normalized().inverted() @ root).z
    return max(depth, camera.data.clip_start * 1.01)


def _view_at(camera: bpy.types.Camera, scene: bpy.types.Scene, depth: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower left and upper right corner (2,) of the picture at a depth, in the camera's axes."""
    corners = np.array(camera.view_frame(scene=scene))
    if camera.type != "ORTHO":
        corners = corners * (depth / -corners[:, 2:])
    return corners[:, :2].min(0), corners[:, :2].max(0)


def _material(frames: FootageFile, name: str) -> bpy.types.Material:
    image = load_image(frames.path)
    image.source = frames.source
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # before 5.0 a material starts without nodes
        material.use_nodes = True
    material.surface_render_method = "BLENDED"  # EEVEE: soft edges instead of dithered ones
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    picture, light = nodes.new("ShaderNodeTexImage"), nodes.new("ShaderNodeEmission")
    clear, mix = nodes.new("ShaderNodeBsdfTransparent"), nodes.new("ShaderNodeMixShader")
    output = nodes.new("ShaderNodeOutputMaterial")
    for node, place in ((picture, -600), (light, -300), (clear, -300), (mix, -100), (output, 100)):
        node.location = (place, 150 if node is clear else 0)
    picture.image, picture.extension = image, "CLIP"
    if frames.source != "FILE":
        user = picture.image_user
        user.frame_start = frames.first_number if frames.source == "SEQUENCE" else 1
        user.frame_offset = frames.first_number - 1
        user.frame_duration = frames.frame_count if frames.source == "SEQUENCE" else image.frame_duration
        user.use_auto_refresh = True
    links.new(picture.outputs["Color"], light.inputs["Color"])
    links.new(picture.outputs["Alpha"], mix.inputs["Fac"])
    links.new(clear.outputs["BSDF"], mix.inputs[1])
    links.new(light.outputs["Emission"], mix.inputs[2])
    links.new(mix.outputs["Shader"], output.inputs["Surface"])
    return material
