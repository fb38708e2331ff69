# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A model's thread goes last, and only that thread."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from c2a_core.inference_pool import NICE, SWITCH_S, make_inference_pool


@pytest.fixture
def pool():
    interval = sys.getswitchinterval()
    made = make_inference_pool('model')
    yield made
    made.shutdown()
    sys.setswitchinterval(interval)


def niceness():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != 'linux', reason='only Linux has a priority for each thread')
def test_the_models_thread_goes_last_and_no_other_does(pool):
    before = niceness()
    assert pool.submit(niceness).result() == min(19, max(before, NICE))
    assert niceness() == before


def test_work_is_done_one_after_the_other_in_a_thread_of_that_name(pool):
    names = [pool.submit(lambda: threading.current_thread().name) for _ in range(3)]
    assert {name.result() for name in names} == {'model_0'}
    assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
