# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Write the tables of fields in `src/c2a_msgs/README.md` from the comments of the interface files.

python scripts/interface_tables.py            rewrite the README
python scripts/interface_tables.py --check    exit code 1 if it is out of date
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / 'src' / 'c2a_msgs'
README = PACKAGE / 'README.md'
MARKER = '<!-- Below: written by scripts/interface_tables.py from the interface files. -->\n'

PARTS = {'msg': [''], 'srv': ['Request', 'Response'], 'action': ['Goal', 'Result', 'Feedback']}

_FIELD = re.compile(r'(?P<type>[\w/]+(?:\[\d*\])?) (?P<name>\w+)(?:=(?P<value>.+))?')


def tables() -> str:
    """All tables as Markdown, in the order messages, services, actions."""
    files = [path for kind in PARTS for path in sorted((PACKAGE / kind).glob(f'*.{kind}'))]
    return '\n'.join(_interface(path) for path in files)


def readme() -> str:
    """The README as it should be: what is written by hand, then the tables."""
    by_hand = README.read_text(encoding='utf-8').split(MARKER)[0]
    return f'{by_hand}{MARKER}\n{tables()}'


def _interface(path: Path) -> str:
    blocks = path.read_text(encoding='utf-8').split('\n---\n')
    head, rest = _introduction(blocks[0])
    text = f'## {path.parent.name}/{path.stem}\n\n{head}\n'
    for title, block in zip(PARTS[path.parent.name], [rest, *blocks[1:]], strict=True):
        constants, fields = _rows(block)
        text += f'\n{title}:\n' if title else ''
        text += '\n| field | type | meaning |\n|---|---|---|\n' + ''.join(fields)
        if constants:
            text += '\n| constant | value | meaning |\n|---|---|---|\n' + ''.join(constants)
    return text


def _introduction(block: str) -> tuple[str, str]:
    """First comment after the licence, and what follows it."""
    _, head, rest = block.split('\n\n', 2)
    return ' '.join(line.removeprefix('# ') for line in head.splitlines()), rest


def _rows(block: str) -> tuple[list[str], list[str]]:
    constants: list[str] = []
    fields: list[str] = []
    comment: list[str] = []
    for line in block.splitlines():
        match = _FIELD.fullmatch(line)
        if line.startswith('# '):
            comment.append(line[2:])
        elif match:
            meaning = ' '.join(comment)
            shown = match['value'] or match['type']
            rows = constants if match['value'] else fields
            rows.append(f'| `{match["name"]}` | `{shown}` | {meaning} |\n')
        if not line.startswith('# '):
            comment = []
    return constants, fields


def main() -> int:
    """Rewrite the README, or check it."""
    wanted = readme()
    if wanted == README.read_text(encoding='utf-8'):
        return 0
    if '--check' in sys.argv:
        print(f'{README.name} is out of date: run python scripts/interface_tables.py')
        return 1
    README.write_text(wanted, encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
