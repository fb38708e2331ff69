# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The planner's own model in the backend's seat.

Early stopping: once the first `early_stop_chars` characters of a reply are those of the commented
last key step, the reply is that key step. The first observation of a step costs its prompt; then
each one costs its picture and one pass, in which the draft is confirmed.
"""

from __future__ import annotations

import functools
import time

import numpy as np
import torch

from c2a_core.process_memory import keep_freed_memory
from c2a_core.skill_api import comment
from c2a_core.types import Observation
from c2a_planner.backend import BackendOptions, Reply
from c2a_planner.code_grammar import CodeGrammar
from c2a_planner.prompt import END, request_text
from c2a_planner.reply_writer import write_reply
from c2a_planner.vlm import VisionLanguageModel

# The longest key step of an oracle has some 130 tokens of a full-size vocabulary.
MAX_TOKENS = 256


class VlmBackend:
    """Writes replies with a `VisionLanguageModel`; deterministic.

    Args:
        model: writes.
        early_stop_chars: see the module; 0 writes every reply out.
        constrained: decode only what the skill API's grammar allows.
        max_tokens: a reply that is longer is cut, and so invalid.
    """

    name = 'vlm'
    writes_code = True
    is_instant = False

    def __init__(
        self,
        model: VisionLanguageModel,
        early_stop_chars: int = 8,
        constrained: bool = False,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        self.model = model
        self.checkpoint = model.checkpoint.label if model.checkpoint else 'unsaved'
        self._early_stop_chars = early_stop_chars
        self._max_tokens = max_tokens
        self._grammar = None
        if constrained:
            self._grammar = CodeGrammar(model.tokenizer, model.vocabulary_size, model.end_id)
        self._draft = functools.lru_cache(8)(self._new_draft)

    @classmethod
    def load(cls, options: BackendOptions) -> VlmBackend:
        """Load the checkpoint that the options name.

        Raises:
            CheckpointError: if it is not there or does not fit.
        """
        keep_freed_memory()
        if options.threads:
            torch.set_num_threads(options.threads)
        model = VisionLanguageModel.load(options.checkpoint, base_camera=options.base_camera)
        backend = cls(model, options.early_stop_chars, options.constrained)
        backend.warm_up()
        return backend

    def warm_up(self) -> None:
        """Run once: the first pass of a model takes several times as long as the others."""
        side = self.model.pictures.size
        prompt = self.model.encode_prompt('', (), request_text(False))
        self.model.read(prompt, np.zeros((side, side, 3), np.uint8))
        self.model.go_on([self.model.end_id])
        self.model.clear()

    def reply(
        self,
        observation: Observation,
        instruction: str,
        memory: tuple[str, ...],
        request_key_step: bool,
        oracle_code: str | None,
    ) -> Reply:
        """Write a reply; see `PlannerBackend.reply`."""
        del oracle_code
        height, width = observation.base_image.shape[:2]
        if not 0 < height == width:
            return Reply(
                '',
                error=f'the base picture has {width} x {height} pixels, expected a square one: '
                'start the bridge with render:=true',
            )
        started = time.perf_counter()
        if not memory:
            # An episode begins. What is kept of the last one's prompt would change the last bits
            # of this one's, and an episode would depend on those before it.
            self.model.clear()
        prompt = self.model.encode_prompt(instruction, memory, request_text(request_key_step))
        # What the model is expected to say; a new key step cannot be guessed.
        last = comment(memory[-1]) if memory and not request_key_step else ''
        constraint = self._grammar and self._grammar.constrain(memory, request_key_step)
        written = write_reply(
            self.model,
            prompt,
            observation.base_image,
            max_tokens=self._max_tokens,
            draft=self._draft(last),
            is_enough=functools.partial(self._repeats, last) if last else None,
            constraint=constraint,
        )
        return Reply(
            last if written.is_stopped else written.text,
            early_stopped=written.is_stopped,
            latency_s=time.perf_counter() - started,
            n_tokens=written.n_tokens,
            prefill_s=written.prefill_s,
            decode_s=written.decode_s,
        )

    def _repeats(self, last: str, text: str) -> bool:
        """Whether the beginning of a reply is known to be the commented last key step's."""
        count = self._early_stop_chars
        return 0 < count <= len(text) and text[:count] == last[:count]

    def _new_draft(self, text: str) -> tuple[int, ...]:
        """Tokens of a text as far as they are looked at."""
        if not text:
            return ()
        ids = self.model.encode(text + END)
        count = self._early_stop_chars
        if count:
            lengths = (len(self.model.decode_text(ids[: n + 1])) for n in range(len(ids)))
            ids = ids[: next((n + 1 for n, length in enumerate(lengths) if length >= count), None)]
        return tuple(ids)
