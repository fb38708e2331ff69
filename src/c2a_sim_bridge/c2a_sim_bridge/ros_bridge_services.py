# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The services of the bridge: `reset` and `estop`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from std_srvs.srv import SetBool

from c2a_core.ros import Service
from c2a_core.types import EndReason
from c2a_msgs.srv import ResetEpisode

if TYPE_CHECKING:
    from c2a_sim_bridge.sim_bridge_node import SimBridgeNode

SCENE_OPTION = 'scene'
SCENE_KEEP = 'keep'


class BridgeServices:
    """Answers `reset` and `estop`.

    Args:
        bridge: the node.
    """

    def __init__(self, bridge: SimBridgeNode) -> None:
        self._bridge = bridge
        bridge.create_service(ResetEpisode, Service.RESET, self._reset)
        bridge.create_service(SetBool, Service.ESTOP, self._estop)

    def _reset(
        self, request: ResetEpisode.Request, response: ResetEpisode.Response
    ) -> ResetEpisode.Response:
        response.episode_id = -1
        try:
            self._start(request)
        except (ValueError, RuntimeError) as err:
            response.message = str(err)
            return response
        status = self._bridge.loop.status()
        response.accepted = True
        response.episode_id = status.episode_id
        response.instruction = status.instruction
        return response

    def _start(self, request: ResetEpisode.Request) -> None:
        """Begin what is asked for; ValueError says why not."""
        bridge = self._bridge
        options = {option.key: option.value for option in request.options}
        scene = options.pop(SCENE_OPTION, '')
        if scene not in ('', SCENE_KEEP):
            raise ValueError(f"option scene is {scene!r}, expected '{SCENE_KEEP}' or none")
        if bridge.keeper.is_estopped:
            raise ValueError('the e-stop is pressed: release it with /c2a/estop data:=false')
        if scene == SCENE_KEEP:
            bridge.loop.set_instruction(request.instruction)
            bridge.topics.publish_status()
            return
        missing = bridge.missing()
        if missing:
            raise ValueError(f'{missing} is not there: start it, or wait until it is')
        task, seed = self._task_and_seed(request)
        bridge.backend.check_task(task)
        bridge.end(EndReason.RESET)
        bridge.start(task, seed, request.instruction or None, options)

    def _task_and_seed(self, request: ResetEpisode.Request) -> tuple[str, int]:
        bridge, info = self._bridge, self._bridge.loop.info
        task = request.task or (info.task if info else bridge.schedule.tasks[0])
        if request.seed >= 0:
            return task, request.seed
        return task, info.seed + 1 if info else bridge.params.seed

    def _estop(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        bridge = self._bridge
        bridge.keeper.is_estopped = request.data
        if request.data:
            bridge.get_logger().error('e-stop: the robot is stopped')
            bridge.end(EndReason.ESTOP)
            if bridge.loop.info is not None:
                bridge.backend.stop()
        bridge.diagnostics.refresh()
        response.success = True
        response.message = 'stopped' if request.data else 'released'
        return response
