# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The loop of a stage: batches, steps, validation, savings, and an end at any time."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast

from c2a_training.training.prefetch import Prefetch
from c2a_training.training.stage_config import StageConfig
from c2a_training.training.train_log import Meter, TrainLog
from c2a_training.training.train_schedule import done_share, learning_rate
from c2a_training.training.train_state import Progress, StateStore, TrainState
from c2a_training.training.train_step import TrainStep
from c2a_training.training.training_card import note_commit

Batch = dict[str, torch.Tensor]


class LoopSettings(Protocol):
    """The part of a training's settings that the loop reads.

    Attributes:
        preset: of another one than `tiny` only what learns is saved.
        validate_minutes: between two validations.
        checkpoint_minutes: between two savings of the training's state.
    """

    preset: str
    validate_minutes: float
    checkpoint_minutes: float


@dataclass(frozen=True)
class Stage:
    """A stage that is ready to run.

    Attributes:
        name: of the stage.
        config: its length and optimiser.
        step: what a step does.
        make_batch: batch of a step of this process, on the CPU; called in a thread.
        validate: figures on held-out episodes, or none; called by all processes.
        metric: name of the figure that chooses the best checkpoint; larger is better.
        sizes: what is counted of a batch of this process.
        keep: writes a checkpoint when a validation was the best so far, None for no checkpoints.
    """

    name: str
    config: StageConfig
    step: TrainStep
    make_batch: Callable[[int], Batch]
    validate: Callable[[], dict[str, float]]
    metric: str
    sizes: Callable[[Batch], dict[str, float]]
    keep: Callable[[Progress], None] | None = None


class StopRequest:
    """Whether somebody asked the training to end: Ctrl-C, or a SIGTERM."""

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Turn the signals into `asked`; a second Ctrl-C ends at once."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def ask(number: int, _: object) -> None:
            if self.asked and number == signal.SIGINT:
                raise KeyboardInterrupt
            self.asked = True

        for number in before:
            signal.signal(number, ask)
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass(frozen=True)
class _Decision:
    """What the first process decides before each step."""

    share: float
    validate: bool
    save: bool
    stop: bool


class TrainLoop:
    """Runs stages.

    Args:
        accelerator: the processes and the device.
        config: of the training.
        store: where its states go.
        log: where its words go.
        progress: where it is; changed as it goes.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        config: LoopSettings,
        store: StateStore,
        log: TrainLog,
        progress: Progress,
    ) -> None:
        self._accelerator = accelerator
        self._config = config
        self._store = store
        self._log = log
        self._stop = StopRequest()
        self.progress = progress
        note_commit(progress)

    def run(self, stage: Stage) -> bool:
        """Run a stage to its end, or until it is asked to stop.

        Returns:
            Whether the stage is done.
        """
        progress = self.progress
        self._before_s = progress.seconds
        self._total_before_s = progress.total_seconds
        self._started = self._validated = self._saved = time.perf_counter()
        meter, rate = Meter(), 0.0
        with self._stop.listening(), Prefetch(stage.make_batch, progress.step) as batches:
            while True:
                decision = self._decide(stage)
                if decision.validate:
                    self._validate(stage)
                if decision.save:
                    self.save(stage)
                if decision.stop or decision.share >= 1:
                    break
                waited = batches.waited_s
                batch = self._to_device(batches.take())
                rate = learning_rate(stage.config, progress.step, decision.share)
                out = stage.step.run(batch, progress.step, rate)
                progress.step += 1
                progress.total_steps += 1
                self._count(meter, out, stage.sizes(batch), batches.waited_s - waited)
                if self._show(stage, decision.share, rate, meter):
                    meter = Meter()
        with self._stop.listening():
            if decision.share >= 1:
                self._validate(stage)
            self.save(stage)
        return decision.share >= 1

    def save(self, stage: Stage) -> None:
        """Write the state; all processes must call it."""
        self._count_seconds()
        # Of a large model that was opened, only what was learned is worth the space.
        model = stage.step.model_state(learning_only=self._config.preset != 'tiny')
        optimizer = stage.step.optimizer_state()
        if self._accelerator.is_main_process:
            self._store.save(TrainState(replace(self.progress), model, optimizer))
        self._saved = time.perf_counter()
        self._accelerator.wait_for_everyone()

    def _decide(self, stage: Stage) -> _Decision:
        self._count_seconds()
        now, progress = time.perf_counter(), self.progress
        share = done_share(stage.config, progress.step, progress.seconds)
        values = torch.tensor(
            [
                share,
                now - self._validated > 60 * self._config.validate_minutes,
                now - self._saved > 60 * self._config.checkpoint_minutes,
                self._stop.asked,
            ],
            dtype=torch.float64,
        )
        if self._accelerator.num_processes > 1:
            # Clocks and signals differ between processes: the first one decides for all.
            values = broadcast(values.float().to(self._accelerator.device)).cpu()
        share, validate, save, stop = values.tolist()
        return _Decision(share, bool(validate), bool(save), bool(stop))

    def _validate(self, stage: Stage) -> None:
        progress, metrics = self.progress, stage.validate()
        self._validated = time.perf_counter()
        if not metrics:
            return
        progress.metrics = metrics
        self._log.validated(stage.name, progress.total_steps, progress.metrics)
        value = progress.metrics.get(stage.metric)
        is_best = value is not None and (progress.best is None or value > progress.best)
        if is_best and stage.keep is not None:
            progress.best = value
            stage.keep(progress)

    def _count(
        self,
        meter: Meter,
        out: Mapping[str, torch.Tensor],
        sizes: Mapping[str, float],
        waited_s: float,
    ) -> None:
        processes = self._accelerator.num_processes
        meter.add(
            **{name: float(value) for name, value in out.items()},
            **{name: size * processes for name, size in sizes.items()},
            steps=1,
            waited_s=waited_s,
        )

    def _count_seconds(self) -> None:
        passed = time.perf_counter() - self._started
        self.progress.seconds = self._before_s + passed
        self.progress.total_seconds = self._total_before_s + passed

    def _show(self, stage: Stage, share: float, rate: float, meter: Meter) -> bool:
        progress, config = self.progress, stage.config
        if config.steps is not None:
            per_step = meter.seconds / max(1.0, meter.sums.get('steps', 1.0))
            left_s = (config.steps - progress.step) * per_step
        else:
            left_s = max(0.0, 60 * config.minutes - progress.seconds)
        return self._log.show(stage.name, progress.total_steps, share, left_s, rate, meter)

    def _to_device(self, batch: Mapping[str, torch.Tensor]) -> Batch:
        device = self._accelerator.device
        if device.type == 'cpu':
            return dict(batch)
        return {name: value.to(device, non_blocking=True) for name, value in batch.items()}
