# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skill_strategies import PROPERTY, key_steps

from c2a_core.memory import KeyStepMemory, cache_info
from c2a_core.skill_api import SkillCodeError, check_reads

A = "get_actor('red cube', (3, 5))"
STORE_A = f"pose_dict['a'] = get_pose(actor={A})"
FREE_A = f"pose_dict['a'] = free_space(actor={A})"
STORE_B = f"pose_dict['b'] = get_pose(actor={A})"
COPY = "pose_dict['c'] = pose_dict['a']"
PICK = f'pick(actor={A})'


def test_semantics_3_the_prompt_holds_the_memory_before_the_key_step():
    memory = KeyStepMemory()
    assert memory.steps == ()
    before = memory.steps
    memory.append(f'{STORE_A}\n{PICK}')
    assert before == ()
    assert memory.steps == (f'{STORE_A}\n{PICK}',)


def test_semantics_3_cache_info_holds_the_key_steps_own_assignments():
    memory = KeyStepMemory()
    assert memory.cache_info() == ''
    memory.append(f'{STORE_A}\n{STORE_B}\n{PICK}')
    assert memory.cache_info() == f'{STORE_A}\n{STORE_B}'
    memory.append(PICK)
    assert memory.cache_info() == f'{STORE_A}\n{STORE_B}'


def test_semantics_3_the_last_write_of_a_key_wins_and_lines_keep_their_order():
    memory = KeyStepMemory()
    memory.append(f'{STORE_A}\n{COPY}\n{PICK}')
    memory.append(f'{FREE_A}\n{PICK}')
    assert memory.cache_info() == f'{COPY}\n{FREE_A}'
    memory.append(f'{STORE_A}\n{STORE_B}\n{FREE_A}\n{PICK}')
    assert memory.cache_info() == f'{COPY}\n{STORE_B}\n{FREE_A}'


def test_semantics_3_subtask_ids_count_from_zero_and_start_again_with_the_episode():
    memory = KeyStepMemory()
    ids = [memory.subtask_id]
    for _ in range(3):
        memory.append(PICK)
        ids.append(memory.subtask_id)
    memory.reset()
    ids.append(memory.subtask_id)
    assert ids == [-1, 0, 1, 2, -1]
    assert (memory.steps, memory.keys(), memory.cache_info(), memory.last) == ((), (), '', '')


@pytest.mark.parametrize(
    'text',
    [f'# {PICK}', 'place(actor=' + A + ", target_pose=pose_dict['none'])", 'pick()', '', '?'],
    ids=['commented', 'unset key', 'wrong', 'empty', 'unreadable'],
)
def test_semantics_4_an_invalid_reply_is_not_remembered(text):
    memory = KeyStepMemory()
    memory.append(f'{STORE_A}\n{PICK}')
    with pytest.raises(SkillCodeError):
        memory.append(text)
    assert memory.steps == (f'{STORE_A}\n{PICK}',)
    assert memory.keys() == ('a',)


def test_semantics_4_a_key_step_that_fails_half_way_stores_nothing():
    memory = KeyStepMemory()
    with pytest.raises(SkillCodeError, match='never stored'):
        memory.append(f"{STORE_A}\nmove3d(target_pose=pose_dict['b'])")
    assert memory.keys() == ()


def test_what_is_remembered_is_canonical():
    memory = KeyStepMemory()
    code = memory.append('pick( actor=get_actor("red cube", (3,5)) )\n')
    assert memory.last == code.render() == PICK


@PROPERTY
@given(st.lists(key_steps, max_size=5))
def test_cache_info_of_the_steps_is_that_of_the_memory(codes):
    memory = KeyStepMemory()
    for code in codes:
        try:
            check_reads(code, memory.keys())
        except SkillCodeError:
            continue
        memory.append(code.render())
    text = memory.cache_info()
    assert text == cache_info(memory.steps)
    lines = text.split('\n') if text else []
    written = [line for step in memory.steps for line in step.split('\n')[:-1]]
    assert len(lines) == len(set(memory.keys()))
    last_index = {line: i for i, line in enumerate(written)}
    assert [last_index[line] for line in lines] == sorted(last_index[line] for line in lines)
