# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures: they repeat, they show what the camera model says, and they change nothing."""

from __future__ import annotations

import gc
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sapien
from unit.c2a_sim_bridge.worlds import run_oracle

from c2a_core.spaces import make_action
from c2a_core.types import Observation
from c2a_sim_bridge.sim.rendering import make_render_system
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator

ROOT = Path(__file__).parents[3]
RGB = {'red': (1, 0, 0), 'green': (0, 1, 0), 'blue': (0, 0, 1), 'yellow': (1, 1, 0)}
EPISODES = [('Swap', 0), ('PlaceNextTo', 1)]


@pytest.fixture(scope='module')
def simulator() -> Simulator:
    simulator = Simulator(SimConfig())
    try:
        simulator.reset('Swap', 0)
    except RuntimeError as err:
        if 'Vulkan' not in str(err):
            raise
        pytest.skip(str(err))
    return simulator


def first_pictures(simulator: Simulator, task: str, seed: int) -> Observation:
    simulator.reset(task, seed)
    return simulator.observe()


def fingerprint(observation: Observation) -> str:
    sha = hashlib.sha256(observation.base_image.tobytes())
    sha.update(observation.wrist_image.tobytes())
    return sha.hexdigest()


def pixels_of(image: np.ndarray, color: str) -> np.ndarray:
    """(P, 2) columns and rows of the pixels that have the pure colour of an object's faces."""
    wanted = np.array(RGB[color], dtype=bool)
    bright, dark = image[..., wanted].min(axis=-1), image[..., ~wanted].max(axis=-1)
    rows, columns = np.nonzero((bright > 100) & (dark < 70))
    return np.column_stack([columns, rows])


def color_at(simulator: Simulator, name: str) -> tuple[int, str]:
    return simulator.state.index_of(name), name.split()[0]


def test_pictures_are_rgb_bytes_of_the_size_asked_for(simulator: Simulator):
    observation = first_pictures(simulator, 'Swap', 0)
    for image in (observation.base_image, observation.wrist_image):
        assert image.shape == (128, 128, 3)
        assert image.dtype == np.uint8
        assert image.flags['C_CONTIGUOUS']
        assert len(np.unique(image)) > 20  # neither black nor one colour
    assert not np.array_equal(observation.base_image, observation.wrist_image)


@pytest.mark.parametrize('size', [16, 200])
def test_image_size_is_an_option(simulator: Simulator, size: int):
    other = Simulator(SimConfig(image_size=size))
    assert first_pictures(other, 'Pick', 0).base_image.shape == (size, size, 3)
    assert other.base_camera.size == size


def test_first_pictures_repeat_whatever_ran_before(simulator: Simulator):
    alone = {episode: fingerprint(first_pictures(simulator, *episode)) for episode in EPISODES}
    run_oracle(simulator, 'PlaceOnTop', 3)
    simulator.observe()
    again = Simulator(SimConfig())
    for episode, expected in alone.items():
        assert fingerprint(first_pictures(simulator, *episode)) == expected
        assert fingerprint(first_pictures(again, *episode)) == expected
    assert len(set(alone.values())) == len(alone)


def test_first_pictures_equal_those_of_another_process(simulator: Simulator):
    code = (
        'from unit.c2a_sim_bridge.test_rendering import *\n'
        'simulator = Simulator(SimConfig())\n'
        'for episode in EPISODES:\n'
        '    print(fingerprint(first_pictures(simulator, *episode)))\n'
    )
    packages = [str(ROOT / 'src' / name) for name in ('c2a_core', 'c2a_sim_bridge')]
    environment = {
        **os.environ,
        'PYTHONPATH': os.pathsep.join([*packages, str(ROOT / 'tests')]),
    }
    done = subprocess.run(
        [sys.executable, '-c', code], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    here = [fingerprint(first_pictures(simulator, *episode)) for episode in EPISODES]
    assert done.stdout.split()[-len(here) :] == here


def test_pictures_do_not_change_the_physics(simulator: Simulator):
    blind = Simulator(SimConfig(render=False))
    blind.reset('Swap', 0)
    simulator.reset('Swap', 0)
    for step in range(12):
        simulator.observe()
        for each in (simulator, blind):
            each.step(make_action((0.03, 0.02, 0.02), (0, 0, 0.05 * step), True))
        assert simulator.state_digest() == blind.state_digest()


def test_looking_twice_gives_the_same_picture(simulator: Simulator):
    assert first_pictures(simulator, 'Swap', 0) == simulator.observe()


def test_pictures_follow_the_arm(simulator: Simulator):
    before = first_pictures(simulator, 'Swap', 0)
    for _ in range(4):
        simulator.step(make_action((0.0, 0.04, 0.0), (0, 0, 0), False))
    after = simulator.observe()
    assert (before.base_image != after.base_image).any(axis=-1).sum() > 50
    assert (before.wrist_image != after.wrist_image).any(axis=-1).sum() > 500


@pytest.mark.parametrize('pose', ['framed', 'original'])
@pytest.mark.parametrize('name', ['blue cube', 'green cylinder'])
def test_semantics_5_an_object_is_seen_where_its_box_is(
    simulator: Simulator, name: str, pose: str
):
    camera = Simulator(SimConfig(base_camera=pose))
    image = first_pictures(camera, 'Swap', 0).base_image
    index, color = color_at(camera, name)
    seen = pixels_of(image, color)
    u0, v0, u1, v1 = camera.bounding_boxes()[index]
    assert len(seen) > 0.3 * (u1 - u0) * (v1 - v0)
    centres = seen + 0.5
    assert (centres >= [u0 - 1, v0 - 1]).all()
    assert (centres <= [u1 + 1, v1 + 1]).all()
    # The faces that are seen reach to the box's sides: it is as wide as the object.
    assert np.ptp(centres[:, 0]) > 0.8 * (u1 - u0) - 2


def test_the_picture_is_not_mirrored(simulator: Simulator):
    image = first_pictures(simulator, 'Swap', 0).base_image
    left_of_robot = {}
    for name in ('blue cube', 'green cylinder'):
        index, color = color_at(simulator, name)
        left_of_robot[simulator.state.positions[index, 1]] = pixels_of(image, color)[:, 0].mean()
    (y_small, u_small), (y_large, u_large) = sorted(left_of_robot.items())
    assert y_large - y_small > 0.05
    assert u_large > u_small  # +y is to the right in the picture


def test_the_wrist_camera_sees_what_the_cups_hold(simulator: Simulator):
    simulator.reset('Swap', 0)
    name = simulator.state.specs[0].name
    simulator.start_skill(f"pick(actor=get_actor('{name}', (0, 0)))")
    while simulator.skill_status() == 'running':
        simulator.step(simulator.skill_action())
    assert simulator.state.grasped == 0
    assert len(pixels_of(simulator.observe().wrist_image, name.split()[0])) > 300


def test_memory_stays_flat_over_resets_with_pictures(simulator: Simulator):
    def resident_mb() -> float:
        gc.collect()
        pages = int(Path('/proc/self/statm').read_text().split()[1])
        return pages * os.sysconf('SC_PAGE_SIZE') / 1e6

    for seed in range(10):
        first_pictures(simulator, 'PlaceNextTo', seed)
    before = resident_mb()
    for seed in range(20):
        first_pictures(simulator, 'PlaceNextTo', seed)
    assert resident_mb() - before < 20.0


def test_an_unknown_shader_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown shader 'oil', expected one of fast, minimal"):
        make_render_system('oil')


def test_without_a_device_the_error_says_what_to_do(monkeypatch):
    def no_device():
        raise RuntimeError('vk::createInstance: ErrorIncompatibleDriver')

    monkeypatch.setattr(sapien.render, 'RenderSystem', no_device)
    with pytest.raises(RuntimeError, match=r'no usable Vulkan device.*c2a doctor'):
        Simulator(SimConfig()).reset('Pick', 0)


def test_an_observation_without_pictures_is_the_same_otherwise(simulator: Simulator):
    full = first_pictures(simulator, 'Swap', 0)
    bare = simulator.observe(with_pictures=False)
    assert bare.base_image.size == bare.wrist_image.size == 0
    assert replace(bare, base_image=full.base_image, wrist_image=full.wrist_image) == full
    with pytest.raises(RuntimeError, match='observe this step with its pictures'):
        simulator.object_labels()
    assert simulator.observe() == full


def test_one_camera_alone_takes_the_same_picture(simulator: Simulator):
    full = first_pictures(simulator, 'Swap', 0)
    labels = simulator.object_labels()
    alone = Simulator(replace(simulator.config, cameras=('base',)))
    base = first_pictures(alone, 'Swap', 0)
    assert base.wrist_image.size == 0
    np.testing.assert_array_equal(base.base_image, full.base_image)
    np.testing.assert_array_equal(alone.object_labels().cell_colors, labels.cell_colors)


def test_camera_that_is_none_is_refused():
    with pytest.raises(ValueError, match="cameras must be some of .*'head'"):
        SimConfig(cameras=('base', 'head'))
