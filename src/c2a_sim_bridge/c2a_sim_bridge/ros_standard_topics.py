# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The topics that users of RViz, rqt and rosbag expect, made from observations.

Published after the observation itself, so that they are made while the planner works; what nobody
listens to is not made at all.
"""

from __future__ import annotations

import functools
import time
from array import array
from typing import TYPE_CHECKING

from builtin_interfaces.msg import Time
from geometry_msgs.msg import (
    PoseStamped,
    Quaternion,
    Transform,
    TransformStamped,
    Vector3,
)
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from c2a_core.geometry import quat_wxyz_from_rotation_matrix, quat_xyzw_from_wxyz
from c2a_core.messages import image_to_msg, make_header, pose_to_msg, time_from_ns
from c2a_core.ros import QUIET_PUBLISHER, Qos, Topic
from c2a_core.spaces import FRAME_ROBOT_BASE, FRAME_WORLD, JOINT_NAMES
from c2a_core.types import ActionChunk, EpisodeStatus, Observation
from c2a_msgs import msg as c2a
from c2a_sim_bridge.backends.backend import Backend, CameraView
from c2a_sim_bridge.overlay import Overlay
from c2a_sim_bridge.ros_markers import SceneMarkers

if TYPE_CHECKING:
    from rclpy.publisher import Publisher

_IMAGE_TOPICS = {
    'base': (Topic.BASE_IMAGE, Topic.BASE_CAMERA_INFO),
    'wrist': (Topic.WRIST_IMAGE, Topic.WRIST_CAMERA_INFO),
}


OVERLAY_PERIOD_S = 0.05
"""The overlay, the largest of them, is for eyes: not more often than this in wall time."""


class StandardTopics:
    """Publishers of the standard topics.

    Args:
        node: the bridge.
        backend: gives cameras, robot and objects.
        overlay_size: side of the overlay's picture [pixel].
    """

    def __init__(self, node: Node, backend: Backend, overlay_size: int) -> None:
        create = functools.partial(node.create_publisher, event_callbacks=QUIET_PUBLISHER)
        self._backend = backend
        self._infos = {view.name: _camera_info(view) for view in backend.cameras}
        self._images: dict[str, tuple[Publisher, Publisher]] = {
            view.name: (
                create(Image, _IMAGE_TOPICS[view.name][0], Qos.SENSOR),
                create(CameraInfo, _IMAGE_TOPICS[view.name][1], Qos.SENSOR),
            )
            for view in backend.cameras
        }
        self._joints = create(JointState, Topic.JOINT_STATES, Qos.STATUS)
        self._pose = create(PoseStamped, Topic.EE_POSE, Qos.STATUS)
        self._markers = create(MarkerArray, Topic.MARKERS, Qos.STATUS)
        self._overlay = create(Image, Topic.OVERLAY, Qos.STATUS)
        self._clock = create(Clock, Topic.CLOCK, Qos.CLOCK)
        self._scene_markers = SceneMarkers()
        self._overlay_picture = Overlay(overlay_size)
        self._overlay_s = 0.0
        self._description = create(String, Topic.ROBOT_DESCRIPTION, Qos.LATCHED)
        self._description.publish(String(data=backend.robot_description))
        self._static_frames = _publish_static_frames(node, backend)

    def begin(self, observation: Observation) -> None:
        """An episode begins: the objects are new."""
        markers = self._scene_markers.begin(self._backend.scene(), observation.stamp_ns)
        self._markers.publish(markers)

    def publish(
        self,
        observation: Observation,
        msg: c2a.Observation,
        status: EpisodeStatus,
        code: str,
        chunk: ActionChunk | None,
    ) -> None:
        """Publish everything that somebody listens to.

        Args:
            observation: the newest one.
            msg: its message, whose pictures are used again.
            status: of its episode.
            code: the running key step.
            chunk: the newest action chunk, None where there is none.
        """
        stamp = time_from_ns(observation.stamp_ns)
        if self._clock.get_subscription_count():
            self._clock.publish(Clock(clock=stamp))
        if self._joints.get_subscription_count():
            self._joints.publish(_joint_state(observation))
        if self._pose.get_subscription_count():
            header = make_header(observation.stamp_ns, FRAME_WORLD)
            self._pose.publish(PoseStamped(header=header, pose=pose_to_msg(observation.ee_pose)))
        self._publish_images(msg, stamp)
        if self._markers.get_subscription_count():
            poses = self._backend.object_poses()
            markers = self._scene_markers.update(observation, poses, code, chunk)
            if markers is not None:
                self._markers.publish(markers)
        now_s = time.monotonic()
        is_due = now_s - self._overlay_s >= OVERLAY_PERIOD_S or status.done
        if is_due and self._overlay.get_subscription_count():
            self._overlay_s = now_s
            self._publish_overlay(observation, status, code)

    def _publish_images(self, msg: c2a.Observation, stamp: Time) -> None:
        for name, (image, info) in self._images.items():
            if image.get_subscription_count():
                image.publish(getattr(msg, f'{name}_image'))
            if info.get_subscription_count():
                self._infos[name].header.stamp = stamp
                info.publish(self._infos[name])

    def _publish_overlay(self, observation: Observation, status: EpisodeStatus, code: str) -> None:
        state = f' [{status.reason}]' if status.done else ''
        head = f'{observation.step:4d}  {status.instruction}{state}'
        picture = self._overlay_picture.draw(observation.base_image, head, code)
        frame = self._infos['base'].header.frame_id
        self._overlay.publish(image_to_msg(picture, observation.stamp_ns, frame))


def _joint_state(observation: Observation) -> JointState:
    return JointState(
        header=make_header(observation.stamp_ns),
        name=list(JOINT_NAMES),
        position=array('d', observation.joint_positions.tolist()),
        velocity=array('d', observation.joint_velocities.tolist()),
    )


def _camera_info(view: CameraView) -> CameraInfo:
    info = CameraInfo(width=view.width, height=view.height, distortion_model='plumb_bob')
    info.header.frame_id = view.frame
    info.d = [0.0] * 5
    info.k = [float(x) for x in view.intrinsics.ravel()]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    k = info.k
    info.p = [k[0], k[1], k[2], 0.0, k[3], k[4], k[5], 0.0, k[6], k[7], k[8], 0.0]
    return info


def _publish_static_frames(node: Node, backend: Backend) -> Publisher | None:
    """Cameras and the robot's foot on `/tf_static`; the arm's own frames come from its URDF."""
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError:
        node.get_logger().info('TF is off: tf2_msgs is not installed (it comes with ROS itself)')
        return None
    x, y, z = backend.robot_position
    foot = TransformStamped(header=make_header(0, FRAME_WORLD), child_frame_id=FRAME_ROBOT_BASE)
    foot.transform.translation = Vector3(x=x, y=y, z=z)
    publisher = node.create_publisher(TFMessage, '/tf_static', Qos.LATCHED)
    publisher.publish(TFMessage(transforms=[foot, *map(_camera_frame, backend.cameras)]))
    return publisher


def _camera_frame(view: CameraView) -> TransformStamped:
    pose = view.optical_pose
    x, y, z, w = quat_xyzw_from_wxyz(quat_wxyz_from_rotation_matrix(pose[:3, :3])).tolist()
    px, py, pz = pose[:3, 3].tolist()
    return TransformStamped(
        header=make_header(0, view.parent_frame),
        child_frame_id=view.frame,
        transform=Transform(
            translation=Vector3(x=px, y=py, z=pz), rotation=Quaternion(x=x, y=y, z=z, w=w)
        ),
    )
