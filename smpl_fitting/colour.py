"""Display-referred sRGB and linear light."""

from __future__ import annotations

import numpy as np

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""What red, green and blue of linear sRGB contribute to luminance (BT.709)."""


def srgb_to_linear(values: np.ndarray) -> np.ndarray:
    """Display-referred sRGB in [0, 1] to linear light (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(values: np.ndarray) -> np.ndarray:
    """Linear light to display-referred sRGB (IEC 61966-2-1); values are cut to [0, 1]."""
    values = np.clip(values, 0.0, 1.0)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)
