# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The oracle planner: which key step is right now, judged from the world's state.

Works through a task's stages. A key step ends by its skill's done test on the present state, so
the follower is right whoever moves the arm; what was lost is planned again from where things are.
It never acts: `act` of its skills is not called here.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial

from c2a_core.skill_api import ActorRef
from c2a_sim_bridge.sim.skills.interpreter import CellOf, Interpreter
from c2a_sim_bridge.sim.skills.plan import PlanStep, Stage
from c2a_sim_bridge.sim.skills.skill import Skill, SkillFailedError
from c2a_sim_bridge.sim.state import WorldState

logger = logging.getLogger(__name__)

DONE_CODE = 'done()'


@dataclass(frozen=True, slots=True)
class OracleStep:
    """What the oracle says at one observation.

    Attributes:
        code: text of the running key step, not commented out.
        is_new: whether it begins at this observation.
    """

    code: str
    is_new: bool


class Follower:
    """One episode's oracle."""

    def __init__(
        self, stages: tuple[Stage, ...], interpreter: Interpreter, cell_of: CellOf
    ) -> None:
        """Begin before the first key step.

        Args:
            stages: the task's parts, in order.
            interpreter: an interpreter of its own, for the skills' done tests.
            cell_of: grid cell of an object in the base camera's picture, now.
        """
        self._stages = stages
        self._interpreter = interpreter
        self._cell_of = cell_of
        self._is_latched = [False] * len(stages)
        self._queue: tuple[PlanStep, ...] = ()
        self._stage = -1
        self._skill: Skill | None = None
        self._code = ''

    def update(self, state: WorldState, *, is_solved: bool = False) -> OracleStep:
        """Judge the state of one observation; call once for each.

        Args:
            state: the present state.
            is_solved: the task's predicates hold: nothing is left to do, whatever runs.
        """
        is_done = [self._is_stage_done(index, state) for index in range(len(self._stages))]
        if is_solved:
            return self._finish()
        stage = next((i for i, done in enumerate(is_done) if not done), None)
        # What was done before may have come undone: then the running skill builds on sand.
        is_undone = stage is not None and stage < self._stage
        if self._skill is not None and not is_undone:
            is_lost = self._skill.is_lost(state)
            if not is_lost and not self._skill.is_done(state):
                return OracleStep(self._code, is_new=False)
            if is_lost:
                self._queue = ()
        if stage is None:
            return self._finish()
        if stage != self._stage or not self._queue:
            self._stage = stage
            assigned = frozenset(self._interpreter.pose_dict)
            self._queue = tuple(self._stages[stage].steps(state, assigned))
        return self._begin_next(state)

    def _is_stage_done(self, index: int, state: WorldState) -> bool:
        stage = self._stages[index]
        if self._is_latched[index]:
            return True
        done = bool(stage.goal(state))
        self._is_latched[index] = done and stage.latch
        return done

    def _finish(self) -> OracleStep:
        is_new = self._code != DONE_CODE
        self._code, self._skill, self._queue = DONE_CODE, None, ()
        return OracleStep(DONE_CODE, is_new)

    def _begin_next(self, state: WorldState) -> OracleStep:
        if not self._queue:  # an object is settling: what was said last goes on
            return OracleStep(self._code, is_new=False)
        code = self._queue[0].to_code(partial(self._refer, state))
        try:
            self._skill = self._interpreter.start(code, state)
        except SkillFailedError as err:
            logger.debug('oracle cannot begin %s: %s', code.render(), err)
            self._queue = ()
            return OracleStep(self._code, is_new=False)
        self._queue = self._queue[1:]
        self._code = code.render()
        return OracleStep(self._code, is_new=True)

    def _refer(self, state: WorldState, index: int) -> ActorRef:
        return ActorRef(state.specs[index].name, self._cell_of(index))
