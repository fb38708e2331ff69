# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The simulator as its users see it, without pictures: episodes, observations, skills."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np
import pytest
from unit.c2a_sim_bridge.worlds import run_oracle

from c2a_core.skill_api import SkillCodeError
from c2a_core.spaces import CONTROL_DT_NS, make_action
from c2a_sim_bridge.backends.maniskill import ManiskillBackend
from c2a_sim_bridge.episode_loop import EpisodeLoop, Setting
from c2a_sim_bridge.sim import simulator as simulator_module
from c2a_sim_bridge.sim.predicates import Predicate
from c2a_sim_bridge.sim.simulator import (
    SKILL_MAX_STEPS,
    STALL_STEPS,
    SimConfig,
    Simulator,
    SkillFailedError,
)
from c2a_sim_bridge.sim.tasks.registry import get_task, sample_episode, task_names


@pytest.fixture(scope='module')
def simulator() -> Simulator:
    return Simulator(SimConfig(render=False))


def pick_code(simulator: Simulator, index: int = 0, skill: str = 'pick') -> str:
    return f"{skill}(actor=get_actor('{simulator.state.specs[index].name}', (0, 0)))"


@pytest.mark.parametrize('seed', [100, 101])
@pytest.mark.parametrize('task', task_names())
def test_the_oracle_solves(simulator: Simulator, task: str, seed: int):
    codes = run_oracle(simulator, task, seed)
    assert simulator.success
    assert codes
    assert simulator.state.step < get_task(task).max_steps


@pytest.mark.parametrize('task', task_names())
def test_a_robot_that_does_nothing_solves_nothing(simulator: Simulator, task: str):
    simulator.reset(task, 5)
    for _ in range(25):
        simulator.hold()
        assert not simulator.success


def test_semantics_9_to_say_done_is_no_success(simulator: Simulator):
    simulator.reset('Pick', 0)
    simulator.start_skill('done()')
    for _ in range(10):
        simulator.step(simulator.skill_action())
    assert not simulator.success
    assert simulator.skill_status() == 'running'


def test_success_is_what_the_predicate_says_and_nothing_else(simulator: Simulator, monkeypatch):
    class AtStepThree(Predicate):
        def _evaluate(self, state) -> bool:
            return state.step == 3

    def sample(task, seed, split):
        instance = sample_episode(task, seed, split)
        object.__setattr__(instance, 'goal', AtStepThree())
        return instance

    monkeypatch.setattr(simulator_module, 'sample_episode', sample)
    simulator.reset('Pick', 0)
    answers = []
    for _ in range(5):
        simulator.hold()
        answers.append(simulator.success)
    assert answers == [False, False, True, False, False]


def specs_of(split: str):
    return tuple(placed.spec for placed in sample_episode('Pick', 3, split).objects)


def test_the_status_says_from_which_split_the_scene_was_drawn(simulator: Simulator):
    backend = ManiskillBackend(simulator)
    loop = EpisodeLoop(backend, Setting('lockstep', 'oracle'))
    for options, split in (({}, 'simple'), ({'split': 'test'}, 'test'), ({}, 'simple')):
        loop.start('Pick', 3, None, options)
        assert loop.status().split == split
        assert simulator.state.specs == specs_of(split)
    assert specs_of('simple') != specs_of('test')
    trained = ManiskillBackend(Simulator(SimConfig(render=False, split='train')))
    assert trained.reset('Pick', 3, None, {}).split == 'train'


def test_a_wrong_task_name_lists_the_nearest(simulator: Simulator):
    with pytest.raises(ValueError, match=r"unknown task 'PlaceNextoo'.*did you mean PlaceNextTo"):
        simulator.reset('PlaceNextoo', 0)


def test_a_negative_seed_is_refused(simulator: Simulator):
    with pytest.raises(ValueError, match='0 or more, got -1'):
        simulator.reset('Pick', -1)


def test_a_refused_reset_leaves_the_episode_as_it_is(simulator: Simulator):
    simulator.reset('Pick', 0)
    before = simulator.state_digest()
    with pytest.raises(ValueError, match='unknown task'):
        simulator.reset('Nothing', 0)
    simulator.hold()
    assert simulator.state.step == 1
    assert simulator.instance.task == 'Pick'
    assert simulator.state_digest() != before


@pytest.mark.parametrize(
    ('options', 'why'),
    [
        ({'image_size': 8}, 'image_size must be 16 to 2048 pixels, got 8'),
        ({'image_size': 5000}, 'got 5000'),
        ({'robot': 'shiny'}, "robot must be one of .*low_poly.*got 'shiny'"),
        ({'base_camera': 'left'}, "base camera pose 'left'.*framed, original"),
        ({'wrist_camera': 'left'}, "wrist camera pose 'left'.*framed, original"),
        ({'shadows': True}, "'fast' shader casts no shadows"),
    ],
)
def test_impossible_options_are_refused_before_an_episode_begins(options, why):
    with pytest.raises(ValueError, match=why):
        SimConfig(**options)


def test_semantics_12_reset_tells_what_the_episode_is(simulator: Simulator):
    info = simulator.reset('PlaceNextTo', 3)
    assert (info.task, info.seed) == ('PlaceNextTo', 3)
    assert info.instruction == sample_episode('PlaceNextTo', 3).instruction
    assert info.max_steps == get_task('PlaceNextTo').max_steps
    assert simulator.state.step == 0
    assert not simulator.success


def test_another_instruction_changes_the_words_and_nothing_else(simulator: Simulator):
    simulator.reset('Pick', 3)
    digest = simulator.state_digest()
    info = simulator.reset('Pick', 3, instruction='fetch me something')
    assert info.instruction == 'fetch me something'
    assert simulator.state_digest() == digest


def test_observation_has_the_state_in_the_conventions_of_the_core(simulator: Simulator):
    simulator.reset('Pick', 0)
    simulator.episode_id = 7
    for _ in range(3):
        simulator.step(make_action((0.02, 0.0, 0.01), (0.0, 0.0, 0.1), True))
    observation, state = simulator.observe(), simulator.state
    assert (observation.episode_id, observation.step) == (7, 3)
    assert observation.stamp_ns == 3 * CONTROL_DT_NS
    np.testing.assert_allclose(observation.ee_pose[:3], state.ee_position, atol=1e-6)
    w, x, y, z = state.ee_quat_wxyz
    np.testing.assert_allclose(observation.ee_pose[3:], [x, y, z, w], atol=1e-6)
    np.testing.assert_allclose(observation.joint_positions, state.joint_positions, atol=1e-6)
    assert np.abs(observation.joint_velocities).max() > 0.1
    assert observation.vacuum_on
    assert not observation.vacuum_grasping
    assert observation.base_image.shape == observation.wrist_image.shape == (0, 0, 3)


def test_observing_changes_nothing(simulator: Simulator):
    simulator.reset('Pick', 0)
    before = simulator.state_digest()
    assert simulator.observe() == simulator.observe()
    assert simulator.state_digest() == before


def test_hold_keeps_arm_and_vacuum(simulator: Simulator):
    simulator.reset('Pick', 0)
    simulator.start_skill(pick_code(simulator))
    while simulator.skill_status() == 'running':
        simulator.step(simulator.skill_action())
    simulator.hold()
    height = simulator.state.positions[0, 2]
    for _ in range(20):
        simulator.hold()
    assert simulator.state.grasped == 0
    assert abs(simulator.state.positions[0, 2] - height) < 1e-3


def test_stop_ends_motion_and_keeps_the_vacuum(simulator: Simulator):
    simulator.reset('Pick', 0)
    simulator.start_skill(pick_code(simulator))
    while simulator.state.grasped < 0:
        simulator.step(simulator.skill_action())
    simulator.step(make_action((0.03, 0.03, 0.0), (0, 0, 0), True))
    simulator.stop()
    stopped = simulator.state.ee_position
    for _ in range(10):
        simulator.hold()
        assert np.linalg.norm(simulator.state.ee_position - stopped) < 1e-3
    assert simulator.state.grasped == 0


def test_a_skill_from_outside_runs_to_done(simulator: Simulator):
    simulator.reset('Pick', 1)
    assert simulator.skill_status() == 'failed: no skill is running'
    simulator.start_skill(pick_code(simulator))
    assert simulator.skill_status() == 'running'
    for _ in range(60):
        if simulator.skill_status() != 'running':
            break
        simulator.step(simulator.skill_action())
    assert simulator.skill_status() == 'done'


def test_a_lost_skill_says_so(simulator: Simulator):
    simulator.reset('PlaceOnTop', 0)
    simulator.start_skill(pick_code(simulator))
    while simulator.skill_status() == 'running':
        simulator.step(simulator.skill_action())
    other = simulator.state.specs[2].name
    simulator.start_skill(f"move3d(target_actor=get_actor('{other}', (0, 0)))")
    simulator.step(make_action((0, 0, 0), (0, 0, 0), False))
    assert simulator.skill_status() == 'failed: the object was lost'


def test_a_skill_whose_arm_stands_still_fails(simulator: Simulator):
    simulator.reset('Pick', 0)
    simulator.start_skill(pick_code(simulator))
    for _ in range(STALL_STEPS - 1):
        simulator.hold()
        assert simulator.skill_status() == 'running'
    simulator.hold()
    assert 'has not moved' in simulator.skill_status()


def test_a_skill_that_does_not_end_fails(simulator: Simulator):
    simulator.reset('Pick', 0)
    simulator.start_skill(pick_code(simulator))
    for step in range(SKILL_MAX_STEPS):
        assert simulator.skill_status() == 'running'
        way = 0.01 if step % 20 < 10 else -0.01
        simulator.step(make_action((way, 0, 0), (0, 0, 0), False))
    assert simulator.skill_status() == f'failed: not done after {SKILL_MAX_STEPS} steps'


@pytest.mark.parametrize(
    ('code', 'error'),
    [
        ('pick(', SkillCodeError),
        ("import os; os.system('true')", SkillCodeError),
        ("move3d(target_pose=pose_dict['nowhere'])", SkillCodeError),
        ("pick(actor=get_actor('pink cube', (0, 0)))", SkillFailedError),
    ],
)
def test_a_skill_that_cannot_begin_leaves_none_running(simulator: Simulator, code: str, error):
    simulator.reset('Pick', 0)
    simulator.start_skill(pick_code(simulator))
    before = simulator.state_digest()
    with pytest.raises(error):
        simulator.start_skill(code)
    assert simulator.skill_status() == 'failed: no skill is running'
    assert not simulator.skill_action()[:6].any()
    assert simulator.state_digest() == before


def test_poses_of_one_episode_are_gone_in_the_next(simulator: Simulator):
    simulator.reset('Pick', 0)
    actor = f"get_actor('{simulator.state.specs[0].name}', (0, 0))"
    simulator.start_skill(f"pose_dict['k'] = get_pose(actor={actor})\nmove3d(actor={actor})")
    simulator.reset('Pick', 0)
    with pytest.raises(SkillCodeError, match='k'):
        simulator.start_skill(f"push(actor={actor}, target_pose=pose_dict['k'])")


def test_boxes_are_around_the_objects_and_cells_in_their_middle(simulator: Simulator):
    simulator.reset('NovelNoun', 0)
    boxes = simulator.bounding_boxes()
    assert boxes.shape == (6, 4)
    for index, (u0, v0, u1, v1) in enumerate(boxes):
        assert 0 <= u0 < u1 <= 128
        assert 0 <= v0 < v1 <= 128
        u, v, _ = simulator.base_camera.project(simulator.state.positions[index][None])[0]
        assert u0 < u < u1
        assert v0 < v < v1
        assert simulator.cell_of(index) == (
            int((u0 + u1) / 2 * 10 / 128),
            int((v0 + v1) / 2 * 10 / 128),
        )


def test_memory_stays_flat_over_resets(simulator: Simulator):
    def resident_mb() -> float:
        gc.collect()
        pages = int(Path('/proc/self/statm').read_text().split()[1])
        return pages * os.sysconf('SC_PAGE_SIZE') / 1e6

    def resets(count: int) -> None:
        for seed in range(count):
            simulator.reset('PlaceNextTo', seed)
            simulator.hold()

    resets(20)  # caches and the allocator's pools fill first
    before = resident_mb()
    resets(60)
    assert resident_mb() - before < 20.0


def test_worlds_do_not_disturb_each_other():
    one, two = Simulator(SimConfig(render=False)), Simulator(SimConfig(render=False))
    run_oracle(one, 'Pick', 4)
    expected = one.state_digest()
    one.reset('Pick', 4)
    two.reset('Swap', 4)
    while not one.success:
        for simulator in (one, two):
            step = simulator.oracle_key_step()
            if step.is_new:
                simulator.start_skill(step.code)
            simulator.step(simulator.skill_action())
    assert one.state_digest() == expected
