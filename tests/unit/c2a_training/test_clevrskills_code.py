# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Which code a trace becomes, solver by solver."""

from __future__ import annotations

import bz2
import contextlib
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from clevrskills_writer import Trace, move, pose, write_trace
from hypothesis import given, settings
from hypothesis import strategies as st

from c2a_core.memory import KeyStepMemory
from c2a_core.skill_api import ActorRef, SkillCodeError
from c2a_training.clevrskills import clevrskills_pickle
from c2a_training.clevrskills.clevrskills_code import TraceCoder
from c2a_training.clevrskills.clevrskills_pickle import (
    TraceRefusedError,
    plain,
    read_plain_pickle,
)
from c2a_training.clevrskills.clevrskills_trace import TraceError, read_trace

A, B, A_TWIN = ('red cube', 1), ('blue cylinder', 2), ('red cube', 3)


def code_of(trace: Trace) -> list[tuple[int, str]]:
    """Steps and texts of the key steps; every object is in cell (4, 5)."""
    with tempfile.TemporaryDirectory() as folder:
        write_trace(Path(folder), trace.steps)
        solvers = read_trace(Path(folder) / 'action_trace.pickle.bz2')
    coder = TraceCoder(lambda actor, step: ActorRef(actor[0], (4, 5)))
    return [(key_step.step, key_step.code.render()) for key_step in coder.key_steps(solvers)]


def texts(trace: Trace) -> list[str]:
    found = [text for _, text in code_of(trace)]
    memory = KeyStepMemory()
    for text in found:
        memory.append(text)  # what is read was stored before
    return found


def ref(actor: tuple[str, int]) -> str:
    return f"get_actor('{actor[0]}', (4, 5))"


def pick_place(trace: Trace, actor=A, target=None, match_ori=False, **values: object) -> Trace:
    """The whole of a pick-and-place run."""
    defaults = {'target_actor': target, 'target_pose': None, 'match_ori': match_ori, 'lift': 0.03}
    trace.under(trace.new('PickMove3dPlaceSolver', actor=actor, **{**defaults, **values}))
    trace.run(2, 'Move3dSolver', **move(vacuum=False, match_ori=match_ori))
    trace.run(2, 'PickSolver', actor=actor)
    trace.run(2, 'Move3dSolver', **move(vacuum=True, match_ori=match_ori))
    name = 'PlaceSolver' if target is None else 'PlaceOnActorSolver'
    return trace.run(2, name, actor=actor, match_ori_2d=match_ori)


def test_on_top_of_an_object():
    assert texts(pick_place(Trace(), target=B)) == [
        f'move3d(actor={ref(A)})',
        f'pick(actor={ref(A)})',
        f'move3d(target_actor={ref(B)})',
        f'place(actor={ref(A)}, target_actor={ref(B)})',
    ]


def test_inside_an_area_is_on_top_of_it():
    # The original matches the orientation too; on an object that is the skill's own affair.
    trace = pick_place(
        Trace(), target=B, match_ori=True, target_pose_function='on_top', target_image='{ks:1}'
    )
    assert texts(trace)[-1] == f'place(actor={ref(A)}, target_actor={ref(B)})'


def test_pick_alone_ends_with_the_lift():
    trace = Trace()
    trace.under(trace.new('PickMove3dPlaceSolver', actor=A, target_actor=None, target_pose=None))
    trace.run(3, 'Move3dSolver', **move(vacuum=False)).run(4, 'PickSolver', actor=A)
    trace.run(2, 'Move3dSolver', **move(vacuum=True))
    assert code_of(trace) == [(0, f'move3d(actor={ref(A)})'), (3, f'pick(actor={ref(A)})')]


def test_an_object_that_starts_at_the_gripper_is_carried_first():
    trace = Trace()
    trace.under(trace.new('PickMove3dPlaceSolver', actor=A, target_actor=B, target_pose=None))
    trace.run(3, 'Move3dSolver', **move(vacuum=True)).run(1, 'PlaceOnActorSolver', actor=A)
    assert code_of(trace)[0] == (0, f'move3d(target_actor={ref(B)})')


def rotate(trace: Trace, actor=A, *, restore=False) -> Trace:
    return pick_place(
        trace,
        actor,
        match_ori=True,
        target_pose=pose(),
        target_pose_function='rotate',
        angle=np.int64(60),
        restore=restore,
    )


def test_rotate_two_objects():
    assert texts(rotate(rotate(Trace()), B)) == [
        f"pose_dict['target'] = rotate_z(get_pose(actor={ref(A)}), 60.0)\nmove3d(actor={ref(A)})",
        f'pick(actor={ref(A)})',
        "move3d(target_pose=pose_dict['target'], match_ori=True)",
        f"place(actor={ref(A)}, target_pose=pose_dict['target'], match_ori=True)",
        f"pose_dict['target 2'] = rotate_z(get_pose(actor={ref(B)}), 60.0)\n"
        f'move3d(actor={ref(B)})',
        f'pick(actor={ref(B)})',
        "move3d(target_pose=pose_dict['target 2'], match_ori=True)",
        f"place(actor={ref(B)}, target_pose=pose_dict['target 2'], match_ori=True)",
    ]


def test_rotate_and_restore_goes_back_to_the_start():
    found = texts(rotate(rotate(Trace()), restore=True))
    assert found[0] == (
        f"pose_dict['start'] = get_pose(actor={ref(A)})\n"
        "pose_dict['target'] = rotate_z(pose_dict['start'], 60.0)\n"
        f'move3d(actor={ref(A)})'
    )
    assert found[4] == f'move3d(actor={ref(A)})'
    assert found[6] == "move3d(target_pose=pose_dict['start'], match_ori=True)"
    assert found[7] == f"place(actor={ref(A)}, target_pose=pose_dict['start'], match_ori=True)"


def test_swap_stores_each_place_before_the_object_leaves_it():
    trace = pick_place(Trace(), A, target_pose=pose(), target_pose_function='free_space')
    pick_place(trace, B, A, target_pose=pose(), target_pose_function='swap')
    pick_place(trace, A, B, target_pose=pose(), target_pose_function='swap')
    found = texts(trace)
    assert found[0] == (
        f"pose_dict['red cube'] = get_pose(actor={ref(A)})\n"
        f"pose_dict['free'] = free_space(actor={ref(A)})\n"
        f'move3d(actor={ref(A)})'
    )
    assert found[4] == (
        f"pose_dict['blue cylinder'] = get_pose(actor={ref(B)})\nmove3d(actor={ref(B)})"
    )
    assert found[6] == "move3d(target_pose=pose_dict['red cube'])"
    assert found[8] == f'move3d(actor={ref(A)})'
    assert found[11] == f"place(actor={ref(A)}, target_pose=pose_dict['blue cylinder'])"


def test_swap_of_twins_uses_two_keys():
    trace = pick_place(Trace(), A, target_pose=pose(), target_pose_function='free_space')
    pick_place(trace, A_TWIN, A, target_pose=pose(), target_pose_function='swap')
    pick_place(trace, A, A_TWIN, target_pose=pose(), target_pose_function='swap')
    found = texts(trace)
    assert found[4].startswith("pose_dict['red cube 2'] = get_pose")
    assert found[-1].endswith("target_pose=pose_dict['red cube 2'])")


def test_swap_and_rotate_mixes_place_and_orientation():
    trace = pick_place(Trace(), A, target_pose=pose(), target_pose_function='free_space')
    values = {'target_pose': pose(), 'target_pose_function': 'swap_rotate', 'angle': -30}
    pick_place(trace, B, A, match_ori=True, **values)
    found = texts(trace)
    assert found[4] == (
        f"pose_dict['blue cylinder'] = get_pose(actor={ref(B)})\n"
        "pose_dict['blue cylinder target'] = rotate_z(Pose(pose_dict['red cube'].p, "
        "pose_dict['blue cylinder'].q), -30.0)\n"
        f'move3d(actor={ref(B)})'
    )


def push_trace(**values: object) -> Trace:
    trace = Trace()
    trace.under(trace.new('PushSolver', actor=A, target_pose=pose(), **values))
    trace.run(
        3, 'Move3dSolver', **move(vacuum=False, name='a good place to push {obj:red cube_1}')
    )
    trace.run(3, 'PushAlongPathSolver', actor=A, path=[[0.0, 0.0, 0.0]])
    return trace.run(2, 'Move3dSolver', **move(vacuum=False, name='neutral pose away from actor'))


def test_push_towards_an_object_keeps_its_target():
    assert texts(push_trace(target_pose_function='towards', target_actor=B)) == [
        f"pose_dict['target'] = towards(actor={ref(A)}, target_actor={ref(B)})\n"
        f"move3d(push_actor={ref(A)}, target_pose=pose_dict['target'])",
        f"push(actor={ref(A)}, target_pose=pose_dict['target'])",
        f'move3d(retreat_from={ref(A)})',
    ]


@pytest.mark.parametrize(
    ('flags', 'verb'),
    [
        ({'push': False, 'topple': False}, 'touch'),
        ({'push': True, 'topple': False}, 'push'),
        ({'push': False, 'topple': True}, 'topple'),
    ],
)
def test_contact(flags, verb):
    trace = Trace()
    structure = trace.new('ToppleStructure', actors=[A, B])
    trace.under(structure, trace.new('Move3dTouchSolver', actor=A, **flags))
    trace.run(3, 'Move3dSolver', **move(vacuum=False, name='a good place to'))
    trace.run(3, 'TouchSolver', actor=A, **flags)
    trace.run(2, 'Move3dSolver', **move(vacuum=False, name='neutral pose'))
    assert texts(trace) == [
        f'move3d({verb}_actor={ref(A)})',
        f'{verb}(actor={ref(A)})',
        f'move3d(retreat_from={ref(A)})',
    ]


@pytest.mark.parametrize('is_flat', [False, True])
def test_throw(is_flat):
    trace = Trace()
    trace.under(
        trace.new('PickMove3dThrowSolver', throw_actor=A, target_actor=B, target_2d=is_flat)
    )
    trace.run(2, 'PickSolver', actor=A).run(2, 'Move3dSolver', **move(vacuum=True))
    trace.run(2, 'ThrowSolver', actor=A).run(3)
    flag = ', target_2d=True' if is_flat else ''
    assert texts(trace) == [
        f'pick(actor={ref(A)})',
        f'move3d(throw_at={ref(B)})',
        f'throw(actor={ref(A)}, target_actor={ref(B)}{flag})',
    ]


def test_balancing_waits_first_and_puts_what_does_not_fit_aside():
    trace = Trace()
    trace.under(trace.new('BalanceScaleSolver', scale=('scale', 9), objects=[A, B])).run(20)
    balance = trace.parents[0]
    inner = trace.new(
        'PickMove3dPlaceSolver',
        actor=A,
        target_actor=None,
        target_pose=pose(),
        target_pose_name='ground',
    )
    trace.under(balance, inner).run(2, 'Move3dSolver', **move(vacuum=False))
    trace.under(balance).run(2, 'Move3dSolver', **move(vacuum=False, name='neutral pose'))
    found = code_of(trace)
    assert found[0] == (
        0,
        f"pose_dict['free'] = free_space(actor={ref(A)})\nmove3d(actor={ref(A)})",
    )
    assert found[1] == (22, f'move3d(retreat_from={ref(A)})')


def test_a_solver_that_starts_anew_with_the_same_call_is_no_key_step():
    trace = Trace()
    trace.under(trace.new('PickMove3dPlaceSolver', actor=A, target_actor=B, target_pose=None))
    trace.run(3, 'Move3dSolver', **move(vacuum=True)).run(1)
    trace.run(3, 'Move3dSolver', **move(vacuum=True)).run(1, 'PlaceOnActorSolver', actor=A)
    assert [step for step, _ in code_of(trace)] == [0, 7]


def test_an_object_that_was_lost_is_picked_again():
    trace = Trace()
    trace.under(trace.new('PickMove3dPlaceSolver', actor=A, target_actor=B, target_pose=None))
    for _ in range(2):
        trace.run(2, 'Move3dSolver', **move(vacuum=False)).run(2, 'PickSolver', actor=A)
    assert [step for step, _ in code_of(trace)] == [0, 2, 4, 6]


UNKNOWN = {
    'picture': ({'target_pose_function': 'rearrange'}, "heads for a pose given by 'rearrange'"),
    'nameless pose': ({'target_pose_name': 'designated pose'}, 'given without a name'),
    'swap of nothing': ({'target_pose_function': 'swap', 'target_actor': B}, 'never stored'),
    'no object': ({'actor': None}, 'actor of PickMove3dPlaceSolver is None'),
    'strange object': ({'actor': 'red cube'}, 'expected an object as'),
    'turned back at once': (
        {'target_pose_function': 'rotate', 'angle': 30, 'restore': True},
        'not turned before',
    ),
    'no angle': ({'target_pose_function': 'rotate', 'angle': 'x'}, 'expected a number'),
}


@pytest.mark.parametrize(('values', 'reason'), UNKNOWN.values(), ids=list(UNKNOWN))
def test_what_the_skill_api_cannot_say_is_refused(values, reason):
    with pytest.raises(TraceError, match='.') as error:
        code_of(pick_place(Trace(), **{'target_pose': pose(), **values}))
    assert reason in str(error.value)


@pytest.mark.parametrize('solver', ['Move3dSolver', 'TraceSolver', 'NewSolver'])
def test_a_solver_without_a_call_is_refused(solver):
    with pytest.raises(TraceError, match=r'no call for|only a picture'):
        code_of(Trace().run(3, solver, **move(vacuum=False)))


def write(path: Path, value: object, protocol: int = 4) -> Path:
    with bz2.open(path, 'wb') as file:
        pickle.dump(value, file, protocol=protocol)
    return path


@pytest.mark.parametrize('protocol', [3, 4, 5])
def test_numpy_values_are_rebuilt_from_their_bytes(tmp_path, protocol):
    values = [
        np.float32(1.5),
        np.int64(-3),
        np.bool_(True),
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3)),
        np.array([1, 2], '>i4'),
    ]
    found = read_plain_pickle(write(tmp_path / 't', [*values, 'text', None, 3.5], protocol))
    assert [plain(v) for v in found[:6]] == [np.asarray(value).tolist() for value in values]
    assert found[6:] == ['text', None, 3.5]


def nested_in_itself() -> list:
    """A list that takes 60 references to store and 2**60 to write out."""
    nested: list = []
    for _ in range(60):
        nested = [nested, nested]
    return nested


HOSTILE = {
    'a name that never ends': (
        bz2.compress(pickle.dumps(nested_in_itself(), protocol=2)[:-1] + b'Vx\n\x93.'),
        'a name that is no text',
    ),
    'a class of ours': (bz2.compress(pickle.dumps(Trace())), 'wants clevrskills_writer.Trace'),
    'a path': (bz2.compress(pickle.dumps(Path('x'))), 'wants pathlib'),
    'objects in an array': (bz2.compress(pickle.dumps(np.array([{}], object))), 'consist of'),
    'records': (bz2.compress(pickle.dumps(np.zeros(2, 'i4,f4'))), 'array of records'),
    'eval': (bz2.compress(b'cbuiltins\neval\n(V1+1\ntR.'), r'wants builtins.eval'),
    'persistent': (bz2.compress(b'Pelsewhere\n.'), 'it uses PERSID'),
    'an object of a class': (bz2.compress(b'(Vx\nios\nsystem\n.'), 'it uses INST'),
    'a call of what was not named': (bz2.compress(b'Vos.system\n(tR.'), 'which is no function'),
    'the state of a list': (bz2.compress(b'](lb.'), 'sets the state of what is no array'),
    'nested keys': (bz2.compress(b'\x80\x04})\x85Ns.'), 'whose keys are not plain'),
    'a nested mark': (bz2.compress(b'\x80\x04](((ee.'), 'is damaged'),
    'cut off': (bz2.compress(pickle.dumps([1, 2, 3])[:-3]), 'is damaged'),
    'an array longer than its bytes': (
        bz2.compress(pickle.dumps(np.zeros(4)).replace(b'K\x04\x85', b'K\x09\x85')),
        'with 32 bytes',
    ),
    'cut compression': (bz2.compress(b'x' * 1000)[:-9], 'does not unpack'),
}


@pytest.mark.parametrize(('data', 'reason'), HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_or_damaged_pickle_is_refused(tmp_path, data, reason):
    (tmp_path / 't').write_bytes(data)
    with pytest.raises(TraceRefusedError, match=reason):
        read_plain_pickle(tmp_path / 't')


def test_a_huge_place_in_the_memo_costs_nothing(tmp_path):
    # Python's own unpickler asks for gigabytes here.
    (tmp_path / 't').write_bytes(bz2.compress(b'\x80\x04]r\xff\xff\xff\x7f.'))
    assert read_plain_pickle(tmp_path / 't') == []


GOOD = pickle.dumps(pick_place(Trace(), target=B).steps[:2], protocol=4)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_change_of_bytes_gets_past_the_reader(tmp_path_factory, data):
    path = tmp_path_factory.mktemp('fuzz') / 't'
    changed = bytearray(GOOD)
    for place in data.draw(st.lists(st.integers(0, len(GOOD) - 1), min_size=1, max_size=6)):
        changed[place] = data.draw(st.integers(0, 255))
    path.write_bytes(bz2.compress(bytes(changed)))
    with contextlib.suppress(TraceError, TraceRefusedError, SkillCodeError):
        coder = TraceCoder(lambda actor, step: ActorRef(actor[0], (4, 5)))
        list(coder.key_steps(read_trace(path)))


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(tmp_path):
    (tmp_path / 't').write_bytes(bz2.compress(b'x' * 5000))
    with pytest.raises(TraceRefusedError, match='more than 4000 bytes'):
        read_plain_pickle(tmp_path / 't', max_bytes=4000)


def test_a_small_file_that_asks_for_a_million_containers_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(clevrskills_pickle, 'MAX_OPERATIONS', 100)
    (tmp_path / 't').write_bytes(bz2.compress(b']' * 98 + b'.'))
    read_plain_pickle(tmp_path / 't')
    (tmp_path / 't').write_bytes(bz2.compress(b']' * 10**6 + b'.'))
    with pytest.raises(TraceRefusedError, match='more than 100 operations'):
        read_plain_pickle(tmp_path / 't')


def test_arrays_of_the_same_bytes_take_them_once(tmp_path):
    array = b'cnumpy.core.numeric\n_frombuffer\n(%scnumpy\ndtype\n(Vu1\ntRK\x08\x85VC\ntR'
    data = b'\x96' + (8).to_bytes(8, 'little') + bytes(8) + b'q\x00'
    (tmp_path / 't').write_bytes(bz2.compress(b'](' + array % data + array % b'h\x00' + b'e.'))
    first, second = read_plain_pickle(tmp_path / 't')
    assert np.shares_memory(first.array, second.array)
    assert plain(second) == [0] * 8


def test_a_large_array_is_not_listed(tmp_path):
    found = read_plain_pickle(write(tmp_path / 't', np.zeros(100_000, np.uint8)))
    with pytest.raises(TraceRefusedError, match='an array of 100000 numbers'):
        plain(found)


def test_a_trace_without_solvers_is_refused(tmp_path):
    with pytest.raises(TraceError, match='without a solver'):
        read_trace(write(tmp_path / 't', [[{'solver_class': 'Solver'}]]))
    with pytest.raises(TraceError, match='no dictionary'):
        read_trace(write(tmp_path / 't', [[3]]))
