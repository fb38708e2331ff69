# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The processes of a training, and the device of each."""

from __future__ import annotations

import torch
from accelerate import Accelerator


def make_accelerator() -> Accelerator:
    """An accelerator for this machine.

    `accelerate launch` tells processes apart on a machine without a GPU only if they say that
    they compute on the CPU; otherwise each of them would train alone.
    """
    return Accelerator(cpu=not torch.accelerator.is_available())
