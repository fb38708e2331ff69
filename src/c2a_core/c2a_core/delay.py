# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Inference time charged to robot time (semantics 10), for planner and controller alike."""

from __future__ import annotations

import math

MEASURED = 'measured'
"""Charge what the inference took on this machine: honest, but not deterministic."""

_ROUNDING = 1e-9
"""Keeps 0.1 s / 0.05 s at two steps, although the quotient may be a hair above 2 in floats."""


def parse_delay(text: str | float) -> float | None:
    """Read a delay parameter.

    Args:
        text: seconds as a number or its text, or `MEASURED`.

    Returns:
        The delay [s], or None for a measured one.

    Raises:
        ValueError: if it is neither, or negative.
    """
    if text == MEASURED:
        return None
    try:
        delay_s = float(text)
    except ValueError:
        delay_s = math.nan
    if not (math.isfinite(delay_s) and delay_s >= 0.0):
        raise ValueError(
            f"delay is {text!r}, expected seconds >= 0 or '{MEASURED}': give for example 0.15"
        )
    return delay_s


def delay_steps(delay_s: float, control_dt: float) -> int:
    """Control steps until an answer takes effect: ceil(delay / dt).

    Args:
        delay_s: time from observation to answer [s].
        control_dt: control period [s].
    """
    return max(0, math.ceil(delay_s / control_dt - _ROUNDING))
