# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The importer against folders in the published layout, whole and damaged."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path

import clevrskills_writer as clevrskills
import numpy as np
import pytest
from rich.console import Console

from c2a_core.memory import KeyStepMemory
from c2a_core.spaces import CONTROL_DT_NS
from c2a_training.clevrskills.clevrskills_media import TrajectorySkippedError, render_prompt
from c2a_training.clevrskills.clevrskills_rows import (
    ImportSettings,
    convert_trajectory,
    split_of,
    task_of,
)
from c2a_training.clevrskills.clevrskills_trajectory import find_trajectories, measured_actions
from c2a_training.commands import data_import_clevrskills as command
from c2a_training.commands.data_command import GROUP
from c2a_training.dataset.episode_rows import EpisodeRows
from c2a_training.dataset.episode_store import EpisodeStore

SETTINGS = ImportSettings(image_size=16, robot='panda_vacuum')


@pytest.fixture(scope='module')
def written(tmp_path_factory) -> Path:
    """One whole trajectory, never changed."""
    return clevrskills.write_trajectory(
        tmp_path_factory.mktemp('l1') / 'place_next_to' / 'traj_44'
    )


@pytest.fixture(scope='module')
def rows(written) -> EpisodeRows:
    return convert_trajectory(written, 'PlaceNextTo', SETTINGS).rows


@pytest.fixture
def folder(written, tmp_path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(written, tmp_path / 'place_next_to' / 'traj_44'))


def run(*words: object) -> tuple[int, str]:
    text = io.StringIO()
    args = GROUP.make_parser('import-clevrskills').parse_args(
        ['import-clevrskills', *map(str, words)]
    )
    code = command.run(args, Console(file=text, width=200, highlight=False))
    return code, text.getvalue()


def test_code_is_that_of_the_specification_with_our_cells(rows):
    begins = np.nonzero(rows.is_key_step)[0]
    assert begins.tolist() == [0, 4, 7, 11, 14]
    assert [rows.code[k].splitlines()[-1] for k in begins] == [
        "move3d(actor=get_actor('green hexagon', (2, 5)))",
        "pick(actor=get_actor('green hexagon', (2, 5)))",
        "move3d(target_pose=pose_dict['target'])",
        "place(actor=get_actor('green hexagon', (3, 5)), target_pose=pose_dict['target'])",
        'done()',
    ]
    assert rows.code[0].splitlines()[0] == (
        "pose_dict['target'] = free_space_next_to(actor=get_actor('green hexagon', (2, 5)), "
        "next_to_actor=get_actor('white hexagon', (5, 5)), direction=[-1.0, 0.0, 0.0], "
        'description="behind")'
    )


def test_every_row_has_the_running_code_and_the_memory_before_it(rows):
    memory = KeyStepMemory()
    for k in range(len(rows) - 1):
        assert rows.memory[k] == memory.steps
        if rows.is_key_step[k]:
            memory.append(rows.code[k])
        assert (rows.code[k], rows.subtask_id[k]) == (memory.last, memory.subtask_id)
        assert rows.cache_info[k] == memory.cache_info()
    assert rows.memory[-1] == memory.steps
    assert rows.stamp_ns.tolist() == [k * CONTROL_DT_NS for k in range(len(rows))]
    assert rows.success.tolist() == [False] * 14 + [True]


def test_states_are_those_of_the_folder_in_our_layout(rows, written):
    qpos = np.load(written / 'agent' / 'qpos.npy')
    pose = np.load(written / 'agent' / 'ee_pose.npy')
    assert np.array_equal(rows.proprioception[:, :7], qpos[:, :7])
    assert np.allclose(rows.proprioception[:, 14:17], pose[:, :3])
    # w x y z there, x y z w here.
    assert np.allclose(rows.proprioception[:, 17:21], pose[:, [4, 5, 6, 3]])
    assert rows.proprioception[:, 23].all()  # one of five cups is ready
    assert rows.proprioception[0, 21] == 0
    assert rows.proprioception[-1, 21] == 1


def test_an_action_is_the_measured_motion_in_the_frame_of_the_tool(rows):
    # 1 cm forward, 1 cm up: the tool points down, so up is its -z; forward is its x while the
    # tool is not turned, and it turns by 0.1 rad about its z in every step.
    assert np.allclose(rows.actions[0, :6], [0.01, 0, -0.01, 0, 0, 0.1], atol=1e-5)
    turned = [0.01 * np.cos(0.5), -0.01 * np.sin(0.5), -0.01, 0, 0, 0.1]
    assert np.allclose(rows.actions[5, :6], turned, atol=1e-5)
    assert rows.actions[:, 6].tolist() == [-1.0] * 7 + [1.0] * 7


def test_composing_the_actions_gives_the_measured_poses_back(written, rows):
    from c2a_core.geometry import quat_multiply_wxyz, quat_rotate, quat_wxyz_from_rotation_vector

    poses = np.load(written / 'agent' / 'ee_pose.npy').astype(float)
    position, quat = poses[0, :3], poses[0, 3:]
    for action, pose in zip(rows.actions, poses[1:], strict=True):
        position = position + quat_rotate(quat, action[:3])
        quat = quat_multiply_wxyz(quat, quat_wxyz_from_rotation_vector(action[3:6]))
        assert np.allclose(position, pose[:3], atol=1e-5)
        assert abs(abs(quat @ pose[3:]) - 1) < 1e-5


def test_in_our_simulator_the_measured_motion_is_the_command():
    """What the conversion promises: the action that our convention has for a measured motion."""
    from c2a_planner.oracle_backend import OracleBackend
    from c2a_planner.planner import Planner
    from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
    from c2a_training.rollout import OracleLowLevel, run_episode

    poses, commands = [], []

    def keep(observation, key_step, command):
        poses.append(observation.ee_pose.astype(float)[[0, 1, 2, 6, 3, 4, 5]])
        if command is not None:
            commands.append(command.action)

    simulator = Simulator(SimConfig(render=False))
    run_episode(
        simulator,
        Planner(OracleBackend()),
        OracleLowLevel(simulator),
        task='Rotate',
        seed=0,
        on_step=keep,
    )
    wanted = np.array(commands)
    found, clipped = measured_actions(np.array(poses), wanted[:, 6] > 0)
    moves = np.linalg.norm(wanted[:, :3], axis=1) > 0.02
    turns = np.linalg.norm(wanted[:, 3:6], axis=1) > 0.05
    assert clipped == 0
    assert moves.sum() > 3
    assert turns.sum() > 3
    assert np.allclose(found[moves, :3], wanted[moves, :3], atol=2e-3)
    assert np.allclose(found[turns, 3:6], wanted[turns, 3:6], atol=2e-2)
    assert np.array_equal(found[:, 6], wanted[:, 6])


def test_motion_over_our_bounds_is_cut_and_counted():
    poses = np.tile(clevrskills.HOME, (3, 1))
    poses[1:, 0] += 0.08
    actions, clipped = measured_actions(poses, [True, False])
    assert clipped == 1
    assert np.allclose(actions[0, :3], [0.05, 0, 0], atol=1e-6)
    assert not actions[1, :6].any()


def test_pictures_are_the_frames_of_their_step(rows):
    for k in (0, 5, 14):
        for image in (rows.base_image(k), rows.wrist_image(k)):
            assert image.shape == (16, 16, 3)
            assert abs(int(image.mean()) - 10 * k) <= 4


def test_steps_after_the_first_success_are_cut_off(folder):
    success = np.zeros(14, bool)
    success[9:] = True
    np.save(folder / 'success.npy', success)
    rows = convert_trajectory(folder, 'PlaceNextTo', SETTINGS).rows
    assert rows.metadata.n_steps == 10
    assert rows.code[-1] == 'done()'


def test_an_xarm_has_six_joints_and_a_dataset_of_its_own(tmp_path):
    folder = clevrskills.write_trajectory(tmp_path / 'pick' / 'traj_1', joints=11)
    settings = ImportSettings(16, 'xarm6_vacuum')
    rows = convert_trajectory(folder, 'Pick', settings).rows
    assert not rows.proprioception[:, 6].any()
    with pytest.raises(TrajectorySkippedError, match='its robot is xarm6_vacuum'):
        convert_trajectory(folder, 'Pick', SETTINGS)


def break_video(folder: Path) -> None:
    path = folder / 'image' / 'hand_camera' / 'rgb.mp4'
    path.write_bytes(path.read_bytes()[:200])


def shorten(name: str):
    return lambda folder: np.save(folder / name, np.load(folder / name)[:-1])


def remove(name: str):
    return lambda folder: (folder / name).unlink()


def save(name: str, array: np.ndarray):
    return lambda folder: np.save(folder / name, array)


def prompt(text: str):
    return lambda folder: (folder / 'info.json').write_text(json.dumps({'prompts': [text]}))


BOX = 'extra/actor_mesh_bbox/base_camera/green hexagon_20.npy'
DAMAGES = {
    'no actions': (remove('actions.npy'), 'actions.npy is missing'),
    'no success file': (remove('success.npy'), 'success.npy is missing'),
    'no trace': (remove('action_trace.pickle.bz2'), 'action_trace.pickle.bz2 is missing'),
    'no joints': (remove('agent/qpos.npy'), 'agent/qpos.npy is missing'),
    'no prompts': (remove('info.json'), 'info.json is missing'),
    'no base video': (remove('image/base_camera/rgb.mp4'), 'image/base_camera/rgb.mp4 is missing'),
    'no box': (remove(BOX), "there is no box of 'green hexagon'"),
    'half a video': (break_video, 'image/hand_camera/rgb.mp4'),
    'a short video': (
        lambda f: clevrskills.write_video(f / 'image' / 'hand_camera' / 'rgb.mp4', 9, 32),
        'has 9 frames, expected 15',
    ),
    'no success': (save('success.npy', np.zeros(14, bool)), 'no success'),
    'short actions': (shorten('actions.npy'), 'actions.npy has shape (13, 7), expected (14, 7)'),
    'short joints': (shorten('agent/qpos.npy'), 'agent/qpos.npy has 14 rows, expected 15'),
    'strange robot': (save('agent/qpos.npy', np.zeros((15, 9))), 'has 9 joints, expected'),
    'no numbers': (save('actions.npy', np.full((14, 7), np.nan)), 'not finite'),
    'pickled array': (save('actions.npy', np.array([{}])), 'actions.npy cannot be read'),
    'behind the camera': (save(BOX, np.full((15, 2, 3), -1)), 'is behind the camera at step 0'),
    'short trace': (
        lambda f: clevrskills.write_trace(f, clevrskills.next_to_trace().steps[:-1]),
        'has 13 steps, expected 14',
    ),
    'trace is no list': (lambda f: clevrskills.write_trace(f, {}), 'trace is dict'),
    'empty step': (lambda f: clevrskills.write_trace(f, [[]] * 14), 'step 0 of the trace'),
    'prompt with a picture': (prompt('Follow {ks:keystep_1}'), 'every prompt needs a picture'),
    'prompts are numbers': (
        lambda f: (f / 'info.json').write_text('{"prompts": [3]}'),
        'info.json has no prompts',
    ),
    'not bzip2': (
        lambda f: (f / 'action_trace.pickle.bz2').write_bytes(b'nothing'),
        'does not unpack',
    ),
}


@pytest.mark.parametrize(('damage', 'reason'), DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_trajectory_is_skipped_with_the_reason(folder, damage, reason):
    damage(folder)
    with pytest.raises(TrajectorySkippedError, match='.') as error:
        convert_trajectory(folder, 'PlaceNextTo', SETTINGS)
    assert reason in str(error.value)


class Malicious:
    """Executes a command when it is unpickled the ordinary way."""

    def __reduce__(self):
        return os.system, ('touch pwned',)


def test_nothing_in_a_trace_is_executed(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    steps = clevrskills.next_to_trace().steps
    steps[3][0]['prompts'] = Malicious()
    clevrskills.write_trace(folder, steps)
    with pytest.raises(TrajectorySkippedError, match=r'wants posix\.system'):
        convert_trajectory(folder, 'PlaceNextTo', SETTINGS)
    assert not (tmp_path / 'pwned').exists()


def test_one_command_imports_reports_and_continues(tmp_path, written):
    root = tmp_path / 'data'
    for seed in (1, 2):
        shutil.copytree(written, root / 'place_next_to' / f'traj_{seed}')
    shutil.copytree(written, root / 'place_next_to' / 'traj_2_variant_1')
    shutil.copytree(written, root / 'other' / 'traj_9')
    (root / 'other' / 'traj_9' / 'actions.npy').unlink()
    report = tmp_path / 'report.json'
    out = tmp_path / 'out'
    words = (root, '--out', out, '--image-size', '16', '--report', report)
    code, text = run(*words)
    assert code == command.EXIT_OK
    assert '3 trajectories imported (42 steps), 1 skipped' in text
    assert 'actions.npy is missing' in text
    assert 'other/traj_9' in text
    assert json.loads(report.read_text())['skipped'][0]['reason'] == 'actions.npy is missing'
    store = EpisodeStore(out)
    names = {episode.episode for episode in store.episodes}
    assert names == {f'PlaceNextTo-{name}' for name in ('1-public', '2-public', '2-public-v1')}
    assert {episode.source for episode in store.episodes} == {'clevrskills'}
    code, text = run(*words)
    assert code == command.EXIT_OK
    assert '0 trajectories imported (0 steps), 3 were there, 1 skipped' in text
    assert EpisodeStore(out).fingerprint == store.fingerprint


def test_a_table_of_a_thousand_reasons_shows_the_commonest():
    skipped = [(f'data/t/traj_{n}', f'no box at step {n}') for n in range(1000)]
    skipped += [(f'data/u/traj_{n}', 'no success') for n in range(5)]
    stream = io.StringIO()
    command.print_report(command.Report(skipped=skipped), Console(file=stream, width=200))
    text = stream.getvalue()
    assert 'u/traj_2' in text
    assert 'u/traj_3' not in text
    assert text.count('no box at step') == command.MAX_REASONS - 1
    assert 'and 961 for 961 other reasons: --report has all' in text


def test_a_folder_that_breaks_a_library_does_not_stop_the_others(tmp_path, written, monkeypatch):
    root = tmp_path / 'data'
    for seed in (1, 2):
        shutil.copytree(written, root / 'place_next_to' / f'traj_{seed}')
    shutil.copytree(written, root / 'stack' / 'traj_1')

    def convert(folder, task, settings):
        if folder.name == 'traj_2':
            raise IndexError('deep inside')
        return convert_trajectory(folder, task, settings)

    monkeypatch.setattr(command, 'convert_trajectory', convert)
    monkeypatch.setattr(command, 'EPISODES_PER_LOOK', 1)
    code, text = run(root, '--out', tmp_path / 'out', '--image-size', '16')
    assert code == command.EXIT_OK
    assert 'cannot be read: IndexError deep inside' in text
    store = EpisodeStore(tmp_path / 'out')
    assert [episode.episode for episode in store.episodes] == [
        'PlaceNextTo-1-public',
        'Stack-1-public',
    ]
    assert not (tmp_path / 'out' / '.pending').exists()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('there_is_no_such',), 'is no directory'),
        (('.',), 'no folder called traj_'),
        (('.', '--image-size', '4'), 'expected 16 to 2048'),
        (('.', '--workers', '0'), 'expected at least 1'),
        (('.', '--task', 'place on'), 'expected letters and digits'),
    ],
)
def test_bad_arguments_are_refused(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, text = run(*words, '--out', tmp_path / 'out')
    assert code == command.EXIT_USAGE
    assert message in text
    assert not (tmp_path / 'out').exists()


def test_nothing_imported_is_exit_code_1(folder, tmp_path):
    (folder / 'success.npy').unlink()
    code, text = run(folder, '--out', tmp_path / 'out')
    assert code == command.EXIT_NOTHING
    assert '0 trajectories imported' in text


def test_names_of_folders_become_tasks_and_splits(tmp_path):
    assert task_of(tmp_path / 'place_on_top' / 'traj_4') == 'PlaceOnTop'
    assert task_of(tmp_path / '2' / 'traj_4') == 'ClevrSkills2'
    assert split_of(Path('traj_4')) == 'public'
    assert split_of(Path('traj_4_variant_2')) == 'public-v2'
    (tmp_path / 'a' / 'traj_x').mkdir(parents=True)
    (tmp_path / 'a' / 'traj_3').mkdir()
    assert [path.name for path in find_trajectories(tmp_path)] == ['traj_3']


@pytest.mark.parametrize(
    ('text', 'spoken'),
    [
        (
            'Stack  {obj:red cube_21}, {obj:blue cylinder_3}',
            'Stack the red cube, the blue cylinder',
        ),
        ('Throw the {obj:red cube_21} away', 'Throw the red cube away'),
        ('Lift the object with {tex:red cube_21} texture', 'Lift the object with red texture'),
        ('Pick up the red cube', 'Pick up the red cube'),
        ('Rearrange to {ks:keystep_1}', None),
        ('Throw it at {pos:1}', None),
        ('Lift {tex:unknown_4}', None),
    ],
)
def test_prompts_become_words(text, spoken):
    assert render_prompt(text, {'red cube_21': ['red', '[1, 0, 0]']}) == spoken
