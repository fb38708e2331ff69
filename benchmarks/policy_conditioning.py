# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a policy listens to in its code: names, cells, or both.

Each chunk of the first key step of PlaceNextTo is compared with one made from the same picture and
the same noise, but told another object of the scene; once with that object's name and cell, once
with its cell alone, once with its name alone. A chunk counts as changed if the paths part by 5 mm.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from c2a_controller.conditioning import CHANGE_M, measure_conditioning
from c2a_controller.diffusion_policy import DiffusionPolicy
from c2a_controller.policy import PolicyOptions
from c2a_core.sealed_directory import CheckpointError
from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
from c2a_training.evaluation.conditioning_cases import CHANGES, conditioning_cases
from c2a_training.seeds import parse_seeds

# Beyond every training's.
SEEDS = '1500000-1500063'


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--checkpoint', default='tiny', help='shipped name or directory')
    parser.add_argument('--seeds', default=SEEDS, help=f'of the scenes (default {SEEDS})')
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    console = Console()
    try:
        seeds = parse_seeds(args.seeds)
        policy = DiffusionPolicy.load(PolicyOptions(args.checkpoint, threads=1))
    except (CheckpointError, ValueError) as err:
        parser.error(str(err))
    simulator = Simulator(SimConfig())
    rows = {}
    for change in track(CHANGES, 'chunks', console=console, transient=True):
        found = measure_conditioning(policy, conditioning_cases(simulator, seeds, change))
        rows[change] = {
            'scenes': len(found.distances_m),
            'changed': found.changed,
            'median_mm': 1e3 * float(np.median(found.distances_m)),
        }
    table = Table(
        *('told instead', 'scenes', 'chunks changed [%]', 'median [mm]'),
        title=f'{policy.checkpoint}: first chunks, changed from {1e3 * CHANGE_M:.0f} mm on',
    )
    for change, row in rows.items():
        numbers = f'{100 * row["changed"]:.1f}', f'{row["median_mm"]:.1f}'
        table.add_row(CHANGES[change], str(row['scenes']), *numbers)
    console.print(table)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        document = {'checkpoint': policy.checkpoint, 'changes': rows}
        args.json.write_text(json.dumps(document, indent=2) + '\n', encoding='utf-8')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
