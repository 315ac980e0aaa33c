"""The ground from footsteps, and the body's way from planted feet; closed forms."""

import numpy as np
import pytest
import torch

from smpl_fitting.geometry import axis_angle_to_matrix
from smpl_fitting.landmarks import JOINT
from smpl_fitting.root_path import intervals, steady_root
from smpl_fitting.world import LEVEL_CAMERA, camera_to_world, ground_plane


def stepping(body, pitch, roll=0.0, frames=120):
    """A body that walks in a circle on a level floor, filmed by a camera that looks down by ``pitch`` and is
    rolled by ``roll`` radians: betas, rotations, trans in camera axes, the camera's up vector, what stands and
    what is well above the ground."""
    phase = torch.linspace(0, 2 * torch.pi, frames)
    steps = 4 * phase
    pose = torch.zeros(frames, body.num_joints, 3)
    contacts, raised = np.zeros((frames, 4), bool), np.zeros((frames, 4), bool)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        lift = (sign * torch.sin(steps)).clamp_min(0)
        pose[:, JOINT[f"{side}_hip"], 0] = -1.1 * lift
        pose[:, JOINT[f"{side}_knee"], 0] = 1.3 * lift
        point = 0 if side == "left" else 2
        contacts[:, point : point + 2] = (lift == 0).numpy()[:, None]
        raised[:, point : point + 2] = (lift > 0.5).numpy()[:, None]
    rotations = axis_angle_to_matrix(pose)
    upright = torch.tensor([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    betas = torch.zeros(body.num_betas)
    rest = body.shaped(betas)[1][0]
    # each foot stands still while the other is lifted: the body goes round in little jumps
    angle = torch.floor(steps / torch.pi) * torch.pi / 4
    height = rest[1] - body.soles(betas, torch.zeros(1, 3 * body.num_joints))[0, :, 1].min()
    way = torch.stack([0.8 * torch.cos(angle), 4 + 0.8 * torch.sin(angle), 0 * phase + height], -1)
    rotations[:, 0] = axis_angle_to_matrix(torch.stack([0 * angle, 0 * angle, angle], -1)) @ upright
    tilt = axis_angle_to_matrix(torch.tensor([0.0, 0.0, roll])) @ axis_angle_to_matrix(
        torch.tensor([pitch, 0.0, 0.0])
    )
    to_camera = tilt @ LEVEL_CAMERA.T
    position = torch.tensor([0.0, 0.0, 1.4])
    rotations[:, 0] = to_camera @ rotations[:, 0]
    return betas, rotations, (way - position) @ to_camera.T - rest, to_camera[:, 2].numpy(), contacts, raised


@pytest.mark.parametrize(("pitch", "roll"), [(0.0, 0.0), (0.35, 0.0), (-0.15, 0.05)])
def test_the_ground_is_where_the_feet_stand(body, pitch, roll):
    betas, rotations, trans, up, standing_still, raised = stepping(body, pitch, roll)
    poses, placed, R, t, contacts = camera_to_world(body, betas, rotations, trans)
    found = R[:, 2].numpy()
    assert np.degrees(np.arccos(np.clip(found @ up, -1, 1))) < 2.5
    soles = body.soles(betas, poses, placed).numpy()
    claimed = contacts > 0.5
    assert np.abs(soles[..., 2][claimed]).max() < 0.08
    assert (claimed & standing_still).sum() > 0.75 * standing_still.sum()
    assert (claimed & raised).sum() < 0.15 * raised.sum()


def test_a_photo_stands_on_its_lower_foot(body):
    betas, rotations, trans, *_ = stepping(body, 0.0)
    poses, placed, _, _, contacts = camera_to_world(body, betas, rotations[8:9], trans[8:9])
    soles = body.soles(betas, poses, placed).numpy()[0]
    assert contacts.shape == (1, 4)
    assert np.abs(soles[contacts[0] > 0.5, 2]).max() < 0.03
    assert (contacts[0] > 0.5).any()


def test_nobody_seen_stands_nowhere(body):
    betas, rotations, trans, *_ = stepping(body, 0.0)
    *_, contacts = camera_to_world(body, betas, rotations, trans, confidence=np.zeros((len(trans), 4)))
    assert not (contacts > 0.5).any()


def test_cuts_keep_shots_apart(body):
    betas, rotations, trans, *_ = stepping(body, 0.0)
    joined = torch.cat([rotations, rotations]), torch.cat([trans, trans + torch.tensor([0.5, 0.0, 0.0])])
    *_, contacts = camera_to_world(body, betas, *joined, cuts=[len(trans)])
    assert (contacts[: len(trans)] > 0.5).mean() == pytest.approx(
        (contacts[len(trans) :] > 0.5).mean(), abs=0.03
    )


def test_many_points_of_one_step_weigh_as_one():
    points = torch.tensor([[0.0, 3.0, 0.0], [0.0, 5.0, 0.3]])
    once = ground_plane(points, torch.zeros(2))
    often = ground_plane(points.repeat(10, 1), torch.zeros(2), 10.0)
    assert once[0] == pytest.approx(often[0], abs=1e-6)
    torch.testing.assert_close(once[1], often[1])


def standing(frames=90):
    soles = np.zeros((frames, 4, 3))
    soles[:] = np.array([[0.1, 0, 0], [0.1, 0.2, 0], [-0.1, 0, 0], [-0.1, 0.2, 0]])
    return soles


def test_a_standing_body_does_not_wander_in_depth():
    sight = np.array([0.0, 1.0, 0.0])
    wander = 0.06 * np.sin(np.arange(90) / 12)[:, None] * sight
    shift = steady_root(standing() + wander[:, None], np.ones((90, 4)), 30.0, view=sight)
    left = wander + shift
    assert np.ptp(left, axis=0).max() < 0.25 * np.ptp(wander[:, 1])
    np.testing.assert_allclose(shift[:, [0, 2]], 0, atol=1e-3)


def test_what_the_picture_shows_is_hardly_moved():
    """Across the line of sight the picture is right: the sway stays, unlike the same sway along it."""
    sway = 0.06 * np.sin(np.arange(90) / 12)[:, None] * np.array([1.0, 0.0, 0.0])
    across = steady_root(
        standing() + sway[:, None], np.full((90, 4), 0.6), 30.0, view=np.array([0.0, 1.0, 0])
    )
    along = steady_root(standing() + sway[:, None], np.full((90, 4), 0.6), 30.0, view=np.array([1.0, 0.0, 0]))
    assert np.abs(across).max() < 0.7 * np.abs(along).max()


def test_the_ground_is_met():
    soles = standing() + np.array([0, 0, 0.04])
    shift = steady_root(soles, np.ones((90, 4)), 30.0)
    np.testing.assert_allclose(shift[:, 2], -0.04, atol=0.01)


def test_who_stands_on_a_box_is_not_pulled_down():
    soles = standing() + np.array([0, 0, 0.4])
    np.testing.assert_allclose(steady_root(soles, np.ones((90, 4)), 30.0), 0, atol=1e-6)


def test_a_contact_that_walks_away_does_not_drag_the_body_along():
    soles = standing()
    soles[..., 1] += np.linspace(0, 3, 90)[:, None]
    shift = steady_root(soles, np.ones((90, 4)), 30.0, view=np.array([0.0, 1.0, 0.0]))
    assert np.abs(shift).max() < 0.7


def test_without_contacts_nothing_moves():
    assert not steady_root(standing(), np.zeros((90, 4)), 30.0).any()


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_ways(frames):
    shift = steady_root(standing(frames) + 0.02, np.ones((frames, 4)), 30.0)
    assert shift.shape == (frames, 3) and np.isfinite(shift).all()


def test_the_correction_is_alone_in_each_shot():
    soles = standing() + 0.03 * np.sin(np.arange(90) / 9)[:, None, None]
    both = steady_root(np.concatenate([soles, soles + 2]), np.ones((180, 4)), 30.0, cuts=[90])
    np.testing.assert_allclose(both[:90], steady_root(soles, np.ones((90, 4)), 30.0), atol=1e-9)


def test_intervals_end_at_cuts():
    contacts = np.array([[1, 0], [1, 1], [1, 1], [0, 1.0]])
    np.testing.assert_array_equal(intervals(contacts), [[0, 0, 3], [1, 1, 4]])
    np.testing.assert_array_equal(intervals(contacts, [2]), [[0, 0, 2], [1, 1, 2], [0, 2, 3], [1, 2, 4]])
    assert intervals(np.zeros((4, 2))).shape == (0, 3)
