# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The planner node with a model: a small one with random weights, held to the grammar."""

from __future__ import annotations

import pytest
from fakes import FakePolicy, FakeSimulator
from node_world import wait_until
from small_planner import write_small_checkpoint

from c2a_core.types import ReplyStatus

pytest.importorskip('torch', reason='torch is not installed')
pytest.importorskip('transformers', reason='transformers is not installed')
pytest.importorskip('llguidance', reason='llguidance is not installed')
pytestmark = pytest.mark.ros

REPLIED = {ReplyStatus.KEY_STEP, ReplyStatus.SAME, ReplyStatus.REPEATED}


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    directory = tmp_path_factory.mktemp('checkpoints') / 'small'
    return directory, write_small_checkpoint(directory)


def start(ros, directory, simulator=None, **common):
    low_level = {'low_level': 'policy', **common}
    ros.bridge(simulator or FakeSimulator(needs_steps=6), planner='vlm', **low_level)
    options = {'checkpoint': str(directory), 'constrained': True, 'threads': 1}
    ros.planner(planner='vlm', **options, **low_level)
    ros.controller(FakePolicy(), **low_level)


def replies(ros):
    return [k for k in ros.probe.of('key_step', 1) if k.reply_status in REPLIED]


def check(key_steps, info):
    assert {key_step.checkpoint for key_step in key_steps} == {info.hash[:12]}
    assert all(
        key_step.latency_s > 0 for key_step in key_steps if key_step.reply_status in REPLIED
    )
    assert not any(key_step.reply_status == ReplyStatus.INVALID for key_step in key_steps)


def test_a_model_plans_in_lockstep_and_its_hash_goes_with_its_key_steps(ros, small):
    directory, info = small
    start(ros, directory)
    assert ros.ended(timeout_s=60.0).reason in ('success', 'early done')
    check(ros.probe.of('key_step', 1), info)
    assert replies(ros)[0].is_key_step
    assert replies(ros)[0].step == 0


def test_a_model_plans_in_real_time_while_the_world_goes_on(ros, small):
    directory, info = small
    simulator = FakeSimulator(needs_steps=0, max_steps=100_000)
    start(ros, directory, simulator, stepping='realtime')
    wait_until(lambda: replies(ros), 60.0, 'a reply')
    key_steps = ros.probe.of('key_step', 1)
    check(key_steps, info)
    # Nobody waited for the reply: the observations before it were answered with "hold".
    first = replies(ros)[0]
    assert first.is_key_step
    assert [k.reply_status for k in key_steps if k.step < first.step] == ['hold'] * first.step


def test_the_diagnostics_say_how_the_replies_went(ros, small):
    from diagnostic_msgs.msg import DiagnosticArray

    ros.probe.listen('diagnostics', DiagnosticArray, '/diagnostics')
    start(ros, small[0])
    ros.ended(timeout_s=60.0)

    def said():
        for array in ros.probe.of('diagnostics'):
            for status in array.status:
                values = {entry.key: entry.value for entry in status.values}
                if status.name == 'planner: replies' and 'latency p99' in values:
                    return values
        return None

    values = wait_until(said, what='latencies')
    assert int(values['replies']) > 0
    assert int(values['early stops']) >= 0


def test_a_checkpoint_for_another_camera_is_refused(ros, small):
    with pytest.raises(ValueError, match="another base camera: 'framed', here it is 'original'"):
        ros.planner(planner='vlm', checkpoint=str(small[0]), cameras='original')
