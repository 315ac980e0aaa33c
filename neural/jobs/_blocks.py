"""Arrays for Blender in one file: ``.npy`` blocks one after the other, read as fast as the disk gives them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smpl_fitting.files import atomic_path


def write_blocks(path: Path, *arrays: np.ndarray) -> None:
    """Write the arrays, whole or not at all."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        for array in arrays:
            np.save(file, np.ascontiguousarray(array))
