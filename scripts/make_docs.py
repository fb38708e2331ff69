# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Write the pages of docs/ that are made from the code: cli.md, parameters.md and the pictures.

python scripts/make_docs.py            rewrite cli.md and parameters.md
python scripts/make_docs.py --check    exit code 1 if one of them is out of date
python scripts/make_docs.py --images   render docs/images anew
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / 'docs'
NOTE = '<!-- Written by scripts/make_docs.py: do not edit. -->'
WIDTH = 88
ROS_TYPES = {bool: 'bool', int: 'integer', float: 'double', str: 'string'}

# Node -> module and dataclass of its parameters.
PARAMETERS = {
    'sim_bridge': ('c2a_sim_bridge.params', 'SimBridgeParams'),
    'planner': ('c2a_planner.params', 'PlannerParams'),
    'controller': ('c2a_controller.params', 'ControllerParams'),
}


def cli_page() -> str:
    """docs/cli.md: the help of every command."""
    os.environ['COLUMNS'] = str(WIDTH)
    from c2a_training import bringup, cli
    from c2a_training.stack import load_stack

    # The checkout's own stack, whatever is installed.
    bringup.installed_stack = lambda: load_stack(ROOT / 'launch')

    parts = [f'# Command line\n\n{NOTE}\n\n```\n{cli.make_parser().format_help()}```\n']
    parts += [part for name in cli.COMMANDS for part in _commands(cli.GROUP, name)]
    return '\n'.join(parts)


def _commands(group: object, name: str) -> list[str]:
    """Help of a command; of a group of them, its own help and that of each."""
    title = f'## {group.prog} {name}\n\n```\n'
    subgroup = group.subgroup(name)
    if subgroup is not None:
        parts = [f'{title}{subgroup.make_parser().format_help()}```\n']
        return parts + [part for sub in subgroup.commands for part in _commands(subgroup, sub)]
    (subparsers,) = (
        action
        for action in group.make_parser(name)._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return [f'{title}{subparsers.choices[name].format_help()}```\n']


def parameters_page() -> str:
    """docs/parameters.md: launch arguments and the parameters of every node."""
    parts = [
        f'# Launch arguments and parameters\n\n{NOTE}\n',
        '## Launch arguments\n\n'
        'The same for `./c2a bringup name:=value …` and `ros2 launch c2a bringup.launch.py '
        'name:=value …`.\nAn argument overrides the parameter files.\n\n' + _arguments(),
        'All parameters are read-only, described and bounded; `ros2 param describe` shows the '
        'same. Deployed\nvalues are in `launch/params/c2a.yaml`; `params_file:=` takes a file of '
        'your own on top.\n',
    ]
    for node, (module, name) in PARAMETERS.items():
        params_type = getattr(importlib.import_module(module), name)
        parts.append(f'## /c2a/{node}\n\n{_parameters(params_type)}')
    return '\n'.join(parts)


def _arguments() -> str:
    from c2a_training.stack import load_stack

    rows = ['| argument | default | values | meaning |', '|---|---|---|---|']
    for argument in load_stack(ROOT / 'launch').arguments.values():
        values = [f'`{name}`' for name in argument.choices]
        values += [f'`{name}` (later)' for name in argument.later if name != 'any']
        shown = ', '.join(values) or argument.kind
        if argument.later == ('any',):
            shown += ' (later)'
        default = f'`{argument.default}`' if argument.default else ''
        rows.append(f'| `{argument.name}` | {default} | {shown} | {argument.help} |')
    return '\n'.join(rows) + '\n'


def _parameters(params_type: type) -> str:
    rows = ['| parameter | type | default | range | meaning |', '|---|---|---|---|---|']
    for field in dataclasses.fields(params_type):
        lower, upper = field.metadata['bounds']
        choices = ', '.join(f'`{choice}`' for choice in field.metadata['choices'])
        bounds = choices or (f'{lower} to {upper}' if lower is not None else '')
        default = str(field.default).lower() if field.default in (True, False) else field.default
        shown = f'`{default}`' if default != '' else ''
        kind = ROS_TYPES[type(field.default)]
        description = field.metadata['description'].replace('|', '\\|')
        rows.append(f'| `{field.name}` | {kind} | {shown} | {bounds} | {description} |')
    return '\n'.join(rows) + '\n'


PAGES = {'cli.md': cli_page, 'parameters.md': parameters_page}


def write_images() -> None:
    """Film two episodes and keep four rows of each, in few colours to keep the files small."""
    from PIL import Image

    from c2a_training.episode_worker import EpisodeJob, OracleRunner, WorkerSettings

    with tempfile.TemporaryDirectory() as folder:
        settings = WorkerSettings(images=True, image_size=720, video_dir=Path(folder))
        runner = OracleRunner(settings)
        for task in ('Swap', 'StackTopple'):
            summary = runner.run(EpisodeJob(task, 0))
            if not summary.success:
                raise RuntimeError(f'the oracle did not solve {task}: {summary.reason}')
            sheet = Image.open(Path(folder) / f'{task}_0.png').convert('RGB')
            (DOCS / 'images').mkdir(parents=True, exist_ok=True)
            sheet.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
                DOCS / 'images' / f'{task.lower()}.png', optimize=True
            )


def main() -> int:
    """Write or check the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--check', action='store_true', help='only say what is out of date')
    parser.add_argument('--images', action='store_true', help='render docs/images anew')
    args = parser.parse_args()
    if args.images:
        write_images()
        return 0
    outdated = [
        name
        for name, make in PAGES.items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text(encoding='utf-8') != make()
    ]
    for name in outdated:
        if args.check:
            print(f'docs/{name} is out of date: run ./c2a shell python scripts/make_docs.py')
        else:
            (DOCS / name).write_text(PAGES[name](), encoding='utf-8')
    return 1 if outdated and args.check else 0


if __name__ == '__main__':
    sys.exit(main())
