"""What the panels of the sidebar tab share: where they are, and their order, which is that of the work."""

from __future__ import annotations

JOBS, SOURCE, DRIVING, FIT, PERSON, EDIT, RENDER, COMBINE, RETARGET, EXPORT = range(-1, 9)
"""``bl_order`` of each panel."""


class Tab:
    """Base of a panel of the tab: ``class LIQUID_MOTION_PT_fit(Tab, bpy.types.Panel): bl_order = FIT``."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Liquid Motion"
