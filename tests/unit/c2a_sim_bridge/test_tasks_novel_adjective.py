# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import re

import pytest
from unit.c2a_sim_bridge.states import held, make_state, place
from unit.c2a_sim_bridge.worlds import run_oracle

from c2a_core.skill_api import ActorRef
from c2a_sim_bridge.sim.cameras import base_camera, grid_cell
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.skills.interpreter import Interpreter
from c2a_sim_bridge.sim.skills.skill import SkillFailedError
from c2a_sim_bridge.sim.tasks.novel_adjective import SCALES, WORDS
from c2a_sim_bridge.sim.tasks.novel_noun import WORDS as NOUNS
from c2a_sim_bridge.sim.tasks.registry import sample_episode

NAMES = ('NovelAdjective', 'NovelNounAdjective')


def examples_of(instance):
    """The (first, second) objects of the comparisons in the text, by name."""
    by_name = {placed.name: placed for placed in instance.objects}
    pattern = rf'he (\w+ \w+) is (?:{"|".join(WORDS)}) than the (\w+ \w+)'
    return [(by_name[a], by_name[b]) for a, b in re.findall(pattern, instance.instruction)]


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('split', ['simple', 'test'])
def test_text_and_picture_say_which_object_is_meant(name, split):
    scales = set()
    for seed in range(60):
        instance = sample_episode(name, seed, split)
        target, twin = instance.objects[:2]
        pairs = examples_of(instance)
        scale = target.spec.height / twin.spec.height
        scales.add(round(scale, 6))

        assert target.name == twin.name
        assert len(pairs) >= 1
        for first, second in pairs:
            # Of one shape, and of the two sizes that the target and its twin have.
            assert first.spec.shape == second.spec.shape
            assert first.spec.size == target.spec.size
            assert second.spec.size == twin.spec.size
        (word,) = {word for word in WORDS if f' {word} ' in instance.instruction}
        assert instance.instruction.count(f' {word} ') == len(pairs) + 1
        names = [placed.name for placed in instance.objects]
        assert len(set(names)) == len(names) - 1
    assert scales == set(SCALES)


def test_adjective_is_used_of_the_target_by_its_name():
    counts = set()
    for seed in range(40):
        instance = sample_episode('NovelAdjective', seed)
        target, _, base = (placed.name for placed in instance.objects[:3])
        counts.add(len(instance.objects))

        assert re.search(rf'the \w+ {target} on the {base}$', instance.instruction)
    assert counts == {5, 7}


def test_nouns_are_shapes_that_nothing_else_has():
    for seed in range(60):
        instance = sample_episode('NovelNounAdjective', seed)
        shapes = [placed.spec.shape for placed in instance.objects]
        nouns = re.findall(rf'\b(?:{"|".join(NOUNS)})\b', instance.instruction)

        assert shapes.count(shapes[0]) == 2
        assert shapes.count(shapes[2]) == 1
        assert nouns[:2] == nouns[2:]
        assert instance.instruction.index(shapes[0]) < instance.instruction.index(shapes[2])


@pytest.mark.parametrize('name', NAMES)
def test_twins_are_told_apart_by_their_cells(name):
    for seed in range(60):
        instance = sample_episode(name, seed)
        state = make_state(instance)
        framed, original = (
            [grid_cell(base_camera(pose), state.world_vertices(k)) for k in (0, 1)]
            for pose in ('framed', 'original')
        )

        assert math.dist(*framed) >= 2.0
        assert framed[0] != framed[1]
        assert original[0] != original[1]


@pytest.mark.parametrize('name', NAMES)
def test_oracle_solves_it(name):
    simulator = Simulator(SimConfig(render=False))

    codes = run_oracle(simulator, name, 0)

    assert simulator.success
    assert len(codes) == 4


class TestTwinsInTheGripper:
    """A carried object may hang over its twin: then the cell alone decides nothing."""

    state = held(make_state([place('red cube', -0.1, 0.0), place('red cube', -0.3, 0.2)]), 0)
    interpreter = Interpreter(lambda _index: (5, 5), {})
    actor = ActorRef('red cube', (5, 5))

    def test_place_is_about_the_held_one(self):
        assert self.interpreter.resolve(self.actor, self.state, is_held=True) == 0

    def test_target_is_the_other_one(self):
        assert self.interpreter.resolve(self.actor, self.state, is_held=False) == 1

    def test_anything_else_is_a_tie(self):
        with pytest.raises(SkillFailedError, match='fits several objects equally well'):
            self.interpreter.resolve(self.actor, self.state)
