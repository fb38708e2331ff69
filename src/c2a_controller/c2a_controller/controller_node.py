# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The controller node: one Command for each Observation with its KeyStep.

Thin: see `controller_loop.py` and `chunk_executor.py`. With low level 'oracle' it is silent, but
there. A lifecycle node: deactivated it sends nothing, and the bridge stops the robot.
"""

from __future__ import annotations

import sys

from rclpy.executors import SingleThreadedExecutor

from c2a_controller.chunk_executor import ChunkExecutor
from c2a_controller.controller_loop import ControllerLoop
from c2a_controller.params import ControllerParams
from c2a_controller.policy import Policy, make_policy
from c2a_core import messages
from c2a_core.delay import parse_delay
from c2a_core.inference_pool import make_inference_pool
from c2a_core.ros import (
    QUIET_PUBLISHER,
    Qos,
    Topic,
    create_steady_timer,
    run_node,
)
from c2a_core.ros_diagnostics import ERROR, OK, WARN, Diagnostics
from c2a_core.ros_lifecycle import ModelNode
from c2a_core.spaces import CONTROL_DT
from c2a_core.types import ActionChunk, Command
from c2a_msgs import msg as c2a

PATIENCE_S = 0.3 * CONTROL_DT
"""Realtime: so long after an observation its key step is waited for."""


class ControllerNode(ModelNode):
    """Turns observations and key steps into commands.

    Args:
        policy: makes the chunks; made from the parameters where None.
    """

    def __init__(self, *, policy: Policy | None = None, **kwargs) -> None:
        super().__init__('controller', ControllerParams, **kwargs)
        self._given_policy = policy
        self._diagnostics: Diagnostics | None = None
        self.loop: ControllerLoop | None = None
        self.start()

    def configure(self) -> None:
        """Make the policy and everything that talks."""
        params = self.params
        self._patience = None
        if params.low_level != 'oracle':
            self.loop = self._make_loop()
        self._commands = self.create_lifecycle_publisher(
            c2a.Command, Topic.COMMAND, Qos.COMMAND, event_callbacks=QUIET_PUBLISHER
        )
        self._chunks = self.create_lifecycle_publisher(
            c2a.ActionChunk, Topic.ACTION_CHUNK, Qos.ACTION_CHUNK, event_callbacks=QUIET_PUBLISHER
        )
        if self.loop is not None:
            self.listen(
                (c2a.EpisodeStatus, Topic.EPISODE, self._on_status, Qos.EPISODE),
                (c2a.Observation, Topic.OBSERVATION, self._on_observation, Qos.OBSERVATION),
                (c2a.KeyStep, Topic.KEY_STEP, self._on_key_step, Qos.KEY_STEP),
            )
        if self._diagnostics is None:
            self._diagnostics = Diagnostics(self, self._report)

    def free(self) -> None:
        """Free the policy."""
        self.destroy_lifecycle_publisher(self._commands)
        self.destroy_lifecycle_publisher(self._chunks)
        if self.loop is not None:
            self.loop.close()
        self.loop = None

    def _make_loop(self) -> ControllerLoop:
        params = self.params
        policy = self._given_policy or make_policy(
            params.low_level, params.replay_dir, params.policy_options()
        )
        self.get_logger().info(f'low level {params.low_level}, checkpoint {policy.checkpoint}')
        is_lockstep = params.stepping == 'lockstep'
        executor = ChunkExecutor(
            policy,
            params.exec_horizon,
            params.on_new_key_step,
            parse_delay(params.policy_delay_s) if is_lockstep else 0.0,
            params.late_chunk,
        )
        is_in_turn = is_lockstep or policy.is_instant
        pool = None if is_in_turn else make_inference_pool('policy')
        if not is_lockstep:
            self._patience = create_steady_timer(self, PATIENCE_S, self._on_patience_over)
            self._patience.cancel()
        return ControllerLoop(executor, self._publish_command, self._publish_chunk, pool)

    def _on_status(self, msg: c2a.EpisodeStatus) -> None:
        if self.hears(self._on_status, msg):
            self.loop.on_status(messages.episode_status_from_msg(msg))

    def _on_observation(self, msg: c2a.Observation) -> None:
        if not self.hears(self._on_observation, msg):
            return
        self.loop.on_observation(messages.observation_from_msg(msg))
        if self._patience is not None and self.loop.is_waiting:
            self._patience.reset()

    def _on_key_step(self, msg: c2a.KeyStep) -> None:
        if self.hears(self._on_key_step, msg):
            self.loop.on_key_step(messages.key_step_from_msg(msg))

    def _on_patience_over(self) -> None:
        self._patience.cancel()
        if self._is_active and self.loop is not None:
            self.loop.act_with_last_key_step()

    def _publish_command(self, command: Command) -> None:
        self._commands.publish(messages.command_to_msg(command))

    def _publish_chunk(self, chunk: ActionChunk) -> None:
        self._chunks.publish(messages.action_chunk_to_msg(chunk))

    def _report(self, diagnostics: Diagnostics) -> None:
        if self.loop is None:
            diagnostics.set('chunks', OK, 'silent: skills move the robot')
            return
        metrics = self.loop.executor.metrics
        refused = sum(metrics.refused.values())
        values = {**metrics.summary(), **self.loop.dropped}
        if self.loop.failure:
            diagnostics.set('chunks', ERROR, f'the robot holds: {self.loop.failure}', values)
        elif refused:
            diagnostics.set('chunks', WARN, f'{refused} chunks refused in this episode', values)
        else:
            diagnostics.set('chunks', OK, 'fine', values)


def main(args: list[str] | None = None) -> None:
    """Run the controller."""
    sys.exit(run_node(ControllerNode, args, executor_factory=SingleThreadedExecutor))
