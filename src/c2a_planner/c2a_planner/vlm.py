# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The planner's model as a library: one class for the preset `tiny` and for full-size LLaVA.

It reads a prompt and a picture and gives logits, token by token. What was computed for the
prompt's part before the picture (instruction and memory) is kept: it changes at key steps only,
and a memory that has grown costs its new tokens. Replies are written in `reply_writer.py`.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoTokenizer, LlavaForConditionalGeneration, PreTrainedTokenizerBase
from transformers.utils import cached_file
from transformers.utils import logging as transformers_logging

from c2a_core.types import ImageArray
from c2a_planner import grid_vision  # noqa: F401 (makes the tiny vision tower known)
from c2a_planner.checkpoint import Checkpoint, CheckpointError, find_checkpoint
from c2a_planner.kv_cache import SlotCache
from c2a_planner.picture import FILE_NAME, PictureSettings
from c2a_planner.prompt import END, IMAGE, text_after_image, text_before_image

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prompt:
    """Token ids around the picture.

    Attributes:
        before: instruction and memory.
        after: the request.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]


class VisionLanguageModel:
    """A LLaVA that keeps what it has read. Not for several threads at once.

    Args:
        model: in evaluation mode from here on.
        tokenizer: a fast one that knows `<image>` and `<|end|>`.
        pictures: how pictures are prepared.
        checkpoint: where it came from; None for a model that has none.
        is_compiled: compile it with torch: seconds to minutes at first use, needs a C++ compiler
            on the CPU.
    """

    def __init__(
        self,
        model: LlavaForConditionalGeneration,
        tokenizer: PreTrainedTokenizerBase,
        pictures: PictureSettings,
        checkpoint: Checkpoint | None = None,
        is_compiled: bool = False,
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.pictures = pictures
        self.checkpoint = checkpoint
        self.end_id = _id_of(END, tokenizer)
        self._image_id = _id_of(IMAGE, tokenizer)
        self.end_ids = frozenset({self.end_id, tokenizer.eos_token_id})
        # Convolutions are faster so; no other weight has four dimensions.
        model.model.vision_tower.to(memory_format=torch.channels_last)
        self._language = model.model.language_model
        self._encode_picture = model.get_image_features
        if is_compiled:
            mode = 'reduce-overhead' if self.device.type == 'cuda' else 'default'
            self._language = torch.compile(self._language, mode=mode)
            self._encode_picture = torch.compile(self._encode_picture, mode=mode)
        window = getattr(model.config.text_config, 'sliding_window', None)
        self._cache = SlotCache(is_compiled, window)
        self._before: tuple[int, ...] = ()
        self.encode_prompt = functools.lru_cache(16)(self._encode_prompt)

    @classmethod
    def load(
        cls,
        name: str | Path,
        *,
        device: str = '',
        dtype: torch.dtype | None = None,
        is_compiled: bool = False,
        base_camera: str = '',
    ) -> VisionLanguageModel:
        """Load a checkpoint.

        Args:
            name: a shipped name such as `tiny`, a directory, or a model id of the hub.
            device: `cpu` or `cuda`; empty takes a GPU where there is one.
            dtype: of weights and computation; None takes what is fastest on the device.
            is_compiled: see the class.
            base_camera: pose of the camera whose pictures it will see; empty takes any.

        Raises:
            CheckpointError: if it is not there, damaged, or does not fit this version.
        """
        checkpoint = find_checkpoint(name)
        checkpoint.check(base_camera)
        where = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        try:
            with _quietly(Path(checkpoint.source).is_dir()):
                model = LlavaForConditionalGeneration.from_pretrained(
                    checkpoint.source, dtype=dtype or best_dtype(where), use_safetensors=True
                )
            tokenizer = AutoTokenizer.from_pretrained(checkpoint.source)
            preprocessor = cached_file(checkpoint.source, FILE_NAME)
        except (OSError, ValueError) as err:
            raise CheckpointError(
                f"cannot load the planner's checkpoint '{name}': {_first_line(err)}; expected a "
                'LLaVA with safetensors, tokenizer.json and preprocessor_config.json'
            ) from err
        pictures = PictureSettings.read(Path(preprocessor).parent)
        if not checkpoint.info:
            logger.warning("'%s' says nothing about skill API and camera: not checked", name)
        return cls(model.to(where), tokenizer, pictures, checkpoint, is_compiled)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.model.device

    @property
    def vocabulary_size(self) -> int:
        """Columns of the logits."""
        return self.model.lm_head.out_features

    def _encode_prompt(self, instruction: str, memory: tuple[str, ...], request: str) -> Prompt:
        """Tokens of a prompt; the last ones are kept, as `encode_prompt`.

        Args:
            instruction: what the robot is asked to do.
            memory: key steps so far, oldest first.
            request: what is asked about the picture.
        """
        before = self.encode(text_before_image(instruction, memory))
        return Prompt(tuple(before), tuple(self.encode(text_after_image(request))))

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, special tokens of the template included, none added."""
        return self.tokenizer(text, add_special_tokens=False).input_ids

    def decode_text(self, ids: Sequence[int]) -> str:
        """Text of a reply's tokens; special ones stay, as they have no place in a reply."""
        return self.tokenizer.decode(ids, clean_up_tokenization_spaces=False)

    def clear(self) -> None:
        """Forget everything that was read."""
        self._before = ()
        self._cache.truncate(0)

    @torch.inference_mode()
    def read_prefix(self, before: tuple[int, ...]) -> int:
        """Read instruction and memory; what was read before is not read again.

        Returns:
            The number of tokens that were new.
        """
        known = _common_length(before, self._before)
        self._cache.truncate(known)
        # The tokens after a cut are those of another prompt, whatever happens now.
        self._before = before[:known]
        if known < len(before):
            # Never compiled: it has another length each time, and happens at key steps only.
            self._run(self._embed(before[known:]), self.model.model.language_model)
            self._before = before
        return len(before) - known

    @torch.inference_mode()
    def read(self, prompt: Prompt, picture: ImageArray, draft: Sequence[int] = ()) -> torch.Tensor:
        """Read a prompt, its picture and a guess at the reply.

        Args:
            prompt: of `encode_prompt`.
            picture: (H, H, 3) uint8, red, green, blue.
            draft: tokens that the reply may begin with: confirming them costs no further pass.

        Returns:
            Logits (1 + draft, V) float32: of the reply's first token, and after each of the draft.
        """
        self.read_prefix(prompt.before)
        features = self._picture_features(picture)
        inputs = torch.cat((features, self._embed((*prompt.after, *draft))), dim=1)
        return self._logits(self._run(inputs)[0, -1 - len(draft) :])

    @torch.inference_mode()
    def go_on(self, tokens: Sequence[int]) -> torch.Tensor:
        """Read tokens of the reply; logits (V,) float32 of the next one."""
        return self._logits(self._run(self._embed(tokens))[0, -1])

    def take_back(self, count: int) -> None:
        """Forget the last tokens that were read."""
        self._cache.truncate(self._cache.length - count)

    @torch.inference_mode()
    def logits_at_once(
        self, prompt: Prompt, picture: ImageArray, reply: Sequence[int] = ()
    ) -> torch.Tensor:
        """The same logits as `read` with a draft, by transformers' own pass without a cache."""
        tokens = self.model.config.image_seq_length
        ids = (*prompt.before, *([self._image_id] * tokens), *prompt.after, *reply)
        outputs = self.model(
            input_ids=torch.tensor([ids], device=self.device),
            pixel_values=self._pixel_values(picture),
            use_cache=False,
            logits_to_keep=1 + len(reply),
        )
        return outputs.logits[0].float()

    def _picture_features(self, picture: ImageArray) -> torch.Tensor:
        """Tokens (1, N, D) of a picture."""
        outputs = self._encode_picture(self._pixel_values(picture))
        return torch.stack(tuple(outputs.pooler_output)).to(self.model.dtype)

    def _pixel_values(self, picture: ImageArray) -> torch.Tensor:
        values = self.pictures.pixel_values(picture[None])
        return values.to(self.device, self.model.dtype)

    def _embed(self, ids: Sequence[int]) -> torch.Tensor:
        """Token ids to (1, N, D)."""
        return self.model.get_input_embeddings()(torch.tensor([ids], device=self.device))

    def _run(self, inputs: torch.Tensor, language: Callable | None = None) -> torch.Tensor:
        """Put (1, N, D) behind what was read; hidden states of the same shape."""
        positions, mask = self._cache.begin(inputs.shape[1], inputs.device)
        outputs = (language or self._language)(
            inputs_embeds=inputs,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
        )
        return outputs.last_hidden_state

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.model.lm_head(hidden).float()


def best_dtype(device: str) -> torch.dtype:
    """bfloat16 where the device computes in it, float32 elsewhere."""
    if device != 'cpu':
        return torch.bfloat16
    has_bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if has_bf16 else torch.float32


@contextlib.contextmanager
def _quietly(is_quiet: bool) -> Iterator[None]:
    """No progress bars of transformers: a node's output is no place for them."""
    if not is_quiet or not transformers_logging.is_progress_bar_enabled():
        yield
        return
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.enable_progress_bar()


def _id_of(token: str, tokenizer: PreTrainedTokenizerBase) -> int:
    token_id = tokenizer.convert_tokens_to_ids(token)
    if token_id is None or token_id == tokenizer.unk_token_id:
        raise CheckpointError(
            f'the tokenizer does not know {token}: expected that of a Phi-3 LLaVA, which has '
            f'{IMAGE} and {END}'
        )
    return token_id


def _common_length(one: Sequence[int], other: Sequence[int]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _first_line(err: Exception) -> str:
    return str(err).strip().split('\n')[0].rstrip('.')
