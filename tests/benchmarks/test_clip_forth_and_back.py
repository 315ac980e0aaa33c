"""The speed benchmark's long clip is the short one, played forth and back without a jump."""

import numpy as np
import pytest
from fit_speed import forth_and_back

from smpl_fitting.detection import Detections


def numbered(count):
    rows = np.arange(count, dtype=np.float32)
    return Detections(
        keypoints=np.broadcast_to(rows[:, None, None], (count, 33, 4)).copy(),
        keypoints_world=np.zeros((count, 33, 3), np.float32),
        confidence=np.ones(count, np.float32),
        boxes=np.zeros((count, 4), np.float32),
        image_size=(64, 48),
        frames=np.arange(count),
        crops=np.zeros((count, 4)),
        masks=tuple(bytes([row]) for row in range(count)),
    )


@pytest.mark.parametrize(
    ("own", "count", "expected"),
    [
        (4, 10, [0, 1, 2, 3, 2, 1, 0, 1, 2, 3]),
        (4, 3, [0, 1, 2]),
        (1, 3, [0, 0, 0]),
    ],
)
def test_forth_and_back(own, count, expected):
    long = forth_and_back(numbered(own), count)
    assert long.keypoints[:, 0, 0].tolist() == expected
    assert [mask[0] for mask in long.masks] == expected
    assert long.frames.tolist() == list(range(count))
