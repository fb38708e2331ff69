# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a training says: a progress bar, or lines where there is no terminal, and TensorBoard."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from torch.utils.tensorboard import SummaryWriter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Between two points in TensorBoard, and between two lines where there is no terminal.
_POINT_S, _LINE_S = 2.0, 30.0
# What is counted, and the name of the figure that says how much of it a second.
_RATES = {
    'steps': 'steps_per_s',
    'sequences': 'sequences_per_s',
    'samples': 'samples_per_s',
    'pictures': 'pictures_per_s',
    'positions': 'tokens_per_s',
}


class Meter:
    """Sums since the last look at them."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.sums: dict[str, float] = {}

    def add(self, **values: float) -> None:
        """Add to the sums."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.perf_counter() - self.started

    def means(self) -> dict[str, float]:
        """Figures of the stretch: loss, accuracy of tokens, throughput, wait for data."""
        total, seconds = self.sums, max(self.seconds, 1e-9)
        figures = {
            'loss': total['loss'] / max(total['n'], 1e-9),
            'grad_norm': total['grad_norm'] / total['steps'],
            'data_wait_percent': 100 * total['waited_s'] / seconds,
        }
        if 'tokens' in total:
            figures['token_accuracy'] = total['correct'] / max(total['tokens'], 1.0)
        rates = {name: total[key] / seconds for key, name in _RATES.items() if key in total}
        return figures | rates


class TrainLog:
    """Log of one process; silent but for the first one.

    Args:
        directory: of the training; TensorBoard's files go to `tensorboard/` in it.
        console: where people read; None for silence.
        start_step: first step that is written; later ones of an earlier run are dropped.
    """

    def __init__(self, directory: Path, console: Console | None, start_step: int) -> None:
        self._console = console
        self._writer: SummaryWriter | None = None
        if console is None:
            return
        self._writer = SummaryWriter(str(directory / 'tensorboard'), purge_step=start_step)
        self._progress = Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn('{task.fields[note]}'),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bar = self._progress.add_task('', total=1.0, note='')
        self._last_line = time.perf_counter()

    def __enter__(self) -> TrainLog:
        if self._console is not None:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console is not None:
            self._progress.stop()
        if self._writer is not None:
            self._writer.close()

    def say(self, text: str) -> None:
        """A line for people."""
        if self._console is not None:
            self._console.print(text, soft_wrap=True, highlight=False)

    def tenths(self, name: str) -> Callable[[float], None]:
        """What says each tenth of a share that is done.

        Args:
            name: of what is done.
        """
        told = 0.0

        def show(share: float) -> None:
            nonlocal told
            if share >= told:
                self.say(f'{name}: {100 * share:.0f}%')
                told = share + 0.1

        return show

    def show(
        self, stage: str, step: int, share: float, left_s: float, rate: float, meter: Meter
    ) -> bool:
        """Show where the training is, if it is time to.

        Args:
            stage: name of the stage.
            step: of all stages.
            share: of the stage that is done.
            left_s: expected until its end.
            rate: learning rate.
            meter: sums since the last time this was true.

        Returns:
            Whether the meter was read: begin a new one.
        """
        if self._writer is None or meter.seconds < _POINT_S:
            return False
        means = meter.means()
        for name, value in {**means, 'learning_rate': rate}.items():
            self._writer.add_scalar(f'{stage}/{name}', value, step)
        left = datetime.timedelta(seconds=round(left_s))
        note = f'ETA {left}, step {step}, {_progress_words(means)}'
        self._progress.update(self._bar, description=stage, completed=share, note=note)
        if not self._console.is_terminal and time.perf_counter() - self._last_line > _LINE_S:
            self._last_line = time.perf_counter()
            tokens = f', {means["tokens_per_s"]:.0f} tokens/s' if 'tokens_per_s' in means else ''
            self.say(
                f'{stage} {100 * share:.1f}%: {note}{tokens}, '
                f'waiting {means["data_wait_percent"]:.0f}%, lr {rate:.2g}'
            )
        return True

    def validated(self, stage: str, step: int, metrics: Mapping[str, float]) -> None:
        """Write and say the result of a validation."""
        if self._writer is None:
            return
        for name, value in metrics.items():
            self._writer.add_scalar(f'{stage}/validation/{name}', value, step)
        self._writer.flush()
        figures = ', '.join(f'{name} {value:.3f}' for name, value in metrics.items())
        self.say(f'{escape(stage)} step {step}, held-out episodes: {figures}')

    def draw(self, name: str, step: int, figure: Figure) -> None:
        """Put a figure into TensorBoard."""
        if self._writer is not None:
            self._writer.add_figure(name, figure, step)


def _progress_words(means: Mapping[str, float]) -> str:
    """Loss, accuracy and throughput in a few words."""
    words = [f'loss {means["loss"]:.3f}']
    if 'token_accuracy' in means:
        words.append(f'tokens {100 * means["token_accuracy"]:.1f}%')
    words += [
        f'{means[name]:.0f} {name.removesuffix("_per_s")}/s'
        for name in ('sequences_per_s', 'samples_per_s')
        if name in means
    ]
    return ', '.join(words)
