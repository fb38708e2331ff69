# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The processes of a training, and the device of each."""

from __future__ import annotations

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs


def make_accelerator(*, has_idle_parts: bool = False) -> Accelerator:
    """An accelerator for this machine.

    `accelerate launch` tells processes apart on a machine without a GPU only if they say that
    they compute on the CPU; otherwise each of them would train alone.

    Args:
        has_idle_parts: some batches reach only a part of what learns. Several processes wait for
            all gradients of each other, unless they look first which ones there will be.
    """
    handlers = []
    if has_idle_parts:
        handlers.append(DistributedDataParallelKwargs(find_unused_parameters=True))
    return Accelerator(cpu=not torch.accelerator.is_available(), kwargs_handlers=handlers)
