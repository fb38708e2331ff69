# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the planner remembers of an episode: its key steps, and the poses they stored.

Planner, data generation and training take memory and cache info from here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable

from c2a_core.skill_api import KeyStepCode, check_reads, parse_key_step


class KeyStepMemory:
    """Key steps of one episode, oldest first (semantics 3).

    The prompt for observation k holds the memory before it, M(k-1): take `steps` first, append
    afterwards, then take `cache_info()`, which so holds the new step's own assignments.
    """

    def __init__(self) -> None:
        self._steps: tuple[str, ...] = ()
        self._lines: dict[str, str] = {}

    @property
    def steps(self) -> tuple[str, ...]:
        """Canonical text of each key step."""
        return self._steps

    @property
    def last(self) -> str:
        """Canonical text of the running key step, empty before the first one."""
        return self._steps[-1] if self._steps else ''

    @property
    def subtask_id(self) -> int:
        """Number of the running key step, -1 before the first one."""
        return len(self._steps) - 1

    def append(self, code_text: str) -> KeyStepCode:
        """Remember a key step.

        Args:
            code_text: assignments and one call, not commented out.

        Returns:
            The key step.

        Raises:
            SkillCodeError: if it is not one or reads a key that is unset; nothing is remembered.
        """
        code = parse_key_step(code_text)
        check_reads(code, self._lines)
        self._steps = (*self._steps, code.render())
        _write_lines(self._lines, code)
        return code

    def cache_info(self) -> str:
        """Lines that assign to `pose_dict`, see `cache_info`."""
        return '\n'.join(self._lines.values())

    def keys(self) -> tuple[str, ...]:
        """Keys that are set in `pose_dict`."""
        return tuple(self._lines)

    def reset(self) -> None:
        """Forget everything: an episode begins."""
        self._steps = ()
        self._lines = {}


def cache_info(steps: Iterable[str]) -> str:
    """What a memory says about stored poses, the low-level policy's second text (semantics 3).

    Args:
        steps: text of key steps, oldest first, not commented out.

    Returns:
        The lines that assign to `pose_dict` in the order in which they were written, without those
        whose key a later line writes again; the empty string if there are none.

    Raises:
        SkillCodeError: if a step is not a key step.
    """
    lines: dict[str, str] = {}
    for step in steps:
        _write_lines(lines, parse_key_step(step))
    return '\n'.join(lines.values())


def _write_lines(lines: dict[str, str], code: KeyStepCode) -> None:
    for key, line in zip(code.keys(), code.assignment_lines(), strict=True):
        # A dict keeps the place of a key's first write; the line belongs at its last.
        lines.pop(key, None)
        lines[key] = line
