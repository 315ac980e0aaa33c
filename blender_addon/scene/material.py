"""The body's look in Cycles and EEVEE: the subject's texture on a matte surface."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..errors import AddonError


def add_texture_material(mesh: bpy.types.Object, texture: str | Path) -> bpy.types.Material:
    """Dress the mesh in a picture.

    The texture's pixels already hold the light of the photo. An emissive body would show them exactly but would
    neither take shadows nor a lamp's colour, which is what a body in a CG scene is for. So the surface is purely
    diffuse (no gloss: the photo's highlights are in the picture), and the built scene's world is uniform white of
    strength 1, under which a convex diffuse surface shows its texture unchanged; any lamp added shades it.

    Raises:
        AddonError: the picture cannot be read.
    """
    image = load_image(texture)
    image.alpha_mode = "CHANNEL_PACKED"  # alpha says which texels were seen, it is not opacity
    material = bpy.data.materials.new(f"{mesh.name} look")
    if material.node_tree is None:  # before 5.0 a material starts without nodes
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    output = nodes.new("ShaderNodeOutputMaterial")
    shader = nodes.new("ShaderNodeBsdfPrincipled")
    picture = nodes.new("ShaderNodeTexImage")
    shader.location, picture.location = (-300, 0), (-620, 0)
    picture.image = image
    shader.inputs["Roughness"].default_value = 1.0
    shader.inputs["Specular IOR Level"].default_value = 0.0
    links.new(picture.outputs["Color"], shader.inputs["Base Color"])
    links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    mesh.data.materials.append(material)
    return material


def load_image(path: str | Path) -> bpy.types.Image:
    """A picture or movie as Blender data.

    Raises:
        AddonError: it is missing or Blender cannot read it.
    """
    try:
        image = bpy.data.images.load(str(Path(path).resolve()), check_existing=True)
    except RuntimeError as error:
        raise AddonError(f"{path}: no picture that Blender can read; check the path") from error
    if image.size[0] == 0 and image.source != "SEQUENCE":  # one in use already has no size out of its frames
        if image.users == 0:
            bpy.data.images.remove(image)
        raise AddonError(f"{path}: Blender cannot decode it; convert it to PNG or MP4")
    return image
