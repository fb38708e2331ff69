# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A training step of the tiny planner: fused attention against plain products, eager and compiled.

Random weights, pictures and prompts of a real training's sizes; the ways take turns in one
process, so that they share the machine's good and bad moments.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

TOKENS = 360
TURNS = 10
IMAGE_TOKENS = 100
REPLY_TOKENS = 9


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--batch-size', type=int, default=32, help='sequences a step')
    parser.add_argument('--rounds', type=int, default=6, help='steps a way')
    parser.add_argument('--threads', type=int, default=0, help='0: as torch has')
    parser.add_argument('--json', type=Path, help='write the table here')
    args = parser.parse_args()

    import torch

    from c2a_core.process_memory import keep_freed_memory

    keep_freed_memory()
    if args.threads:
        torch.set_num_threads(args.threads)
    ways = {
        f'{attention}, {mode}': make_step(
            args.batch_size, attention == 'plain', mode == 'compiled'
        )
        for attention in ('fused', 'plain')
        for mode in ('eager', 'compiled')
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    for step in ways.values():
        for _ in range(2):
            step()
    for _ in range(args.rounds):
        for way, step in ways.items():
            started = time.perf_counter()
            step()
            times[way].append(time.perf_counter() - started)
    print(f'{torch.get_num_threads()} threads, {args.batch_size} sequences of {TOKENS} tokens')
    print('attention, language model   s a step   sequences/s')
    medians = {way: statistics.median(values) for way, values in times.items()}
    for way, median in medians.items():
        print(f'{way:26}  {median:8.2f}   {args.batch_size / median:11.1f}')
    if args.json:
        args.json.write_text(json.dumps({'seconds': medians, 'batch_size': args.batch_size}))
    return 0


def make_step(batch_size: int, is_plain: bool, is_compiled: bool) -> Callable[[], None]:
    """One way of making a step: forward, backward, update."""
    import torch

    from c2a_planner.tiny_model import build_tiny
    from c2a_planner.tokenizer import train_tokenizer
    from c2a_training.planner.planner_net import PlannerNet

    torch.manual_seed(0)
    tokenizer = train_tokenizer(['Put the red cube on the blue hexagon'] * 5)
    net = PlannerNet(build_tiny(tokenizer))
    if is_plain:
        net.unfuse_attention()
    if is_compiled:
        net.compile_language()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True)
    batch = make_batch(batch_size, net.llava.config.image_token_id)

    def step() -> None:
        with torch.autocast('cpu', torch.bfloat16):
            out = net(batch)
        (out['loss'] / out['n']).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def make_batch(size: int, image_token: int) -> dict[str, object]:
    """Packed prompts: a prefix, a picture and turns of equal length."""
    import torch

    from c2a_training.planner.packing import SHARED_TURN, turn_mask

    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(300, 350, (size, TOKENS), generator=generator)
    turn_tokens = (TOKENS - IMAGE_TOKENS) // (TURNS + 4)
    shared = TOKENS - TURNS * turn_tokens
    ids[:, shared - IMAGE_TOKENS : shared] = image_token
    turns = torch.full((size, TOKENS), SHARED_TURN)
    positions = torch.arange(TOKENS).expand(size, -1).clone()
    at = []
    for turn in range(TURNS):
        start = shared + turn * turn_tokens
        turns[:, start : start + turn_tokens] = turn + 1
        positions[:, start : start + turn_tokens] -= turn * turn_tokens
        at += range(start + turn_tokens - REPLY_TOKENS, start + turn_tokens)
    flat = (torch.arange(size)[:, None] * TOKENS + torch.tensor(at)).flatten()
    return {
        'input_ids': ids,
        'position_ids': positions,
        'mask': turn_mask(turns),
        'at': flat,
        'target': torch.randint(300, 350, (len(flat),), generator=generator),
        'pixel_values': torch.randn(size, 3, 128, 128, generator=generator),
    }


if __name__ == '__main__':
    sys.exit(main())
