# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The planner node: one KeyStep for each Observation. Thin: see `planner_loop.py`, `planner.py`.

A lifecycle node: configured it has its model, activated it answers, deactivated it stops the task.
"""

from __future__ import annotations

import sys

from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

from c2a_core import messages
from c2a_core.delay import parse_delay
from c2a_core.inference_pool import make_inference_pool
from c2a_core.ros import QUIET_PUBLISHER, Qos, Topic, run_node
from c2a_core.ros_diagnostics import OK, WARN, Diagnostics
from c2a_core.ros_lifecycle import ModelNode
from c2a_core.types import EndReason, KeyStep, ReplyStatus
from c2a_msgs import msg as c2a
from c2a_planner.backend import PlannerBackend, make_backend
from c2a_planner.params import PlannerParams
from c2a_planner.planner import Planner
from c2a_planner.planner_loop import PlannerLoop, PlannerPorts
from c2a_planner.reply_statistics import ReplyStatistics
from c2a_planner.ros_skill_client import SkillClient
from c2a_planner.ros_task_server import TaskServer


class PlannerNode(ModelNode):
    """Answers observations with key steps, and has them executed where no policy does.

    Args:
        backend: writes the replies; made from the parameters where None.
    """

    def __init__(self, *, backend: PlannerBackend | None = None, **kwargs) -> None:
        super().__init__('planner', PlannerParams, **kwargs)
        self._given_backend = backend
        self._statistics = ReplyStatistics()
        self._diagnostics: Diagnostics | None = None
        self.start()

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the task and the robot."""
        self.loop.stop(EndReason.aborted('the planner was deactivated'))
        return super().on_deactivate(state)

    def configure(self) -> None:
        """Make the model and everything that talks."""
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
        self._pool = None if is_lockstep else make_inference_pool('planner')
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
        self.listen(
            (c2a.EpisodeStatus, Topic.EPISODE, self._on_status, Qos.EPISODE),
            (c2a.Observation, Topic.OBSERVATION, self._on_observation, Qos.OBSERVATION),
            (c2a.KeyStep, Topic.ORACLE_KEY_STEP, self._on_oracle, Qos.ORACLE_KEY_STEP),
        )
        if self._diagnostics is None:
            self._diagnostics = Diagnostics(self, self._report)

    def free(self) -> None:
        """Free the model."""
        self.destroy_lifecycle_publisher(self._key_steps)
        self._skills.destroy()
        self._tasks.destroy()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        del self.loop

    def _on_status(self, msg: c2a.EpisodeStatus) -> None:
        status = messages.episode_status_from_msg(msg)
        if self.hears(self._on_status, msg):
            self.loop.on_status(status)
            self._tasks.on_status(status)

    def _on_observation(self, msg: c2a.Observation) -> None:
        if self.hears(self._on_observation, msg):
            self.loop.on_observation(messages.observation_from_msg(msg))

    def _on_oracle(self, msg: c2a.KeyStep) -> None:
        if self.hears(self._on_oracle, msg):
            self.loop.on_oracle(messages.key_step_from_msg(msg))

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
