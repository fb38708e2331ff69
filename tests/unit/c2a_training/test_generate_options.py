# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Generated episodes that are not the oracle's plain ones: few pictures, noise, late, learned."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sample_episodes import assert_equal_rows
from small_policy_net import write_small_policy

from c2a_core.spaces import VACUUM, clip_action
from c2a_planner.backend import Reply
from c2a_training.dataset.episode_check import check_rows
from c2a_training.episode_worker import EpisodeJob
from c2a_training.generation.episode_maker import EpisodeMaker
from c2a_training.generation.generate_settings import GenerateSettings
from c2a_training.generation.oracle_label import planner_label
from c2a_training.generation.picture_rule import PictureRule, parse_picture_rule

FEW = GenerateSettings(image_size=32, pictures=PictureRule(1))
SWAP = EpisodeJob('Swap', 0)


class Scripted:
    """A learned planner that says some things of its own, then what the oracle says."""

    name = checkpoint = 'scripted'
    writes_code = True
    is_instant = True

    def __init__(self, *texts):
        self.texts = texts

    def reset(self):
        self.left = list(self.texts)

    def reply(self, observation, instruction, memory, request_key_step, oracle_code):
        return Reply(self.left.pop(0) if self.left else oracle_code)


def make(settings, job=SWAP, backend=None):
    rows, result = EpisodeMaker(settings, None, backend).run(job)
    assert list(check_rows(rows)) == []
    return rows, result


@pytest.fixture(scope='module')
def full():
    return make(GenerateSettings(image_size=32))[0]


class TestPictures:
    """Which rows get some."""

    @pytest.mark.parametrize('text', ['all', 'key-steps:0', 'key-steps:12'])
    def test_rule_is_written_as_it_is_read(self, text):
        assert str(parse_picture_rule(text)) == text

    @pytest.mark.parametrize('text', ['', 'some', 'key-steps', 'key-steps:-1', 'key-steps:2.5'])
    def test_rule_that_is_none(self, text):
        with pytest.raises(ValueError, match=r'expected all, or key-steps:N'):
            parse_picture_rule(text)

    @pytest.mark.parametrize('wanted', [0, 2])
    def test_about_so_many_of_each_sub_task(self, wanted):
        rng = np.random.default_rng(0)
        taken = sum(PictureRule(wanted).takes_by_chance(rng) for _ in range(5000))
        assert taken == pytest.approx(5000 * wanted / 10, rel=0.1)

    def test_the_world_is_the_same_and_so_are_the_pictures(self, full):
        few, _ = make(FEW)
        assert few.metadata.sha256 == full.metadata.sha256
        assert few.metadata.state_digest == full.metadata.state_digest
        assert few.oracle_code == full.oracle_code
        assert set(few.wrist_jpeg) == {None}
        taken = np.array([jpeg is not None for jpeg in few.base_jpeg])
        assert taken[few.is_key_step].all()
        assert few.is_key_step.sum() < taken.sum() < len(few) / 2
        for row, has in enumerate(taken):
            assert (few.labels[row] is not None) == has
            assert not has or few.base_jpeg[row] == full.base_jpeg[row]

    def test_ground_truth_is_new_where_a_key_step_begins(self, full):
        for row, memory in enumerate(full.memory):
            is_new = not memory or full.oracle_code[row] != memory[-1]
            assert is_new == full.is_key_step[row]


class TestPerturbed:
    """Noise and late key steps."""

    def test_late_key_steps_while_the_robot_holds(self):
        rows, result = make(dataclasses.replace(FEW, late=3))
        assert result.success
        late = [
            row
            for row, memory in enumerate(rows.memory)
            if memory and rows.oracle_code[row] != memory[-1] and not rows.is_key_step[row]
        ]
        assert late
        assert not rows.actions[late, :6].any()
        assert all(rows.base_jpeg[row] is not None for row in late)
        assert all(rows.code[row] == rows.memory[row][-1] for row in late)

    def test_noise_pushes_the_arm_and_the_skills_recover(self, full):
        rows, result = make(dataclasses.replace(FEW, noise_m=0.02))
        assert result.success
        assert rows.metadata.sha256 != full.metadata.sha256
        assert rows.metadata.skill_calls == full.metadata.skill_calls
        for action in rows.actions:
            np.testing.assert_array_equal(clip_action(action), action)
        differ = (rows.intended_actions != rows.actions).any(1)
        assert 0 < differ.sum() < len(rows) / 2
        assert np.array_equal(rows.intended_actions[:, 3:], rows.actions[:, 3:])
        assert full.intended_actions is None

    def test_a_policy_moves_the_arm_in_stretches_and_the_skill_goes_on(self, full, tmp_path):
        write_small_policy(tmp_path / 'policy')
        settings = GenerateSettings(image_size=32, policy=str(tmp_path / 'policy'))
        maker = EpisodeMaker(settings, None)
        rows, result = maker.run(SWAP)
        assert result.success
        assert list(check_rows(rows)) == []
        is_led = (rows.intended_actions != rows.actions).any(1)
        assert 4 <= is_led.sum() < len(rows.actions)
        # What it drops could not be shown again.
        assert np.array_equal(rows.intended_actions[:, VACUUM], rows.actions[:, VACUUM])
        for action in rows.actions:
            np.testing.assert_array_equal(clip_action(action), action)
        assert_equal_rows(EpisodeMaker(settings, None).run(SWAP)[0], rows)

    def test_a_policy_may_lead_for_longer(self, tmp_path):
        write_small_policy(tmp_path / 'policy')
        settings = GenerateSettings(image_size=32, policy=str(tmp_path / 'policy'))
        longer = dataclasses.replace(settings, policy_steps=(30, 40))
        led = []
        for each in (settings, longer):
            rows, _ = EpisodeMaker(each, None).run(SWAP)
            led.append((rows.intended_actions != rows.actions).any(1).sum())
        assert led[0] < led[1]
        assert longer.options()['policy_steps'] == '30-40'
        assert 'policy_steps' not in settings.options()

    def test_a_policy_may_switch_the_vacuum_and_drop_things(self, tmp_path):
        write_small_policy(tmp_path / 'policy')
        settings = GenerateSettings(
            image_size=32, policy=str(tmp_path / 'policy'), policy_vacuum=True, keep='all'
        )
        rows, _ = EpisodeMaker(settings, None).run(SWAP)
        is_led = (rows.intended_actions != rows.actions).any(1)
        switched = rows.intended_actions[:, VACUUM] != rows.actions[:, VACUUM]
        assert switched.any()
        assert not (switched & ~is_led).any()
        assert settings.options()['policy_vacuum'] is True

    def test_an_episode_depends_on_task_seed_and_settings_alone(self):
        settings = dataclasses.replace(FEW, noise_m=0.02, late=2)
        maker = EpisodeMaker(settings, None)
        maker.run(EpisodeJob('Pick', 1))
        again, _ = maker.run(EpisodeJob('Pick', 2))
        alone, _ = make(settings, EpisodeJob('Pick', 2))
        assert_equal_rows(again, alone)


class TestLearned:
    """A planner with a mind of its own drives; the ground truth stands beside it."""

    SETTINGS = dataclasses.replace(FEW, planner='vlm', pictures=PictureRule(0))
    WRONG = "move3d(actor=get_actor('yellow cube', (2, 6)))"

    def test_after_a_wrong_key_step_the_ground_truth_says_the_right_one(self):
        rows, result = make(self.SETTINGS, EpisodeJob('Pick', 0), Scripted(self.WRONG))
        assert result.success
        assert rows.code[0] == self.WRONG
        asked = [row for row, jpeg in enumerate(rows.base_jpeg) if jpeg is not None]
        assert asked == np.nonzero(rows.is_key_step)[0].tolist()
        right = rows.oracle_code[0]
        assert right.startswith("move3d(actor=get_actor('black hexagon'")
        assert rows.oracle_code[asked[1]] == rows.code[asked[1]] == right
        assert rows.memory[asked[1]] == (self.WRONG,)

    def test_a_policy_may_move_the_arm_in_place_of_the_skills(self, tmp_path):
        write_small_policy(tmp_path / 'policy')
        settings = GenerateSettings(
            image_size=32,
            policy=str(tmp_path / 'policy'),
            policy_steps=None,
            planner='vlm',
            keep='all',
        )
        rows, result = make(settings, EpisodeJob('Pick', 0), Scripted(self.WRONG))
        assert result.reason == 'time-out'
        assert rows.intended_actions is None
        # Asked at every step, not once a skill; what the policy never reaches goes on.
        assert rows.code[:2] == (self.WRONG, rows.oracle_code[1])
        assert rows.memory[1] == (self.WRONG,)
        assert set(rows.code[1:-1]) == {rows.oracle_code[1]}
        assert settings.options()['policy_steps'] == 'all'
        assert settings.options()['generator'] == 'vlm'

    def test_failed_episodes_are_kept_where_they_are_wanted(self):
        backend = Scripted(*['nonsense'] * 30)
        job = EpisodeJob('Pick', 0)
        dropped = EpisodeMaker(self.SETTINGS, None, backend).make(job)
        assert not dropped.kept
        assert '20 invalid replies' in dropped.reason
        settings = dataclasses.replace(self.SETTINGS, keep='all')
        kept = EpisodeMaker(settings, None, backend).make(job)
        assert (kept.kept, kept.reason) == (True, dropped.reason)
        rows, _ = make(settings, job, backend)
        assert not rows.metadata.success
        assert not rows.success.any()
        assert rows.metadata.skill_calls == 0

    def test_options_tell_whose_key_steps_they_are(self):
        options = dataclasses.replace(self.SETTINGS, checkpoint_hash='abc').options()
        assert options['generator'] == 'vlm'
        assert options['checkpoint'] == 'abc'
        assert options['pictures'] == 'key-steps:0'
        assert 'late' not in options
        assert set(GenerateSettings().options()) == {
            *('generator', 'image_size', 'robot', 'split', 'base_camera', 'wrist_camera'),
            'jpeg_quality',
        }


class TestLabel:
    """The follower's words for a planner that went its own way."""

    SCENE = (('red cube', (3, 5)), ('blue cube', (1, 1)), ('red cube', (8, 8)))
    BLUE = "pick(actor=get_actor('blue cube', (1, 2)))"

    def test_nothing_yet_and_the_end(self):
        assert planner_label('', (), self.SCENE) is None
        assert planner_label('done()', (self.BLUE,), self.SCENE) == 'done()'

    def test_cells_are_those_of_now(self):
        label = planner_label(self.BLUE, (), self.SCENE)
        assert label == "pick(actor=get_actor('blue cube', (1, 1)))"

    def test_another_cell_alone_is_no_other_key_step(self):
        said = self.BLUE.replace('(1, 2)', '(4, 4)')
        assert planner_label(self.BLUE, ('done()', said), self.SCENE) == said

    def test_among_namesakes_the_cell_decides(self):
        code = "pick(actor=get_actor('red cube', (3, 5)))"
        said = code.replace('(3, 5)', '(8, 8)')
        assert planner_label(code, (said,), self.SCENE) == code

    def test_a_pose_that_the_planner_never_stored(self):
        code = "move3d(target_pose=pose_dict['free'])"
        assert planner_label(code, (self.BLUE,), self.SCENE) is None
        stored = (
            "pose_dict['free'] = free_space(actor=get_actor('blue cube', (1, 1)))\n" + self.BLUE
        )
        assert planner_label(code, (stored,), self.SCENE) == code
