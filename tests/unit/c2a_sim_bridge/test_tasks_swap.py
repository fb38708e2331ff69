# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""SwapByPushing and SwapAndRotate; Swap itself is in test_plan.py."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import changed, held, make_state, place, with_object
from unit.c2a_sim_bridge.worlds import Table, run_oracle

from c2a_core.geometry import Pose
from c2a_core.skill_api import ActorRef
from c2a_sim_bridge.sim.objects import SHAPES
from c2a_sim_bridge.sim.polygons import polygon_distance
from c2a_sim_bridge.sim.predicates_pushed import AtPositionPushed
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.skills.contact import Push
from c2a_sim_bridge.sim.skills.move3d import MoveBeside, Retreat
from c2a_sim_bridge.sim.tasks.registry import sample_episode

NOTHING: frozenset[str] = frozenset()


def codes(instance, state, assigned=NOTHING):
    """Code of the first stage that is not done, objects called A and B, no cells."""
    lines = []
    for step in instance.stages[0].steps(state, assigned):
        text = step.to_code(lambda k: ActorRef(instance.objects[k].name, (1, 2))).render()
        for letter, placed in zip('AB', instance.objects, strict=True):
            text = text.replace(placed.name, letter)
        lines.append(re.sub(r"get_actor\('(.)', \(1, 2\)\)", r'\1', text))
    return lines


class TestPushing:
    def test_plan_is_three_pushes(self):
        instance = sample_episode('SwapByPushing', 0)

        assert codes(instance, make_state(instance)) == [
            "pose_dict['A'] = get_pose(actor=A)\n"
            "pose_dict['free'] = free_space(actor=A)\n"
            "move3d(push_actor=A, target_pose=pose_dict['free'])",
            "push(actor=A, target_pose=pose_dict['free'])",
            'move3d(retreat_from=A)',
            "pose_dict['B'] = get_pose(actor=B)\nmove3d(push_actor=B, target_pose=pose_dict['A'])",
            "push(actor=B, target_pose=pose_dict['A'])",
            'move3d(retreat_from=B)',
            "move3d(push_actor=A, target_pose=pose_dict['B'])",
            "push(actor=A, target_pose=pose_dict['B'])",
            'move3d(retreat_from=A)',
        ]

    def test_where_the_objects_are_decides_what_is_left(self):
        instance = sample_episode('SwapByPushing', 0)
        a, b = (placed.position for placed in instance.objects)
        start, keys = make_state(instance), frozenset(['free', instance.objects[0].name])
        aside = with_object(start, 0, position=instance.free_pose[0])
        half = with_object(aside, 1, position=a)

        assert len(codes(instance, start, keys)) == 9
        assert codes(instance, aside, keys)[1] == "push(actor=B, target_pose=pose_dict['A'])"
        assert len(codes(instance, aside, keys)) == 6
        assert codes(instance, half, keys)[1] == "push(actor=A, target_pose=pose_dict['B'])"
        assert len(codes(instance, half, keys)) == 3
        both = with_object(half, 0, position=b)
        assert codes(instance, both, keys) == []
        touching = changed(both, ee_position=b + [-0.05, 0.0, 0.0])
        assert codes(instance, touching, keys) == ['move3d(retreat_from=A)']
        assert instance.goal.update(both)
        assert not instance.goal.update(touching)

    def test_all_three_places_are_apart_and_their_lanes_free(self):
        for seed in range(40):
            instance = sample_episode('SwapByPushing', seed)
            first, second = instance.objects
            free = instance.free_pose[0]
            places = [first.position, second.position, free]
            for p, q in itertools.combinations(places, 2):
                assert math.dist(p, q) > first.spec.radius + second.spec.radius
            for part in np.linspace(0.0, 1.0, 8):
                way = part * (free - first.position)[:2]
                assert polygon_distance(first.footprint + way, second.footprint) > 0.015

    @pytest.mark.parametrize(
        ('change', 'holds'),
        [
            ({}, True),
            ({'position': (0.029, 0.0, 0.025)}, True),
            ({'position': (0.031, 0.0, 0.025)}, False),
            ({'velocity': (0.01, 0.0, 0.0)}, False),
            ({'touched': True}, False),
        ],
    )
    def test_predicate(self, change, holds):
        instance = sample_episode('SwapByPushing', 0)
        goal = AtPositionPushed(0, np.zeros(3))
        state = changed(make_state(instance), ee_position=np.array([-0.3, 0.0, 0.3]))
        state = with_object(state, 0, **{'position': (0.0, 0.0, 0.025), **change})

        assert goal.update(state) is holds

    def test_what_was_ever_grasped_was_not_pushed(self):
        instance = sample_episode('SwapByPushing', 0)
        state = held(make_state(instance), 0)
        state = with_object(changed(state, grasped=-1), 0, position=(0.0, 0.0, 0.025))

        assert not AtPositionPushed(0, np.zeros(3)).update(state)

    @pytest.mark.parametrize('shape', SHAPES)
    @pytest.mark.parametrize('bearing', [0.4, 2.0, -1.2])
    def test_push_ends_at_its_target_in_any_direction(self, shape, bearing):
        placed = place(f'red {shape}', -0.17, 0.02, yaw=0.4)
        table = Table(placed)
        way = 0.15 * np.array([math.cos(bearing), math.sin(bearing), 0.0])
        goal = Pose(placed.position + way, placed.quat_wxyz)
        for make in (
            lambda state: MoveBeside(state, 0, target_pose=goal),
            lambda state: Push(state, 0, goal),
            lambda state: Retreat(state, 0),
        ):
            skill = make(table.state)
            assert table.drive(skill, skill) >= 0
        table.hold(2)

        assert math.dist(table.state.positions[0], goal.position) < 0.025
        assert table.state.is_static(0)

    @pytest.mark.parametrize(
        ('tool', 'is_lost'),
        [
            ((-0.09, 0.0), False),  # behind
            ((-0.06, 0.06), False),  # behind, aside
            ((0.0, 0.09), True),  # beside: it would slide off
            ((0.09, 0.0), True),  # in front
            ((-0.2, 0.0), True),  # too far away to be what pushes
        ],
    )
    def test_push_is_lost_where_the_tool_cannot_push(self, tool, is_lost):
        state = make_state([place('red cube', -0.2, 0.0)])
        push = Push(state, 0, Pose(np.array([0.0, 0.0, 0.025]), state.quats_wxyz[0]))
        ee_position = state.positions[0] + [*tool, 0.0]

        assert push.is_lost(changed(state, ee_position=ee_position)) is is_lost

    def test_blocked_way_leads_over_the_free_place(self):
        instance = sample_episode('SwapByPushing', 0)
        a, b = (placed.position for placed in instance.objects)
        keys = frozenset(['free', *(placed.name for placed in instance.objects)])
        state = with_object(make_state(instance), 1, position=a)
        beyond = with_object(state, 0, position=a + 0.55 * (a - b))

        lines = codes(instance, beyond, keys)

        assert lines[1] == "push(actor=A, target_pose=pose_dict['free'])"
        assert lines[4] == "push(actor=A, target_pose=pose_dict['B'])"


class TestRotating:
    def test_plan_composes_places_and_orientations(self):
        instance = sample_episode('SwapAndRotate', 0)
        lines = codes(instance, make_state(instance))
        degrees = re.search(r'(\d+) degrees (clock|anti)', instance.instruction)
        angle = float(degrees.group(1)) * (1.0 if degrees.group(2) == 'anti' else -1.0)

        assert lines[4:8] == [
            "pose_dict['B'] = get_pose(actor=B)\n"
            "pose_dict['B target'] = rotate_z("
            f"Pose(pose_dict['A'].p, pose_dict['B'].q), {angle})\n"
            'move3d(actor=B)',
            'pick(actor=B)',
            "move3d(target_pose=pose_dict['B target'], match_ori=True)",
            "place(actor=B, target_pose=pose_dict['B target'], match_ori=True)",
        ]
        assert lines[8] == (
            "pose_dict['A target'] = rotate_z("
            f"Pose(pose_dict['B'].p, pose_dict['A'].q), {angle})\nmove3d(actor=A)"
        )
        assert len(lines) == 12

    def test_both_have_to_be_turned(self):
        instance = sample_episode('SwapAndRotate', 0)
        a, b = instance.objects
        degrees = re.search(r'(\d+) degrees (clock|anti)', instance.instruction)
        turn = math.radians(float(degrees.group(1))) * (1 if degrees.group(2) == 'anti' else -1)
        state = make_state(instance)
        state = with_object(state, 0, position=b.position, rotation_vector=(0, 0, a.yaw + turn))
        state = with_object(state, 1, position=a.position, rotation_vector=(0, 0, b.yaw))
        assert not instance.goal.update(state)
        # The one that lies right stays; the other is taken up where it is.
        keys = frozenset([a.name, b.name, 'free', f'{b.name} target'])
        assert codes(instance, state, keys)[0] == 'move3d(actor=B)'
        assert len(codes(instance, state, keys)) == 4

        for off, holds in ((0.3, True), (0.33, False)):
            angle = b.yaw + turn + off
            turned = with_object(state, 1, position=a.position, rotation_vector=(0, 0, angle))
            assert instance.goal.update(turned) is holds

    def test_all_angles_and_both_senses_are_asked_for(self):
        text = ' '.join(sample_episode('SwapAndRotate', seed).instruction for seed in range(60))

        assert {int(n) for n in re.findall(r'(\d+) degrees', text)} == {30, 60, 90, 120, 150}
        assert ' clockwise' in text
        assert 'anti-clockwise' in text


@pytest.mark.parametrize('task', ['SwapByPushing', 'SwapAndRotate'])
@pytest.mark.parametrize('seed', [0, 1])
def test_oracle_solves_it(task, seed):
    simulator = Simulator(SimConfig(render=False))

    run_oracle(simulator, task, seed)

    assert simulator.success
    if task == 'SwapByPushing':
        assert not simulator.state.ever_grasped.any()
