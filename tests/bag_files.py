# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Small bags for tests, written by the `rosbags` library from our message definitions."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from scripted_world import ScriptedWorld

from c2a_core.types import ActionChunk, EpisodeStatus, KeyStep, Observation
from c2a_planner.oracle_backend import OracleBackend
from c2a_planner.planner import Planner
from c2a_training.bags.bag_messages import (
    ACTION_CHUNK,
    COMMAND,
    EPISODE,
    KEY_STEP,
    LOOP_TOPICS,
    OBSERVATION,
)
from c2a_training.dataset.episode_rows import EpisodeRowsBuilder
from c2a_training.rollout import OracleLowLevel, run_episode

MSG_FOLDER = Path(__file__).resolve().parents[1] / 'src' / 'c2a_msgs' / 'msg'
STEP_NS = 50_000_000
WALL_NS = 1_700_000_000_000_000_000


@functools.cache
def typestore(has_split=True):
    """Types of ROS 2 Jazzy and ours, on request as they were before statuses had a split."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for path in sorted(MSG_FOLDER.glob('*.msg')):
        text = path.read_text()
        text = text if has_split else text.replace('\nstring split\n', '\n')
        store.register(get_types_from_msg(text, f'c2a_msgs/msg/{path.stem}'))
    return store


@dataclass
class Event:
    """One message of a bag: a value of `c2a_core.types`, or a message of rosbags with its type."""

    topic: str
    log_ns: int
    value: object
    msg_type: str = ''

    def cdr(self, has_split=True):
        """Type and bytes."""
        msg_type = self.msg_type or LOOP_TOPICS[self.topic]
        msg = self.value if self.msg_type else to_message(self.value, msg_type)
        return msg_type, bytes(typestore(has_split).serialize_cdr(msg, msg_type))


@dataclass
class Episode:
    """An episode as a recorder hears it, and the rows that generation makes of it."""

    events: list
    status: EpisodeStatus
    builder: EpisodeRowsBuilder
    chunks: list = field(default_factory=list)

    def rows(self):
        """Rows as generated."""
        return self.builder.finish()

    def without(self, topic, *steps):
        """Events but for a topic's messages of some steps."""
        return [
            e
            for e in self.events
            if e.topic != topic or (steps and getattr(e.value, 'step', -1) not in steps)
        ]

    def of_split(self, split):
        """Events with another split in the status."""
        return [
            replace(e, value=replace(e.value, split=split)) if e.topic == EPISODE else e
            for e in self.events
        ]

    def changed(self, topic, step, **values):
        """Events with other values in one message."""
        return [
            replace(e, value=replace(e.value, **values))
            if e.topic == topic and e.value.step == step
            else e
            for e in self.events
        ]


class PicturesqueWorld(ScriptedWorld):
    """The scripted world with pictures and a state that moves, both a function of the step."""

    def observe(self):
        """Observation with pictures of noise."""
        rng = np.random.default_rng(self.k)
        return replace(
            super().observe(),
            base_image=rng.integers(0, 256, (16, 24, 3), np.uint8),
            wrist_image=rng.integers(0, 256, (16, 24, 3), np.uint8),
            joint_positions=rng.random(7, np.float32),
        )

    def skill_action(self):
        """Action within its bounds, which the bridge executes as it is."""
        return super().skill_action() / np.float32(2)


def make_episode(
    task='Pick',
    seed=3,
    *,
    episode_id=1,
    start_ns=0,
    log_ns=WALL_NS,
    stepping='lockstep',
    low_level='oracle',
    make_world=PicturesqueWorld,
    **world,
) -> Episode:
    """Run an episode and note what goes over the topics.

    Args:
        task: name.
        seed: seed.
        episode_id: its number.
        start_ns: robot time of its first observation.
        log_ns: wall time of its first message.
        stepping: 'lockstep' or 'realtime'.
        low_level: as the status says it.
        make_world: class of the scripted world.
        world: its arguments.
    """
    simulator = make_world(**world)
    instruction = f'do {task}'
    builder = EpisodeRowsBuilder(task, seed, instruction)
    events = []
    status = _status(episode_id, task, seed, instruction, simulator.max_steps, stepping, start_ns)

    status = replace(status, low_level=low_level)

    def hear(topic, value, step, delay_ns):
        stamped = replace(value, stamp_ns=start_ns + step * STEP_NS)
        events.append(Event(topic, log_ns + step * 40_000_000 + delay_ns, stamped))

    def on_step(observation, key_step, command):
        step = observation.step
        builder.add(observation, key_step, command, simulator.success)
        hear(OBSERVATION, observation, step, 1000)
        if step and command is None:
            return
        hear(KEY_STEP, key_step, step, 5_000_000)
        if command is not None:
            hear(COMMAND, command, step, 6_000_000)

    hear(EPISODE, status, 0, 0)
    result = run_episode(
        simulator,
        Planner(OracleBackend()),
        OracleLowLevel(simulator),
        task=task,
        seed=seed,
        episode_id=episode_id,
        on_step=on_step,
    )
    end = replace(
        status, step=result.steps, success=result.success, done=True, reason=result.reason
    )
    hear(EPISODE, end, result.steps, 2000)
    return Episode(events, end, builder)


def note_events(simulator, task, seed, episode_id=1):
    """Run an episode of the real simulator; events of the loop and of the pictures' topics."""
    events = []
    info = {}

    def hear(topic, value, step, msg_type=''):
        events.append(Event(topic, WALL_NS + step * 40_000_000 + len(events), value, msg_type))

    def on_reset(episode):
        info['status'] = _status(episode_id, task, seed, episode.instruction, episode.max_steps)
        hear(EPISODE, info['status'], 0)

    def on_step(observation, key_step, command):
        step = observation.step
        hear(OBSERVATION, observation, step)
        hear(KEY_STEP, key_step, step)
        for name in ('base', 'wrist'):
            picture = image_message(getattr(observation, f'{name}_image'), observation.stamp_ns)
            hear(f'/camera/{name}/image_raw', picture, step, 'sensor_msgs/msg/Image')
        if command is not None:
            hear(COMMAND, command, step)

    result = run_episode(
        simulator,
        Planner(OracleBackend()),
        OracleLowLevel(simulator),
        task=task,
        seed=seed,
        episode_id=episode_id,
        on_reset=on_reset,
        on_step=on_step,
    )
    end = replace(
        info['status'], step=result.steps, success=result.success, done=True, reason=result.reason
    )
    hear(EPISODE, replace(end, stamp_ns=result.steps * STEP_NS), result.steps)
    return events


def _status(episode_id, task, seed, instruction, max_steps, stepping='lockstep', stamp_ns=0):
    return EpisodeStatus(
        episode_id=episode_id,
        task=task,
        instruction=instruction,
        seed=seed,
        step=0,
        max_steps=max_steps,
        success=False,
        done=False,
        reason='',
        stepping=stepping,
        low_level='oracle',
        backend='maniskill',
        control_rate_hz=20.0,
        planner_checkpoint='oracle',
        policy_checkpoint='',
        split='simple',
        stamp_ns=stamp_ns,
    )


def chunk_events(episode: Episode, length=4):
    """Events of the episode as if a policy had moved the arm, in chunks."""
    events = []
    for event in episode.events:
        if event.topic != COMMAND:
            events.append(event)
            continue
        command = event.value
        number, index = divmod(command.step, length)
        if index == 0:
            chunk = ActionChunk(
                episode_id=command.episode_id,
                step=command.step,
                subtask_id=command.subtask_id,
                chunk_id=number,
                actions=np.tile(command.action, (8, 1)),
                dt=0.05,
                preempted=number > 0,
                discarded=4,
                latency_s=0.01,
                checkpoint='c0ffee',
                stamp_ns=command.stamp_ns,
            )
            events.append(Event(ACTION_CHUNK, event.log_ns - 1, chunk))
        command = replace(command, source='policy', chunk_id=number, chunk_index=index)
        events.append(replace(event, value=command))
    return events


def write_bag(path: Path, events, *, storage=StoragePlugin.MCAP, has_split=True) -> Path:
    """Write a bag as `ros2 bag record` does, on request as before the split; a folder."""
    writer = Writer(path, version=9, storage_plugin=storage)
    with writer:
        connections = {}
        for event in sorted(events, key=lambda event: event.log_ns):
            msg_type, data = event.cdr(has_split)
            key = event.topic, msg_type
            if key not in connections:
                connections[key] = writer.add_connection(*key, typestore=typestore(has_split))
            writer.write(connections[key], event.log_ns, data)
    return path


def mcap_of(bag: Path) -> Path:
    """The file of a bag of one."""
    return next(bag.glob('*.mcap'))


def to_message(value, msg_type):
    """Message of rosbags for a value of ours."""
    types = typestore().types
    names = {f.name for f in fields(value)} - {'stamp_ns'}
    content = {name: getattr(value, name) for name in names}
    if isinstance(value, Observation):
        for name in ('base_image', 'wrist_image'):
            content[name] = image_message(getattr(value, name), value.stamp_ns)
        x, y, z, qx, qy, qz, qw = (float(number) for number in value.ee_pose)
        content['ee_pose'] = types['geometry_msgs/msg/Pose'](
            position=types['geometry_msgs/msg/Point'](x=x, y=y, z=z),
            orientation=types['geometry_msgs/msg/Quaternion'](x=qx, y=qy, z=qz, w=qw),
        )
    elif isinstance(value, KeyStep):
        content['memory'] = list(value.memory)
    elif isinstance(value, ActionChunk):
        content['pred_horizon'], content['action_dim'] = value.actions.shape
        content['actions'] = value.actions.ravel()
    return types[msg_type](header=header(value.stamp_ns), **content)


def header(stamp_ns):
    """Header message."""
    types = typestore().types
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    stamp = types['builtin_interfaces/msg/Time'](sec=sec, nanosec=nanosec)
    return types['std_msgs/msg/Header'](stamp=stamp, frame_id='world')


def image_message(image, stamp_ns):
    """Picture message."""
    height, width, _ = image.shape
    return typestore().types['sensor_msgs/msg/Image'](
        header=header(stamp_ns),
        height=height,
        width=width,
        encoding='rgb8',
        is_bigendian=0,
        step=3 * width,
        data=image.reshape(-1),
    )
