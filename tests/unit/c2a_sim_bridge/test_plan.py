# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import changed, held, make_state, stacked, with_object

from c2a_core.skill_api import ActorRef, parse_key_step
from c2a_sim_bridge.sim.skills.plan import PlanStep
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.registry import sample_episode, task_names
from c2a_sim_bridge.sim.tasks.task import TaskInstance

NOTHING: frozenset[str] = frozenset()


def next_steps(
    instance: TaskInstance, state: WorldState, assigned: frozenset[str] = NOTHING
) -> tuple[PlanStep, ...]:
    """Steps of the first stage that is not done."""
    for stage in instance.stages:
        if not stage.goal(state):
            return stage.steps(state, assigned)
    return ()


def code(instance: TaskInstance, steps: tuple[PlanStep, ...]) -> list[str]:
    """Code with A, B, … for the objects, in the instance's order."""

    def refer(index: int) -> ActorRef:
        return ActorRef(instance.objects[index].name, (1, 2))

    lines = []
    for step in steps:
        text = step.to_code(refer).render()
        assert parse_key_step(text).render() == text
        for index, placed in enumerate(instance.objects):
            text = text.replace(placed.name, 'ABCDEFGHIJKL'[index])
        lines.append(re.sub(r"get_actor\('(.)', \(1, 2\)\)", r'\1', text))
    return lines


def calls(instance: TaskInstance, steps: tuple[PlanStep, ...]) -> list[str]:
    """The calls only."""
    return [line.split('\n')[-1] for line in code(instance, steps)]


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('Pick', ['move3d(actor=A)', 'pick(actor=A)']),
        (
            'PlaceOnTop',
            [
                'move3d(actor=A)',
                'pick(actor=A)',
                'move3d(target_actor=C)',
                'place(actor=A, target_actor=C)',
            ],
        ),
        ('Topple', ['move3d(topple_actor=A)', 'topple(actor=A)', 'move3d(retreat_from=A)']),
        ('Push', ['move3d(push_actor=A)', 'push(actor=A)', 'move3d(retreat_from=A)']),
        (
            'SingleStack',
            [
                'move3d(actor=B)',
                'pick(actor=B)',
                'move3d(target_actor=A)',
                'place(actor=B, target_actor=A)',
            ],
        ),
        (
            'ReverseStack',
            [
                'move3d(actor=B)',
                'pick(actor=B)',
                'move3d(target_actor=C)',
                'place(actor=B, target_actor=C)',
            ],
        ),
        (
            'PushToTarget',
            [
                "pose_dict['target'] = towards(actor=A, target_actor=B)\n"
                "move3d(push_actor=A, target_pose=pose_dict['target'])",
                "push(actor=A, target_pose=pose_dict['target'])",
                'move3d(retreat_from=A)',
            ],
        ),
        (
            'NovelNoun',
            [
                'move3d(actor=A)',
                'pick(actor=A)',
                'move3d(target_actor=D)',
                'place(actor=A, target_actor=D)',
            ],
        ),
        (
            'Swap',
            [
                "pose_dict['A'] = get_pose(actor=A)\n"
                "pose_dict['free'] = free_space(actor=A)\n"
                'move3d(actor=A)',
                'pick(actor=A)',
                "move3d(target_pose=pose_dict['free'])",
                "place(actor=A, target_pose=pose_dict['free'])",
                "pose_dict['B'] = get_pose(actor=B)\nmove3d(actor=B)",
                'pick(actor=B)',
                "move3d(target_pose=pose_dict['A'])",
                "place(actor=B, target_pose=pose_dict['A'])",
                'move3d(actor=A)',
                'pick(actor=A)',
                "move3d(target_pose=pose_dict['B'])",
                "place(actor=A, target_pose=pose_dict['B'])",
            ],
        ),
    ],
)
def test_first_plan_is_golden(name, expected):
    instance = sample_episode(name, 0)

    assert code(instance, next_steps(instance, make_state(instance))) == expected


def test_place_next_to_plan_is_golden_and_names_the_side_of_the_instruction():
    for seed in range(10):
        instance = sample_episode('PlaceNextTo', seed)
        first, *rest = code(instance, next_steps(instance, make_state(instance)))

        match = re.fullmatch(
            r"pose_dict\['target'\] = free_space_next_to\(actor=A, next_to_actor=B, "
            r'direction=\[(.*)\], description="(.*)"\)\nmove3d\(actor=A\)',
            first,
        )
        assert match is not None, first
        assert match.group(2) in instance.instruction
        assert rest == [
            'pick(actor=A)',
            "move3d(target_pose=pose_dict['target'])",
            "place(actor=A, target_pose=pose_dict['target'])",
        ]


@pytest.mark.parametrize('name', task_names())
def test_every_plan_is_valid_code(name):
    for seed in range(20):
        instance = sample_episode(name, seed)
        assert code(instance, next_steps(instance, make_state(instance)))


def test_stack_is_built_from_the_bottom_up_and_then_toppled():
    instance = sample_episode('StackTopple', 0)
    state = stacked(make_state(instance), 1, 0)
    assert calls(instance, next_steps(instance, state))[0] == 'move3d(actor=C)'

    state = stacked(state, 2, 1)
    assert calls(instance, next_steps(instance, state)) == [
        'move3d(topple_actor=B)',
        'topple(actor=B)',
        'move3d(retreat_from=B)',
    ]
    down = with_object(state, 1, position=(0.0, 0.0, 0.025), ground_force=5.0)
    assert calls(instance, next_steps(instance, down))[0] == 'move3d(topple_actor=C)'
    assert not instance.goal.update(down)
    assert instance.goal.update(with_object(down, 2, ground_force=5.0))


def test_toppling_waits_until_the_stack_has_come_to_rest():
    instance = sample_episode('StackTopple', 0)
    stack = stacked(stacked(make_state(instance), 1, 0), 2, 1)
    falling = with_object(stack, 2, velocity=(0.0, 0.0, -0.3))

    assert next_steps(instance, falling) == ()
    assert next_steps(instance, changed(stack)) != ()


def test_falling_stack_is_waited_for():
    instance = sample_episode('StackTopple', 0)
    stack = stacked(stacked(make_state(instance), 1, 0), 2, 1)
    next_steps(instance, stack)

    assert next_steps(instance, with_object(stack, 2, velocity=(0.0, 0.0, -0.3))) == ()


def test_lost_part_of_a_stack_is_put_back():
    instance = sample_episode('SingleStack', 0)
    state = stacked(make_state(instance), 1, 0)
    next_steps(instance, state)
    lost = with_object(state, 1, position=instance.objects[1].position, ground_force=5.0)

    assert calls(instance, next_steps(instance, lost))[0] == 'move3d(actor=B)'


@pytest.mark.parametrize('name', ['Push', 'Topple', 'PushToTarget'])
def test_contact_task_that_is_done_but_touched_only_backs_off(name):
    instance = sample_episode(name, 1)
    state = make_state(instance)
    start = instance.objects[0].position
    if name == 'PushToTarget':
        end, tilt = (start + instance.objects[1].position) / 2, None
    else:
        end = start + [0.12, 0.0, 0.0]
        tilt = (0.0, np.pi / 2, 0.0) if name == 'Topple' else None
    state = with_object(state, 0, position=end, rotation_vector=tilt, touched=True)
    touching = changed(state, ee_position=end + [-0.05, 0.0, 0.03])
    moving = with_object(state, 0, velocity=(0.1, 0.0, 0.0))

    if name == 'PushToTarget':
        assert calls(instance, next_steps(instance, touching)) == ['move3d(retreat_from=A)']
    moving_touched = changed(moving, ee_position=end + [-0.05, 0.0, 0.03])
    assert calls(instance, next_steps(instance, moving_touched)) == ['move3d(retreat_from=A)']
    assert next_steps(instance, moving) == ()


class TestSwapAfterALoss:
    """What is where decides what is left to do (one test per place of the loss)."""

    instance = sample_episode('Swap', 0)
    start = make_state(instance)
    a_home, b_home = (placed.position for placed in instance.objects)
    free = instance.free_pose[0]
    keys = frozenset([instance.objects[0].name, 'free'])
    all_keys = keys | {instance.objects[1].name}

    def left(self, state: WorldState, assigned: frozenset[str]) -> list[str]:
        return code(self.instance, next_steps(self.instance, state, assigned))

    def test_first_object_dropped_at_once_starts_again_without_new_keys(self):
        left = self.left(changed(self.start), self.keys)

        assert left[0] == 'move3d(actor=A)'
        assert len(left) == 12
        assert sum('pose_dict' in line and ' = ' in line for line in left) == 1

    def test_first_object_dropped_out_of_the_way_goes_on_with_the_second(self):
        state = with_object(self.start, 0, position=self.free)
        left = self.left(state, self.keys)

        assert left[0] == "pose_dict['B'] = get_pose(actor=B)\nmove3d(actor=B)"
        assert len(left) == 8

    def test_second_object_dropped_goes_on_with_it_and_keeps_its_key(self):
        state = with_object(self.start, 0, position=self.free)
        state = with_object(state, 1, position=(self.a_home + self.b_home) / 2)
        left = self.left(state, self.all_keys)

        assert left[0] == 'move3d(actor=B)'
        assert left[3] == "place(actor=B, target_pose=pose_dict['A'])"
        assert not any(' = ' in line for line in left)

    def test_second_object_in_place_leaves_only_the_first(self):
        state = with_object(self.start, 0, position=self.free)
        state = with_object(state, 1, position=self.a_home)

        assert self.left(state, self.all_keys) == [
            'move3d(actor=A)',
            'pick(actor=A)',
            "move3d(target_pose=pose_dict['B'])",
            "place(actor=A, target_pose=pose_dict['B'])",
        ]

    def test_held_object_is_carried_on(self):
        state = with_object(self.start, 1, position=self.a_home)
        left = self.left(held(state, 0), self.all_keys)

        assert left[0] == "move3d(target_pose=pose_dict['B'])"

    def test_second_object_pushed_out_again_is_brought_back(self):
        state = with_object(self.start, 0, position=self.b_home)
        state = with_object(state, 1, position=self.free)

        assert self.left(state, self.all_keys)[3] == "place(actor=B, target_pose=pose_dict['A'])"

    def test_both_in_place_is_the_end(self):
        state = with_object(self.start, 0, position=self.b_home)
        state = with_object(state, 1, position=self.a_home)

        assert self.instance.goal.update(state)
        assert next_steps(self.instance, state, self.all_keys) == ()
