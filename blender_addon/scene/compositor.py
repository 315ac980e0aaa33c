"""The compositor of a scene, the same from Blender 4.2 to 5.2: the person put into it and taken out again.

Blender 5.0 moved the compositor into a node group of its own (``compositing_node_group``) with a *Group Output*.
"""

from __future__ import annotations

from pathlib import Path

import bpy

from .depth_combine import GROUP, depth_combine_group, picture_over
from .footage import resolve_footage
from .material import load_image
from .paths import absolute_path

_OURS = "liquid_motion"
"""Custom property of the nodes and trees that Combine with Scene adds."""


def compositor_of(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The compositor that the scene uses, None where it has none."""
    if hasattr(scene, "compositing_node_group"):
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def _new_compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    if hasattr(scene, "compositing_node_group"):
        tree = bpy.data.node_groups.new(f"{scene.name} Compositor", "CompositorNodeTree")
        scene.compositing_node_group = tree
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        tree.nodes.new("NodeGroupOutput")
        tree[_OURS] = True
        return tree
    fresh = scene.node_tree is None
    scene.use_nodes = True
    tree = scene.node_tree
    if fresh:
        tree.nodes.clear()  # 4.5 comes with a viewer and a reroute
        tree.nodes.new("CompositorNodeComposite")
    tree[_OURS] = True
    return tree


def _output(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket | None:
    """The picture's socket of the node that ends the tree."""
    kinds = ("CompositorNodeComposite", "NodeGroupOutput")
    found = next((node for node in tree.nodes if node.bl_idname in kinds), None)
    return found.inputs[0] if found is not None else None


def insert_person(scene: bpy.types.Scene, person: bpy.types.Scene) -> None:
    """Put the person's picture into everything that used the scene's own, nearer things in front."""
    tree = compositor_of(scene) or _new_compositor(scene)
    layers = _layers_node(tree, scene)
    image = layers.outputs["Image"]
    users = [link.to_socket for link in image.links] or [s for s in [_output(tree)] if s is not None]
    drawn = tree.nodes.new("CompositorNodeRLayers")
    drawn.scene, drawn.layer = person, person.view_layers[0].name
    drawn.label = "Person"
    joined = tree.nodes.new("CompositorNodeGroup")
    joined.node_tree, joined.label = depth_combine_group(), GROUP
    x, y = layers.location
    drawn.location, joined.location = (x, y - 420), (x + 320, y)
    for user in users:
        user.node.location.x = max(user.node.location.x, x + 740)
    for node in (drawn, joined):
        node[_OURS] = True
    for k, source in enumerate((layers, drawn)):
        tree.links.new(source.outputs["Image"], joined.inputs[2 * k])
        tree.links.new(source.outputs["Depth"], joined.inputs[2 * k + 1])
    picture = joined.outputs["Image"]
    backdrop = _backdrop(tree, scene, (x, y - 800))
    if backdrop is not None:
        # twice: the size of a result is that of what is at the back, and a scaled picture has sizes of its own
        base = picture_over(tree, backdrop, picture, 1.0, (x + 520, y - 300))
        picture = picture_over(tree, picture, base, 1.0, (x + 520, y))
        base.node[_OURS] = picture.node[_OURS] = True
    for user in users:
        tree.links.new(picture, user)


def _backdrop(
    tree: bpy.types.NodeTree, scene: bpy.types.Scene, location: tuple[float, float]
) -> bpy.types.NodeSocket | None:
    """What the settings put behind the person, covering the picture; None for nothing.

    It is no part of the person's picture here: only what is clear in CG and person shows it.

    Raises:
        AddonError: the plate or footage that is asked for is missing or unreadable.
    """
    settings = scene.liquid_motion
    if settings.background == "transparent":
        return None
    if settings.background == "colour":
        node = tree.nodes.new("CompositorNodeRGB")
        node.outputs[0].default_value = (*settings.colour, 1.0)
        node.location, node[_OURS] = location, True
        return node.outputs[0]
    name = "plate" if settings.background == "plate" else "footage"
    footage = resolve_footage(Path(absolute_path(scene, f"liquid_motion.{name}")))
    node, cover = tree.nodes.new("CompositorNodeImage"), tree.nodes.new("CompositorNodeScale")
    node.image = load_image(footage.path)
    node.image.source = footage.source
    if footage.source != "FILE":
        node.frame_start = settings.footage_start
        node.frame_offset = footage.first_number - 1
        node.frame_duration = node.image.frame_duration if footage.source == "MOVIE" else footage.frame_count
        node.use_auto_refresh = True
    if "Type" in cover.inputs:  # from 5.0
        cover.inputs["Type"].default_value, cover.inputs["Frame Type"].default_value = "Render Size", "Crop"
    else:
        cover.space, cover.frame_method = "RENDER_SIZE", "CROP"
    tree.links.new(node.outputs["Image"], cover.inputs[0])
    node.location, cover.location = location, (location[0] + 220, location[1])
    node.label, node[_OURS], cover[_OURS] = "Behind the Person", True, True
    return cover.outputs[0]


def _layers_node(tree: bpy.types.NodeTree, scene: bpy.types.Scene) -> bpy.types.Node:
    """The *Render Layers* node that shows this scene; the one in use where there are several."""
    found = [node for node in tree.nodes if node.type == "R_LAYERS" and node.scene == scene]
    found.sort(key=lambda node: node.outputs["Image"].is_linked, reverse=True)
    if found:
        return found[0]
    node = tree.nodes.new("CompositorNodeRLayers")
    node.scene = scene
    return node


def remove_person(scene: bpy.types.Scene) -> None:
    """Undo :func:`insert_person`: what used the joined picture uses the scene's own again."""
    tree = compositor_of(scene)
    if tree is None:
        return
    ours = [node for node in tree.nodes if _OURS in node]
    joined = next((node for node in ours if node.type == "GROUP"), None)
    source = joined.inputs[0].links[0].from_socket if joined and joined.inputs[0].is_linked else None
    users = [link.to_socket for node in ours for out in node.outputs for link in out.links]
    if source is not None:
        for user in [user for user in users if user.node not in ours]:
            tree.links.new(source, user)
    for node in ours:
        tree.nodes.remove(node)
    if _OURS in tree:
        _remove_compositor(scene, tree)
    group = bpy.data.node_groups.get(GROUP)
    if group is not None and group.users == 0:
        bpy.data.node_groups.remove(group)


def _remove_compositor(scene: bpy.types.Scene, tree: bpy.types.NodeTree) -> None:
    """A compositor that was made here goes with it, unless somebody has built on it."""
    if len(tree.nodes) > 2:  # its output and the scene's layers
        del tree[_OURS]
    elif hasattr(scene, "compositing_node_group"):
        scene.compositing_node_group = None
        bpy.data.node_groups.remove(tree)
    else:
        del tree[_OURS]
        scene.use_nodes = False
