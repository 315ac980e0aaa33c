"""Numbers <-> Blender data: body, action, camera, footage, and the scene they make together."""
