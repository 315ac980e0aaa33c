"""Users' model files: read right, and refused with one line where they are missing, damaged, unsafe or other."""

import os
import pickle
import sys
import types

import numpy as np
import pytest
import scipy.sparse
import torch

from smpl_fitting.body import LANDMARK_NAMES, PART_NAMES, load_body
from smpl_fitting.body.names import SMPLH_JOINT_NAMES, SMPLX_JOINT_NAMES
from smpl_fitting.errors import BodyModelError


@pytest.fixture
def chumpy(monkeypatch):
    """A module that pickles as chumpy does, gone again before the file is read."""
    module = types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x):
            self.x, self._dirty_vars, self._itr = x, {"x"}, None

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module.Ch = Ch
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    return Ch


def _refused(path, *words):
    with pytest.raises(BodyModelError) as caught:
        load_body(path)
    text = str(caught.value)
    assert "\n" not in text and str(path) in text
    for word in words:
        assert word in text, text


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_old_pickles_with_chumpy_and_sparse_arrays(
    tmp_path, smpl_arrays, chumpy, monkeypatch, body, protocol
):
    content = smpl_arrays | {
        "shapedirs": chumpy(smpl_arrays["shapedirs"]),
        "J_regressor": scipy.sparse.csc_matrix(smpl_arrays["J_regressor"]),
        "bs_style": "lbs",
        "posedirs": smpl_arrays["posedirs"].astype(np.float32),
    }
    path = tmp_path / "basicmodel_f_lbs_10_207_0_v1.1.0.pkl"
    with open(path, "wb") as file:
        pickle.dump(content, file, protocol=protocol)
    monkeypatch.delitem(sys.modules, "chumpy")
    monkeypatch.delitem(sys.modules, "chumpy.ch")
    model = load_body(path)
    assert (model.name, model.gender, model.num_betas) == ("smpl", "female", 10)
    assert torch.allclose(model.J_template, body.J_template, atol=1e-6)
    assert torch.allclose(model.shapedirs, body.shapedirs, atol=1e-7)
    assert model.parents[0] == -1


class _Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/liquid_motion_was_here",)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_malicious_pickle_is_refused_before_it_acts(tmp_path, smpl_arrays, protocol):
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    with open(path, "wb") as file:
        pickle.dump(smpl_arrays | {"extra": _Evil()}, file, protocol=protocol)
    _refused(path, "refused", "system")
    assert not os.path.exists("/tmp/liquid_motion_was_here")


@pytest.mark.parametrize(
    "asks",
    [b"cbuiltins\neval\n(S'1'\ntR.", b"cnumpy\nfromfile\n.", b"csmpl_fitting.files\natomic_path\n.",
     b"cnumpy.core.multiarray\nfromstring\n.", b"ccopyreg\n_reconstructor\n(cbuiltins\nbytes\ncbuiltins\nbytes\nNtR."],
)  # fmt: skip
def test_other_callables_are_refused(tmp_path, asks):
    path = tmp_path / "model.pkl"
    path.write_bytes(asks)
    _refused(path, "refused")


def test_damaged_files_are_one_line_errors(tmp_path, smpl_arrays):
    whole = tmp_path / "whole.npz"
    np.savez_compressed(whole, **smpl_arrays)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    _refused(cut, "not a readable .npz")
    cut_pickle = tmp_path / "cut.pkl"
    cut_pickle.write_bytes(pickle.dumps(smpl_arrays)[:100_000])
    _refused(cut_pickle, "not a readable model pickle")
    text = tmp_path / "text.npz"
    text.write_text("not a model")
    _refused(text, "not a readable .npz")
    text_pickle = tmp_path / "text.pkl"
    text_pickle.write_text("not a model")
    _refused(text_pickle)
    empty = tmp_path / "empty.npz"
    empty.touch()
    _refused(empty, "not a readable .npz")


def test_wrong_files_say_what_to_do(tmp_path, smpl_arrays):
    _refused(tmp_path / "missing.npz", "no such body model file")
    _refused(tmp_path, "is a folder")
    other = tmp_path / "motion.npz"
    np.savez(other, poses=np.zeros((3, 72)))
    _refused(other, "lacks v_template")
    (tmp_path / "model.obj").write_text("v 0 0 0")
    _refused(tmp_path / "model.obj", "neither .npz nor .pkl")
    hand = tmp_path / "hand.npz"
    np.savez(hand, **(smpl_arrays | {"J_regressor": np.ones((16, 13718))}))
    _refused(hand, "16 joints")
    nan = tmp_path / "nan.npz"
    np.savez(nan, **(smpl_arrays | {"v_template": np.full((13718, 3), np.nan)}))
    _refused(nan, "finite")
    short = tmp_path / "short.npz"
    np.savez(short, **(smpl_arrays | {"weights": smpl_arrays["weights"][:100]}))
    _refused(short, "weights has shape (100, 24)")
    faces = tmp_path / "faces.npz"
    np.savez(faces, **(smpl_arrays | {"f": smpl_arrays["f"] + 5}))
    _refused(faces, "faces name vertices")


def _with_hands(arrays, names):
    """The open body retold with SMPL-H's or SMPL-X's joints; extra joints sit in the wrists and the head."""
    count = len(names)
    parents, source = [2**32 - 1], [0]
    for joint, name in enumerate(names[1:], start=1):
        if joint < 22:
            parents.append(int(arrays["kintree_table"][0, joint]))
            source.append(joint)
        elif name in ("jaw", "left_eye", "right_eye"):
            parents.append(15)
            source.append(15)
        else:
            wrist = 20 if name.startswith("left") else 21
            parents.append(wrist if name.endswith("1") else joint - 1)
            source.append(wrist + 2)
    weights = np.zeros((len(arrays["weights"]), count))
    weights[:, :22] = arrays["weights"][:, :22]
    weights[:, names.index("left_middle1")] = arrays["weights"][:, 22]
    weights[:, names.index("right_middle1")] = arrays["weights"][:, 23]
    return arrays | {
        "J_regressor": arrays["J_regressor"][source],
        "weights": weights,
        "kintree_table": np.stack((parents, np.arange(count))),
        "posedirs": np.zeros((len(weights), 3, (count - 1) * 9), np.float32),
    }


@pytest.mark.parametrize(
    ("names", "kind", "columns", "betas"),
    [(SMPLH_JOINT_NAMES, "smplh", 16, 16), (SMPLX_JOINT_NAMES, "smplx", 20, 10)],
)
def test_hands_and_faces(tmp_path, smpl_arrays, names, kind, columns, betas):
    """SMPL-X's shapedirs end in expressions, which are not betas."""
    arrays = _with_hands(smpl_arrays, names)
    arrays["shapedirs"] = np.concatenate((arrays["shapedirs"], arrays["shapedirs"]), 2)[..., :columns]
    path = tmp_path / f"{kind.upper()}_MALE.npz"
    np.savez(path, **arrays, part2num=np.array({"object": "array"}))
    model = load_body(path)
    assert (model.name, model.gender, model.num_betas, model.num_joints) == (kind, "male", betas, len(names))
    still = model(torch.zeros(betas), torch.zeros(1, 3 * len(names))).vertices[0]
    assert torch.allclose(still, model.v_template, atol=1e-6)


@pytest.fixture(scope="module")
def coarse(smpl_arrays, body):
    """Another topology of another person: every quad's long diagonal, a taller shape, vertices in another order."""
    rng = np.random.default_rng(3)
    order = rng.permutation(body.num_vertices)
    back = np.argsort(order)
    quads = body.faces.numpy().reshape(-1, 6)[:, [0, 1, 2, 5]]
    faces = np.concatenate((quads[:, [1, 2, 3]], quads[:, [1, 3, 0]]))
    shaped = body.shaped(torch.tensor([1.0, -0.5, 0.5, 0, 0, 0, 0, 0, 0, 0]))[0].numpy()
    return smpl_arrays | {
        "v_template": shaped[order].astype(np.float64),
        "shapedirs": smpl_arrays["shapedirs"][order],
        "posedirs": smpl_arrays["posedirs"][order],
        "J_regressor": smpl_arrays["J_regressor"][:, order],
        "weights": smpl_arrays["weights"][order],
        "f": back[faces],
    }


def test_what_files_lack_is_derived(tmp_path, coarse, body):
    path = tmp_path / "SMPL_NEUTRAL.npz"
    np.savez(path, **coarse)
    model = load_body(path)
    betas = torch.tensor([1.0, -0.5, 0.5, 0, 0, 0, 0, 0, 0, 0])
    expected = body.landmarks(betas, torch.zeros(1, 72))[0]
    found = model.landmarks(torch.zeros(10), torch.zeros(1, 72))[0]
    error = (found - expected).norm(dim=1)
    assert error.mean() < 0.004 and error.max() < 0.015, dict(
        zip(LANDMARK_NAMES, error.tolist(), strict=True)
    )
    flipped = model.v_template[model.mirror] * torch.tensor([-1.0, 1, 1])
    assert (flipped - model.v_template).norm(dim=1).max() < 1e-3
    assert (model.mirror[model.mirror] == torch.arange(model.num_vertices)).float().mean() > 0.999
    centres = model.v_template[model.faces].mean(1)[:, 0]
    for index, name in enumerate(PART_NAMES):
        if name.startswith("left"):
            assert centres[model.part_labels == index].min() > -0.01, name


def test_derived_texture_space_is_injective_and_even(tmp_path, coarse, count_overlaps):
    path = tmp_path / "SMPL_NEUTRAL.npz"
    np.savez(path, **coarse)
    model = load_body(path)
    uv = model.uv.double().numpy()[model.faces_uv.numpy()]
    assert uv.min() >= 0 and uv.max() <= 1
    assert count_overlaps(uv) == 0
    area = 0.5 * np.abs(np.cross(uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]))
    assert area.sum() > 0.35  # of the texture is used
    again = load_body(path)
    assert torch.equal(again.uv, model.uv)
