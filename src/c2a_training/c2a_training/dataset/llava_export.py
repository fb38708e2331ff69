# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Writes a dataset as LLaVA-style JSON: pictures as JPEG files, one conversation an entry.

    llava.json                        [{id, image, conversations, kind, task, episode, step}]
    images/<episode>/<step>.jpg       the base camera's pictures, as they are in the dataset

Kinds: `step` asks for the code that should be running, with the memory before it: the answer is
the code where a key step begins and the commented-out code in between. `key_step` asks for the
next key step where one begins. `where`, `presence` and `what` are auxiliary questions.
"""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from c2a_core.skill_api import comment
from c2a_training.atomic_file import atomic_path
from c2a_training.dataset.episode_rows import DONE_CODE, EpisodeRows
from c2a_training.dataset.llava_questions import make_questions

JSON_NAME = 'llava.json'
IMAGE_FOLDER = 'images'
IMAGE_TOKEN = '<image>'

STEP_REQUEST = 'Which code should be running now?'
KEY_STEP_REQUEST = 'Which key step comes next?'


@dataclass(frozen=True)
class LlavaSettings:
    """What to ask.

    Attributes:
        stride: ask at every so many steps between key steps; key steps are always asked.
        with_questions: also auxiliary questions, where a key step begins.
    """

    stride: int = 1
    with_questions: bool = True


@dataclass(frozen=True)
class Conversation:
    """One question about the base picture of one step, and its answer."""

    step: int
    kind: str
    question: str
    answer: str


def render_request(instruction: str, memory: Sequence[str], request: str) -> str:
    """What the planner is asked: instruction, memory, picture, request, in this order.

    What grows slowly comes first, so that a prefix can be reused between steps.
    """
    past = '\n'.join(memory) if memory else 'nothing yet'
    return f'Task: {instruction}\nDone so far:\n{past}\n{IMAGE_TOKEN}\n{request}'


class LlavaWriter:
    """Writes one export, episode by episode; a context manager."""

    def __init__(self, directory: Path, settings: LlavaSettings) -> None:
        """Begin an export.

        Raises:
            ValueError: if there is something in the directory.
        """
        if directory.exists() and any(directory.iterdir()):
            raise ValueError(f'{directory} is not empty: name a new directory')
        self._directory = directory
        self._settings = settings
        self._stack = contextlib.ExitStack()
        part = self._stack.enter_context(atomic_path(directory / JSON_NAME))
        # Closed by the stack, before its part takes the name.
        file = open(part, 'w', encoding='utf-8')  # noqa: SIM115
        self._file = self._stack.enter_context(file)
        self.entries = 0
        self.pictures = 0

    def __enter__(self) -> LlavaWriter:
        self._file.write('[')
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._file.write('\n]\n')
        self._stack.__exit__(kind, error, trace)

    def add(self, rows: EpisodeRows) -> None:
        """Append the conversations of an episode."""
        folder = Path(IMAGE_FOLDER) / file_name(rows.metadata.episode)
        written: set[int] = set()
        for number, item in enumerate(make_conversations(rows, self._settings)):
            image = folder / f'{item.step:05d}.jpg'
            if item.step not in written:
                path = self._directory / image
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(rows.base_jpeg[item.step])
                written.add(item.step)
            document = {
                'id': f'{rows.metadata.episode}-{number}',
                'image': image.as_posix(),
                'conversations': [
                    {'from': 'human', 'value': item.question},
                    {'from': 'gpt', 'value': item.answer},
                ],
                'kind': item.kind,
                'task': rows.metadata.task,
                'episode': rows.metadata.episode,
                'step': item.step,
            }
            self._file.write(',\n' if self.entries else '\n')
            self._file.write(json.dumps(document, ensure_ascii=False))
            self.entries += 1
        self.pictures += len(written)


def file_name(episode: str) -> str:
    """An episode's name as a folder's: variants of tasks have signs in it."""
    return ''.join(c if c.isalnum() or c in '-_.' else '_' for c in episode)


def make_conversations(rows: EpisodeRows, settings: LlavaSettings) -> Iterator[Conversation]:
    """Conversations about an episode in the order of its steps, where there are pictures."""
    since_key_step = 0
    for step, code in enumerate(rows.code):
        is_key_step = bool(rows.is_key_step[step])
        since_key_step = 0 if is_key_step else since_key_step + 1
        has_picture = rows.base_jpeg[step] is not None
        if not (code and has_picture) or (not is_key_step and since_key_step % settings.stride):
            continue
        answer = code if is_key_step else comment(code)
        yield Conversation(step, 'step', _request(rows, step, STEP_REQUEST), answer)
        if not is_key_step:
            continue
        yield Conversation(step, 'key_step', _request(rows, step, KEY_STEP_REQUEST), code)
        if settings.with_questions and code != DONE_CODE:
            yield from _questions(rows, step)


def _request(rows: EpisodeRows, step: int, request: str) -> str:
    return render_request(rows.metadata.instruction, rows.memory[step], request)


def _questions(rows: EpisodeRows, step: int) -> Iterator[Conversation]:
    labels = rows.labels[step]
    if labels is None:
        return
    # The same export has the same questions, whatever else is in it.
    rng = np.random.default_rng([zlib.crc32(rows.metadata.episode.encode()), step])
    for question in make_questions(labels, rng):
        text = f'{IMAGE_TOKEN}\n{question.text}'
        yield Conversation(step, question.kind, text, question.answer)
