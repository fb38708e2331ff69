# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The planner node: one KeyStep for each Observation. Thin: see `planner_loop.py`, `planner.py`.

A lifecycle node: configured it has its model, activated it answers, deactivated it stops the task.
"""

from __future__ import annotations

import sys
import traceback
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from c2a_core import messages
from c2a_core.delay import parse_delay
from c2a_core.ros import QUIET_PUBLISHER, QUIET_SUBSCRIPTION, Qos, Topic, declare_params, run_node
from c2a_core.ros_diagnostics import OK, WARN, Diagnostics
from c2a_core.types import EndReason, KeyStep, ReplyStatus
from c2a_msgs import msg as c2a
from c2a_planner.backend import PlannerBackend, make_backend
from c2a_planner.params import PlannerParams
from c2a_planner.planner import Planner
from c2a_planner.planner_loop import PlannerLoop, PlannerPorts
from c2a_planner.reply_statistics import ReplyStatistics
from c2a_planner.ros_skill_client import SkillClient
from c2a_planner.ros_task_server import TaskServer

UNHEARD = 4
"""Messages kept while inactive: status, observation and ground truth of the last step."""


class PlannerNode(LifecycleNode):
    """Answers observations with key steps, and has them executed where no policy does.

    Args:
        backend: writes the replies; made from the parameters where None.
    """

    def __init__(self, *, backend: PlannerBackend | None = None, **kwargs) -> None:
        super().__init__('planner', **kwargs)
        self.params = declare_params(self, PlannerParams)
        self._given_backend = backend
        self._is_active = False
        self._unheard: deque = deque(maxlen=UNHEARD)
        self._failure = ''
        self._statistics = ReplyStatistics()
        self._diagnostics: Diagnostics | None = None
        if self.params.autostart:
            self.trigger_configure()
            if self._failure:
                raise ValueError(self._failure)
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Make the model and everything that talks."""
        try:
            self._configure()
        except (ValueError, RuntimeError, OSError, ImportError) as err:
            # rclpy swallows what a transition raises.
            self._failure = str(err)
            self.get_logger().error(f'planner not configured: {err}')
            self.get_logger().debug(traceback.format_exc())
            return TransitionCallbackReturn.FAILURE
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Answer from now on, what came last included: in lockstep the world waits for it."""
        result = super().on_activate(state)
        self._is_active = True
        while self._unheard:
            callback, msg = self._unheard.popleft()
            callback(msg)
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the task and the robot."""
        self.loop.stop(EndReason.aborted('the planner was deactivated'))
        self._is_active = False
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model."""
        self._free()
        return super().on_cleanup(state)

    def destroy_node(self) -> None:
        """End everything."""
        if hasattr(self, 'loop'):
            self._free()
        super().destroy_node()

    def _configure(self) -> None:
        params = self.params
        backend = self._given_backend or make_backend(params.planner, params.backend_options())
        self.get_logger().info(f'planner {backend.name}, checkpoint {backend.checkpoint}')
        executes_skills = params.low_level == 'oracle'
        if executes_skills and not backend.writes_code:
            raise ValueError(
                f'planner {backend.name} writes no code that skills could execute: '
                'use low_level:=policy or another planner'
            )
        is_lockstep = params.stepping == 'lockstep'
        self._pool = None if is_lockstep else ThreadPoolExecutor(1, 'planner')
        delay_s = parse_delay(params.planner_delay_s) if is_lockstep else 0.0
        self._skills = SkillClient(
            self, is_lockstep, lambda k: self.loop.on_skill_feedback(k), self._on_skill_result
        )
        self.loop = PlannerLoop(
            Planner(
                backend,
                delay_s=delay_s,
                pool=self._pool,
                done_confirmations=params.done_confirmations,
            ),
            PlannerPorts(
                self._publish,
                self._skills.execute,
                self._skills.cancel,
                self._skills.forget,
                self._skills.check,
            ),
            needs_oracle=backend.name == 'oracle',
            executes_skills=executes_skills,
        )
        self._tasks = TaskServer(self, self.loop.stop)
        self._key_steps = self.create_lifecycle_publisher(
            c2a.KeyStep, Topic.KEY_STEP, Qos.KEY_STEP, event_callbacks=QUIET_PUBLISHER
        )
        self._readers = [
            self.create_subscription(*reader, event_callbacks=QUIET_SUBSCRIPTION)
            for reader in (
                (c2a.EpisodeStatus, Topic.EPISODE, self._on_status, Qos.EPISODE),
                (c2a.Observation, Topic.OBSERVATION, self._on_observation, Qos.OBSERVATION),
                (c2a.KeyStep, Topic.ORACLE_KEY_STEP, self._on_oracle, Qos.ORACLE_KEY_STEP),
            )
        ]
        if self._diagnostics is None:
            self._diagnostics = Diagnostics(self, self._report)

    def _free(self) -> None:
        for reader in self._readers:
            self.destroy_subscription(reader)
        self.destroy_lifecycle_publisher(self._key_steps)
        self._skills.destroy()
        self._tasks.destroy()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        del self.loop

    def _on_status(self, msg: c2a.EpisodeStatus) -> None:
        status = messages.episode_status_from_msg(msg)
        if self._hears(self._on_status, msg):
            self.loop.on_status(status)
            self._tasks.on_status(status)

    def _on_observation(self, msg: c2a.Observation) -> None:
        if self._hears(self._on_observation, msg):
            self.loop.on_observation(messages.observation_from_msg(msg))

    def _on_oracle(self, msg: c2a.KeyStep) -> None:
        if self._hears(self._on_oracle, msg):
            self.loop.on_oracle(messages.key_step_from_msg(msg))

    def _hears(self, callback, msg) -> bool:
        """Whether the node is active; if not, the message is kept until it is."""
        if not self._is_active:
            self._unheard.append((callback, msg))
        return self._is_active

    def _on_skill_result(self, success: bool, reason: str, acted: bool) -> None:
        if not success and reason:
            self.get_logger().warning(f'skill failed: {reason}')
        self.loop.on_skill_result(success, reason, acted)

    def _publish(self, key_step: KeyStep) -> None:
        self._key_steps.publish(messages.key_step_to_msg(key_step))
        self._tasks.on_key_step(key_step)
        self._statistics.note(key_step)
        if key_step.is_key_step:
            for line in key_step.code.splitlines():
                self.get_logger().info(f'[{key_step.step:4d}] {line}')
        elif key_step.reply_status == ReplyStatus.INVALID:
            self.get_logger().warning(f'[{key_step.step:4d}] invalid reply: {key_step.reason}')

    def _report(self, diagnostics: Diagnostics) -> None:
        if not hasattr(self, 'loop'):
            return
        planner = self.loop.planner
        invalid = planner.counts[ReplyStatus.INVALID]
        reasons = {f'{status}: {why}': n for (status, why), n in planner.reasons.items()}
        diagnostics.set(
            'replies',
            WARN if invalid else OK,
            f'{invalid} invalid in this episode' if invalid else 'fine',
            {**planner.counts, **self._statistics.values(), **reasons, **self.loop.dropped},
        )


def main(args: list[str] | None = None) -> None:
    """Run the planner."""
    sys.exit(run_node(PlannerNode, args, executor_factory=SingleThreadedExecutor))
