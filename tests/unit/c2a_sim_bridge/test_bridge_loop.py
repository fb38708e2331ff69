# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The bridge's ROS-free parts: schedule, episodes, skills, stepping, oracle trace."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import TRACE, FakeSimulator

from c2a_core.types import Command, KeyStep
from c2a_sim_bridge.backends.backend import make_backend
from c2a_sim_bridge.episode_keeper import CLOSING_TIMEOUT_S, EpisodeKeeper
from c2a_sim_bridge.episode_loop import EpisodeLoop, Setting
from c2a_sim_bridge.oracle_trace import OracleTrace
from c2a_sim_bridge.reminder import LONGEST_S, Reminder
from c2a_sim_bridge.schedule import EpisodeSchedule
from c2a_sim_bridge.skill_run import SkillGoal, SkillRun
from c2a_sim_bridge.stepping import Lockstep, Realtime

MOVE = TRACE[0]


def make_loop(**kwargs):
    loop = EpisodeLoop(FakeSimulator(**kwargs), Setting('lockstep', 'policy'))
    loop.start('FakeTask', 0, None, {})
    return loop


def key_step(step, code=MOVE, status='same', reason='', episode_id=1):
    return KeyStep(episode_id, step, 0, 0, False, code, '', (), status, reason, checkpoint='p')


class Listener:
    def __init__(self):
        self.steps, self.results = [], []

    def skill_goes_on(self, step):
        self.steps.append(step)

    def skill_ended(self, result):
        self.results.append(result)


class Recorder:
    """Stands in for the node: does the step and notes it."""

    def __init__(self, loop, skills):
        self.loop, self.skills = loop, skills
        self.sources = []

    def __call__(self, action, source):
        self.sources.append(source)
        self.loop.advance(self.loop.checked(action))
        self.skills.after_step()


def lockstep(low_level='oracle', **kwargs):
    loop = make_loop(**kwargs)
    skills = SkillRun(loop)
    apply = Recorder(loop, skills)
    later = []
    stepper = Lockstep(loop, skills, apply, low_level, lambda: later.append(1))
    stepper.begin()
    return loop, skills, apply, stepper, later


def test_schedule_takes_tasks_in_turn_and_counts_what_it_started():
    schedule = EpisodeSchedule('A, B', 3, 3)
    assert [schedule.start_next() for _ in range(3)] == [('A', 3), ('B', 3), ('A', 4)]
    assert not schedule.has_next
    for episode_id, success in ((1, True), (2, False)):
        schedule.expect(episode_id)
        schedule.record(episode_id, success, 'success' if success else 'time-out')
    schedule.record(99, True, 'success')  # somebody else's
    assert (schedule.finished, schedule.is_over, schedule.all_succeeded) == (2, False, False)
    assert schedule.tally() == '1 of 2 episodes succeeded, time-out: 1'


@pytest.mark.parametrize(('episodes', 'has_next'), [(0, True), (-1, False), (1, True)])
def test_schedule_knows_endless_and_none(episodes, has_next):
    assert EpisodeSchedule('A', 0, episodes).has_next == has_next


def test_schedule_needs_a_task():
    with pytest.raises(ValueError, match='at least one name'):
        EpisodeSchedule(' , ', 0, 1)


def test_robot_time_goes_on_over_episodes_and_steps_start_again():
    loop = make_loop()
    loop.advance(loop.hold_action())
    loop.end('reset')
    loop.idle()
    observation = loop.start('FakeTask', 1, None, {})
    assert (observation.step, observation.stamp_ns, observation.episode_id) == (0, 100_000_000, 2)


@pytest.mark.parametrize('action', [np.full(7, np.nan), np.zeros(6), [np.inf] + [0.0] * 6])
def test_an_action_that_is_no_action_becomes_a_hold(action):
    loop = make_loop()
    assert not loop.checked(action)[:6].any()
    assert sum(loop.refused.values()) == 1


def test_outside_ends_stop_the_robot_natural_ends_leave_it():
    loop = make_loop(needs_steps=1)
    loop.advance(loop.hold_action())
    assert (loop.reason, loop.backend.stops) == ('success', 0)
    loop.start('FakeTask', 0, None, {})
    loop.end('estop')
    assert (loop.reason, loop.backend.stops) == ('estop', 1)


@pytest.mark.parametrize('reason', ['cancelled', 'aborted: 20 invalid replies in a row'])
def test_the_planner_ends_the_episode_with_a_reason(reason):
    loop = make_loop()
    loop.note_key_step(key_step(0, reason='text does not parse', status='invalid'))
    assert loop.is_running
    loop.note_key_step(key_step(0, reason=reason))
    assert loop.reason == reason


def test_done_that_is_taken_back_does_not_end_the_episode():
    loop = make_loop(needs_steps=0)
    loop.note_key_step(key_step(0, 'done()'))
    for _ in range(5):
        loop.advance(loop.hold_action())
    loop.note_key_step(key_step(5, MOVE))
    for _ in range(10):
        loop.advance(loop.hold_action())
    assert loop.is_running


def test_skill_reports_each_step_and_its_end():
    loop = make_loop()
    skills, listener = SkillRun(loop), Listener()
    skills.start(SkillGoal(1, MOVE, 0, True), listener)
    for _ in range(4):
        loop.advance(skills.action())
        skills.after_step()
    assert listener.steps == [0, 1, 2, 3]
    result = listener.results[0]
    assert (result.success, result.first_step, result.last_step) == (True, 0, 3)


def test_a_new_skill_takes_over():
    loop = make_loop()
    skills, first, second = SkillRun(loop), Listener(), Listener()
    skills.start(SkillGoal(1, MOVE, 0, True), first)
    skills.start(SkillGoal(1, TRACE[1], 1, True), second)
    assert first.results[0].reason == 'another skill was started'
    assert skills.goal.code == TRACE[1]


def test_a_late_goal_of_the_last_episode_is_refused_and_touches_nothing():
    loop = make_loop()
    skills, running = SkillRun(loop), Listener()
    skills.start(SkillGoal(1, MOVE, 0, True), running)
    with pytest.raises(ValueError, match='meant for episode 0, but 1 is running'):
        skills.start(SkillGoal(0, TRACE[1], 1, True), Listener())
    assert (skills.goal.code, running.results) == (MOVE, [])


def test_a_skill_that_begins_on_a_later_step_than_its_key_step_says_so():
    loop = make_loop()
    loop.advance(loop.hold_action())
    listener = Listener()
    SkillRun(loop).start(SkillGoal(1, MOVE, 0, True), listener)
    assert listener.steps == [1]


def test_lockstep_with_the_oracle_waits_for_key_step_and_skill():
    loop, skills, apply, stepper, _ = lockstep()
    stepper.on_key_step(key_step(0, status='key_step'))
    assert loop.step == 0  # the skill is still to come
    skills.start(SkillGoal(1, MOVE, 0, True), Listener())
    stepper.on_skill_started()
    assert loop.step == 1
    stepper.on_key_step(key_step(1, status='hold'))
    assert (loop.step, apply.sources) == (2, ['skill', 'skill'])


def test_lockstep_with_the_oracle_takes_the_skill_before_its_key_step_too():
    loop, skills, _, stepper, _ = lockstep()
    skills.start(SkillGoal(1, MOVE, 0, True), Listener())
    stepper.on_skill_started()
    assert loop.step == 0
    stepper.on_key_step(key_step(0, status='key_step'))
    assert loop.step == 1


@pytest.mark.parametrize('status', ['hold', 'skipped', 'invalid', 'same', 'done'])
def test_lockstep_with_the_oracle_holds_where_no_skill_is_to_come(status):
    loop, _, apply, stepper, _ = lockstep()
    stepper.on_key_step(key_step(0, status=status))
    assert (loop.step, apply.sources) == (1, ['hold'])


def test_lockstep_goes_on_after_a_skill_that_failed_at_once():
    loop, skills, apply, stepper, _ = lockstep()
    loop.backend.broken_skills.add(MOVE)
    stepper.on_key_step(key_step(0, status='key_step'))
    skills.start(SkillGoal(1, MOVE, 0, True), Listener())
    stepper.on_skill_started()
    assert (loop.step, apply.sources) == (1, ['hold'])


def test_lockstep_key_step_of_another_step_moves_nothing():
    loop, _, _, stepper, _ = lockstep()
    stepper.on_key_step(key_step(3, status='hold'))
    stepper.on_key_step(key_step(0, status='hold', episode_id=7))
    assert loop.step == 0


def test_lockstep_a_skill_that_waits_for_nobody_steps_by_itself():
    loop, skills, apply, stepper, later = lockstep('policy')
    skills.start(SkillGoal(1, MOVE, 0, False), Listener())
    stepper.on_skill_started()
    while later:
        later.pop()
        stepper.free_step()
    assert (loop.step, apply.sources) == (4, ['skill'] * 4)


def test_lockstep_commands_are_dropped_while_a_skill_moves_the_robot():
    loop, skills, _, stepper, _ = lockstep('policy')
    skills.start(SkillGoal(1, MOVE, 0, True), Listener())
    stepper.on_command(Command(1, 0, 'policy', 0, 0, np.zeros(7)))
    assert loop.step == 0
    assert stepper.dropped['command while skills move the robot'] == 1


def realtime():
    loop = make_loop(needs_steps=0)
    skills = SkillRun(loop)
    apply = Recorder(loop, skills)
    now = [0.0]
    stepper = Realtime(loop, skills, apply, 'policy', loop.idle, 0.5, clock=lambda: now[0])
    stepper.begin()
    return loop, apply, stepper, now


def test_realtime_takes_a_command_once_and_only_for_its_step():
    loop, apply, stepper, _ = realtime()
    stepper.on_command(Command(1, 0, 'policy', 0, 0, np.full(7, 0.01)))
    stepper.tick()
    stepper.tick()
    stepper.on_command(Command(1, 1, 'policy', 0, 1, np.full(7, 0.01)))
    stepper.tick()
    assert apply.sources == [None, 'hold', 'hold']
    assert stepper.dropped['command of another step'] == 1


def test_realtime_watchdog_uses_the_steady_clock_and_stops_once():
    loop, _, stepper, now = realtime()
    for now[0] in (0.1, 0.4, 0.49):
        stepper.tick()
    assert not stepper.is_stopped
    for now[0] in (0.51, 0.6, 2.0):
        stepper.tick()
    assert (stepper.is_stopped, loop.backend.stops) == (True, 1)
    stepper.on_command(Command(1, loop.step, 'policy', 0, 0, np.zeros(7)))
    assert not stepper.is_stopped


def test_realtime_between_episodes_the_world_goes_on():
    loop, apply, stepper, _ = realtime()
    loop.end('estop')
    before = loop.time_ns
    stepper.tick()
    assert (apply.sources, loop.time_ns - before) == ([], 50_000_000)


def test_who_does_not_answer_is_reminded_ever_less_often():
    now = [0.0]
    reminder = Reminder(3.0, lambda: now[0])
    due = []
    for now[0] in np.arange(0.0, 30.0, 0.5):
        if reminder.is_due():
            due.append(now[0])
    assert due == [3.0, 9.0, 21.0]
    reminder.step_began()
    now[0] += 10.0  # as long as the model took to answer: no reason to ask again
    assert not reminder.is_due()


def test_reminders_know_an_end_of_patience():
    now = [0.0]
    reminder = Reminder(3.0, lambda: now[0])
    for now[0] in np.arange(0.0, 1000.0):
        reminder.is_due()
    assert (reminder.patience_s, reminder.count) == (LONGEST_S, 20)


def keeper_with(reason, missing=''):
    loop = make_loop()
    now = [0.0]
    schedule = EpisodeSchedule('FakeTask', 0, 2)
    keeper = EpisodeKeeper(loop, schedule, lambda: missing, lambda: now[0])
    schedule.start_next()
    keeper.started(is_scheduled=True)
    loop.end(reason)
    keeper.ended()
    return loop, keeper, now


def test_semantics_09_the_next_episode_waits_for_the_key_step_of_the_last_observation():
    loop, keeper, _ = keeper_with('success')
    assert keeper.next_episode() is None
    keeper.note_key_step(key_step(loop.step))
    assert keeper.next_episode() == ('FakeTask', 1)


def test_the_wait_for_the_last_key_step_is_bounded():
    _, keeper, now = keeper_with('success')
    now[0] = CLOSING_TIMEOUT_S + 1.0
    assert keeper.next_episode() == ('FakeTask', 1)


def test_nothing_begins_while_somebody_is_missing_or_the_estop_is_pressed():
    assert keeper_with('estop', missing='planner')[1].next_episode() is None
    _, keeper, _ = keeper_with('estop')
    keeper.is_estopped = True
    assert keeper.next_episode() is None
    keeper.is_estopped = False
    assert keeper.next_episode() == ('FakeTask', 1)


def test_oracle_trace_numbers_key_steps_and_remembers_poses():
    loop, trace = make_loop(), OracleTrace()
    codes = [TRACE[0], TRACE[0], TRACE[1], TRACE[2], 'done()']
    steps = [trace.key_step(loop.observation, code) for code in codes]
    assert [s.subtask_id for s in steps] == [0, 0, 1, 2, 3]
    assert [s.is_key_step for s in steps] == [True, False, True, True, True]
    assert {s.cache_info for s in steps} == {TRACE[0].splitlines()[0]}
    trace.reset()
    assert trace.key_step(loop.observation, TRACE[0]).subtask_id == 0


@pytest.mark.parametrize('name', ['clevrskills', 'arm'])
def test_backends_that_are_to_come_say_so(name):
    with pytest.raises(ValueError, match='not there yet: use backend:=maniskill'):
        make_backend(name, 128, True, 'low_poly')


def test_unknown_backend_lists_the_names():
    with pytest.raises(ValueError, match='choose maniskill'):
        make_backend('gazebo', 128, True, 'low_poly')
