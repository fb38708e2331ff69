# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Write the pages of docs/ that are made from the code, and the pictures.

python scripts/make_docs.py            rewrite cli.md, parameters.md and task_list.md
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
import textwrap
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
    'recorder': ('c2a_training.bags.recorder_params', 'RecorderParams'),
}


def cli_page() -> str:
    """docs/cli.md: the help of every command."""
    os.environ['COLUMNS'] = str(WIDTH)
    from c2a_training import cli
    from c2a_training.commands import bringup
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


def task_list_page() -> str:
    """docs/task_list.md: every task with its arguments, predicate, time limit and wordings."""
    from c2a_sim_bridge.sim.tasks.registry import get_task, task_lists, task_names

    lists = {name: len(members) for name, members in sorted(task_lists().items())}
    counts = ', '.join(f'`{name}` ({count})' for name, count in lists.items())
    parts = [
        f'# All tasks\n\n{NOTE}\n',
        f'Lists that `--tasks` takes besides names: {counts}. [tasks.md](tasks.md) explains '
        'scenes,\npredicates and how a variant such as `Rotate:num_actors=3` is written. Object '
        "numbers are\npositions in the scene's list; *steps* is the time limit, three times the "
        "oracle's 95th percentile.\n",
        '![A scene of every task](images/tasks.png)\n',
        '| Task | Level | Rows in the paper | ClevrSkills class and arguments | Arguments here | '
        'Objects | Steps | Success |\n|---|---|---|---|---|---|---|---|',
    ]
    text = '\n'.join(parts) + '\n'
    wordings = []
    for name in task_names():
        task = get_task(name)
        arguments = ', '.join(
            f'`{field.name}={str(getattr(task, field.name)).lower()}`'
            for field in dataclasses.fields(task)
        )
        cells = (name, f'L{task.level}', task.paper_rows, task.arguments, arguments)
        cells += (task.max_objects, task.max_steps, task.success)
        text += '| ' + ' | '.join(str(cell) for cell in cells) + ' |\n'
        wordings.append('\n'.join([f'* {name}', *(f'  * "{t}"' for t in task.phrasings)]))
    return (
        text + '\n## What the robot is told\n\nOne of these per episode, drawn uniformly. Braces '
        'are filled in, objects by name ("the red cube").\n\n' + '\n'.join(wordings) + '\n'
    )


PAGES = {
    'cli.md': cli_page,
    'parameters.md': parameters_page,
    'task_list.md': task_list_page,
}


def write_images() -> None:
    """Film two episodes, and take a picture of every task; in few colours: small files."""
    write_films()
    write_scenes()


def write_scenes() -> None:
    """docs/images/tasks.png: the first picture of every task, with its name and instruction."""
    from PIL import Image, ImageDraw

    from c2a_sim_bridge.sim.simulator import SimConfig, Simulator
    from c2a_sim_bridge.sim.tasks.registry import task_names
    from c2a_training.fonts import load_font

    side, text_height, columns = 240, 62, 7
    names = task_names()
    rows = -(-len(names) // columns)
    sheet = Image.new('RGB', (columns * side, rows * (side + text_height)), 'white')
    draw = ImageDraw.Draw(sheet)
    bold, small = load_font('bold', 14), load_font('sans', 11)
    simulator = Simulator(SimConfig(image_size=2 * side))
    for index, name in enumerate(names):
        x, y = index % columns * side, index // columns * (side + text_height)
        info = simulator.reset(name, 0)
        picture = Image.fromarray(simulator.observe().base_image).resize((side - 4, side - 4))
        sheet.paste(picture, (x + 2, y + 2))
        draw.text((x + 4, y + side), name, 'black', font=bold)
        lines = textwrap.wrap(info.instruction, 38)[:3]
        draw.text((x + 4, y + side + 18), '\n'.join(lines), (70, 70, 70), font=small)
    (DOCS / 'images').mkdir(parents=True, exist_ok=True)
    sheet.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        DOCS / 'images' / 'tasks.png', optimize=True
    )


def write_films() -> None:
    """Four rows of the contact sheets of two episodes."""
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
