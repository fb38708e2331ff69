# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the embedded simulator's backend says about a scene, for the markers."""

from __future__ import annotations

import pytest

from c2a_sim_bridge.backends.maniskill import ManiskillBackend


@pytest.fixture(scope='module')
def backend() -> ManiskillBackend:
    return ManiskillBackend.create(64, render=False, robot='low_poly')


def test_goal_spheres_are_balls_and_prisms_stand_about_their_centre(backend):
    backend.reset('Trace', 0, None, {})
    scene = backend.scene()
    balls = [what for what in scene if what.is_ball]
    assert len(balls) == 3
    assert all(what.name.endswith(' goal') for what in balls)
    assert all(what.bottom == pytest.approx(-what.height / 2) for what in scene)


def test_a_gripper_goal_lies_behind_the_tip_of_its_cups(backend):
    backend.reset('MatchPose', 0, None, {})
    (goal,) = (what for what in backend.scene() if what.name.endswith(' goal'))
    assert not goal.is_ball
    assert goal.bottom == pytest.approx(-goal.height)
