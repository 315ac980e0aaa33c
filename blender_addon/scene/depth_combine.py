"""The node group that joins two pictures with depth: at every pixel the nearer *over* the farther one."""

from __future__ import annotations

import bpy

GROUP = "Liquid Motion Depth Combine"
_SOFT_EDGE = 3
"""Pixels by which a person's soft outline may reach beyond the body's mesh, where there is no depth."""


def depth_combine_group() -> bpy.types.NodeTree:
    """CG and person, each with its depth, in; picture and depth out.

    Depth is one number a pixel and has no soft edges, alpha has: where an edge pixel's depth misses what its alpha
    shows, the nearest depth beside it counts. For the person that is so all over (where nothing is drawn, alpha 0
    keeps what is behind); for the CG only where it is not opaque, since an opaque pixel beside a near object shows
    what is behind that.
    """
    known = bpy.data.node_groups.get(GROUP)
    if known is not None and known.bl_idname == "CompositorNodeTree":
        return known
    group = bpy.data.node_groups.new(GROUP, "CompositorNodeTree")
    for name in ("CG", "Person"):
        group.interface.new_socket(name, in_out="INPUT", socket_type="NodeSocketColor")
        group.interface.new_socket(f"{name} Depth", in_out="INPUT", socket_type="NodeSocketFloat")
    group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    group.interface.new_socket("Depth", in_out="OUTPUT", socket_type="NodeSocketFloat")
    entry, leave = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    entry.location, leave.location = (-900, 0), (920, 0)
    cg, cg_depth, person, person_depth = entry.outputs[:4]
    near_person = _nearest(group, person_depth, _SOFT_EDGE, -300)
    in_front = _math(group, "LESS_THAN", _soft_depth(group, cg, cg_depth), near_person, (240, 300))
    behind = _math(group, "SUBTRACT", 1.0, in_front, (240, 100))
    picture = picture_over(group, cg, None, behind, (420, 200))
    picture = picture_over(group, person, picture, 1.0, (580, 100))
    picture = picture_over(group, cg, picture, in_front, (740, 0))
    group.links.new(picture, leave.inputs[0])
    group.links.new(_math(group, "MINIMUM", cg_depth, person_depth, (740, -200)), leave.inputs[1])
    return group


def picture_over(tree, front, back, share, location: tuple[float, float]) -> bpy.types.NodeSocket:
    """``front`` over ``back`` (None: nothing), both premultiplied, as far as ``share`` says.

    Not the node *Z Combine*: with alpha, it takes pictures for straight ones and darkens every soft edge.
    """
    node = tree.nodes.new("CompositorNodeAlphaOver")
    node.location = location
    # Background, Foreground, Factor from 5.0; before that the factor came first and both pictures were "Image"
    names = ("Factor", "Background", "Foreground")
    sockets = [node.inputs[name] for name in names] if names[0] in node.inputs else node.inputs[:3]
    for socket, value in zip(sockets, (share, back, front), strict=True):
        if value is None:
            socket.default_value = (0.0, 0.0, 0.0, 0.0)
        elif isinstance(value, float):
            socket.default_value = value
        else:
            tree.links.new(value, socket)
    return node.outputs[0]


def _nearest(group, depth: bpy.types.NodeSocket, pixels: int, y: float) -> bpy.types.NodeSocket:
    """The least depth within some pixels."""
    node = group.nodes.new("CompositorNodeDilateErode")
    node.location = (-640, y)
    if "Size" in node.inputs:  # from 4.5
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
