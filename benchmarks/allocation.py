# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What fresh memory costs: an element-wise product of 16 MB, into new and into old memory.

Both ways run side by side in processes of their own: as glibc does by itself, and after
`c2a_core.process_memory.keep_freed_memory`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

NUMBERS = 4_000_000


def measure(keeps: bool, rounds: int) -> float:
    """Median time of one product [ms] in this process."""
    if keeps:
        from c2a_core.process_memory import keep_freed_memory

        keep_freed_memory()
    import torch

    x = torch.ones(NUMBERS)
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        x * 2.0
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=200, help='products a way')
    parser.add_argument('--way', choices=('default', 'kept'), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        print(measure(args.way == 'kept', args.rounds))
        return 0
    print('way       ms a product (16 MB), median of two processes')
    for way in ('default', 'kept'):
        command = [sys.executable, __file__, '--way', way, '--rounds', str(args.rounds)]
        results = [
            float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for _ in range(2)
        ]
        print(f'{way:8}  {statistics.median(results):.2f}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
