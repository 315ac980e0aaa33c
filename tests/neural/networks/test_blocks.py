"""The Liquid Warping Blocks: what holds for all of them, and each one's own formula where it has a closed form."""

import pytest
import torch

from neural.networks.blocks import BLOCKS

CHANNELS, SOURCE_CHANNELS = 12, 8


@pytest.fixture
def planes():
    torch.manual_seed(0)
    target = torch.randn(2, CHANNELS, 6, 5)
    warped = torch.randn(2, 3, SOURCE_CHANNELS, 6, 5)
    trust = torch.rand(2, 3, 1, 6, 5)
    return target, warped, trust


def block(name):
    torch.manual_seed(1)
    return BLOCKS[name](CHANNELS, SOURCE_CHANNELS)


@pytest.mark.parametrize("name", BLOCKS)
def test_keeps_the_targets_shape(name, planes):
    assert block(name)(*planes).shape == planes[0].shape


@pytest.mark.parametrize("name", BLOCKS)
def test_uses_the_sources(name, planes):
    target, warped, trust = planes
    assert not torch.allclose(block(name)(target, warped, trust), target, atol=1e-3)


@pytest.mark.parametrize("name", BLOCKS)
def test_order_of_sources_does_not_matter(name, planes):
    target, warped, trust = planes
    order = [2, 0, 1]
    assert torch.allclose(
        block(name)(target, warped, trust), block(name)(target, warped[:, order], trust[:, order]), atol=1e-5
    )


@pytest.mark.parametrize("name", BLOCKS)
def test_a_source_without_trust_is_as_good_as_absent(name, planes):
    target, warped, trust = planes
    trust = trust.clone()
    trust[:, 1] = 0
    without = block(name)(target, warped[:, [0, 2]], trust[:, [0, 2]])
    assert torch.allclose(block(name)(target, warped, trust), without, atol=1e-5)


@pytest.mark.parametrize("name", BLOCKS)
def test_without_any_trust_the_target_comes_back(name, planes):
    target, warped, trust = planes
    assert torch.equal(block(name)(target, warped, torch.zeros_like(trust)), target)


@pytest.mark.parametrize("name", [name for name in BLOCKS if name != "attention_adain"])
def test_a_pixel_depends_on_that_pixel_alone(name, planes):
    """So that windows of any size give the same; AdaIN takes statistics of the picture and is excepted."""
    target, warped, trust = planes
    whole = block(name)(target, warped, trust)
    part = block(name)(target[..., 2:4, 1:3], warped[..., 2:4, 1:3], trust[..., 2:4, 1:3])
    assert torch.allclose(whole[..., 2:4, 1:3], part, atol=1e-5)


@pytest.mark.parametrize("name", BLOCKS)
def test_gradients_reach_target_and_sources(name, planes):
    target, warped, trust = (plane.clone().requires_grad_() for plane in planes)
    block(name)(target, warped, trust).square().sum().backward()
    for plane in (target, warped):
        assert (
            plane.grad is not None and bool(plane.grad.isfinite().all()) and float(plane.grad.abs().sum()) > 0
        )


def test_add_is_the_sum_and_average_the_mean(planes):
    target, warped, trust = planes
    add, average = block("add"), block("avg")
    summed = (warped * trust).sum(1)
    assert torch.allclose(add(target, warped, trust), target + add.project(summed), atol=1e-5)
    ones = torch.ones_like(trust)
    mean = average.project(warped.mean(1)) * (3 / 3.001)
    assert torch.allclose(average(target, warped, ones), target + mean, atol=1e-5)


def test_attention_prefers_the_source_that_answers_the_question(planes):
    target, warped, trust = planes
    attention = block("attention_spade")
    with torch.no_grad():  # keys are the sources' first channel, and all questions ask for it
        attention.query.weight.zero_()
        attention.query.bias.zero_()
        attention.query.bias[0] = 40.0
        attention.key.weight.zero_()
        attention.key.weight[0, 0] = 1.0
    warped = warped.clone()
    warped[:, :, 0] = torch.tensor([0.0, 5.0, 0.0])[None, :, None, None]
    gathered = attention.gathered(target, warped, torch.ones_like(trust))
    assert torch.allclose(gathered, warped[:, 1], atol=1e-4)
