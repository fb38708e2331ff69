# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters of nodes as dataclasses, readable without ROS; `ros.declare_params` declares them."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def param(
    default: Any,
    description: str,
    *,
    lower: float | None = None,
    upper: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Field of a parameters dataclass: default, description and bounds in one declaration.

    Args:
        default: bool, int, float or str; its type is the parameter's.
        description: one sentence, with the unit.
        lower: smallest value, together with `upper`; numbers only.
        upper: largest value.
        choices: the words that are allowed; text only.
    """
    if type(default) not in (bool, int, float, str):
        raise TypeError(f'default {default!r} of a parameter, expected a bool, int, float or str')
    if (lower is None) != (upper is None):
        raise TypeError('a bounded parameter needs lower and upper')
    metadata = {'description': description, 'bounds': (lower, upper), 'choices': choices}
    return field(default=default, metadata=metadata)
