# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Markers for RViz: objects, what the goal is about, the action chunk's path, the code as text."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from c2a_core.geometry import Pose as RigidPose
from c2a_core.geometry import quat_wxyz_from_rotation_vector, quat_wxyz_from_xyzw
from c2a_core.messages import pose_to_msg, time_from_ns
from c2a_core.spaces import FRAME_WORLD, ROTATION, TRANSLATION
from c2a_core.types import ActionChunk, FloatArray, Observation
from c2a_sim_bridge.backends.backend import SceneObject

MOVED_M = 1e-4
REFRESH_STEPS = 20
# A chunk that is older than that has no row left.
POSES_KEPT = 64
"""All markers are sent again once a second, for a viewer that has come later."""

_GOAL_GAP_M = 0.012
_TEXT_HEIGHT_M = 0.03
_CODE_PLACE = (-0.25, 0.0, 0.62)


class SceneMarkers:
    """Makes one MarkerArray per observation, with only what has changed."""

    def __init__(self) -> None:
        self._objects: tuple[SceneObject, ...] = ()
        self._markers: list[Marker] = []
        self._poses = np.zeros((0, 7), np.float32)
        self._text = ''
        self._chunk_id = -1
        self._seen: dict[int, FloatArray] = {}

    def begin(self, objects: tuple[SceneObject, ...], stamp_ns: int) -> MarkerArray:
        """An episode begins: clear the view."""
        self._objects = objects
        header = Header(stamp=time_from_ns(stamp_ns), frame_id=FRAME_WORLD)
        self._markers = [_solid(header, i, o) for i, o in enumerate(objects)]
        self._goals = [_outline(header, i, o) for i, o in enumerate(objects) if o.is_in_goal]
        self._poses = np.full((len(objects), 7), np.inf, np.float32)
        self._text = ''
        self._chunk_id = -1
        self._seen = {}
        return MarkerArray(markers=[Marker(header=header, action=Marker.DELETEALL)])

    def update(
        self, observation: Observation, poses: FloatArray, code: str, chunk: ActionChunk | None
    ) -> MarkerArray | None:
        """What has changed since the last call; None if nothing has.

        Args:
            observation: the newest one.
            poses: (N, 7) of the objects, x y z qx qy qz qw.
            code: the running key step.
            chunk: the newest action chunk.
        """
        self._seen[observation.step] = observation.ee_pose
        self._seen.pop(observation.step - POSES_KEPT, None)
        stamp = time_from_ns(observation.stamp_ns)
        is_refresh = observation.step % REFRESH_STEPS == 0
        changed = self._move_objects(poses, stamp, is_refresh)
        if is_refresh or code != self._text:
            self._text = code
            changed.append(_code_text(stamp, code))
        if chunk is not None and chunk.chunk_id != self._chunk_id:
            self._chunk_id = chunk.chunk_id
            if chunk.step in self._seen:
                changed.append(_path(stamp, self._seen[chunk.step], chunk))
        return MarkerArray(markers=changed) if changed else None

    def _move_objects(self, poses: FloatArray, stamp: Time, is_refresh: bool) -> list[Marker]:
        moved = np.abs(poses - self._poses).max(axis=1, initial=0.0) > MOVED_M
        changed = []
        for index in range(len(poses)):
            if not (moved[index] or is_refresh):
                continue
            self._poses[index] = poses[index]
            for marker in (self._markers[index], *self._goal_of(index)):
                marker.pose = pose_to_msg(poses[index])
                marker.header.stamp = stamp
                changed.append(marker)
        return changed

    def _goal_of(self, index: int) -> list[Marker]:
        return [marker for marker in self._goals if marker.id == index]


def _solid(header: Header, index: int, what: SceneObject) -> Marker:
    """The object itself: a ball, or its prism as triangles."""
    marker = Marker(header=header, ns='objects', id=index, type=Marker.TRIANGLE_LIST)
    marker.color = ColorRGBA(r=what.rgb[0], g=what.rgb[1], b=what.rgb[2], a=1.0)
    if what.is_ball:
        marker.type = Marker.SPHERE
        marker.scale = Vector3(x=what.height, y=what.height, z=what.height)
        return marker
    marker.scale = Vector3(x=1.0, y=1.0, z=1.0)
    corners = _prism(what.footprint, what.height, what.bottom)
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in corners]
    return marker


def _outline(header: Header, index: int, what: SceneObject) -> Marker:
    """A line around the foot of an object that the goal is about."""
    marker = Marker(header=header, ns='goal', id=index, type=Marker.LINE_STRIP)
    marker.scale = Vector3(x=0.004, y=0.0, z=0.0)
    marker.color = ColorRGBA(r=1.0, g=0.62, b=0.1, a=1.0)
    centre = what.footprint.mean(axis=0)
    away = what.footprint - centre
    ring = what.footprint + _GOAL_GAP_M * away / np.linalg.norm(away, axis=1, keepdims=True)
    floor = what.bottom + 0.001
    marker.points = [Point(x=float(x), y=float(y), z=floor) for x, y in (*ring, ring[0])]
    return marker


def _prism(footprint: np.ndarray, height: float, bottom: float) -> list[list[float]]:
    """Corners of the triangles of a vertical prism, three by three."""
    top = bottom + height
    count = len(footprint)
    corners = []
    for i in range(count):
        a, b = footprint[i], footprint[(i + 1) % count]
        corners += [(*a, bottom), (*b, bottom), (*b, top), (*a, bottom), (*b, top), (*a, top)]
    for i in range(1, count - 1):
        a, b, c = footprint[0], footprint[i], footprint[i + 1]
        corners += [(*a, top), (*b, top), (*c, top), (*a, bottom), (*c, bottom), (*b, bottom)]
    return np.array(corners, dtype=float).tolist()


def _code_text(stamp: Time, code: str) -> Marker:
    marker = Marker(header=Header(stamp=stamp, frame_id=FRAME_WORLD), ns='code')
    marker.type = Marker.TEXT_VIEW_FACING
    x, y, z = _CODE_PLACE
    marker.pose.position = Point(x=x, y=y, z=z)
    marker.scale.z = _TEXT_HEIGHT_M
    marker.color = ColorRGBA(r=0.9, g=0.95, b=1.0, a=1.0)
    marker.text = code or ' '
    return marker


def _path(stamp: Time, pose_world_ee: FloatArray, chunk: ActionChunk) -> Marker:
    """Where a chunk leads, action composed on action from the pose (7,) it was made for."""
    marker = Marker(header=Header(stamp=stamp, frame_id=FRAME_WORLD), ns='chunk')
    marker.type = Marker.LINE_STRIP
    marker.pose.orientation.w = 1.0
    marker.scale = Vector3(x=0.006, y=0.0, z=0.0)
    marker.color = ColorRGBA(r=0.25, g=0.85, b=1.0, a=1.0)
    quat = quat_wxyz_from_xyzw(pose_world_ee[3:].astype(float))
    pose = RigidPose(pose_world_ee[:3].astype(float), quat)
    points = [pose.position]
    for action in chunk.actions.astype(float):
        delta = RigidPose(action[TRANSLATION], quat_wxyz_from_rotation_vector(action[ROTATION]))
        pose = pose.compose(delta)
        points.append(pose.position)
    marker.points = [Point(x=float(x), y=float(y), z=float(z)) for x, y, z in points]
    return marker
