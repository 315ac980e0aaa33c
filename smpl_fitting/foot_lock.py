"""Feet that stand still: planted heels and toes are held to the ground, root first, then the legs.

After Kovar, Schreiner and Gleicher (2002, "Footskate cleanup for motion capture editing"), without their
stretching of legs: where a foot is planted it stays in its place, its correction fades out on both sides, and
where a leg is too short for that the pelvis gives way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy import ndimage
from scipy.linalg import solveh_banded
from torch import Tensor

from smpl_fitting.body import BodyModel
from smpl_fitting.contacts import find_contacts, shots
from smpl_fitting.landmarks import JOINT
from smpl_fitting.leg_ik import (
    ANKLES,
    HIPS,
    SIDES,
    STRAIGHT,
    leg_lengths,
    place_feet,
    shortest_turn,
    skeleton,
    unit,
)
from smpl_fitting.motion import Motion
from smpl_fitting.root_path import intervals, place_heights, steady_root

TOES = [JOINT[f"{side}_foot"] for side in SIDES]
PASSES = 3  # the soles follow the knees a little (skin, pose correctives): go on from the result
HELD = 1e7  # weight of a planted frame beside one in the air, where corrections fade
EASE = 3.0
GIVE_PASSES = 8
GIVE_TIME = 0.3  # seconds over which the pelvis gives way
FAR = 0.25  # metres off its place, at which a contact is not believed
SLACK = 0.007  # metres by which the pelvis gives way to keep a foot in its place; beyond, the foot lets go


def lock_feet(
    motion: Motion, body: BodyModel, *, fade: float = 0.15, cuts: Sequence[int] | np.ndarray = ()
) -> Motion:
    """The same motion with its planted feet held in place on the ground.

    Uses ``motion.contacts`` where there are any, else finds them. First the body's way is steadied
    (:func:`smpl_fitting.root_path.steady_root`), then each planted heel and toe is fixed to one place, feet
    planted on both are laid flat, and the legs follow (:mod:`smpl_fitting.leg_ik`).

    Args:
        body: the motion's model, of any number of joints.
        fade: seconds over which a correction vanishes beside a contact.
        cuts: rows at which a new shot begins; nothing is carried across them.

    Returns:
        A motion with other ``trans``, ``contacts`` (without those that no leg could hold) and, of ``poses``,
        hips, knees, ankles and toes.
    """
    parts = [_lock_shot(motion.select(shot), body, fade) for shot in shots(motion.frame_count, cuts)]
    return replace(
        motion,
        poses=np.concatenate([part.poses for part in parts]),
        trans=np.concatenate([part.trans for part in parts]),
        contacts=np.concatenate([part.contacts for part in parts if part.contacts is not None]),
    )


def _lock_shot(motion: Motion, body: BodyModel, fade: float) -> Motion:
    betas, poses, trans = (
        torch.as_tensor(value, dtype=torch.float32) for value in (motion.betas, motion.poses, motion.trans)
    )
    view = None if motion.camera_R is None else motion.camera_R[:, 2]
    soles = _soles(body, betas, poses, trans)
    contacts = motion.contacts
    if contacts is None:
        contacts = find_contacts(soles, motion.fps, ground=0.0, confidence=motion.confidence, view=view)
    trans = trans + torch.as_tensor(steady_root(soles, contacts, motion.fps, view=view))
    contacts = _holdable(body, betas, poses, trans, contacts)
    poses = _still_toes(poses, contacts, fade * motion.fps)
    goals, grip = _plan(_soles(body, betas, poses, trans), contacts, fade * motion.fps)
    for _ in range(PASSES):
        poses, trans = _follow(goals, grip, body, betas, poses, trans, GIVE_TIME * motion.fps)
        # a foot in the air meets its goals only about, and may still dip below the ground
        goals[..., 2] -= _soles(body, betas, poses, trans)[..., 2].clip(max=0)
    return replace(
        motion,
        poses=poses.numpy().astype(np.float32),
        trans=trans.numpy().astype(np.float32),
        contacts=contacts.astype(np.float32),
    )


def _soles(body: BodyModel, betas: Tensor, poses: Tensor, trans: Tensor) -> np.ndarray:
    return body.soles(betas, poses.float(), trans.float()).double().numpy()


def _holdable(
    body: BodyModel, betas: Tensor, poses: Tensor, trans: Tensor, contacts: np.ndarray
) -> np.ndarray:
    """The contacts without those, at either end of one, that the legs are too short to hold.

    A heel rises when the body has passed over it, and so do toes: a contact that would pull the body back
    was claimed for too long. So was one whose sole is far from its place.
    """
    contacts = contacts.copy()
    _, joints = skeleton(body, betas, poses, trans)
    longest = _longest(joints)
    soles = _soles(body, betas, poses, trans)
    steps = intervals(contacts)
    for (point, start, stop), place in zip(steps, _places(soles, steps), strict=True):
        foot = point // 2
        change = place - soles[start:stop, point]
        goal = joints[start:stop, ANKLES[foot]].numpy() + change
        reach = np.linalg.norm(goal - joints[start:stop, HIPS[foot]].numpy(), axis=-1)
        holds = (reach < longest[start:stop, foot] + SLACK) & (np.linalg.norm(change, axis=-1) < FAR)
        held = np.flatnonzero(holds)
        first, last = (start + held[0], start + held[-1] + 1) if len(held) else (stop, stop)
        contacts[start:first, point] = 0
        contacts[last:stop, point] = 0
    return contacts


def _still_toes(poses: Tensor, contacts: np.ndarray, fade: float) -> Tensor:
    """Toes that do not bend while heel and toe are planted: the foot's length is then one. fade in frames."""
    placed = poses.double().clone().view(len(poses), -1, 3)
    for side, toes in enumerate(TOES):
        flat = (contacts[:, 2 * side : 2 * side + 2] > 0.5).all(1)
        if flat.any():
            bend = placed[:, toes].numpy()
            change = np.where(flat[:, None], bend[flat].mean(0) - bend, 0.0)
            placed[:, toes] += torch.as_tensor(ease(change, flat, fade))
    return placed.flatten(1)


def _plan(soles: np.ndarray, contacts: np.ndarray, fade: float) -> tuple[np.ndarray, np.ndarray]:
    """Where the soles shall be, (T, 4, 3), and their grip, (T, 4): 1 while planted, fading to 0 beside it.

    fade in frames.
    """
    steps = intervals(contacts)
    planted = contacts > 0.5
    offsets = np.zeros_like(soles)
    for (point, start, stop), place in zip(steps, _places(soles, steps), strict=True):
        offsets[start:stop, point] = place - soles[start:stop, point]
    offsets = np.stack([ease(offsets[:, point], planted[:, point], fade) for point in range(4)], axis=1)
    # what would still dip below the ground in the air is held to it as well, so that it is met smoothly
    for point in range(4):
        sunk = ~planted[:, point] & (soles[:, point, 2] + offsets[:, point, 2] < 0)
        if sunk.any():
            held = np.where(sunk, -soles[:, point, 2], offsets[:, point, 2])
            offsets[:, point, 2] = ease(held[:, None], planted[:, point] | sunk, fade)[:, 0]
    goals = soles + offsets
    goals[..., 2] = np.where(planted, goals[..., 2], goals[..., 2].clip(0))
    away = np.stack([_frames_to(planted[:, point]) for point in range(4)], axis=1)
    near = (1 - away / (fade + 1)).clip(0, 1)
    return goals, near * near * (3 - 2 * near)


def _places(soles: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """(K, 3) where each contact's sole rests: the middle of where it was, at the ground's height.

    A heel and a toe that are planted together stand as far apart as they do on the flat foot: they are moved
    towards or from each other until they do (position-based dynamics, Müller et al. 2007).
    """
    places = np.array([np.median(soles[start:stop, point], axis=0) for point, start, stop in steps])
    if len(places) == 0:
        return places.reshape(0, 3)
    places[:, 2] = place_heights(soles, steps)
    together = [
        (heel, toe, np.median(np.linalg.norm(soles[start:stop, foot + 1] - soles[start:stop, foot], axis=-1)))
        for foot in (0, 2)
        for heel, toe, start, stop in _planted_together(steps, foot)
    ]
    spans = steps[:, 2] - steps[:, 1]
    for _ in range(30 if together else 0):
        for heel, toe, length in together:
            way = places[toe] - places[heel]
            distance = max(float(np.linalg.norm(way)), 1e-6)
            way *= (distance - length) / distance
            share = spans[toe] / (spans[heel] + spans[toe])  # the longer contact knows its place better
            places[heel] += share * way
            places[toe] -= (1 - share) * way
    return places


def _planted_together(steps: np.ndarray, heel_point: int) -> Iterator[tuple[int, int, int, int]]:
    """Rows of a foot's heel and toe contacts that share frames, and the frames: (heel, toe, start, stop)."""
    heels, toes = (np.flatnonzero(steps[:, 0] == point) for point in (heel_point, heel_point + 1))
    for heel in heels:
        _, start, stop = steps[heel]
        first = np.searchsorted(steps[toes, 2], start, side="right")
        last = np.searchsorted(steps[toes, 1], stop, side="left")
        for toe in toes[first:last]:
            yield heel, toe, max(start, steps[toe, 1]), min(stop, steps[toe, 2])


def ease(values: np.ndarray, held: np.ndarray, fade: float) -> np.ndarray:
    """Rows (T, C) kept where ``held`` (T,) and led smoothly to 0 elsewhere, within about ``fade`` frames.

    Minimises sum |v|^2 + L^4 sum |second difference of v|^2: position and velocity go on without a break, and
    the solution falls as exp(-t / (sqrt(2) L)), which is a tenth after ``fade``.
    """
    frames = len(values)
    weights = np.where(held, HELD, 1.0)
    if not held.any():
        return np.zeros_like(values)
    stiffness = (fade / EASE) ** 4
    if frames < 3 or stiffness < 1e-6:
        return np.where(held[:, None], values, 0.0)
    bands = np.zeros((3, frames))  # upper form: rows are the second, first and main diagonals
    bands[2] = weights
    bands[2, :-2] += stiffness
    bands[2, 1:-1] += 4 * stiffness
    bands[2, 2:] += stiffness
    bands[1, 1:-1] -= 2 * stiffness
    bands[1, 2:] -= 2 * stiffness
    bands[0, 2:] += stiffness
    return solveh_banded(bands, np.where(held, HELD, 0.0)[:, None] * values)


def _frames_to(marked: np.ndarray) -> np.ndarray:
    """(T,) how many frames away the nearest marked one is; far where there is none."""
    if not marked.any():
        return np.full(len(marked), np.inf)
    return ndimage.distance_transform_edt(~marked)


def _follow(
    goals: np.ndarray,
    grip: np.ndarray,
    body: BodyModel,
    betas: Tensor,
    poses: Tensor,
    trans: Tensor,
    give_time: float,
) -> tuple[Tensor, Tensor]:
    """Poses and translation that bring the soles to their goals. give_time in frames."""
    turns, joints = skeleton(body, betas, poses, trans)
    soles = torch.as_tensor(_soles(body, betas, poses, trans))
    feet, ankles = _foot_goals(
        torch.as_tensor(goals), torch.as_tensor(grip), turns, joints, soles, _sole_up(body, betas)
    )
    give = torch.as_tensor(_give(joints, ankles, grip, give_time))
    joints = joints + give[:, None]
    return place_feet(poses, turns, joints, ankles, feet), trans.double() + give


def _sole_up(body: BodyModel, betas: Tensor) -> Tensor:
    """(2, 3) what points up from each sole while the foot stands flat, in the ankles' axes."""
    rest = torch.zeros(1, 3 * body.num_joints)
    heel, toe = body.soles(betas, rest).double()[0].view(2, 2, 3).unbind(1)
    forward = unit(toe - heel)
    up = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    return unit(up - (forward * up).sum(-1, keepdim=True) * forward)


def _foot_goals(
    goals: Tensor, grip: Tensor, turns: Tensor, joints: Tensor, soles: Tensor, sole_up: Tensor
) -> tuple[Tensor, Tensor]:
    """Global rotations (T, 2, 3, 3) and positions (T, 2, 3) of the ankles that bring the soles to their goals.

    goals, soles: (T, 4, 3), wanted and present. grip: (T, 4). turns, joints: the present skeleton.
    """
    turns, ankles = turns[:, ANKLES], joints[:, ANKLES]
    goals, grip = goals.unflatten(1, (2, 2)), grip.unflatten(1, (2, 2))
    present = soles.unflatten(1, (2, 2))  # (T, foot, heel or toe, 3)
    wanted = unit(goals[:, :, 1] - goals[:, :, 0])
    turn = shortest_turn(unit(present[:, :, 1] - present[:, :, 0]), wanted)
    # roll about the foot's length until the sole is level, as far as both its ends are planted
    up = (turn @ turns @ sole_up[..., None])[..., 0]
    up = unit(up - (up * wanted).sum(-1, keepdim=True) * wanted)
    level = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    level = unit(level - (level * wanted).sum(-1, keepdim=True) * wanted)
    flat = grip.amin(-1, keepdim=True)
    turn = shortest_turn(up, unit((1 - flat) * up + flat * level)) @ turn
    # the planted end decides the place; both, when both are (they are as far apart as on the foot)
    reach = (turn[:, :, None] @ (present - ankles[:, :, None])[..., None])[..., 0]
    weight = 1 / (1 + 1e-6 - grip)
    weight = weight / weight.sum(-1, keepdim=True)
    return turn @ turns, (weight[..., None] * (goals - reach)).sum(2)


def _give(joints: Tensor, ankles: Tensor, grip: np.ndarray, give_time: float) -> np.ndarray:
    """(T, 3) how the pelvis moves so that no planted leg is too short for its goal. give_time in frames."""
    way = (ankles - joints[:, HIPS]).numpy()
    longest = _longest(joints)
    planted = grip.reshape(len(grip), 2, 2).max(-1) > 0.999
    give = np.zeros((len(way), 3))
    for _ in range(GIVE_PASSES):
        left = way - give[:, None]
        length = np.linalg.norm(left, axis=-1)
        short = np.where(planted, (length - longest).clip(0), 0.0)
        if not (short > 1e-5).any():
            break
        pull = (left * (short / np.maximum(length, 1e-9))[..., None]).sum(1)
        give += ease(pull, (short > 1e-5).any(1), give_time)
    return give


def _longest(joints: Tensor) -> np.ndarray:
    """(T, 2) how far the ankles may be from the hips: nearly straight, or as straight as the legs are anyway."""
    now = (joints[:, ANKLES] - joints[:, HIPS]).norm(dim=-1)
    return torch.maximum(STRAIGHT * torch.stack(leg_lengths(joints)).sum(0), now).numpy()
