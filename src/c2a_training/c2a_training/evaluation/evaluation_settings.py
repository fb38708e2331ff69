# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What is evaluated: all that the outcome of an episode depends on besides task and seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from c2a_controller.chunk_alignment import LATE_CHUNK
from c2a_controller.chunk_executor import EXEC_HORIZON, ON_NEW_KEY_STEP
from c2a_core.delay import delay_steps, parse_delay
from c2a_core.spaces import CONTROL_DT
from c2a_planner.planner import DONE_CONFIRMATIONS

PLANNERS = ('oracle', 'vlm', 'openai', 'none')
LOW_LEVELS = ('oracle', 'policy', 'replay')
# Of a policy's denoising; empty takes the checkpoint's own.
SCHEDULERS = ('', 'ddim', 'ddpm', 'flow')
POLICY_OPTIONS = (
    *('policy_checkpoint', 'on_new_key_step', 'exec_horizon', 'policy_delay_s', 'late_chunk'),
    *('denoising_steps', 'scheduler', 'warm_start', 'noise_scale'),
)
"""Settings that mean something with low level ``policy`` only."""


@dataclass(frozen=True)
class EvaluationSettings:
    """One cell of the table of planners and low levels, and how it is measured.

    Attributes:
        planner: one of `PLANNERS`.
        low_level: one of `LOW_LEVELS`.
        checkpoint: vlm: a shipped name, a directory or a hub id.
        early_stop_chars: characters of a reply that decide that the sub-task goes on; 0 is off.
        done_confirmations: replies in a row that must say `done()` before it counts, if nobody
            asked for a key step.
        constrained: vlm: decode only what the skill API's grammar allows.
        server_url: openai: address of the server.
        server_model: openai: name of the model there.
        planner_delay_s: robot time that a reply takes [s], or ``measured`` (semantics 10).
        policy_checkpoint: policy: a shipped name or a directory.
        on_new_key_step: policy: what a new key step does to the running chunk.
        exec_horizon: policy: actions executed of a chunk before the next one takes over.
        policy_delay_s: policy: robot time that a chunk takes [s], or ``measured``.
        late_chunk: policy: row with which a chunk begins that took time, one of `LATE_CHUNK`.
        denoising_steps: policy: of a chunk; 0 takes the checkpoint's own number.
        scheduler: policy: of the denoising; empty takes the checkpoint's own.
        warm_start: policy: share of the denoising that the last chunk saves; None takes the
            checkpoint's own.
        noise_scale: policy: of the noise that a chunk begins with; None takes the checkpoint's.
        replay_dir: replay: recorded episodes.
        blind: the planner gets a black picture.
        split: objects to draw from, see `c2a_sim_bridge.sim.object_pool`.
        image_size: side of the camera pictures [px].
        base_camera: ``framed`` or ``original``.
        robot: ``low_poly`` or ``detailed``.
    """

    planner: str = 'vlm'
    low_level: str = 'oracle'
    checkpoint: str = 'tiny'
    early_stop_chars: int = 8
    done_confirmations: int = DONE_CONFIRMATIONS
    constrained: bool = False
    server_url: str = 'http://127.0.0.1:8000/v1'
    server_model: str = ''
    planner_delay_s: str = '0.0'
    policy_checkpoint: str = 'tiny'
    on_new_key_step: str = 'flush'
    exec_horizon: int = EXEC_HORIZON
    policy_delay_s: str = '0.0'
    late_chunk: str = 'pose'
    denoising_steps: int = 0
    scheduler: str = ''
    warm_start: float | None = None
    noise_scale: float | None = None
    replay_dir: Path | None = None
    blind: bool = False
    split: str = 'simple'
    image_size: int = 128
    base_camera: str = 'framed'
    robot: str = 'low_poly'

    @property
    def sees(self) -> bool:
        """Whether the planner's answers depend on pictures."""
        return self.planner in ('vlm', 'openai') and not self.blind

    @property
    def has_policy(self) -> bool:
        """Whether a learned policy moves the arm."""
        return self.low_level == 'policy'

    @property
    def is_planner_late(self) -> bool:
        """Whether key steps take effect later than at the observation that they answer."""
        delay_s = parse_delay(self.planner_delay_s)
        return delay_s is None or delay_steps(delay_s, CONTROL_DT) > 0

    def check(self) -> None:
        """Refuse pairs of planner and low level that cannot work together.

        Raises:
            ValueError: with a sentence that says what to write instead.
        """
        if self.planner == 'none' and self.low_level == 'oracle':
            raise ValueError(
                '--planner none gives the instruction to a learned policy, and a scripted skill '
                'cannot read it: use --low-level policy with a flat --policy-checkpoint, or '
                'another --planner'
            )
        if self.low_level == 'replay' and self.replay_dir is None:
            raise ValueError(
                '--low-level replay needs --replay-dir: a directory of recorded episodes'
            )
        if self.blind and self.planner not in ('vlm', 'openai'):
            raise ValueError(
                f'--blind says nothing about --planner {self.planner}: it sees nothing'
            )
        if self.done_confirmations < 1:
            raise ValueError(
                f'--done-confirmations is {self.done_confirmations}, expected at least 1'
            )
        self._check_planner_delay()
        self._check_policy()

    def config(self) -> dict[str, str | int | float | bool | None]:
        """What a journal and a JSON file say about the settings.

        A run with other values is not the same experiment. The checkpoint's hash is added to it by
        who knows it.
        """
        config: dict[str, str | int | float | bool | None] = {
            'planner': self.planner,
            'low_level': self.low_level,
            'blind': self.blind,
            'split': self.split,
            'image_size': self.image_size,
            'base_camera': self.base_camera,
            'robot': self.robot,
        }
        if self.planner in ('vlm', 'openai'):
            config['early_stop_chars'] = self.early_stop_chars
            if self.has_policy:
                config['done_confirmations'] = self.done_confirmations
        if self.planner == 'vlm':
            config['constrained'] = self.constrained
        if self.planner == 'openai':
            config['server_model'] = self.server_model
        if self.is_planner_late:
            config['planner_delay_s'] = _delay(self.planner_delay_s)
        if self.has_policy:
            config |= {
                'on_new_key_step': self.on_new_key_step,
                'exec_horizon': self.exec_horizon,
                'policy_delay_s': _delay(self.policy_delay_s),
                'late_chunk': self.late_chunk,
                'denoising_steps': self.denoising_steps,
                'scheduler': self.scheduler,
                'warm_start': self.warm_start,
                'noise_scale': self.noise_scale,
            }
        if self.replay_dir is not None:
            config['replay_dir'] = str(self.replay_dir)
        return config

    def _check_planner_delay(self) -> None:
        try:
            is_late = self.is_planner_late
        except ValueError as err:
            raise ValueError(f'--planner-delay-s: {err}') from err
        if is_late and self.planner == 'none':
            raise ValueError('--planner-delay-s says nothing about --planner none: it never plans')

    def _check_policy(self) -> None:
        """Refuse values that no policy takes, and a policy's options where there is none."""
        defaults = EvaluationSettings()
        if not self.has_policy:
            for name in POLICY_OPTIONS:
                if getattr(self, name) != getattr(defaults, name):
                    option = '--' + name.replace('_', '-')
                    raise ValueError(
                        f'{option} is for --low-level policy, not for {self.low_level}: leave it '
                        'out, or add --low-level policy'
                    )
            return
        try:
            parse_delay(self.policy_delay_s)
        except ValueError as err:
            raise ValueError(f'--policy-delay-s: {err}') from err
        if self.exec_horizon < 1:
            raise ValueError(f'--exec-horizon is {self.exec_horizon}, expected at least 1')
        if self.denoising_steps < 0:
            raise ValueError(
                f'--denoising-steps is {self.denoising_steps}, expected at least 1, or 0 for the '
                "checkpoint's own number"
            )
        if self.warm_start is not None and not 0.0 <= self.warm_start < 1.0:
            raise ValueError(f'--warm-start is {self.warm_start}, expected 0 or more, under 1')
        if self.noise_scale is not None and not 0.0 <= self.noise_scale <= 1.0:
            raise ValueError(f'--noise-scale is {self.noise_scale}, expected 0 to 1')
        if self.late_chunk not in LATE_CHUNK:
            raise ValueError(
                f'--late-chunk is {self.late_chunk!r}, expected one of ' + ', '.join(LATE_CHUNK)
            )
        if self.on_new_key_step not in ON_NEW_KEY_STEP:
            raise ValueError(
                f'--on-new-key-step is {self.on_new_key_step!r}, expected one of '
                + ', '.join(ON_NEW_KEY_STEP)
            )


def _delay(text: str) -> float | str:
    """A delay in one form, however it was written."""
    delay_s = parse_delay(text)
    return text if delay_s is None else delay_s
