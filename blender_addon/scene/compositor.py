"""The compositor of a scene, the same from Blender 4.2 to 5.2, and the node that joins CG and person by depth.

Blender 5.0 moved the compositor into a node group of its own (``compositing_node_group``) with a *Group Output*.
"""

from __future__ import annotations

import bpy

GROUP = "Liquid Motion Depth Combine"
_OURS = "liquid_motion"
"""Custom property of the nodes and trees that Combine with Scene adds."""
_SOFT_EDGE = 3
"""Pixels by which a person's soft outline may reach beyond the body's mesh, where there is no depth."""


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
        user.node.location.x = max(user.node.location.x, x + 560)
    for node in (drawn, joined):
        node[_OURS] = True
    for k, source in enumerate((layers, drawn)):
        tree.links.new(source.outputs["Image"], joined.inputs[2 * k])
        tree.links.new(source.outputs["Depth"], joined.inputs[2 * k + 1])
    for user in users:
        tree.links.new(joined.outputs["Image"], user)


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
    for node in [n for n in tree.nodes if _OURS in n]:
        if node.type == "GROUP" and node.inputs[0].is_linked:
            source = node.inputs[0].links[0].from_socket
            for user in [link.to_socket for link in node.outputs["Image"].links]:
                tree.links.new(source, user)
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


def depth_combine_group() -> bpy.types.NodeTree:
    """A node group: two pictures with depth, at every pixel the nearer *over* the farther one.

    Depth is one number a pixel and has no soft edges, alpha has: where an edge pixel's depth misses what its alpha
    shows, the nearest depth beside it counts. For the person that is so all over (where nothing is drawn, alpha 0
    keeps what is behind); for the CG only where it is not opaque, since an opaque pixel beside a near object shows
    what is behind that.
    """
    known = bpy.data.node_groups.get(GROUP)
    if known is not None and known.bl_idname == "CompositorNodeTree":
        return known
    group = bpy.data.node_groups.new(GROUP, "CompositorNodeTree")
    for name, kind in (("CG", "Color"), ("CG Depth", "Float"), ("Person", "Color"), ("Person Depth", "Float")):
        group.interface.new_socket(name, in_out="INPUT", socket_type=f"NodeSocket{kind}")
    group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    group.interface.new_socket("Depth", in_out="OUTPUT", socket_type="NodeSocketFloat")
    entry, leave = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    entry.location, leave.location = (-900, 0), (500, 0)
    cg, cg_depth, person, person_depth = entry.outputs[:4]
    combine = group.nodes.new("CompositorNodeZcombine")
    combine.location = (260, 0)
    _switch(combine, "Use Alpha", "use_alpha", True)
    _switch(combine, "Anti-Alias", "use_antialias_z", False)  # it blurs what alpha has made soft already
    group.links.new(cg, combine.inputs[0])
    group.links.new(_soft_depth(group, cg, cg_depth), combine.inputs[1])
    group.links.new(person, combine.inputs[2])
    group.links.new(_nearest(group, person_depth, _SOFT_EDGE, -300), combine.inputs[3])
    for k in range(2):
        group.links.new(combine.outputs[k], leave.inputs[k])
    return group


def _switch(node: bpy.types.Node, socket: str, name: str, value: bool) -> None:
    """A choice that is a socket from 4.5 on and a property before."""
    if socket in node.inputs:
        node.inputs[socket].default_value = value
    else:
        setattr(node, name, value)


def _nearest(group, depth: bpy.types.NodeSocket, pixels: int, y: float) -> bpy.types.NodeSocket:
    """The least depth within some pixels."""
    node = group.nodes.new("CompositorNodeDilateErode")
    node.location = (-640, y)
    if "Size" in node.inputs:
        node.inputs["Size"].default_value = -pixels
    else:
        node.distance = -pixels
    group.links.new(depth, node.inputs[0])
    return node.outputs[0]


def _soft_depth(group, image: bpy.types.NodeSocket, depth: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """The depth of opaque pixels, the nearest one beside those that are not.

    The two are weighted, not interpolated: beside 1e10, where there is nothing, single precision loses metres.
    """
    alpha = group.nodes.new("CompositorNodeSeparateColor")
    alpha.location = (-640, 300)
    group.links.new(image, alpha.inputs[0])
    soft = _math(group, "LESS_THAN", alpha.outputs[3], 0.999, (-440, 300))
    opaque = _math(group, "SUBTRACT", 1.0, soft, (-260, 300))
    near = _math(group, "MULTIPLY", soft, _nearest(group, depth, 1, -80), (-260, 60))
    own = _math(group, "MULTIPLY", opaque, depth, (-80, 300))
    return _math(group, "ADD", near, own, (90, 200))


def _math(group, operation: str, first, second, location: tuple[float, float]) -> bpy.types.NodeSocket:
    kinds = ("CompositorNodeMath", "ShaderNodeMath")  # before and from 5.0
    node = group.nodes.new(kinds[bpy.app.version >= (5, 0, 0)])
    node.operation, node.location = operation, location
    for socket, value in zip(node.inputs, (first, second), strict=False):
        if isinstance(value, float):
            socket.default_value = value
        else:
            group.links.new(value, socket)
    return node.outputs[0]
