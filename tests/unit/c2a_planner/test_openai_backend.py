# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The `openai` backend against a scripted server: what it asks, what it makes of each answer."""

from __future__ import annotations

import base64
import re
import socket
from dataclasses import replace

import cv2
import numpy as np
import pytest
from fakes import CUBE, FakeSimulator
from scripted_server import ScriptedServer, endless, events, pinging, plain, silent, stream

from c2a_core.skill_api import comment
from c2a_core.types import ReplyStatus
from c2a_planner import prompt
from c2a_planner.backend import make_backend
from c2a_planner.params import PlannerParams
from c2a_planner.planner import Planner

pytest.importorskip('openai')

from c2a_planner.openai_backend import OpenAIBackend  # noqa: E402

PICK = f'pick(actor={CUBE})'
MOVE = f'move3d(actor={CUBE})'
HTML = '<html><body>It works!</body></html>'


def make_observation(step: int = 0):
    simulator = FakeSimulator(image_size=16)
    simulator.reset('FakeTask', 0, None, {})
    picture = np.random.default_rng(step).integers(0, 255, (16, 16, 3), np.uint8)
    return replace(simulator.observe(1), step=step, base_image=picture)


def ask(server: ScriptedServer, *, memory=(), request_key_step=False, **options):
    backend = OpenAIBackend(
        server.url, **{'model': 'planner', 'api_key': '', 'sleep': lambda _s: None, **options}
    )
    return backend.reply(make_observation(), 'Pick it up', memory, request_key_step, None)


def test_request_has_instruction_memory_picture_and_request_in_the_prompts_order():
    with ScriptedServer(stream(PICK)) as server:
        reply = ask(server, memory=(MOVE,), early_stop_chars=0)
    assert (reply.text, reply.error, reply.early_stopped) == (PICK, '', False)
    path, _, body = server.requests[0]
    assert path == '/v1/chat/completions'
    assert (body['model'], body['temperature'], body['stream']) == ('planner', 0.0, True)
    before, picture, after = body['messages'][0]['content']
    # What a chat template puts around the parts makes this the prompt of `prompt.py`.
    assert prompt.USER + '\n' + before['text'] == prompt.text_before_image('Pick it up', (MOVE,))
    tail = f'{prompt.END}\n{prompt.ASSISTANT}\n'
    assert after['text'] + tail == prompt.text_after_image(prompt.STEP_REQUEST)
    head, _, data = picture['image_url']['url'].partition(',')
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert head == 'data:image/png;base64'
    np.testing.assert_array_equal(decoded[..., ::-1], make_observation().base_image)


def test_key_step_request_and_jpeg():
    with ScriptedServer(stream(PICK)) as server:
        ask(server, request_key_step=True, picture_format='jpeg')
    _, picture, after = server.requests[0][2]['messages'][0]['content']
    assert picture['image_url']['url'].startswith('data:image/jpeg;base64,/9j/')
    assert after['text'] == '\n' + prompt.KEY_STEP_REQUEST


def test_key_goes_into_the_header_and_nowhere_else(monkeypatch):
    monkeypatch.setenv('OPENAI_API_KEY', 'secret-7')
    with ScriptedServer(plain(401, {'error': {'message': 'no'}})) as server:
        reply = ask(server, api_key=None)
    assert server.requests[0][1]['authorization'] == 'Bearer secret-7'
    assert 'refuses the key in OPENAI_API_KEY' in reply.error
    assert 'secret-7' not in reply.error


def test_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch):
    monkeypatch.setenv('http_proxy', 'http://127.0.0.1:9')
    monkeypatch.delenv('no_proxy', raising=False)
    monkeypatch.delenv('NO_PROXY', raising=False)
    with ScriptedServer(stream(PICK)) as server:
        assert ask(server).text == PICK


@pytest.mark.parametrize('pieces', [('# mo', 've3d', '('), (comment(MOVE),)])
def test_early_stop_takes_the_last_key_step_and_hangs_up(pieces):
    with ScriptedServer(stream(*pieces, end=None)) as server:
        reply = ask(server, memory=(PICK, MOVE), early_stop_chars=8)
    assert (reply.text, reply.early_stopped, reply.error) == (comment(MOVE), True, '')
    with ScriptedServer(endless('# move3d')) as server:
        assert ask(server, memory=(MOVE,), early_stop_chars=8).early_stopped
        assert server.is_hung_up.wait(5.0)


def test_no_early_stop_for_another_text_for_the_key_step_request_or_when_it_is_off():
    other = '# pick(actor'
    with ScriptedServer(stream(other)) as server:
        assert ask(server, memory=(MOVE,), early_stop_chars=8).text == other
    same = comment(MOVE)
    for options in ({'early_stop_chars': 0}, {'request_key_step': True}):
        with ScriptedServer(stream(*same)) as server:
            reply = ask(server, memory=(MOVE,), **options)
        assert (reply.text, reply.early_stopped, reply.n_tokens) == (same, False, len(same))


@pytest.mark.parametrize(
    ('answer', 'says'),
    [
        (plain(401, {'error': {'message': 'bad key'}}), 'wants a key .401: bad key.: set OPENAI'),
        (plain(403, HTML, 'text/html'), 'set OPENAI_API_KEY'),
        (plain(404, {'error': {'message': 'no such'}}), "has no model 'planner' .404: no such."),
        (plain(400, {'detail': 'text only'}), '400: text only.: does it serve'),
        (plain(500, 'oh'), 'busy or failed .500: oh.: see its log'),
        (plain(200, HTML, 'text/html'), 'sent no reply: server_url is the address'),
        (plain(200, '{"object": "error"}'), 'sent no reply'),
        (events('data: {"choices": [\n\n'), 'is no chat completion .JSONDecodeError'),
        (events('data: [1, 2]\n\n'), 'is no chat completion'),
        (events('data: {"choices": [7]}\n\n'), 'is no chat completion'),
        (events('data: {"error": {"message": "out of memory"}}\n\n'), 'wrote .out of memory'),
        (stream('pick(', end=None), 'closed the stream in the middle'),
        (stream('pick(', end='length'), 'ended the reply early .length'),
    ],
)
def test_each_failure_says_what_to_do(answer, says):
    with ScriptedServer(answer) as server:
        reply = ask(server, retries=0)
    assert reply.text == ''
    assert re.search(says, reply.error), reply.error
    assert '\n' not in reply.error


def test_server_that_is_not_there():
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        url = f'http://127.0.0.1:{free.getsockname()[1]}/v1'
    backend = OpenAIBackend(url, 'planner', sleep=lambda _s: None)
    reply = backend.reply(make_observation(), 'Pick it up', (), False, None)
    assert f'no answer from {url}' in reply.error
    assert 'is the server running' in reply.error


def test_silent_server_is_given_up_after_the_time_out_and_not_asked_again():
    with ScriptedServer(silent) as server:
        reply = ask(server, timeout_s=0.1, retries=5)
    assert 'within 0.1 s: raise server_timeout_s' in reply.error
    assert len(server.requests) == 1


def test_reply_that_never_ends_is_given_up_after_the_time_out():
    with ScriptedServer(endless('pick(')) as server:
        reply = ask(server, timeout_s=0.1)
        assert server.is_hung_up.wait(5.0)
    assert 'within 0.1 s' in reply.error


def test_server_that_only_shows_that_it_is_alive_is_given_up_after_the_time_out():
    with ScriptedServer(pinging()) as server:
        reply = ask(server, timeout_s=0.2, retries=3)
        assert server.is_hung_up.wait(5.0)
    assert 'within 0.2 s: raise server_timeout_s' in reply.error
    assert len(server.requests) == 1


def test_passing_errors_are_tried_again_with_growing_pauses():
    pauses = []
    with ScriptedServer(plain(503, 'loading'), plain(429, 'busy'), stream(PICK)) as server:
        reply = ask(server, retries=2, sleep=pauses.append)
    assert (reply.text, len(server.requests)) == (PICK, 3)
    assert pauses == [0.2, 0.4]


def test_lasting_errors_are_not_tried_again_and_passing_ones_not_for_ever():
    with ScriptedServer(plain(404, {})) as server:
        ask(server, retries=3)
    assert len(server.requests) == 1
    with ScriptedServer(plain(500, {})) as server:
        ask(server, retries=3)
    assert len(server.requests) == 4


def test_without_a_name_the_servers_only_model_is_taken():
    one = plain(200, {'object': 'list', 'data': [{'id': 'tiny', 'object': 'model'}]})
    with ScriptedServer(one, stream(PICK)) as server:
        assert ask(server, model='').text == PICK
    assert server.requests[1][2]['model'] == 'tiny'
    none = plain(200, {'object': 'list', 'data': []})
    with ScriptedServer(none) as server:
        assert 'lists 0 models (none), expected 1: set server_model' in ask(server, model='').error


def test_failing_server_costs_a_reply_and_the_last_key_step_goes_on():
    with ScriptedServer(stream(MOVE), plain(404, {}), stream(comment(MOVE))) as server:
        planner = Planner(OpenAIBackend(server.url, 'planner', api_key=''))
        planner.reset(1, 'Pick it up')
        steps = [planner.plan(make_observation(step)) for step in range(3)]
    assert [s.reply_status for s in steps] == ['key_step', 'invalid', 'same']
    assert {s.code for s in steps} == {MOVE}
    assert 'has no model' in steps[1].reason
    assert planner.counts[ReplyStatus.INVALID] == 1
    assert [why for status, why in planner.reasons if status == 'invalid'] == [steps[1].reason]


def test_observation_without_a_picture_is_an_error_and_no_request():
    with ScriptedServer(stream(PICK)) as server:
        dark = replace(make_observation(), base_image=np.zeros((0, 0, 3), np.uint8))
        reply = OpenAIBackend(server.url, 'planner').reply(dark, 'Pick it up', (), False, None)
    assert 'render:=true' in reply.error
    assert not server.requests


@pytest.mark.parametrize('url', ['', '127.0.0.1:8000', 'ftp://here/v1'])
def test_wrong_address_is_refused_at_the_start(url):
    with pytest.raises(ValueError, match='expected an address such as http'):
        OpenAIBackend(url)


def test_unknown_picture_format_is_refused_at_the_start():
    with pytest.raises(ValueError, match='choose one of png, jpeg'):
        OpenAIBackend('http://127.0.0.1/v1', picture_format='gif')


def test_node_parameters_reach_the_backend():
    with ScriptedServer(plain(503, 'loading'), stream('# mo', 've3d', end=None)) as server:
        params = PlannerParams(
            planner='openai', server_url=server.url, server_model='tiny', server_retries=1
        )
        backend = make_backend(params.planner, params.backend_options())
        reply = backend.reply(make_observation(), 'Pick it up', (MOVE,), False, None)
    assert (reply.text, reply.early_stopped) == (comment(MOVE), True)
    assert (len(server.requests), server.requests[0][2]['model']) == (2, 'tiny')
    assert backend.checkpoint == 'openai:tiny'
