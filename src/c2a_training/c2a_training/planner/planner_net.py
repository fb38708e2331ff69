# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The planner's model as the training sees it: batches in, losses out.

The forward pass is `LlavaForConditionalGeneration`'s, without what a training does not need:
logits are computed where a reply's token is predicted and nowhere else, the mask of packed
questions is built once for all layers, and features of a frozen vision tower may come with the
batch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from contextlib import AbstractContextManager

import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import LlavaForConditionalGeneration

from c2a_training.planner.arm_heads import ArmHeads
from c2a_training.planner.dense import DenseHeads, WordHeads
from c2a_training.planner.language_forward import LanguageForward

Batch = Mapping[str, torch.Tensor]


class PlannerNet(nn.Module):
    """The model, and the heads that teach its vision tower.

    Args:
        llava: the model.
        dense: heads for labels per cell; None where there are none to learn.
        words: heads for what pictures say in words; None where there are none to learn.
        arm: heads for where the arm is and how far it has to go; None where there are none.

    Attributes:
        dense_weight: of the dense loss beside the language loss.
        word_weight: of the words' loss beside the language loss.
        arm_weight: of the losses about the arm beside the others.
        decision_weight: of the first token of a reply that says whether the key step goes on.
    """

    def __init__(
        self,
        llava: LlavaForConditionalGeneration,
        dense: DenseHeads | None = None,
        words: WordHeads | None = None,
        arm: ArmHeads | None = None,
    ) -> None:
        super().__init__()
        self.llava = llava
        self.dense = dense
        self.words = words
        self.arm = arm
        self.dense_weight = 0.0
        self.word_weight = 0.0
        self.arm_weight = 0.0
        self.decision_weight = 1.0
        self.is_vision_frozen = False
        self._language = LanguageForward(llava.model.language_model)
        self._vision_attention: SDPBackend | None = None

    def compile_language(self) -> None:
        """Let `torch.compile` fuse the language model's element-wise work."""
        self._language.compile()

    def unfuse_attention(self) -> None:
        """Compute attention as plain products: the quicker way on a CPU."""
        self._language.unfuse_attention()
        self._vision_attention = SDPBackend.MATH

    def keep_language_whole(self) -> None:
        """Call the language model as it is: layers that are spread over devices need that."""
        self._language.is_whole = True

    def load_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take the weights of a training's state; what it leaves out stays.

        Raises:
            ValueError: if it has weights that are not ours.
        """
        unknown = self.load_state_dict(dict(weights), strict=False).unexpected_keys
        if unknown:
            raise ValueError(
                f'the state has weights that the model has not, such as {unknown[0]}: it belongs '
                'to another model, name the directory of its own training'
            )

    def train(self, mode: bool = True) -> PlannerNet:
        """Switch to training; a frozen vision tower's statistics stay as they are."""
        super().train(mode)
        if self.is_vision_frozen:
            self.llava.model.vision_tower.eval()
        return self

    def freeze_vision(self, frozen: bool) -> None:
        """Let the vision tower learn or not."""
        self.is_vision_frozen = frozen
        self.llava.model.vision_tower.requires_grad_(not frozen)

    def forward(
        self, batch: Batch, *, logits_only: bool = False
    ) -> dict[str, torch.Tensor] | torch.Tensor:
        """Losses of a batch.

        Args:
            batch: with `input_ids` a language batch, else a dense one. Language: `input_ids` and
                `position_ids` (B, L), `mask` (B, 1, L, L) bool, `at` (R,) flat positions in
                B x L that predict a reply's token, `target` (R,) those tokens, `decides` (B,)
                the places in them that begin the reply to the step request; `features` (B, T, D)
                or `pixel_values` (B, 3, S, S). Dense: `pixel_values` and `dense_labels`
                (B, 4, cells). Both: `arm` (B, 4), and language `progress` (B, 4), see
                `arm_heads`.
            logits_only: return the replies' logits (R, V) instead; everything goes through here,
                because a model that is spread over devices is whole in here only.

        Returns:
            `loss` and `n`, sums whose quotient is the loss; `correct` and `tokens`, sums whose
            quotient is the accuracy.
        """
        if logits_only:
            return self._logits(self._states(batch, self._tokens_of(self._features_of(batch))))
        if 'input_ids' in batch:
            return self.language(batch)
        features = self.features(batch['pixel_values'])
        out = self.dense_loss(features, batch)
        if self.arm_weight > 0 and 'arm' in batch:
            arm = self.arm.arm_loss(features, batch['arm'])
            out['loss'] = out['loss'] + self.arm_weight * out['n'] * arm
        return out

    def language(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Loss on the replies' tokens."""
        features = self._features_of(batch)
        tokens = self._tokens_of(features)
        states = self._states(batch, tokens)
        logits = self._logits(states)
        target = batch['target']
        count = torch.tensor(float(len(target)), device=target.device)
        out = {
            'loss': self._reply_loss(logits, batch),
            'n': count,
            'correct': (logits.detach().argmax(-1) == target).sum(),
            'tokens': count,
        }
        if self.dense_weight > 0 and 'dense_labels' in batch:
            dense = self.dense_loss(features, batch)
            out['loss'] = out['loss'] + self.dense_weight * count * dense['loss'] / dense['n']
        if self.word_weight > 0 and 'dense_labels' in batch:
            embeddings = self.llava.get_input_embeddings().weight
            words = self.words.loss(tokens, embeddings, batch['dense_labels'])
            out['loss'] = out['loss'] + self.word_weight * count * words
        if self.arm_weight > 0 and 'progress' in batch:
            arm = self.arm.progress_loss(states[batch['decides']], batch['progress'])
            if not self.is_vision_frozen:
                arm = arm + self.arm.arm_loss(features, batch['arm'])
            out['loss'] = out['loss'] + self.arm_weight * count * arm
        return out

    def _reply_loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy, summed over the replies' tokens."""
        losses = functional.cross_entropy(logits, batch['target'], reduction='none')
        if self.decision_weight != 1.0 and 'progress' in batch:
            more = (self.decision_weight - 1.0) * losses[batch['decides']].sum()
            return losses.sum() + more
        return losses.sum()

    def _features_of(self, batch: Batch) -> torch.Tensor | None:
        """The pictures' features, None for prompts without pictures."""
        if 'features' in batch:
            return batch['features']
        return self.features(batch['pixel_values']) if 'pixel_values' in batch else None

    def features(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """The vision tower's tokens (B, T, D) of pictures, as the language model is given them."""
        config = self.llava.config
        tower = self.llava.model.vision_tower
        learns = torch.is_grad_enabled() and not self.is_vision_frozen
        with torch.set_grad_enabled(learns), self._vision_kernel():
            out = tower(pixel_values, output_hidden_states=True, return_dict=True)
        features = out.hidden_states[config.vision_feature_layer]
        return features[:, 1:] if config.vision_feature_select_strategy == 'default' else features

    def _vision_kernel(self) -> AbstractContextManager[object]:
        kernel = self._vision_attention
        return contextlib.nullcontext() if kernel is None else sdpa_kernel(kernel)

    def _tokens_of(self, features: torch.Tensor | None) -> torch.Tensor | None:
        """The pictures' tokens (B, T, D) as the language model reads them."""
        return None if features is None else self.llava.model.multi_modal_projector(features)

    def _states(self, batch: Batch, tokens: torch.Tensor | None) -> torch.Tensor:
        """Hidden states (R, D) that predict the replies' tokens; tokens None: no pictures."""
        ids = batch['input_ids']
        embeds = self.llava.model.get_input_embeddings()(ids)
        if tokens is not None:
            is_image = (ids == self.llava.config.image_token_id).unsqueeze(-1)
            embeds = embeds.masked_scatter(is_image, tokens.to(embeds.dtype))
        return self._language(embeds, batch['mask'], batch['position_ids'], batch['at'])

    def _logits(self, states: torch.Tensor) -> torch.Tensor:
        """Logits (R, V) float32 of the replies' tokens."""
        return self.llava.lm_head(states).float()

    def dense_loss(self, features: torch.Tensor, batch: Batch) -> dict[str, torch.Tensor]:
        """Loss of the labels per cell; its accuracy is the mean over the heads."""
        loss, accuracies = self.dense.loss(features, batch['dense_labels'])
        count = torch.tensor(float(len(features)), device=features.device)
        accuracy = sum(accuracies.values()) / len(accuracies)
        return {'loss': loss * count, 'n': count, 'correct': accuracy * count, 'tokens': count}
