"""What jobs read from their parameters, and how failures are told."""

import errno
from types import SimpleNamespace

import pytest

from neural.failures import describe_failure
from neural.jobs._inputs import chosen_frames, computing_device, image_size, parameter
from smpl_fitting.errors import FootageError, LiquidMotionError
from smpl_fitting.progress import Cancelled

CLIP = SimpleNamespace(path="a.mp4", frame_count=10)


def test_parameter():
    assert parameter({"a": 0}, "a") == 0
    with pytest.raises(LiquidMotionError, match="'b' is missing"):
        parameter({"a": 0}, "b")


def test_image_size():
    assert image_size([480, 640]) == (480, 640)
    for wrong in (None, 480, [480], [480.0, 640], [0, 10], [10, 10**6], "ab"):
        with pytest.raises(LiquidMotionError, match="height, width"):
            image_size(wrong)


def test_chosen_frames_include_the_last():
    assert chosen_frames({}, CLIP) is None
    assert chosen_frames({"frames": [2, 4]}, CLIP) == range(2, 5)
    assert chosen_frames({"frames": [0, 9]}, CLIP) == range(10)
    for wrong in ([0, 10], [5, 4], [-1, 3]):
        with pytest.raises(LiquidMotionError, match="a.mp4: has no frames .* choose from 0 to 9"):
            chosen_frames({"frames": wrong}, CLIP)


def test_no_device_is_quietly_another():
    assert computing_device({}) == computing_device({"device": "auto"}) == computing_device({"device": "cpu"})
    with pytest.raises(LiquidMotionError, match="'cuda'"):
        computing_device({"device": "cuda"})


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (FootageError("a.mp4: broken;\n send it again"), "user", "a.mp4: broken; send it again"),
        (Cancelled(), "cancelled", "cancelled"),
        (KeyboardInterrupt(), "cancelled", "cancelled"),
        (MemoryError(), "memory", "smaller size"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "memory", "smaller size"),
        (OSError(errno.ENOSPC, "No space left", "/out/a.png"), "user", "/out/a.png: the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/out"), "user", "/out: no permission"),
        (ModuleNotFoundError("No module named 'smplx'", name="smplx"), "user", "'smplx' is missing; install"),
        (ModuleNotFoundError("No module named 'neural.x'", name="neural.x"), "internal", "neural.x"),
        (KeyError("K"), "internal", "KeyError"),
    ],
)
def test_failures_are_told_to_who_can_mend_them(error, code, words):
    failure = describe_failure(error)
    assert failure.code == code and words in failure.message and "\n" not in failure.message
