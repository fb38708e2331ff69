# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Every choice about the diffusion policy's network, noise and sampling; `policy.json`.

The preset `full` is the paper's (section 4.3, E.2 to E.4). `tiny` is what two CPU cores train and
run. Each difference between them is a field here, so each of the paper's choices is one switch.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass

from c2a_core.spaces import ACTION_DIM, CAMERAS, GRID_SIZE, PROPRIO_DIM

TEXT_ENCODERS = ('transformer', 't5')
IMAGE_TOKENS = ('grid', 'single')
BASE_EYES = ('resnet', 'planner')
VISION_STEMS = (2, 4)
OBJECTIVES = ('diffusion', 'flow')
PREDICTIONS = ('epsilon', 'sample', 'v_prediction')
WEIGHTINGS = ('elbo', 'uniform')
SCHEDULERS = ('ddim', 'ddpm', 'flow')
SPACINGS = ('leading', 'trailing')
RESNET_STRIDE = 16
"""Pixels of the prepared picture along a token of a ResNet."""


_CHOICES = {
    'text_encoder': TEXT_ENCODERS,
    'image_tokens': IMAGE_TOKENS,
    'base_eye': BASE_EYES,
    'vision_stem': VISION_STEMS,
    'objective': OBJECTIVES,
    'prediction': PREDICTIONS,
    'loss_weighting': WEIGHTINGS,
    'scheduler': SCHEDULERS,
    'spacing': SPACINGS,
}
_POSITIVE = (
    *('image_size', 'vocabulary_size', 'text_layers', 'max_text_tokens', 'token_dim', 'heads'),
    *('vision_width', 'pooling_blocks', 'pooling_queries', 'condition_dim', 'time_dim'),
    *('unet_kernel', 'pred_horizon', 'action_dim', 'proprio_dim', 'train_steps'),
)


@dataclass(frozen=True)
class PolicyConfig:
    """The diffusion policy.

    Attributes:
        preset: where it comes from; goes into the model card.
        cameras: whose pictures it sees, of `spaces.CAMERAS`; each has a ResNet of its own.
        image_size: side of the square pictures [px]; others are resized.
        text_encoder: `transformer`, small and trained along; `t5`: pretrained and frozen.
        text_model: hub id or directory of the T5.
        vocabulary_size: tokens of the tokenizer; only for `transformer`.
        text_layers: of `transformer`.
        max_text_tokens: of code, and of cache info; what is before the last ones is cut.
        cell_features: a token inside a cell such as `(3, 5)` is told where that is, by the
            embedding that also says it to picture tokens, and what the base camera shows there.
        token_dim: width of all tokens.
        heads: of every attention.
        base_eye: what sees the base camera's pictures: `resnet`, one as the other cameras have,
            trained along; `planner`: a planner's vision tower, trained before and frozen.
        vision_width: factor on the channels of ResNet-18, 64 to 512.
        vision_stem: how much its first convolution shrinks pictures: by 2, and a pooling by 2
            more; or by 4 at once.
        image_tokens: `grid`: each camera gives 8 x 8 tokens (at 128 px) that know their place, a
            planner's tower one for each cell; `single`: one token, the average, as in the paper.
        pooling_blocks: cross-attention blocks from learned queries to all tokens.
        pooling_queries: learned queries.
        proprio_skip: proprioception also goes around the attention.
        joint_velocities: are seen. They nearly are the next motion, and a net that copies them
            does not stop or turn where it should.
        condition_dim: length of the vector that the U-Net is conditioned on.
        time_dim: of the embedding of the noise level.
        unet_widths: channels of the U-Net's levels; each halves the chunk's length but the last.
        unet_kernel: length of its convolutions.
        pred_horizon: actions of a chunk, Tp.
        action_dim: numbers of an action.
        proprio_dim: numbers of proprioception, layout of `spaces.PROPRIO`.
        objective: `diffusion` or `flow` (straight paths from noise to actions).
        prediction: what the network of `diffusion` predicts.
        train_steps: noise levels of `diffusion`; DDPM's `squaredcos_cap_v2`.
        loss_weighting: of noise levels: `elbo` (Kingma & Gao, 2023) or `uniform`.
        scheduler: at inference: `ddim`, `ddpm`, or `flow` for Euler steps.
        denoising_steps: at inference.
        spacing: of the noise levels of these steps, as `diffusers` names it.
        warm_start: share of the denoising that is skipped where the last chunk, moved on in
            time, can be the beginning (real-time iteration); 0 starts from noise.
        noise_scale: of the noise that a chunk begins with. 1 draws one of the chunks that were
            learned; 0 begins in the middle of all noise, and gives the same chunk every time.
    """

    preset: str = 'tiny'
    cameras: tuple[str, ...] = CAMERAS
    image_size: int = 128
    text_encoder: str = 'transformer'
    text_model: str = ''
    vocabulary_size: int = 1000
    text_layers: int = 2
    max_text_tokens: int = 256
    cell_features: bool = True
    token_dim: int = 160
    heads: int = 4
    base_eye: str = 'planner'
    vision_width: float = 0.5
    vision_stem: int = 4
    image_tokens: str = 'grid'
    pooling_blocks: int = 3
    pooling_queries: int = 8
    proprio_skip: bool = True
    joint_velocities: bool = False
    condition_dim: int = 256
    time_dim: int = 64
    unet_widths: tuple[int, ...] = (64, 128, 192)
    unet_kernel: int = 3
    pred_horizon: int = 12
    action_dim: int = ACTION_DIM
    proprio_dim: int = PROPRIO_DIM
    objective: str = 'diffusion'
    prediction: str = 'epsilon'
    train_steps: int = 100
    loss_weighting: str = 'uniform'
    scheduler: str = 'ddim'
    denoising_steps: int = 10
    spacing: str = 'leading'
    warm_start: float = 0.0
    noise_scale: float = 1.0

    def __post_init__(self) -> None:
        """Make tuples of lists, and refuse what cannot be built."""
        for name in ('cameras', 'unet_widths'):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                expected = ', '.join(map(str, allowed))
                raise ValueError(f'{name} is {getattr(self, name)!r}, expected one of {expected}')
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ValueError(f'{name} is {getattr(self, name)}, expected more than 0')
        self._check_cameras()
        self._check_shapes()
        self._check_sampling()

    @property
    def shortest_chunk(self) -> int:
        """The chunk's length must be a multiple of it: the U-Net halves it at each level."""
        return 2 ** (len(self.unet_widths) - 1)

    def token_side(self, camera: str) -> int:
        """Tokens along a side of a camera's picture, where `image_tokens` is `grid`."""
        if camera == 'base' and self.base_eye == 'planner':
            return GRID_SIZE
        return math.ceil(self.image_size / RESNET_STRIDE)

    def as_dict(self) -> dict[str, object]:
        """Content of `policy.json`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, object]) -> PolicyConfig:
        """Read the content of `policy.json`.

        Raises:
            ValueError: for a name that is unknown, a value of another type or one that is wrong.
        """
        return cls().replace(**content)

    def replace(self, **changes: object) -> PolicyConfig:
        """A copy with changes.

        Raises:
            ValueError: for a name that is unknown, a value of another type or one that is wrong.
        """
        types = typing.get_type_hints(PolicyConfig)
        for name, value in changes.items():
            if name not in types:
                close = difflib.get_close_matches(name, types, 1)
                hint = f', did you mean {close[0]}' if close else ''
                raise ValueError(
                    f'the policy has no setting {name!r}{hint}: expected one of '
                    + ', '.join(types)
                )
            _check_type(name, value, types[name])
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def _check_cameras(self) -> None:
        if not self.cameras or not set(self.cameras) <= set(CAMERAS):
            raise ValueError(
                f'cameras are {", ".join(self.cameras) or "none"}, expected some of '
                + ', '.join(CAMERAS)
            )
        if self.base_eye == 'planner' and (
            'base' not in self.cameras or self.image_tokens != 'grid'
        ):
            raise ValueError(
                "base_eye is planner, whose tower sees the base camera's cells: add base to "
                'cameras and set image_tokens to grid, or set base_eye to resnet'
            )
        if self.cell_features and ('base' not in self.cameras or self.image_tokens != 'grid'):
            raise ValueError(
                'cell_features need the base camera, in whose picture cells count, and its tokens '
                'as a grid: add base to cameras and set image_tokens to grid, or set '
                'cell_features to false'
            )

    def _check_shapes(self) -> None:
        if self.token_dim % self.heads:
            raise ValueError(
                f'token_dim is {self.token_dim}, expected a multiple of heads, {self.heads}'
            )
        if self.pred_horizon % self.shortest_chunk:
            raise ValueError(
                f'pred_horizon is {self.pred_horizon}, expected a multiple of '
                f'{self.shortest_chunk}: unet_widths has {len(self.unet_widths)} levels'
            )
        if self.unet_kernel % 2 == 0:
            raise ValueError(f'unet_kernel is {self.unet_kernel}, expected an odd number')
        if self.text_encoder == 't5' and not self.text_model:
            raise ValueError(
                'text_encoder is t5: set text_model to its hub id or directory, such as '
                'google-t5/t5-small'
            )

    def _check_sampling(self) -> None:
        if (self.objective == 'flow') != (self.scheduler == 'flow'):
            allowed = 'flow' if self.objective == 'flow' else 'ddim or ddpm'
            raise ValueError(
                f'scheduler is {self.scheduler}, expected {allowed} for objective {self.objective}'
            )
        check_denoising(self.denoising_steps, self.warm_start, self.noise_scale)
        if self.scheduler == 'flow':
            return
        self._check_prediction()
        if self.denoising_steps > self.train_steps:
            raise ValueError(
                f'denoising_steps is {self.denoising_steps}, expected at most train_steps, '
                f'{self.train_steps}'
            )
        # Between other steps DDIM of `diffusers` would not go where its own list goes.
        if self.spacing == 'trailing' and self.train_steps % self.denoising_steps:
            fitting = [n for n in range(1, self.train_steps + 1) if self.train_steps % n == 0]
            raise ValueError(
                f'denoising_steps is {self.denoising_steps}, expected one of '
                f'{", ".join(map(str, fitting))} with spacing trailing'
            )

    def _check_prediction(self) -> None:
        if (self.prediction, self.loss_weighting) == ('sample', 'elbo'):
            raise ValueError(
                'loss_weighting is elbo and prediction sample: five sixths of the weight would be '
                'on the two levels with the least noise, where nothing is to be learned; set '
                'loss_weighting to uniform'
            )
        if (self.prediction, self.spacing) == ('epsilon', 'trailing'):
            raise ValueError(
                'spacing is trailing and prediction epsilon: the first step would be at the last '
                'noise level, whose share of signal is 0.0005, and divide the error of the '
                'predicted noise by it; set prediction to v_prediction or sample, or spacing to '
                'leading'
            )


def check_denoising(steps: int, warm_start: float, noise_scale: float) -> None:
    """Refuse numbers that denoise nothing.

    Raises:
        ValueError: if that is so.
    """
    if steps < 1:
        raise ValueError(f'denoising_steps is {steps}, expected 1 or more')
    if not 0.0 <= warm_start < 1.0:
        raise ValueError(f'warm_start is {warm_start}, expected 0 to less than 1')
    if not 0.0 <= noise_scale <= 1.0:
        raise ValueError(f'noise_scale is {noise_scale}, expected 0 to 1')


PRESETS: dict[str, PolicyConfig] = {
    'tiny': PolicyConfig(denoising_steps=6, noise_scale=0.2),
    'full': PolicyConfig(
        preset='full',
        text_encoder='t5',
        text_model='google-t5/t5-base',
        cell_features=False,
        token_dim=512,
        heads=8,
        base_eye='resnet',
        vision_width=1.0,
        vision_stem=2,
        image_size=224,
        image_tokens='single',
        pooling_blocks=4,
        proprio_skip=False,
        joint_velocities=True,
        condition_dim=512,
        time_dim=128,
        unet_widths=(256, 512, 1024),
        unet_kernel=5,
        pred_horizon=16,
        loss_weighting='elbo',
    ),
}


def preset(name: str) -> PolicyConfig:
    """The configuration of a preset.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in PRESETS:
        raise ValueError(f'there is no preset {name!r}, expected one of {", ".join(PRESETS)}')
    return PRESETS[name]


def _check_type(name: str, value: object, expected: object) -> None:
    origin = typing.get_origin(expected) or expected
    if origin is tuple:
        is_right = isinstance(value, (tuple, list)) and all(
            type(item) is typing.get_args(expected)[0] for item in value
        )
    else:
        is_right = type(value) is expected or (expected is float and type(value) is int)
    if not is_right:
        kind = getattr(expected, '__name__', str(expected))
        raise ValueError(f'{name} is {value!r}, expected a value of type {kind}')
