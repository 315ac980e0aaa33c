"""Foot contacts on steps whose truth is known: closed forms, noise, and everything that is no walk."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from neural.training.mocap import load_amc, load_asf, retarget
from smpl_fitting.contacts import find_contacts, foot_visibility, smoothed_probability
from smpl_fitting.landmarks import LANDMARK


def walking_soles(fps=30.0, seconds=4.0, step=1.2, lift=0.12):
    """Soles (T, 4, 3) that walk along +Y, and the truth (T, 4): each foot stands for 60 % of a stride of 1 s."""
    times = np.arange(round(seconds * fps)) / fps
    soles = np.zeros((len(times), 4, 3))
    truth = np.zeros((len(times), 4), bool)
    for foot, start in ((0, 0.0), (1, 0.5)):
        stride, phase = np.divmod(times + start, 1.0)
        swing = np.clip((phase - 0.6) / 0.4, 0, 1)
        along = step * (stride - start + swing - np.sin(2 * np.pi * swing) / (2 * np.pi))
        height = lift * np.sin(np.pi * swing) ** 2
        for part in (0, 1):
            point = 2 * foot + part
            soles[:, point] = np.stack([np.full_like(times, 0.2 * foot), along + 0.2 * part, height], 1)
            truth[:, point] = phase <= 0.6
    return soles, truth


def f1(found, truth):
    found = found > 0.5
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


def wander(frames, seed, spread, rate):
    """(T, 3) smooth random walk-about of standard deviation ``spread`` metres, ``rate`` turns per frame."""
    rng = np.random.default_rng(seed)
    phase = 2 * np.pi * (np.arange(frames)[:, None] * rate * rng.uniform(0.7, 1.3, 3) + rng.uniform(size=3))
    return spread * np.sqrt(2) * np.sin(phase)


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 120.0])
@pytest.mark.parametrize("ground", [0.0, None])
def test_a_walk_is_found_at_any_frame_rate(fps, ground):
    soles, truth = walking_soles(fps)
    contacts = find_contacts(soles, fps, ground=ground)
    assert contacts.shape == soles.shape[:2] and contacts.dtype == np.float32
    assert contacts.min() >= 0 and contacts.max() <= 1
    assert f1(contacts, truth) > 0.93


def test_depth_noise_is_told_from_steps_when_the_line_of_sight_is_known():
    soles, truth = walking_soles()
    sight = np.array([0.2, 0.98, -0.1])
    noise = wander(len(soles), 1, 0.01, 0.05) + wander(len(soles), 2, 0.05, 0.04)[:, :1] * sight
    shaken = soles + noise[:, None]
    assert f1(find_contacts(shaken, 30.0, ground=0.0, view=sight), truth) > 0.85
    blind = f1(find_contacts(shaken, 30.0, ground=0.0), truth)
    assert f1(find_contacts(shaken, 30.0, ground=0.0, view=sight), truth) > blind - 0.02


def test_contacts_do_not_flicker():
    """Noise on a standing foot makes no steps of a frame or two: hysteresis."""
    soles = np.zeros((120, 4, 3))
    soles += np.random.default_rng(0).normal(0, 0.01, soles.shape)
    assert (find_contacts(soles, 30.0) > 0.5).all()


def test_a_leap_has_no_contact_in_the_air():
    fps, frames = 30.0, 60
    times = np.arange(frames) / fps
    height = np.clip(2.9 * (times - 0.7) - 4.905 * (times - 0.7) ** 2, 0, None)
    soles = np.zeros((frames, 4, 3))
    soles[..., 2] = height[:, None]
    soles[:, 1::2, 1] = 0.2
    for ground in (None, 0.0):
        contacts = find_contacts(soles, fps, ground=ground) > 0.5
        assert contacts[:19].all() and contacts[-15:].all()
        assert not contacts[height > 0.08].any()


def test_who_kneels_stands_on_the_toes_alone():
    soles = np.zeros((60, 4, 3))
    soles[:, [0, 2], 2] = 0.22
    contacts = find_contacts(soles, 30.0) > 0.5
    assert contacts[:, [1, 3]].all() and not contacts[:, [0, 2]].any()


def test_one_leg_raised_and_still_is_no_contact():
    soles = np.zeros((90, 4, 3))
    soles[:, 2:, 2] = 0.35
    contacts = find_contacts(soles, 30.0, ground=0.0) > 0.5
    assert contacts[:, :2].all() and not contacts[:, 2:].any()


def test_who_stands_on_a_box_stands():
    soles = np.zeros((120, 4, 3))
    soles[60:, :, 2] = 0.4
    contacts = find_contacts(soles, 30.0, ground=0.0) > 0.5
    assert contacts[:55].all() and contacts[90:].all()


def test_one_frame_is_judged_by_height():
    soles = np.zeros((1, 4, 3))
    soles[0, 2:, 2] = 0.3
    np.testing.assert_array_equal(find_contacts(soles, 30.0)[0] > 0.5, [True, True, False, False])


def test_unseen_feet_claim_nothing_but_short_gaps_are_bridged():
    soles = np.zeros((90, 4, 3))
    assert not (find_contacts(soles, 30.0, confidence=np.zeros(90)) > 0.5).any()
    seen = np.ones((90, 4))
    seen[40:43] = 0
    assert (find_contacts(soles, 30.0, confidence=seen) > 0.5).all()
    seen[20:70, 1] = 0
    contacts = find_contacts(soles, 30.0, confidence=seen) > 0.5
    assert not contacts[30:60, 1].any() and contacts[:, [0, 2, 3]].all()


def test_nothing_is_carried_across_a_cut():
    walk, _ = walking_soles()
    other = walk[::-1] + np.array([3.0, -2.0, 0.5])
    both = find_contacts(np.concatenate([walk, other]), 30.0, cuts=[len(walk)])
    np.testing.assert_array_equal(both[: len(walk)], find_contacts(walk, 30.0))
    np.testing.assert_array_equal(both[len(walk) :], find_contacts(other, 30.0))


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_the_shortest_clips(frames):
    assert np.isfinite(find_contacts(np.zeros((frames, 4, 3)), 30.0)).all()


def test_wrong_shapes_are_said():
    with pytest.raises(ValueError, match=r"\(T, 4, 3\)"):
        find_contacts(np.zeros((5, 2, 3)), 30.0)


def test_smoothing_equals_the_sum_over_all_paths():
    """Forward-backward against brute force over the 2^5 state sequences."""
    evidence = np.array([[0.4], [-1.2], [0.3], [2.0], [-0.1]])
    change = 0.15
    total, on = 0.0, np.zeros(5)
    for number in range(2**5):
        path = np.array([(number >> i) & 1 for i in range(5)])
        weight = np.exp((evidence[:, 0] * path).sum())
        weight *= np.prod(np.where(np.diff(path) != 0, change, 1 - change))
        total += weight
        on += weight * path
    np.testing.assert_allclose(smoothed_probability(evidence, change)[:, 0], on / total, atol=1e-12)


def test_feet_beyond_the_picture_are_unseen():
    keypoints = np.zeros((2, 33, 4))
    keypoints[..., :2] = 50
    keypoints[..., 3] = 0.9
    keypoints[1, LANDMARK["left_heel"], 1] = 130
    keypoints[1, LANDMARK["right_foot_index"], 3] = 0.05
    seen = foot_visibility(keypoints, np.array([1.0, 1.0]), (100, 100))
    np.testing.assert_array_equal(seen, [[1, 1, 1, 1], [0, 1, 1, 0]])
    assert not foot_visibility(keypoints, np.zeros(2), (100, 100)).any()


def test_captured_walks_and_jumps(shared, body):
    """CMU motions on our body: what is low and below 0.3 m/s is found."""
    skeleton = load_asf(shared("mocap/cmu/02.asf"))
    rest = body.shaped(torch.zeros(body.num_betas))[1].double().numpy()
    for trial in ("02_01", "02_04"):
        recording = load_amc(shared(f"mocap/cmu/{trial}.amc"), skeleton)
        poses, trans = retarget(recording, rest, 30.0)
        soles = body.soles(*(torch.as_tensor(v, dtype=torch.float32) for v in (np.zeros(10), poses, trans)))
        soles = soles.double().numpy()
        soles[..., 2] -= ndimage.minimum_filter1d(soles[..., 2].min(1), 45)[:, None]  # level the floor
        speed = np.linalg.norm(np.gradient(soles, 1 / 30, axis=0), axis=-1)
        truth = (soles[..., 2] < 0.05) & (speed < 0.3)
        assert f1(find_contacts(soles, 30.0), truth) > 0.8
