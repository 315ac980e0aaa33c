"""The open body with fingers: the same surface as the 24-joint one, in SMPL-H's layout."""

import dataclasses

import numpy as np
import pytest
import torch

from smpl_fitting.body import JOINT_NAMES, load_body
from smpl_fitting.body.layouts import to_layout, to_smpl_pose, to_smplh_pose, without_fingers
from smpl_fitting.body.names import SMPLH_JOINT_NAMES
from smpl_fitting.errors import BodyModelError

FINGERS = ("index", "middle", "ring", "pinky")


@pytest.fixture(scope="module")
def open_body():
    return load_body("open")


@pytest.fixture(scope="module")
def body():
    return load_body("open_h")


def joint(name):
    return SMPLH_JOINT_NAMES.index(name)


def random_poses(frames, seed):
    generator = torch.Generator().manual_seed(seed)
    poses = 0.4 * torch.randn(frames, 72, generator=generator)
    return poses, torch.randn(10, generator=generator)


def test_layout(body, open_body):
    assert (body.name, body.num_joints, body.num_betas) == ("open_h", 52, 10)
    assert body.joint_names == SMPLH_JOINT_NAMES
    for index, parent in enumerate(body.parent_ids[1:], start=1):
        assert parent < index
    for side in ("left", "right"):
        for finger in (*FINGERS, "thumb"):
            chain = [joint(f"{side}_wrist"), *(joint(f"{side}_{finger}{k}") for k in (1, 2, 3))]
            assert [body.parent_ids[j] for j in chain[1:]] == chain[:-1]
    for name in ("v_template", "shapedirs", "faces", "uv", "faces_uv", "part_labels", "landmark_vertices"):
        assert torch.equal(getattr(body, name), getattr(open_body, name)), name


def test_finger_weights_are_the_hands(body, open_body):
    assert torch.allclose(body.weights.sum(1), torch.ones(body.num_vertices), atol=1e-6)
    assert (body.weights >= 0).all()
    assert torch.equal(body.weights[:, :22], open_body.weights[:, :22])
    assert torch.allclose(body.weights[:, 22:37].sum(1), open_body.weights[:, 22], atol=1e-6)
    assert torch.allclose(body.weights[:, 37:].sum(1), open_body.weights[:, 23], atol=1e-6)
    mirrored = body.weights[body.mirror][:, 22:37]
    assert torch.allclose(mirrored, body.weights[:, 37:], atol=2e-3)


def test_joints_lie_in_their_fingers(body):
    """Inside the surface (winding number of van Oosterom and Strackee 1983), and symmetric."""
    triangles = body.v_template[body.faces].double()
    for index in range(22, 52):
        a, b, c = (triangles - body.J_template[index].double()).unbind(1)
        la, lb, lc = a.norm(dim=1), b.norm(dim=1), c.norm(dim=1)
        numerator = (a * torch.linalg.cross(b, c)).sum(1)
        denominator = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
        winding = 2 * torch.atan2(numerator, denominator).sum() / (4 * torch.pi)
        assert winding > 0.9, SMPLH_JOINT_NAMES[index]
    mirror = torch.tensor([-1.0, 1, 1])
    assert torch.allclose(body.J_template[22:37] * mirror, body.J_template[37:], atol=1e-5)


def test_fingers_at_rest_are_nearly_straight(body):
    """The rest pose that the module's docstring states, from the joints alone."""
    at = body.J_template
    for finger in FINGERS:
        chain = at[[joint("left_wrist"), *(joint(f"left_{finger}{k}") for k in (1, 2, 3))]]
        bones = torch.nn.functional.normalize(chain[1:] - chain[:-1], dim=1)
        bends = torch.rad2deg(torch.arccos((bones[1:] * bones[:-1]).sum(1)))
        assert 12 < bends[0] < 23 and 5 < bends[1] < 15, (finger, bends)


def test_resting_fingers_give_the_24_joint_surface(body, open_body):
    poses, betas = random_poses(3, 1)
    poses[:, 66:] = 0  # hand joints at rest
    expected = open_body(betas, poses)
    converted = torch.from_numpy(to_smplh_pose(poses.numpy()))
    ours = body(betas, converted)
    assert torch.allclose(ours.vertices, expected.vertices, atol=1e-5)
    assert torch.allclose(ours.joints[:, :22], expected.joints[:, :22], atol=1e-6)
    assert torch.allclose(body.landmarks(betas, converted), open_body.landmarks(betas, poses), atol=1e-5)


def test_turned_hand_joints_stay_near_the_24_joint_surface(body, open_body):
    poses, betas = random_poses(2, 2)
    poses[:, 66:] *= 0.5
    apart = body(betas, torch.from_numpy(to_smplh_pose(poses.numpy()))).vertices
    apart = (apart - open_body(betas, poses).vertices).norm(dim=-1)
    fingers = body.weights[:, 22:].sum(1) > 0.5
    assert apart[:, fingers].mean() < 0.02 and apart[:, body.weights[:, 22:].sum(1) == 0].max() < 1e-5


def test_poses_convert_there_and_back():
    poses = random_poses(5, 3)[0].double().numpy()
    assert np.allclose(to_smpl_pose(to_smplh_pose(poses)), poses, atol=1e-6)
    fist = np.zeros((1, 52, 3))
    for finger, bend in zip(FINGERS, (-1.0, -1.1, -1.2, -1.3), strict=True):
        fist[0, joint(f"left_{finger}1"), 2] = bend
    mitten = to_smpl_pose(fist.reshape(1, -1)).reshape(24, 3)
    assert np.allclose(mitten[JOINT_NAMES.index("left_hand")], (0, 0, -1.15), atol=1e-3)
    assert np.allclose(mitten[:22], 0)


def test_wrong_widths_are_refused():
    with pytest.raises(ValueError, match=r"expected \(T, 72\)"):
        to_smplh_pose(np.zeros((2, 156)))
    with pytest.raises(ValueError, match=r"expected \(T, 156\)"):
        to_smpl_pose(np.zeros((2, 72)))
    with pytest.raises(BodyModelError, match="open_h: has no male model"):
        load_body("open_h", gender="male")


@pytest.mark.slow
def test_vertices_equal_smplx(body, tmp_path):
    """smplx's own SMPLH on the same tables, fingers bent; and our loader on the same file."""
    smplx = pytest.importorskip("smplx")
    rng = np.random.default_rng(4)
    parents = np.array(body.parent_ids, np.int64)
    parents[0] = 2**32 - 1
    arrays = {
        "v_template": body.v_template.double().numpy(),
        "shapedirs": body.shapedirs.double().numpy(),
        "posedirs": rng.normal(0, 0.002, (body.num_vertices, 3, 51 * 9)),
        "J_regressor": exact_regressor(body),
        "weights": body.weights.double().numpy(),
        "kintree_table": np.stack((parents, np.arange(52))),
        "f": body.faces.numpy().astype(np.uint32),
    }
    np.savez(tmp_path / "SMPLH_NEUTRAL.npz", **arrays)
    hands = {
        f"hands_{what}{s}": np.zeros(n) for s in "lr" for what, n in (("mean", 45), ("components", (45, 45)))
    }
    oracle = smplx.SMPLH(
        "", data_struct=smplx.utils.Struct(**arrays, **hands), use_pca=False, flat_hand_mean=True,
        vertex_ids=dict.fromkeys(("nose", "reye", "leye", "rear", "lear"), 0),
        use_feet_keypoints=False, use_hands=False, batch_size=2,
    )  # fmt: skip
    poses = torch.tensor(rng.normal(0, 0.5, (2, 156)), dtype=torch.float32)
    betas = torch.tensor(rng.normal(0, 1, 10), dtype=torch.float32)
    truth = oracle(
        betas=betas.expand(2, 10), global_orient=poses[:, :3], body_pose=poses[:, 3:66],
        left_hand_pose=poses[:, 66:111], right_hand_pose=poses[:, 111:],
    )  # fmt: skip
    ours = load_body(tmp_path / "SMPLH_NEUTRAL.npz")(betas, poses)
    assert torch.allclose(ours.vertices, truth.vertices, atol=2e-5)
    plain = load_body("open_h")(betas, poses).joints
    assert torch.allclose(plain, truth.joints[:, :52], atol=1e-4)


def exact_regressor(body):
    """(52, V) weights that give the body's joints for every shape: the smallest, on each joint's near vertices."""
    template, directions = body.v_template.double().numpy(), body.shapedirs.double().numpy()
    regressor = np.zeros((52, len(template)))
    for index in range(52):
        near = np.argsort(np.linalg.norm(template - body.J_template[index].numpy(), axis=1))[:400]
        rows = [np.ones((1, 400)), template[near].T, directions[near].reshape(400, -1).T]
        wanted = [[1.0], body.J_template[index].numpy(), body.J_shapedirs[index].numpy().ravel()]
        regressor[index, near] = np.linalg.lstsq(np.concatenate(rows), np.concatenate(wanted), rcond=1e-9)[0]
    return regressor


def test_without_fingers_the_surface_is_the_same(body, open_body, tmp_path):
    """Of the open body, and of a made-up SMPL-X with pose correctives, jaw and eyes."""
    mitten = without_fingers(body)
    assert (mitten.name, mitten.num_joints) == ("open", 24) and without_fingers(open_body) is open_body
    assert torch.allclose(mitten.weights, open_body.weights, atol=1e-6)
    assert torch.allclose(mitten.J_template, open_body.J_template, atol=3e-3)
    names = SMPLH_JOINT_NAMES[:22] + ("jaw", "left_eye", "right_eye") + SMPLH_JOINT_NAMES[22:]
    place = [names.index(name) for name in SMPLH_JOINT_NAMES]
    weights = torch.zeros(body.num_vertices, 55)
    weights[:, place] = body.weights
    weights[:, 22], weights[:, 15] = 0.3 * weights[:, 15], 0.7 * weights[:, 15]
    joints = torch.zeros(55, 3)
    joints[place] = body.J_template
    joints[22:25] = body.J_template[15]
    parents = [place[p] if p >= 0 else -1 for p in body.parent_ids]
    parents = torch.tensor(parents[:22] + [15, 15, 15] + parents[22:])
    correctives = 0.003 * torch.randn(
        body.num_vertices, 3, 54 * 9, generator=torch.Generator().manual_seed(6)
    )
    shaped = {
        "J_template": joints,
        "J_shapedirs": torch.zeros(55, 3, 10),
        "weights": weights,
        "parents": parents,
    }
    smplx = dataclasses.replace(body, name="smplx", joint_names=names, posedirs=correctives, **shaped)
    poses, betas = random_poses(2, 7)
    poses[:, 66:] = 0
    small = without_fingers(smplx)
    assert (small.name, small.num_joints) == ("smpl", 24)
    wide = torch.from_numpy(to_layout(poses.numpy(), names))
    assert wide.shape == (2, 165)
    assert torch.allclose(small(betas, poses).vertices, smplx(betas, wide).vertices, atol=1e-5)
    assert np.array_equal(to_layout(wide.numpy(), names), wide.numpy())
