# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The seat of the planner's model: text in, text out.

A backend knows nothing about episodes, ids and messages; `planner.py` judges its replies. The
learned models take this seat without a change to anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from c2a_core.types import Observation

AVAILABLE = ('oracle', 'vlm', 'openai', 'none')


@dataclass(frozen=True)
class BackendOptions:
    """What the learned backends can be told; the others have no options.

    Attributes:
        checkpoint: vlm: a shipped name such as `tiny`, a directory or a hub id.
        early_stop_chars: characters of a reply that decide that the sub-task goes on; 0 is off.
        constrained: vlm: decode only what the skill API's grammar allows.
        threads: vlm: threads of the model on the CPU; 0 leaves torch's own number.
        base_camera: vlm: pose of the camera; another checkpoint is refused. Empty: any will do.
        server_url: openai: address of the server, up to and with `/v1`.
        server_model: openai: name of the model there; empty takes the server's only one.
        server_timeout_s: openai: how long a reply may take, everything included [s].
        server_retries: openai: how often a request that failed is sent again within it.
    """

    checkpoint: str = 'tiny'
    early_stop_chars: int = 8
    constrained: bool = False
    threads: int = 0
    base_camera: str = ''
    server_url: str = 'http://127.0.0.1:8000/v1'
    server_model: str = ''
    server_timeout_s: float = 30.0
    server_retries: int = 2


@dataclass(frozen=True)
class Reply:
    """What a backend wrote about one observation.

    Attributes:
        text: a key step, or the last key step with `# ` before each line.
        early_stopped: writing stopped as soon as the text was seen to repeat the last key step.
        latency_s: time it took [s].
        n_tokens: tokens of the reply that were written or confirmed; 0 where nobody counts.
        prefill_s: part of the time until the first token [s].
        decode_s: the rest [s].
        error: why there is no reply to judge; it counts as invalid for this reason.
    """

    text: str
    early_stopped: bool = False
    latency_s: float = 0.0
    n_tokens: int = 0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    error: str = ''


class PlannerBackend(Protocol):
    """Writes one reply per observation.

    Attributes:
        name: goes into messages where there is no checkpoint.
        checkpoint: hash of the checkpoint, or the name where it has none.
        writes_code: replies are code; False: the instruction stands in for code, nothing is asked.
        is_instant: a reply takes no time worth a thread.
    """

    name: str
    checkpoint: str
    writes_code: bool
    is_instant: bool

    def reply(
        self,
        observation: Observation,
        instruction: str,
        memory: tuple[str, ...],
        request_key_step: bool,
        oracle_code: str | None,
    ) -> Reply:
        """Answer one observation.

        Args:
            observation: the newest observation.
            instruction: what the robot is asked to do.
            memory: key steps so far, oldest first.
            request_key_step: ask for the next key step directly; a commented reply is invalid.
            oracle_code: ground truth code at this observation, where there is a simulator.
        """


def make_backend(name: str, options: BackendOptions | None = None) -> PlannerBackend:
    """Build a backend by the name used in parameters and launch arguments.

    Args:
        name: one of `AVAILABLE`.
        options: of the learned backends; None takes the defaults.

    Raises:
        ValueError: for an unknown name, or a checkpoint that is not there or does not fit.
    """
    options = options or BackendOptions()
    # Imported here: a learned backend must not cost the others its imports.
    if name == 'oracle':
        from c2a_planner.oracle_backend import OracleBackend

        return OracleBackend()
    if name == 'none':
        from c2a_planner.none_backend import NoneBackend

        return NoneBackend()
    if name == 'vlm':
        from c2a_planner.vlm_backend import VlmBackend

        return VlmBackend.load(options)
    if name == 'openai':
        from c2a_planner.openai_backend import OpenAIBackend

        return OpenAIBackend(
            options.server_url,
            options.server_model,
            timeout_s=options.server_timeout_s,
            retries=options.server_retries,
            early_stop_chars=options.early_stop_chars,
        )
    raise ValueError(f"there is no planner '{name}': choose one of {', '.join(AVAILABLE)}")
