# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The loop over DDS: order, joining, memory, oracle, ends and start (lockstep)."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from fakes import CUBE, SKILL_STEPS, TRACE, FakeModel, FakePolicy, FakeSimulator
from node_world import wait_until

from c2a_core.skill_api import comment

pytestmark = pytest.mark.ros

STEPS = SKILL_STEPS * len(TRACE)
MOVE = f'move3d(actor={CUBE})'
PICK = f'pick(actor={CUBE})'


def check_order(probe, steps, episode_id=1):
    """Observation(k) < KeyStep(k) < Command(k) < Observation(k+1) for every k, none missing."""
    wait_until(lambda: len(probe.of('key_step', episode_id)) > steps, what='last key step')
    wait_until(lambda: len(probe.of('observation', episode_id)) > steps, what='last observation')
    observations = probe.sent('observation', episode_id)
    key_steps = probe.sent('key_step', episode_id)
    commands = probe.sent('command', episode_id)
    assert sorted(observations) == sorted(key_steps) == list(range(steps + 1))
    assert sorted(k for k in commands if k < steps) == list(range(steps))
    for kind in ('observation', 'key_step'):
        assert len(probe.of(kind, episode_id)) == steps + 1
    for k in range(steps):
        assert observations[k] < key_steps[k] < commands[k] < observations[k + 1]


def test_order_with_the_oracle_and_its_skills(ros):
    ros.stack(FakeSimulator())
    assert ros.ended().success
    check_order(ros.probe, STEPS)
    assert {c.source for c in ros.probe.of('command', 1)} == {'skill'}


def test_order_with_a_policy(ros):
    ros.stack(FakeSimulator(), policy=FakePolicy(), low_level='policy')
    assert ros.ended().success
    check_order(ros.probe, STEPS)
    assert {c.source for c in ros.probe.of('command', 1)} <= {'policy', 'hold'}


def test_semantics_01_key_steps_are_joined_in_the_middle_of_a_chunk(ros):
    ros.stack(FakeSimulator(), policy=FakePolicy(rows=16), low_level='policy', exec_horizon=16)
    ros.ended()
    wait_until(lambda: len(ros.probe.of('key_step', 1)) > STEPS, what='the last key step')
    commands = [c for c in ros.probe.of('command', 1) if c.step < STEPS]
    assert [c.subtask_id for c in commands] == [k // SKILL_STEPS for k in range(STEPS)]
    key_steps = ros.probe.of('key_step', 1)
    assert [k.step for k in key_steps if k.is_key_step] == list(range(0, STEPS + 1, SKILL_STEPS))
    assert not any(k.code.startswith('#') for k in key_steps)


def test_semantics_02_poses_live_in_the_bridge_for_one_episode(ros):
    simulator = FakeSimulator()
    ros.stack(simulator, bridge={'episodes': 2})
    ros.ended(2)
    assert simulator.started == [*TRACE, *TRACE]


def test_semantics_03_memory_cache_info_and_ids(ros):
    ros.stack(FakeSimulator(), bridge={'episodes': 2})
    ros.ended(2)
    wait_until(lambda: len(ros.probe.of('key_step', 2)) > STEPS)
    for episode_id in (1, 2):
        key_steps = ros.probe.of('key_step', episode_id)
        borders = [k for k in key_steps if k.is_key_step]
        assert [k.subtask_id for k in borders] == [0, 1, 2, 3, 4]
        assert [k.memory for k in borders] == [(*TRACE, 'done()')[:n] for n in range(5)]
        assert {k.cache_info for k in key_steps} == {TRACE[0].splitlines()[0]}


def test_semantics_04_invalid_replies_mean_hold_and_then_abort(ros):
    simulator = FakeSimulator(needs_steps=0)
    ros.stack(simulator, FakeModel('no idea'), FakePolicy(), low_level='policy')
    status = ros.ended()
    assert status.reason.startswith('aborted: 20 invalid replies in a row')
    assert {c.source for c in ros.probe.of('command', 1)} == {'hold'}
    assert status.step == 19


def test_semantics_04_an_invalid_reply_lets_the_sub_task_go_on(ros):
    model = FakeModel(MOVE, comment(MOVE), 'no idea', 'place()', PICK, comment(PICK))
    ros.stack(FakeSimulator(), model, FakePolicy(), low_level='policy')
    ros.ended()
    key_steps = ros.probe.of('key_step', 1)
    assert [k.reply_status for k in key_steps[:6]] == [
        'key_step', 'same', 'invalid', 'invalid', 'key_step', 'same',
    ]  # fmt: skip
    assert [k.subtask_id for k in key_steps[:6]] == [0, 0, 0, 0, 1, 1]
    assert [c.source for c in ros.probe.of('command', 1)[:6]] == ['policy'] * 6


def test_semantics_06_one_oracle_key_step_per_observation_also_while_a_policy_moves(ros):
    model = FakeModel(MOVE, comment(MOVE))
    simulator = FakeSimulator()
    bridge = ros.bridge(simulator, planner='oracle', low_level='policy')
    ros.planner(model, planner='vlm', low_level='policy')
    ros.controller(FakePolicy(), low_level='policy')
    assert ros.ended().success
    wait_until(lambda: len(ros.probe.of('oracle', 1)) > STEPS)
    oracle = ros.probe.of('oracle', 1)
    assert [k.step for k in oracle] == list(range(STEPS + 1))
    expected = [(*TRACE, 'done()')[k // SKILL_STEPS] for k in range(STEPS + 1)]
    assert [k.code for k in oracle] == expected
    assert bridge.loop.planner_checkpoint == 'fake-model'


def test_semantics_09_success_ends_the_episode_at_once_and_leaves_one_row_more(ros):
    ros.stack(FakeSimulator(needs_steps=7), policy=FakePolicy(), low_level='policy')
    status = ros.ended()
    assert (status.success, status.reason, status.step) == (True, 'success', 7)
    check_order(ros.probe, 7)


def begin_done(ros, *, needs_steps, confirmations):
    """A stack whose planner says done() at step 2 and from there on."""
    ros.stack(
        FakeSimulator(needs_steps=needs_steps),
        FakeModel(MOVE, comment(MOVE), 'done()'),
        FakePolicy(),
        low_level='policy',
        planner={'done_confirmations': confirmations},
    )


def test_semantics_09_done_holds_for_half_a_second_and_then_is_early(ros):
    begin_done(ros, needs_steps=0, confirmations=3)
    status = ros.ended()
    # Said at steps 2 to 4, it counts from step 4 on.
    assert (status.success, status.reason, status.step) == (False, 'early done', 4 + 10)
    sources = [c.source for c in ros.probe.of('command', 1) if c.step < status.step]
    assert sources == ['policy'] * 4 + ['hold'] * 10


def test_semantics_09_predicates_run_while_done_holds(ros):
    begin_done(ros, needs_steps=6, confirmations=1)
    assert ros.ended().reason == 'success'


def test_semantics_09_time_out(ros):
    model = FakeModel(MOVE, comment(MOVE))
    simulator = FakeSimulator(needs_steps=0, max_steps=15)
    ros.stack(simulator, model, FakePolicy(), low_level='policy')
    status = ros.ended()
    assert (status.reason, status.step, status.max_steps) == ('time-out', 15, 15)


def test_semantics_10_delays_are_charged_to_robot_time(ros):
    simulator = FakeSimulator(needs_steps=0, max_steps=12)
    ros.stack(
        simulator,
        FakeModel(MOVE, comment(MOVE)),
        FakePolicy(),
        low_level='policy',
        planner={'planner_delay_s': '0.1'},
        policy_delay_s='0.15',
        late_chunk='time',
    )
    ros.ended()
    key_steps = ros.probe.of('key_step', 1)
    assert [k.reply_status for k in key_steps[:6]] == [
        'hold', 'hold', 'key_step', 'skipped', 'same', 'skipped',
    ]  # fmt: skip
    commands = ros.probe.of('command', 1)
    assert [c.source for c in commands[:6]] == ['hold'] * 5 + ['policy']
    assert commands[5].chunk_index == 3


def test_semantics_11_actions_are_float32_and_scaled_into_their_bounds(ros):
    simulator = FakeSimulator(needs_steps=4)
    ros.stack(simulator, policy=FakePolicy(speed_m=0.08), low_level='policy')
    ros.ended()
    assert {a.dtype for a in simulator.actions} == {np.dtype(np.float32)}
    for action in simulator.actions:
        assert np.linalg.norm(action[:3]) == pytest.approx(0.05, rel=1e-5)


def test_semantics_12_status_comes_before_the_first_observation(ros):
    ros.stack(FakeSimulator(), bridge={'episodes': 2})
    ros.ended(2)
    for episode_id in (1, 2):
        status = next(
            e for e in ros.probe.events if e.kind == 'status' and e.value.episode_id == episode_id
        )
        assert status.sent_ns < ros.probe.sent('observation', episode_id)[0]
        assert (status.value.instruction, status.value.step) == ('do FakeTask', 0)


def test_semantics_12_what_belongs_to_another_episode_is_dropped(ros):
    from c2a_core import messages
    from c2a_core.ros import Qos, Topic
    from c2a_core.types import Command
    from c2a_msgs import msg as c2a

    model = FakeModel(MOVE, comment(MOVE), wall_s=0.05)
    simulator = FakeSimulator(needs_steps=20)
    bridge = ros.stack(simulator, model, FakePolicy(), low_level='policy')
    publisher = ros.probe.create_publisher(c2a.Command, Topic.COMMAND, Qos.COMMAND)
    wait_until(lambda: bridge.loop.step >= 2)
    for episode_id, step in ((7, 3), (1, 0), (1, 99)):
        strange = Command(episode_id, step, 'policy', 0, 0, np.full(7, 0.04))
        publisher.publish(messages.command_to_msg(strange))
    assert ros.ended().success
    assert bridge.stepper.dropped['command of another step'] == 3
    assert not any(np.allclose(a[3:6], 0.04) for a in simulator.actions)


def test_episodes_take_turns_over_tasks_and_count_seeds_up(ros):
    simulator = FakeSimulator(needs_steps=2)
    bridge = ros.stack(simulator, bridge={'episodes': 4, 'task': 'FakeTask, OtherTask', 'seed': 5})
    ros.ended(4)
    assert simulator.resets == [
        ('FakeTask', 5), ('OtherTask', 5), ('FakeTask', 6), ('OtherTask', 6),
    ]  # fmt: skip
    wait_until(lambda: bridge.schedule.finished == 4)
    assert bridge.schedule.all_succeeded
    assert bridge.schedule.tally() == '4 of 4 episodes succeeded'


@pytest.mark.parametrize(
    ('parameters', 'words'),
    [
        ({'backend': 'arm'}, 'not there yet'),
        ({'backend': 'clevrskills'}, 'not there yet'),
        ({'task': 'FakeTusk', 'fake': True}, 'there is no task'),
    ],
)
def test_a_bridge_that_cannot_start_says_why(ros, parameters, words):
    backend = FakeSimulator() if parameters.pop('fake', False) else None
    with pytest.raises(ValueError, match=words):
        ros.bridge(backend, **parameters)


@pytest.mark.parametrize(
    ('parameters', 'words'),
    [
        ({'planner': 'vlm', 'checkpoint': '/no/such'}, "no checkpoint '/no/such'"),
        ({'planner': 'none', 'low_level': 'oracle'}, 'use low_level:=policy'),
    ],
)
def test_a_planner_that_cannot_start_says_why(ros, parameters, words):
    with pytest.raises(ValueError, match=words):
        ros.planner(**parameters)


@pytest.mark.parametrize(
    ('parameters', 'words'),
    [
        ({'low_level': 'policy', 'policy_checkpoint': '/does/not/exist'}, '/does/not/exist'),
        ({'low_level': 'replay', 'replay_dir': '/does/not/exist'}, 'is not there'),
    ],
)
def test_a_controller_that_cannot_start_says_why(ros, parameters, words):
    with pytest.raises(ValueError, match=words):
        ros.controller(**parameters)


def test_planner_none_gives_the_instruction_to_the_policy(ros):
    policy = FakePolicy()
    ros.bridge(FakeSimulator(), planner='none', low_level='policy')
    ros.planner(planner='none', low_level='policy')
    ros.controller(policy, low_level='policy')
    assert ros.ended().success
    assert {code for _, code in policy.asked} == {'do FakeTask'}
    assert {c.subtask_id for c in ros.probe.of('command', 1)} == {0}


@pytest.mark.parametrize('mode', ['flush', 'blend', 'finish'])
def test_preemption_modes_over_the_wire(ros, mode):
    ros.stack(
        FakeSimulator(),
        policy=FakePolicy(),
        low_level='policy',
        exec_horizon=6,
        on_new_key_step=mode,
    )
    ros.ended()
    commands = [c for c in ros.probe.of('command', 1) if c.step < STEPS]
    starts = [step for step, c in enumerate(commands) if c.chunk_index == 0]
    chunks = ros.probe.of('chunk', 1)
    if mode == 'finish':
        assert starts == [0, 6, 12]
        assert not any(c.preempted for c in chunks)
    else:
        assert starts == [0, 4, 8, 12]
        assert [c.preempted for c in chunks[:4]] == [False, True, True, True]
    second = commands[SKILL_STEPS].action[1]
    expected = {'flush': 0.002, 'blend': 0.8 * 0.001 + 0.2 * 0.002, 'finish': 0.001}[mode]
    assert second == pytest.approx(expected, rel=1e-4)


def test_a_policy_that_writes_nan_makes_the_robot_hold(ros):
    policy = FakePolicy(speed_m=float('nan'))
    simulator = FakeSimulator(needs_steps=5)
    ros.stack(simulator, policy=policy, low_level='policy')
    assert ros.ended().step == 5
    assert not any(np.any(a[:6]) for a in simulator.actions)


def test_a_command_that_is_not_finite_is_refused_by_the_bridge(ros):
    from c2a_core import messages
    from c2a_core.ros import Qos, Topic
    from c2a_core.types import Command
    from c2a_msgs import msg as c2a

    simulator = FakeSimulator(needs_steps=3)
    bridge = ros.bridge(simulator, low_level='policy', planner='oracle', episodes=-1)
    ros.planner(low_level='policy')
    ros.controller(FakePolicy(), low_level='policy').trigger_deactivate()
    publisher = ros.probe.create_publisher(c2a.Command, Topic.COMMAND, Qos.COMMAND)
    ros.wait_for_peers(bridge)
    assert ros.reset(task='FakeTask', seed=0).accepted
    for step in range(3):
        wait_until(lambda step=step: bridge.loop.step == step)
        bad = Command(1, step, 'policy', 0, 0, np.full(7, np.nan))
        publisher.publish(messages.command_to_msg(bad))
    ros.ended()
    assert not any(np.any(a[:6]) for a in simulator.actions)
    assert sum(bridge.loop.refused.values()) == 3


def test_replay_sends_a_recorded_episode_bit_for_bit(ros, tmp_path: Path):
    from c2a_core.episode_file import RecordedEpisode, write_episode

    rng = np.random.default_rng(0)
    actions = rng.uniform(-0.02, 0.02, (STEPS, 7)).astype(np.float32)
    codes = tuple(itertools.repeat(MOVE, STEPS + 1))
    write_episode(tmp_path, RecordedEpisode('FakeTask', 0, 'do', True, actions, codes))
    simulator = FakeSimulator()
    ros.stack(simulator, low_level='replay', replay_dir=str(tmp_path), exec_horizon=5)
    assert ros.ended().success
    assert np.array(simulator.actions).tobytes() == actions.tobytes()
    assert {c.source for c in ros.probe.of('command', 1) if c.step < STEPS} == {'replay'}


def test_replay_of_an_episode_that_was_not_recorded_holds_and_says_so(ros, tmp_path: Path):
    from diagnostic_msgs.msg import DiagnosticArray

    ros.probe.listen('diagnostics', DiagnosticArray, '/diagnostics')
    simulator = FakeSimulator(needs_steps=0, max_steps=5)
    ros.stack(simulator, low_level='replay', replay_dir=str(tmp_path))
    assert ros.ended().reason == 'time-out'

    def is_said():
        arrays = ros.probe.of('diagnostics')
        return any('no recorded episode' in s.message for a in arrays for s in a.status)

    wait_until(is_said)


def test_a_world_that_cannot_be_made_ends_the_bridge_with_one_line(ros):
    simulator = FakeSimulator()

    def no_device(*arguments):
        raise RuntimeError('no usable Vulkan device')

    simulator.reset = no_device
    bridge = ros.stack(simulator)
    wait_until(lambda: getattr(bridge, 'exit_code', None) == 1)


def test_lifecycle_nodes_wait_for_their_manager_and_free_what_they_had(ros):
    simulator = FakeSimulator()
    bridge = ros.bridge(simulator, low_level='policy', planner='oracle')
    planner = ros.planner(low_level='policy', autostart=False)
    controller = ros.controller(FakePolicy(), low_level='policy', autostart=False)

    def both(transition):
        tasks = [
            node.executor.create_task(getattr(node, f'trigger_{transition}'))
            for node in (planner, controller)
        ]
        wait_until(lambda: all(task.done() for task in tasks), what=transition)

    assert bridge.missing() == 'planner and controller'
    both('configure')
    ros.wait_for_peers(bridge)
    both('activate')
    wait_until(lambda: ros.probe.of('command', 1), what='the first command after both are active')
    assert ros.ended().success
    both('deactivate')
    both('cleanup')
    wait_until(lambda: bridge.missing() == 'planner and controller')


def test_realtime_nodes_that_are_activated_in_the_middle_of_an_episode_join_it(ros):
    simulator = FakeSimulator(needs_steps=0, max_steps=100_000)
    bridge = ros.bridge(
        simulator, planner='vlm', low_level='policy', stepping='realtime', episodes=-1
    )
    model = FakeModel(MOVE, comment(MOVE))
    late = {'low_level': 'policy', 'stepping': 'realtime', 'autostart': False}
    nodes = [ros.planner(model, **late), ros.controller(FakePolicy(), **late)]
    for transition in ('configure', 'activate'):
        tasks = [n.executor.create_task(getattr(n, f'trigger_{transition}')) for n in nodes]
        wait_until(lambda tasks=tasks: all(task.done() for task in tasks), what=transition)
        if transition == 'configure':
            ros.wait_for_peers(bridge)
            ros.reset(task='FakeTask', seed=0)
            # By then the status is long past, and nobody will say it again.
            wait_until(lambda: bridge.loop.step > 10, what='an episode without anybody')
    wait_until(lambda: np.linalg.norm(simulator.position) > 0.05, what='the arm moves')
