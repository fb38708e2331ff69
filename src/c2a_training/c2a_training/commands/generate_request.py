# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Arguments of `c2a generate`, and the checked request that they become."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from c2a_core.task_names import split_task_names
from c2a_training.dataset.dataset_manifest import ALL_STEPS
from c2a_training.generation.generate_plan import FIRST_EVALUATION_SEED, SeedRequest
from c2a_training.generation.generate_settings import (
    KEEP,
    PLANNERS,
    POLICY_STEPS,
    GenerateSettings,
)
from c2a_training.generation.picture_rule import parse_picture_rule
from c2a_training.seeds import parse_seeds

MAX_NOISE_M = 0.05  # as far as the longest action
MAX_LATE = 20
MAX_POLICY_STEPS = 200


@dataclass(frozen=True)
class GenerateRun:
    """A checked request: what to make and how."""

    tasks: tuple[str, ...]
    seeds: SeedRequest
    settings: GenerateSettings
    directory: Path
    workers: int | None
    ray: str | None

    @property
    def total(self) -> int:
        """Episodes that there are in the end at most."""
        return len(self.tasks) * self.seeds.size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        '--tasks',
        nargs='+',
        required=True,
        metavar='NAME',
        help='task names, variants such as Rotate:num_actors=3,restore=true, or lists: table1, '
        'table2, image, all; docs/task_list.md has them all',
    )
    _add_seeds(parser)
    parser.add_argument(
        '--out', type=Path, required=True, metavar='DIR', help='the dataset, made or continued'
    )
    parser.add_argument(
        '--workers',
        type=int,
        metavar='N',
        help='processes; the dataset does not depend on it (default: one per core)',
    )
    parser.add_argument(
        '--ray',
        metavar='ADDRESS',
        help='make the episodes on a Ray cluster: its address, auto, or local',
    )
    parser.add_argument(
        '--split',
        choices=('simple', 'train', 'test'),
        default='simple',
        help='objects to draw from: test has colour-shape pairs that train has not (default: '
        'simple, all pairs)',
    )
    parser.add_argument(
        '--image-size',
        type=int,
        default=128,
        metavar='PX',
        help='side of the camera pictures (default: 128)',
    )
    _add_episodes(parser)
    parser.add_argument(
        '--robot', choices=('low_poly', 'detailed'), default='low_poly', help='meshes of the robot'
    )
    for camera in ('base', 'wrist'):
        parser.add_argument(
            f'--{camera}-camera',
            choices=('framed', 'original'),
            default='framed',
            help=f"place of the {camera} camera: C2A's own or the paper's (default: framed)",
        )


def _add_seeds(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        '--episodes', type=int, metavar='N', help='of each task, the first N successful seeds'
    )
    which.add_argument(
        '--seeds',
        metavar='A-B',
        help='of each task, the successful ones of these seeds: 3, 0-99 or 1,4,7-9',
    )
    parser.add_argument(
        '--first-seed',
        type=int,
        default=0,
        metavar='SEED',
        help='where --episodes begins (default: 0); seeds from '
        f'{FIRST_EVALUATION_SEED:,} on belong to evaluation',
    )


def _add_episodes(parser: argparse.ArgumentParser) -> None:
    """What is drawn, who plans, and what disturbs."""
    parser.add_argument(
        '--pictures',
        default='all',
        metavar='RULE',
        help='all: both cameras in every row, as a policy needs them; key-steps:N: the base '
        "camera's at key steps and in about N more rows of each sub-task, enough for a planner "
        'and several times as fast (default: all)',
    )
    parser.add_argument(
        '--noise',
        type=float,
        default=0.0,
        metavar='METRES',
        help='push the arm aside in bursts of Gaussian noise of this deviation in a step '
        '(default: 0)',
    )
    parser.add_argument(
        '--policy',
        default='',
        metavar='NAME',
        help='let a trained policy move the arm in stretches; how the skill goes on from there is '
        'what is learned (DAgger): a shipped name or a directory',
    )
    parser.add_argument(
        '--policy-steps',
        metavar='A-B',
        help='length of such a stretch; long ones show a planner how a policy arrives and waits; '
        'all: it moves the arm throughout, also with --planner vlm, for a planner to learn from '
        f'(default: {POLICY_STEPS[0]}-{POLICY_STEPS[1]})',
    )
    parser.add_argument(
        '--policy-vacuum',
        action='store_true',
        help="the policy switches the vacuum as well: what it drops is picked again; in a skill's "
        'hands it never drops anything',
    )
    parser.add_argument(
        '--late',
        type=int,
        default=0,
        metavar='N',
        help='let each key step come up to N observations late; the robot holds meanwhile '
        '(default: 0)',
    )
    parser.add_argument(
        '--planner',
        choices=PLANNERS,
        default='oracle',
        help='whose key steps are executed: the ground truth, or a learned planner whose '
        'mistakes are to be learned from; oracle_code has the ground truth in any case (default: '
        'oracle)',
    )
    parser.add_argument(
        '--checkpoint',
        default='tiny',
        metavar='NAME',
        help='of --planner vlm: a shipped name, a directory or a hub id (default: tiny)',
    )
    parser.add_argument(
        '--keep',
        choices=KEEP,
        default='success',
        help='all: keep failed episodes as well, marked as such (default: success)',
    )


def check_request(args: argparse.Namespace) -> GenerateRun:
    """Turn parsed arguments into a request.

    Raises:
        ValueError: with a sentence that says what to write instead.
    """
    from c2a_sim_bridge.sim.tasks.registry import select_tasks

    if args.workers is not None and args.workers < 1:
        raise ValueError(f'--workers is {args.workers}, expected at least 1')
    if not 16 <= args.image_size <= 2048:
        raise ValueError(f'--image-size is {args.image_size}, expected 16 to 2048 pixels')
    if not 0.0 <= args.noise <= MAX_NOISE_M:
        raise ValueError(f'--noise is {args.noise}, expected 0 to {MAX_NOISE_M} metres')
    if not 0 <= args.late <= MAX_LATE:
        raise ValueError(f'--late is {args.late}, expected 0 to {MAX_LATE} observations')
    if args.planner != 'oracle' and args.late:
        raise ValueError(f'--late goes with --planner oracle, not with {args.planner}')
    if args.policy and (args.noise or args.pictures != 'all'):
        raise ValueError(
            '--policy goes without --noise and with --pictures all: the policy is what disturbs, '
            'and it sees every row'
        )
    if args.policy and args.planner != 'oracle' and args.policy_steps != ALL_STEPS:
        raise ValueError(
            f'--policy goes with --planner {args.planner} only where it moves the arm throughout: '
            f'--policy-steps {ALL_STEPS}'
        )
    words = [word for name in args.tasks for word in split_task_names(name)]
    return GenerateRun(
        tasks=tuple(select_tasks(words)),
        seeds=_check_seeds(args),
        settings=GenerateSettings(
            image_size=args.image_size,
            robot=args.robot,
            split=args.split,
            base_camera=args.base_camera,
            wrist_camera=args.wrist_camera,
            pictures=parse_picture_rule(args.pictures),
            noise_m=args.noise,
            late=args.late,
            planner=args.planner,
            keep=args.keep,
            **_read_checkpoint(args),
            **_read_policy(args),
        ),
        directory=args.out,
        workers=args.workers,
        ray=args.ray,
    )


def _read_checkpoint(args: argparse.Namespace) -> dict[str, str]:
    """Name and hash of the learned planner's checkpoint, without its weights."""
    if args.planner == 'oracle':
        return {}
    from c2a_planner.checkpoint import find_checkpoint

    checkpoint = find_checkpoint(args.checkpoint)
    checkpoint.check(args.base_camera)
    return {'checkpoint': args.checkpoint, 'checkpoint_hash': checkpoint.label}


def _read_policy(args: argparse.Namespace) -> dict[str, Any]:
    """Name and hash of the policy's checkpoint, without its weights, and how long it leads."""
    if not args.policy:
        if args.policy_steps is not None:
            raise ValueError('--policy-steps goes with --policy')
        if args.policy_vacuum:
            raise ValueError('--policy-vacuum goes with --policy')
        return {}
    policy_steps = _read_policy_steps(args.policy_steps)
    if policy_steps is None and args.policy_vacuum:
        raise ValueError(
            f'--policy-vacuum is for stretches: with --policy-steps {ALL_STEPS} the policy '
            'switches the vacuum in any case'
        )
    from c2a_controller.policy_checkpoint import find_checkpoint

    checkpoint = find_checkpoint(args.policy)
    checkpoint.check(args.base_camera, args.wrist_camera)
    if checkpoint.info.text != 'code':
        raise ValueError(f'policy {args.policy} is told the {checkpoint.info.text}, not code')
    label = checkpoint.label
    return {
        'policy': args.policy,
        'policy_hash': label,
        'policy_steps': policy_steps,
        'policy_vacuum': args.policy_vacuum,
    }


def _read_policy_steps(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return POLICY_STEPS
    if text == ALL_STEPS:
        return None
    least, _, most = text.partition('-')
    is_pair = least.isdecimal() and most.isdecimal()
    if not is_pair or not 1 <= int(least) <= int(most) <= MAX_POLICY_STEPS:
        raise ValueError(
            f'--policy-steps is {text}, expected {ALL_STEPS}, or two numbers from 1 to '
            f'{MAX_POLICY_STEPS} such as 10-60'
        )
    return int(least), int(most)


def _check_seeds(args: argparse.Namespace) -> SeedRequest:
    if args.seeds is not None:
        if args.first_seed:
            raise ValueError('--first-seed goes with --episodes, not with --seeds')
        seeds = parse_seeds(args.seeds)
        _refuse_evaluation(max(seeds))
        return SeedRequest(seeds=seeds)
    if args.episodes < 1 or args.first_seed < 0:
        raise ValueError(
            f'--episodes {args.episodes} from seed {args.first_seed} on, expected at least 1 from '
            'a seed of 0 or more'
        )
    _refuse_evaluation(args.first_seed + args.episodes - 1)
    return SeedRequest(episodes=args.episodes, start=args.first_seed)


def _refuse_evaluation(seed: int) -> None:
    if seed >= FIRST_EVALUATION_SEED:
        raise ValueError(
            f'seed {seed} belongs to evaluation, as all from {FIRST_EVALUATION_SEED} on: '
            'demonstrations of them would make every result worthless, take smaller ones'
        )
