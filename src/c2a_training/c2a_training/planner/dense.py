# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Dense pre-training of the vision tower: what is in each cell, as the simulator knows it.

A small model does not discover vision by predicting text alone in the time that two cores have.
Four linear heads on the tower's tokens say what covers a cell (colour, shape) and which object
has its centre there (colour, noun): the answer to "where is" is then one look-up away for the
language model. The heads are thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from c2a_core.spaces import GRID_SIZE
from c2a_sim_bridge.sim.labels import COLOR_LABELS, SHAPE_LABELS, ObjectLabels

CELLS = GRID_SIZE * GRID_SIZE
# Label 0 is nothing; `other` is a noun that is not listed.
NOUNS = (*SHAPE_LABELS, 'area', 'goal', 'plate', 'other')
COLORS = (*COLOR_LABELS, 'other')
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
            losses.append(functional.cross_entropy(flat, target))
            covered = target > 0
            hits = (flat.argmax(-1) == target)[covered].float().mean()
            accuracies[name] = float(hits) if covered.any() else 1.0
        return torch.stack(losses).mean(), accuracies


def dense_labels(labels: Sequence[ObjectLabels]) -> torch.Tensor:
    """Labels (B, 4, 100) int64 of B pictures, in the order of `HEADS`."""
    result = np.zeros((len(labels), len(HEADS), CELLS), np.int64)
    for out, label in zip(result, labels, strict=True):
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
