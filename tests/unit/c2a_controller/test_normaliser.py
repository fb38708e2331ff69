# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Numbers of the robot to numbers of the network and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small_policy_net import small_normalisation

from c2a_controller.normaliser import Normaliser, PolicyNormalisation
from c2a_core.spaces import ACTION_NAMES, PROPRIO_DIM, hold_action


def test_restoring_undoes_normalising():
    normaliser = small_normalisation().action
    actions = np.random.default_rng(1).uniform(-0.005, 0.005, (5, 7)).astype(np.float32)
    assert np.allclose(normaliser.restore(normaliser.normalise(actions)), actions, atol=1e-7)


def test_recorded_actions_fill_the_range_that_diffusion_clips_to():
    actions = np.zeros((3, 7), np.float32)
    actions[:, 0] = (0.04, -0.05, 0.0)
    actions[:, 6] = (1, -1, 1)
    normalised = PolicyNormalisation.fit(actions, np.zeros((3, PROPRIO_DIM))).action.normalise(
        actions
    )
    assert np.abs(normalised).max(0)[[0, 6]] == pytest.approx(1.0)


def test_one_jerk_does_not_make_all_rotations_small():
    actions = np.zeros((5000, 7), np.float32)
    actions[:, 3] = np.linspace(-0.05, 0.05, 5000)
    actions[:, 0] = actions[:, 3]
    actions[7, [0, 3]] = 0.25
    fitted = PolicyNormalisation.fit(actions, np.zeros((5000, PROPRIO_DIM))).action
    assert fitted.scale[3] == pytest.approx(0.05, rel=0.01)
    assert fitted.normalise(actions).max() == 1.0
    assert fitted.restore(fitted.normalise(actions))[7, 3] == pytest.approx(0.05, rel=0.01)
    # A translation is never cut.
    assert fitted.scale[0] == 0.25
    assert fitted.scale[6] == pytest.approx(0.05)


def test_an_action_that_keeps_the_target_stays_one():
    hold = hold_action(vacuum=True)
    normaliser = small_normalisation().action
    assert not normaliser.restore(normaliser.normalise(hold))[:6].any()


def test_a_component_that_hardly_moves_is_not_blown_up():
    actions = np.full((3, 7), 1e-6, np.float32)
    fitted = PolicyNormalisation.fit(actions, np.zeros((3, PROPRIO_DIM)))
    assert np.abs(fitted.action.normalise(actions)).max() < 1e-3
    assert np.abs(fitted.proprio.normalise(np.full(PROPRIO_DIM, 1e-4))).max() < 0.1


def test_proprioception_that_was_never_seen_is_clipped():
    fitted = small_normalisation().proprio
    assert fitted.normalise(np.full(PROPRIO_DIM, 1e6)).max() == 5.0


def test_it_comes_back_from_json_bit_for_bit():
    fitted = small_normalisation()
    again = PolicyNormalisation.from_dict(json.loads(json.dumps(fitted.as_dict())))
    for one, other in ((fitted.action, again.action), (fitted.proprio, again.proprio)):
        assert np.array_equal(one.scale, other.scale)
        assert np.array_equal(one.offset, other.offset)
        assert one.limit == other.limit


def test_another_layout_is_refused():
    content = small_normalisation().as_dict()
    content['action']['names'] = ['joint'] * 7
    with pytest.raises(ValueError, match='normalisation of actions is for joint, .* expected dx'):
        PolicyNormalisation.from_dict(content)
    with pytest.raises(ValueError, match="no usable 'proprio'"):
        PolicyNormalisation.from_dict({'action': small_normalisation().action.as_dict()})


def test_a_scale_that_divides_by_zero_is_refused():
    with pytest.raises(ValueError, match='scale of the normalisation'):
        Normaliser(ACTION_NAMES, np.zeros(7), np.zeros(7))
    with pytest.raises(ValueError, match='expected 7 finite numbers'):
        Normaliser(ACTION_NAMES, np.zeros(7), np.full(7, np.nan))
