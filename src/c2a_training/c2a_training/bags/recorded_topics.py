# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a bag holds: the topics of docs/interfaces.md, with types and profiles. Knows no ROS."""

from __future__ import annotations

from dataclasses import dataclass

EPISODE = '/c2a/episode'
OBSERVATION = '/c2a/observation'

# One topic of each of the three nodes that make an episode.
NEEDED = (EPISODE, '/c2a/key_step', '/c2a/action_chunk')


@dataclass(frozen=True)
class RecordedTopic:
    """One topic.

    Attributes:
        name: absolute.
        msg_type: for example `c2a_msgs/msg/Command`.
        qos: name of its profile in `c2a_core.ros.Qos`.
        depth: messages that may wait in DDS for the recorder; bounds its memory.
        is_loop: its messages begin with header and episode_id.
        is_latched: what was said before an episode holds in it as well.
        is_optional: its type comes with ROS itself only, not with the wheels.
        has_several_writers: gaps in the numbers of its messages mean nothing.
    """

    name: str
    msg_type: str
    qos: str
    depth: int = 500
    is_loop: bool = False
    is_latched: bool = False
    is_optional: bool = False
    has_several_writers: bool = False


# The status first: it is taken first where several wait, and it opens the bag of its episode.
TOPICS = (
    RecordedTopic(EPISODE, 'c2a_msgs/msg/EpisodeStatus', 'EPISODE', is_loop=True),
    RecordedTopic(OBSERVATION, 'c2a_msgs/msg/Observation', 'OBSERVATION', depth=200, is_loop=True),
    RecordedTopic('/c2a/key_step', 'c2a_msgs/msg/KeyStep', 'KEY_STEP', is_loop=True),
    RecordedTopic('/c2a/oracle_key_step', 'c2a_msgs/msg/KeyStep', 'ORACLE_KEY_STEP', is_loop=True),
    RecordedTopic('/c2a/action_chunk', 'c2a_msgs/msg/ActionChunk', 'ACTION_CHUNK', is_loop=True),
    RecordedTopic(
        '/c2a/command', 'c2a_msgs/msg/Command', 'COMMAND', is_loop=True, has_several_writers=True
    ),
    RecordedTopic('/camera/base/image_raw', 'sensor_msgs/msg/Image', 'SENSOR', depth=200),
    RecordedTopic('/camera/base/camera_info', 'sensor_msgs/msg/CameraInfo', 'SENSOR'),
    RecordedTopic('/camera/wrist/image_raw', 'sensor_msgs/msg/Image', 'SENSOR', depth=200),
    RecordedTopic('/camera/wrist/camera_info', 'sensor_msgs/msg/CameraInfo', 'SENSOR'),
    RecordedTopic('/joint_states', 'sensor_msgs/msg/JointState', 'STATUS'),
    RecordedTopic('/ee_pose', 'geometry_msgs/msg/PoseStamped', 'STATUS'),
    RecordedTopic('/robot_description', 'std_msgs/msg/String', 'LATCHED', is_latched=True),
    RecordedTopic('/c2a/markers', 'visualization_msgs/msg/MarkerArray', 'STATUS'),
    RecordedTopic('/c2a/overlay', 'sensor_msgs/msg/Image', 'STATUS', depth=50),
    RecordedTopic(
        '/diagnostics',
        'diagnostic_msgs/msg/DiagnosticArray',
        'STATUS',
        has_several_writers=True,
    ),
    RecordedTopic('/clock', 'rosgraph_msgs/msg/Clock', 'CLOCK'),
    RecordedTopic(
        '/tf', 'tf2_msgs/msg/TFMessage', 'STATUS', is_optional=True, has_several_writers=True
    ),
    RecordedTopic(
        '/tf_static',
        'tf2_msgs/msg/TFMessage',
        'LATCHED',
        is_latched=True,
        is_optional=True,
        has_several_writers=True,
    ),
)


def recorded_topics(exclude: str = '') -> tuple[RecordedTopic, ...]:
    """The topics to record.

    Args:
        exclude: names that are left out, separated by commas.

    Raises:
        ValueError: for a name that is not recorded anyway, or one that a bag cannot be without.
    """
    left_out = {name.strip() for name in exclude.split(',') if name.strip()}
    known = {topic.name for topic in TOPICS}
    for name in sorted(left_out):
        if name not in known:
            raise ValueError(
                f'{name} is not among the recorded topics: {", ".join(sorted(known))}'
            )
    for name in (EPISODE, OBSERVATION):
        if name in left_out:
            raise ValueError(f'{name} cannot be left out: an episode is made of it')
    return tuple(topic for topic in TOPICS if topic.name not in left_out)
