import torch

from neural.subject import body_surface
from neural.surface import Surface, build_atlas, refine, uv_to_pixels


def triangle():
    return Surface(
        rest=torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]),
        faces=torch.tensor([[0, 1, 2]]),
        uv=torch.tensor([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]]),
        faces_uv=torch.tensor([[0, 1, 2]]),
        part_labels=torch.tensor([3], dtype=torch.uint8),
    )


def test_texels_know_their_texture_coordinates(open_body):
    surface = body_surface(open_body, torch.zeros(10))
    atlas = build_atlas(surface, 256)
    corners = surface.uv[surface.faces_uv[atlas.face]]
    pixels = uv_to_pixels((atlas.bary[..., None] * corners).sum(1), 256)
    row, column = atlas.texels // 256, atlas.texels % 256
    torch.testing.assert_close(pixels, torch.stack([column, row], 1) + 0.5, atol=2e-3, rtol=0)


def test_v_points_up():
    atlas = build_atlas(triangle(), 64)
    inside = torch.zeros(64 * 64, dtype=torch.bool)
    inside[atlas.texels] = True
    assert inside.reshape(64, 64)[55, 8]  # low v, low u: bottom left
    assert not inside.reshape(64, 64)[8, 55]


def test_padding_copies_the_nearest_texel():
    atlas = build_atlas(triangle(), 64)
    values = torch.arange(len(atlas.texels)).float()[:, None]
    picture = atlas.picture(values)
    torch.testing.assert_close(atlas.gather(picture), values)
    assert picture[0, 63, 8] == picture[0, 57, 8]
    assert atlas.picture(values + 1, padded=False)[0, 63, 8] == 0


def test_refining_leaves_the_surface_where_it_is():
    refined = refine(triangle(), 15)
    assert refined.surface.faces.shape == (16, 3)
    assert len(refined.surface.rest) == 15
    assert (refined.surface.part_labels == 3).all()
    corners = refined.surface.rest[refined.surface.faces]
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], dim=-1)
    torch.testing.assert_close(normal, torch.tensor([0.0, 0, 1 / 16]).expand(16, 3))
    # any linear map commutes with it, the texture's too
    linear = torch.tensor([[0.8, 0.0], [0.0, 0.8], [0.0, 0.0]])
    uv = refined.surface.uv[refined.surface.faces_uv]
    torch.testing.assert_close(uv, corners @ linear + 0.1)
    moved = triangle().rest * 2 + 1
    torch.testing.assert_close(refined.lift(moved), refined.surface.rest * 2 + 1)
