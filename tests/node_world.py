# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Real nodes in one test process, and a probe that writes down what they say to each other."""

from __future__ import annotations

import copy
import gc
import os
import threading
import time
from collections import defaultdict
from dataclasses import dataclass

import rclpy
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool

from c2a_core import messages
from c2a_core.ros import NAMESPACE, Action, Qos, Service, Topic
from c2a_msgs import msg as c2a
from c2a_msgs.action import ExecuteSkill, ExecuteTask
from c2a_msgs.srv import ResetEpisode

# The bridge of a whole stack waits for a node of this name to hear its observations.
CURTAIN = 'curtain'


def wait_until(predicate, timeout_s=10.0, what=''):
    """Wait for something to become true; an error says what did not."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = predicate()
        if value:
            return value
        time.sleep(0.005)
    load = ' '.join(f'{number:.1f}' for number in os.getloadavg())
    raise AssertionError(f'not within {timeout_s} s (load {load}): {what or predicate}')


@dataclass(frozen=True)
class Event:
    """One message, with when the probe saw it and when it was sent (this machine's clock)."""

    kind: str
    value: object
    wall_s: float
    sent_ns: int


class Probe(Node):
    """Listens to everything under /c2a and writes it down."""

    def __init__(self, **kwargs):
        super().__init__('probe', namespace=NAMESPACE, enable_rosout=False, **kwargs)
        self.events = []
        # Made at once, so that the servers know them when a test uses them: ROS 2 loses the
        # answers to a client that a server has not discovered yet.
        self.requests = {
            Service.RESET: self.create_client(ResetEpisode, Service.RESET),
            Service.ESTOP: self.create_client(SetBool, Service.ESTOP),
            Action.EXECUTE_TASK: ActionClient(self, ExecuteTask, Action.EXECUTE_TASK),
            Action.EXECUTE_SKILL: ActionClient(self, ExecuteSkill, Action.EXECUTE_SKILL),
        }
        for kind, msg_type, topic, qos, convert in (
            ('observation', c2a.Observation, Topic.OBSERVATION, Qos.OBSERVATION,
             messages.observation_from_msg),
            ('key_step', c2a.KeyStep, Topic.KEY_STEP, Qos.KEY_STEP, messages.key_step_from_msg),
            ('oracle', c2a.KeyStep, Topic.ORACLE_KEY_STEP, Qos.ORACLE_KEY_STEP,
             messages.key_step_from_msg),
            ('command', c2a.Command, Topic.COMMAND, Qos.COMMAND, messages.command_from_msg),
            ('chunk', c2a.ActionChunk, Topic.ACTION_CHUNK, Qos.ACTION_CHUNK,
             messages.action_chunk_from_msg),
            ('status', c2a.EpisodeStatus, Topic.EPISODE, Qos.EPISODE,
             messages.episode_status_from_msg),
        ):  # fmt: skip
            self._listen(kind, msg_type, topic, qos, convert)

    def _listen(self, kind, msg_type, topic, qos, convert=lambda msg: msg):
        # A reader's depth is its own affair: this one may be slow and must not miss anything.
        qos = copy.copy(qos)
        qos.depth = 1000

        def note(msg, info):
            sent_ns = info['source_timestamp']
            self.events.append(Event(kind, convert(msg), time.monotonic(), sent_ns))

        self.create_subscription(msg_type, topic, note, qos)

    def listen(self, kind, msg_type, topic, qos=Qos.STATUS):
        """Write down another topic."""
        self._listen(kind, msg_type, topic, qos)

    def of(self, kind, episode_id=None):
        """Values of one kind, of one episode."""
        values = [event.value for event in list(self.events) if event.kind == kind]
        return [v for v in values if episode_id is None or v.episode_id == episode_id]

    def sent(self, kind, episode_id):
        """Step -> when its message of this kind was sent [ns]."""
        events = [e for e in list(self.events) if e.kind == kind]
        return {e.value.step: e.sent_ns for e in events if e.value.episode_id == episode_id}

    def ended(self, episode_id=None):
        """The last status of an ended episode, None while it runs."""
        done = [s for s in self.of('status', episode_id) if s.done]
        return done[-1] if done else None


def new_context():
    """A context of its own for each node, so that each is a DDS participant, as a process is."""
    context = Context()
    rclpy.init(context=context)
    return context


def unmatched(nodes):
    """Topics of which a writer has not found all readers of these nodes, or a reader all writers.

    Both sides count: DDS tells a writer of a reader that does not know the writer yet.
    """
    writers, readers = defaultdict(list), defaultdict(list)
    for node in nodes:
        for writer in node.publishers:
            writers[writer.topic_name].append(writer)
        for reader in node.subscriptions:
            readers[reader.topic_name].append(reader)
    return [
        topic
        for topic, those in writers.items()
        if any(writer.get_subscription_count() < len(readers[topic]) for writer in those)
        or any(reader.get_publisher_count() < len(those) for reader in readers[topic])
    ]


def end_node(node, executor, thread):
    """End a node in good order."""
    executor.shutdown(timeout_sec=5.0)
    thread.join(5.0)
    node.destroy_node()
    rclpy.try_shutdown(context=node.context)
    node.context.destroy()


class NodeWorld:
    """Starts nodes, each with an executor thread of its own, and ends them."""

    def __init__(self):
        self._running = []
        self._curtain = None
        self.probe = self.add(Probe(context=new_context()))

    def add(self, node):
        """Spin a node."""
        executor = SingleThreadedExecutor(context=node.context)
        executor.add_node(node)
        ended = threading.Event()

        def spin():
            try:
                executor.spin()
            except ExternalShutdownException:
                pass
            finally:
                ended.set()

        node.spin_ended = ended
        thread = threading.Thread(target=spin, daemon=True)
        thread.start()
        self._running.append((node, executor, thread))
        return node

    def remove(self, node):
        """End one node, as when its process exits in good order."""
        entry = next(entry for entry in self._running if entry[0] is node)
        self._running.remove(entry)
        _, executor, thread = entry
        end_node(node, executor, thread)

    def _arguments(self, parameters):
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        return {
            'namespace': NAMESPACE,
            'context': new_context(),
            'parameter_overrides': overrides,
            # rcl keeps the publishers of /rosout by node name for the whole process: two nodes of
            # one name in two contexts pull the rug from under each other, and one day it crashes.
            'enable_rosout': False,
        }

    def bridge(self, simulator, **parameters):
        """A bridge on a simulator; None makes the one of the parameters."""
        from c2a_sim_bridge.sim_bridge_node import SimBridgeNode

        parameters = {'task': 'FakeTask', 'episodes': 1, **parameters}
        node = SimBridgeNode(backend=simulator, **self._arguments(parameters))
        return self.add(node)

    def planner(self, backend=None, **parameters):
        """A planner, the oracle unless a backend is given."""
        from c2a_planner.planner_node import PlannerNode

        return self.add(PlannerNode(backend=backend, **self._arguments(parameters)))

    def controller(self, policy=None, **parameters):
        """A controller."""
        from c2a_controller.controller_node import ControllerNode

        return self.add(ControllerNode(policy=policy, **self._arguments(parameters)))

    def recorder(self, record_dir, **parameters):
        """A recorder that writes into a folder."""
        from c2a_training.recorder_node import RecorderNode

        parameters = {'record_dir': str(record_dir), **parameters}
        return self.add(RecorderNode(**self._arguments(parameters)))

    def stack(self, backend, model=None, policy=None, *, bridge=None, planner=None, **common):
        """Bridge, planner and controller with the parameters that they share.

        Their first episode begins once all hear each other, the probe too: it misses nothing.
        """
        low_level = common.get('low_level', 'oracle')
        stepping = common.get('stepping', 'lockstep')
        shared = {'low_level': low_level, 'stepping': stepping}
        rest = {k: v for k, v in common.items() if k not in shared}
        name = 'oracle' if model is None else 'vlm'
        bridge = {'audience': CURTAIN, **(bridge or {})}
        node = self.bridge(backend, planner=name, **shared, **bridge)
        self.planner(model, planner=name, **shared, **(planner or {}))
        self.controller(policy, **shared, **rest)
        self._raise_curtain()
        return node

    def call(self, name, request, timeout_s=10.0):
        """Call a service and wait for its answer."""
        client = self.probe.requests[name]
        assert client.wait_for_service(timeout_s)
        future = client.call_async(request)
        return wait_until(lambda: future.done() and future.result(), timeout_s, name)

    def estop(self, pressed=True):
        """Press or release the e-stop."""
        return self.call(Service.ESTOP, SetBool.Request(data=pressed))

    def reset(self, **fields):
        """Ask for an episode."""
        return self.call(Service.RESET, ResetEpisode.Request(**{'seed': -1, **fields}))

    def action(self, kind, goal, on_feedback=None):
        """Send a goal to execute_task or execute_skill; its handle."""
        action_type = {Action.EXECUTE_SKILL: ExecuteSkill, Action.EXECUTE_TASK: ExecuteTask}[kind]
        client = self.probe.requests[kind]
        assert client.wait_for_server(10.0)
        future = client.send_goal_async(action_type.Goal(**goal), feedback_callback=on_feedback)
        return wait_until(lambda: future.done() and future.result(), 10.0, kind)

    def result(self, handle, timeout_s=20.0):
        """Wait for a goal's result."""
        future = handle.get_result_async()
        return wait_until(lambda: future.done() and future.result(), timeout_s, 'result').result

    def wait_for_peers(self, bridge, timeout_s=10.0):
        """Wait until an episode could begin; an error says what the bridge sees."""
        try:
            wait_until(lambda: not bridge.missing(), timeout_s)
        except AssertionError as err:
            raise AssertionError(f'missing {bridge.missing()}: {bridge.peers}') from err

    def wait_for_matches(self, timeout_s=60.0):
        """Wait until all that is published will be heard; an error says which topics would not."""
        nodes = [node for node, _, _ in self._running]
        try:
            wait_until(lambda: not unmatched(nodes), timeout_s)
        except AssertionError as err:
            raise AssertionError(f'not all have found each other on {unmatched(nodes)}') from err

    def _raise_curtain(self):
        self.wait_for_matches()
        self._curtain = Node(
            CURTAIN,
            namespace=NAMESPACE,
            context=self.probe.context,
            enable_rosout=False,
            start_parameter_services=False,
        )
        topic, qos = Topic.OBSERVATION, Qos.OBSERVATION
        self._curtain.create_subscription(c2a.Observation, topic, lambda _: None, qos)

    def ended(self, episode_id=1, timeout_s=20.0):
        """Wait for an episode's end; its status."""
        return wait_until(
            lambda: self.probe.ended(episode_id), timeout_s, f'end of episode {episode_id}'
        )

    def close(self):
        """End all nodes, and their participants: DDS looks for no more than a few dozen."""
        if self._curtain is not None:
            self._curtain.destroy_node()
        while self._running:
            end_node(*self._running.pop())
        self.probe = None
        gc.collect()
