# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The oracle planner: the code that it says, whoever moves the arm.

The golden texts in `tests/data` are what the oracle says in two whole episodes. After a change
that is meant to alter them run `C2A_WRITE_GOLDEN=1 ./c2a test -k golden` and look at the
difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from unit.c2a_sim_bridge.worlds import run_oracle

from c2a_core.skill_api import parse_key_step
from c2a_core.spaces import clip_action, hold_action
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.tasks.registry import task_names

DATA = Path(__file__).parents[2] / 'data'
GOLDEN_SEED = 7
PICK_AND_PLACE = ['move3d(actor', 'pick(actor', 'move3d(target', 'place(actor']


@pytest.fixture(scope='module')
def simulator() -> Simulator:
    return Simulator(SimConfig(render=False))


def heads(codes: list[str]) -> list[str]:
    """Skill and first argument of each key step, e.g. `move3d(actor`."""
    return [re.match(r'\w+\([a-z]*', code.splitlines()[-1])[0] for code in codes]


@pytest.mark.parametrize('task', ['PlaceNextTo', 'Swap'])
def test_golden_text_of_the_oracle(simulator: Simulator, task: str):
    codes = run_oracle(simulator, task, GOLDEN_SEED)
    assert simulator.success
    text = '\n\n'.join([*codes, simulator.oracle_key_step().code]) + '\n'
    path = DATA / f'golden_{task}.txt'
    if os.environ.get('C2A_WRITE_GOLDEN'):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding='utf-8')
    assert text == path.read_text(encoding='utf-8')


@pytest.mark.parametrize('seed', range(3))
def test_place_next_to_is_four_calls(simulator: Simulator, seed: int):
    codes = run_oracle(simulator, 'PlaceNextTo', seed)
    assert heads(codes) == PICK_AND_PLACE
    assert codes[0].startswith("pose_dict['target'] = free_space_next_to(actor=")
    assert all('\n' not in code for code in codes[1:])
    assert codes[2] == "move3d(target_pose=pose_dict['target'])"


@pytest.mark.parametrize('seed', range(3))
def test_swap_is_twelve_calls_and_stores_each_pose_before_its_object_moves(
    simulator: Simulator, seed: int
):
    codes = run_oracle(simulator, 'Swap', seed)
    assert heads(codes) == PICK_AND_PLACE * 3
    first, second = (spec.name for spec in simulator.state.specs)
    stored = [re.findall(r"pose_dict\['([^']+)'\] = (\w+)", code) for code in codes]
    moved = {first: second, second: first}
    begins = [index for index, pairs in enumerate(stored) if pairs]
    assert begins == [0, 4]
    one = stored[0][0][0]
    assert stored[0] == [(one, 'get_pose'), ('free', 'free_space')]
    assert stored[4] == [(moved[one], 'get_pose')]
    targets = [re.search(r"target_pose=pose_dict\['([^']+)'\]", codes[k])[1] for k in (2, 6, 10)]
    assert targets == ['free', one, moved[one]]


def test_semantics_9_when_the_task_is_solved_the_oracle_says_done(simulator: Simulator):
    run_oracle(simulator, 'Pick', 0)
    assert simulator.success
    step = simulator.oracle_key_step()
    assert step.code == 'done()'
    assert step.is_new
    simulator.hold()
    assert simulator.oracle_key_step().code == 'done()'
    assert not simulator.oracle_key_step().is_new


@pytest.mark.parametrize('task', task_names())
def test_what_the_oracle_says_is_canonical_code(simulator: Simulator, task: str):
    for code in run_oracle(simulator, task, 1):
        assert parse_key_step(code).render() == code


def test_semantics_5_cells_are_those_of_the_observation_where_the_step_begins(
    simulator: Simulator,
):
    simulator.reset('Swap', 1)
    checked = 0
    while not simulator.success:
        step = simulator.oracle_key_step()
        if step.is_new and step.code != 'done()':
            for actor in parse_key_step(step.code).actors():
                assert actor.cell == simulator.cell_of(simulator.state.index_of(actor.name))
                checked += 1
            simulator.start_skill(step.code)
        simulator.step(simulator.skill_action())
    assert checked > 8


def test_semantics_6_between_key_steps_the_same_text_goes_on(simulator: Simulator):
    simulator.reset('PlaceNextTo', 2)
    last = ''
    while not simulator.success:
        step = simulator.oracle_key_step()
        assert step.is_new or step.code == last
        last = step.code
        if step.is_new:
            simulator.start_skill(step.code)
        simulator.step(simulator.skill_action())


def test_semantics_6_the_oracle_never_acts_and_answers_the_same_twice(simulator: Simulator):
    simulator.reset('PlaceNextTo', 0)
    for _ in range(15):
        before = simulator.state_digest()
        first = simulator.oracle_key_step()
        assert simulator.oracle_key_step() == first
        assert simulator.state_digest() == before
        if first.is_new:
            simulator.start_skill(first.code)
        simulator.step(simulator.skill_action())


@pytest.mark.parametrize('task', ['PlaceNextTo', 'StackTopple', 'Swap'])
def test_semantics_6_asking_does_not_change_the_episode(simulator: Simulator, task: str):
    actions = []
    run_oracle(
        simulator, task, 2, disturb=lambda _, action: (actions.append(action.copy()), action)[1]
    )
    digest = simulator.state_digest()
    simulator.reset(task, 2)  # nobody asks
    for action in actions:
        simulator.step(action)
    assert simulator.success
    assert simulator.state_digest() == digest


@pytest.mark.parametrize('task', ['Pick', 'PlaceOnTop', 'Swap'])
def test_semantics_6_a_slower_arm_hears_the_same_code(simulator: Simulator, task: str):
    def half_speed(_, action):
        return np.concatenate([0.5 * action[:6], action[6:]]).astype(np.float32)

    expected = run_oracle(simulator, task, 3)
    steps = simulator.state.step
    slow = run_oracle(simulator, task, 3, disturb=half_speed)
    assert simulator.success
    assert simulator.state.step > 1.2 * steps
    assert heads(slow) == heads(expected)


@pytest.mark.parametrize('task', ['PlaceNextTo', 'SingleStack', 'PushToTarget'])
def test_semantics_6_an_arm_that_goes_on_with_the_old_skill_for_a_while(
    simulator: Simulator, task: str
):
    simulator.reset(task, 1)
    waiting: list[tuple[int, str]] = []
    while not simulator.success and simulator.state.step < 200:
        step = simulator.oracle_key_step()
        if step.is_new:
            waiting.append((simulator.state.step + 3, step.code))
        if waiting and simulator.state.step >= waiting[0][0]:
            _, code = waiting.pop(0)
            simulator.start_skill(code)
        simulator.step(simulator.skill_action())
    assert simulator.success


@pytest.mark.parametrize('task', ['PlaceNextTo', 'PlaceOnTop', 'Swap', 'StackTopple'])
def test_semantics_6_a_trembling_arm_still_hears_what_solves_the_task(
    simulator: Simulator, task: str
):
    rng = np.random.default_rng(0)

    def tremble(_, action):
        noise = np.concatenate([rng.normal(0, 0.003, 3), rng.normal(0, 0.01, 3), [0.0]])
        return clip_action(action + noise)

    run_oracle(simulator, task, 4, disturb=tremble)
    assert simulator.success


@pytest.mark.parametrize('seed', range(5, 8))
def test_a_short_knock_by_a_trembling_arm_counts_as_touched(simulator: Simulator, seed: int):
    # Pins: only the last physics step of a control step was looked at; in seed 5 the object was
    # knocked over between two looks, and its topple never counted.
    rng = np.random.default_rng(seed)

    def tremble(_, action):
        noise = np.concatenate([rng.normal(0, 0.004, 3), rng.normal(0, 0.01, 3), [0]])
        return clip_action(action + noise.astype(np.float32))

    run_oracle(simulator, 'Topple', seed, disturb=tremble)
    assert simulator.success


@pytest.mark.parametrize('task', ['PlaceNextTo', 'PlaceOnTop', 'SingleStack', 'NovelNoun'])
@pytest.mark.parametrize('carried_steps', [2, 4])
def test_semantics_6_a_dropped_object_is_picked_up_again(
    simulator: Simulator, task: str, carried_steps: int
):
    carried = 0

    def cut_once(sim: Simulator, action):
        nonlocal carried
        if sim.oracle_key_step().code.startswith('move3d(target'):
            carried += 1
            if carried == carried_steps:
                return hold_action(False)
        return action

    codes = run_oracle(simulator, task, 2, disturb=cut_once)
    assert carried >= carried_steps
    assert simulator.success
    sequence = heads(codes)
    first = sequence.index('move3d(target')
    assert sequence[first + 1 : first + 3] == ['move3d(actor', 'pick(actor']


def test_semantics_6_the_step_back_comes_at_the_first_observation_after_the_loss(
    simulator: Simulator,
):
    simulator.reset('PlaceNextTo', 2)
    step = simulator.oracle_key_step()
    while not step.code.startswith('move3d(target'):
        if step.is_new:
            simulator.start_skill(step.code)
        simulator.step(simulator.skill_action())
        step = simulator.oracle_key_step()
    simulator.step(simulator.skill_action())
    assert simulator.oracle_key_step().code.startswith('move3d(target')
    simulator.step(hold_action(False))
    step = simulator.oracle_key_step()
    assert step.is_new
    assert step.code.startswith('move3d(actor=')


def test_semantics_6_after_a_drop_stored_poses_are_used_not_sampled_again(simulator: Simulator):
    dropped = False

    def cut_once(sim: Simulator, action):
        nonlocal dropped
        if not dropped and sim.oracle_key_step().code.startswith('move3d(target'):
            dropped = True
            return hold_action(False)
        return action

    codes = run_oracle(simulator, 'Swap', 0, disturb=cut_once)
    assert simulator.success
    keys = re.findall(r"pose_dict\['([^']+)'\] = ", '\n'.join(codes))
    assert len(keys) == len(set(keys)) == 3


@pytest.mark.parametrize('task', ['Pick', 'PlaceNextTo'])
def test_semantics_6_a_policy_that_took_the_wrong_object_is_led_back(
    simulator: Simulator, task: str
):
    simulator.reset(task, 0)
    wrong = simulator.state.specs[2].name
    simulator.start_skill(f"pick(actor=get_actor('{wrong}', (0, 0)))")
    while simulator.skill_status() == 'running':
        simulator.oracle_key_step()
        simulator.step(simulator.skill_action())
    assert simulator.state.grasped == 2
    step = simulator.oracle_key_step()
    assert wrong not in step.code
    simulator.start_skill(step.code)
    while not simulator.success and simulator.state.step < 150:
        step = simulator.oracle_key_step()
        if step.is_new:
            simulator.start_skill(step.code)
        simulator.step(simulator.skill_action())
    assert simulator.success


@pytest.mark.parametrize('task', ['Pick', 'PlaceNextTo', 'Swap'])
def test_semantics_6_a_policy_that_grasps_before_it_is_told_to_goes_on(
    simulator: Simulator, task: str
):
    simulator.reset(task, 0)
    approach = simulator.oracle_key_step().code.splitlines()[-1]
    assert approach.startswith('move3d(actor=')
    simulator.start_skill(approach.replace('move3d(', 'pick('))
    while simulator.state.grasped < 0:
        simulator.step(simulator.skill_action())
    for _ in range(3):
        simulator.step(hold_action(True))
    step = simulator.oracle_key_step()
    assert (step.is_new, step.code) == (True, approach.replace('move3d(', 'pick('))


@pytest.mark.parametrize('task', ['PlaceNextTo', 'StackTopple'])
def test_semantics_10_skipped_observations_do_no_harm(simulator: Simulator, task: str):
    simulator.reset(task, 3)
    while not simulator.success and simulator.state.step < 250:
        if simulator.state.step % 4 == 0:
            step = simulator.oracle_key_step()
            if step.is_new:
                simulator.start_skill(step.code)
        simulator.step(simulator.skill_action())
    assert simulator.success
