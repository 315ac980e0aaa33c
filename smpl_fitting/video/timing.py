"""Time stamps of a clip, as recorded, to a constant frame rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COMMON_RATES = (
    *(10.0, 12.0, 12.5, 15.0, 20.0, 24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 48.0, 50.0),
    *(60000 / 1001, 60.0, 90.0, 100.0, 120000 / 1001, 120.0, 240.0),
)
MAX_VARIABLE_RATE = 120.0  # a variable clip's shortest gap may be a glitch of the recorder


@dataclass(frozen=True)
class Timing:
    """Which stored frame is shown at each frame of a constant rate."""

    fps: float
    source_index: np.ndarray  # (T,) int64, index into the stored frames in order of display
    times: np.ndarray  # (T,) float64 seconds from the first stored frame


def constant_rate(stamps: np.ndarray, nominal: float | None = None, fps: float | None = None) -> Timing:
    """Resample stored time stamps to a constant rate: each output frame shows the nearest stored frame.

    Args:
        stamps: (N,) seconds, rising.
        nominal: the rate the container claims; taken where the stamps agree with it to 0.5 %.
        fps: rate asked for; by default the clip's own, or for variable rates that of its usual gap.
    """
    stamps = np.asarray(stamps, dtype=np.float64) - stamps[0]
    if len(stamps) == 1:
        return Timing(fps or _usable(nominal) or 25.0, np.zeros(1, np.int64), np.zeros(1))
    measured = (len(stamps) - 1) / stamps[-1]
    even = np.arange(len(stamps)) / measured
    is_constant = np.abs(stamps - even).max() < 0.5 / measured
    if is_constant:
        own = _nearest_rate(measured, nominal)
    else:
        own = _nearest_rate(min(1.0 / _usual_gap(stamps), MAX_VARIABLE_RATE), nominal)
    rate = fps or own
    if is_constant and abs(rate - own) < 1e-3 * own:
        return Timing(rate, np.arange(len(stamps)), np.arange(len(stamps)) / rate)
    # Up to the middle of the last stored frame.
    times = np.arange(int(np.floor((stamps[-1] + 0.5 / max(own, rate)) * rate + 1e-6)) + 1) / rate
    after = np.clip(np.searchsorted(stamps, times), 1, len(stamps) - 1)
    nearer_before = times - stamps[after - 1] <= stamps[after] - times + 1e-9
    return Timing(rate, np.where(nearer_before, after - 1, after), times)


def _usual_gap(stamps: np.ndarray) -> float:
    """Seconds between two frames: the mean of the gaps near the median, since jitter cancels in a mean."""
    gaps = np.diff(stamps)
    median = float(np.median(gaps))
    return float(gaps[np.abs(gaps - median) < 0.35 * median].mean())


def _nearest_rate(measured: float, nominal: float | None) -> float:
    nominal = _usable(nominal)
    if nominal and abs(measured - nominal) < 0.005 * nominal:
        return nominal
    best = min(COMMON_RATES, key=lambda rate: abs(rate - measured))
    return best if abs(best - measured) < 0.005 * best else measured


def _usable(rate: float | None) -> float | None:
    return rate if rate and 0.1 <= rate <= 1000 else None
