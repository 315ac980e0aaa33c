"""Forward kinematics over the keyed bones against Blender's own evaluation, with every flag that changes it."""

from dataclasses import replace

import numpy as np
import pytest
from moving import armature_of, degrees_apart, evaluated

from blender_addon.retarget.hangs import basis_rotations, hangs_of, locate, place
from blender_addon.retarget.keys import rotation_channels
from blender_addon.retarget.probe import probe
from blender_addon.retarget.rig import read_skeleton
from blender_addon.retarget.skeleton import plain_skeleton
from blender_addon.scene.action import Curve, add_action
from blender_addon.scene.conventions import axis_angle_to_matrix

BONES = 9
PARENTS = np.array([-1, 0, 1, 2, 3, 1, 5, 2, 7])
KEYED = [0, 1, 3, 4, 6, 8]
MOVED = [0, 3, 4]


def random_skeleton(rng, **changes):
    rest = np.tile(np.eye(4), (BONES, 1, 1))
    rest[:, :3, :3] = axis_angle_to_matrix(rng.normal(0, 1, (BONES, 3)))
    rest[:, :3, 3] = rng.normal(0, 1, (BONES, 3))
    names = tuple(f"bone{k}" for k in range(BONES))
    basis = np.tile(np.eye(4), (BONES, 1, 1))
    held = [k for k in range(BONES) if k not in KEYED]
    basis[held, :3, :3] = axis_angle_to_matrix(rng.normal(0, 0.5, (len(held), 3)))
    basis[held, :3, 3] = rng.normal(0, 0.3, (len(held), 3))
    flags = {"rotation_modes": ("XYZ",) * BONES, "basis": basis} | changes
    return plain_skeleton(names, PARENTS, rest, np.full(BONES, 0.5), **flags)


@pytest.mark.parametrize(
    "flags", ["plain", "no rotation inherited", "object space locations", "both", "no scale inherited"]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_as_blender_evaluates(flags, seed):
    rng = np.random.default_rng(seed)
    skeleton = random_skeleton(rng)
    some = rng.random(BONES) < 0.5
    if flags in ("no rotation inherited", "both"):
        skeleton = replace(skeleton, inherit_rotation=some)
    if flags in ("object space locations", "both"):
        skeleton = replace(skeleton, local_location=~some)
    if flags == "no scale inherited":
        skeleton = replace(skeleton, inherit_scale=("NONE", "AVERAGE", "ALIGNED") * 3)
    check(skeleton, hangs_of, rng)


def check(skeleton, find, rng, rig=None):
    frames = 5
    rig = rig or armature_of(skeleton)
    hangs = find(skeleton, KEYED, MOVED)
    axes = axis_angle_to_matrix(rng.normal(0, 1, (frames, len(hangs.bones), 3)))
    given = {hangs.index(bone): rng.normal(0, 1, (frames, 3)) for bone in MOVED}
    heads = place(hangs, axes, given)
    for i, location in given.items():
        assert np.abs(locate(hangs, i, axes, heads, heads[:, i]) - location).max() < 1e-4
    curves = []
    names = [skeleton.names[bone] for bone in hangs.bones]
    for i, rotation in enumerate(np.moveaxis(basis_rotations(hangs, axes), 1, 0)):
        channel, values = rotation_channels(rotation, "XYZ")
        curves.append(Curve(f'pose.bones["{names[i]}"].{channel}', values, names[i]))
        if i in given:
            curves.append(Curve(f'pose.bones["{names[i]}"].location', given[i], names[i]))
    add_action(rig, "test", curves)
    for frame in range(frames):
        shown = evaluated(rig, frame + 1, names)
        assert degrees_apart(shown[:, :3, :3], axes[frame]).max() < 0.01
        assert np.abs(shown[:, :3, 3] - heads[frame]).max() < 1e-4


def test_probe_finds_what_the_rules_say():
    rng = np.random.default_rng(2)
    skeleton = random_skeleton(rng)
    rig = armature_of(skeleton)
    check(skeleton, lambda s, bones, moving: probe(rig, s, bones, moving), rng, rig)


def test_probe_sees_through_constraints():
    """bone5 stands still under bone1, but bone6, its child, is told by a constraint to follow bone4 instead."""
    rng = np.random.default_rng(3)
    skeleton = random_skeleton(rng)
    rig = armature_of(skeleton)
    constraint = rig.pose.bones["bone5"].constraints.new("COPY_TRANSFORMS")
    constraint.target, constraint.subtarget = rig, "bone4"
    before = rig.pose.bones["bone6"].matrix_basis.copy()
    seen = read_skeleton(rig)
    assert list(np.flatnonzero(seen.constrained)) == [seen.index("bone5")]
    order = [seen.index(name) for name in skeleton.names]
    keyed, moved = [order[k] for k in KEYED], [order[k] for k in MOVED]
    hangs = probe(rig, seen, keyed, moved)
    i = hangs.index(order[6])
    assert seen.names[hangs.bones[hangs.rotation_parent[i]]] == "bone4"
    assert seen.names[hangs.bones[hangs.carrier[i]]] == "bone4"
    assert rig.pose.bones["bone6"].matrix_basis == before


def test_probe_leaves_out_what_a_constraint_holds():
    rng = np.random.default_rng(4)
    rig = armature_of(random_skeleton(rng))
    constraint = rig.pose.bones["bone4"].constraints.new("COPY_ROTATION")
    constraint.target, constraint.subtarget = rig, "bone8"
    seen = read_skeleton(rig)
    hangs = probe(rig, seen, [seen.index(f"bone{k}") for k in KEYED], [])
    assert {seen.names[bone] for bone in hangs.bones} == {f"bone{k}" for k in KEYED} - {"bone4"}
