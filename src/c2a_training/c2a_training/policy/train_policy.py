# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Training of a policy: data, network, loop, checkpoints.

OUT/config.json     settings              OUT/state/        from which --resume goes on
OUT/start/          tokenizer, statistics OUT/tensorboard/  curves, chunks
OUT/frames/         decoded pictures, if they are cached; may be deleted
OUT/best/           sealed checkpoint of the best validation
OUT/last/           sealed checkpoint of the last validation
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from rich.console import Console

from c2a_controller.diffusion_policy import DiffusionPolicy
from c2a_controller.policy_checkpoint import find_checkpoint, read_policy, write_policy
from c2a_controller.policy_net import PolicyNet
from c2a_controller.policy_objective import make_objective
from c2a_core.spaces import CAMERAS
from c2a_planner.checkpoint import find_checkpoint as find_planner
from c2a_training.atomic_file import write_json
from c2a_training.dataset.dataset_manifest import read_manifest
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.policy.averaging_step import AveragingStep
from c2a_training.policy.closed_loop import ClosedLoop
from c2a_training.policy.eye_features import EyeFeatures
from c2a_training.policy.frame_source import FrameSource, check_disk
from c2a_training.policy.policy_card import make_card, make_info
from c2a_training.policy.policy_checkup import METRIC, PolicyCheckup
from c2a_training.policy.policy_data import (
    Batch,
    PolicyBatches,
    WindowTensors,
)
from c2a_training.policy.policy_start import PolicyStart, make_start, open_eye, read_start
from c2a_training.policy.policy_train_config import (
    PolicyTrainConfig,
    config_from_dict,
    network_differences,
)
from c2a_training.policy.policy_train_net import PolicyTrainNet
from c2a_training.policy.windows import NoWindowsError, PolicyWindows
from c2a_training.training.processes import make_accelerator
from c2a_training.training.train_log import TrainLog
from c2a_training.training.train_loop import Stage, TrainLoop
from c2a_training.training.train_request import BEST, LAST, TrainRequest
from c2a_training.training.train_state import Progress
from c2a_training.training.train_step import count_parameters
from c2a_training.training.training_card import begin_after, begin_with_eye, note_data

STAGE = 'policy'


class PolicyTraining:
    """One training of a policy.

    Args:
        request: what to train.
        accelerator: the processes and the device.
        console: where people read; None in all processes but the first.
    """

    def __init__(
        self,
        request: TrainRequest[PolicyTrainConfig],
        accelerator: Accelerator,
        console: Console | None,
    ) -> None:
        self._request = request
        self._config = config = request.config
        self._accelerator = accelerator
        self._console = console
        self._store = request.store
        self._state = self._store.load() if request.resume else None
        self._datasets = [EpisodeDataset(path) for path in request.data]
        self._windows = self._make_windows(held_out=False)
        self._held = self._make_held()
        if self._state is not None:
            self._check_state(self._state.progress)
        self._start = self._make_start()
        self._objective = make_objective(config.model)
        torch.manual_seed(config.seed)
        self._net = PolicyTrainNet(self._start.net or self._fresh_net(), config.auxiliary)
        self._frames, self._features = self._make_frames()

    def _fresh_net(self) -> PolicyNet:
        net = PolicyNet(self._config.model)
        if self._takes_eye:
            open_eye(net.cameras['base'], find_planner(self._config.eye))
        return net

    @property
    def _takes_eye(self) -> bool:
        """Whether it begins with a planner's vision tower; a state or checkpoint has its own."""
        is_new = self._state is None and self._request.init is None
        return is_new and self._config.model.base_eye == 'planner'

    def _make_frames(self) -> tuple[FrameSource, EyeFeatures | None]:
        config, cameras = self._config, self._config.model.cameras
        size, features = config.model.image_size, None
        if config.model.base_eye == 'planner' and config.frames == 'cache':
            features = EyeFeatures(self._datasets, size, self._net.policy.cameras['base'])
            cameras = tuple(camera for camera in cameras if camera != 'base')
        return FrameSource(self._datasets, size, cameras), features

    def run(self) -> bool:
        """Train to the end, or until somebody asks to stop.

        Returns:
            Whether it is done.
        """
        progress = self._state.progress if self._state else self._new_progress()
        with TrainLog(self._request.out, self._console, progress.total_steps) as log:
            self._say_start(log, progress)
            step = AveragingStep(self._net, self._config, self._accelerator)
            if self._state is not None:
                step.load(self._state.model, self._state.optimizer)
                # Held once in the net and the optimiser is enough.
                self._state = None
            self._open_frames(log)
            if self._config.compile:
                self._net.compile_parts()
            loop = TrainLoop(self._accelerator, self._config, self._store, log, progress)
            is_done = loop.run(self._make_stage(step, log, progress))
            if is_done:
                out = self._request.out
                log.say(f'checkpoints: {out / BEST}, {out / LAST}')
        return is_done

    def _make_stage(self, step: AveragingStep, log: TrainLog, progress: Progress) -> Stage:
        config = self._config
        batches = PolicyBatches(
            self._tensors(self._windows),
            self._objective,
            batch_size=config.train.batch_size,
            repeats=config.repeats,
            seed=config.seed,
            augment=config.augment,
            shift_px=config.shift_px,
            share=(self._accelerator.process_index, self._accelerator.num_processes),
        )
        checkup = self._make_checkup(log)
        return Stage(
            name=STAGE,
            config=config.train,
            step=step,
            make_batch=batches.make,
            validate=lambda: self._validate(step, checkup, progress),
            metric=METRIC,
            keep=lambda progress: self._keep(BEST, step, progress),
            sizes=_sizes,
        )

    def _validate(
        self, step: AveragingStep, checkup: PolicyCheckup, progress: Progress
    ) -> dict[str, float]:
        """Figures of the averaged weights; the first process finds them for all."""
        found: list[dict[str, float]] = [{}]
        if self._accelerator.is_main_process:
            with step.average.shown():
                found[0] = checkup.figures(progress, step.autocast)
        if self._accelerator.num_processes > 1:
            broadcast_object_list(found)
        if found[0]:
            # What the checkpoint says about itself.
            progress.metrics = found[0]
            self._keep(LAST, step, progress)
        return found[0]

    def _keep(self, name: str, step: AveragingStep, progress: Progress) -> None:
        """Write a sealed checkpoint of the averaged weights; all processes must call it."""
        if self._accelerator.is_main_process:
            with step.average.shown():
                self._write(name, progress)
        self._accelerator.wait_for_everyone()

    def _write(self, name: str, progress: Progress) -> None:
        config, windows, start = self._config, self._windows, self._start
        info = make_info(config, progress, windows, self._poses)
        write_policy(
            self._request.out / name,
            config.model,
            self._net.policy.state_dict(),
            start.tokenizer,
            start.normalisation,
            info,
            make_card(info, config, progress, windows, self._request.command),
        )

    def _make_checkup(self, log: TrainLog) -> PolicyCheckup:
        config, closed_loop = self._config, None
        if config.closed_loop.minutes:
            closed_loop = ClosedLoop(
                config.closed_loop,
                planner=config.loop_planner,
                tasks=self._windows.tasks(),
                image_size=config.model.image_size,
                base_camera=self._poses['base'][0],
                wrist_cameras=self._poses['wrist'],
            )
        return PolicyCheckup(
            config,
            self._net,
            None if self._held is None else self._tensors(self._held),
            self._start.normalisation.action,
            log,
            closed_loop,
            self._written_policy,
        )

    def _written_policy(self, progress: Progress) -> DiffusionPolicy:
        """What would be shipped now, its weights rounded to bfloat16."""
        self._write(LAST, progress)
        return DiffusionPolicy(read_policy(find_checkpoint(self._request.out / LAST)))

    def _tensors(self, windows: PolicyWindows) -> WindowTensors:
        start = self._start
        return WindowTensors(
            windows,
            self._frames,
            start.tokenizer,
            start.normalisation,
            self._config.model,
            self._config.auxiliary,
            self._features,
        )

    def _make_windows(self, *, held_out: bool) -> PolicyWindows:
        config = self._config
        return PolicyWindows(
            self._datasets,
            config.windows,
            pred_horizon=config.model.pred_horizon,
            seed=config.seed,
            held_out=held_out,
        )

    def _make_held(self) -> PolicyWindows | None:
        try:
            return self._make_windows(held_out=True)
        except NoWindowsError:
            return None

    def _make_start(self) -> PolicyStart:
        request, config = self._request, self._config
        if self._state is not None:
            return read_start(request.out / 'start', config.model)
        start = make_start(self._windows, config.model, request.init)
        if self._accelerator.is_main_process:
            write_json(request.out / 'config.json', config.as_dict())
            start.save(request.out / 'start')
        return start

    def _new_progress(self) -> Progress:
        progress = Progress(
            stage=STAGE,
            config=self._config.as_dict(),
            data=[dataset.fingerprint for dataset in self._datasets],
        )
        if self._request.init is not None:
            checkpoint = find_checkpoint(self._request.init)
            begin_after(progress, checkpoint.source, checkpoint.info)
        elif self._takes_eye:
            planner = find_planner(self._config.eye)
            begin_with_eye(progress, planner.label, planner.info)
        note_data(progress, self._datasets)
        return progress

    def _check_state(self, progress: Progress) -> None:
        before = config_from_dict(progress.config)
        differing = network_differences(before.model, self._config.model)
        if differing:
            raise ValueError(
                f'the training in {self._request.out} has another network, it differs in '
                f'{", ".join(differing)}: leave these settings as they are, or begin another '
                'training'
            )
        if self._accelerator.is_main_process:
            write_json(self._request.out / 'config.json', self._config.as_dict())
        progress.config = self._config.as_dict()
        if note_data(progress, self._datasets) and self._console is not None:
            self._console.print(
                '[yellow]the data are not those that the training began with:[/] it goes on with '
                'the new ones'
            )

    @property
    def _poses(self) -> dict[str, list[str]]:
        """Poses of each camera in the data."""
        options = [read_manifest(path).options for path in self._request.data]
        return {
            camera: sorted({str(found.get(f'{camera}_camera', 'framed')) for found in options})
            for camera in CAMERAS
        }

    def _open_frames(self, log: TrainLog) -> None:
        config, frames = self._config, self._frames
        folder = self._request.out / 'frames'
        sources = [frames] if self._features is None else [frames, self._features]
        size = f'{sum(source.cache_bytes for source in sources) / 1e9:.1f} GB'
        if config.frames == 'decode':
            log.say(f'pictures are decoded as they are drawn; a frame cache would take {size}')
            return
        check_disk(folder, sum(source.missing_bytes(folder) for source in sources))
        log.say(f'pictures come from a frame cache of {size} in {folder}')
        for name, source in zip(('frame cache', 'what the eye sees'), sources, strict=False):
            # The others find it made.
            if self._accelerator.is_main_process:
                source.open_caches(folder, log.tenths(name))
            self._accelerator.wait_for_everyone()
            if not self._accelerator.is_main_process:
                source.open_caches(folder, lambda _: None)

    def _say_start(self, log: TrainLog, progress: Progress) -> None:
        learns, total = count_parameters(self._net)
        windows, held = self._windows, self._held
        episodes = sum(len(dataset.episodes) for dataset in self._datasets)
        log.say(
            f'{self._config.preset}: {total:,} parameters, {learns:,} of them learn; '
            f'{episodes} episodes, {len(windows)} windows, {0 if held is None else len(held)} '
            f'held out; {self._accelerator.num_processes} processes on '
            f'{self._accelerator.device}, {torch.get_num_threads()} threads'
        )
        for (dataset, task), share in zip(windows.groups, windows.shares, strict=True):
            log.say(f'  {dataset}: {task}, {100 * share:.1f}% of the windows drawn')
        if held is None:
            log.say('no episode is held out: more of them, or a larger windows.validation_share')
        if progress.total_steps:
            log.say(f'going on: step {progress.step}')


def train_policy(
    request: TrainRequest[PolicyTrainConfig],
    console: Console | None = None,
    make_accelerator: Callable[[], Accelerator] = make_accelerator,
) -> bool:
    """Train a policy.

    Args:
        request: what to train.
        console: where people read.
        make_accelerator: the processes and the device.

    Returns:
        Whether the training is done; False if somebody stopped it.

    Raises:
        ValueError: if the request cannot be fulfilled, with a sentence that says why.
    """
    request.check_out()
    accelerator = make_accelerator()
    request.make_out(accelerator)
    is_first = accelerator.is_main_process
    return PolicyTraining(request, accelerator, console if is_first else None).run()


def _sizes(batch: Batch) -> dict[str, float]:
    """What is counted of a batch."""
    count = len(batch['images'])
    return {'samples': count, 'pictures': count * batch['images'].shape[1]}
