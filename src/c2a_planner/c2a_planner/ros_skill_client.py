# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Client of the action `execute_skill`: one goal at a time; what older goals say is ignored.

ROS 2 can lose a service's answer while two processes still get to know each other. In lockstep the
world would wait for ever, so a goal that nobody answers is sent again, and a result that does not
come is asked for again when the bridge stands still.
"""

from __future__ import annotations

from collections.abc import Callable

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from c2a_core.ros import Action, create_steady_timer
from c2a_core.types import KeyStep
from c2a_msgs.action import ExecuteSkill

UNANSWERED_S = 3.0
"""An answer comes within milliseconds; accepting a goal does not wait for the skill."""


class SkillClient:
    """Has key steps executed by the bridge.

    Args:
        node: the planner.
        waits: the bridge shall wait for each observation's key step (lockstep).
        on_feedback: called with the step that the skill will act on.
        on_result: called with success, reason, and whether it acted at all.
    """

    def __init__(
        self,
        node: Node,
        waits: bool,
        on_feedback: Callable[[int], None],
        on_result: Callable[[bool, str, bool], None],
    ) -> None:
        self._client = ActionClient(node, ExecuteSkill, Action.EXECUTE_SKILL)
        self._waits = waits
        self._on_feedback = on_feedback
        self._on_result = on_result
        self._number = 0
        self._handle: ClientGoalHandle | None = None
        self._unanswered: ExecuteSkill.Goal | None = None
        self._node = node
        self._retry = create_steady_timer(node, UNANSWERED_S, self._send_again)
        self._retry.cancel()

    def execute(self, key_step: KeyStep) -> None:
        """Send a key step; feedback and result come by the callbacks."""
        goal = ExecuteSkill.Goal(
            episode_id=key_step.episode_id,
            code=key_step.code,
            subtask_id=key_step.subtask_id,
            wait_for_key_steps=self._waits,
        )
        self._send(goal)

    def cancel(self) -> None:
        """Cancel the running skill; its result follows."""
        if self._handle is not None:
            self._handle.cancel_goal_async()

    def forget(self) -> None:
        """An episode is over: what its skill still says is of no interest."""
        self._number += 1
        self._handle = None
        self._answered()

    def check(self) -> None:
        """The bridge stands still: ask again how the skill has ended, or whether it is known."""
        if self._handle is not None:
            self._ask_for_result(self._number, self._handle)

    def destroy(self) -> None:
        """End the client."""
        self._node.destroy_timer(self._retry)
        self._client.destroy()

    def _send(self, goal: ExecuteSkill.Goal) -> None:
        self._number += 1
        number = self._number
        self._handle = None
        self._unanswered = goal
        self._retry.reset()

        def on_feedback(message) -> None:
            if number == self._number:
                self._on_feedback(message.feedback.step)

        answer = self._client.send_goal_async(goal, feedback_callback=on_feedback)
        answer.add_done_callback(lambda future: self._on_answer(number, future))

    def _on_answer(self, number: int, future: Future) -> None:
        handle = future.result()
        if number != self._number:
            return
        self._answered()
        if not handle.accepted:
            self._on_result(False, 'the bridge refused the skill', False)
            return
        self._handle = handle
        self._ask_for_result(number, handle)

    def _ask_for_result(self, number: int, handle: ClientGoalHandle) -> None:
        result = handle.get_result_async()
        result.add_done_callback(lambda future: self._on_end(number, future))

    def _on_end(self, number: int, future: Future) -> None:
        if number != self._number or self._handle is None:
            return
        self._handle = None
        if future.result().status == GoalStatus.STATUS_UNKNOWN:
            self._on_result(False, 'the bridge does not know the skill any more', False)
            return
        result = future.result().result
        acted = result.last_step >= result.first_step
        self._on_result(result.success or result.done, result.reason, acted)

    def _answered(self) -> None:
        self._unanswered = None
        self._retry.cancel()

    def _send_again(self) -> None:
        goal = self._unanswered
        self._answered()
        if goal is not None:
            self._node.get_logger().warning('no answer to a skill: it is sent again')
            self._send(goal)
