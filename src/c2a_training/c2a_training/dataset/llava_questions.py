# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Auxiliary questions about a base picture: where is it, is it there, what is there, which one.

They are asked about objects that can be seen, with as many that have to be denied: a name that is
not in the scene, and a cell that is far from every object. Cells are those of `get_actor`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from c2a_core.spaces import GRID_SIZE
from c2a_sim_bridge.sim.labels import ObjectLabels
from c2a_sim_bridge.sim.objects import COLORS, SHAPES

Cell = tuple[int, int]
# A denied cell is farther than this from every object's, so that its answer is not a matter of
# taste.
FAR_CELLS = 3.0
_TRIES = 10
# Words that mean what a question says they mean.
_NOVEL_WORDS = ('dax', 'blicket', 'wug', 'zup')


class Question(NamedTuple):
    """One question with its answer."""

    kind: str
    text: str
    answer: str


def make_questions(labels: ObjectLabels, rng: np.random.Generator) -> list[Question]:
    """Questions about one picture.

    Args:
        labels: of the picture.
        rng: chooses the denied name and cell.

    Returns:
        Of kinds `where`, `presence` and `what`, true and denied ones, and `which`.
    """
    places = _visible(labels)
    if not places:
        return []
    fake_name, fake_cell = _fake_name(labels, rng), _fake_cell(labels, rng)
    return [
        *_where(places, fake_name),
        *_presence(places, fake_name, fake_cell),
        *_what(places, fake_cell),
        *_which(places, str(rng.choice(_NOVEL_WORDS))),
    ]


def with_article(name: str) -> str:
    """`a red cube`, `an orange cube`."""
    return f'{"an" if name[0] in "aeiou" else "a"} {name}'


def _visible(labels: ObjectLabels) -> dict[str, list[Cell]]:
    """Cells of each name, of what can be seen."""
    places: dict[str, list[Cell]] = {}
    for name, cell, pixels in zip(labels.names, labels.cells, labels.pixels, strict=True):
        if pixels > 0:
            column, row = cell.tolist()
            places.setdefault(name, []).append((column, row))
    return places


def _fake_name(labels: ObjectLabels, rng: np.random.Generator) -> str | None:
    """A name that no object of the scene has, hidden ones included."""
    names = [f'{color} {shape}' for color in COLORS for shape in SHAPES]
    free = [name for name in names if name not in labels.names]
    return str(rng.choice(free)) if free else None


def _fake_cell(labels: ObjectLabels, rng: np.random.Generator) -> Cell | None:
    """A cell in which nothing is, far from every object."""
    cells = rng.integers(0, GRID_SIZE, (_TRIES, 2))
    for column, row in cells.tolist():
        distances = np.linalg.norm(labels.cells.astype(float) - (column, row), axis=1)
        is_empty = labels.cell_colors[row * GRID_SIZE + column] == 0
        if is_empty and np.all(distances > FAR_CELLS):
            return column, row
    return None


def _where(places: dict[str, list[Cell]], fake: str | None) -> Iterator[Question]:
    for name, cells in places.items():
        at = ' and at '.join(map(str, cells))
        verb = f'There are {len(cells)} of them,' if len(cells) > 1 else f'The {name} is'
        yield Question('where', f'Where is the {name}?', f'{verb} at {at}.')
    if fake is not None:
        yield Question('where', f'Where is the {fake}?', f'There is no {fake}.')


def _presence(
    places: dict[str, list[Cell]], fake_name: str | None, fake_cell: Cell | None
) -> Iterator[Question]:
    names = [*places, *([] if fake_name is None else [fake_name])]
    cells = sorted({cell for found in places.values() for cell in found})
    for name in names:
        for cell in [*cells, *([] if fake_cell is None else [fake_cell])]:
            there = [other for other, found in places.items() if cell in found]
            if name in there:
                answer = f'Yes, {with_article(name)} is at {cell}.'
            elif there:
                answer = f'No, {_are(there)} at {cell}.'
            else:
                answer = f'No, nothing is at {cell}.'
            yield Question('presence', f'Is there {with_article(name)} at {cell}?', answer)


def _what(places: dict[str, list[Cell]], fake: Cell | None) -> Iterator[Question]:
    cells = sorted({cell for found in places.values() for cell in found})
    for cell in cells:
        there = [name for name, found in places.items() if cell in found]
        answer = f'{_are(there)} at {cell}.'
        yield Question('what', f'What is at {cell}?', answer[0].upper() + answer[1:])
    if fake is not None:
        yield Question('what', f'What is at {fake}?', f'Nothing is at {fake}.')


def _which(places: dict[str, list[Cell]], word: str) -> Iterator[Question]:
    """The only cube, the only red object: what it is called, and where it is by its whole name.

    In code as well: what is only asked in sentences is slow to be used there.
    """
    words = [word for name, cells in places.items() for word in name.split(' ', 1) * len(cells)]
    for name, cells in places.items():
        color, _, noun = name.partition(' ')
        if color not in COLORS or not noun:
            continue
        where = f'The {name} is at {cells[0]}.'
        call = f"move3d(actor=get_actor('{name}', {cells[0]}))"
        if words.count(noun) == 1:
            yield Question('which', f'What color is the {noun}?', f'The {noun} is {color}.')
            yield Question('which', f'Where is the {noun}?', where)
            meaning = f'{with_article(noun).capitalize()} is {with_article(word)}.'
            yield Question('which', f'{meaning} Where is the {word}?', where)
            yield Question('which', f'{meaning} Move to the {word}', call)
            yield Question('which', f'Move to the {noun}', call)
        if words.count(color) == 1:
            thing = f'{color} object'
            yield Question(
                'which', f'What is the {thing}?', f'The {thing} is {with_article(noun)}.'
            )
            yield Question('which', f'Where is the {thing}?', where)
            yield Question('which', f'Move to the {thing}', call)


def _are(names: list[str]) -> str:
    """`a red cube is`, `a red cube and a blue cube are`."""
    return f'{" and ".join(map(with_article, names))} {"are" if len(names) > 1 else "is"}'
