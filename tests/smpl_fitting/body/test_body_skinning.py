"""Our skinning against smplx, the oracle, and against finite differences."""

import numpy as np
import pytest
import torch

from smpl_fitting.body import lbs, load_body
from smpl_fitting.body.skinning import forward_kinematics
from smpl_fitting.geometry.rotations import axis_angle_to_matrix

smplx = pytest.importorskip("smplx")


def _pose(frames, joints=24, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 0.5 * torch.randn(frames, joints * 3, generator=generator), torch.randn(
        frames, 3, generator=generator
    )


def _smplx_vertices(arrays, betas, poses, trans):
    # SMPL's own extra joints name vertices of another mesh, hence ids of our own.
    ids = dict.fromkeys(("nose", "reye", "leye", "rear", "lear"), 0)
    options = {"vertex_ids": ids, "use_feet_keypoints": False, "use_hands": False, "batch_size": len(poses)}
    model = smplx.SMPL("", data_struct=smplx.utils.Struct(**arrays), **options)
    output = model(
        betas=betas.expand(len(poses), -1), global_orient=poses[:, :3], body_pose=poses[:, 3:], transl=trans
    )
    return output.vertices.detach(), output.joints[:, :24].detach()


def test_open_body_equals_smplx(body, smpl_arrays):
    arrays = smpl_arrays | {"posedirs": np.zeros((body.num_vertices, 3, 207))}
    betas = torch.randn(1, 10, generator=torch.Generator().manual_seed(1))
    poses, trans = _pose(3)
    vertices, joints = _smplx_vertices(arrays, betas, poses, trans)
    ours = body(betas[0], poses, trans)
    assert torch.allclose(ours.vertices, vertices, atol=1e-5)
    assert torch.allclose(ours.joints, joints, atol=1e-5)


def test_pose_correctives_equal_smplx(tmp_path, smpl_arrays):
    path = tmp_path / "SMPL_NEUTRAL.npz"
    np.savez(path, **smpl_arrays)
    model = load_body(path)
    betas = torch.randn(1, 10, generator=torch.Generator().manual_seed(2))
    poses, trans = _pose(2, seed=3)
    vertices, joints = _smplx_vertices(smpl_arrays, betas, poses, trans)
    ours = model(betas[0], poses, trans)
    assert torch.allclose(ours.vertices, vertices, atol=1e-5)
    assert torch.allclose(ours.joints, joints, atol=1e-5)
    index = torch.tensor([5, 13000, 77, 5])
    assert torch.allclose(model(betas[0], poses, trans, index).vertices, ours.vertices[:, index], atol=1e-6)
    expected = (ours.vertices[:, model.landmark_vertices] * model.landmark_weights[..., None]).sum(2)
    assert torch.allclose(model.landmarks(betas[0], poses, trans), expected, atol=1e-5)


def test_any_skeleton_equals_smplx_lbs():
    """SMPL-X's 55 joints and random tables, against the oracle's function itself."""
    from smpl_fitting.body.names import SMPLX_JOINT_NAMES

    parents = _smplx_parents(SMPLX_JOINT_NAMES)
    generator = torch.Generator().manual_seed(4)

    def random(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    vertices, joints, frames = 40, 55, 3
    template, shapedirs, posedirs = random(vertices, 3), random(vertices, 3, 5), random(vertices, 3, 54 * 9)
    regressor, weights = random(joints, vertices).softmax(1), random(vertices, joints).softmax(1)
    betas, poses = random(frames, 5), random(frames, joints * 3)
    expected, expected_joints = smplx.lbs.lbs(
        betas, poses, template, shapedirs, posedirs.reshape(-1, 54 * 9).T, regressor, torch.tensor(parents),
        weights, pose2rot=True,
    )  # fmt: skip
    tables = (template, shapedirs, posedirs, regressor @ template)
    tables += (torch.einsum("jv,vcb->jcb", regressor, shapedirs), weights, parents)
    ours, our_joints = lbs(betas, poses, None, *tables)
    assert torch.allclose(ours, expected, atol=1e-6)  # smplx adds 1e-8 to every angle
    assert torch.allclose(our_joints, expected_joints, atol=1e-6)


def _smplx_parents(names):
    parents = []
    for joint, name in enumerate(names):
        if joint < 22:
            parents.append(load_body().parent_ids[joint])
        elif name in ("jaw", "left_eye", "right_eye"):
            parents.append(names.index("head"))
        elif name.endswith("1"):
            parents.append(names.index(f"{name.split('_')[0]}_wrist"))
        else:
            parents.append(joint - 1)
    return parents


def test_subset_landmarks_and_joints_equal_the_full_evaluation(body):
    betas = torch.randn(10, generator=torch.Generator().manual_seed(5))
    poses, trans = _pose(4, seed=6)
    full = body(betas, poses, trans)
    index = torch.randperm(body.num_vertices, generator=torch.Generator().manual_seed(7))[:200]
    assert torch.allclose(body(betas, poses, trans, index).vertices, full.vertices[:, index], atol=1e-6)
    expected = (full.vertices[:, body.landmark_vertices] * body.landmark_weights[..., None]).sum(2)
    assert torch.allclose(body.landmarks(betas, poses, trans), expected, atol=2e-6)
    assert torch.allclose(body.joints(betas, poses, trans), full.joints, atol=1e-6)
    soles = full.vertices[:, body.sole_vertices].mean(2)
    assert torch.allclose(body.soles(betas, poses, trans), soles, atol=2e-6)


def test_betas_per_frame_and_rotation_matrices_give_the_same(body):
    betas = torch.randn(10, generator=torch.Generator().manual_seed(8))
    poses, trans = _pose(2, seed=9)
    expected = body(betas, poses, trans).vertices
    matrices = axis_angle_to_matrix(poses.view(2, 24, 3))
    assert torch.allclose(body(betas, matrices, trans).vertices, expected, atol=1e-6)
    assert torch.allclose(body(betas.expand(2, 10), poses, trans).vertices, expected, atol=2e-6)
    assert torch.allclose(
        body.landmarks(betas.expand(2, 10), poses, trans), body.landmarks(betas, poses, trans), atol=2e-6
    )


def test_a_turn_of_the_elbow_is_the_closed_form(body):
    """Bending one elbow by 90 degrees turns the forearm's joints about the elbow and leaves all others."""
    poses = torch.zeros(1, 24, 3)
    elbow, wrist = body.joint_names.index("left_elbow"), body.joint_names.index("left_wrist")
    poses[0, elbow, 1] = np.pi / 2
    rest = body.J_template
    joints = body.joints(torch.zeros(10), poses)[0]
    forearm = rest[wrist] - rest[elbow]
    turned = torch.stack((forearm[2], forearm[1], -forearm[0]))  # a quarter turn about +y: z to x, x to -z
    assert torch.allclose(joints[wrist], rest[elbow] + turned, atol=1e-6)
    still = [name for name in range(24) if "left_wrist" not in body.joint_names[name]]
    still.remove(body.joint_names.index("left_hand"))
    assert torch.allclose(joints[still], rest[still], atol=1e-6)


def test_gradients_are_right():
    torch.manual_seed(0)
    parents = (-1, 0, 1, 1, 0)
    options = {"dtype": torch.float64}
    tables = (
        torch.randn(6, 3, **options), torch.randn(6, 3, 2, **options), torch.randn(6, 3, 36, **options),
        torch.randn(5, 3, **options), torch.randn(5, 3, 2, **options),
        torch.rand(6, 5, **options).softmax(1), parents,
    )  # fmt: skip
    betas = torch.randn(2, **options, requires_grad=True)
    poses = torch.randn(3, 15, **options, requires_grad=True)
    trans = torch.randn(3, 3, **options, requires_grad=True)
    plain = (*tables[:2], None, *tables[3:])
    assert torch.autograd.gradcheck(lambda b, p, t: lbs(b, p, t, *tables), (betas, poses, trans))
    assert torch.autograd.gradcheck(lambda b, p, t: lbs(b, p, t, *plain), (betas, poses, trans))


def test_rest_pose_is_the_shaped_body(body):
    betas = torch.randn(10, generator=torch.Generator().manual_seed(11))
    vertices, joints = body.shaped(betas)
    output = body(betas, torch.zeros(1, 72), torch.zeros(1, 3))
    assert torch.allclose(output.vertices[0], vertices, atol=1e-6)
    assert torch.allclose(output.joints[0], joints, atol=1e-6)


def test_kinematics_walk_any_order_of_depths():
    """A chain whose joints are not numbered by depth, against the product of matrices along each path."""
    parents = (-1, 0, 1, 0, 3, 2)
    rotations = axis_angle_to_matrix(torch.randn(1, 6, 3, generator=torch.Generator().manual_seed(12)))
    rest = torch.randn(6, 3, generator=torch.Generator().manual_seed(13))
    turns, places = forward_kinematics(rotations, rest, parents)
    for joint in range(6):
        path = [joint]
        while parents[path[0]] >= 0:
            path.insert(0, parents[path[0]])
        turn, place = torch.eye(3), torch.zeros(3)
        for step in path:
            above = rest[parents[step]] if parents[step] >= 0 else torch.zeros(3)
            place = place + turn @ (rest[step] - above)
            turn = turn @ rotations[0, step]
        assert torch.allclose(turns[0, joint], turn, atol=1e-6)
        assert torch.allclose(places[0, joint], place, atol=1e-6)


def test_wrong_pose_shapes_say_what_is_expected(body):
    with pytest.raises(ValueError, match=r"\(T, 72\) axis-angle"):
        body(torch.zeros(10), torch.zeros(1, 156), torch.zeros(1, 3))
