# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What is looked at while a policy is trained: held-out windows, plots, and now and then episodes.

The score chooses the best checkpoint: success in closed loop where episodes are run, and among
equals the lower loss; else the loss alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from c2a_controller.normaliser import Normaliser
from c2a_controller.policy import Policy
from c2a_controller.policy_objective import make_objective
from c2a_training.policy.chunk_plot import plot_chunks
from c2a_training.policy.closed_loop import SUCCESS, ClosedLoop
from c2a_training.policy.policy_data import WindowTensors, held_batches
from c2a_training.policy.policy_train_config import PolicyTrainConfig
from c2a_training.policy.policy_train_net import PolicyTrainNet
from c2a_training.policy.policy_validation import HeldChunks, validate_policy
from c2a_training.training.train_log import TrainLog
from c2a_training.training.train_schedule import done_share
from c2a_training.training.train_state import Progress

METRIC = 'score'
# A loss is a few hundredths to a few: it decides between equal shares of successes only.
_LOSS_SHARE = 1e-3
_PLOT = 'policy/chunks'

Autocast = Callable[[], AbstractContextManager[None]]


class PolicyCheckup:
    """Looks at a policy.

    Args:
        config: of the training.
        net: with the weights that are looked at, not wrapped.
        held: windows that are held out, None if there are none.
        normaliser: of actions.
        log: where plots and words go.
        closed_loop: runs episodes; None never does.
        make_policy: the policy as it would be shipped.
    """

    def __init__(
        self,
        config: PolicyTrainConfig,
        net: PolicyTrainNet,
        held: WindowTensors | None,
        normaliser: Normaliser,
        log: TrainLog,
        closed_loop: ClosedLoop | None,
        make_policy: Callable[[Progress], Policy],
    ) -> None:
        self._config = config
        self._net = net
        self._held = held
        self._normaliser = normaliser
        self._log = log
        self._closed_loop = closed_loop
        self._make_policy = make_policy
        self._objective = make_objective(config.model)
        self._looped_s = time.perf_counter()

    def figures(self, progress: Progress, autocast: Autocast) -> dict[str, float]:
        """Figures of the weights as they are; none where there is nothing to look at.

        Args:
            progress: where the training is.
            autocast: in which the network is called.
        """
        figures: dict[str, float] = {}
        if self._held is not None:
            figures, chunks = self._look(autocast)
            self._draw(chunks, progress)
        score = -_LOSS_SHARE * figures.get('loss', 0.0)
        if self._closed_loop is None:
            return {**figures, METRIC: score} if figures else {}
        if self._is_loop_due(progress):
            self._log.say('closed loop: running episodes')
            figures |= self._closed_loop.run(self._make_policy(progress))
            figures[METRIC] = figures[SUCCESS] + score
            self._looped_s = time.perf_counter()
        return figures

    def _look(self, autocast: Autocast) -> tuple[dict[str, float], HeldChunks]:
        config = self._config
        batches = held_batches(
            self._held,
            self._objective,
            config.validation_windows,
            config.train.batch_size,
            config.repeats,
        )
        return validate_policy(self._net, batches, self._objective, self._normaliser, autocast)

    def _draw(self, chunks: HeldChunks, progress: Progress) -> None:
        plots, count = self._config.plots, len(chunks.mask)
        if not plots:
            return
        windows = self._held.windows
        chosen = sorted({count * at // plots for at in range(plots)})
        numbers = windows.spread(self._config.validation_windows)[chosen]
        texts = [windows.texts[at] for at in windows.text(numbers).tolist()]
        figure = plot_chunks(chunks, chosen, [' | '.join(filter(None, text)) for text in texts])
        self._log.draw(_PLOT, progress.total_steps, figure)

    def _is_loop_due(self, progress: Progress) -> bool:
        passed_s = time.perf_counter() - self._looped_s
        is_end = done_share(self._config.train, progress.step, progress.seconds) >= 1
        return is_end or passed_s > 60 * self._config.closed_loop.minutes
