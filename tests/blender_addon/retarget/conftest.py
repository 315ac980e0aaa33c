"""An empty file for every test of retargeting."""

import pytest

bpy = pytest.importorskip("bpy", reason="needs pip's bpy: pip install 'liquid-motion[blender]'")


@pytest.fixture(autouse=True)
def empty_file():
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
