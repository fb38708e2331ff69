# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A planner's model behind any server that speaks OpenAI's chat completions.

Such servers are vLLM, llama.cpp, `transformers serve` and the like, here or for a fleet. The
request is one user message of three parts in the order of `prompt.py`: instruction and memory, the
picture as a data URL, the request. With the checkpoint's chat template the model reads what the
`vlm` backend would give it. The reply is streamed; once it is seen to repeat the last key step the
stream is closed, which ends the writing in servers that notice (those above do).

A server that fails costs one reply, not the node: the reply is invalid for a reason that says what
to do, and the last key step goes on.
"""

from __future__ import annotations

import base64
import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import cv2
import openai

from c2a_core.skill_api import comment
from c2a_core.types import ImageArray, Observation
from c2a_planner.backend import Reply
from c2a_planner.openai_errors import NoReplyError, explain, is_passing, late
from c2a_planner.prompt import (
    ASSISTANT,
    END,
    USER,
    request_text,
    text_after_image,
    text_before_image,
)
from c2a_planner.stream_deadline import hung_up_at

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionChunk

logger = logging.getLogger(__name__)

KEY_VARIABLE = 'OPENAI_API_KEY'
# The longest key step of an oracle has some 130 tokens of a full-size vocabulary.
MAX_TOKENS = 256
# Before the second try; each further one waits twice as long.
BACK_OFF_S = 0.2
LOOPBACK = ('localhost', '127.0.0.1', '::1')
PICTURE_FORMATS = ('png', 'jpeg')
# The client hands JSON on as it came, so anything that reading it may raise is the server's.
_FAILURES = (
    NoReplyError,
    openai.OpenAIError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
)


class OpenAIBackend:
    """Asks a server for replies; greedy, so as deterministic as the server is.

    Args:
        url: address of the server, up to and with `/v1`.
        model: name of the model there; empty takes the server's only one.
        timeout_s: how long a reply may take, further tries included [s].
        retries: how often a request is sent again after an error that may pass.
        early_stop_chars: characters of a reply that decide that it repeats the last key step; 0
            reads every reply to its end.
        picture_format: `png` (exact) or `jpeg` (smaller, for a slow network).
        api_key: None takes it from the environment; may be empty, local servers want none.
        sleep: waits between two tries.

    Raises:
        ValueError: for an address or a picture format that is none.
    """

    name = 'openai'
    writes_code = True
    is_instant = False

    def __init__(
        self,
        url: str,
        model: str = '',
        *,
        timeout_s: float = 30.0,
        retries: int = 2,
        early_stop_chars: int = 8,
        picture_format: str = 'png',
        api_key: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        host = _host(url)
        if picture_format not in PICTURE_FORMATS:
            raise ValueError(
                f"there is no picture format '{picture_format}': choose one of "
                f'{", ".join(PICTURE_FORMATS)}'
            )
        self._url = url.rstrip('/')
        self._model = model
        self._timeout_s = timeout_s
        self._retries = retries
        self._early_stop_chars = early_stop_chars
        self._picture_format = picture_format
        self._sleep = sleep
        key = os.environ.get(KEY_VARIABLE, '') if api_key is None else api_key
        self._has_key = bool(key)
        # A proxy of the environment does not know this machine's own servers.
        is_here = host in LOOPBACK
        self._client = openai.OpenAI(
            base_url=self._url,
            # The client wants one, local servers do not look at it.
            api_key=key or 'none',
            max_retries=0,
            timeout=timeout_s,
            http_client=openai.DefaultHttpxClient(trust_env=False) if is_here else None,
        )

    @property
    def checkpoint(self) -> str:
        """Name of the model; its hash is not known here."""
        return f'{self.name}:{self._model}' if self._model else self.name

    def reply(
        self,
        observation: Observation,
        instruction: str,
        memory: tuple[str, ...],
        request_key_step: bool,
        oracle_code: str | None,
    ) -> Reply:
        """Have a reply written; see `PlannerBackend.reply`. Errors are in `Reply.error`."""
        del oracle_code
        started = time.monotonic()
        deadline = started + self._timeout_s
        if not observation.base_image.size:
            return Reply('', error='there is no base picture: start the bridge with render:=true')
        url = picture_url(observation.base_image, self._picture_format)
        content = chat_content(instruction, memory, url, request_text(request_key_step))
        last = comment(memory[-1]) if memory and not request_key_step else ''
        try:
            return self._ask_until(deadline, started, content, last)
        except _FAILURES as err:
            logger.debug('no reply', exc_info=True)
            ended = time.monotonic()
            if ended >= deadline:
                # What was hung up on looks like any broken connection.
                error = late(self._url, self._timeout_s)
            else:
                error = explain(err, self._url, self._model, self._timeout_s, self._has_key)
            return Reply('', latency_s=ended - started, error=error)

    def _ask_until(
        self, deadline: float, started: float, content: list[dict[str, object]], last: str
    ) -> Reply:
        """Ask, again where the error may pass and there is time."""
        for tries in range(self._retries + 1):
            try:
                return self._ask(deadline, started, content, last)
            except openai.APIError as err:
                pause_s = BACK_OFF_S * 2**tries
                is_late = time.monotonic() + pause_s >= deadline
                if tries == self._retries or is_late or not is_passing(err):
                    raise
                logger.debug('asked again in %.1f s: %s', pause_s, err)
                self._sleep(pause_s)
        raise RuntimeError('unreachable: the last try returns or raises')

    def _ask(
        self, deadline: float, started: float, content: list[dict[str, object]], last: str
    ) -> Reply:
        """One request, read until it is known what it says."""
        self._model = self._model or _only_model(self._client_until(deadline), self._url)
        text, pieces, first_s, is_complete, has_stopped = '', 0, 0.0, False, False
        stream = self._client_until(deadline).chat.completions.create(
            model=self._model,
            messages=[{'role': 'user', 'content': content}],  # type: ignore[misc,list-item]
            temperature=0.0,
            max_tokens=MAX_TOKENS,
            stream=True,
        )
        with stream, hung_up_at(deadline, stream):
            for piece, end in _pieces(stream):
                if piece and not pieces:
                    first_s = time.monotonic() - started
                pieces += bool(piece)
                text += piece
                is_complete = end == 'stop'
                if end and not is_complete:
                    raise NoReplyError(f'{self._url} ended the reply early ({end})')
                has_stopped = self._repeats(last, text)
                if has_stopped:
                    break
                if time.monotonic() > deadline:
                    raise NoReplyError(late(self._url, self._timeout_s))
        if not (is_complete or has_stopped):
            raise NoReplyError(_cut(self._url, text))
        latency_s = time.monotonic() - started
        return Reply(
            last if has_stopped else text,
            early_stopped=has_stopped,
            latency_s=latency_s,
            n_tokens=pieces,
            prefill_s=first_s,
            decode_s=latency_s - first_s,
        )

    def _client_until(self, deadline: float) -> openai.OpenAI:
        return self._client.with_options(timeout=max(0.001, deadline - time.monotonic()))

    def _repeats(self, last: str, text: str) -> bool:
        """Whether the beginning of a reply is known to be the commented last key step's."""
        beginning = last[: self._early_stop_chars]
        return bool(beginning) and text.startswith(beginning)


def chat_content(
    instruction: str, memory: tuple[str, ...], picture: str, request: str
) -> list[dict[str, object]]:
    """The parts of the user's message; a chat template adds what `prompt.py` has around them.

    Args:
        instruction: what the robot is asked to do.
        memory: key steps so far, oldest first.
        picture: its URL.
        request: `STEP_REQUEST`, `KEY_STEP_REQUEST` or a question.
    """
    before = text_before_image(instruction, memory).removeprefix(f'{USER}\n')
    after = text_after_image(request).removesuffix(f'{END}\n{ASSISTANT}\n')
    return [
        {'type': 'text', 'text': before},
        {'type': 'image_url', 'image_url': {'url': picture}},
        {'type': 'text', 'text': after},
    ]


def picture_url(picture: ImageArray, picture_format: str = 'png') -> str:
    """A picture (H, W, 3) uint8 RGB as a data URL."""
    is_encoded, data = cv2.imencode(f'.{picture_format}', cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not is_encoded:
        raise ValueError(f'picture of shape {picture.shape} cannot become {picture_format}')
    text = base64.b64encode(data.tobytes()).decode()
    return f'data:image/{picture_format};base64,{text}'


def _pieces(stream: openai.Stream[ChatCompletionChunk]) -> Iterator[tuple[str, str]]:
    """Text and reason of the end, piece by piece; some servers also send chunks without."""
    for chunk in stream:
        for choice in chunk.choices or ():
            delta = choice.delta
            yield (delta.content or '') if delta else '', choice.finish_reason or ''


def _only_model(client: openai.OpenAI, url: str) -> str:
    names = [model.id for model in client.models.list()]
    if len(names) == 1:
        return names[0]
    listed = ', '.join(names[:5]) or 'none'
    raise NoReplyError(f'{url} lists {len(names)} models ({listed}), expected 1: set server_model')


def _cut(url: str, text: str) -> str:
    if text:
        return f'the server {url} closed the stream in the middle of a reply: see its log'
    return f'{url} sent no reply: server_url is the address up to and with /v1'


def _host(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ('http', 'https') or not parts.hostname:
        raise ValueError(
            f"server_url is '{url}', expected an address such as http://127.0.0.1:8000/v1"
        )
    return parts.hostname
