# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Arguments of `c2a evaluate run`, and the checked request that they become."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from c2a_controller.chunk_alignment import LATE_CHUNK
from c2a_controller.chunk_executor import ON_NEW_KEY_STEP
from c2a_core.task_names import split_task_names
from c2a_planner.planner import DONE_CONFIRMATIONS
from c2a_training.evaluation.evaluation_settings import (
    LOW_LEVELS,
    PLANNERS,
    SCHEDULERS,
    EvaluationSettings,
)
from c2a_training.seeds import parse_seeds, render_seeds

DEFAULT_SEEDS = '1000000-1000063'
# Settings that are no argument: the checkpoints know their camera.
_NOT_GIVEN = ('base_camera', 'robot')


@dataclass(frozen=True)
class EvaluationRun:
    """A checked request: what to run and what to write.

    Attributes:
        settings: what is evaluated.
        checkpoint: hash of the planner's checkpoint, or its name where it has none.
        tasks: names, in order.
        seeds: of each task.
        workers: processes.
        policy_checkpoint: hash of the policy's checkpoint, empty without one.
        looks: what the models' training had shown of split `test`, see `checkpoint_facts`; empty
            for other splits, and where nothing was learned.
        json: file of the results.
        html: file of the report.
        video: folder of the videos.
    """

    settings: EvaluationSettings
    checkpoint: str
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    workers: int
    policy_checkpoint: str = ''
    looks: str = ''
    json: Path | None = None
    html: Path | None = None
    video: Path | None = None

    @property
    def config(self) -> dict[str, object]:
        """What the journal holds the run to: everything but tasks and seeds."""
        config = {**self.settings.config(), 'checkpoint': self.checkpoint}
        if self.settings.has_policy:
            config['policy_checkpoint'] = self.policy_checkpoint
        return config

    def document_config(self, commits: Sequence[str], *, complete: bool) -> dict[str, object]:
        """What the JSON file says about the run."""
        return {
            **self.config,
            'tasks': list(self.tasks),
            'seeds': render_seeds(self.seeds),
            'commit': ', '.join(commits),
            'complete': complete,
            **({'looks': self.looks} if self.looks else {}),
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        '--planner', choices=PLANNERS, default='vlm', help='who writes the code (default: vlm)'
    )
    parser.add_argument(
        '--low-level',
        choices=LOW_LEVELS,
        default='oracle',
        help='who moves the arm: scripted skills, a learned policy, or recorded actions '
        '(default: oracle)',
    )
    parser.add_argument(
        '--tasks',
        nargs='+',
        default=['table1'],
        metavar='NAME',
        help='task names, variants such as Rotate:num_actors=3, or lists: table1, table2, image, '
        'all (default: table1)',
    )
    add_seeds(parser)
    parser.add_argument(
        '--any-seeds',
        action='store_true',
        help='allow seeds under 1000000, which training data may have: for tests, not for results',
    )
    add_workers(parser)
    parser.add_argument(
        '--split',
        choices=('simple', 'train', 'test'),
        default='simple',
        help='objects to draw from: test has colour-shape pairs that train has not, and the '
        'results say whether a checkpoint was trained on some (default: simple, all pairs)',
    )
    parser.add_argument(
        '--image-size',
        type=int,
        default=128,
        metavar='PX',
        help='side of the pictures that planner and policy get (default: 128)',
    )
    _add_planner_arguments(parser)
    _add_low_level_arguments(parser)
    _add_outputs(parser)


def add_seeds(parser: argparse.ArgumentParser) -> None:
    """Declare which episodes of each task are run."""
    parser.add_argument(
        '--seeds',
        default=DEFAULT_SEEDS,
        metavar='A-B',
        help=f'numbers and ranges, from 1000000 on (default: {DEFAULT_SEEDS})',
    )


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Declare how many processes run them."""
    parser.add_argument(
        '--workers',
        type=int,
        default=1,
        metavar='N',
        help='processes; results do not depend on it (default: 1)',
    )


def _add_planner_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--checkpoint',
        default='tiny',
        metavar='NAME',
        help='vlm: a shipped name, a directory or a hub id (default: tiny)',
    )
    parser.add_argument(
        '--early-stop-chars',
        type=int,
        default=8,
        metavar='K',
        help='characters of a reply that decide that the sub-task goes on; 0 is off (default: 8); '
        'nothing to decide with --low-level oracle, which asks for key steps only',
    )
    parser.add_argument(
        '--done-confirmations',
        type=int,
        default=DONE_CONFIRMATIONS,
        metavar='N',
        help='replies in a row that must say done() before it counts, if nobody asked for a key '
        f'step (default: {DONE_CONFIRMATIONS})',
    )
    parser.add_argument(
        '--constrained',
        action='store_true',
        help="vlm: decode only what the skill API's grammar allows",
    )
    parser.add_argument(
        '--server-url',
        default='http://127.0.0.1:8000/v1',
        metavar='URL',
        help='openai: address of the server (default: http://127.0.0.1:8000/v1)',
    )
    parser.add_argument(
        '--server-model', default='', metavar='NAME', help="openai: model; default: the server's"
    )
    parser.add_argument(
        '--blind',
        action='store_true',
        help='the planner gets a black picture: the control that shows what seeing is worth',
    )
    _add_delay(parser, 'planner', 'a reply of the planner')


def _add_low_level_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--policy-checkpoint',
        default='tiny',
        metavar='NAME',
        help='policy: a shipped name or a directory (default: tiny)',
    )
    parser.add_argument(
        '--on-new-key-step',
        choices=ON_NEW_KEY_STEP,
        default='flush',
        help='policy: what a new key step does to the rest of the running chunk (default: flush)',
    )
    parser.add_argument(
        '--exec-horizon',
        type=int,
        default=EvaluationSettings.exec_horizon,
        metavar='N',
        help='policy: actions executed of a chunk before the next one takes over '
        '(default: %(default)s)',
    )
    parser.add_argument(
        '--denoising-steps',
        type=int,
        default=0,
        metavar='N',
        help="policy: of a chunk (default: the checkpoint's own number; --scheduler ddpm: all)",
    )
    parser.add_argument(
        '--scheduler',
        choices=SCHEDULERS[1:],
        default='',
        help="policy: of the denoising (default: the checkpoint's own)",
    )
    parser.add_argument(
        '--warm-start',
        type=float,
        metavar='SHARE',
        help='policy: of the denoising, saved by beginning with the last chunk (default: the '
        "checkpoint's own)",
    )
    parser.add_argument(
        '--noise-scale',
        type=float,
        metavar='SCALE',
        help='policy: of the noise that a chunk begins with: 1 draws one of those that were '
        "learned, 0 takes the middle (default: the checkpoint's own)",
    )
    _add_delay(parser, 'policy', 'a chunk of the policy')
    parser.add_argument(
        '--late-chunk',
        choices=LATE_CHUNK,
        default=EvaluationSettings.late_chunk,
        help='policy: row with which a chunk begins that took time to make; pose: where the arm '
        'is on its path, time: that of this step (default: %(default)s)',
    )
    parser.add_argument(
        '--replay-dir', type=Path, metavar='DIR', help='replay: recorded episodes (.npz)'
    )


def _add_delay(parser: argparse.ArgumentParser, whose: str, what: str) -> None:
    parser.add_argument(
        f'--{whose}-delay-s',
        default='0.0',
        metavar='S',
        help=f'robot time that {what} takes, in seconds, or measured, which does not repeat '
        '(default: 0.0)',
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--json', type=Path, metavar='FILE', help='write the results as JSON; makes it resumable'
    )
    parser.add_argument(
        '--html', type=Path, metavar='FILE', help='write a report: tables, plots and videos'
    )
    parser.add_argument(
        '--video',
        type=Path,
        metavar='DIR',
        help='write a video of one success and one failure of each task',
    )


def check_request(args: argparse.Namespace) -> EvaluationRun:
    """Turn parsed arguments into a request.

    Raises:
        ValueError: with a sentence that says what to write instead.
    """
    from c2a_sim_bridge.sim.tasks.registry import select_tasks
    from c2a_training.evaluation.checkpoint_facts import looks_of, read_facts, read_policy_facts
    from c2a_training.evaluation.evaluation_seeds import check_seeds, check_unseen

    if args.workers < 1:
        raise ValueError(f'--workers is {args.workers}, expected at least 1')
    if not 16 <= args.image_size <= 2048:
        raise ValueError(f'--image-size is {args.image_size}, expected 16 to 2048 pixels')
    seeds = parse_seeds(args.seeds)
    if not args.any_seeds:
        check_seeds(seeds)
    words = [word for name in args.tasks for word in split_task_names(name)]
    tasks = tuple(select_tasks(words))
    names = (entry.name for entry in fields(EvaluationSettings))
    settings = EvaluationSettings(
        **{name: getattr(args, name) for name in names if name not in _NOT_GIVEN}
    )
    settings.check()
    models = [read_facts(settings)]
    if settings.has_policy:
        models.append(read_policy_facts(settings))
    for facts in models:
        if not args.any_seeds:
            check_unseen(seeds, facts)
        settings = facts.adapt(settings)
    for facts in models:
        facts.check_camera(settings)
        facts.check_text(settings)
    return EvaluationRun(
        settings=settings,
        checkpoint=models[0].checkpoint,
        tasks=tasks,
        seeds=seeds,
        workers=args.workers,
        policy_checkpoint=models[-1].checkpoint if settings.has_policy else '',
        looks=looks_of(models) if settings.split == 'test' else '',
        json=args.json,
        html=args.html,
        video=args.video,
    )
