"""Broken and malicious body model files: an error of one line or a body that can be posed; nothing in them is run."""

import os
import pickle
import pickletools
import resource
import time

import numpy as np
import pytest
import scipy.sparse
import torch
from mutations import HEADERS, bomb, damaged, npy_with_header, odd_array, odd_npz, with_member

from smpl_fitting.body import load_body
from smpl_fitting.body.names import SMPL_PARENTS
from smpl_fitting.body.open_body import joint_regressor, read_packed
from smpl_fitting.errors import BodyModelError


@pytest.fixture(scope="module")
def arrays(body):
    """The open body as an SMPL file, without correctives, which take most of a file and are read like the rest."""
    parents = np.array(SMPL_PARENTS, np.int64)
    parents[0] = 2**32 - 1
    return {
        "v_template": body.v_template.numpy().astype(np.float64),
        "shapedirs": body.shapedirs.numpy()[..., :2].astype(np.float32),
        "posedirs": np.zeros((body.num_vertices, 3, 207), np.float16),
        "J_regressor": joint_regressor(read_packed()).astype(np.float32),
        "weights": body.weights.numpy(),
        "kintree_table": np.stack((parents, np.arange(24))),
        "f": body.faces.numpy().astype(np.uint32),
    }


def _load(path) -> str:
    try:
        model = load_body(path)
    except BodyModelError as error:
        assert str(path) in str(error) and "\n" not in str(error)
        return "refused"
    posed = model(torch.zeros(model.num_betas), torch.zeros(1, 3 * model.num_joints)).vertices
    assert posed.shape == (1, model.num_vertices, 3)
    return "read"


def _fuzz(make, path, seeds, limit=20.0) -> dict[str, int]:
    outcomes = {}
    for seed in seeds:
        path.write_bytes(make(np.random.default_rng(seed)))
        started = time.monotonic()
        try:
            outcome = _load(path)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
        assert time.monotonic() - started < limit, f"seed {seed} hangs"
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert not (path.parent / "PROOF").exists()
    return outcomes


def _odd_pickle(arrays, rng) -> bytes:
    changed = dict(arrays)
    protocol = int(rng.choice([2, 4, 5]))
    small = {key: value[:200] if len(value) > 200 else value for key, value in arrays.items()}
    match int(rng.integers(5)):
        case 0:
            return damaged(pickle.dumps(small, protocol), rng)
        case 1:
            return _with_broken_opcodes(pickle.dumps(small, protocol), rng)
        case 2:
            changed["J_regressor"] = scipy.sparse.csc_matrix(arrays["J_regressor"])
            data = changed["J_regressor"]
            part = getattr(data, str(rng.choice(["indices", "indptr"])))
            part[int(rng.integers(len(part)))] = int(rng.choice([-1, 2**30, 13718, 10**6]))
        case 3:
            changed[str(rng.choice(sorted(arrays)))] = [1, "x", None, {"a": []}]
        case _:
            name = str(rng.choice(sorted(arrays)))
            changed[name] = odd_array(arrays[name], rng)
    return pickle.dumps(changed, protocol)


def _with_broken_opcodes(data: bytes, rng) -> bytes:
    """Whole instructions of the pickle left out, doubled or swapped, so that the machine goes on for longer."""
    places = [place for _, _, place in pickletools.genops(data) if place is not None] + [len(data)]
    pieces = [data[a:b] for a, b in zip(places[:-1], places[1:], strict=True)]
    for _ in range(int(rng.integers(1, 4))):
        a, b = (int(i) for i in rng.integers(0, len(pieces), 2))
        match int(rng.integers(3)):
            case 0:
                del pieces[a]
            case 1:
                pieces.insert(a, pieces[b])
            case _:
                pieces[a], pieces[b] = pieces[b], pieces[a]
    return b"".join(pieces)


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
def test_pickles(arrays, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcomes = _fuzz(lambda rng: _odd_pickle(arrays, rng), tmp_path / "SMPL_NEUTRAL.pkl", range(16))
    assert outcomes["refused"] > 8


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
def test_many_pickles(arrays, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _fuzz(lambda rng: _odd_pickle(arrays, rng), tmp_path / "SMPL_NEUTRAL.pkl", range(1000, 1200))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
def test_thousands_of_small_pickles(arrays, tmp_path, monkeypatch):
    """Of a few vertices only, so that many can be tried: most of a pickle's dangers lie in its instructions."""
    monkeypatch.chdir(tmp_path)
    small = {key: value[:30] if len(value) > 30 else value for key, value in arrays.items()}

    def make(rng):
        data = pickle.dumps(small, int(rng.choice([0, 2, 4, 5])))
        return damaged(data, rng) if rng.random() < 0.5 else _with_broken_opcodes(data, rng)

    _fuzz(make, tmp_path / "SMPL_NEUTRAL.pkl", range(3000))


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
def test_archives(arrays, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcomes = _fuzz(lambda rng: odd_npz(arrays, rng), tmp_path / "SMPL_NEUTRAL.npz", range(12))
    assert outcomes["refused"] > 4


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
def test_many_archives(arrays, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _fuzz(lambda rng: odd_npz(arrays, rng), tmp_path / "SMPL_NEUTRAL.npz", range(1000, 1100))


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_no_header_is_run_or_believed(header, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "SMPL_NEUTRAL.npz"
    path.write_bytes(with_member({"f": np.zeros(3)}, "v_template", npy_with_header(header)))
    assert _load(path) == "refused"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [path.name]


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "SMPL_NEUTRAL.npz"
    path.write_bytes(bomb("posedirs", 2**33, 2**25))
    with pytest.raises(BodyModelError, match="bytes"):
        load_body(path)


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _call(module: str, name: str, arguments: bytes) -> bytes:
    return _global(module, name) + b"(" + arguments + b"tR"


_DTYPE = _call("numpy", "dtype", b"S'O8'\nI00\nI01\n")
_NO_FLAGS = b"(I3\nS'|'\nNNNI-1\nI-1\nI0\ntb"  # says that a type of objects holds none
ATTACKS = {
    "os.system": _call("os", "system", b"S'touch PROOF'\n"),
    "posix.system": _call("posix", "system", b"S'touch PROOF'\n"),
    "subprocess": _call("subprocess", "Popen", b"S'touch PROOF'\n"),
    "eval": _call("builtins", "eval", b'S\'open("PROOF","w")\'\n'),
    "exec of Python 2": _call("__builtin__", "execfile", b"S'PROOF'\n"),
    "getattr": _call("builtins", "getattr", _global("os", "system") + b"S'__call__'\n"),
    "import": _call("builtins", "__import__", b"S'antigravity'\n"),
    "numpy's own loader": _call("numpy", "load", b"S'PROOF'\n"),
    "numpy's runstring": _call("numpy.testing._private.utils", "runstring", b'S\'open("PROOF","w")\'\nd'),
    "a dotted name": b"\x80\x04\x8c\x08builtins\x8c\x0deval.__class__\x93.",
    "a name inside an allowed module": b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.tofile\x93.",
    "ours": _call("smpl_fitting.files", "sweep_temporaries", b"S'/'\n"),
    "inst opcode": b"(S'touch PROOF'\nios\nsystem\n",
    "obj opcode": b"(" + _global("os", "system") + b"S'touch PROOF'\no",
    "newobj": b"\x80\x02cos\n_wrap_close\n)\x81",
    "an extension": b"\x80\x02\x82\x01",
    "a persistent id": b"Pos.system\n",
    "nested in a model": b"(dS'v_template'\n" + _call("os", "system", b"S'touch PROOF'\n") + b"s",
    "a pickle inside": b"(dS'v_template'\n"
    + _call("pickle", "loads", b"S'cos\\nsystem\\n(S\\'touch PROOF\\'\\ntR.'\n")
    + b"s",
    "addresses as objects": b"(dS'v_template'\n"
    + _call("numpy.core.multiarray", "_reconstruct", _global("numpy", "ndarray") + b"(I0\ntS'b'\n")
    + b"(I1\n(I2\nt"
    + _DTYPE
    + _NO_FLAGS
    + b"I00\nS'AAAAAAAABBBBBBBB'\ntbs",
    "a scalar of objects": _call("numpy.core.multiarray", "scalar", _DTYPE + _NO_FLAGS + b"S'AAAAAAAA'\n"),
    "all the memory for bytes": _call("builtins", "bytearray", b"I100000000000\n"),
    "all the memory for a memo": b"\x80\x02}r\xf0\xff\xff\xff",
    "all the memory for text": b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x00",
    "all the memory for a byte array": b"\x80\x05\x96\x00\x00\x00\x00\x01\x00\x00\x00",
    "all the memory for an array": b"(dS'v_template'\n"
    + _call("numpy.core.multiarray", "_reconstruct", _global("numpy", "ndarray") + b"(I100000000000\ntS'd'\n")
    + b"s",
    "a sparse giant": b"(dS'v_template'\nccopy_reg\n_reconstructor\n(cscipy.sparse.csc\ncsc_matrix\n"
    b"c__builtin__\nobject\nNtR(dS'_shape'\n(I900000\nI900000\ntsbs",
    "lists of lists": b"(dS'v_template'\n((((" + b"(lp1\n" + b"tttts",
    "doubling": b"(" + b"(lp0\n" + b"".join(b"(g%d\ng%d\nlp%d\n" % (n, n, n + 1) for n in range(60)) + b"l",
    "a billion keys": b"}(" + b"(I1\nt2" * 40 + b"\x86" * 40 + b"I1\nu",
    "its own part": b"(dp0\nS'v_template'\ng0\ns",
    "depth": b"(" * 100_000 + b"l" * 100_000,
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_pickle_acts(attack, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(ATTACKS[attack] + b".")
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert _load(path) == "refused"
    assert time.monotonic() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KB
    assert os.listdir(tmp_path) == [path.name]
