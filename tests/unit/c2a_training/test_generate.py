# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Runs of `c2a generate` with made-up episodes; real ones are in test_generate_command.py."""

from __future__ import annotations

import random
from concurrent.futures import Future

import pytest
from sample_episodes import assert_equal_rows, make_rows

from c2a_training.dataset.dataset_manifest import MANIFEST
from c2a_training.dataset.episode_store import EpisodeStore
from c2a_training.dataset.episode_writer import EpisodeWriter
from c2a_training.dataset.pending_file import pending_bytes, write_pending
from c2a_training.generation.episode_maker import MadeEpisode
from c2a_training.generation.generate import Generation
from c2a_training.generation.generate_plan import SeedRequest, TaskPlan

OPTIONS = {'generator': 'oracle', 'split': 'simple'}
TASKS = ('Pick', 'Swap')


class FakePool:
    """Ends episodes in random order; dies after some, or takes them as bytes as a cluster does."""

    def __init__(self, directory, size=3, *, chance=0, dies_after=10**9, remote=False):
        self.size = size
        self.directory = directory
        self.order = random.Random(chance)
        self.left = dies_after
        self.remote = remote
        self.queue = []
        self.ran = []

    def submit(self, job):
        self.ran.append((job.task, job.seed))
        future = Future()
        self.queue.append((future, job))
        if len(self.queue) > self.size or self.order.random() < 0.5:
            self.end_one()
        return future

    def end_one(self):
        future, job = self.queue.pop(self.order.randrange(len(self.queue)))
        if self.left == 0:
            future.set_exception(KeyboardInterrupt())
            return
        self.left -= 1
        future.set_result(self.make(job))

    def make(self, job):
        if job.seed % 4 == 1:
            return MadeEpisode(job.task, job.seed, False, 'time-out (skill failed: x)')
        rows = make_rows(job.task, job.seed)
        if self.remote:
            return MadeEpisode(job.task, job.seed, True, data=pending_bytes(rows))
        path = write_pending(self.directory, rows)
        return MadeEpisode(job.task, job.seed, True, path=path)


@pytest.fixture(autouse=True)
def waiting_ends_episodes(monkeypatch):
    """`concurrent.futures.wait` on futures of a fake pool: lets the pool end one."""
    import concurrent.futures

    real = concurrent.futures.wait

    def wait(futures, **options):
        while not any(future.done() for future in futures):
            FakePool.current.end_one()
        return real(futures, **options)

    monkeypatch.setattr(concurrent.futures, 'wait', wait)


def generate(directory, pool, episodes=6, tasks=TASKS, shard_bytes=60_000):
    FakePool.current = pool
    seen = []
    with EpisodeWriter(directory, OPTIONS, shard_bytes) as writer:
        plans = [TaskPlan(task, SeedRequest(episodes=episodes)) for task in tasks]
        Generation(plans, writer).run(pool, seen.append)
    return seen


def files(directory):
    paths = [*sorted(directory.glob('data/*')), directory / MANIFEST]
    return {path.name: path.read_bytes() for path in paths}


@pytest.fixture
def reference(tmp_path):
    directory = tmp_path / 'reference'
    generate(directory, FakePool(directory, size=1))
    return directory


def test_kept_are_the_first_successful_seeds_in_order(reference):
    store = EpisodeStore(reference)
    seeds = [(episode.task, episode.seed) for episode in store.episodes]
    assert seeds == [(task, seed) for task in TASKS for seed in (0, 2, 3, 4, 6, 7)]
    assert [(d.task, d.seed) for d in store.manifest.dropped] == [
        (task, seed) for task in TASKS for seed in (1, 5)
    ]
    assert len(TASKS) < len(store.shards) < len(store)
    assert_equal_rows(store.read('Swap-3'), make_rows('Swap', 3))
    assert not (reference / '.pending').exists()


@pytest.mark.parametrize('remote', [False, True], ids=['common disk', 'bytes'])
@pytest.mark.parametrize('size', [2, 5])
def test_bytes_do_not_depend_on_the_workers(tmp_path, reference, size, remote):
    directory = tmp_path / 'other'
    generate(directory, FakePool(directory, size=size, chance=size, remote=remote))
    assert files(directory) == files(reference)


@pytest.mark.parametrize('dies_after', [2, 3, 5, 9, 14])
def test_bytes_do_not_depend_on_interruptions(tmp_path, reference, dies_after):
    directory = tmp_path / 'other'
    for attempt in range(50):
        pool = FakePool(directory, size=3, chance=attempt, dies_after=dies_after)
        try:
            generate(directory, pool)
        except KeyboardInterrupt:
            continue
        break
    assert files(directory) == files(reference)


def test_what_is_there_is_not_made_again(reference):
    before = files(reference)
    pool = FakePool(reference)
    assert generate(reference, pool) == []
    assert files(reference) == before
    assert pool.ran == []


def test_a_dataset_can_grow(reference):
    before = files(reference)
    pool = FakePool(reference)
    generate(reference, pool, episodes=8, tasks=('Swap', 'Push'))
    assert [seed for task, seed in pool.ran if task == 'Swap'] == [8, 9, 10]
    store = EpisodeStore(reference)
    assert sum(episode.task == 'Push' for episode in store.episodes) == 8
    assert sum(episode.task == 'Swap' for episode in store.episodes) == 8
    after = files(reference)
    assert all(after[name] == data for name, data in before.items() if name != MANIFEST)


def test_a_crashed_seed_is_tried_again(tmp_path):
    directory = tmp_path / 'd'

    class Crashing(FakePool):
        def make(self, job):
            if job.seed == 2:
                return MadeEpisode(job.task, job.seed, False, 'error: RuntimeError: x')
            return super().make(job)

    generate(directory, Crashing(directory), tasks=('Pick',), episodes=3)
    assert [e.seed for e in EpisodeStore(directory).episodes] == [0, 3, 4]
    generate(directory, FakePool(directory), tasks=('Pick',), episodes=4)
    assert sorted(e.seed for e in EpisodeStore(directory).episodes) == [0, 2, 3, 4]


def test_nothing_but_crashes_stops_the_run(tmp_path):
    class Broken(FakePool):
        def make(self, job):
            return MadeEpisode(job.task, job.seed, False, 'error: RuntimeError: no Vulkan')

    with pytest.raises(RuntimeError, match='10 episodes in a row crashed, the last: .*no Vulkan'):
        generate(tmp_path / 'd', Broken(tmp_path / 'd'))
