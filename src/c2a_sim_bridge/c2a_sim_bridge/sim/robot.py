# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The robot: a Franka Panda with a vacuum gripper, as URDF and as a SAPIEN articulation.

The Panda's meshes come with the `mani_skill` package; the gripper is ours (primitives only). The
default robot shows the arm's collision meshes, 2,000 triangles instead of 130,000: on a machine
without a GPU the picture then takes a tenth of the time.
"""

from __future__ import annotations

import functools
import importlib.util
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import sapien
from sapien.wrapper.urdf_loader import URDFLoader

from c2a_sim_bridge.sim import kinematics

BASE_POSITION = np.array([-0.65, 0.0, 0.0])  # of `panda_link0` in the world; no rotation
JOINT_NAMES = tuple(f'panda_joint{i}' for i in range(1, 8))
EE_LINK = 'ee'
GRIPPER_LINK = 'vacuum_base_link'
ROBOT_MODELS = ('low_poly', 'detailed')

# The vacuum gripper along its own z (m): (radius or half sizes, from, to, colour). Sizes after the
# task suite's gripper; the cups are one disc here, the suction test samples the five cup centres.
GRIPPER_BODY = (
    ('flange', 0.037, 0.000, 0.006, (0.20, 0.21, 0.24)),
    ('trunk', 0.026, 0.006, 0.080, (0.16, 0.17, 0.20)),
    ('head', 0.036, 0.080, 0.106, (0.10, 0.11, 0.13)),
    ('cups', 0.031, 0.106, 0.1255, (0.85, 0.33, 0.10)),
)
CUP_CENTRES = np.array(
    [
        [0.018, 0.020, 0.0],
        [0.018, -0.020, 0.0],
        [-0.018, 0.020, 0.0],
        [-0.018, -0.020, 0.0],
        [0, 0, 0],
    ]
)  # in the `ee` frame, m

# A stiff position servo: a step of 0.05 m is there to 99 % when the step ends. The reflected
# inertia of motors and gears (armature) keeps the joints from disturbing one another, as in a real
# geared arm: without it the reaction torques bend a fast straight line by centimetres.
# Acceleration drives, so that stiffness and (critical) damping do not depend on the arm's pose.
DRIVE_STIFFNESS = 40_000.0
DRIVE_DAMPING = 400.0
DRIVE_FORCE_LIMIT = 2_000.0
ARMATURE_KG_M2 = 2.0

_LINK_COLOURS = {'panda_link0': '0.78 0.80 0.84', 'panda_link7': '0.30 0.32 0.36'}
_ARM_COLOUR = '0.90 0.91 0.93'
_JOINT_COLOUR = '0.70 0.73 0.78'


@functools.cache
def panda_mesh_folder() -> Path:
    """Folder of the Panda's meshes and URDF inside the installed `mani_skill` package.

    Raises:
        RuntimeError: if `mani_skill` is not installed.
    """
    spec = importlib.util.find_spec('mani_skill')  # found, not imported: the import costs 3 s
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(
            "package 'mani_skill' is not installed, but the robot's meshes come with it: "
            'run `pip install mani_skill==3.0.1` (`./c2a` does it by itself)'
        )
    return Path(spec.submodule_search_locations[0]) / 'assets' / 'robots' / 'panda'


@functools.cache
def robot_description(model: str = 'low_poly') -> str:
    """URDF of the arm with the vacuum gripper; mesh files are absolute `file://` addresses.

    Args:
        model: `low_poly` (collision meshes shown) or `detailed` (the maker's visual meshes).

    Raises:
        ValueError: for another model name.
    """
    if model not in ROBOT_MODELS:
        raise ValueError(
            f"unknown robot model '{model}', expected one of {', '.join(ROBOT_MODELS)}"
        )
    root = ET.parse(panda_mesh_folder() / 'panda_v2.urdf').getroot()
    root.set('name', 'panda_vacuum')
    _drop_fingers(root)
    for link in root.iter('link'):
        _show_link(link, model)
    for mesh in root.iter('mesh'):
        mesh.set('filename', f'file://{panda_mesh_folder()}/{mesh.get("filename")}')
    _add_gripper(root)
    ET.indent(root)
    return ET.tostring(root, encoding='unicode')


def _drop_fingers(root: ET.Element) -> None:
    kept = {f'panda_link{i}' for i in range(9)}
    for element in list(root):
        child = element.find('child')
        link = element.get('name') if child is None else child.get('link')
        if element.tag not in ('link', 'joint') or link not in kept:
            root.remove(element)


def _show_link(link: ET.Element, model: str) -> None:
    visual, collision = link.find('visual'), link.find('collision')
    if visual is None or collision is None or model == 'detailed':
        return
    name = link.get('name')
    link.remove(visual)
    visual = ET.SubElement(link, 'visual')
    geometry = ET.SubElement(visual, 'geometry')
    ET.SubElement(geometry, 'mesh', filename=collision.find('geometry/mesh').get('filename'))
    alternating = _ARM_COLOUR if name[-1] in '135' else _JOINT_COLOUR
    material = ET.SubElement(visual, 'material', name=f'{name}_colour')
    ET.SubElement(material, 'color', rgba=f'{_LINK_COLOURS.get(name, alternating)} 1')


def _add_gripper(root: ET.Element) -> None:
    link = ET.SubElement(root, 'link', name=GRIPPER_LINK)
    for part, radius, start, end, colour in GRIPPER_BODY:
        for kind in ('visual', 'collision'):
            element = ET.SubElement(link, kind, name=part)
            ET.SubElement(element, 'origin', xyz=f'0 0 {(start + end) / 2:.6f}', rpy='0 0 0')
            geometry = ET.SubElement(element, 'geometry')
            ET.SubElement(geometry, 'cylinder', radius=f'{radius}', length=f'{end - start:.6f}')
            if kind == 'visual':
                material = ET.SubElement(element, 'material', name=f'gripper_{part}')
                ET.SubElement(material, 'color', rgba=' '.join(map(str, (*colour, 1))))
    inertial = ET.SubElement(link, 'inertial')
    ET.SubElement(inertial, 'origin', xyz='0 0 0.06', rpy='0 0 0')
    ET.SubElement(inertial, 'mass', value='0.656')
    ET.SubElement(
        inertial, 'inertia', ixx='9e-4', iyy='9e-4', izz='4e-4', ixy='0', ixz='0', iyz='0'
    )
    _fixed_joint(root, 'panda_link8', GRIPPER_LINK, 0.0, kinematics.TOOL_YAW_RAD)
    ET.SubElement(root, 'link', name=EE_LINK)
    _fixed_joint(root, GRIPPER_LINK, EE_LINK, kinematics.TOOL_LENGTH_M, 0.0)


def _fixed_joint(root: ET.Element, parent: str, child: str, z: float, yaw: float) -> None:
    joint = ET.SubElement(root, 'joint', name=f'{child}_joint', type='fixed')
    ET.SubElement(joint, 'origin', xyz=f'0 0 {z}', rpy=f'0 0 {yaw!r}')
    ET.SubElement(joint, 'parent', link=parent)
    ET.SubElement(joint, 'child', link=child)


@functools.cache
def _urdf_file(model: str, with_visuals: bool) -> str:
    """Path of the URDF for SAPIEN's loader, which reads plain file names from a file only."""
    root = ET.fromstring(robot_description(model).replace('file://', ''))
    if not with_visuals:
        for link in root.iter('link'):
            for visual in link.findall('visual'):
                link.remove(visual)
    text = ET.tostring(root, encoding='unicode')
    folder = Path(tempfile.mkdtemp(prefix='c2a_robot_'))
    path = folder / f'panda_vacuum_{model}.urdf'
    path.write_text(text, encoding='utf-8')
    return str(path)


def load_robot(
    scene: sapien.Scene, model: str, *, with_visuals: bool
) -> sapien.physx.PhysxArticulation:
    """Put the robot into a scene, at home, gravity compensated, its drives set.

    Self collision is off: the workspace and the posture keep the links apart, and the original
    suite's planner never lets them touch either.
    """
    loader = URDFLoader()
    loader.set_scene(scene)
    loader.fix_root_link = True
    robot = loader.load(_urdf_file(model, with_visuals))
    robot.set_root_pose(sapien.Pose(BASE_POSITION))
    robot.set_qpos(kinematics.HOME_JOINTS)
    robot.set_qvel(np.zeros(kinematics.N_JOINTS))
    for link in robot.links:
        link.disable_gravity = True
        for shape in link.collision_shapes:
            groups = shape.get_collision_groups()
            groups[2] |= 1 << 29  # shapes that share a bit of the third word never collide
            shape.set_collision_groups(groups)
    for joint, angle in zip(robot.active_joints, kinematics.HOME_JOINTS, strict=True):
        joint.set_friction(0.0)
        joint.set_armature(np.array([ARMATURE_KG_M2], np.float32))
        joint.set_drive_properties(
            DRIVE_STIFFNESS, DRIVE_DAMPING, force_limit=DRIVE_FORCE_LIMIT, mode='acceleration'
        )
        joint.set_drive_target(float(angle))
        joint.set_drive_velocity_target(0.0)
    return robot
