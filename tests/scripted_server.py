# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A chat-completions server on the loopback that answers what a test tells it to."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


class ScriptedServer:
    """Gives one answer per request, the last one again and again; a context manager.

    Attributes:
        requests: (path, headers by small names, JSON body) of what was asked.
        is_hung_up: set once a client has left in the middle of a stream.
    """

    def __init__(self, *answers: Answer) -> None:
        self.requests: list[tuple[str, dict[str, str], dict]] = []
        self.is_hung_up = threading.Event()
        self.released = threading.Event()
        self._answers = deque(answers)
        owner = self

        class Handler(BaseHTTPRequestHandler):
            server_version = 'scripted'
            owner: ScriptedServer

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                owner.requests.append((self.path, headers, json.loads(body or '{}')))
                owner._next()(self)

            do_GET = do_POST  # noqa: N815 (the name that the base class looks for)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        Handler.owner = self
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self._server.daemon_threads = True
        self.url = f'http://127.0.0.1:{self._server.server_port}/v1'

    def __enter__(self) -> ScriptedServer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _next(self) -> Answer:
        return self._answers.popleft() if len(self._answers) > 1 else self._answers[0]


def plain(status: int, body: object, content_type: str = 'application/json') -> Answer:
    """One answer with a status and a body; what is no text becomes JSON."""
    data = (body if isinstance(body, str) else json.dumps(body)).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header('Content-Type', content_type)
        handler.send_header('Content-Length', str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def stream(*pieces: str, end: str | None = 'stop') -> Answer:
    """A reply in pieces; `end` None: the server closes the connection instead of ending."""
    chunks = [{'choices': [{'index': 0, 'delta': {'role': 'assistant', 'content': ''}}]}]
    chunks += [{'choices': [{'index': 0, 'delta': {'content': piece}}]} for piece in pieces]
    if end is not None:
        chunks.append({'choices': [{'index': 0, 'delta': {}, 'finish_reason': end}]})
        # Some servers send the usage in a chunk without choices.
        chunks.append({'choices': [], 'usage': {'completion_tokens': len(pieces)}})
    lines = [f'data: {json.dumps(chunk)}\n\n' for chunk in chunks]
    return events(*lines, *(['data: [DONE]\n\n'] if end is not None else []))


def events(*lines: str) -> Answer:
    """A stream of server-sent events as they are written here."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        _begin_stream(handler)
        for line in lines:
            handler.wfile.write(line.encode())
            handler.wfile.flush()

    return answer


def endless(piece: str) -> Answer:
    """The same piece for ever, until the client hangs up."""
    line = f'data: {json.dumps({"choices": [{"index": 0, "delta": {"content": piece}}]})}\n\n'

    def answer(handler: BaseHTTPRequestHandler) -> None:
        owner = handler.owner
        _begin_stream(handler)
        try:
            while not owner.released.is_set():
                handler.wfile.write(line.encode())
                handler.wfile.flush()
        except OSError:
            owner.is_hung_up.set()

    return answer


def pinging(seconds: float = 5.0) -> Answer:
    """A stream of comments and no reply, until the client hangs up; then, or late, it ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        owner = handler.owner
        _begin_stream(handler)
        try:
            for _ in range(round(seconds / 0.02)):
                handler.wfile.write(b': ping\n\n')
                handler.wfile.flush()
                if owner.released.wait(0.02):
                    return
        except OSError:
            owner.is_hung_up.set()

    return answer


def silent(handler: BaseHTTPRequestHandler) -> None:
    """No answer before the test is over."""
    handler.owner.released.wait()


def _begin_stream(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header('Content-Type', 'text/event-stream')
    handler.end_headers()
