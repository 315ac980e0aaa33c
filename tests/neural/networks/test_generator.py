"""The generator: identity before training, shapes, and features carried where the flow says."""

import pytest
import torch

from neural.liquid_inputs import GUIDE_CHANNELS
from neural.networks.blocks import BLOCKS
from neural.networks.generator import (
    CONCATENATION,
    Generator,
    GeneratorConfig,
    carried,
    compose,
    in_gray,
    settled_picture,
)


def inputs(height=64, width=48, sources=2):
    torch.manual_seed(3)
    return (
        torch.rand(1, 4, height, width),
        torch.rand(1, GUIDE_CHANNELS, height, width),
        torch.rand(1, 4, height, width),
        torch.rand(1, sources, height // 2, width // 2, 2) * 2 - 1,
        torch.rand(1, sources, 1, height // 2, width // 2),
    )


def stirred(config):
    """A generator as if trained: its last layer is not 0."""
    torch.manual_seed(4)
    generator = Generator(config)
    torch.nn.init.normal_(generator.leave.weight, std=0.1)
    return generator.eval()


@pytest.mark.parametrize("block", [*BLOCKS, CONCATENATION])
def test_before_training_it_gives_the_warp_back(block):
    generator = Generator(GeneratorConfig(8, block))
    planes = inputs()
    planes[0][:, 3, :10], planes[0][:, 3, -10:] = 0.0, 1.0
    answer = generator(*planes, generator.encode(torch.rand(1, 2, 4, 32, 32)))
    assert answer.shape == planes[0].shape
    assert torch.allclose(compose(planes[0], answer), planes[0], atol=1e-5)


@pytest.mark.parametrize("block", ["attention_spade", CONCATENATION])
def test_any_number_of_sources_in_any_order(block):
    generator = stirred(GeneratorConfig(8, block))
    warp, guide, previous, grid, trust = inputs(sources=3)
    pictures = torch.rand(1, 3, 4, 32, 32)
    one = generator(warp, guide, previous, grid, trust, generator.encode(pictures))
    order = [1, 2, 0]
    other = generator(
        warp, guide, previous, grid[:, order], trust[:, order], generator.encode(pictures[:, order])
    )
    assert torch.allclose(one, other, atol=1e-4)
    assert not torch.allclose(
        one, generator(warp, guide, previous, grid, trust * 0, generator.encode(pictures))
    )


def test_windows_share_nothing_in_a_batch():
    generator = stirred(GeneratorConfig(8))
    first, second = inputs(), [plane.flip(-1) if plane.ndim == 4 else plane for plane in inputs()]
    pictures = torch.rand(2, 2, 4, 32, 32)
    both = generator(
        *(torch.cat(pair) for pair in zip(first, second, strict=True)), generator.encode(pictures)
    )
    alone = generator(*first, generator.encode(pictures[:1]))
    assert torch.allclose(both[:1], alone, atol=1e-4)


def test_features_are_carried_where_the_flow_points():
    """A plane that rises by 1 a pixel, read at known places: bilinear reading is exact on it."""
    rows, columns = torch.meshgrid(torch.arange(8.0), torch.arange(10.0), indexing="ij")
    features = torch.stack([columns + 0.5, rows + 0.5])[None, None]
    at = torch.tensor([[[2.25, 3.5], [7.0, 6.25]]])  # x, y in pixels, centres at .5
    grid = at / torch.tensor([10.0, 8.0]) * 2 - 1
    assert torch.allclose(carried(features, grid[None, None])[0, 0, :, 0].T, at[0], atol=1e-5)


def test_a_flow_beyond_the_source_reads_nothing():
    features = torch.ones(1, 1, 3, 8, 8)
    assert float(carried(features, torch.full((1, 1, 2, 2, 2), 1.5)).abs().max()) == 0


def test_coverage_can_be_taken_away_and_added():
    warp = torch.zeros(1, 4, 1, 2)
    warp[0, 3, 0, 1] = 1.0
    answer = torch.zeros(1, 4, 1, 2)
    answer[0, 3, 0] = torch.tensor([5.0, -5.0])
    assert torch.allclose(compose(warp, answer)[0, 3, 0], torch.tensor([1.0, 0.0]))


def test_gradients_pass_the_limits():
    """Where the picture is cut to [0, 1] a wrong answer must still feel it."""
    answer = torch.full((1, 4, 1, 1), 2.0, requires_grad=True)
    compose(torch.ones(1, 4, 1, 1), answer).sum().backward()
    assert bool((answer.grad.abs() > 0).all())


def test_an_unknown_block_is_refused():
    with pytest.raises(ValueError, match="choose one of add, avg"):
        GeneratorConfig(16, "magic")


def test_what_is_shown_leaves_out_faint_changes_of_coverage():
    warp = torch.rand(1, 4, 5, 5)
    warp[:, 3] = 0.0
    answer = torch.zeros(1, 4, 5, 5)
    assert torch.allclose(settled_picture(warp, answer), warp, atol=1e-5)
    answer[:, 3] = 0.3
    faint = compose(warp, answer)[:, 3]
    assert 0.02 < float(faint.max()) < 0.1 and float(settled_picture(warp, answer)[:, 3].max()) == 0
    answer[:, 3] = 5.0
    assert torch.allclose(settled_picture(warp, answer)[:, 3], torch.ones(1, 5, 5))


def test_hues_stay_as_they_are():
    answer = torch.zeros(1, 4, 2, 2)
    answer[:, 1], answer[:, 3] = 0.5, 0.3
    gray = in_gray(answer)
    torch.testing.assert_close(gray[:, :3], torch.full((1, 3, 2, 2), 0.5 * 0.7152))
    assert torch.equal(gray[:, 3:], answer[:, 3:])
