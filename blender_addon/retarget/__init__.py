"""Motion from one skeleton to another: maths in numpy, bone maps as JSON, and the edge to Blender.

Only ``rig``, ``apply`` and ``source`` know ``bpy``; everything else works on :class:`skeleton.Skeleton` and arrays.
"""
