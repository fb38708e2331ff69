# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What RViz, rqt and rosbag users get."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import SKILL_STEPS, TRACE, FakePolicy, FakeSimulator
from geometry_msgs.msg import PoseStamped
from node_world import wait_until
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from visualization_msgs.msg import Marker, MarkerArray

from c2a_core.messages import image_from_msg, ns_from_time
from c2a_core.ros import Qos, Topic
from c2a_core.spaces import CONTROL_DT_NS, JOINT_NAMES

pytestmark = pytest.mark.ros

STEPS = SKILL_STEPS * len(TRACE)


@pytest.fixture
def probe(ros):
    """A probe that listens to all of them during an episode with a policy."""
    for kind, msg_type, topic, qos in (
        ('base', Image, Topic.BASE_IMAGE, Qos.SENSOR),
        ('wrist', Image, Topic.WRIST_IMAGE, Qos.SENSOR),
        ('base_info', CameraInfo, Topic.BASE_CAMERA_INFO, Qos.SENSOR),
        ('wrist_info', CameraInfo, Topic.WRIST_CAMERA_INFO, Qos.SENSOR),
        ('joints', JointState, Topic.JOINT_STATES, Qos.STATUS),
        ('pose', PoseStamped, Topic.EE_POSE, Qos.STATUS),
        ('markers', MarkerArray, Topic.MARKERS, Qos.STATUS),
        ('overlay', Image, Topic.OVERLAY, Qos.STATUS),
        ('clock', Clock, Topic.CLOCK, Qos.CLOCK),
        ('description', String, Topic.ROBOT_DESCRIPTION, Qos.LATCHED),
    ):
        ros.probe.listen(kind, msg_type, topic, qos)
    # Sensor data may be dropped; a step of 20 ms leaves the probe time for all of it.
    simulator = FakeSimulator(step_s=0.02)
    ros.stack(simulator, policy=FakePolicy(), low_level='policy')
    ros.ended()
    wait_until(lambda: len(ros.probe.of('joints')) > STEPS)
    return ros.probe


def test_standard_topics_say_what_the_observation_says(probe):
    observations = {o.stamp_ns: o for o in probe.of('observation', 1)}
    assert len(observations) == STEPS + 1
    for kind, name in (('base', 'base_image'), ('wrist', 'wrist_image')):
        images = probe.of(kind)
        assert len(images) > STEPS // 2
        for image in images:
            observation = observations[ns_from_time(image.header.stamp)]
            assert np.array_equal(image_from_msg(image), getattr(observation, name))
            assert image.header.frame_id == f'camera_{kind}_optical_frame'
    for joints in probe.of('joints'):
        observation = observations[ns_from_time(joints.header.stamp)]
        assert tuple(joints.name) == JOINT_NAMES
        assert np.allclose(joints.position, observation.joint_positions)
    for pose in probe.of('pose'):
        observation = observations[ns_from_time(pose.header.stamp)]
        assert pose.header.frame_id == 'world'
        assert pose.pose.position.x == pytest.approx(float(observation.ee_pose[0]))
    assert probe.of('description')[0].data.startswith('<robot')


def test_robot_time_counts_control_steps(probe):
    stamps = [ns_from_time(clock.clock) for clock in probe.of('clock')]
    assert stamps == sorted(stamps)
    assert {stamp % CONTROL_DT_NS for stamp in stamps} == {0}


def test_camera_info_fits_the_picture(probe):
    for kind in ('base', 'wrist'):
        info, image = probe.of(f'{kind}_info')[0], probe.of(kind)[0]
        assert (info.width, info.height) == (image.width, image.height)
        assert info.header.frame_id == image.header.frame_id
        assert (info.p[3], info.k[0]) == (0.0, info.p[0])


def test_markers_show_objects_goal_path_and_code(probe):
    markers = [m for array in probe.of('markers') for m in array.markers]
    assert markers[0].action == Marker.DELETEALL
    kinds = {m.ns: m.type for m in markers if m.action == Marker.ADD}
    assert kinds == {
        'objects': Marker.TRIANGLE_LIST,
        'goal': Marker.LINE_STRIP,
        'code': Marker.TEXT_VIEW_FACING,
        'chunk': Marker.LINE_STRIP,
    }
    assert {m.text for m in markers if m.ns == 'code'} >= set(TRACE)
    solid = next(m for m in markers if m.ns == 'objects')
    assert len(solid.points) == 36  # a box: 12 triangles
    path = next(m for m in markers if m.ns == 'chunk')
    assert path.points[-1].x - path.points[0].x > 0.1
    assert {m.header.frame_id for m in markers} == {'world'}


def test_overlay_is_enlarged_and_shows_the_code(probe):
    images = [image_from_msg(message) for message in probe.of('overlay')]
    assert {image.shape[1] for image in images} == {512}
    assert images[0].shape[0] > 512
    assert (images[0][520:] > 150).any()  # text
    assert not np.array_equal(images[0][512:], images[-1][512:])


def test_nothing_is_made_that_nobody_listens_to(ros):
    simulator = FakeSimulator()
    simulator.object_poses = None  # would raise
    ros.stack(simulator)
    assert ros.ended().success
