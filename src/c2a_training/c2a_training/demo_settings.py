# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What `c2a demo` shows: tasks, seeds and models, chosen for those who do not choose."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from c2a_controller import policy_checkpoint
from c2a_core.sealed_directory import CheckpointError
from c2a_planner import checkpoint as planner_checkpoint
from c2a_training.demo_rates import DemoRates, read_rates

TASKS = ('PlaceNextTo', 'StackTopple', 'Swap')
# The model's pictures are 128 px; a video is for people. At 512 a busy machine overran the shared
# memory of DDS, which holds ten such observations.
IMAGE_SIZE = 384
# The stack needs seconds to start and an episode about as long as it looks; software rendering on
# a slow machine is what the rest is for.
EPISODE_TIMEOUT_S = 300.0
CHECKPOINT = 'tiny'
# Arguments of the stack that choose models.
MODEL_ARGUMENTS = {
    'policy_checkpoint': 'model of low level policy: a shipped name or a directory '
    f'({CHECKPOINT})',
    'checkpoint': f'model of planner vlm: a shipped name, a directory or a hub id ({CHECKPOINT})',
    'server_url': 'address of the server of planner openai, with /v1',
    'server_model': "name of the model there (default: the server's only one)",
}


@dataclass(frozen=True)
class DemoSettings:
    """What to show and where to put it.

    Attributes:
        tasks: one episode each.
        seed: of all of them.
        folder: of the videos.
        image_size: side of the camera pictures [px].
        timeout_s: for the start and for each episode.
        planner: who writes the key steps.
        low_level: who moves the arm.
        model_arguments: further arguments of the stack, by name.
        rates: how often each task succeeds with these models, where that was measured.
    """

    tasks: tuple[str, ...]
    seed: int
    folder: Path
    image_size: int = IMAGE_SIZE
    timeout_s: float = EPISODE_TIMEOUT_S
    planner: str = 'oracle'
    low_level: str = 'oracle'
    model_arguments: Mapping[str, str] = field(default_factory=dict)
    rates: DemoRates | None = None


def choose(args: argparse.Namespace) -> DemoSettings:
    """What to show: what the user says, and for the rest the best that there is.

    Raises:
        ValueError: if the measured rates are damaged.
    """
    planner = args.planner or default_planner(args.checkpoint)
    low_level = args.low_level or default_low_level(args.policy_checkpoint)
    arguments = {name: getattr(args, name) for name in MODEL_ARGUMENTS if getattr(args, name)}
    rates = None
    if (planner, low_level) == ('vlm', 'policy') and not arguments:
        rates = shipped_rates()
    tasks, seed = tuple(args.tasks or ()), args.seed
    if rates is not None:
        tasks = tasks or rates.best(len(TASKS))
        seed = rates.good_seed(tasks) if seed is None else seed
    return DemoSettings(
        tasks=tasks or TASKS,
        seed=seed or 0,
        folder=args.out,
        image_size=args.image_size,
        planner=planner,
        low_level=low_level,
        model_arguments=arguments,
        rates=rates,
    )


def default_planner(checkpoint: str | None = None) -> str:
    """The learned planner where there is a checkpoint for it, else the oracle."""
    try:
        return 'vlm' if checkpoint or planner_checkpoint.shipped(CHECKPOINT) else 'oracle'
    except CheckpointError:
        return 'oracle'


def default_low_level(checkpoint: str | None = None) -> str:
    """The learned policy where there is a checkpoint for it, else scripted skills."""
    try:
        return 'policy' if checkpoint or policy_checkpoint.shipped(CHECKPOINT) else 'oracle'
    except CheckpointError:
        return 'oracle'


def shipped_rates() -> DemoRates | None:
    """How often the shipped models succeed; None if that was not measured with these very ones."""
    rates = read_rates()
    labels = tuple(
        package.find_checkpoint(CHECKPOINT).label
        for package in (planner_checkpoint, policy_checkpoint)
    )
    return rates if rates is not None and labels == (rates.planner, rates.policy) else None
