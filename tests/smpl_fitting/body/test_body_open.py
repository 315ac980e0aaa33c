"""The embedded open body: symmetric, labelled, with landmarks in their places and texels of its own per face."""

import numpy as np
import pytest
import torch

from smpl_fitting.body import JOINT_NAMES, LANDMARK_NAMES, PART_NAMES, load_body
from smpl_fitting.errors import BodyModelError


@pytest.fixture(scope="module")
def random_bodies(body):
    generator = torch.Generator().manual_seed(0)
    betas = torch.randn(20, 10, generator=generator)
    poses = 0.3 * torch.randn(20, 72, generator=generator)
    poses[:, :3] = 0
    return betas, poses


def test_layout(body):
    assert (body.name, body.num_betas, body.num_joints, body.num_vertices) == ("open", 10, 24, 13718)
    assert body.posedirs is None
    assert body.parents.dtype == body.faces.dtype == body.landmark_vertices.dtype == torch.int64
    assert torch.allclose(body.weights.sum(1), torch.ones(13718), atol=1e-6) and (body.weights >= 0).all()
    assert torch.allclose(body.landmark_weights.sum(1), torch.ones(33), atol=1e-6)
    assert len(np.unique(body.hm08_index)) == 13718 and body.hm08_index.max() < 19158


def test_rest_pose_is_smpls(body):
    """Y-up, facing +Z, the left side at +X, arms out, and of a grown person's height."""
    at = dict(zip(JOINT_NAMES, body.J_template.numpy(), strict=True))
    points = body.v_template.numpy()
    assert 1.55 < np.ptp(points[:, 1]) < 1.85
    assert at["left_wrist"][0] > 0.6 and abs(at["left_wrist"][1] - at["left_shoulder"][1]) < 0.05
    assert at["head"][1] > at["neck"][1] > at["pelvis"][1] > at["left_knee"][1] > at["left_ankle"][1]
    assert at["left_foot"][2] > at["left_ankle"][2] + 0.08
    assert np.allclose(at["pelvis"], (0, -0.22, 0.03), atol=2e-3)


def test_pelvis_rests_in_one_place_for_every_shape(body, random_bodies):
    joints = body.shaped(random_bodies[0])[1]
    assert torch.allclose(joints[:, 0], joints[:1, 0], atol=1e-3)


def test_first_beta_is_stature(body):
    heights = [np.ptp(body.shaped(torch.eye(10)[0] * b)[0][:, 1].numpy()) for b in (-2.0, 0.0, 2.0)]
    assert heights[0] < heights[1] - 0.1 and heights[2] > heights[1] + 0.1


def test_mirror_is_an_involution_and_the_body_symmetric(body):
    assert torch.equal(body.mirror[body.mirror], torch.arange(13718))
    flipped = body.v_template[body.mirror] * torch.tensor([-1.0, 1, 1])
    assert torch.allclose(flipped, body.v_template, atol=1e-6)
    shapes = body.shapedirs[body.mirror] * torch.tensor([-1.0, 1, 1])[:, None]
    assert torch.allclose(shapes, body.shapedirs, atol=1e-4)
    swap = [JOINT_NAMES.index(_other_side(name)) for name in JOINT_NAMES]
    assert torch.allclose(body.weights[body.mirror][:, swap], body.weights, atol=2e-3)
    assert torch.allclose(body.J_template[swap] * torch.tensor([-1.0, 1, 1]), body.J_template, atol=1e-4)


def test_faces_look_outwards(body):
    """The volume by the divergence theorem is positive and a person's, and no face is degenerate."""
    triangles = body.v_template[body.faces].double()
    volume = (triangles[:, 0] * torch.linalg.cross(triangles[:, 1], triangles[:, 2])).sum() / 6
    assert 0.05 < volume < 0.1
    edges = triangles[:, 1:] - triangles[:, :1]
    assert (torch.linalg.cross(edges[:, 0], edges[:, 1]).norm(dim=1) > 1e-10).all()


def test_parts_lie_where_their_names_say(body):
    centres = body.v_template[body.faces].mean(1)
    labels = body.part_labels.long()
    assert set(labels.unique().tolist()) == set(range(len(PART_NAMES)))
    for index, name in enumerate(PART_NAMES):
        x = centres[labels == index][:, 0]
        if name.startswith("left"):
            assert x.min() > -0.01, name
        if name.startswith("right"):
            assert x.max() < 0.01, name
    # a face and its mirror image carry mirrored labels
    swap = [PART_NAMES.index(_other_side(name)) for name in PART_NAMES]
    own = {tuple(sorted(face)): int(label) for face, label in zip(body.faces.tolist(), labels, strict=True)}
    mirrored = body.mirror[body.faces].tolist()
    agree = [own.get(tuple(sorted(f))) == swap[int(label)] for f, label in zip(mirrored, labels, strict=True)]
    assert np.mean(agree) > 0.99


def _other_side(name):
    if name.startswith("left"):
        return name.replace("left", "right")
    return name.replace("right", "left")


# Metres between a landmark and its joint: MediaPipe's hip and shoulder lie nearer to the middle than the joints.
INNER = {"shoulder": 0.035, "elbow": 0.03, "wrist": 0.03, "hip": 0.045, "knee": 0.045, "ankle": 0.035}


def test_landmarks_stay_with_the_joints_of_random_people(body, random_bodies):
    betas, poses = random_bodies
    landmarks = torch.cat([body.landmarks(b, p[None]) for b, p in zip(betas, poses, strict=True)])
    joints = torch.cat([body.joints(b, p[None]) for b, p in zip(betas, poses, strict=True)])
    for name, limit in INNER.items():
        for side in ("left", "right"):
            place = landmarks[:, LANDMARK_NAMES.index(f"{side}_{name}")]
            distance = (place - joints[:, JOINT_NAMES.index(f"{side}_{name}")]).norm(dim=1)
            assert distance.max() < limit, (side, name, distance)


def test_landmarks_lie_inside_the_body_or_on_its_face(body):
    """The winding number (van Oosterom and Strackee 1983) of the surface about the point is one inside."""
    points = body.landmarks(torch.zeros(10), torch.zeros(1, 72))[0].double()
    for name, point in zip(LANDMARK_NAMES, points, strict=True):
        a, b, c = (body.v_template[body.faces].double() - point).unbind(1)
        la, lb, lc = a.norm(dim=1), b.norm(dim=1), c.norm(dim=1)
        numerator = (a * torch.linalg.cross(b, c)).sum(1)
        denominator = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
        winding = 2 * torch.atan2(numerator, denominator).sum() / (4 * torch.pi)
        near = (body.v_template - point).norm(dim=1).min()
        assert winding > 0.9 or near < 0.015, (name, winding, near)


def test_landmarks_are_in_their_places(body):
    at = dict(
        zip(LANDMARK_NAMES, body.landmarks(torch.zeros(10), torch.zeros(1, 72))[0].numpy(), strict=True)
    )
    points = body.v_template.numpy()
    face = points[points[:, 1] > 0.35][:, 2].max()
    assert abs(at["nose"][0]) < 1e-4 and face - 0.02 < at["nose"][2] < face
    assert at["left_eye_inner"][0] < at["left_eye"][0] < at["left_eye_outer"][0] < at["left_ear"][0]
    assert at["left_eye"][1] > at["nose"][1] > at["mouth_left"][1]
    for name, point in at.items():
        if "left" in name:
            other = at[name.replace("left", "right")]
            assert np.allclose(other * (-1, 1, 1), point, atol=1e-3), name
    assert at["left_foot_index"][2] > at["left_heel"][2] + 0.15


def test_soles_touch_the_ground(body):
    soles = body.soles(torch.zeros(10), torch.zeros(1, 72))[0].numpy()
    ground = body.v_template[:, 1].min().item()
    assert (soles[:, 1] < ground + 0.01).all()
    assert (soles[:2, 0] > 0.05).all() and (soles[2:, 0] < -0.05).all()
    assert soles[1, 2] > soles[0, 2] + 0.18 and soles[3, 2] > soles[2, 2] + 0.18


def test_no_two_faces_share_texels(body, count_overlaps):
    """Every texel centre of a 1024 texture lies in one face at most; counted by brute force."""
    uv, faces_uv = body.uv.double().numpy(), body.faces_uv.numpy()
    assert uv.min() >= 0 and uv.max() <= 1
    assert count_overlaps(uv[faces_uv]) == 0


def test_export_is_plain_numpy(body, tmp_path):
    path = tmp_path / "body.npz"
    body.save_export(path, torch.arange(10.0))
    with np.load(path, allow_pickle=False) as archive:
        data = {name: archive[name] for name in archive.files}
    assert data["posedirs"].shape == (13718, 3, 0) and int(data["format_version"]) == 1
    assert data["joint_names"].tolist() == list(JOINT_NAMES) and str(data["name"]) == "open"
    assert data["betas"].tolist() == list(range(10)) and data["weights"].dtype == np.float32
    assert np.array_equal(data["v_template"], body.v_template) and np.array_equal(data["faces"], body.faces)


def test_open_body_has_no_sexes():
    with pytest.raises(BodyModelError, match="no female model"):
        load_body("open", gender="female")
