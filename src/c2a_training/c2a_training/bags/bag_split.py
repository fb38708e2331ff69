# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""From which objects the scene of a recorded episode was drawn."""

from __future__ import annotations

from c2a_core.types import EpisodeStatus

SPLITS = ('simple', 'train', 'test')
NO_SPLIT = 'simple'
"""What datasets say of episodes from backends without splits."""
_WITH_SPLITS = ('maniskill',)


def split_of(status: EpisodeStatus, said: str = '') -> str:
    """Split of an episode, for its name in a dataset and for its scene in the simulator.

    Args:
        status: the bag's word.
        said: the user's word, for bags from before the bridge said it; empty for none.

    Raises:
        ValueError: if the two contradict each other, or neither says it.
    """
    if status.split:
        if said and said != status.split:
            raise ValueError(
                f'the bag says that its scene is of split {status.split}, --split says {said}: '
                'leave --split out'
            )
        return status.split
    if said:
        return said
    if status.backend in _WITH_SPLITS:
        raise ValueError(
            'the bag does not say from which split its scene was drawn (it was recorded before '
            f'the bridge told): give --split {", ".join(SPLITS[:-1])} or {SPLITS[-1]}'
        )
    return NO_SPLIT
