# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The bridge's states on /diagnostics: peers, episode, e-stop, commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from c2a_core.ros_diagnostics import ERROR, OK, WARN, Diagnostics
from c2a_sim_bridge.ros_peers import Peer

if TYPE_CHECKING:
    from c2a_sim_bridge.sim_bridge_node import SimBridgeNode


def report(bridge: SimBridgeNode, diagnostics: Diagnostics) -> None:
    """Set the bridge's states."""
    for peer in (bridge.peers.planner, bridge.peers.controller):
        level, message = _peer_state(peer, is_needed=peer in bridge.peers.needed)
        diagnostics.set(peer.name, level, message)
    _report_estop(bridge, diagnostics)
    _report_commands(bridge, diagnostics)
    _report_episode(bridge, diagnostics)


def _peer_state(peer: Peer, is_needed: bool) -> tuple[bytes, str]:
    if peer.is_alive and not peer.is_lost:
        return OK, 'alive'
    if peer.is_alive:
        return OK, 'back again'
    what = 'gone' if peer.is_lost else 'not there yet'
    if is_needed:
        return ERROR, f'{what}: the robot holds until it is back'
    return WARN, f'{what}; not needed while skills move the robot'


def _report_estop(bridge: SimBridgeNode, diagnostics: Diagnostics) -> None:
    if bridge.keeper.is_estopped:
        diagnostics.set('e-stop', ERROR, 'pressed: release it with /c2a/estop data:=false')
    else:
        diagnostics.set('e-stop', OK, 'released')


def _report_commands(bridge: SimBridgeNode, diagnostics: Diagnostics) -> None:
    refused = sum(bridge.loop.refused.values())
    values = {**bridge.stepper.dropped, **bridge.loop.refused}
    if bridge.reminder.count:
        values['steps published again'] = bridge.reminder.count
    if bridge.stepper.is_stopped:
        diagnostics.set('commands', ERROR, 'no command in time: the robot was stopped', values)
    elif refused:
        diagnostics.set('commands', WARN, f'{refused} refused, the robot held instead', values)
    else:
        diagnostics.set('commands', OK, 'accepted', values)


def _report_episode(bridge: SimBridgeNode, diagnostics: Diagnostics) -> None:
    if bridge.loop.info is None:
        missing = bridge.missing()
        message = f'waiting for {missing}' if missing else 'none yet'
        diagnostics.set('episode', OK, message)
        return
    status = bridge.loop.status()
    values = {
        'episode_id': status.episode_id,
        'task': status.task,
        'seed': status.seed,
        'step': status.step,
        'so far': bridge.schedule.tally(),
    }
    is_bad = status.done and status.reason.startswith('aborted')
    diagnostics.set('episode', ERROR if is_bad else OK, status.reason or 'running', values)
