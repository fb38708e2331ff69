# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Layouts as the base camera sees them: objects of one name must be told apart by their cells."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from c2a_core.geometry import rotation_matrix_from_quat_wxyz
from c2a_sim_bridge.sim.cameras import base_camera, grid_cell
from c2a_sim_bridge.sim.objects import PlacedObject

SAME_NAME_DISTANCE_M = 0.17
"""Between two objects of one name: their cells in the default camera's picture tell them apart."""

MIN_CELLS = 2.0
"""Least distance in cells between two objects of one name, in the default camera's picture."""

# The task suite's own camera shows the table smaller: there the cells only differ.
_LEAST_DISTANCE = (
    (base_camera('framed'), MIN_CELLS),
    (base_camera('original'), 1.0),
)


def are_cells_apart(layout: Sequence[PlacedObject]) -> bool:
    """Whether objects of one name lie far enough apart in the picture to be named by cell."""
    twins = [
        pair
        for pair in itertools.combinations(range(len(layout)), 2)
        if layout[pair[0]].name == layout[pair[1]].name
    ]
    for camera, least in _LEAST_DISTANCE:
        cells = {k: grid_cell(camera, _corners(layout[k])) for pair in twins for k in pair}
        if any(math.dist(cells[a], cells[b]) < least for a, b in twins):
            return False
    return True


def _corners(placed: PlacedObject):
    rotation = rotation_matrix_from_quat_wxyz(placed.quat_wxyz)
    return placed.spec.vertices @ rotation.T + placed.position
