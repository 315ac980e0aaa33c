import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from painted import BACKDROP, body_pose, level_camera

from neural.evaluate import COPY, evaluate_clip
from neural.render import RenderResult
from neural.renderers import VISIBLE, make_renderer
from neural.scoring import FIGURES
from smpl_fitting.errors import FootageError, LiquidMotionError, NobodyFoundError
from smpl_fitting.motion import Motion
from smpl_fitting.video import open_footage, read_image, write_image

COUNT = 5


@pytest.fixture(scope="module")
def filmed(checked, tmp_path_factory):
    """A clip of the painted body turning and spreading its arms, with its true fit; nobody is found in frame 3."""
    folder = tmp_path_factory.mktemp("clip")
    camera = level_camera((360, 240))
    poses = torch.cat([body_pose(yaw=10.0 * i, arms=0.9 - 0.15 * i) for i in range(COUNT)])
    masks = []
    for index in range(COUNT):
        image, mask = checked.picture(poses[index : index + 1], camera)
        write_image(folder / f"{index:04d}.png", image)
        masks.append(mask)
    motion = Motion(
        poses=poses.numpy(),
        trans=np.zeros((COUNT, 3), np.float32),
        betas=np.zeros(10, np.float32),
        fps=30.0,
        camera_K=camera.K.expand(COUNT, 3, 3).numpy(),
        camera_R=camera.R.expand(COUNT, 3, 3).numpy(),
        camera_t=camera.t.expand(COUNT, 3).numpy(),
        image_size=camera.image_size,
    )
    confidence = np.array([1.0, 1, 1, 0, 1])
    detections = SimpleNamespace(mask=masks.__getitem__, confidence=confidence)
    return open_footage(folder), SimpleNamespace(motion=motion, detections=detections)


class Nobody:
    """A renderer that draws nothing and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def render(self, subject, vertices, camera, size, previous=None):
        self.asked.append((vertices, previous))
        return RenderResult(
            np.zeros((*size, 4), np.float32), np.full(size, np.inf, np.float32), np.zeros(size, np.uint8)
        )


def test_the_warp_beats_the_unmoved_picture_and_nobody(filmed, open_body, tmp_path):
    from neural.render import WarpRenderer

    footage, fit = filmed
    nobody = Nobody()
    renderers = {VISIBLE: make_renderer(VISIBLE), "warp": WarpRenderer(), "nobody": nobody}
    outcome = evaluate_clip(
        footage, [0], open_body, renderers, step=1, fit=fit, pictures=tmp_path / "pictures"
    )
    assert outcome.targets == (1, 2, 4)
    table = outcome.table()
    assert list(table) == [COPY, VISIBLE, "warp", "nobody"] and list(table["warp"]) == list(FIGURES)
    for figure in ("box_psnr_db", "box_ssim", "frame_psnr_db", "frame_ssim"):
        assert table["warp"][figure] > table[COPY][figure] and table["warp"][figure] > table["nobody"][figure]
    assert table["warp"]["box_psnr_db"] > 24 and table["warp"]["mask_iou"] > 0.93
    for row in (COPY, "nobody"):
        assert table["warp"]["box_lite2_distance"] < 0.7 * table[row]["box_lite2_distance"]
    # one picture carried along changes less than pictures taken anew, in which checks meet pixels otherwise
    assert 0 < table["warp"]["temporal_ratio"] < 1.2 and table["nobody"]["temporal_error_levels"] > 0
    assert table[COPY]["temporal_error_levels"] > 2 * table["warp"]["temporal_error_levels"]
    assert table["warp"]["face_psnr_db"] is None  # this fit brings no landmarks
    # from one picture of the front little is missing in front
    assert table[VISIBLE]["mask_iou"] < table["warp"]["mask_iou"]
    assert table["nobody"]["mask_iou"] == 0 and table[COPY]["mask_iou"] is None
    assert not outcome.camera_moves

    # frames are given with the moment before, for renderers that look back
    before = nobody.asked[0][1][0]
    assert (
        before - _vertices(open_body, fit, 0)
    ).abs().max() < 0.05  # the clothes found on a bare body are thin
    assert (before - _vertices(open_body, fit, 1)).abs().max() > 0.1
    picture = read_image(tmp_path / "pictures" / "0002_nobody.png")
    assert np.abs(picture - np.array(BACKDROP) * 255).max() < 2  # the plate is the empty studio

    outcome.save(tmp_path / "out.json")
    stored = json.loads((tmp_path / "out.json").read_text())
    assert stored["means"]["warp"]["box_ssim"] == pytest.approx(table["warp"]["box_ssim"])
    assert len(stored["scores"]) == 12
    assert (
        outcome.flat()["warp_mask_iou"] == table["warp"]["mask_iou"] and "copy_mask_iou" not in outcome.flat()
    )


def _vertices(body, fit, frame):
    return body(
        torch.zeros(10), torch.as_tensor(fit.motion.poses[frame : frame + 1]), torch.zeros(1, 3)
    ).vertices[0]


def test_bad_choices(filmed, open_body):
    footage, fit = filmed
    for sources, step, error, words in (
        ([], 1, LiquidMotionError, "at least one"),
        ([0], 0, LiquidMotionError, "step"),
        ([9], 1, FootageError, "choose sources from 0 to 4"),
        ([0], 10, FootageError, "smaller step"),
        ([3], 1, NobodyFoundError, "choose another source"),
    ):
        with pytest.raises(error, match=words):
            evaluate_clip(footage, sources, open_body, {"nobody": Nobody()}, step=step, fit=fit)
