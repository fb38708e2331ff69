# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Published numbers that ours stand beside. Data only.

Source: "From Code to Action: Hierarchical Learning of Diffusion-VLM Policies", Table 1 (success in
per cent; VLM+Oracle, and the flat policy trained on L0+L1) and Table 2 (appendix D: VLM+Oracle on
100 seeds a task, success in per cent and the mean number of API calls). They were measured in the
ClevrSkills simulator with a LLaVA-Phi-3 planner, ours in C2A's own simulator: same tasks, other
scenes, other physics, other oracles.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = '"From Code to Action: Hierarchical Learning of Diffusion-VLM Policies", Tables 1 and 2'


@dataclass(frozen=True)
class Published:
    """One published column.

    Attributes:
        title: of the column.
        success: per cent by our name of the task.
        mean: the mean that is printed in the paper; Table 2's rows give 72.0, it prints 72.6.
    """

    title: str
    success: dict[str, float]
    mean: float


TABLE1_VLM_ORACLE = Published(
    'paper, Table 1, VLM+Oracle',
    {
        'PlaceNextTo': 83.1,
        'PlaceOnTop': 75.0,
        'Topple': 100.0,
        'Push': 91.5,
        'SingleStack': 81.5,
        'StackTopple': 71.0,
        'PushToTarget': 75.3,
        'Pick': 87.0,
        'ReverseStack': 80.0,
        'NovelNoun': 63.4,
    },
    80.78,
)

TABLE1_FLAT = Published(
    'paper, Table 1, flat DP (L0+L1)',
    {
        'PlaceNextTo': 25.8,
        'PlaceOnTop': 17.2,
        'Topple': 94.5,
        'Push': 69.5,
        'SingleStack': 15.6,
        'StackTopple': 0.0,
        'PushToTarget': 8.6,
        'Pick': 35.9,
        'ReverseStack': 0.0,
        'NovelNoun': 14.8,
    },
    28.19,
)

TABLE2_VLM_ORACLE = Published(
    'paper, Table 2, VLM+Oracle',
    {
        'PickOne': 99,
        'PlaceOnTopHeld': 84,
        'PlaceNextToHeld': 96,
        'Rotate': 83,
        'ThrowAt': 71,
        'ThrowToTopple': 91,
        'Touch': 94,
        'Push': 93,
        'Topple': 100,
        'PickAndPlaceOnTop': 79,
        'PickAndPlaceNextTo': 96,
        'FollowOrder': 83,
        'FollowOrderAndRestore': 55,
        'Neighbour': 50,
        'NovelAdjective': 31,
        'NovelNoun': 58,
        'NovelNounAdjective': 56,
        'RotateAndRestore': 72,
        'RotateSymmetry': 58,
        'Stack': 90,
        'StackReversed': 79,
        'SortByTexture': 41,
        'Swap': 84,
        'ThrowOnto': 100,
        'BalanceScale': 44,
        'StackSorted': 57,
        'StackAndTopple': 81,
        'SwapByPushing': 7,
        'SwapAndRotate': 83,
        'ThrowAndSort': 46,
    },
    72.6,
)

COLUMNS: dict[str, Published] = {
    'table1': TABLE1_VLM_ORACLE,
    'table1-flat': TABLE1_FLAT,
    'table2': TABLE2_VLM_ORACLE,
}
"""By the name that `c2a evaluate compare --published` takes."""


def find_column(tasks: list[str], low_level: str, planner: str) -> Published | None:
    """The published column that results belong beside, None if there is none.

    Args:
        tasks: of the results; all of them have to be in the column.
        low_level: of the results.
        planner: of the results.
    """
    if planner == 'none':
        columns = ['table1-flat']
    elif planner != 'oracle' and low_level == 'oracle':
        columns = ['table1', 'table2']
    else:
        return None
    found = (COLUMNS[name] for name in columns)
    return next((column for column in found if set(tasks) <= set(column.success)), None)
