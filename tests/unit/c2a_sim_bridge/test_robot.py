# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The robot's description: frames, meshes, models."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import sapien

from c2a_core import spaces
from c2a_sim_bridge.sim import kinematics
from c2a_sim_bridge.sim.robot import (
    BASE_POSITION,
    EE_LINK,
    GRIPPER_LINK,
    JOINT_NAMES,
    ROBOT_MODELS,
    load_robot,
    robot_description,
)


@pytest.fixture(params=ROBOT_MODELS)
def urdf(request) -> ET.Element:
    return ET.fromstring(robot_description(request.param))


def test_all_frames_are_there_and_no_others(urdf):
    names = {link.get('name') for link in urdf.iter('link')}
    assert names == {*(f'panda_link{i}' for i in range(9)), 'vacuum_base_link', 'ee'}


def test_frames_and_joints_have_the_names_of_the_core(urdf):
    names = {link.get('name') for link in urdf.iter('link')}
    assert {spaces.FRAME_ROBOT_BASE, spaces.FRAME_EE} <= names
    moving = [joint.get('name') for joint in urdf.iter('joint') if joint.get('type') == 'revolute']
    assert tuple(moving) == spaces.JOINT_NAMES == JOINT_NAMES
    assert EE_LINK == spaces.FRAME_EE


def test_links_form_one_tree_from_the_base(urdf):
    parents = {
        j.find('child').get('link'): j.find('parent').get('link') for j in urdf.iter('joint')
    }
    for link in urdf.iter('link'):
        name, seen = link.get('name'), 0
        while name in parents and seen < 20:
            name, seen = parents[name], seen + 1
        assert name == spaces.FRAME_ROBOT_BASE


def test_meshes_are_files_that_exist(urdf):
    addresses = [mesh.get('filename') for mesh in urdf.iter('mesh')]
    assert addresses
    for address in addresses:
        assert address.startswith('file:///')
        assert Path(address.removeprefix('file://')).is_file()


def test_joint_limits_are_those_of_the_kinematics(urdf):
    limits = [
        (float(j.find('limit').get('lower')), float(j.find('limit').get('upper')))
        for j in urdf.iter('joint')
        if j.get('type') == 'revolute'
    ]
    np.testing.assert_allclose(
        limits, np.stack([kinematics.JOINT_LOWER, kinematics.JOINT_UPPER], 1), atol=1e-9
    )


def test_models_differ_in_looks_only():
    plain, detailed = (ET.fromstring(robot_description(model)) for model in ROBOT_MODELS)
    shown = [len(list(root.iterfind('.//visual//mesh'))) for root in (plain, detailed)]
    assert min(shown) >= 8
    assert robot_description('low_poly') != robot_description('detailed')
    for root in (plain, detailed):
        for link in root.iter('link'):
            for visual in link.findall('visual'):
                link.remove(visual)
    plain, detailed = (
        ET.canonicalize(ET.tostring(root), strip_text=True) for root in (plain, detailed)
    )
    assert plain == detailed


def test_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown robot model 'shiny'.*low_poly, detailed"):
        robot_description('shiny')


def test_robot_starts_at_home_and_needs_no_force_to_stay_there():
    physics = sapien.physx.PhysxCpuSystem()
    scene = sapien.Scene([physics])
    scene.set_timestep(0.005)
    robot = load_robot(scene, 'low_poly', with_visuals=False)
    np.testing.assert_allclose(robot.get_qpos(), kinematics.HOME_JOINTS, atol=1e-6)
    np.testing.assert_allclose(robot.root_pose.p, BASE_POSITION, atol=1e-7)
    for _ in range(20):
        physics.step()
    np.testing.assert_allclose(robot.get_qpos(), kinematics.HOME_JOINTS, atol=1e-6)


def test_gripper_hangs_square_under_the_flange():
    scene = sapien.Scene([sapien.physx.PhysxCpuSystem()])
    robot = load_robot(scene, 'low_poly', with_visuals=False)
    gripper = robot.find_link_by_name(GRIPPER_LINK).entity.pose
    ee = robot.find_link_by_name(EE_LINK).entity.pose
    flange = robot.find_link_by_name('panda_link8').entity.pose
    np.testing.assert_allclose(gripper.p, flange.p, atol=1e-6)
    np.testing.assert_allclose((gripper.inv() * ee).p, [0, 0, 0.126], atol=1e-6)
    np.testing.assert_allclose(np.abs((gripper.inv() * ee).q), [1, 0, 0, 0], atol=1e-6)
