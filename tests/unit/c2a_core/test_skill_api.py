# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from skill_strategies import PROPERTY, key_steps

from c2a_core.skill_api import (
    ActorRef,
    KeyStepCode,
    PoseCall,
    PoseField,
    PoseRead,
    SkillCall,
    SkillCodeError,
    check_reads,
    comment,
    is_commented,
    parse_key_step,
    uncomment,
)
from c2a_core.skill_signatures import MAX_TEXT_LENGTH, POSE_FUNCTIONS, SKILLS

A = "get_actor('red cube', (3, 5))"
B = "get_actor('blue hexagon', (7, 2))"

CANONICAL = {
    'move3d actor': f'move3d(actor={A})',
    'move3d target_actor': f'move3d(target_actor={B})',
    'move3d stored': "move3d(target_pose=pose_dict['target'])",
    'move3d match_ori': "move3d(target_pose=pose_dict['target'], match_ori=True)",
    'move3d topple': f'move3d(topple_actor={A})',
    'move3d push': f'move3d(push_actor={A})',
    'move3d push to': f"move3d(push_actor={A}, target_pose=pose_dict['target'])",
    'move3d touch': f'move3d(touch_actor={A})',
    'move3d throw': f'move3d(throw_at={B})',
    'move3d throw beside': f'move3d(throw_at={B}, direction=[1.0, 0.0, 0.0])',
    'move3d goal': "move3d(goal=get_actor('red goal', (3, 5)))",
    'move3d goal pose': "move3d(goal=get_actor('red goal', (3, 5)), match_ori=True)",
    'move3d retreat': f'move3d(retreat_from={A})',
    'pick': f'pick(actor={A})',
    'place on': f'place(actor={A}, target_actor={B})',
    'place at': f"place(actor={A}, target_pose=pose_dict['red cube'])",
    'place match_ori': f"place(actor={A}, target_pose=pose_dict['red cube'], match_ori=True)",
    'touch': f'touch(actor={A})',
    'push': f'push(actor={A})',
    'push to': f"push(actor={A}, target_pose=pose_dict['target'])",
    'topple': f'topple(actor={A})',
    'throw': f'throw(actor={A}, target_actor={B})',
    'throw 2d': f'throw(actor={A}, target_actor={B}, target_2d=True)',
    'throw beside': f'throw(actor={A}, target_actor={B}, direction=[0.0, 1.0, 0.0])',
    'done': 'done()',
    'get_pose': f"pose_dict['red cube'] = get_pose(actor={A})\npick(actor={A})",
    'free_space': f"pose_dict['free'] = free_space(actor={A})\npick(actor={A})",
    'next to': f"pose_dict['target'] = free_space_next_to(actor={A}, next_to_actor={B}, "
    f'direction=[-1.0, 0.0, 0.0], description="behind")\nmove3d(actor={A})',
    'towards': f"pose_dict['target'] = towards(actor={A}, target_actor={B})\npush(actor={A})",
    'rotate_z': f"pose_dict['target'] = rotate_z(get_pose(actor={A}), -45.0)\npick(actor={A})",
    'Pose': "pose_dict['c'] = Pose(pose_dict['a'].p, pose_dict['b'].q)\ndone()",
    'nested': "pose_dict['c'] = rotate_z(Pose(pose_dict['a'].p, "
    f'get_pose(actor={A}).q), 90.0)\ndone()',
    'literal target': f'move3d(target_pose=free_space(actor={A}))',
    'swap start': f"pose_dict['red cube'] = get_pose(actor={A})\n"
    f"pose_dict['free'] = free_space(actor={A})\nmove3d(actor={A})",
}


@pytest.mark.parametrize('text', CANONICAL.values(), ids=CANONICAL)
def test_canonical_text_survives_byte_for_byte(text):
    assert parse_key_step(text).render() == text


@pytest.mark.parametrize(
    'function', [*SKILLS, *POSE_FUNCTIONS], ids=lambda name: f'{name} is in the table above'
)
def test_every_function_has_a_canonical_example(function):
    assert any(f'{function}(' in text for text in CANONICAL.values())


@PROPERTY
@given(key_steps)
def test_round_trip_of_any_key_step(code):
    text = code.render()
    assert parse_key_step(text) == code
    assert hash(parse_key_step(text)) == hash(code)
    assert parse_key_step(text).render() == text
    assert uncomment(comment(text)) == text
    assert is_commented(comment(text))
    assert not is_commented(text)


@pytest.mark.parametrize(
    'text',
    [
        'pick( actor = get_actor( "red cube" , ( 3 , 5 ) ) )',
        f'\n  pick(actor={A})  \r\n\n',
        "pick(actor=get_actor('red cube',\t(3,5)))",
    ],
    ids=['spaces and double quotes', 'blank lines', 'tab'],
)
def test_spelling_that_does_not_matter_becomes_canonical(text):
    assert parse_key_step(text).render() == f'pick(actor={A})'


def test_keywords_may_come_in_any_order():
    code = parse_key_step(f'place(target_actor={B}, actor={A})')
    assert code.render() == f'place(actor={A}, target_actor={B})'


def test_whole_numbers_and_minus_zero_have_one_text():
    code = parse_key_step(
        "pose_dict['a'] = rotate_z(pose_dict['b'], 90)\n"
        f"pose_dict['c'] = free_space_next_to(actor={A}, next_to_actor={B}, "
        "direction=[-0.0, 1, 0], description='left of')\ndone()"
    )
    first, second = code.assignment_lines()
    assert first == "pose_dict['a'] = rotate_z(pose_dict['b'], 90.0)"
    assert 'direction=[0.0, 1.0, 0.0], description="left of")' in second


def test_values_can_be_built_and_read_without_text():
    cube = ActorRef('red cube', (3, 5))
    code = KeyStepCode(
        (('red cube', PoseCall.of('get_pose', actor=cube)),),
        SkillCall.of('place', match_ori=True, target_pose=PoseRead('red cube'), actor=cube),
    )
    assert code.render() == (
        f"pose_dict['red cube'] = get_pose(actor={A})\n"
        f"place(actor={A}, target_pose=pose_dict['red cube'], match_ori=True)"
    )
    assert code.call.get('actor') == cube
    assert code.call.get('target_actor') is None
    assert code.actors() == (cube, cube)
    assert code.keys() == ('red cube',)
    assert not code.is_done
    assert parse_key_step('done()').is_done


# The offending text must be in the message, and where a name is wrong, the nearest valid one.
ERRORS = {
    'unknown skill': (f'pikc(actor={A})', ['`pikc`', 'did you mean pick?', 'move3d, pick, place']),
    'unknown argument': (f'pick(actr={A})', ['`actr`', 'of pick', 'did you mean actor?']),
    'unknown pose function': (
        f'move3d(target_pose=free_spce(actor={A}))',
        ['`free_spce`', 'did you mean free_space?'],
    ),
    'argument without keyword': (f'pick({A})', ['`get_actor`', 'no keyword', 'name=']),
    'argument of done': (f'done(actor={A})', ['`actor`', 'done() takes none']),
    'two heads': (f'move3d(actor={A}, target_actor={B})', ['move3d(actor=, target_actor=)']),
    'no head': ('move3d()', ['`move3d()`', 'move3d(actor=)']),
    'missing argument': (f'place(actor={A})', ['place(actor=, target_actor=)', 'target_pose=']),
    'argument twice': (f'pick(actor={A}, actor={A})', ['pick', 'same argument twice']),
    'actor for a pose': (f'move3d(target_pose={A})', [f'target_pose={A}', 'a pose such as']),
    'pose for an actor': ("pick(actor=pose_dict['a'])", ["actor=pose_dict['a']", 'an actor']),
    'cell out of the grid': ("pick(actor=get_actor('a', (3, 10)))", ['(3, 10)', '0 to 9']),
    'cell below the grid': ("pick(actor=get_actor('a', (-1, 3)))", ['(-1, 3)', '0 to 9']),
    'cell not whole': ("pick(actor=get_actor('a', (3.0, 1)))", ['`3.0`', 'whole number']),
    'no cell': ("pick(actor=get_actor('a'))", ['`)`', '`,`']),
    'angle too large': (
        "move3d(target_pose=rotate_z(pose_dict['a'], 361.0))",
        ['degrees=361.0', '360.0'],
    ),
    'angle not finite': (
        "move3d(target_pose=rotate_z(pose_dict['a'], 1e999))",
        ['degrees=inf', 'rotate_z'],
    ),
    'angle not a number': (
        "move3d(target_pose=rotate_z(pose_dict['a'], True))",
        ['degrees=True', 'angle'],
    ),
    'too few plain arguments': (
        "move3d(target_pose=rotate_z(pose_dict['a']))",
        ['1 arguments', 'rotate_z(pose, degrees)'],
    ),
    'direction not a unit vector': (
        f'move3d(target_pose=free_space_next_to(actor={A}, next_to_actor={B}, '
        'direction=[1.0, 1.0, 0.0], description="behind"))',
        ['direction=[1.0, 1.0, 0.0]', 'unit vector'],
    ),
    'unknown description': (
        f'move3d(target_pose=free_space_next_to(actor={A}, next_to_actor={B}, '
        'direction=[1.0, 0.0, 0.0], description="above"))',
        ['description="above"', '"left of"'],
    ),
    'False': ("move3d(target_pose=pose_dict['a'], match_ori=False)", ['`False`']),
    'unknown field': ("pose_dict['a'] = Pose(pose_dict['b'].x, pose_dict['b'].q)\ndone()", ['.x']),
    'position for an orientation': (
        "pose_dict['a'] = Pose(pose_dict['b'].q, pose_dict['b'].q)\ndone()",
        ["p=pose_dict['b'].q", 'position'],
    ),
    'no call': ("pose_dict['a'] = pose_dict['b']", ['ends with a line of pose_dict']),
    'two calls': (f'pick(actor={A})\ndone()', ['`pick`', 'one call, at its end']),
    'call in the middle of a line': ('done() done()', ['`done`', 'after the end']),
    'open bracket': ('done(', ['`end of line`', 'in `done(`']),
    'other assignment': (f'target = get_pose(actor={A})\ndone()', ['`target`', 'pose_dict']),
    'assignment of no pose': ("pose_dict['a'] = 3\ndone()", ['`3`', 'a pose']),
    'commented': ('# done()', ['`# done()`', 'uncomment']),
    'half commented': (f"# pose_dict['a'] = get_pose(actor={A})\ndone()", ['commented line']),
    'empty': ('  \n ', ['is empty', 'done()']),
    'natural language': ('Sure! Here is the code:', ['cannot read `! Here']),
    'markdown': ('```python\ndone()\n```', ['cannot read']),
    'null byte': ('done()\x00', ['`\\x00`']),
    'python': ("__import__('os').system('true')", ['`__import__`', 'valid: move3d']),
    'python in a value': ("pick(actor=eval('1'))", ['`eval`', 'unknown name']),
    'attribute of a function': ('done.__globals__()', ['`.`', '`(`']),
    'backslash': ("pick(actor=get_actor('a\\x41', (1, 1)))", ['cannot read']),
    'bracket in a name': ("pick(actor=get_actor('a]', (1, 1)))", ['`a]`', 'brackets']),
    'empty name': ("pick(actor=get_actor('', (1, 1)))", ['0 characters']),
    'long name': (f"pick(actor=get_actor('{'a' * 65}', (1, 1)))", ['65 characters', '64']),
    'space around a name': ("pick(actor=get_actor(' a', (1, 1)))", ['` a`']),
    'line separator in a name': ("pick(actor=get_actor('a\u2028b', (1, 1)))", ['printable']),
    'too long': ('x' * (MAX_TEXT_LENGTH + 1), ['4001 characters', '4000']),
    'too deep': (
        'move3d(target_pose=' + 'rotate_z(' * 9 + "pose_dict['a']" + ', 1.0)' * 9 + ')',
        ['more than 4', '`rotate_z`'],
    ),
    'deep brackets': ('(' * 3000, ['`(`']),
    'many signs': ("move3d(target_pose=rotate_z(pose_dict['a'], " + '-' * 3000, ['cannot read']),
}


@pytest.mark.parametrize(('text', 'quoted'), ERRORS.values(), ids=ERRORS)
def test_error_quotes_what_is_wrong_and_says_what_is_right(text, quoted):
    with pytest.raises(SkillCodeError) as error:
        parse_key_step(text)
    message = str(error.value)
    assert [part for part in quoted if part not in message] == [], message
    assert message.isprintable()
    assert len(message) < 1000


@pytest.mark.parametrize('value', [None, 3, b'done()', ['done()']])
def test_what_is_not_text_is_an_error_of_the_skill_api(value):
    with pytest.raises(SkillCodeError, match='expected text'):
        parse_key_step(value)


BAD_VALUES = {
    'name': lambda: ActorRef("it's", (1, 1)),
    'name type': lambda: ActorRef(3, (1, 1)),
    'cell': lambda: ActorRef('a', (1, 10)),
    'cell length': lambda: ActorRef('a', (1, 1, 1)),
    'cell type': lambda: ActorRef('a', 'no'),
    'key': lambda: PoseRead(''),
    'field': lambda: PoseField(PoseRead('a'), 'x'),
    'field of no pose': lambda: PoseField(ActorRef('a', (1, 1)), 'p'),
    'function': lambda: PoseCall('get_poze', ()),
    'skill': lambda: SkillCall('pik', ()),
    'argument': lambda: SkillCall.of('pick', actor='red cube'),
    'assignment': lambda: KeyStepCode((('a', ActorRef('a', (1, 1))),), SkillCall('done')),
    'call': lambda: KeyStepCode((), PoseRead('a')),
    'direction': lambda: PoseCall.of(
        'free_space_next_to',
        actor=ActorRef('a', (1, 1)),
        next_to_actor=ActorRef('b', (1, 1)),
        direction=(float('nan'), 0.0, 0.0),
        description='behind',
    ),
    'text too long': lambda: KeyStepCode((('k', PoseRead('a' * 60)),) * 60, SkillCall('done')),
}


@pytest.mark.parametrize('build', BAD_VALUES.values(), ids=BAD_VALUES)
def test_a_value_outside_the_api_cannot_be_built(build):
    with pytest.raises(SkillCodeError):
        build()


def test_semantics_2_a_key_step_is_assignments_then_exactly_one_call():
    code = parse_key_step(CANONICAL['swap start'])
    assert code.keys() == ('red cube', 'free')
    assert code.call.render() == f'move3d(actor={A})'
    for text in (f'pick(actor={A})\npick(actor={A})', "pose_dict['a'] = pose_dict['b']"):
        with pytest.raises(SkillCodeError):
            parse_key_step(text)


def test_semantics_4_a_mixed_reply_is_neither_commented_nor_code():
    mixed = f"# pose_dict['a'] = get_pose(actor={A})\npick(actor={A})"
    assert not is_commented(mixed)
    with pytest.raises(SkillCodeError):
        parse_key_step(mixed)
    with pytest.raises(SkillCodeError, match='not every line'):
        uncomment(mixed)


def test_semantics_4_reading_an_unset_key_is_an_error_that_lists_the_keys():
    code = parse_key_step("move3d(target_pose=pose_dict['targt'])")
    with pytest.raises(SkillCodeError, match=r"pose_dict\['targt'\].*did you mean target\?"):
        check_reads(code, ['target', 'free'])
    with pytest.raises(SkillCodeError, match='pose_dict is empty'):
        check_reads(code, [])
    check_reads(code, ['targt'])


def test_semantics_4_a_key_step_may_read_its_own_earlier_lines_only():
    forward = "pose_dict['a'] = pose_dict['b']\npose_dict['b'] = get_pose(actor=" + A + ')\ndone()'
    backward = f"pose_dict['b'] = get_pose(actor={A})\npose_dict['a'] = pose_dict['b']\ndone()"
    check_reads(parse_key_step(backward), [])
    with pytest.raises(SkillCodeError, match='never stored'):
        check_reads(parse_key_step(forward), [])


def test_reads_inside_fields_and_nested_calls_are_found():
    code = parse_key_step(
        "pose_dict['c'] = rotate_z(Pose(pose_dict['a'].p, pose_dict['b'].q), 5.0)\ndone()"
    )
    with pytest.raises(SkillCodeError, match=r"pose_dict\['b'\]"):
        check_reads(code, ['a'])


def test_comment_goes_before_each_line():
    text = CANONICAL['swap start']
    assert all(line.startswith('# ') for line in comment(text).split('\n'))
    assert comment(text).count('\n') == text.count('\n')


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('# done()', True),
        ('#done()', True),
        ('  # a\n\n# b', True),
        ('# a\nb', False),
        ('', False),
    ],
)
def test_commented_means_every_line(text, expected):
    assert is_commented(text) is expected
