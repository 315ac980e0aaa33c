"""Locked feet on a walk whose footsteps are known, shaken as a fit shakes it."""

import dataclasses

import numpy as np
import pytest
import torch

from smpl_fitting.body import load_body
from smpl_fitting.contacts import shots
from smpl_fitting.foot_lock import ease, lock_feet
from smpl_fitting.geometry import axis_angle_to_matrix
from smpl_fitting.landmarks import JOINT
from smpl_fitting.leg_ik import ANKLES, HIPS, KNEES, leg_lengths, place_feet, skeleton
from smpl_fitting.motion import POSE_WIDTHS, Motion

SIGHT = np.array([0.0, 1.0, 0.0])


def soles_of(body, motion):
    values = (torch.as_tensor(v, dtype=torch.float32) for v in (motion.betas, motion.poses, motion.trans))
    return body.soles(*values).double().numpy()


def as_tensors(motion):
    return (torch.as_tensor(v, dtype=torch.float32) for v in (motion.betas, motion.poses, motion.trans))


def walk(body, frames=90, fps=30.0):
    """A body that walks along -Y with flat feet, and its contacts (T, 4); the ground is at 0."""
    upright = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    betas = torch.zeros(body.num_betas)
    poses = torch.zeros(frames, 3 * body.num_joints, dtype=torch.float64)
    poses[:, 0] = torch.pi / 2  # the Y-up body stands in a Z-up world and faces -Y
    times = torch.arange(frames, dtype=torch.float64) / fps
    rest_soles = body.soles(betas, torch.zeros(1, 3 * body.num_joints)).double()[0]
    rest_ankles = body.shaped(betas)[1].double()[ANKLES]
    pelvis_height = float(body.shaped(betas)[1][0, 1] - rest_soles[:, 1].min())
    speed = 1.0
    bob = 0.012 * torch.cos(4 * torch.pi * times)
    pelvis = torch.stack([0 * times, -speed * times, pelvis_height - 0.05 + bob], 1)
    trans = pelvis - body.shaped(betas)[1][0].double()
    ankles, contacts = [], np.zeros((frames, 4), np.float32)
    for foot, start in ((0, 0.0), (1, 0.5)):
        stride = torch.floor(times + start)
        phase = times + start - stride
        swing = ((phase - 0.6) / 0.4).clamp(0, 1)
        along = -speed * (stride - start + 0.3 + swing - torch.sin(2 * torch.pi * swing) / (2 * torch.pi))
        lift = 0.1 * torch.sin(torch.pi * swing) ** 2
        height = float(rest_ankles[foot, 1] - rest_soles[2 * foot : 2 * foot + 2, 1].min())
        side = torch.full_like(times, float(rest_ankles[foot, 0]))
        ankles.append(torch.stack([side, along, height + lift], 1))
        contacts[:, 2 * foot : 2 * foot + 2] = (phase <= 0.6)[:, None]
    turns, joints = skeleton(body, betas, poses, trans)
    feet = upright.expand(frames, 2, 3, 3)
    placed = place_feet(poses, turns, joints, torch.stack(ankles, 1), feet)
    motion = Motion(
        poses=placed.float().numpy(),
        trans=trans.float().numpy(),
        betas=betas.numpy(),
        fps=fps,
        model=body.name,
        gender=body.gender,
        camera_R=np.tile(np.stack([[1.0, 0, 0], [0, 0, -1.0], SIGHT]), (frames, 1, 1)),
    )
    return motion, contacts


def shaken(motion, seed=0, depth=0.03, joints=0.04):
    """Smooth errors as a fit makes them: of the root (most along the sight) and of the legs' joints."""
    rng = np.random.default_rng(seed)
    frames = motion.frame_count

    def waves(columns, seconds):
        phase = np.arange(frames)[:, None] / (seconds * motion.fps) * rng.uniform(0.7, 1.4, columns)
        return np.sqrt(2) * np.sin(2 * np.pi * (phase + rng.uniform(size=columns)))

    trans = motion.trans + depth * waves(1, 1.3) * SIGHT + 0.005 * waves(3, 0.8)
    poses = motion.poses.copy()
    for joint in (*HIPS, *KNEES, *ANKLES):
        poses[:, 3 * joint : 3 * joint + 3] += joints * waves(3, 0.7)
    return dataclasses.replace(motion, poses=poses.astype(np.float32), trans=trans.astype(np.float32))


def slide(soles, contacts):
    """Mean and largest millimetres that planted soles move from frame to frame."""
    standing = (contacts[1:] > 0.5) & (contacts[:-1] > 0.5)
    moved = 1e3 * np.linalg.norm(np.diff(soles, axis=0), axis=-1)[standing]
    return moved.mean(), moved.max()


def stretched_body():
    """A body in SMPL-X's 55 joints with pose correctives, as a user's file gives it."""
    small = load_body("open")
    joints = 55
    extra = joints - 22
    weights = torch.zeros(small.num_vertices, joints)
    weights[:, :22] = small.weights[:, :22]
    weights[:, 20:22] += small.weights[:, 22:24]  # the hands go with the wrists
    generator = torch.Generator().manual_seed(0)
    correctives = torch.zeros(small.num_vertices, 3, 9 * (joints - 1))
    feet = small.sole_vertices.flatten()
    correctives[feet] = 3e-4 * torch.randn(len(feet), 3, 9 * (joints - 1), generator=generator)
    grow = torch.cat([torch.arange(22), torch.full((extra,), 15)])
    return dataclasses.replace(
        small,
        name="smplx",
        joint_names=(*small.joint_names[:22], *(f"extra{i}" for i in range(extra))),
        posedirs=correctives,
        J_template=small.J_template[grow],
        J_shapedirs=small.J_shapedirs[grow],
        weights=weights,
        parents=torch.cat([small.parents[:22], torch.full((extra,), 15)]),
    )


@pytest.fixture(scope="module", params=["open", "open_h", "smplx"])
def any_body(request):
    return stretched_body() if request.param == "smplx" else load_body(request.param)


def test_planted_feet_stand_still_whatever_the_body(any_body):
    true, contacts = walk(any_body)
    fit = dataclasses.replace(shaken(true), contacts=contacts)
    assert POSE_WIDTHS[any_body.name] == fit.poses.shape[1]
    locked = lock_feet(fit, any_body)
    before, after = soles_of(any_body, fit), soles_of(any_body, locked)
    assert slide(before, contacts)[0] > 4
    mean, worst = slide(after, locked.contacts)
    assert mean < 0.05 and worst < 0.5
    assert after[..., 2].min() > -5e-4
    assert np.abs(after[..., 2][locked.contacts > 0.5]).max() < 2e-3
    assert (locked.contacts > 0.5).sum() > 0.85 * (contacts > 0.5).sum()
    untouched = [j for j in range(any_body.num_joints) if j not in (*HIPS, *KNEES, *ANKLES, 10, 11)]
    np.testing.assert_array_equal(
        locked.poses.reshape(90, -1, 3)[:, untouched], fit.poses.reshape(90, -1, 3)[:, untouched]
    )


def test_the_body_comes_nearer_to_the_truth(body):
    true, contacts = walk(body)
    fit = dataclasses.replace(shaken(true), contacts=contacts)
    locked = lock_feet(fit, body)
    joints = [skeleton(body, *as_tensors(motion))[1].numpy() for motion in (true, fit, locked)]
    error = [1e3 * np.linalg.norm(found - joints[0], axis=-1).mean() for found in joints[1:]]
    assert error[1] < error[0]
    jerks = [
        900 * np.linalg.norm(np.diff(found - joints[0], 2, axis=0), axis=-1).mean() for found in joints[1:]
    ]
    assert jerks[1] < jerks[0] + 0.5  # m/s^2


def largest_knee_step(motion):
    knees = axis_angle_to_matrix(torch.as_tensor(motion.poses).view(90, -1, 3)[:, KNEES])
    step = (knees[1:].mT @ knees[:-1]).diagonal(dim1=-2, dim2=-1).sum(-1)
    return float(torch.acos(((step - 1) / 2).clamp(-1, 1)).max())


def test_knees_neither_flip_nor_pop(body):
    true, contacts = walk(body)
    fit = dataclasses.replace(shaken(true), contacts=contacts)
    locked = lock_feet(fit, body)
    bends = []
    for motion in (fit, locked):
        turns, joints = skeleton(body, *as_tensors(motion))
        shin = joints[:, ANKLES] - joints[:, KNEES]
        thigh = joints[:, KNEES] - joints[:, HIPS]
        hinge = turns[:, HIPS] @ torch.tensor([1.0, 0, 0], dtype=torch.float64)
        bends.append((torch.linalg.cross(thigh, shin) * hinge).sum(-1).min())
    assert bends[1] > min(bends[0], 0) - 1e-3  # shins fold backwards
    assert largest_knee_step(locked) < largest_knee_step(true) + 0.1  # radians in a frame


def test_feet_that_stand_stay_where_they_are(body):
    true, contacts = walk(body, 12)
    still = dataclasses.replace(true.select(np.zeros(12, int)), contacts=np.ones((12, 4), np.float32))
    lift = soles_of(body, still)[..., 2].min()
    still = dataclasses.replace(still, trans=still.trans - np.float32([0, 0, lift]))
    one_foot = contacts[0] > 0.5
    still.contacts[:, ~one_foot] = 0
    locked = lock_feet(still, body)
    np.testing.assert_allclose(locked.trans, still.trans, atol=3e-3)
    np.testing.assert_allclose(soles_of(body, locked), soles_of(body, still), atol=3e-3)


def test_contacts_are_found_where_the_motion_has_none(body):
    true, contacts = walk(body)
    locked = lock_feet(shaken(true, joints=0.02), body)
    assert locked.contacts is not None
    claimed = locked.contacts > 0.5
    assert (claimed & (contacts > 0.5)).sum() > 0.8 * (contacts > 0.5).sum()


def test_the_air_is_left_alone(body):
    true, _ = walk(body, 20)
    flying = dataclasses.replace(
        true, trans=true.trans + np.float32([0, 0, 1.0]), contacts=np.zeros((20, 4), np.float32)
    )
    locked = lock_feet(flying, body)
    np.testing.assert_allclose(locked.trans, flying.trans, atol=1e-6)
    np.testing.assert_allclose(soles_of(body, locked), soles_of(body, flying), atol=1e-5)


def test_no_foot_goes_below_the_ground(body):
    true, contacts = walk(body)
    sunk = dataclasses.replace(
        true, trans=true.trans - np.float32([0, 0, 0.06]), contacts=np.zeros((90, 4), np.float32)
    )
    assert soles_of(body, sunk)[..., 2].min() < -0.05
    assert soles_of(body, lock_feet(sunk, body))[..., 2].min() > -5e-4


def test_an_overlong_stance_is_let_go_and_no_leg_is_stretched(body):
    """A foot claimed to stand for the whole clip while the body walks away."""
    true, contacts = walk(body)
    claimed = contacts.copy()
    claimed[:, :2] = 1
    fit = dataclasses.replace(true, contacts=claimed)
    locked = lock_feet(fit, body)
    assert np.isfinite(locked.poses).all()
    assert (locked.contacts[:, :2] > 0.5).mean() < 0.7
    assert np.abs(locked.trans - fit.trans).max() < 0.35
    _, joints = skeleton(body, *as_tensors(locked))
    thigh, shin = leg_lengths(joints)
    assert ((joints[:, ANKLES] - joints[:, HIPS]).norm(dim=-1) <= thigh + shin + 1e-5).all()


def test_shots_are_locked_one_by_one(body):
    true, contacts = walk(body)
    fit = dataclasses.replace(shaken(true), contacts=contacts)
    first, second = fit.select(slice(0, 45)), fit.select(slice(45, 90))
    second = dataclasses.replace(second, trans=second.trans + np.float32([4.0, 0, 0]))
    joined = dataclasses.replace(
        fit,
        trans=np.concatenate([first.trans, second.trans]),
        poses=np.concatenate([first.poses, second.poses]),
    )
    locked = lock_feet(joined, body, cuts=[45])
    for part, rows in ((first, slice(0, 45)), (second, slice(45, 90))):
        alone = lock_feet(part, body)
        np.testing.assert_allclose(locked.trans[rows], alone.trans, atol=1e-4)
        np.testing.assert_allclose(soles_of(body, locked)[rows], soles_of(body, alone), atol=1e-3)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_motions(body, frames):
    true, contacts = walk(body, 5)
    short = dataclasses.replace(true, contacts=contacts).select(slice(0, frames))
    locked = lock_feet(short, body)
    assert np.isfinite(locked.poses).all() and locked.frame_count == frames


def test_without_fade_only_planted_frames_change(body):
    true, contacts = walk(body)
    fit = dataclasses.replace(shaken(true, depth=0.0, joints=0.01), contacts=contacts)
    locked = lock_feet(fit, body, fade=0.0)
    mean, worst = slide(soles_of(body, locked), locked.contacts)
    assert mean < 0.05 and worst < 0.5


def test_ease_keeps_what_is_held_and_fades_beside_it():
    values = np.zeros((40, 1))
    values[15:20] = 0.1
    held = values[:, 0] > 0
    eased = ease(values, held, 6.0)
    np.testing.assert_allclose(eased[held], values[held], atol=1e-6)
    assert np.abs(eased[:5]).max() < 0.01 and np.abs(eased[-8:]).max() < 0.01
    assert np.abs(np.diff(eased, 2, axis=0)).max() < 0.03  # a jump would be 0.1
    assert not ease(values, np.zeros(40, bool), 6.0).any()


def test_legs_reach_their_goal_in_closed_form(body):
    """Reachable goals are met exactly; others are approached along the line from the hip."""
    betas = torch.zeros(body.num_betas)
    poses = torch.zeros(3, 72)
    poses[:, 3 * JOINT["left_knee"]] = 0.4
    poses[:, 3 * JOINT["right_knee"]] = 0.4
    turns, joints = skeleton(body, betas, poses, torch.zeros(3, 3))
    goals = joints[:, ANKLES].clone()
    goals[1] += torch.tensor([0.05, 0.15, 0.2])
    goals[2] += torch.tensor([0.0, -1.0, 0.0])
    placed = place_feet(poses, turns, joints, goals, turns[:, ANKLES])
    moved_turns, moved = skeleton(body, betas, placed, torch.zeros(3, 3))
    torch.testing.assert_close(placed[0], poses[0].double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(moved[:2, ANKLES], goals[:2], atol=1e-9, rtol=0)
    torch.testing.assert_close(moved_turns[:, ANKLES], turns[:, ANKLES], atol=1e-9, rtol=0)
    way, goal = moved[2, ANKLES] - moved[2, HIPS], goals[2] - moved[2, HIPS]
    lengths = sum(leg_lengths(moved))[2]
    torch.testing.assert_close(way / way.norm(dim=-1, keepdim=True), goal / goal.norm(dim=-1, keepdim=True))
    assert (way.norm(dim=-1) < lengths).all() and (way.norm(dim=-1) > 0.985 * lengths).all()


def test_shots_cover_every_frame_once():
    assert list(shots(5, [])) == [slice(0, 5)]
    assert list(shots(5, [2, 4])) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert list(shots(5, [0, 5])) == [slice(0, 5)]
