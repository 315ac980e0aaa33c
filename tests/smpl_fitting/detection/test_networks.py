"""The heavy landmark network: fetched whole or not at all, used once it is there."""

import hashlib
import http.server
import threading

import numpy as np
import pytest

from smpl_fitting.detection import Detections, DetectorSession, detect, networks
from smpl_fitting.detection.networks import best_network, fetch_heavy, heavy_file, network_path
from smpl_fitting.errors import FootageError, LiquidMotionError
from smpl_fitting.progress import Cancelled, Progress
from smpl_fitting.video import open_footage

CONTENT = np.random.default_rng(0).bytes(700_000)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(networks.FOLDER_VARIABLE, str(tmp_path / "networks"))
    return tmp_path / "networks"


@pytest.fixture
def served(monkeypatch):
    """A server on this machine that has CONTENT for the network; ``cut``: how much of it comes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        cut = len(CONTENT)

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: self.cut])

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(networks, "HEAVY_SOURCE", f"http://127.0.0.1:{server.server_port}/heavy.tflite")
        monkeypatch.setattr(networks, "HEAVY_BYTES", len(CONTENT))
        monkeypatch.setattr(networks, "_HEAVY_SHA256", hashlib.sha256(CONTENT).hexdigest())
        yield Handler
        server.shutdown()


def test_without_it_the_other_is_used(folder):
    assert best_network() == "full"
    assert network_path("full").endswith("pose_landmark_full.tflite")
    with pytest.raises(LiquidMotionError, match="liquid-motion fetch"):
        DetectorSession("heavy")


def test_download(folder, served):
    told = []
    path = fetch_heavy(progress=Progress(lambda stage, fraction: told.append(fraction)))
    assert path == heavy_file() and path.read_bytes() == CONTENT
    assert told == sorted(told) and told[-1] == 1.0
    assert best_network() == "heavy"


def test_what_is_there_is_not_downloaded_again(folder, served, monkeypatch):
    fetch_heavy()
    monkeypatch.setattr(networks, "HEAVY_SOURCE", "http://127.0.0.1:9/heavy.tflite")
    assert fetch_heavy() == heavy_file()
    heavy_file().write_bytes(CONTENT[:-1])
    with pytest.raises(LiquidMotionError, match="is cut off .699999 of 700000 bytes.; fetch it"):
        network_path("heavy")
    with pytest.raises(LiquidMotionError, match="cannot be read"):
        fetch_heavy()


def test_a_full_disk_is_not_blamed_on_the_source(folder, served, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(networks.hashlib, "sha256", lambda *_: type("Digest", (), {"update": full})())
    with pytest.raises(LiquidMotionError, match="heavy.tflite: cannot be written .No space left"):
        fetch_heavy()
    assert list(folder.iterdir()) == []


def test_a_download_that_breaks_leaves_nothing(folder, served):
    served.cut = 300_000
    with pytest.raises(LiquidMotionError, match="fetch"):
        fetch_heavy()
    assert list(folder.iterdir()) == [] and best_network() == "full"


def test_cancelled(folder, served):
    with pytest.raises(Cancelled):
        fetch_heavy(progress=Progress(cancelled=lambda: True))
    assert list(folder.iterdir()) == []


def test_no_network(folder, monkeypatch):
    monkeypatch.setattr(networks, "HEAVY_SOURCE", "http://127.0.0.1:9/heavy.tflite")
    with pytest.raises(LiquidMotionError, match="--from FILE"):
        fetch_heavy()


def test_a_file_that_is_another_is_refused(folder, tmp_path):
    other = tmp_path / "other.tflite"
    other.write_bytes(CONTENT)
    with pytest.raises(LiquidMotionError, match="other.tflite: not MediaPipe's"):
        fetch_heavy(other)
    with pytest.raises(LiquidMotionError, match="missing.tflite: cannot be read"):
        fetch_heavy(tmp_path / "missing.tflite")
    assert list(folder.iterdir()) == []


def test_it_sees_the_same_man(heavy, shared):
    clip = open_footage(shared("footage/clips/mmhuman3d_single.mp4"))
    found = detect(clip, frames=range(2))
    with DetectorSession("full") as session:
        other = detect(clip, frames=range(2), session=session)
    assert (found.network, other.network) == ("heavy", "full")
    apart = np.linalg.norm(found.keypoints[..., :2] - other.keypoints[..., :2], axis=-1)
    assert 0 < np.median(apart) < 0.02 * np.ptp(found.boxes[0, 1::2])


def test_detections_remember_their_network(heavy, shared, tmp_path):
    found = detect(open_footage(shared("footage/clips/mmhuman3d_single.mp4")), frames=range(1))
    found.save(tmp_path / "a.npz")
    assert Detections.load(tmp_path / "a.npz").network == "heavy"


def test_detections_of_an_unknown_network_are_refused(tmp_path, shared):
    found = detect(open_footage(shared("footage/clips/mmhuman3d_single.mp4")), frames=range(1))
    found.save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "b.npz", **{**arrays, "network": np.array("large")})
    with pytest.raises(FootageError, match="unknown network 'large'"):
        Detections.load(tmp_path / "b.npz")
