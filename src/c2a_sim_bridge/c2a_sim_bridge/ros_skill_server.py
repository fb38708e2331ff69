# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The action `execute_skill`: a key step comes in, `SkillRun` carries it out.

The goal is taken into the hands of the loop, not of a coroutine: it is finished when the skill is.
"""

from __future__ import annotations

from collections.abc import Callable

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node

from c2a_core.ros import Action
from c2a_msgs.action import ExecuteSkill
from c2a_sim_bridge.skill_run import SkillGoal, SkillResult, SkillRun


class SkillServer:
    """Serves `execute_skill`; a new goal takes over from a running one.

    Args:
        node: the bridge.
        skills: carries them out.
        on_started: called after a goal was taken.
        on_cancelled: called when the running goal was cancelled.
    """

    def __init__(
        self,
        node: Node,
        skills: SkillRun,
        on_started: Callable[[], None],
        on_cancelled: Callable[[], None],
    ) -> None:
        self._skills = skills
        self._on_started = on_started
        self._on_cancelled = on_cancelled
        self._current: ServerGoalHandle | None = None
        self._is_closing = False
        self._results: dict[int, SkillResult] = {}
        self._server = ActionServer(
            node,
            ExecuteSkill,
            Action.EXECUTE_SKILL,
            execute_callback=self._finish,
            goal_callback=lambda _: GoalResponse.ACCEPT,
            handle_accepted_callback=self._accept,
            cancel_callback=self._cancel,
        )

    def skill_goes_on(self, step: int) -> None:
        """Tell the client that the skill will act on this step."""
        if self._current is not None:
            self._current.publish_feedback(ExecuteSkill.Feedback(step=step))

    def skill_ended(self, result: SkillResult) -> None:
        """Finish the goal."""
        handle, self._current = self._current, None
        if handle is not None and not self._is_closing:
            self._results[id(handle)] = result
            handle.execute()

    def close(self) -> None:
        """The process ends: goals are not finished any more, their clients see the server go."""
        self._is_closing = True

    def destroy(self) -> None:
        """End the server."""
        self._server.destroy()

    def _accept(self, handle: ServerGoalHandle) -> None:
        request = handle.request
        goal = SkillGoal(
            request.episode_id, request.code, request.subtask_id, request.wait_for_key_steps
        )
        if why := self._skills.why_refused(goal):
            self._refuse(handle, why)
            return
        self._skills.stop('another skill was started')
        self._current = handle
        self._skills.start(goal, self)
        self._on_started()

    def _refuse(self, handle: ServerGoalHandle, why: str) -> None:
        """End a goal that comes for another episode; nothing else may notice it."""
        self._results[id(handle)] = SkillResult(
            success=False, done=False, reason=why, first_step=0, last_step=-1, episode_done=False
        )
        handle.execute()

    def _cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        if handle is self._current:
            self._on_cancelled()
        return CancelResponse.ACCEPT

    def _finish(self, handle: ServerGoalHandle) -> ExecuteSkill.Result:
        result = self._results.pop(id(handle))
        if handle.is_cancel_requested:
            handle.canceled()
        elif result.success or result.done:
            handle.succeed()
        else:
            handle.abort()
        return ExecuteSkill.Result(
            success=result.success,
            done=result.done,
            reason=result.reason,
            first_step=result.first_step,
            last_step=result.last_step,
            episode_done=result.episode_done,
        )
