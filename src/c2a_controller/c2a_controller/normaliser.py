# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Numbers of the robot to numbers of the network and back; `normalisation.json`.

Actions are divided by the largest that was seen, component by component: they fill -1..1, where
diffusion clips, and an action of zero, which keeps the last target, stays zero. Of rotations it is
the largest of nearly all: a few jerks must not make all others small; what is beyond it is learned
as 1. Proprioception is centred and divided by its standard deviation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from c2a_core.spaces import (
    ACTION_NAMES,
    MAX_ROTATION_RAD,
    MAX_TRANSLATION_M,
    PROPRIO_NAMES,
    ROTATION,
)
from c2a_core.types import FloatArray

# Of the bound of a component. One that hardly moves must not be blown up until its noise fills
# the range.
_LEAST_SHARE = 0.05
_ACTION_BOUNDS = np.array([MAX_TRANSLATION_M] * 3 + [MAX_ROTATION_RAD] * 3 + [1.0])
_LEAST_STD = 1e-2
# Share of the rotations that the scale covers. Translations have no jerks: their bound cuts them.
_ROTATION_SHARE = 0.999
# In standard deviations: what lies farther out was never seen, and only its side is told.
_PROPRIO_LIMIT = 5.0


@dataclass(frozen=True, eq=False)
class Normaliser:
    """(x - offset) / scale, component by component.

    Attributes:
        names: of the components.
        offset: (D,) float32.
        scale: (D,) float32, more than 0.
        limit: normalised numbers are clipped to -limit..limit; none clips nothing.
    """

    names: tuple[str, ...]
    offset: FloatArray
    scale: FloatArray
    limit: float | None = None

    def __post_init__(self) -> None:
        """Check shapes and numbers."""
        for field in ('offset', 'scale'):
            values = np.asarray(getattr(self, field), dtype=np.float32)
            if values.shape != (len(self.names),) or not np.isfinite(values).all():
                raise ValueError(
                    f'{field} of the normalisation is {values.tolist()}, expected '
                    f'{len(self.names)} finite numbers: {", ".join(self.names)}'
                )
            object.__setattr__(self, field, values)
        if not (self.scale > 0).all():
            raise ValueError(f'scale of the normalisation is {self.scale.tolist()}, expected > 0')
        object.__setattr__(self, 'names', tuple(self.names))

    def normalise(self, values: FloatArray) -> FloatArray:
        """(..., D) of the robot to (..., D) float32 of the network."""
        normalised = (np.asarray(values, np.float32) - self.offset) / self.scale
        if self.limit is not None:
            normalised = np.clip(normalised, -self.limit, self.limit)
        return normalised

    def restore(self, normalised: FloatArray) -> FloatArray:
        """(..., D) of the network to (..., D) float32 of the robot."""
        return np.asarray(normalised, np.float32) * self.scale + self.offset

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            'names': list(self.names),
            'offset': self.offset.tolist(),
            'scale': self.scale.tolist(),
            'limit': self.limit,
        }


@dataclass(frozen=True)
class PolicyNormalisation:
    """How a policy's numbers are normalised.

    Attributes:
        action: layout of `spaces.ACTION`.
        proprio: layout of `spaces.PROPRIO`.
    """

    action: Normaliser
    proprio: Normaliser

    def __post_init__(self) -> None:
        """Refuse another layout."""
        for what, found, expected in (
            ('actions', self.action.names, ACTION_NAMES),
            ('proprioception', self.proprio.names, PROPRIO_NAMES),
        ):
            if found != expected:
                raise ValueError(
                    f'normalisation of {what} is for {", ".join(found)}; expected '
                    f'{", ".join(expected)}'
                )

    @classmethod
    def fit(cls, actions: FloatArray, proprio: FloatArray) -> PolicyNormalisation:
        """Take the statistics of recorded steps.

        Args:
            actions: (N, 7), layout of `spaces.ACTION`.
            proprio: (N, P), layout of `spaces.PROPRIO`.
        """
        size = np.abs(np.asarray(actions, np.float64))
        largest = size.max(0)
        largest[ROTATION] = np.quantile(size[:, ROTATION], _ROTATION_SHARE, axis=0)
        proprio = np.asarray(proprio, np.float64)
        zeros = np.zeros(len(ACTION_NAMES))
        scale = np.maximum(largest, _LEAST_SHARE * _ACTION_BOUNDS)
        return cls(
            Normaliser(ACTION_NAMES, zeros, scale, limit=1.0),
            Normaliser(
                PROPRIO_NAMES,
                proprio.mean(0),
                np.maximum(proprio.std(0), _LEAST_STD),
                _PROPRIO_LIMIT,
            ),
        )

    def as_dict(self) -> dict[str, object]:
        """Content of `normalisation.json`."""
        return {'action': self.action.as_dict(), 'proprio': self.proprio.as_dict()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Mapping[str, object]]) -> PolicyNormalisation:
        """Read the content of `normalisation.json`.

        Raises:
            ValueError: if it is not that, or for another layout.
        """
        try:
            return cls(_read(content['action']), _read(content['proprio']))
        except (KeyError, TypeError, AttributeError) as err:
            raise ValueError(
                f'the normalisation has no usable {err}: expected action and proprio with names, '
                'offset, scale and limit'
            ) from err


def _read(content: Mapping[str, object]) -> Normaliser:
    names: Sequence[str] = content['names']  # type: ignore[assignment]
    limit = content['limit']
    return Normaliser(
        tuple(names),
        content['offset'],  # type: ignore[arg-type]
        content['scale'],  # type: ignore[arg-type]
        None if limit is None else float(limit),  # type: ignore[arg-type]
    )
