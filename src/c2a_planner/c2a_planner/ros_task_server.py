# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The action `execute_task`: another instruction for the running episode, or a new episode.

The goal ends with the episode. Cancelling it ends the episode and stops the robot. Should the
bridge's answer to the reset get lost, the status of the new episode says as much.
"""

from __future__ import annotations

from collections.abc import Callable

from diagnostic_msgs.msg import KeyValue
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from c2a_core.ros import Action, Service, create_steady_timer
from c2a_core.types import EndReason, EpisodeStatus, KeyStep
from c2a_msgs.action import ExecuteTask
from c2a_msgs.srv import ResetEpisode

UNANSWERED_S = 5.0
"""A reset takes a second at most, with a new scene."""


class TaskServer:
    """Serves `execute_task`; a new goal takes over from a running one.

    Args:
        node: the planner.
        stop: ends the task that runs, with a reason.
    """

    def __init__(self, node: Node, stop: Callable[[str], None]) -> None:
        self._stop = stop
        self._status: EpisodeStatus | None = None
        self._key_step: KeyStep | None = None
        self._handle: ServerGoalHandle | None = None
        self._episode_id: int | None = None
        self._early: list[KeyStep] = []
        self._request: ResetEpisode.Request | None = None
        self._episode_before = 0
        self._unanswered = create_steady_timer(node, UNANSWERED_S, self._on_no_answer)
        self._unanswered.cancel()
        self._results: dict[int, ExecuteTask.Result] = {}
        self._reset = node.create_client(ResetEpisode, Service.RESET)
        self._node = node
        self._server = ActionServer(
            node,
            ExecuteTask,
            Action.EXECUTE_TASK,
            execute_callback=self._finish,
            goal_callback=lambda _: GoalResponse.ACCEPT,
            handle_accepted_callback=self._accept,
            cancel_callback=self._cancel,
        )

    def on_status(self, status: EpisodeStatus) -> None:
        """The bridge says how the episode is; its end is the goal's."""
        self._status = status
        if self._episode_id is None:
            return
        if status.episode_id == self._episode_id and status.done:
            self._end(status.success, status.reason)
        elif status.episode_id > self._episode_id:
            self._end(False, EndReason.RESET)

    def on_key_step(self, key_step: KeyStep) -> None:
        """A key step was published: feedback where it is new."""
        self._key_step = key_step
        if self._handle is None or not key_step.is_key_step:
            return
        if self._episode_id is None:
            # The new episode may run before the bridge's answer to the reset is here.
            self._early.append(key_step)
        elif key_step.episode_id == self._episode_id:
            self._tell(key_step)

    def destroy(self) -> None:
        """End server and client."""
        self._node.destroy_timer(self._unanswered)
        self._server.destroy()
        self._node.destroy_client(self._reset)

    def _tell(self, key_step: KeyStep) -> None:
        memory = [*key_step.memory, key_step.code]
        self._handle.publish_feedback(
            ExecuteTask.Feedback(code=key_step.code, step=key_step.step, memory=memory)
        )

    def _accept(self, handle: ServerGoalHandle) -> None:
        self._end(False, 'another task took over')
        self._handle = handle
        self._episode_id = None
        self._early.clear()
        goal, status = handle.request, self._status
        is_running = status is not None and not status.done
        if is_running and not goal.task and not goal.instruction:
            self._episode_id = status.episode_id
            return
        if not self._reset.service_is_ready():
            self._end(False, 'aborted: the bridge is not there, start it first')
            return
        request = ResetEpisode.Request(task=goal.task, seed=-1, instruction=goal.instruction)
        if goal.task:
            request.seed = goal.seed
        elif is_running:
            request.options = [KeyValue(key='scene', value='keep')]
        self._request = request
        self._episode_before = status.episode_id if status is not None else 0
        self._ask()

    def _ask(self) -> None:
        handle = self._handle
        self._unanswered.reset()
        answer = self._reset.call_async(self._request)
        answer.add_done_callback(lambda future: self._on_reset(handle, future))

    def _on_no_answer(self) -> None:
        """ROS 2 can lose an answer; if the request was lost as well it is sent again."""
        self._unanswered.cancel()
        if self._handle is None or self._episode_id is not None or self._request is None:
            return
        status = self._status
        if status is not None and status.episode_id > self._episode_before:
            self._begin(self._handle, status.episode_id)
            return
        self._node.get_logger().warning('no answer to a reset: it is sent again')
        self._ask()

    def _on_reset(self, handle: ServerGoalHandle, future: Future) -> None:
        if handle is not self._handle or self._episode_id is not None:
            return
        self._unanswered.cancel()
        response = future.result()
        if not response.accepted:
            self._end(False, EndReason.aborted(response.message))
        else:
            self._begin(handle, response.episode_id)

    def _begin(self, handle: ServerGoalHandle, episode_id: int) -> None:
        """The goal's episode runs, or has even ended."""
        self._episode_id = episode_id
        for key_step in self._early:
            if key_step.episode_id == self._episode_id:
                self._tell(key_step)
        if handle.is_cancel_requested:
            self._stop(EndReason.CANCELLED)
        if self._status is not None:
            self.on_status(self._status)

    def _cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        if handle is self._handle and self._episode_id is not None:
            self._stop(EndReason.CANCELLED)
        return CancelResponse.ACCEPT

    def _end(self, success: bool, reason: str) -> None:
        """Finish the running goal."""
        self._unanswered.cancel()
        handle, self._handle = self._handle, None
        episode_id, self._episode_id = self._episode_id, None
        if handle is None:
            return
        result = ExecuteTask.Result(success=success, reason=reason, episode_id=-1)
        if episode_id is not None:
            result.episode_id = episode_id
            result.steps = self._status.step if self._status else 0
            key_step = self._key_step
            is_of_it = key_step is not None and key_step.episode_id == episode_id
            result.key_steps = key_step.subtask_id + 1 if is_of_it else 0
        self._results[id(handle)] = result
        handle.execute()

    def _finish(self, handle: ServerGoalHandle) -> ExecuteTask.Result:
        result = self._results.pop(id(handle))
        if handle.is_cancel_requested:
            handle.canceled()
        elif result.success:
            handle.succeed()
        else:
            handle.abort()
        return result
