# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What the bridge hears: key steps, commands, action chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from c2a_core import messages
from c2a_core.ros import QUIET_SUBSCRIPTION, Qos, Topic
from c2a_core.types import ActionChunk, CommandSource, KeyStep
from c2a_msgs import msg as c2a

if TYPE_CHECKING:
    from c2a_sim_bridge.sim_bridge_node import SimBridgeNode


class BridgeInputs:
    """Subscriptions of the bridge, and the last word of planner and controller.

    Args:
        bridge: the node.
    """

    def __init__(self, bridge: SimBridgeNode) -> None:
        self._bridge = bridge
        self.key_step: KeyStep | None = None
        self.chunk: ActionChunk | None = None
        key_steps = (c2a.KeyStep, Topic.KEY_STEP, self.on_key_step, Qos.KEY_STEP)
        chunks = (c2a.ActionChunk, Topic.ACTION_CHUNK, self.on_chunk, Qos.ACTION_CHUNK)
        commands = (c2a.Command, Topic.COMMAND, self.on_command, Qos.COMMAND)
        bridge.create_subscription(*key_steps, event_callbacks=bridge.peers.planner.events)
        bridge.create_subscription(*chunks, event_callbacks=bridge.peers.controller.events)
        if bridge.params.low_level != 'oracle':  # else the bridge is the only one who commands
            bridge.create_subscription(*commands, event_callbacks=QUIET_SUBSCRIPTION)

    def forget(self) -> None:
        """An episode begins."""
        self.key_step = self.chunk = None

    def on_key_step(self, msg: c2a.KeyStep) -> None:
        """The planner answered an observation."""
        if msg.episode_id != self._bridge.loop.episode_id:
            self._bridge.stepper.dropped['key step of another episode'] += 1
            return
        if self.key_step is not None and msg.step < self.key_step.step:
            # Said again because the bridge asked again, while the first one was under way.
            self._bridge.stepper.dropped['key step of an older step'] += 1
            return
        self.key_step = messages.key_step_from_msg(msg)
        self._bridge.take_key_step(self.key_step)

    def on_command(self, msg: c2a.Command) -> None:
        """The controller answered an observation, or this is our own."""
        is_held = (msg.episode_id, msg.step) == self._bridge.topics.held_at
        is_own = msg.source == CommandSource.SKILL or (
            msg.source == CommandSource.HOLD and is_held
        )
        if not is_own:
            self._bridge.stepper.on_command(messages.command_from_msg(msg))

    def on_chunk(self, msg: c2a.ActionChunk) -> None:
        """The controller made a chunk."""
        if msg.episode_id == self._bridge.loop.episode_id:
            self.chunk = messages.action_chunk_from_msg(msg)
            self._bridge.loop.policy_checkpoint = self.chunk.checkpoint
