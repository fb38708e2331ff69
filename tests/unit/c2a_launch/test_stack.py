# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The description of the stack: arguments, their errors, and what is started."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from c2a_controller import policy_checkpoint
from c2a_planner import checkpoint
from c2a_training.stack import Stack, StackError, load_stack

LAUNCH = Path(__file__).resolve().parents[3] / 'launch'

# The arguments of the design, in its order, and what some of them need.
ARGUMENTS = (
    *('backend', 'task', 'seed', 'episodes', 'exit', 'stepping', 'planner', 'low_level'),
    *('replay_dir', 'on_new_key_step', 'exec_horizon', 'late_chunk', 'policy_checkpoint'),
    'denoising_steps',
    *('scheduler', 'warm_start', 'noise_scale', 'policy_threads', 'checkpoint', 'constrained'),
    'threads',
    *('server_url', 'server_model', 'early_stop_chars', 'done_confirmations'),
    *('planner_delay_s', 'policy_delay_s', 'record', 'record_dir', 'rviz', 'params_file'),
)


@pytest.fixture(scope='module')
def stack() -> Stack:
    return load_stack(LAUNCH)


def started(stack: Stack, **given: str) -> dict[str, dict]:
    return {start.node.name: dict(start.parameters) for start in stack.start(given)}


def test_arguments_are_those_of_the_design(stack):
    assert tuple(stack.arguments) == ARGUMENTS


def test_every_default_is_a_value_that_is_accepted(stack):
    for argument in stack.arguments.values():
        argument.parse(argument.default)


def test_defaults_run_the_learned_models_over_and_over(stack):
    defaults = {name: entry.default for name, entry in stack.arguments.items()}
    assert (defaults['planner'], defaults['low_level']) == ('vlm', 'policy')
    assert (defaults['task'], defaults['episodes'], defaults['exit']) == (
        'PlaceNextTo',
        '0',
        'false',
    )


def test_nodes_that_share_a_parameter_have_the_same_value_of_it():
    document = yaml.safe_load((LAUNCH / 'params' / 'c2a.yaml').read_text())
    values: dict[str, set] = {}
    for block in document.values():
        for name, value in block['ros__parameters'].items():
            values.setdefault(name, set()).add(value)
    assert {name for name, seen in values.items() if len(seen) > 1} == set()


@pytest.fixture(autouse=True)
def ships(monkeypatch, tmp_path) -> dict[str, Path]:
    """Seals of the shipped checkpoints; take one away to see what stands in."""
    seals = {}
    for package, kind in ((checkpoint, 'planner'), (policy_checkpoint, 'policy')):
        folder = tmp_path / 'checkpoints' / f'{kind}_tiny'
        folder.mkdir(parents=True)
        seals[kind] = folder / package.INFO_NAME
        seals[kind].write_text('{}')
        monkeypatch.setattr(package, 'SHIPPED_FOLDER', folder.parent)
    return seals


def test_without_the_shipped_planner_the_oracle_stands_in_unless_you_choose(
    stack, ships, tmp_path
):
    ships['planner'].unlink()
    nodes = started(stack)
    assert nodes['planner'] == nodes['sim_bridge'] == {'planner': 'oracle'}
    assert started(stack, planner='vlm')['planner'] == {'planner': 'vlm'}
    assert started(stack, checkpoint='mine')['planner'] == {'checkpoint': 'mine'}
    own = tmp_path / 'own.yaml'
    own.write_text('/c2a/planner:\n  ros__parameters:\n    planner: vlm\n')
    assert started(stack, params_file=str(own))['planner'] == {}


def test_without_the_shipped_policy_skills_stand_in_unless_you_choose(stack, ships):
    ships['policy'].unlink()
    nodes = started(stack)
    words = {'low_level': 'oracle'}
    assert nodes['sim_bridge'] == nodes['planner'] == nodes['controller'] == words
    assert started(stack, low_level='policy')['controller'] == {'low_level': 'policy'}
    own = started(stack, policy_checkpoint='mine')
    assert own['controller'] == {'policy_checkpoint': 'mine'}
    assert own['planner'] == {}
    with pytest.raises(StackError, match='writes no code'):
        started(stack, planner='none')


def test_the_flat_baseline_needs_a_policy_of_its_own(stack):
    with pytest.raises(StackError, match='trained with --flat'):
        started(stack, planner='none')
    nodes = started(stack, planner='none', policy_checkpoint='flat')
    assert nodes['controller'] == {'policy_checkpoint': 'flat'}


def test_arguments_that_are_not_given_are_left_to_the_parameter_files(stack):
    assert started(stack)['sim_bridge'] == {}


def test_given_arguments_reach_every_node_that_has_them_with_their_type(stack):
    words = {'seed': '7', 'exit': 'true', 'low_level': 'replay', 'replay_dir': '/demos'}
    nodes = started(stack, **words, planner_delay_s='0.1')
    assert nodes['sim_bridge'] == {'seed': 7, 'exit': True, 'low_level': 'replay'}
    assert nodes['planner'] == {'low_level': 'replay', 'planner_delay_s': '0.1'}
    assert nodes['controller'] == {'low_level': 'replay', 'replay_dir': '/demos'}


def test_only_the_bridge_is_required_and_models_and_recorder_are_started_again(stack):
    assert [node.name for node in stack.nodes if node.required] == ['sim_bridge']
    again = [node.name for node in stack.nodes if node.respawn]
    assert again == ['planner', 'controller', 'recorder']


def test_rviz_is_started_only_when_asked_for(stack):
    assert 'rviz2' not in started(stack)
    assert 'rviz2' in started(stack, rviz='true')


def test_the_recorder_is_started_when_asked_for_and_episodes_wait_for_it(stack, tmp_path):
    assert 'recorder' not in started(stack)
    nodes = started(stack, record='true', record_dir=str(tmp_path))
    assert nodes['recorder'] == {'record_dir': str(tmp_path)}
    assert nodes['sim_bridge'] == {'audience': 'recorder'}


def test_the_recorder_is_waited_for_beside_those_that_the_user_names(stack, tmp_path):
    own = tmp_path / 'own.yaml'
    own.write_text('/c2a/sim_bridge:\n  ros__parameters:\n    audience: other\n')
    nodes = started(stack, record='true', params_file=str(own))
    assert nodes['sim_bridge'] == {'audience': 'other,recorder'}


def test_what_shows_the_robot_goes_by_robot_time(stack):
    nodes = started(stack, rviz='true')
    assert nodes['robot_state_publisher'] == nodes['rviz2'] == {'use_sim_time': True}


def test_layout_of_rviz_is_named_with_its_folder(stack):
    rviz = next(node for node in stack.nodes if node.name == 'rviz2')
    assert stack.command_line(rviz) == ['-d', str(LAUNCH / 'rviz' / 'c2a.rviz')]


def test_own_parameters_come_after_the_deployed_ones(stack, tmp_path):
    own = tmp_path / 'own.yaml'
    own.write_text('/c2a/planner:\n  ros__parameters:\n    early_stop_chars: 8\n')
    for start in stack.start({'params_file': str(own)}):
        assert start.params_files == (LAUNCH / 'params' / 'c2a.yaml', own)


def test_combination_that_cannot_work_is_found_in_an_own_file_too(stack, tmp_path):
    own = tmp_path / 'own.yaml'
    own.write_text('/c2a/planner:\n  ros__parameters:\n    planner: none\n')
    with pytest.raises(StackError, match='writes no code'):
        stack.start({'params_file': str(own), 'low_level': 'oracle'})


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['tsk:=Swap'], 'unknown argument tsk, did you mean task?; arguments are backend, task'),
        (['task=Swap'], "'task=Swap' is no argument: write name:=value, did you mean task?"),
        (['--seed'], "'--seed' is no argument: write name:=value, did you mean seed?"),
        (['seed:=two'], 'seed:=two is wrong: seed is a whole number'),
        (['exit:=yes'], 'exit:=yes is wrong: exit is true or false'),
        (['planner:=oracel'], 'planner:=oracel is unknown, did you mean oracle?; planner is one'),
        (['backend:=arm'], 'backend:=arm is not there yet: use maniskill'),
        (['record:=bags'], 'record:=bags is wrong: record is true or false'),
        (['record_dir:=bags'], 'record_dir:=bags needs record:=true'),
        (['record_dir:=bags', 'record:=false'], 'record_dir:=bags needs record:=true'),
        (['planner:=none', 'low_level:=oracle'], 'writes no code that skills could execute'),
        (['scheduler:=dim'], 'scheduler:=dim is unknown, did you mean ddim?'),
        (['low_level:=replay'], 'low_level:=replay needs replay_dir:=FOLDER of recorded episodes'),
        (['params_file:=/no/such.yaml'], 'cannot read /no/such.yaml: No such file or directory'),
    ],
)
def test_what_is_wrong_is_said_in_one_line(stack, words, message):
    with pytest.raises(StackError) as caught:
        stack.start(stack.parse_words(words))
    assert message in str(caught.value)
    assert '\n' not in str(caught.value)


def test_help_has_one_line_for_each_argument(stack):
    lines = stack.help_lines()
    assert len(lines) == len(ARGUMENTS)
    assert all('\n' not in line for line in lines)
