"""How the main job's results read."""

from __future__ import annotations

from typing import Any


def describe_run(result: dict[str, Any]) -> str:
    """The lines a person reads after ``run`` and ``demo``."""
    overlaps = ", ".join(f"{value:.2f}" for value in result["source_clothed_iou"])
    return "\n".join(
        [
            f"{result['movie']}: {result['frames']} frames, somebody found in {result['frames_found']}",
            f"fit: by the {result['detector']} detector, landmarks "
            f"{result['driving_landmark_error_percent']:.1f}% of the height off; "
            f"source silhouette IoU {overlaps}",
            f"took {sum(result['seconds'].values()):.0f} s",
            f"everything is in {result['out']}",
        ]
    )
