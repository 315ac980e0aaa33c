"""A person among CG objects: a second scene draws the person, the compositor joins both by depth.

The main scene renders the CG in Cycles or EEVEE. There the body itself is not seen but casts shadows and is mirrored:
for Cycles its collection is *Indirect Only* in every view layer, which does for linked bodies as well; EEVEE does not
know that, so bodies of this file are hidden from the camera too (*Ray Visibility*).
"""

from __future__ import annotations

import bpy

from ..errors import AddonError
from .compositor import insert_person, remove_person

ENGINE = "LIQUID_MOTION"
SHADOWS = "Liquid Motion Shadows"
"""Collection of the bodies that cast shadows and show in mirrors only."""
_BEFORE = "liquid_motion_before"
"""Custom property of the person's scene: what the main scene had before."""
_SEEN = "liquid_motion_seen"
"""Custom properties of the person's scene, numbered: bodies that were hidden from the camera. They are not on the
bodies, since those of a library override would be lost when the file is saved."""
_RENDER = (
    "resolution_x",
    "resolution_y",
    "resolution_percentage",
    "pixel_aspect_x",
    "pixel_aspect_y",
    "use_border",
    "use_crop_to_border",
    "border_min_x",
    "border_max_x",
    "border_min_y",
    "border_max_y",
    "fps",
    "fps_base",
    "use_motion_blur",
    "motion_blur_shutter",
)
_SCENE = ("frame_start", "frame_end", "frame_step", "camera", "world")


def is_combined(scene: bpy.types.Scene) -> bool:
    return scene.liquid_motion.person_scene is not None


def people_in(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """Objects of the scene that the engine draws: bodies with a subject, and instances of collections with one."""
    return [thing for thing in scene.objects if _shows_person(thing)]


def _shows_person(thing: bpy.types.Object) -> bool:
    if thing.type == "MESH":
        return bool(thing.liquid_motion.subject)
    collection = thing.instance_collection if thing.instance_type == "COLLECTION" else None
    return collection is not None and any(_shows_person(inner) for inner in collection.all_objects)


def combine(scene: bpy.types.Scene) -> bpy.types.Scene:
    """Have ``scene`` render CG and people together. Returns the scene that draws the people.

    Raises:
        AddonError: there is nobody, no camera, it was done already, or the plate or footage behind the person is
            missing; nothing has changed then.
    """
    if is_combined(scene):
        raise AddonError(f"{scene.name}: is combined already; press Separate first to do it anew")
    if scene.library is not None:
        raise AddonError(f"{scene.name}: is linked from another file; combine there")
    if scene.camera is None:
        raise AddonError(f"{scene.name}: has no camera; add one")
    if not people_in(scene):
        raise AddonError(f"{scene.name}: shows no person; import one, or set the subject of a body")
    person = bpy.data.scenes.new(f"{scene.name} Person")
    person[_BEFORE] = {
        "engine": scene.render.engine,
        "depth": [layer.name for layer in scene.view_layers if not layer.use_pass_z],
    }
    person.render.engine = ENGINE
    person.render.film_transparent = True
    person.view_layers[0].use_pass_z = True
    scene.liquid_motion.person_scene = person
    if scene.render.engine == ENGINE:
        scene.render.engine = _cg_engine()
    for layer in scene.view_layers:
        layer.use_pass_z = True
    remove_person(scene)  # what was left where somebody deleted the person's scene by hand
    try:
        insert_person(scene, person)
    except AddonError:  # what stands behind the person is missing
        separate(scene)
        raise
    synchronise(scene)
    return person


def _cg_engine() -> str:
    """Cycles, or EEVEE where that add-on is switched off."""
    if "cycles" in bpy.context.preferences.addons:
        return "CYCLES"
    return "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"


def separate(scene: bpy.types.Scene) -> None:
    """Undo :func:`combine`.

    Raises:
        AddonError: the scene is not combined.
    """
    person = scene.liquid_motion.person_scene
    if person is None:
        raise AddonError(f"{scene.name}: is not combined with a person's scene")
    remove_person(scene)
    before = person.get(_BEFORE, {})
    scene.render.engine = before.get("engine", scene.render.engine)
    for name in before.get("depth", []):
        if name in scene.view_layers:
            scene.view_layers[name].use_pass_z = False
    shadows = _shadows(scene)
    if shadows is not None:
        bpy.data.collections.remove(shadows)
    for body in _hidden(person):
        body.visible_camera = True
    scene.liquid_motion.person_scene = None
    bpy.data.scenes.remove(person)


def synchronise(scene: bpy.types.Scene) -> None:
    """Bring the person's scene up to date with the main one: people, camera, size, frames, look."""
    person = scene.liquid_motion.person_scene
    for owner, other, names in ((person, scene, _SCENE), (person.render, scene.render, _RENDER)):
        for name in names:
            _assign(owner, name, getattr(other, name))
    for name in ("renderer", "light", "motion_blur_samples"):  # what is behind the person is the compositor's
        _assign(person.liquid_motion, name, getattr(scene.liquid_motion, name))
    people = people_in(scene)
    wanted = [*people, scene.camera] if scene.camera is not None else people
    if scene.liquid_motion.light == "scene":
        wanted = [*wanted, *_lamps(scene)]
    _keep_only(person.collection, wanted)
    shadows = _shadows(scene)
    if shadows is None:
        shadows = bpy.data.collections.new(SHADOWS)
        scene.collection.children.link(shadows)
        for layer in scene.view_layers:
            layer.layer_collection.children[shadows.name].indirect_only = True
    _keep_only(shadows, people)
    hidden = _hidden(person)
    for body in people:
        if body.library is None and body.visible_camera and body not in hidden:
            person[f"{_SEEN}_{len(hidden)}"] = body
            hidden.append(body)
            body.visible_camera = False


def _lamps(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The lamps that a render of the scene shows; those inside instances of collections are not told apart."""
    shown: dict[bpy.types.Object, None] = {}
    waiting = [layer.layer_collection for layer in scene.view_layers if layer.use]
    while waiting:
        one = waiting.pop()
        if not (one.exclude or one.collection.hide_render):
            shown |= dict.fromkeys(
                t for t in one.collection.objects if t.type == "LIGHT" and not t.hide_render
            )
            waiting.extend(one.children)
    return list(shown)


def _hidden(person: bpy.types.Scene) -> list[bpy.types.Object]:
    """The bodies that were hidden from the camera and are still there."""
    kept = [person[name] for name in person.keys() if name.startswith(_SEEN)]  # noqa: SIM118
    return [body for body in kept if body is not None]


def _assign(owner, name: str, value) -> None:
    """Only what differs: an assignment alone makes Blender evaluate the scene again."""
    if isinstance(value, (bool, int, float, str)) or value is None or isinstance(value, bpy.types.ID):
        if getattr(owner, name) != value:
            setattr(owner, name, value)
    elif tuple(getattr(owner, name)) != tuple(value):
        setattr(owner, name, value)


def _shadows(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    """The collection of bodies that only cast shadows, whatever number Blender has put behind its name."""
    return next((c for c in scene.collection.children if c.name.startswith(SHADOWS)), None)


def _keep_only(collection: bpy.types.Collection, wanted: list[bpy.types.Object]) -> None:
    for thing in list(collection.objects):
        if thing not in wanted:
            collection.objects.unlink(thing)
    there = set(collection.objects)  # by name would mistake one for another of a library
    for thing in wanted:
        if thing not in there:
            collection.objects.link(thing)


@bpy.app.handlers.persistent
def _rendering(scene: bpy.types.Scene, *_) -> None:
    """Before every frame: a camera marker, a changed size or a new person reach the person's scene too."""
    if is_combined(scene):
        synchronise(scene)


def register() -> None:
    bpy.app.handlers.render_pre.append(_rendering)


def unregister() -> None:
    bpy.app.handlers.render_pre.remove(_rendering)
