# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A trajectory of the public ClevrSkills dataset as the rows of one of our episodes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from c2a_core.memory import KeyStepMemory
from c2a_core.skill_api import ActorRef, SkillCodeError
from c2a_core.spaces import CONTROL_DT_NS
from c2a_core.types import (
    Command,
    CommandSource,
    ImageArray,
    KeyStep,
    Observation,
    ReplyStatus,
)
from c2a_training.clevrskills.clevrskills_code import KeyStepAt, TraceCoder
from c2a_training.clevrskills.clevrskills_media import TrajectorySkippedError, read_pictures
from c2a_training.clevrskills.clevrskills_pickle import TraceRefusedError
from c2a_training.clevrskills.clevrskills_trace import TraceError
from c2a_training.clevrskills.clevrskills_trajectory import FOLDER, Trajectory, read_trajectory
from c2a_training.dataset.episode_metadata import episode_name
from c2a_training.dataset.episode_rows import EpisodeRows, EpisodeRowsBuilder
from c2a_training.rollout_rows import closing_key_step

# Base and wrist pictures of each observation.
Pictures = tuple[list[ImageArray], list[ImageArray]]

SOURCE = 'clevrskills'
# What keeps imported episodes apart from generated ones of the same task and seed.
SPLIT = 'public'


@dataclass(frozen=True)
class ImportSettings:
    """How trajectories are converted.

    Attributes:
        image_size: side of the pictures [px].
        robot: the one robot of the dataset; trajectories of another one are skipped.
    """

    image_size: int
    robot: str


@dataclass(frozen=True, eq=False)
class Converted:
    """A trajectory that became an episode.

    Attributes:
        rows: the episode.
        clipped: actions that were over our bounds and were cut to them.
    """

    rows: EpisodeRows
    clipped: int


def convert_trajectory(folder: Path, task: str, settings: ImportSettings) -> Converted:
    """Convert one folder.

    Raises:
        TrajectorySkippedError: with the reason, whatever is wrong with the folder.
    """
    try:
        trajectory = read_trajectory(folder)
        if trajectory.robot != settings.robot:
            raise TrajectorySkippedError(
                f'its robot is {trajectory.robot}, the dataset has {settings.robot}: import it '
                'into another one'
            )
        key_steps = read_key_steps(trajectory)
    except (TraceError, TraceRefusedError, SkillCodeError) as err:
        raise TrajectorySkippedError(str(err)) from err
    base, wrist = read_pictures(folder, len(trajectory.actions) + 1, settings.image_size)
    builder = EpisodeRowsBuilder(
        task,
        trajectory.seed,
        trajectory.instruction,
        split=split_of(folder),
        source=SOURCE,
        backend=SOURCE,
    )
    _add_rows(builder, trajectory, key_steps, (base, wrist))
    return Converted(builder.finish(), trajectory.clipped)


def read_key_steps(trajectory: Trajectory) -> list[KeyStepAt]:
    """Key steps of a trajectory, with cells by our convention.

    Raises:
        TrajectorySkippedError: if an object has no cell or there is no key step.
        TraceError: for a solver that the skill API has no call for.
        SkillCodeError: for a name or number that it does not allow.
    """

    def refer(actor: tuple[str, int], step: int) -> ActorRef:
        return ActorRef(actor[0], trajectory.cell(actor, step))

    key_steps = list(TraceCoder(refer).key_steps(trajectory.trace))
    if not key_steps:
        raise TrajectorySkippedError('its trace has no skill')
    return key_steps


def task_of(folder: Path) -> str:
    """Task name from the folder's parent, as ClevrSkills names them: `place_on_top`."""
    words = re.findall(r'[A-Za-z0-9]+', folder.resolve().parent.name)
    name = ''.join(word[:1].upper() + word[1:] for word in words)
    return name if name[:1].isalpha() else f'ClevrSkills{name}'


def split_of(folder: Path) -> str:
    """Split of an imported episode: variants of a seed are told apart by it."""
    match = FOLDER.fullmatch(folder.name)
    variant = match['variant'] if match is not None else None
    return SPLIT if variant is None else f'{SPLIT}-v{int(variant)}'


def name_of(folder: Path, task: str) -> str:
    """Name of the episode that a folder becomes."""
    match = FOLDER.fullmatch(folder.name)
    return episode_name(task, int(match['seed']) if match is not None else 0, split_of(folder))


def _add_rows(
    builder: EpisodeRowsBuilder,
    trajectory: Trajectory,
    key_steps: list[KeyStepAt],
    pictures: Pictures,
) -> None:
    memory = KeyStepMemory()
    begins = {key_step.step: key_step.code for key_step in key_steps}
    last: KeyStep | None = None
    for step, action in enumerate(trajectory.actions):
        observation = _observation(trajectory, step, pictures)
        before = memory.steps
        if step in begins:
            memory.append(begins[step].render())
        last = _key_step(observation, memory, before, step in begins)
        command = Command(
            episode_id=0,
            step=step,
            source=CommandSource.SKILL,
            chunk_id=-1,
            chunk_index=-1,
            action=action,
            subtask_id=memory.subtask_id,
            stamp_ns=observation.stamp_ns,
        )
        # Success comes after the last action: the trajectory is cut there.
        builder.add(observation, last, command, success=False)
    end = _observation(trajectory, len(trajectory.actions), pictures)
    builder.add(end, closing_key_step(end, last), None, success=True)


def _key_step(
    observation: Observation, memory: KeyStepMemory, before: tuple[str, ...], begins: bool
) -> KeyStep:
    return KeyStep(
        episode_id=0,
        step=observation.step,
        stamp_ns=observation.stamp_ns,
        subtask_id=memory.subtask_id,
        is_key_step=begins,
        code=memory.last,
        cache_info=memory.cache_info(),
        memory=before,
        reply_status=ReplyStatus.KEY_STEP if begins else ReplyStatus.SAME,
    )


def _observation(trajectory: Trajectory, step: int, pictures: Pictures) -> Observation:
    is_on, is_grasping, is_ready = trajectory.vacuum[step].tolist()
    return Observation(
        episode_id=0,
        step=step,
        stamp_ns=step * CONTROL_DT_NS,
        base_image=pictures[0][step],
        wrist_image=pictures[1][step],
        joint_positions=trajectory.joints[step],
        joint_velocities=trajectory.joint_velocities[step],
        ee_pose=trajectory.ee_pose[step],
        vacuum_on=is_on,
        vacuum_grasping=is_grasping,
        vacuum_ready=is_ready,
    )
