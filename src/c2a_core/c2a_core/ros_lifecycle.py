# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the lifecycle nodes with a model share: their states, and what they hear meanwhile."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from c2a_core.ros import QUIET_SUBSCRIPTION, declare_params


class ModelNode(LifecycleNode):
    """A node that has its model once configured, and answers once activated.

    Subclasses say in `configure` and `free` what that takes, call `start` at the end of their
    constructor, and let each callback ask `hears` first.

    Args:
        name: of the node.
        params_type: dataclass of its parameters, with a field `autostart`.
    """

    def __init__(self, name: str, params_type: type, **kwargs) -> None:
        super().__init__(name, **kwargs)
        self.params = declare_params(self, params_type)
        self._is_active = self._is_configured = False
        self._unheard: dict[Callable[[Any], None], Any] = {}
        self._failure = ''
        self._readers: list = []
        self._heard_in_order: list[Callable[[Any], None]] = []

    def start(self) -> None:
        """Configure and activate, where parameter `autostart` says so.

        Raises:
            ValueError: why the node could not be configured.
        """
        if self.params.autostart:
            self.trigger_configure()
            if self._failure:
                raise ValueError(self._failure)
            self.trigger_activate()

    def configure(self) -> None:
        """Make the model and everything that talks.

        Raises:
            ValueError, RuntimeError, OSError, ImportError: why it cannot be done.
        """
        raise NotImplementedError

    def free(self) -> None:
        """Free what `configure` made."""
        raise NotImplementedError

    def listen(self, *readers: tuple[type, str, Callable[[Any], None], Any]) -> None:
        """Subscribe until `free`.

        Args:
            readers: message type, topic, callback and quality of service. What was kept of them
                until activation comes in this order.
        """
        self._heard_in_order = [callback for _, _, callback, _ in readers]
        self._readers = [
            self.create_subscription(*reader, event_callbacks=QUIET_SUBSCRIPTION)
            for reader in readers
        ]

    def hears(self, callback: Callable[[Any], None], msg: Any) -> bool:
        """Whether the node is active; if not, the topic's last message is kept until it is."""
        if not self._is_active:
            self._unheard[callback] = msg
        return self._is_active

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure; a failure is logged, and `start` raises it."""
        try:
            self.configure()
        except (ValueError, RuntimeError, OSError, ImportError) as err:
            # rclpy swallows what a transition raises.
            self._failure = str(err)
            self.get_logger().error(f'{self.get_name()} not configured: {err}')
            self.get_logger().debug(traceback.format_exc())
            return TransitionCallbackReturn.FAILURE
        self._is_configured = True
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Answer from now on, what came last included: in lockstep the world waits for it."""
        result = super().on_activate(state)
        self._is_active = True
        unheard, self._unheard = self._unheard, {}
        for callback in self._heard_in_order:
            if callback in unheard:
                callback(unheard[callback])
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Answer nothing any more."""
        self._is_active = False
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model."""
        self._free()
        return super().on_cleanup(state)

    def destroy_node(self) -> None:
        """End everything."""
        if self._is_configured:
            self._free()
        super().destroy_node()

    def _free(self) -> None:
        while self._readers:
            self.destroy_subscription(self._readers.pop())
        self._unheard.clear()
        self.free()
        self._is_configured = False
