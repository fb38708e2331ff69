# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What machinery in a scene must offer: bodies of its own that objects and tasks can refer to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import sapien

from c2a_sim_bridge.sim.objects import PlacedObject


@dataclass(frozen=True)
class FixtureBodies:
    """What a fixture put into the scene.

    Attributes:
        parts: rigid-body component of each of the layout's objects of kind `part`, by index.
        frame: its other rigid-body components: nobody's objects, but in the way.
    """

    parts: dict[int, sapien.physx.PhysxRigidBaseComponent]
    frame: tuple[sapien.physx.PhysxRigidBaseComponent, ...] = ()


class Fixture(Protocol):
    """Builds machinery, e.g. a balance scale, anew for every world."""

    def build(
        self, scene: sapien.Scene, objects: Sequence[PlacedObject], *, with_visuals: bool
    ) -> FixtureBodies:
        """Put the fixture into the scene, at rest.

        Args:
            scene: the episode's scene.
            objects: the whole layout; those of kind `part` are the fixture's to build.
            with_visuals: whether the scene is rendered.
        """
        ...
