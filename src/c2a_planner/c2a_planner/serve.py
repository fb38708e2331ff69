# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Serve a planner's checkpoint to planners elsewhere: `python -m c2a_planner.serve tiny`.

This is the OpenAI-compatible server of `transformers`, which also knows the tiny model's vision
tower here. A full-size checkpoint needs nothing of ours: vLLM and others serve its directory.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from c2a_planner.checkpoint import CheckpointError, find_checkpoint

if TYPE_CHECKING:
    from transformers.cli.serve import Serve


def serve(source: str, host: str, port: int, *, in_thread: bool = False) -> Serve:
    """Load a checkpoint and answer requests about it.

    Args:
        source: directory or hub id; also the model's name in requests.
        host: address to listen on.
        port: likewise.
        in_thread: return at once; `kill_server()` of the result ends it.

    Raises:
        ImportError: if the server's own dependencies are not installed.
    """
    # Registers the vision tower.
    importlib.import_module('c2a_planner.grid_vision')
    from transformers.cli.serve import Serve

    return Serve(force_model=source, host=host, port=port, non_blocking=in_thread)


def main(words: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C; the exit code."""
    parser = argparse.ArgumentParser('python -m c2a_planner.serve', description=__doc__)
    parser.add_argument('checkpoint', help='a shipped name such as tiny, a directory or a hub id')
    parser.add_argument('--host', default='127.0.0.1', help='default: this machine only')
    parser.add_argument('--port', type=int, default=8000, help='default: 8000')
    args = parser.parse_args(words)
    try:
        checkpoint = find_checkpoint(args.checkpoint)
        checkpoint.check()
        is_here = Path(checkpoint.source).is_dir()
        source = str(Path(checkpoint.source).resolve()) if is_here else checkpoint.source
        serve(source, args.host, args.port)
    except (CheckpointError, ImportError) as err:
        sys.stderr.write(f'{err}\n')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
