# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Small physical worlds in which tests run single skills and whole episodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from c2a_core.geometry import rotation_matrix_from_quat_wxyz
from c2a_core.skill_api import parse_key_step
from c2a_core.spaces import hold_action, make_action
from c2a_sim_bridge.sim import cameras
from c2a_sim_bridge.sim.objects import PlacedObject
from c2a_sim_bridge.sim.simulator import Simulator
from c2a_sim_bridge.sim.skills.interpreter import Interpreter
from c2a_sim_bridge.sim.skills.skill import Skill
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.world import World


class Table:
    """A world of given objects and an interpreter, as the simulator has them."""

    def __init__(self, *objects: PlacedObject) -> None:
        self.world = World(objects)
        self.interpreter = self.new_interpreter()

    @property
    def state(self) -> WorldState:
        return self.world.state

    def new_interpreter(self) -> Interpreter:
        return Interpreter(self.cell_of, {})

    def cell_of(self, index: int) -> tuple[int, int]:
        return cameras.grid_cell(cameras.base_camera(), self.state.world_vertices(index))

    def start(self, code: str) -> Skill:
        return self.interpreter.start(parse_key_step(code), self.state)

    def run(self, code: str, max_steps: int = 60) -> int:
        """Run one key step to its end; the number of steps it took, -1 where it did not end."""
        skill = self.start(code)
        return self.drive(skill, skill, max_steps)

    def drive(self, skill: Skill, judge: Skill, max_steps: int = 60) -> int:
        """Let `skill` act until `judge` is done."""
        for step in range(max_steps):
            if judge.is_done(self.state):
                return step
            if judge.is_lost(self.state):
                return -1
            self.world.step(skill.act(self.state))
        return -1

    def move(self, way: Sequence[float], vacuum: bool = False) -> None:
        """One hand-made step by `way` (3,), world."""
        rotation = rotation_matrix_from_quat_wxyz(self.state.ee_quat_wxyz)
        self.world.step(make_action(np.asarray(way) @ rotation, np.zeros(3), vacuum))

    def hold(self, steps: int, vacuum: bool = False) -> None:
        for _ in range(steps):
            self.world.step(hold_action(vacuum))


def run_oracle(
    simulator: Simulator,
    task: str,
    seed: int,
    *,
    disturb: Callable[[Simulator, np.ndarray], np.ndarray] = lambda _simulator, action: action,
    max_steps: int = 300,
) -> list[str]:
    """An episode by the oracle; the codes of its key steps, `done()` not among them.

    Args:
        simulator: where it runs.
        task: name.
        seed: of the episode.
        disturb: gets each action (7,) and gives the one that is applied.
        max_steps: bound.
    """
    codes = []
    simulator.reset(task, seed)
    while not simulator.success and simulator.state.step < max_steps:
        step = simulator.oracle_key_step()
        if step.is_new:
            codes.append(step.code)
            simulator.start_skill(step.code)
        simulator.step(disturb(simulator, simulator.skill_action()))
    return codes
