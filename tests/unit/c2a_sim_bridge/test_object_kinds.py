# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Areas, fixed bodies and goal marks in the world, held starts, splits, labels, task arguments."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import place

from c2a_core.spaces import GRID_SIZE, make_action
from c2a_sim_bridge.sim.labels import COLOR_LABELS, SHAPE_LABELS, label_objects
from c2a_sim_bridge.sim.object_pool import HELD_OUT, POOLS, SIMPLE, TEST, TRAIN
from c2a_sim_bridge.sim.objects import COLORS, SHAPES, ObjectKind, ObjectSpec, PlacedObject
from c2a_sim_bridge.sim.placement import find_free_space, hold_object
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.tasks import pick, registry
from c2a_sim_bridge.sim.tasks.registry import (
    canonical_name,
    get_task,
    sample_episode,
    select_tasks,
    task_lists,
    task_names,
)
from c2a_sim_bridge.sim.world import World

HOLD = np.zeros(7, np.float32)
DOWN = make_action((0.0, 0.0, 0.02), (0.0, 0.0, 0.0), vacuum=True)


def put(kind: str, x: float, y: float, z: float, shape: str = 'cube', **spec) -> PlacedObject:
    """A grey-free object of a kind, not rotated."""
    return PlacedObject(ObjectSpec('red', shape, kind=kind, **spec), np.array([x, y, z]), 0.0)


@pytest.mark.parametrize('kind', [ObjectKind.AREA, ObjectKind.FIXED])
def test_still_bodies_carry_objects_and_never_move(kind):
    slab = put(kind, -0.2, 0.0, 0.2, size=(0.2, 0.2, 0.01))
    on_it = PlacedObject(ObjectSpec('blue', 'cube'), np.array([-0.2, 0.0, 0.231]), 0.0)
    world = World((slab, on_it))
    for _ in range(10):
        state = world.step(HOLD)
    assert state.positions[0].tolist() == pytest.approx([-0.2, 0.0, 0.2])
    assert state.positions[1, 2] == pytest.approx(0.23, abs=1e-3)
    assert state.pair_force[1, 0] == pytest.approx(state.specs[1].mass * 9.81, rel=0.05)


def test_marks_are_seen_and_not_felt():
    mark = put(ObjectKind.MARK, -0.2, 0.0, 0.1, shape='sphere', size=(0.1, 0.1, 0.1))
    above = PlacedObject(ObjectSpec('blue', 'cube'), np.array([-0.2, 0.0, 0.3]), 0.0)
    world = World((mark, above))
    for _ in range(20):
        state = world.step(HOLD)
    assert state.positions[1, 2] == pytest.approx(0.025, abs=1e-3)  # fell through it
    assert not state.pair_force.any()


@pytest.mark.parametrize('kind', [ObjectKind.AREA, ObjectKind.MARK, ObjectKind.FIXED])
def test_gripper_holds_only_what_moves(kind):
    top = 0.27
    size = (0.1, 0.1, 0.05)
    world = World((put(kind, -0.105696, 0.0, top - 0.025, size=size),))
    for _ in range(2):
        state = world.step(DOWN)
        assert state.grasped == -1
        assert not state.vacuum_ready


def test_free_space_may_lie_under_a_mark_but_not_under_a_fixed_body(monkeypatch):
    here = place('blue cube', -0.2, 0.1)

    def free(kind: str) -> np.ndarray:
        mat = put(kind, -0.15, 0.0, 0.01, size=(0.6, 0.5, 0.01))
        world = World((here, mat))
        return find_free_space(world.state, 0)

    assert np.linalg.norm(free(ObjectKind.MARK)[:2] - here.position[:2]) < 0.2
    with pytest.raises(RuntimeError, match='no free place'):
        free(ObjectKind.FIXED)


def test_held_object_starts_in_the_gripper_and_stays_there():
    held = hold_object(np.random.default_rng(0), ObjectSpec('green', 'triangle'))
    world = World((place('blue cube', -0.2, 0.2), held), held=1)
    assert (world.state.grasped, world.state.vacuum_on, world.state.vacuum_ready) == (
        1,
        True,
        True,
    )
    start = world.state.positions[1].copy()
    keep = HOLD.copy()
    keep[6] = 1.0
    for _ in range(20):
        state = world.step(keep)
    assert state.grasped == 1
    np.testing.assert_allclose(state.positions[1], start, atol=5e-4)
    assert state.ever_grasped.tolist() == [False, True]


def test_names_follow_from_colour_shape_and_kind():
    assert ObjectSpec('red', 'cube').name == 'red cube'
    assert ObjectSpec('red', 'cube', kind=ObjectKind.AREA).name == 'red area'
    assert ObjectSpec('red', 'sphere', kind=ObjectKind.MARK).name == 'red goal'
    assert (
        ObjectSpec('grey', 'cube', kind=ObjectKind.PART, label='left plate').name == 'left plate'
    )


def test_only_marks_have_the_marks_shapes():
    with pytest.raises(ValueError, match="unknown shape 'sphere' of kind 'object'"):
        ObjectSpec('red', 'sphere')
    with pytest.raises(ValueError, match="unknown kind 'thing'"):
        ObjectSpec('red', 'cube', kind='thing')


def test_splits_share_words_but_not_objects():
    assert TRAIN.looks.isdisjoint(TEST.looks)
    assert TRAIN.looks | TEST.looks == SIMPLE.looks
    assert len(HELD_OUT) == 8
    for pool in (TRAIN, TEST):
        assert {color for color, _ in pool.looks} == set(COLORS)
        assert {shape for _, shape in pool.looks} == set(SHAPES)


@pytest.mark.parametrize('split', ['train', 'test'])
@pytest.mark.parametrize('name', ['PlaceNextTo', 'Swap', 'StackTopple'])
def test_scenes_of_a_split_have_its_objects_only(name, split):
    for seed in range(20):
        for placed in sample_episode(name, seed, split).objects:
            assert (placed.spec.color, placed.spec.shape) in POOLS[split].looks


def test_prescribed_shapes_take_as_much_of_the_split_as_there_is():
    rng = np.random.default_rng(0)
    looks = TEST.draw(rng, 4, shapes=['cube'] * 4)
    assert sum(look in TEST.looks for look in looks) == 2  # two colours of each shape
    assert len({color for color, _ in looks}) == 4


def test_unknown_split_is_refused():
    with pytest.raises(ValueError, match="unknown split 'tset'"):
        sample_episode('Pick', 0, 'tset')
    with pytest.raises(ValueError, match='split must be one of'):
        SimConfig(split='tset')


def test_labels_say_what_is_visible_and_where():
    specs = (ObjectSpec('red', 'cube'), ObjectSpec('cyan', 'hexagon'), ObjectSpec('blue', 'cube'))
    seen = np.full((100, 100), -1, np.int16)
    seen[20:30, 40:55] = 0  # cells (4, 2) whole and (5, 2) half
    seen[20:30, 56:60] = 1
    labels = label_objects(specs, [(4, 2), (5, 2), (0, 0)], seen)
    assert labels.boxes.tolist() == [[40, 20, 55, 30], [56, 20, 60, 30], [-1] * 4]
    assert labels.pixels.tolist() == [150, 40, 0]
    colors = labels.cell_colors.reshape(GRID_SIZE, GRID_SIZE)
    shapes = labels.cell_shapes.reshape(GRID_SIZE, GRID_SIZE)
    assert COLOR_LABELS[colors[2, 4] - 1] == COLOR_LABELS[colors[2, 5] - 1] == 'red'
    assert SHAPE_LABELS[shapes[2, 5] - 1] == 'cube'
    assert (colors > 0).sum() == (shapes > 0).sum() == 2


def test_a_sliver_of_an_object_labels_no_cell():
    seen = np.full((100, 100), -1, np.int16)
    seen[0:3, 0:3] = 0
    labels = label_objects((ObjectSpec('red', 'cube'),), [(0, 0)], seen)
    assert labels.pixels.tolist() == [9]
    assert not labels.cell_colors.any()


def test_simulator_labels_the_picture_it_took():
    simulator = Simulator(SimConfig())
    simulator.reset('PlaceNextTo', 0)
    picture = simulator.observe().base_image
    labels = simulator.object_labels()
    assert labels.names == tuple(placed.name for placed in simulator.instance.objects)
    for (u0, v0, u1, v1), drawn in zip(labels.boxes, simulator.bounding_boxes(), strict=True):
        assert min(u0 - drawn[0], v0 - drawn[1]) >= -1.5
        assert max(u1 - drawn[2], v1 - drawn[3]) <= 1.5
    for index, placed in enumerate(simulator.instance.objects):
        u0, v0, u1, v1 = labels.boxes[index]
        patch = picture[v0:v1, u0:u1].reshape(-1, 3).astype(float)
        lit = patch[patch.max(axis=1).argsort()[-len(patch) // 3 :]].mean(axis=0) / 255
        rgb = np.array(placed.spec.rgb)
        assert np.abs(lit / lit.max() - rgb / rgb.max()).max() < 0.5, placed.name


def test_labels_without_pictures_are_refused():
    simulator = Simulator(SimConfig(render=False))
    simulator.reset('Pick', 0)
    simulator.observe()
    with pytest.raises(RuntimeError, match='labels need pictures'):
        simulator.object_labels()


@dataclass(frozen=True)
class Lift(pick.Pick):
    """A task with arguments of both kinds."""

    name = 'Lift'
    order = 99
    tables = ('table9',)

    num_actors: int = 3
    gently: bool = False


@pytest.fixture
def lift(monkeypatch):
    known = {**registry._tasks(), 'Lift': Lift()}
    monkeypatch.setattr(registry, '_tasks', lambda: known)


@pytest.mark.usefixtures('lift')
def test_arguments_in_a_name_make_a_variant():
    task = get_task('Lift:gently=true,num_actors=2')
    assert (task.num_actors, task.gently) == (2, True)
    assert canonical_name('Lift:gently=TRUE, num_actors=2') == 'Lift:num_actors=2,gently=true'
    assert canonical_name('Lift:gently=false') == 'Lift'
    assert sample_episode('Lift:num_actors=2', 0).task == 'Lift:num_actors=2'
    assert replace(task, gently=False, num_actors=3) == get_task('Lift')


@pytest.mark.usefixtures('lift')
@pytest.mark.parametrize(
    ('name', 'message'),
    [
        (
            'Lift:size=3',
            "task Lift has no argument 'size', it has num_actors=3, sample_num_actors=false, "
            'gently=false',
        ),
        ('Lift:gently=2', "gently is true or false, got '2'"),
        ('Lift:num_actors=two', "num_actors is a whole number, got 'two'"),
        ('Lft:gently=true', "unknown task 'Lft': did you mean Lift"),
    ],
)
def test_wrong_arguments_say_what_there_is(name, message):
    with pytest.raises(ValueError, match=message.replace('(', r'\(')):
        get_task(name)


@pytest.mark.usefixtures('lift')
def test_lists_and_variants_are_selected_in_order_and_once():
    assert select_tasks(['Swap', 'table9', 'Lift', 'Lift:gently=true']) == [
        'Swap',
        'Lift',
        'Lift:gently=true',
    ]
    assert select_tasks(['all']) == task_names()
    assert task_lists()['table9'] == ['Lift']
    with pytest.raises(ValueError, match='unknown task'):
        select_tasks(['table8'])
