# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import math
import re
import subprocess
import sys

import numpy as np
import pytest
from unit.c2a_sim_bridge.states import make_state

from c2a_sim_bridge.sim.objects import COLORS, NOMINAL_SIZE, TALL_SIZE
from c2a_sim_bridge.sim.placement import DIRECTIONS, layout_next_to_points
from c2a_sim_bridge.sim.polygons import polygon_distance
from c2a_sim_bridge.sim.tasks import registry
from c2a_sim_bridge.sim.tasks.novel_noun import WORDS
from c2a_sim_bridge.sim.tasks.registry import get_task, sample_episode, task_names

NAMES = [
    'Pick',
    'PlaceNextTo',
    'PlaceOnTop',
    'Topple',
    'Push',
    'SingleStack',
    'StackTopple',
    'PushToTarget',
    'ReverseStack',
    'NovelNoun',
    'Swap',
]
OBJECTS = dict(zip(NAMES, (3, 3, 3, 1, 1, 3, 3, 3, 3, 6, 2), strict=True))


def test_the_eleven_tasks_of_table_1_come_first_in_order():
    assert task_names()[: len(NAMES)] == NAMES
    assert {name: get_task(name).max_objects for name in NAMES} == OBJECTS


@pytest.mark.parametrize(
    ('name', 'hint'),
    [('PlaceNextTop', 'did you mean PlaceNextTo'), ('swap', 'did you mean Swap'), ('?', 'Pick, ')],
)
def test_unknown_task_lists_the_nearest(name, hint):
    with pytest.raises(ValueError, match=re.escape(repr(name))) as error:
        get_task(name)
    assert hint in str(error.value)


def test_negative_seed_is_refused():
    with pytest.raises(ValueError, match='must be 0 or more, got -1'):
        sample_episode('Pick', -1)


def digest(name: str, seed: int) -> str:
    """All that is drawn, bit for bit."""
    instance = sample_episode(name, seed)
    numbers = [(*placed.position, placed.yaw) for placed in instance.objects]
    free = [value.tolist() for value in instance.free_pose.values()]
    names = [placed.name for placed in instance.objects]
    return repr((names, np.array(numbers).tobytes().hex(), free, instance.instruction))


def test_seed_decides_everything_whatever_ran_before():
    alone = {name: digest(name, 7) for name in NAMES}
    for name in NAMES:
        sample_episode(name, 6)
        np.random.seed(len(name))

    assert {name: digest(name, 7) for name in NAMES} == alone
    assert len({digest('Pick', seed) for seed in range(20)}) == 20


def test_another_process_draws_the_same():
    code = (
        'from c2a_sim_bridge.sim.tasks.registry import sample_episode as s;'
        "print([repr(o.position.tolist()) for o in s('NovelNoun', 3).objects])"
    )
    found = subprocess.run(
        [sys.executable, '-c', code],
        env={'PYTHONPATH': ':'.join(sys.path), 'PYTHONHASHSEED': '99'},
        capture_output=True,
        text=True,
        check=True,
    )
    here = [repr(o.position.tolist()) for o in sample_episode('NovelNoun', 3).objects]
    assert found.stdout.strip() == repr(here)


@pytest.mark.parametrize('name', NAMES)
def test_scene_is_as_the_paper_says_and_names_are_unique(name):
    for seed in range(100):
        instance = sample_episode(name, seed)
        names = [placed.name for placed in instance.objects]

        assert len(names) == OBJECTS[name]
        assert len(set(names)) == len(names)
        size = TALL_SIZE if name == 'Topple' else NOMINAL_SIZE
        assert all(placed.spec.size == size for placed in instance.objects)


@pytest.mark.parametrize('name', NAMES)
def test_task_is_not_solved_at_the_start(name):
    for seed in range(100):
        instance = sample_episode(name, seed)
        state = make_state(instance)

        assert not instance.goal.update(state)
        assert not all(stage.goal(state) for stage in instance.stages)


@pytest.mark.parametrize('name', NAMES)
def test_phrasings_are_several_and_name_what_matters(name):
    instances = [sample_episode(name, seed) for seed in range(100)]
    task = get_task(name)

    assert len(task.phrasings) >= 3
    assert len({re.sub('|'.join([*COLORS, *WORDS]), '_', i.instruction) for i in instances}) > 3
    for instance in instances:
        assert instance.instruction[0].isupper()
        if name != 'NovelNoun':
            for index in instance.goal.objects:
                assert f'he {instance.objects[index].name}' in instance.instruction


def test_place_next_to_has_a_free_place_on_the_side_named():
    for seed in range(200):
        instance = sample_episode('PlaceNextTo', seed)
        words = [word for word in DIRECTIONS if f' {word} the ' in instance.instruction]

        assert len(words) == 1
        assert len(layout_next_to_points(instance.objects, 0, 1, DIRECTIONS[words[0]]))


def test_all_sides_are_asked_for():
    text = ' '.join(sample_episode('PlaceNextTo', seed).instruction for seed in range(60))

    assert all(f' {word} the ' in text for word in DIRECTIONS)


def test_novel_noun_text_determines_both_objects():
    for seed in range(100):
        instance = sample_episode('NovelNoun', seed)
        shapes = [placed.spec.shape for placed in instance.objects]

        assert len(set(shapes[:3])) == len(set(shapes[3:])) == 3
        assert shapes.count(shapes[0]) == shapes.count(shapes[3]) == 1
        definition, order = instance.instruction.lower().split('. ')
        first, second = (word for word in order.split() if word in WORDS)
        assert re.search(rf'{shapes[0]}\b.* {first}\b.* {shapes[3]}\b.* {second}\b', definition)
        assert instance.goal.objects == (0, 3)
        assert not any(color in instance.instruction for color in COLORS)


def test_push_to_target_has_room_for_the_object_on_its_way():
    for seed in range(100):
        pushed, target, other = sample_episode('PushToTarget', seed).objects
        way = target.position - pushed.position

        for part in np.linspace(0.0, 0.5, 6):
            moved = pushed.footprint + part * way[:2]
            assert polygon_distance(moved, other.footprint) > 0.015
            assert polygon_distance(moved, target.footprint) > 0.015


def test_swap_leaves_room_at_all_three_places():
    for seed in range(100):
        instance = sample_episode('Swap', seed)
        places = [instance.objects[0].position, instance.objects[1].position]
        places.append(instance.free_pose[0])
        room = sum(placed.spec.radius for placed in instance.objects)

        assert instance.free_pose[0] is instance.free_pose[1]
        for first, second in itertools.combinations(places, 2):
            assert math.dist(first, second) >= room + 0.02


def test_a_new_task_is_found_without_an_edit(monkeypatch, tmp_path):
    source = (
        'from c2a_sim_bridge.sim.tasks.pick import Pick\n'
        'class Lift(Pick):\n'
        "    name = 'Lift'\n"
        '    order = 99\n'
        'TASKS = (Lift(),)\n'
    )
    (tmp_path / 'lift.py').write_text(source)
    monkeypatch.setattr(registry.tasks, '__path__', [*registry.tasks.__path__, str(tmp_path)])
    registry._tasks.cache_clear()
    try:
        assert task_names()[-1] == 'Lift'
        assert sample_episode('Lift', 0).task == 'Lift'
    finally:
        monkeypatch.undo()
        sys.modules.pop('c2a_sim_bridge.sim.tasks.lift', None)
        registry._tasks.cache_clear()
