# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Messages that were sent and never arrived: gaps in a writer's own numbers. Knows no ROS."""

from __future__ import annotations


class SequenceGaps:
    """Counts what is missing between the messages of topics that have one writer each."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def missing(self, topic: str, number: int) -> int:
        """How many messages were lost since the last one of this topic.

        Args:
            topic: its name.
            number: what the writer has numbered this message with; a smaller one than before is
                the first of a new writer.
        """
        last = self._last.get(topic)
        self._last[topic] = number
        return 0 if last is None or number <= last else number - last - 1
