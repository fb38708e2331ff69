# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a step of the VLM planner costs, part by part, and what each economy saves.

Two situations: intermediate steps of PlaceNextTo, and those of Swap's last three key steps with
their long memory. Two tables for each:

    parts    reading instruction and memory (all of it; one key step more), reading a picture with
             its request, one token of a reply, the whole reply token by token
    steps    a reply of the backend as it is, then with one thing changed at a time

The ways of a table take turns, step by step, so that a busy machine is busy for all of them.
Without a checkpoint the weights are random, and the replies are dictated: each way writes the
commented last key step, at the cost of writing it. `--preset phi3` measures the full size so.

`--decisions DATASET` measures nothing: it compares the decisions with and without early stopping
on recorded steps.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from c2a_core.skill_api import comment
from c2a_core.types import ImageArray, Observation
from c2a_planner.checkpoint import CheckpointError, find_checkpoint
from c2a_planner.prompt import STEP_REQUEST
from c2a_planner.replies import judge_reply
from c2a_planner.vlm import VisionLanguageModel, best_dtype
from c2a_planner.vlm_backend import VlmBackend

sys.path.insert(0, str(Path(__file__).resolve().parent))
from planner_sizes import make_full_size, make_tiny

TARGET_MS = {'tiny': 60.0, 'phi3': 50.0}
SEED = 2_000_000
SWAP_KEY_STEPS = 12
STEPS_OF_A_SITUATION = 12


@dataclasses.dataclass(frozen=True)
class Situation:
    """One question to the planner in the middle of a sub-task."""

    instruction: str
    memory: tuple[str, ...]
    picture: ImageArray


def record(task: str, first_key_step: int, console: Console) -> list[Situation]:
    """Steps of an oracle's episode in which its sub-task goes on."""
    from c2a_sim_bridge.sim.simulator import SimConfig, Simulator

    simulator = Simulator(SimConfig())
    info = simulator.reset(task, SEED)
    memory: tuple[str, ...] = ()
    situations = []
    while not simulator.success:
        oracle = simulator.oracle_key_step()
        if oracle.is_new:
            memory = (*memory, oracle.code)
            simulator.start_skill(oracle.code)
        elif len(memory) >= first_key_step:
            picture = simulator.observe().base_image
            situations.append(Situation(info.instruction, memory, picture))
        simulator.step(simulator.skill_action())
    console.print(f'{task}: {len(situations)} intermediate steps, {len(memory)} key steps')
    chosen = np.linspace(0, len(situations) - 1, STEPS_OF_A_SITUATION).round().astype(int)
    return [situations[index] for index in chosen]


def as_observation(picture: ImageArray) -> Observation:
    """An observation that is nothing but its picture."""
    nothing = np.zeros(7, np.float32)
    return Observation(
        1, 0, 0, picture, picture[:0], nothing, nothing, nothing, False, False, False
    )


class Dictation:
    """Stands where the grammar is: the reply is dictated, at the cost of choosing it."""

    def __init__(self, model: VisionLanguageModel, grammar=None) -> None:
        self._model = model
        self._grammar = grammar

    def constrain(self, memory: tuple[str, ...], request_key_step: bool) -> DictatedReply:
        """Dictates the commented last key step."""
        tokens = [*self._model.encode(comment(memory[-1])), self._model.end_id]
        inner = self._grammar and self._grammar.constrain(memory, request_key_step)
        return DictatedReply(tokens, inner)


class DictatedReply:
    """Chooses given tokens, by making them the likeliest."""

    def __init__(self, tokens: list[int], inner) -> None:
        self._tokens = tokens
        self._inner = inner

    def choose(self, logits: torch.Tensor) -> list[int]:
        """The next tokens of the text."""
        logits = logits.clone()
        logits[self._tokens[0]] = 1e9
        chosen = self._inner.choose(logits) if self._inner else [int(logits.argmax())]
        del self._tokens[: len(chosen)]
        return chosen


def make_ways(model: VisionLanguageModel, args, is_dictated: bool) -> dict[str, Callable]:
    """Name -> a function that answers a situation."""

    def way(model=model, chars=8, *, drafts=True, forgets=False, **options):
        backend = VlmBackend(model, chars, **options)
        if is_dictated:
            backend._grammar = Dictation(model, backend._grammar)
        if not drafts:
            backend._draft = lambda _: ()

        def answer(situation: Situation, prepares=False):
            if prepares:
                prompt = model.encode_prompt(situation.instruction, situation.memory, STEP_REQUEST)
                return model.read_prefix(prompt.before)
            if forgets:
                model.clear()
            view = as_observation(situation.picture)
            return backend.reply(view, situation.instruction, situation.memory, False, None)

        return answer

    ways = {
        'as it is: early stop, draft': way(),
        'early stop, no draft': way(drafts=False),
        'written out, draft': way(chars=0),
        'written out, no draft': way(chars=0, drafts=False),
        'nothing kept of the prefix': way(forgets=True),
        'constrained': way(constrained=True),
        'constrained, written out': way(chars=0, drafts=False, constrained=True),
    }
    if args.both_dtypes:
        other = torch.float32 if model.model.dtype == torch.bfloat16 else torch.bfloat16
        copy = convert(model, dtype=other)
        ways[f'in {str(other).split(".")[1]}'] = way(copy)
    if args.compile:
        ways['compiled'] = way(convert(model, is_compiled=True))
    return ways


def convert(model: VisionLanguageModel, dtype=None, is_compiled=False) -> VisionLanguageModel:
    """The same model in another type, or compiled."""
    import copy

    weights = copy.deepcopy(model.model).to(dtype or model.model.dtype)
    return VisionLanguageModel(
        weights, model.tokenizer, model.pictures, model.checkpoint, is_compiled
    )


def measure_steps(
    ways: dict[str, Callable], situations: list[Situation], rounds: int, console: Console
) -> dict[str, dict[str, float]]:
    """Milliseconds of each way: median, 99th percentile, tokens."""
    for answer in ways.values():
        answer(situations[0])
    # In the middle of a sub-task the prefix was read at an earlier step.
    spent: dict[str, list] = {name: [] for name in ways}
    for _ in track(range(rounds), 'steps', console=console, transient=True):
        for situation in situations:
            for name, answer in ways.items():
                answer(situation, prepares=True)
                spent[name].append(answer(situation))
    return {
        name: {
            **percentiles([reply.latency_s for reply in replies]),
            'prefill_ms': 1e3 * float(np.median([reply.prefill_s for reply in replies])),
            'tokens': float(np.mean([reply.n_tokens for reply in replies])),
            'early': float(np.mean([reply.early_stopped for reply in replies])),
        }
        for name, replies in spent.items()
    }


def measure_parts(
    model: VisionLanguageModel, situations: list[Situation], rounds: int
) -> dict[str, dict[str, float]]:
    """Milliseconds of each part."""
    spent: dict[str, list[float]] = {}

    def clock(name: str, work: Callable) -> None:
        synchronize(model)
        started = time.perf_counter()
        work()
        synchronize(model)
        spent.setdefault(name, []).append(time.perf_counter() - started)

    for number in range(rounds + 1):
        for one in situations:
            prompt = model.encode_prompt(one.instruction, one.memory, STEP_REQUEST)
            shorter = model.encode_prompt(one.instruction, one.memory[:-1], STEP_REQUEST)
            reply = model.encode(comment(one.memory[-1]))
            model.clear()
            clock('prefix, all of it', lambda prompt=prompt: model.read_prefix(prompt.before))
            model.clear()
            model.read_prefix(shorter.before)
            clock('prefix, one key step', lambda prompt=prompt: model.read_prefix(prompt.before))
            clock('picture and request', lambda p=prompt, s=one: model.read(p, s.picture))
            clock('one token', lambda reply=reply: model.go_on(reply[:1]))
            clock('a whole reply', lambda reply=reply: [model.go_on([t]) for t in reply])
        if number == 0:
            spent.clear()
    return {name: percentiles(seconds) for name, seconds in spent.items()}


def synchronize(model: VisionLanguageModel) -> None:
    """Wait until a GPU has finished."""
    if model.device.type == 'cuda':
        torch.cuda.synchronize()


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Median and 99th percentile [ms]."""
    p50, p99 = 1e3 * np.percentile(seconds, (50, 99))
    return {'p50_ms': round(float(p50), 2), 'p99_ms': round(float(p99), 2)}


def show(title: str, rows: dict[str, dict[str, float]], console: Console) -> None:
    """Print a table."""
    table = Table(title=title)
    names = list(next(iter(rows.values())))
    for head in ('', *(name.replace('_ms', ' [ms]') for name in names)):
        table.add_column(head, justify='right' if head else 'left')
    for name, row in rows.items():
        table.add_row(name, *(f'{value:.1f}' for value in row.values()))
    console.print(table)


def memory_mib(device: torch.device) -> float:
    """Most memory that was in use: of the GPU, or of this process."""
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def compare_decisions(model: VisionLanguageModel, args, console: Console) -> int:
    """Decisions with and without early stopping on recorded steps; the exit code."""
    from c2a_training.dataset.episode_dataset import EpisodeDataset

    dataset = EpisodeDataset(args.decisions)
    with_picture = np.flatnonzero(dataset.has_base_picture)
    rows = np.random.default_rng(0).permutation(with_picture)[: args.rows]
    backends = [VlmBackend(model, chars) for chars in (args.early_stop_chars, 0)]
    stops, differing = 0, []
    for row in track(np.sort(rows), 'rows', console=console, transient=True):
        memory = dataset.memory(int(row))
        episode = dataset.episodes[int(dataset.episode_of(np.array([row]))[0])]
        view = as_observation(dataset.base_frames([row])[0])
        replies = [
            backend.reply(view, episode.instruction, memory, False, None) for backend in backends
        ]
        stops += replies[0].early_stopped
        keys = keys_of(memory)
        one, other = (judge_reply(reply.text, memory, keys) for reply in replies)
        if (one.status, one.code) != (other.status, other.code):
            differing.append((int(row), one, other))
    console.print(f'{len(rows)} rows, {stops} early stops, {len(differing)} decisions differ')
    for row, one, other in differing[:20]:
        console.print(f'  row {row}: {one} with early stopping, {other} without')
    return 1 if differing else 0


def keys_of(memory: tuple[str, ...]) -> list[str]:
    """Poses that key steps have stored."""
    from c2a_core.memory import KeyStepMemory

    steps = KeyStepMemory()
    for step in memory:
        steps.append(step)
    return list(steps.keys())


def load(args, console: Console) -> tuple[VisionLanguageModel, bool]:
    """The model, and whether its replies have to be dictated."""
    if args.preset == 'phi3':
        return make_full_size(args.device or 'cuda'), True
    try:
        find_checkpoint(args.checkpoint)
    except CheckpointError as err:
        if args.checkpoint != 'tiny' or args.decisions:
            raise SystemExit(str(err)) from None
        console.print('the checkpoint is not there yet: random weights, dictated replies')
        return make_tiny(args.device or 'cpu'), True
    return VisionLanguageModel.load(args.checkpoint, device=args.device), False


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--checkpoint', default='tiny', help='shipped name, directory or hub id')
    parser.add_argument('--preset', choices=('tiny', 'phi3'), default='tiny')
    parser.add_argument('--device', default='', choices=('', 'cpu', 'cuda'))
    parser.add_argument('--full-size-on-cpu', action='store_true', help='16 GB and minutes')
    parser.add_argument('--dictate', action='store_true', help='also with a checkpoint')
    parser.add_argument('--rounds', type=int, default=10)
    parser.add_argument('--threads', type=int, default=0, help="0: torch's own number")
    parser.add_argument('--one-dtype', dest='both_dtypes', action='store_false')
    parser.add_argument('--compile', action='store_true', help='also compiled: takes minutes')
    parser.add_argument('--decisions', type=Path, metavar='DATASET')
    parser.add_argument('--rows', type=int, default=1000)
    parser.add_argument('--early-stop-chars', type=int, default=8)
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    if args.preset == 'phi3':
        args.both_dtypes = False
        on_gpu = args.device != 'cpu' and torch.cuda.is_available()
        if not on_gpu and not args.full_size_on_cpu:
            parser.error('no GPU for the full size: give --device cpu --full-size-on-cpu')
        args.device = args.device if on_gpu else 'cpu'
    return args


def main() -> int:
    """Run the benchmark."""
    args = parse_arguments()
    console = Console()
    if args.threads:
        torch.set_num_threads(args.threads)
    model, is_dictated = load(args, console)
    if args.decisions:
        return compare_decisions(model, args, console)
    ways = make_ways(model, args, is_dictated or args.dictate)
    document = {
        'machine': f'{platform.machine()}, {os.cpu_count()} cores, {model.device}',
        'threads': torch.get_num_threads(),
        'preset': args.preset,
        'checkpoint': model.checkpoint.label if model.checkpoint else 'random weights',
        'dtype': str(model.model.dtype),
        'best_dtype': str(best_dtype(model.device.type)),
        'target_ms': TARGET_MS[args.preset],
        'situations': {},
    }
    for title, task, first in (
        ('PlaceNextTo', 'PlaceNextTo', 1),
        ('Swap, last three key steps', 'Swap', SWAP_KEY_STEPS - 2),
    ):
        situations = record(task, first, console)
        prompts = [model.encode_prompt(s.instruction, s.memory, STEP_REQUEST) for s in situations]
        parts = measure_parts(model, situations, args.rounds)
        steps = measure_steps(ways, situations, args.rounds, console)
        tokens = max(len(prompt.before) for prompt in prompts)
        show(f'{title}: parts, prefix of up to {tokens} tokens', parts, console)
        show(f'{title}: steps', steps, console)
        median = next(iter(steps.values()))['p50_ms']
        word = 'reached' if median <= TARGET_MS[args.preset] else 'missed'
        console.print(f'{title}: {median:.1f} ms, target {TARGET_MS[args.preset]:g} ms: {word}')
        document['situations'][title] = {'prefix_tokens': tokens, 'parts': parts, 'steps': steps}
    document['memory_mib'] = round(memory_mib(model.device), 1)
    console.print(f'memory: {document["memory_mib"]:.0f} MiB at most')
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(document, indent=2) + '\n', encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
