# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The bridge: puts a backend behind topics, services and actions, and owns the episodes.

Thin: an episode is in `episode_loop.py`, their sequence in `episode_keeper.py`, stepping in
`stepping.py`, skills in `skill_run.py`. All in one thread: a step's order is that of the code.
"""

from __future__ import annotations

import sys

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from c2a_core.ros import create_steady_timer, declare_params, end_node, run_node
from c2a_core.ros_diagnostics import Diagnostics
from c2a_core.spaces import CONTROL_DT
from c2a_core.types import EndReason, FloatArray, KeyStep
from c2a_sim_bridge.backends.backend import Backend, make_backend
from c2a_sim_bridge.episode_keeper import EpisodeKeeper
from c2a_sim_bridge.episode_loop import EpisodeLoop, Setting
from c2a_sim_bridge.params import SimBridgeParams
from c2a_sim_bridge.reminder import Reminder
from c2a_sim_bridge.ros_bridge_diagnostics import report
from c2a_sim_bridge.ros_bridge_inputs import BridgeInputs
from c2a_sim_bridge.ros_bridge_services import BridgeServices
from c2a_sim_bridge.ros_bridge_topics import BridgeTopics
from c2a_sim_bridge.ros_peers import Peers
from c2a_sim_bridge.ros_skill_server import SkillServer
from c2a_sim_bridge.schedule import EpisodeSchedule
from c2a_sim_bridge.skill_run import SkillRun
from c2a_sim_bridge.stepping import Lockstep, Realtime

BETWEEN_EPISODES_S = 0.05
"""How often the bridge looks whether the next episode can begin; not while one runs."""

REMIND_S = 0.25
"""How often lockstep looks whether it has stood still for too long."""


class SimBridgeNode(Node):
    """Steps the world, publishes what it looks like, and says how episodes end.

    Args:
        backend: the world; made from the parameters where None.
    """

    def __init__(self, *, backend: Backend | None = None, **kwargs) -> None:
        super().__init__('sim_bridge', **kwargs)
        self.params = params = declare_params(self, SimBridgeParams)
        self._is_oracle = params.low_level == 'oracle'
        self._is_ended = True
        self.schedule = EpisodeSchedule(params.task, params.seed, params.episodes)
        self.backend = backend or make_backend(
            params.backend,
            params.image_size,
            params.render,
            params.robot,
            params.cameras,
            params.split,
        )
        for task in self.schedule.tasks:
            self.backend.check_task(task)
        self.loop = EpisodeLoop(self.backend, Setting(params.stepping, params.low_level))
        self.skills = SkillRun(self.loop)
        self.topics = BridgeTopics(
            self, self.loop, params.overlay_size, has_oracle=params.planner == 'oracle'
        )
        audience = tuple(name.strip() for name in params.audience.split(',') if name.strip())
        self.peers = Peers(
            self, self.topics.observations, not self._is_oracle, audience, self._on_peers
        )
        self.keeper = EpisodeKeeper(self.loop, self.schedule, self.missing)
        self.reminder = Reminder()
        self.stepper = self._make_stepper()
        self._skill_server = SkillServer(
            self, self.skills, self.stepper.on_skill_started, lambda: self._stop_skill('cancelled')
        )
        self._bridge_services = BridgeServices(self)
        self.diagnostics = Diagnostics(self, lambda diagnostics: report(self, diagnostics))
        self.inputs = BridgeInputs(self)
        self._wake = self.create_guard_condition(self.stepper.free_step)
        self._between = create_steady_timer(self, BETWEEN_EPISODES_S, self.between_episodes)
        if params.stepping == 'realtime':
            create_steady_timer(self, CONTROL_DT, self.stepper.tick)
        else:
            create_steady_timer(self, REMIND_S, self._remind)

    def missing(self) -> str:
        """Nodes that an episode would have to wait for; empty if none."""
        return self.peers.missing()

    def start(
        self,
        task: str,
        seed: int,
        instruction: str | None = None,
        options: dict[str, str] | None = None,
        is_scheduled: bool = False,
    ) -> None:
        """Begin an episode; ValueError where the backend refuses it."""
        observation = self.loop.start(task, seed, instruction, options or {})
        self.keeper.started(is_scheduled)
        self._between.cancel()
        self.inputs.forget()
        self._is_ended = False
        self.peers.expect()
        self.stepper.begin()
        self.topics.begin(observation)
        self._publish_observation()

    def end(self, reason: str) -> None:
        """End the running episode and stop the robot."""
        if self.loop.is_running:
            self.loop.end(reason)
            self._on_ended()

    def take_key_step(self, key_step: KeyStep) -> None:
        """Act on what the planner said about this episode."""
        self.keeper.note_key_step(key_step)
        self.loop.note_key_step(key_step)
        if self.loop.is_running:
            self.stepper.on_key_step(key_step)
        elif not self._is_ended:
            self._on_ended()
        else:
            self.between_episodes()

    def between_episodes(self) -> None:
        """Begin the next episode, or end the node, if it is time."""
        if self.keeper.is_over and self.params.exit:
            end_node(self, int(not self.schedule.all_succeeded))
            return
        try:
            if following := self.keeper.next_episode():
                self.start(*following, is_scheduled=True)
        except (ValueError, RuntimeError) as err:
            self.get_logger().fatal(f'episode cannot begin: {err}')
            end_node(self, 1)

    def destroy_node(self) -> None:
        """Stop the robot, say so, and free the world."""
        self._skill_server.close()
        is_interrupted = self.loop.is_running
        if is_interrupted:
            self.end(EndReason.aborted('the bridge was shut down'))
        self.topics.wait_until_heard(is_interrupted=is_interrupted)
        self.backend.close()
        self._skill_server.destroy()
        super().destroy_node()

    def _make_stepper(self) -> Lockstep | Realtime:
        arguments = (self.loop, self.skills, self._apply, self.params.low_level)
        if self.params.stepping == 'realtime':
            return Realtime(*arguments, self._idle, self.params.command_timeout_s)
        return Lockstep(*arguments, lambda: self._wake.trigger())

    def _on_peers(self, lost: str) -> None:
        """A peer has come, or the named one was lost."""
        if lost:
            self.keeper.note_lost_peer()
            self.end(EndReason.aborted(f'{lost} is gone'))
        self.diagnostics.refresh()

    def _stop_skill(self, reason: str) -> None:
        self.backend.stop()
        self.skills.stop(reason)
        self.stepper.proceed()

    def _apply(self, action: FloatArray, source: str | None) -> None:
        """One control step; a source means that the bridge itself made the action."""
        safe, goal = self.loop.checked(action), self.skills.goal
        if source is not None:
            key_step = self.inputs.key_step
            subtask_id = key_step.subtask_id if key_step else -1
            self.topics.publish_command(safe, source, goal.subtask_id if goal else subtask_id)
        self.loop.advance(safe)
        self.skills.after_step()
        self._publish_observation()
        if not self.loop.is_running:
            self._on_ended()
        elif goal is not None:
            self.topics.publish_status()

    def _idle(self) -> None:
        """One control step of a world that moves between episodes as well."""
        observation = self.loop.idle()
        if observation is not None:
            self.topics.publish_idle(observation)

    def _publish_observation(self) -> None:
        inputs = self.inputs
        self.reminder.step_began()
        self.topics.publish_observation(self.loop.observation, inputs.key_step, inputs.chunk)

    def _remind(self) -> None:
        """Lockstep: publish the step again if nobody has answered it for long."""
        is_awaited = self.loop.is_running or self.keeper.is_closing
        if not is_awaited or self.missing() or not self.reminder.is_due():
            return
        self.get_logger().info(f'step {self.loop.step} is not answered yet: published again')
        self.topics.say_again()
        self.skills.say_again()

    def _on_ended(self) -> None:
        """The episode is over: say so, and look for the next one."""
        self._is_ended = True
        self.skills.stop(self.loop.reason)
        self.keeper.ended()
        self.topics.publish_status()
        self.diagnostics.refresh()
        self._between.reset()


def main(args: list[str] | None = None) -> None:
    """Run the bridge; with `exit` the exit code is the verdict, also when it is interrupted."""
    nodes: list[SimBridgeNode] = []

    def make() -> SimBridgeNode:
        nodes.append(SimBridgeNode())
        return nodes[0]

    code = run_node(make, args, executor_factory=SingleThreadedExecutor)
    failed = any(node.params.exit and not node.schedule.all_succeeded for node in nodes)
    sys.exit(code or int(failed))
