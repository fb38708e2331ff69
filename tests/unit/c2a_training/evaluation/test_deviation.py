# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from c2a_core.types import ReplyStatus
from c2a_training.evaluation.deviation import find_deviation, named_objects
from c2a_training.evaluation.episode_record import Answer, EpisodeRecord, record_from_json
from c2a_training.evaluation.failure_class import FAILURES, classify

RED, BLUE = "get_actor('red cube', (3, 5))", "get_actor('blue cube', (7, 2))"
SCENE = (
    ('red cube', (3, 5)),
    ('blue cube', (7, 2)),
    ('green cube', (1, 1)),
    ('green cube', (8, 8)),
)
PICK = f'pick(actor={RED})'


def green(cell):
    return f"pick(actor=get_actor('green cube', {cell}))"


@pytest.mark.parametrize(
    ('said', 'truth', 'expected'),
    [
        (PICK, PICK, ''),
        ("pick(actor=get_actor('red cube', (9, 0)))", PICK, ''),
        (f'pick(actor={BLUE})', PICK, 'wrong object'),
        ("pick(actor=get_actor('pink cube', (3, 5)))", PICK, 'wrong object'),
        (green((2, 1)), green((1, 1)), ''),
        (green((7, 7)), green((1, 1)), 'wrong object'),
        (f'move3d(actor={RED})', PICK, 'wrong skill'),
        (f'move3d(target_actor={RED})', f'move3d(actor={RED})', 'wrong skill'),
        ('done()', PICK, 'early done'),
        (PICK, 'done()', 'wrong skill'),
        (
            f'place(actor={RED}, target_actor={BLUE})',
            f'place(actor={BLUE}, target_actor={RED})',
            'wrong object',
        ),
        (
            f"pose_dict['t'] = free_space(actor={RED})\n{PICK}",
            f"pose_dict['t'] = get_pose(actor={RED})\n{PICK}",
            'wrong skill',
        ),
    ],
)
def test_a_key_step_deviates_by_its_call_or_by_the_object_that_it_leads_to(said, truth, expected):
    assert find_deviation(said, [truth], SCENE) == expected


def test_agreeing_with_what_the_follower_says_soon_is_no_deviation():
    move = f'move3d(actor={RED})'
    assert find_deviation(PICK, [move, PICK], SCENE) == ''
    assert find_deviation(f'pick(actor={BLUE})', [move, PICK], SCENE) == 'wrong object'


def test_cells_are_compared_with_the_nearest_object_of_that_name():
    code = f"place(actor=get_actor('green cube', (6, 9)), target_actor={RED})"
    objects = named_objects(code, SCENE)
    assert [(o.name, o.true_cell, o.error) for o in objects] == [
        ('green cube', (8, 8), 2),
        ('red cube', (3, 5), 0),
    ]
    (missing,) = named_objects("pick(actor=get_actor('pink cube', (1, 1)))", SCENE)
    assert (missing.true_cell, missing.error) == (None, None)
    assert named_objects('no code', SCENE) == ()


def answer(deviation='', status=ReplyStatus.KEY_STEP):
    return Answer(0, status, PICK, PICK, deviation)


INVALID = answer(status=ReplyStatus.INVALID)


@pytest.mark.parametrize(
    ('reason', 'answers', 'skills', 'expected'),
    [
        ('success', [answer('wrong object')], [], ''),
        ('error: ValueError: no', [], [], 'crash'),
        ('time-out', [answer(), answer('wrong skill'), answer('wrong object')], [], 'wrong skill'),
        ('time-out', [INVALID, answer('wrong object')], ['lost'], 'wrong object'),
        ('aborted: 20 invalid replies in a row', [answer(), INVALID], [], 'invalid code'),
        ('aborted: 3 failed skills in a row', [answer()], ['lost'], 'low level failed'),
        ('time-out', [answer()], ['lost'], 'low level failed'),
        ('time-out', [answer()], [], 'time-out'),
        ('early done', [answer('early done')], [], 'early done'),
        ('early done', [answer()], [], 'early done'),
    ],
)
def test_the_first_deviating_key_step_decides_the_class(reason, answers, skills, expected):
    found = classify(reason, answers, skills)
    assert found == expected
    assert found in ('', *FAILURES)


def test_a_record_survives_json():
    import json

    record = EpisodeRecord(
        'Pick', 3, False, 'time-out', 'wrong object', 9, 2, 50,
        (Answer(0, 'key_step', PICK, PICK, objects=named_objects(PICK, SCENE), tokens=7),),
        ('lost',), {'loop_s': 0.5},
    )  # fmt: skip
    assert record_from_json(json.loads(json.dumps(record.as_json()))) == record
