# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""FollowOrder, Neighbour and SortByTexture: objects on areas."""

from __future__ import annotations

import re

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import changed, held, make_state, place, stacked, with_object
from unit.c2a_sim_bridge.worlds import run_oracle

from c2a_sim_bridge.sim import cameras
from c2a_sim_bridge.sim.area_spots import EDGE_M, GAP_M, spot_on_area
from c2a_sim_bridge.sim.objects import AREA_HEIGHT_M, ObjectKind, PlacedObject
from c2a_sim_bridge.sim.polygons import points_polygon_distance, polygon_distance
from c2a_sim_bridge.sim.predicates_pose import Inside2d
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_sim_bridge.sim.state import WorldState
from c2a_sim_bridge.sim.tasks.areas import area_spec
from c2a_sim_bridge.sim.tasks.neighbour import COMPASS
from c2a_sim_bridge.sim.tasks.registry import get_task, sample_episode

NAMES = ('FollowOrder', 'FollowOrderAndRestore', 'Neighbour', 'SortByTexture')
VARIANTS = ('FollowOrder:num_areas=4', 'Neighbour:num_areas=3', 'SortByTexture:num_areas=3')


def area(color: str, x: float, y: float, side: float = 0.35, yaw: float = 0.0) -> PlacedObject:
    return PlacedObject(area_spec(color, side), np.array([x, y, AREA_HEIGHT_M / 2]), yaw)


def on_area(state: WorldState, actor: int, slab: int, offset=(0.0, 0.0)) -> WorldState:
    """The next step's state with an object resting on an area, off its middle."""
    state = stacked(state, actor, slab)
    position = state.positions[actor] + [*offset, 0.0]
    moved = with_object(state, actor, position=position, ground_force=0.0)
    return changed(moved, pair_force=state.pair_force)


class TestInside:
    scene = (place('red cube', -0.3, -0.2), area('red', -0.1, 0.1, side=0.18))

    def test_all_of_the_object_is_inside(self):
        state = on_area(make_state(self.scene), 0, 1, offset=(0.03, -0.03))

        assert Inside2d(0, 1).update(state)

    def test_an_object_that_sticks_out_is_not_inside_though_it_rests_on_the_area(self):
        state = on_area(make_state(self.scene), 0, 1, offset=(0.05, 0.0))

        assert not Inside2d(0, 1).update(state)
        assert not Inside2d(0, 1).is_near(state)

    def test_beside_the_area_or_held_over_it_is_not_inside(self):
        state = make_state(self.scene)
        over = held(with_object(state, 0, position=(-0.1, 0.1, 0.1)), 0)

        assert not Inside2d(0, 1).update(state)
        assert not Inside2d(0, 1).update(over)
        assert not Inside2d(0, 1).is_near(over)


class TestSpots:
    def test_small_area_is_used_in_its_middle(self):
        state = make_state([place('red cube', -0.3, -0.2), area('red', -0.1, 0.1, side=0.18)])

        assert spot_on_area(state, 0, 1) == pytest.approx([-0.1, 0.1], abs=0.006)

    @pytest.mark.parametrize('yaw', [0.0, 0.4, 0.785])
    def test_large_area_takes_four_objects_however_they_are_turned(self, yaw: float):
        names = ('red cube', 'blue cube', 'green cube', 'white cube')
        objects = [place(name, 0.1, 0.0, yaw=yaw * k / 3) for k, name in enumerate(names)]
        # Far from the area, so that none is in the way of the others.
        state = make_state([*objects, area('red', -0.15, 0.1)])
        state.positions[:4, 1] = -1.0
        for actor in range(4):
            spot = spot_on_area(state, actor, 4)
            state.positions[actor, :2] = spot

        outlines = [state.world_footprint(k) for k in range(5)]
        for actor in range(4):
            assert points_polygon_distance(outlines[actor], outlines[4]).max() == 0.0
            shifted = (
                outlines[actor]
                + EDGE_M * 0.9 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])[:, None]
            )
            assert points_polygon_distance(shifted.reshape(-1, 2), outlines[4]).max() == 0.0
            for other in range(actor):
                assert polygon_distance(outlines[actor], outlines[other]) >= GAP_M - 1e-9

    def test_good_spot_under_the_object_is_kept(self):
        state = make_state([place('red cube', -0.3, -0.2), area('red', -0.1, 0.1)])
        first = spot_on_area(state, 0, 1)
        near = first + [0.05, 0.05]

        assert np.linalg.norm(spot_on_area(state, 0, 1, near=near) - near) < 0.011
        assert spot_on_area(state, 0, 1, near=np.array([-0.4, -0.3])) == pytest.approx(first)

    def test_full_area_says_so(self):
        objects = [place('red cube', -0.3, -0.2), place('blue cube', -0.1, 0.1)]
        state = make_state([*objects, area('red', -0.1, 0.1, side=0.18)])

        with pytest.raises(RuntimeError, match='no free place for the red cube on the red area'):
            spot_on_area(state, 0, 2)


@pytest.mark.parametrize('split', ['simple', 'test'])
@pytest.mark.parametrize('name', [*NAMES, *VARIANTS])
def test_layouts_stand_well_and_are_in_the_picture(name: str, split: str):
    camera = cameras.base_camera()
    for seed in range(8):
        instance = sample_episode(name, seed, split)
        state = make_state(instance)
        areas = [k for k, spec in enumerate(state.specs) if spec.kind == ObjectKind.AREA]
        rest = [k for k in range(len(state.specs)) if k not in areas]

        assert not instance.goal.update(state)
        assert len({state.specs[k].name for k in areas}) == len(areas)
        for k in range(len(state.specs)):
            pixels = camera.project(state.world_vertices(k))[:, :2]
            assert pixels.min() >= 0.0
            assert pixels.max() <= camera.size
            for other in range(k):
                gap = polygon_distance(state.world_footprint(k), state.world_footprint(other))
                if {k, other} <= set(rest):
                    assert gap >= 0.03 - 1e-9
                elif {k, other} <= set(areas):
                    assert gap > 0.0
                else:
                    actor, slab = (k, other) if other in areas else (other, k)
                    is_on = state.bottom_z(actor) == pytest.approx(AREA_HEIGHT_M)
                    inside = points_polygon_distance(
                        state.world_footprint(actor), state.world_footprint(slab)
                    )
                    assert gap > 0.01 or (is_on and inside.max() == 0.0)


def test_follow_order_names_the_areas_in_the_order_of_the_goal():
    for seed in range(20):
        instance = sample_episode('FollowOrder', seed)
        state = make_state(instance)
        targets = [child.objects[1] for child in instance.goal.children]
        found = re.findall(r'the (\w+ area)', instance.instruction)

        assert found == [instance.objects[area].name for area in targets]
        assert Inside2d(0, 1).update(on_area(state, 0, 1))
        for step, target in enumerate(targets, start=1):
            assert instance.goal.update(on_area(state, 0, target)) == (step == len(targets))


def test_visits_in_the_wrong_order_do_not_count():
    name = 'FollowOrder:num_areas=3,sample_num_actors=false'
    instance = sample_episode(name, 0)
    state = make_state(instance)

    for target in (3, 2):
        assert not instance.goal.update(on_area(state, 0, target))
    assert instance.goal.update(on_area(state, 0, 3))


def test_restore_needs_the_first_area_last():
    instance = sample_episode('FollowOrderAndRestore', 3)
    state = make_state(instance)
    visited = [child.objects[1] for child in instance.goal.children]

    assert visited[-1] == 1
    assert instance.objects[1].name not in instance.instruction
    assert not instance.goal.update(on_area(state, 0, 1))
    for target in visited[:-1]:
        assert not instance.goal.update(on_area(state, 0, target))
    assert instance.goal.update(on_area(state, 0, 1))


@pytest.mark.parametrize('name', ['Neighbour', 'Neighbour:num_areas=3'])
def test_neighbour_stands_on_the_side_that_the_text_names(name: str):
    for seed in range(20):
        instance = sample_episode(name, seed)
        first, second, target = instance.objects[:3]
        (side,) = [word for word in COMPASS if word in instance.instruction]
        way = (second.position - first.position)[:2]

        assert f'he {first.name}' in instance.instruction
        assert f'the {target.name}' in instance.instruction
        assert second.name not in instance.instruction
        assert way / np.linalg.norm(way) == pytest.approx(COMPASS[side])
        assert 0.12 < np.linalg.norm(way) < 0.21


def test_sorting_is_done_when_every_object_is_on_its_own_area():
    instance = sample_episode('SortByTexture:sample_num_actors=false', 0)
    state = make_state(instance)
    offsets = iter([(0.09, 0.09), (-0.09, 0.09), (-0.09, -0.09), (0.09, -0.09)])
    for actor in range(4):
        assert not instance.goal.update(state)
        color = instance.objects[actor].spec.color
        slab = state.index_of(f'{color} area')
        forces = state.pair_force
        state = on_area(state, actor, slab, offset=next(offsets))
        kept = state.pair_force + forces
        kept[actor] = state.pair_force[actor]
        state = changed(state, pair_force=kept)

    assert instance.goal.update(state)


def test_objects_have_the_colours_of_areas_and_different_names_where_possible():
    for seed in range(40):
        objects = sample_episode('SortByTexture', seed).objects
        areas = {o.spec.color for o in objects if o.spec.kind == ObjectKind.AREA}
        names = [o.name for o in objects]

        assert {o.spec.color for o in objects} == areas
        assert len(names) <= 6
        assert len(set(names)) >= len(names) - 1


def test_sorting_text_lists_every_object_with_its_area():
    texts = [sample_episode('SortByTexture', seed) for seed in range(30)]
    listed = [i for i in texts if i.instruction.startswith('Put ')]

    assert listed
    for instance in listed:
        for placed in instance.objects:
            if placed.spec.kind == ObjectKind.OBJECT:
                pair = f'the {placed.name} in the {placed.spec.color} area'
                assert pair in instance.instruction


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('FollowOrder:num_areas=5', 'FollowOrder: num_areas must be 2 to 4, got 5'),
        ('Neighbour:num_areas=4', 'Neighbour: num_areas must be 1 to 3, got 4'),
        ('SortByTexture:num_actors=5', 'SortByTexture: num_actors must be 1 to 4, got 5'),
    ],
)
def test_impossible_counts_are_refused(name: str, message: str):
    with pytest.raises(ValueError, match=message):
        get_task(name)


@pytest.fixture(scope='module')
def simulator() -> Simulator:
    return Simulator(SimConfig(render=False))


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('seed', [0, 1])
def test_oracle_solves_it(simulator: Simulator, name: str, seed: int):
    codes = run_oracle(simulator, name, seed)

    assert simulator.success
    assert len(codes) % 4 == 0
    if name == 'FollowOrderAndRestore':
        assert codes[0].startswith("pose_dict['start'] = get_pose(actor=")
        assert codes[-2] == "move3d(target_pose=pose_dict['start'])"
    else:
        assert all('pose_dict' not in code for code in codes)
        assert 'area' in codes[2]


def test_oracle_fetches_what_fell_beside_the_area(simulator: Simulator):
    def drop(simulator: Simulator, action: np.ndarray) -> np.ndarray:
        action = action.copy()
        if simulator.state.step in (16, 40):
            action[6] = -1.0
        return action

    codes = run_oracle(simulator, 'Neighbour', 3, disturb=drop)

    assert simulator.success
    assert len(codes) > 8
