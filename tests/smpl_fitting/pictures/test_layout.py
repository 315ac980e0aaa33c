"""Pictures side by side, resized and made opaque."""

import numpy as np

from smpl_fitting.pictures.layout import below, beside, opaque, resized, scaled


def test_resizing_keeps_means_and_places():
    image = np.zeros((80, 120, 3), np.uint8)
    image[20:40, 60:90] = (200, 100, 50)
    small = resized(image, (40, 60))
    assert small.shape == (40, 60, 3)
    assert np.abs(small[12:18, 32:43].astype(int) - (200, 100, 50)).max() <= 4
    assert small[:8].max() <= 2
    large = resized(small, (80, 120))
    assert np.abs(large[25:35, 66:84].astype(int) - (200, 100, 50)).max() <= 6
    assert resized(image, (80, 120)) is image
    assert scaled(image, 40).shape == (40, 60, 3)


def test_pictures_stand_beside_and_below_each_other():
    a, b = np.full((4, 2, 3), 1, np.uint8), np.full((2, 3, 3), 2, np.uint8)
    row = beside([a, b], gap=1)
    assert row.shape == (4, 6, 3)
    assert row[1:3, 3:].min() == row[1:3, 3:].max() == 2 and row[0, 3:].min() == 255 == row[0, 2].max()
    column = below([a, b], gap=1)
    assert column.shape == (7, 3, 3)
    assert (column[5:] == 2).all() and (column[4] == 255).all()


def test_transparent_pixels_become_light_gray():
    image = np.zeros((1, 3, 4), np.uint8)
    image[0, 0], image[0, 1] = (10, 20, 30, 255), (100, 100, 100, 128)
    assert opaque(image)[0].tolist() == [[10, 20, 30], [164, 164, 164], [230, 230, 230]]
    assert opaque(image[..., :3]).shape == (1, 3, 3)
