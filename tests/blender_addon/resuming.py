"""Renders cut short and taken up again, by any command that renders: what both pip's bpy and a binary must do."""

import signal
import subprocess
import time

import numpy as np

FRAMES = range(1, 7)


def unbroken(render, studio, pixels):
    """All frames in one go: the truth the others are compared with. Each frame's picture is another one."""
    studio.show(np.tile(np.linspace(0, 1, 48)[None, :, None], (80, 1, 4)) * [1, 1, 1, 0] + [0, 0, 0, 1])
    (studio.folder / "moving").write_text("")
    folder = studio.folder / "unbroken"
    assert render(folder, FRAMES).wait() == 0
    found = [pixels(folder / f"{frame:04d}.png") for frame in FRAMES]
    assert len({picture.tobytes() for picture in found}) == len(found)
    return found


def check_orders(render, studio, pixels, truth):
    """Chunks in any order."""
    folder = studio.folder / "chunks"
    for chunk in ((5, 6), (3, 4), (1, 2)):
        assert render(folder, chunk).wait() == 0
    compare(folder, pixels, truth)


def check_killed(render, studio, pixels, truth):
    """Killed (-9) with some frames done; the last one of them cut short, another spoilt; then started again."""
    folder = studio.folder / "killed"
    (studio.folder / "slow").write_text("0.5")
    process = render(folder, FRAMES)
    deadline = time.monotonic() + 90
    while len(list(folder.glob("0*.png"))) < 3 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (studio.folder / "slow").unlink()
    done = sorted(folder.glob("0*.png"))
    assert 3 <= len(done) < len(FRAMES)
    done[1].write_bytes(done[1].read_bytes()[:-40])
    spoilt = bytearray(done[2].read_bytes())
    spoilt[len(spoilt) // 2] ^= 0xFF
    done[2].write_bytes(spoilt)
    kept = done[0].stat().st_mtime_ns
    assert render(folder, FRAMES).wait() == 0
    assert done[0].stat().st_mtime_ns == kept
    compare(folder, pixels, truth)


def compare(folder, pixels, truth):
    assert sorted(p.name for p in folder.glob("*.png")) == [f"{frame:04d}.png" for frame in FRAMES]
    for frame, expected in zip(FRAMES, truth, strict=True):
        assert np.array_equal(pixels(folder / f"{frame:04d}.png"), expected), frame


def start(command, environment):
    return subprocess.Popen(
        [*map(str, command)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
