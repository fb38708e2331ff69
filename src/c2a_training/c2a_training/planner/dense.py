# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Dense pre-training of the vision tower: what is in each cell, as the simulator knows it.

A small model does not discover vision by predicting text alone in the time that two cores have.
Four linear heads on the tower's tokens say what covers a cell (colour, shape) and which object
has its centre there (colour, noun): the answer to "where is" is then one look-up away for the
language model. `WordHeads` teach the projector to say the same in the language model's own words.
All heads are thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from c2a_core.spaces import GRID_SIZE
from c2a_sim_bridge.sim.labels import COLOR_LABELS, SHAPE_LABELS, ObjectLabels

CELLS = GRID_SIZE * GRID_SIZE
# Label 0 is nothing; `other` is a noun that is not listed.
OTHER = 'other'
# Nobody labelled the picture; losses leave it out.
UNKNOWN = -100
NOUNS = (*SHAPE_LABELS, 'area', 'goal', 'plate', OTHER)
COLORS = (*COLOR_LABELS, OTHER)
HEADS = {
    'cell_color': 1 + len(COLOR_LABELS),
    'cell_shape': 1 + len(SHAPE_LABELS),
    'center_color': 1 + len(COLORS),
    'center_noun': 1 + len(NOUNS),
}


class DenseHeads(nn.Module):
    """What is in each cell, from the vision tower's tokens.

    Args:
        hidden_size: of the tokens.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(
            {name: nn.Linear(hidden_size, classes) for name, classes in HEADS.items()}
        )

    def forward(self, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        """Tokens (B, 100, H) to logits (B, 100, classes) of each head."""
        return {name: head(tokens) for name, head in self.heads.items()}

    def loss(
        self, tokens: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Cross-entropy and accuracies.

        Args:
            tokens: (B, 100, H).
            labels: (B, 4, 100) int64 in the order of `HEADS`, see `dense_labels`.

        Returns:
            The mean loss over heads, and of each head the accuracy over cells with something.
        """
        losses, accuracies = [], {}
        for index, (name, logits) in enumerate(self(tokens).items()):
            target = labels[:, index].flatten()
            flat = logits.flatten(0, 1).float()
            losses.append(functional.cross_entropy(flat, target, ignore_index=UNKNOWN))
            covered = target > 0
            hits = (flat.argmax(-1) == target)[covered].float().mean()
            accuracies[name] = float(hits) if covered.any() else 1.0
        return torch.stack(losses).mean(), accuracies


class WordHeads(nn.Module):
    """What the projector's tokens say in the language model's own words.

    The language model reads a picture's tokens beside its words' embeddings. Each token of a
    picture is taught to lie near the words for its cell, and for the colour and the noun of the
    object whose centre is there: finding "red cube" among them is a comparison of like with
    like, and saying where it is a copy.

    Args:
        hidden_size: of the language model.
        words: token ids of each class of cells, colours and nouns, see `word_classes`; a class
            without any gets a vector of its own.
    """

    def __init__(self, hidden_size: int, words: Sequence[Sequence[Sequence[int]]]) -> None:
        super().__init__()
        self.own = nn.ParameterList(
            nn.Parameter(torch.randn(sum(not ids for ids in group), hidden_size))
            for group in words
        )
        self.scale = nn.Parameter(torch.full((len(words),), 2.0))
        for index, group in enumerate(words):
            known = [ids for ids in group if ids]
            starts = [0, *accumulate(map(len, known))][:-1]
            # Known classes come first in a bag of embeddings, the others after them.
            order = sorted(range(len(group)), key=lambda place, group=group: not group[place])
            for name, values in (
                ('ids', [token for ids in known for token in ids]),
                ('starts', starts),
                ('places', np.argsort(order).tolist()),
            ):
                buffer = torch.tensor(values, dtype=torch.long)
                self.register_buffer(f'{name}{index}', buffer, persistent=False)

    def loss(
        self, tokens: torch.Tensor, embeddings: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """Cross-entropy of a cell, summed over cells, colours and nouns.

        Args:
            tokens: (B, 100, H), of the projector.
            embeddings: (V, H), of the words.
            labels: (B, 4, 100) as `dense_labels` makes them.
        """
        with torch.autocast(tokens.device.type, enabled=False):
            tokens = functional.normalize(tokens.float(), dim=-1)
            cells = torch.arange(CELLS, device=tokens.device).expand(len(tokens), -1)
            losses = []
            for index, target in enumerate((cells, labels[:, 2], labels[:, 3])):
                classes = self._classes(index, embeddings.float())
                logits = self.scale[index].exp() * tokens @ classes.T
                losses.append(
                    functional.cross_entropy(
                        logits.flatten(0, 1), target.flatten(), ignore_index=UNKNOWN
                    )
                )
            return torch.stack(losses).sum()

    def _classes(self, index: int, embeddings: torch.Tensor) -> torch.Tensor:
        """Unit vectors (classes, H) of a group; a word of several tokens is their mean."""
        ids, starts = getattr(self, f'ids{index}'), getattr(self, f'starts{index}')
        known = functional.embedding_bag(ids, embeddings, starts, mode='mean')
        vectors = torch.cat([known, self.own[index]])
        return functional.normalize(vectors[getattr(self, f'places{index}')], dim=-1)


def word_classes(encode: Callable[[str], Sequence[int]]) -> list[list[list[int]]]:
    """Token ids of the classes of `WordHeads`: cells, colours and nouns.

    Args:
        encode: gives the token ids of a text.
    """
    cells = [list(encode(f'({c}, {r})')) for r in range(GRID_SIZE) for c in range(GRID_SIZE)]
    # As in "the red cube", where the article has the space before the colour. Class 0 is nothing.
    colors = [list(encode(color)) if color != OTHER else [] for color in COLORS]
    nouns = [list(encode(f' {noun}')) if noun != OTHER else [] for noun in NOUNS]
    return [cells, [[], *colors], [[], *nouns]]


def dense_labels(labels: Sequence[ObjectLabels | None]) -> torch.Tensor:
    """Labels (B, 4, 100) int64 of B pictures, in the order of `HEADS`; None gives `UNKNOWN`."""
    result = np.zeros((len(labels), len(HEADS), CELLS), np.int64)
    for out, label in zip(result, labels, strict=True):
        if label is None:
            out[:] = UNKNOWN
            continue
        out[0], out[1] = label.cell_colors, label.cell_shapes
        # The largest object last: it wins a cell that two centres share.
        for index in np.argsort(label.pixels):
            if label.pixels[index] <= 0:
                continue
            column, row = label.cells[index].tolist()
            color, _, noun = label.names[index].partition(' ')
            cell = row * GRID_SIZE + column
            out[2, cell] = 1 + _index(COLORS, color)
            out[3, cell] = 1 + _index(NOUNS, noun)
    return torch.from_numpy(result)


def _index(words: Sequence[str], word: str) -> int:
    return words.index(word) if word in words else len(words) - 1
