# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The `openai` backend against a real server: the one of `transformers`, on the loopback.

Two small checkpoints are behind it. One has random weights: what it writes depends on every token
and pixel of its prompt, so equal words mean equal prompts. The other one always writes the same
commented key step.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import replace

import numpy as np
import pytest
from fakes import CUBE, FakeSimulator

from c2a_core.skill_api import comment

for name in ('torch', 'transformers', 'openai', 'fastapi', 'uvicorn'):
    pytest.importorskip(name)

import openai  # noqa: E402
import torch  # noqa: E402

from c2a_planner.checkpoint import CheckpointInfo, write_checkpoint  # noqa: E402
from c2a_planner.openai_backend import OpenAIBackend, chat_content, picture_url  # noqa: E402
from c2a_planner.picture import PictureSettings  # noqa: E402
from c2a_planner.prompt import END, STEP_REQUEST, text_after_image, text_before_image  # noqa: E402
from c2a_planner.serve import serve  # noqa: E402
from c2a_planner.tiny_model import build_tiny  # noqa: E402
from c2a_planner.tokenizer import train_tokenizer  # noqa: E402

PICK = f'pick(actor={CUBE})'
INSTRUCTION = 'Pick the red cube'
TOKENS = 6
START_S = 60.0


@pytest.fixture(scope='module')
def tokenizer():
    # Often enough for whole words to become tokens.
    return train_tokenizer([INSTRUCTION, comment(PICK)] * 3, 500)


@pytest.fixture(scope='module')
def checkpoints(tokenizer, tmp_path_factory):
    """Directories of the two checkpoints, by name."""
    folder = tmp_path_factory.mktemp('served')
    torch.manual_seed(0)
    model = build_tiny(tokenizer, hidden_size=64, num_layers=1, intermediate_size=64)
    for name in ('random', 'parrot'):
        if name == 'random':
            make_sensitive(model)
        else:
            before = tokenizer.encode(text_after_image(STEP_REQUEST))
            make_parrot(model, [before[-1], *tokenizer.encode(comment(PICK) + END)])
        info = CheckpointInfo('tiny', 'none', 'none', 0)
        write_checkpoint(folder / name, model, tokenizer, PictureSettings(), info)
    return {name: str(folder / name) for name in ('random', 'parrot')}


def make_sensitive(model) -> None:
    """Weights with which a little other input gives other words; fresh ones hardly do."""
    for part in (model.model.language_model, model.model.multi_modal_projector):
        for weight in part.parameters():
            if weight.ndim == 2:
                weight.data.normal_(0.0, 0.5)


def make_parrot(model, chain: list[int]) -> None:
    """Have each token of a chain call for the next one, whatever came before."""
    assert len(set(chain)) == len(chain), chain
    text = model.model.language_model
    model.config.tie_word_embeddings = model.config.text_config.tie_word_embeddings = False
    embeddings = text.embed_tokens.weight.data
    head = torch.zeros_like(embeddings)
    head[chain[1:]] = torch.nn.functional.normalize(embeddings[chain[:-1]])
    model.lm_head.weight = torch.nn.Parameter(head)
    for layer in text.layers:
        layer.self_attn.o_proj.weight.data.zero_()
        layer.mlp.down_proj.weight.data.zero_()


@pytest.fixture(scope='module')
def server(checkpoints):
    """Starts a server for one of the checkpoints; gives the address and the model's name."""
    os.environ['HF_HUB_OFFLINE'] = '1'
    running = []

    def start(name: str) -> tuple[str, str]:
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        source = checkpoints[name]
        running.append(serve(source, '127.0.0.1', port, in_thread=True))
        end = time.monotonic() + START_S
        while not running[-1].server.started:
            assert time.monotonic() < end, 'the server does not start'
            time.sleep(0.01)
        return f'http://127.0.0.1:{port}/v1', source

    yield start
    for each in running:
        each.kill_server()


def make_observation():
    simulator = FakeSimulator(image_size=0)
    simulator.reset('FakeTask', 0, None, {})
    picture = np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8)
    return replace(simulator.observe(1), base_image=picture)


@torch.inference_mode()
def write_in_process(checkpoint: str, tokenizer, picture, count: int) -> str:
    """What the model writes for the prompt of `prompt.py`, without a server."""
    from transformers import LlavaForConditionalGeneration

    model = LlavaForConditionalGeneration.from_pretrained(checkpoint).eval()
    before = tokenizer.encode(text_before_image(INSTRUCTION, (PICK,)))
    after = tokenizer.encode(text_after_image(STEP_REQUEST))
    image = [model.config.image_token_index] * model.config.image_seq_length
    ids = torch.tensor([before + image + after])
    pixels = PictureSettings().pixel_values(picture[None])
    written = model.generate(
        input_ids=ids, pixel_values=pixels, max_new_tokens=count, do_sample=False
    )
    return tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True)


def test_served_model_reads_the_prompt_and_picture_that_it_was_trained_on(
    server, checkpoints, tokenizer
):
    url, model = server('random')
    picture = make_observation().base_image
    asked = openai.OpenAI(base_url=url, api_key='none', max_retries=0)

    def ask(picture, memory) -> str:
        content = chat_content(INSTRUCTION, memory, picture_url(picture), STEP_REQUEST)
        message = {'role': 'user', 'content': content}
        reply = asked.chat.completions.create(
            model=model, messages=[message], temperature=0.0, max_tokens=TOKENS
        )
        return reply.choices[0].message.content

    # Random weights may say the same of two pictures, hardly of five.
    pictures = [picture, 255 - picture, picture // 4, picture[::-1].copy(), picture * 0]
    expected = [
        write_in_process(checkpoints['random'], tokenizer, shown, TOKENS) for shown in pictures
    ]
    assert len(set(expected)) > 1
    assert [ask(shown, (PICK,)) for shown in pictures] == expected
    assert ask(picture, ()) != expected[0]


def test_replies_of_a_server_are_whole_or_stopped_early_or_say_what_is_wrong(server):
    url, model = server('parrot')
    observation = make_observation()

    def ask(memory, model=model, **options):
        backend = OpenAIBackend(url, model, api_key='', **options)
        return backend.reply(observation, INSTRUCTION, memory, False, None)

    whole = ask((PICK,), early_stop_chars=0)
    assert (whole.text, whole.early_stopped, whole.error) == (comment(PICK), False, '')
    stopped = ask((PICK,), early_stop_chars=8)
    assert (stopped.text, stopped.early_stopped, stopped.error) == (comment(PICK), True, '')
    assert stopped.n_tokens < whole.n_tokens
    assert ask(()).text == comment(PICK)
    assert '400' in ask((), model='another').error
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        other = url.replace(url.rsplit(':')[-1], f'{free.getsockname()[1]}/v1')
    reply = OpenAIBackend(other, model, retries=0).reply(observation, INSTRUCTION, (), False, None)
    assert 'is the server running' in reply.error
