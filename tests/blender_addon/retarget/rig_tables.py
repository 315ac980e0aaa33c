"""Rigs that exist here by their names alone: each line is a bone, its parent and the landmark it stands on.

``@`` is the side; a number after a landmark of a limb's segment is the way along it. The landmarks are the truth that
the matcher is judged by: the bone on ``upper_arm`` is the upper arm, whatever its name.
"""

from __future__ import annotations

FINGER_LANDMARKS = ("thumb", "index", "middle", "ring", "little")


def fingers(pattern: str, names: str, parent: str = "hand_@", first: int = 1) -> str:
    """Lines of five fingers of three bones; ``pattern`` with {f} and {i}."""
    lines = []
    for landmark, name in zip(FINGER_LANDMARKS, names.split(), strict=True):
        above = parent
        for i in range(3):
            bone = pattern.format(f=name, i=first + i)
            lines.append(f"{bone} {above} {landmark}{i + 1}")
            above = bone
    return "\n".join(lines)


UE4 = """
root - ground
pelvis root hips
spine_01 pelvis spine1
spine_02 spine_01 spine2
spine_03 spine_02 spine3
neck_01 spine_03 neck
head neck_01 head
clavicle_@ spine_03 shoulder
upperarm_@ clavicle_@ upper_arm
upperarm_twist_01_@ upperarm_@ upper_arm.5
lowerarm_@ upperarm_@ lower_arm
lowerarm_twist_01_@ lowerarm_@ lower_arm.5
hand_@ lowerarm_@ hand
thigh_@ pelvis upper_leg
thigh_twist_01_@ thigh_@ upper_leg.5
calf_@ thigh_@ lower_leg
calf_twist_01_@ calf_@ lower_leg.5
foot_@ calf_@ foot
ball_@ foot_@ toes
ik_foot_root root ground
ik_foot_@ ik_foot_root foot
ik_hand_root root ground
ik_hand_gun ik_hand_root hand_right
ik_hand_@ ik_hand_gun hand
""" + fingers("{f}_0{i}_@", "thumb index middle ring pinky")

UE5 = (
    UE4.replace(
        "spine_03 spine_02 spine3",
        "spine_03 spine_02 spine2.5\nspine_04 spine_03 spine3\nspine_05 spine_04 spine3.5",
    )
    .replace(
        "neck_01 spine_03 neck\nhead neck_01", "neck_01 spine_05 neck\nneck_02 neck_01 neck.5\nhead neck_02"
    )
    .replace("clavicle_@ spine_03", "clavicle_@ spine_05")
    .replace("index_01_@ hand_@", "index_metacarpal_@ hand_@ hand.3\nindex_01_@ index_metacarpal_@")
    .replace("middle_01_@ hand_@", "middle_metacarpal_@ hand_@ hand.3\nmiddle_01_@ middle_metacarpal_@")
    + "\nclavicle_out_@ clavicle_@ shoulder.9\nupperarm_correctiveRoot_@ upperarm_@ upper_arm"
)

UNITY = """
Root - ground
Hips Root hips
Spine Hips spine1
Chest Spine spine2
UpperChest Chest spine3
Neck UpperChest neck
Head Neck head
Jaw Head jaw
^Eye Head eye
^Shoulder UpperChest shoulder
^UpperArm ^Shoulder upper_arm
^LowerArm ^UpperArm lower_arm
^Hand ^LowerArm hand
^UpperLeg Hips upper_leg
^LowerLeg ^UpperLeg lower_leg
^Foot ^LowerLeg foot
^Toes ^Foot toes
""" + fingers("^{f}{i}", "Thumb Index Middle Ring Little", "^Hand").replace("1 ", "Proximal ").replace(
    "2 ", "Intermediate "
).replace("3 ", "Distal ")

VRM1 = """
root - ground
hips root hips
spine hips spine1
chest spine spine2
upperChest chest spine3
neck upperChest neck
head neck head
&Eye head eye
&Shoulder upperChest shoulder
&UpperArm &Shoulder upper_arm
&LowerArm &UpperArm lower_arm
&Hand &LowerArm hand
&UpperLeg hips upper_leg
&LowerLeg &UpperLeg lower_leg
&Foot &LowerLeg foot
&Toes &Foot toes
&ThumbMetacarpal &Hand thumb1
&ThumbProximal &ThumbMetacarpal thumb2
&ThumbDistal &ThumbProximal thumb3
&IndexProximal &Hand index1
&IndexIntermediate &IndexProximal index2
&IndexDistal &IndexIntermediate index3
&LittleProximal &Hand little1
&LittleIntermediate &LittleProximal little2
&LittleDistal &LittleIntermediate little3
"""

VROID = """
Root - ground
J_Bip_C_Hips Root hips
J_Bip_C_Spine J_Bip_C_Hips spine1
J_Bip_C_Chest J_Bip_C_Spine spine2
J_Bip_C_UpperChest J_Bip_C_Chest spine3
J_Bip_C_Neck J_Bip_C_UpperChest neck
J_Bip_C_Head J_Bip_C_Neck head
J_Adj_%_FaceEye J_Bip_C_Head eye
J_Sec_Hair1_01 J_Bip_C_Head top
J_Sec_Hair2_01 J_Sec_Hair1_01 top
J_Sec_%_Bust1 J_Bip_C_UpperChest bust
J_Bip_%_Shoulder J_Bip_C_UpperChest shoulder
J_Bip_%_UpperArm J_Bip_%_Shoulder upper_arm
J_Bip_%_LowerArm J_Bip_%_UpperArm lower_arm
J_Bip_%_Hand J_Bip_%_LowerArm hand
J_Bip_%_UpperLeg J_Bip_C_Hips upper_leg
J_Bip_%_LowerLeg J_Bip_%_UpperLeg lower_leg
J_Bip_%_Foot J_Bip_%_LowerLeg foot
J_Bip_%_ToeBase J_Bip_%_Foot toes
""" + fingers("J_Bip_%_{f}{i}", "Thumb Index Middle Ring Little", "J_Bip_%_Hand")

_ARP_FINGERS = fingers("c_{f}{i}.@", "thumb index middle ring pinky", "c_hand_fk.@")
ARP_CONTROLS = """
c_pos - ground
c_traj c_pos ground
c_root_master.x c_traj hips
c_root.x c_root_master.x hips
root.x c_root.x hips !
c_spine_01.x c_root_master.x spine1
spine_01.x c_spine_01.x spine1 !
c_spine_02.x c_spine_01.x spine2
spine_02.x c_spine_02.x spine2 !
c_neck.x c_spine_02.x neck
neck.x c_neck.x neck !
c_head.x c_neck.x head
head.x c_head.x head !
c_shoulder.@ c_spine_02.x shoulder
shoulder.@ c_shoulder.@ shoulder !
c_arm_fk.@ shoulder.@ upper_arm
arm_stretch.@ shoulder.@ upper_arm !
c_forearm_fk.@ c_arm_fk.@ lower_arm
forearm_stretch.@ shoulder.@ lower_arm !
c_hand_fk.@ c_forearm_fk.@ hand
hand.@ forearm_stretch.@ hand !
c_hand_ik.@ c_traj hand ik_fk_switch
c_arms_pole.@ c_traj elbow_pole
c_thigh_fk.@ root.x upper_leg
thigh_stretch.@ root.x upper_leg !
c_leg_fk.@ c_thigh_fk.@ lower_leg
leg_stretch.@ root.x lower_leg !
c_foot_fk.@ c_leg_fk.@ foot
foot.@ leg_stretch.@ foot !
c_toes_fk.@ c_foot_fk.@ toes
toes_01.@ foot.@ toes !
c_foot_ik.@ c_traj foot ik_fk_switch
c_leg_pole.@ c_traj knee_pole
""" + _ARP_FINGERS.replace(
    "c_index1.@ c_hand_fk.@", "c_index1_base.@ c_hand_fk.@ hand.3\nc_index1.@ c_index1_base.@"
)

ARP_DEFORM = """
root.x - hips
spine_01.x root.x spine1
spine_02.x spine_01.x spine2
neck.x spine_02.x neck
head.x neck.x head
shoulder.@ spine_02.x shoulder
arm_stretch.@ shoulder.@ upper_arm
forearm_stretch.@ arm_stretch.@ lower_arm
hand.@ forearm_stretch.@ hand
thigh_stretch.@ root.x upper_leg
leg_stretch.@ thigh_stretch.@ lower_leg
foot.@ leg_stretch.@ foot
toes_01.@ foot.@ toes
""" + fingers("{f}{i}.@", "c_thumb index middle ring pinky", "hand.@")

DAZ8 = """
hip - hips
pelvis hip hips
abdomenLower hip spine1
abdomenUpper abdomenLower spine2
chestLower abdomenUpper spine3
chestUpper chestLower spine3.5
neckLower chestUpper neck
neckUpper neckLower neck.5
head neckUpper head
lowerJaw head jaw
@Eye head eye
@Pectoral chestLower bust
@Collar chestUpper shoulder
@ShldrBend @Collar upper_arm
@ShldrTwist @ShldrBend upper_arm.5
@ForearmBend @ShldrTwist lower_arm
@ForearmTwist @ForearmBend lower_arm.5
@Hand @ForearmTwist hand
@Carpal1 @Hand hand.3
@ThighBend pelvis upper_leg
@ThighTwist @ThighBend upper_leg.5
@Shin @ThighTwist lower_leg
@Foot @Shin foot
@Metatarsals @Foot foot.5
@Toe @Metatarsals toes
@BigToe @Toe toe_end
""" + fingers("@{f}{i}", "Thumb Index Mid Ring Pinky", "@Hand").replace("@Index1 @Hand", "@Index1 @Carpal1")

CMU_ASF = """
root - hips
@hipjoint root hips
@femur @hipjoint upper_leg
@tibia @femur lower_leg
@foot @tibia foot
@toes @foot toes
lowerback root spine1
upperback lowerback spine2
thorax upperback spine3
lowerneck thorax neck
upperneck lowerneck neck.5
head upperneck head
@clavicle thorax shoulder
@humerus @clavicle upper_arm
@radius @humerus lower_arm
@wrist @radius lower_arm.5
@hand @wrist hand
@fingers @hand middle1
@thumb @hand thumb1
"""

CMU_MAX = """
Hips - hips
?HipJoint Hips hips
^Hip ?HipJoint upper_leg
^Knee ^Hip lower_leg
^Ankle ^Knee foot
^Toe ^Ankle toes
lowerback Hips spine1
Chest lowerback spine2
Chest2 Chest spine3
lowerneck Chest2 neck
Neck lowerneck neck.5
Head Neck head
^Collar Chest2 shoulder
^Shoulder ^Collar upper_arm
^Elbow ^Shoulder lower_arm
^Wrist ^Elbow lower_arm.5
@hand ^Wrist hand
?Fingers @hand middle1
?Thumb @hand thumb1
"""

BVH_JOINTS = """
Hips - hips
Chest Hips spine1
Chest2 Chest spine3
Neck Chest2 neck
Head Neck head
^Collar Chest2 shoulder
^Shoulder ^Collar upper_arm
^Elbow ^Shoulder lower_arm
^Wrist ^Elbow hand
^Hip Hips upper_leg
^Knee ^Hip lower_leg
^Ankle ^Knee foot
^Toe ^Ankle toes
"""

SMPLX = """
pelvis - hips
&_hip pelvis upper_leg
&_knee &_hip lower_leg
&_ankle &_knee foot
&_foot &_ankle toes
spine1 pelvis spine1
spine2 spine1 spine2
spine3 spine2 spine3
neck spine3 neck
head neck head
jaw head jaw
&_eye_smplhf head eye
&_collar spine3 shoulder
&_shoulder &_collar upper_arm
&_elbow &_shoulder lower_arm
&_wrist &_elbow hand
""" + fingers("&_{f}{i}", "thumb index middle ring pinky", "&_wrist")

BIPED = """
Bip01 - hips
Bip01_Pelvis Bip01 hips
Bip01_Spine Bip01_Pelvis spine1
Bip01_Spine1 Bip01_Spine spine2
Bip01_Spine2 Bip01_Spine1 spine3
Bip01_Neck Bip01_Spine2 neck
Bip01_Head Bip01_Neck head
Bip01_%_Clavicle Bip01_Neck shoulder
Bip01_%_UpperArm Bip01_%_Clavicle upper_arm
Bip01_%_Forearm Bip01_%_UpperArm lower_arm
Bip01_%_Hand Bip01_%_Forearm hand
Bip01_%_Finger0 Bip01_%_Hand thumb1
Bip01_%_Finger01 Bip01_%_Finger0 thumb2
Bip01_%_Finger1 Bip01_%_Hand index1
Bip01_%_Finger11 Bip01_%_Finger1 index2
Bip01_%_Thigh Bip01_Pelvis upper_leg
Bip01_%_Calf Bip01_%_Thigh lower_leg
Bip01_%_Foot Bip01_%_Calf foot
Bip01_%_Toe0 Bip01_%_Foot toes
"""

MMD = """
全ての親 - ground
センター 全ての親 hips
上半身 センター spine1
上半身2 上半身 spine2
首 上半身2 neck
頭 首 head
下半身 センター hips
~肩 上半身2 shoulder
~腕 ~肩 upper_arm
~腕捩 ~腕 upper_arm.5
~ひじ ~腕捩 lower_arm
~手首 ~ひじ hand
~足 下半身 upper_leg
~ひざ ~足 lower_leg
~足首 ~ひざ foot
~つま先 ~足首 toes
~足ＩＫ 全ての親 foot
~人指１ ~手首 index1
~人指２ ~人指１ index2
~人指３ ~人指２ index3
"""

# names of nobody: the build must tell
UNNAMED = """
b0 - hips
b1 b0 spine1
b2 b1 spine2
b3 b2 spine3
b4 b3 neck
b5 b4 head
b6 b5 top
s1@ b3 shoulder
s2@ s1@ upper_arm
s3@ s2@ lower_arm
s4@ s3@ hand
t1@ b0 upper_leg
t2@ t1@ lower_leg
t3@ t2@ foot
t4@ t3@ toes
t5@ t4@ toe_end
""" + fingers("f{f}{i}@", "a b c d e", "s4@")

TABLES = {
    "ue4": UE4,
    "ue5": UE5,
    "unity": UNITY,
    "vrm1": VRM1,
    "vroid_names": VROID,
    "arp_controls": ARP_CONTROLS,
    "arp_deform": ARP_DEFORM,
    "daz8": DAZ8,
    "cmu_asf": CMU_ASF,
    "cmu_max": CMU_MAX,
    "bvh_joints": BVH_JOINTS,
    "smplx": SMPLX,
    "biped": BIPED,
    "mmd": MMD,
    "unnamed": UNNAMED,
}
SIDE_MARKS = {"@": "lr", "%": "LR", "^": ("Left", "Right"), "&": ("left", "right"), "?": "LR", "~": "左右"}
"""How left and right are written for each mark."""


def expand(table: str) -> list[tuple[str, str, str, str]]:
    """(bone, parent or '-', landmark with its side, extras) of every bone."""
    bones = []
    for line in filter(None, table.splitlines()):
        name, parent, landmark, *extra = line.split()
        marks = [mark for mark in SIDE_MARKS if mark in name]
        for number in (0, 1) if marks else (0,):
            words = [name, parent]
            for mark, sides in SIDE_MARKS.items():
                words = [word.replace(mark, sides[number]) for word in words]
            side = ("left_", "right_")[number] if marks else ""
            bones.append((words[0], words[1], side + landmark, " ".join(extra)))
    return bones
