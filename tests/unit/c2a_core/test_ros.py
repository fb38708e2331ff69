# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass

import pytest

pytestmark = pytest.mark.ros
rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed: run ./c2a test')

from rclpy.event_handler import SubscriptionEventCallbacks  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from c2a_core import ros  # noqa: E402
from c2a_core.params import param  # noqa: E402
from c2a_core.ros import declare_params  # noqa: E402


@dataclass(frozen=True)
class Params:
    exec_horizon: int = param(8, 'Actions executed before a new chunk.', lower=1, upper=64)
    rate_hz: float = param(20.0, 'Control rate [Hz].', lower=1.0, upper=200.0)
    mode: str = param('flush', 'What a new key step does.', choices=('flush', 'blend'))
    is_loud: bool = param(False, 'Whether it says so.')


@pytest.fixture
def make_node(monkeypatch):
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    context = rclpy.Context()
    rclpy.init(context=context)
    nodes = []

    def make(*assignments, name='probe'):
        args = [arg for assignment in assignments for arg in ('-p', assignment)]
        cli_args = ['--ros-args', *args] if args else None
        nodes.append(Node(name, context=context, cli_args=cli_args))
        return nodes[-1]

    make.context = context
    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.shutdown(context=context)


def test_parameters_come_back_as_the_dataclass(make_node):
    assert declare_params(make_node(), Params) == Params()
    changed = make_node('exec_horizon:=4', 'rate_hz:=10.0', 'mode:=blend', 'is_loud:=true')
    assert declare_params(changed, Params) == Params(4, 10.0, 'blend', True)


def test_parameters_are_described_bounded_and_read_only(make_node):
    node = make_node()
    declare_params(node, Params)
    descriptor = node.describe_parameter('exec_horizon')
    assert descriptor.description == 'Actions executed before a new chunk.'
    assert descriptor.integer_range[0].to_value == 64
    assert node.describe_parameter('rate_hz').floating_point_range[0].from_value == 1.0
    assert node.describe_parameter('mode').additional_constraints == 'one of flush, blend'
    result = node.set_parameters([Parameter('exec_horizon', value=9)])[0]
    assert not result.successful
    assert 'read-only' in result.reason


@pytest.mark.parametrize(
    ('assignment', 'message'),
    [
        ('exec_horizon:=400', r'exec_horizon of probe: .*Min: 1, Max: 64, value: 400'),
        ('rate_hz:=20', r'rate_hz of probe: .*INTEGER.*write 1\.0 for 1'),
        ('exec_horizon:=2.5', r'exec_horizon of probe: .*DOUBLE.*expected int'),
        (
            'mode:=flsh',
            r"mode of probe is 'flsh', expected one of flush, blend, did you mean flush",
        ),
    ],
)
def test_a_wrong_value_is_an_error_that_names_the_parameter(make_node, assignment, message):
    with pytest.raises(ValueError, match=message):
        declare_params(make_node(assignment), Params)


def test_a_misspelt_parameter_is_reported_with_the_nearest_name(make_node, capfd):
    declare_params(make_node('exec_horizn:=3', 'use_sim_time:=false'), Params)
    output = ''.join(capfd.readouterr())
    assert 'probe has no parameter exec_horizn: did you mean exec_horizon?' in output
    assert 'use_sim_time' not in output


def test_a_field_that_is_no_parameter_is_a_mistake_of_the_programmer(make_node):
    @dataclass(frozen=True)
    class Plain:
        rate_hz: float = 20.0

    with pytest.raises(TypeError, match=r'Plain\.rate_hz is not declared with param'):
        declare_params(make_node(), Plain)
    with pytest.raises(TypeError, match='needs lower and upper'):
        param(1, 'one', lower=0)
    with pytest.raises(TypeError, match='expected a bool, int, float or str'):
        param(None, 'none')


def test_library_log_goes_to_the_node_with_its_severity(make_node):
    class Recorder:
        def __init__(self):
            self.lines = []

        def __getattr__(self, severity):
            return lambda message: self.lines.append((severity, message))

    recorder = Recorder()
    logger = logging.getLogger('c2a_core.something')
    stop = ros.forward_logging(recorder, level=logging.DEBUG)
    for level in (10, 20, 30, 40, 50):
        logger.log(level, 'x = %s', level)
    stop()
    logger.error('not heard')
    severities = ('debug', 'info', 'warning', 'error', 'fatal')
    expected = [
        (severity, f'c2a_core.something: x = {level}')
        for severity, level in zip(severities, (10, 20, 30, 40, 50), strict=True)
    ]
    assert recorder.lines == expected


def test_one_place_in_the_code_may_log_with_several_severities(make_node, capfd):
    # rclpy refuses a call site that changes its severity; the handler has one for each.
    stop = ros.forward_logging(make_node().get_logger())
    for level in (30, 40, 30, 50):
        logging.getLogger('c2a_core.something').log(level, 'level %s', level)
    stop()
    output = ''.join(capfd.readouterr())
    assert output.count('c2a_core.something: level') == 4


def test_discovery_stays_on_this_machine_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv('ROS_AUTOMATIC_DISCOVERY_RANGE', raising=False)
    ros.default_to_localhost()
    assert os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SUBNET')
    ros.default_to_localhost()
    assert os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'SUBNET'


CHILD = textwrap.dedent(
    """
    import os
    import signal
    import sys
    import time
    from rclpy.duration import Duration
    from rclpy.node import Node
    from std_msgs.msg import String
    from c2a_core import ros

    class Interrupted:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)  # here the signal is handled

    class Child(Node):
        def __init__(self):
            super().__init__('child', namespace=ros.NAMESPACE)
            if 'lose' in sys.argv:
                Interrupted()
            if 'refuse' in sys.argv:
                raise ValueError('no checkpoint, train one first')
            if 'slow' in sys.argv:
                print('ready', flush=True)
                time.sleep(30.0)
            self._key_step = self.create_publisher(String, ros.Topic.KEY_STEP, ros.Qos.KEY_STEP)
            self._key_step.publish(String(data='latched'))
            self.create_timer(0.001 if 'busy' in sys.argv else 0.05, self._tick)
            print('ready', flush=True)

        def _tick(self):
            if 'break' in sys.argv:
                raise KeyError('bug in a callback')
            if 'end' in sys.argv:
                ros.end_node(self, 3)
            self._key_step.publish(String(data='latched'))

        def destroy_node(self):
            self._key_step.publish(String(data='last word'))
            self._key_step.wait_for_all_acked(Duration(seconds=1.0))
            super().destroy_node()

    sys.exit(ros.run_node(Child, sys.argv))
    """
)


@pytest.fixture
def start_child(monkeypatch):
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(path for path in sys.path if path))
    children = []

    def start(*args):
        children.append(
            subprocess.Popen(
                [sys.executable, '-c', CHILD, *args],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=['Ctrl-C', 'terminate'])
@pytest.mark.parametrize('load', ['idle', 'busy', 'slow'])
def test_a_node_ends_with_exit_code_0_when_it_is_told_to(start_child, number, load):
    child = start_child(load)
    assert child.stdout.readline() == 'ready\n'
    child.send_signal(number)
    output = child.communicate(timeout=5)[0]
    assert (child.returncode, output) == (0, '')


def test_a_signal_counts_that_came_where_python_drops_exceptions(start_child):
    child = start_child('lose')
    output = child.communicate(timeout=5)[0]
    assert child.returncode == 0
    assert 'Exception ignored' in output
    assert 'ready' in output


def test_a_node_that_cannot_start_says_why_in_one_line(start_child):
    child = start_child('refuse')
    output = child.communicate(timeout=10)[0]
    assert child.returncode == 1
    assert 'node did not start: no checkpoint, train one first' in output
    assert 'Traceback' not in output


def test_a_node_may_end_itself_with_an_exit_code(start_child):
    child = start_child('end')
    output = child.communicate(timeout=10)[0]
    assert (child.returncode, output) == (3, 'ready\n')


def test_a_bug_in_a_callback_ends_the_node_loudly(start_child):
    child = start_child('break')
    output = child.communicate(timeout=10)[0]
    assert child.returncode not in (0, None)
    assert 'bug in a callback' in output


def test_a_killed_writer_is_noticed_in_two_seconds_and_an_ending_one_has_a_last_word(
    make_node, start_child
):
    node = make_node(name='watcher')
    heard, alive = [], []
    node.create_subscription(
        String,
        f'/{ros.NAMESPACE}/{ros.Topic.KEY_STEP}',
        lambda msg: heard.append(msg.data),
        ros.Qos.KEY_STEP,
        event_callbacks=SubscriptionEventCallbacks(
            liveliness=lambda event: alive.append(event.alive_count)
        ),
    )
    executor = SingleThreadedExecutor(context=make_node.context)
    executor.add_node(node)

    def wait_until(predicate, timeout_s):
        end = time.monotonic() + timeout_s
        while not predicate() and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.05)
        return predicate()

    child = start_child()
    assert child.stdout.readline() == 'ready\n'
    assert wait_until(lambda: heard and alive[-1:] == [1], 10.0)
    child.kill()
    assert wait_until(lambda: alive[-1:] == [0], 2.0)

    # A node that is told to end can still publish while it is destroyed.
    heard.clear()
    child = start_child()
    assert child.stdout.readline() == 'ready\n'
    # More than the first: it was published while the node was still being made.
    assert wait_until(lambda: len(heard) > 2, 10.0)
    child.send_signal(signal.SIGINT)
    assert wait_until(lambda: heard[-1] == 'last word', 2.0)
    executor.shutdown()
