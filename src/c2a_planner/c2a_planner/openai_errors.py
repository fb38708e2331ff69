# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What went wrong with a model's server, in a sentence that says what to do."""

from __future__ import annotations

import json

import openai

MAX_QUOTE = 200

UNAUTHORISED = (401, 403)
NOT_FOUND = 404
# Worth another try: the server is busy, restarts, or a proxy before it does.
PASSING = (408, 409, 429)


class NoReplyError(RuntimeError):
    """There is no usable reply, for a reason that the message tells."""


def is_passing(err: Exception) -> bool:
    """Whether the same request may succeed a moment later."""
    if isinstance(err, openai.APIStatusError):
        return err.status_code >= 500 or err.status_code in PASSING
    is_late = isinstance(err, openai.APITimeoutError)
    return isinstance(err, openai.APIConnectionError) and not is_late


def explain(err: Exception, url: str, model: str, timeout_s: float, has_key: bool) -> str:
    """A sentence about a failed request.

    Args:
        err: what the client raised.
        url: address of the server.
        model: name of the model there.
        timeout_s: how long a reply may take [s].
        has_key: a key was sent.
    """
    if isinstance(err, NoReplyError):
        return str(err)
    if isinstance(err, openai.APITimeoutError):
        return late(url, timeout_s)
    if isinstance(err, openai.APIConnectionError):
        cause = quote(str(err.__cause__ or err))
        return f'no answer from {url} ({cause}): is the server running, is server_url right?'
    if isinstance(err, openai.APIStatusError):
        return _explain_status(err, url, model, has_key)
    if isinstance(err, openai.APIError):
        return f'the server {url} failed while it wrote ({server_words(err)}): see its log'
    return (
        f'what {url} sent is no chat completion ({type(err).__name__}: {quote(str(err))}): '
        'server_url is the address up to and with /v1'
    )


def late(url: str, timeout_s: float) -> str:
    """A reply that did not come in time."""
    return (
        f'no reply from {url} within {timeout_s:g} s: raise server_timeout_s, or give the server '
        'a smaller model or fewer robots'
    )


def server_words(err: openai.APIError) -> str:
    """What the server itself says, shortened."""
    text = err.response.text if isinstance(err, openai.APIStatusError) else ''
    try:
        content = json.loads(text) if text else err.body
    except ValueError:
        content = text
    for key in ('error', 'detail', 'message'):
        if isinstance(content, dict) and content.get(key):
            content = content[key]
    return quote(str(content or err))


def quote(text: str) -> str:
    """One line of somebody else's text."""
    line = ' '.join(text.split())
    return line if len(line) <= MAX_QUOTE else line[:MAX_QUOTE] + '…'


def _explain_status(err: openai.APIStatusError, url: str, model: str, has_key: bool) -> str:
    said = f'{err.status_code}: {server_words(err)}'
    if err.status_code in UNAUTHORISED:
        what = 'refuses the key in OPENAI_API_KEY' if has_key else 'wants a key'
        return f'the server {url} {what} ({said}): set OPENAI_API_KEY where the planner starts'
    if err.status_code == NOT_FOUND:
        return (
            f"the server {url} has no model '{model}' ({said}): {url}/models lists what it has; "
            'server_url is the address up to and with /v1'
        )
    if is_passing(err):
        return f'the server {url} is busy or failed ({said}): see its log'
    return (
        f'the server {url} refuses the request ({said}): does it serve '
        f"'{model}', does that model take pictures?"
    )
