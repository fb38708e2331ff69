# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Training of a planner: data, model, stages, checkpoints.

OUT/config.json     settings            OUT/state/        from which --resume goes on
OUT/start/          configuration       OUT/tensorboard/  curves
OUT/best/           sealed checkpoint of the best validation
OUT/last/           sealed checkpoint of the end
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from accelerate import Accelerator, DistributedType
from rich.console import Console
from transformers.utils import logging as transformers_logging

from c2a_planner.checkpoint import Checkpoint
from c2a_training.atomic_file import write_json
from c2a_training.dataset.dataset_manifest import read_manifest
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.planner.arm_heads import ArmHeads
from c2a_training.planner.dense import DenseHeads, WordHeads, word_classes
from c2a_training.planner.examples import PlannerExamples
from c2a_training.planner.feature_cache import compute_features
from c2a_training.planner.packing import Packer
from c2a_training.planner.planner_card import make_card, make_info
from c2a_training.planner.planner_data import (
    DenseBatches,
    LanguageBatches,
    PictureSource,
    alternating,
    text_batches,
    tokenizer_texts,
)
from c2a_training.planner.planner_model import (
    PlannerModel,
    image_tokens,
    load_start,
    make_tiny,
    open_model,
    save_start,
    with_adapters,
    write_sealed,
)
from c2a_training.planner.planner_net import PlannerNet
from c2a_training.planner.planner_start import find_base, new_progress
from c2a_training.planner.planner_validation import (
    DENSE_METRIC,
    METRIC,
    choose_held,
    validate_dense,
    validate_language,
)
from c2a_training.planner.train_config import PlannerTrainConfig
from c2a_training.training import processes
from c2a_training.training.stage_config import StageConfig
from c2a_training.training.train_log import TrainLog
from c2a_training.training.train_loop import Stage, TrainLoop
from c2a_training.training.train_request import BEST, LAST, TrainRequest
from c2a_training.training.train_state import Progress
from c2a_training.training.train_step import TrainStep, count_parameters
from c2a_training.training.training_card import note_data

VISION, TEXT, LANGUAGE = 'vision', 'text', 'language'
STAGES = (VISION, TEXT, LANGUAGE)
# The prompts without pictures in stage language.
_LANGUAGE_TEXT = 'language, text'
# What shows pictures to the model.
_PICTURES = ('pixel_values', 'features')
# Stages must not draw the same examples in their first steps.
_SEED_OF = {VISION: 1, LANGUAGE: 2, TEXT: 3, _LANGUAGE_TEXT: 4}


class PlannerTraining:
    """One training of a planner.

    Args:
        request: what to train.
        accelerator: the processes and the device.
        console: where people read; None in all processes but the first.
    """

    def __init__(
        self,
        request: TrainRequest[PlannerTrainConfig],
        accelerator: Accelerator,
        console: Console | None,
    ) -> None:
        self._request = request
        self._config = request.config
        self._accelerator = accelerator
        self._console = console
        self._store = request.store
        self._state = self._store.load() if request.resume else None
        self._datasets = [EpisodeDataset(path) for path in request.data]
        self._cameras = {
            str(read_manifest(path).options.get('base_camera', 'framed')) for path in request.data
        }
        self._examples = PlannerExamples(self._datasets, self._config.examples)
        progress = self._state.progress if self._state else None
        base = find_base(self._config, request.init, progress)
        self._progress = progress or self._new_progress(base)
        self._model = self._make_model(base)
        self._net = self._make_net()
        if note_data(self._progress, self._datasets) and console is not None:
            console.print(
                '[yellow]the data are not those that the training began with:[/] it goes on with '
                'the new ones'
            )
        if self._state is not None:
            self._net.load_weights(self._state.model)

    def run(self) -> bool:
        """Train to the end, or until somebody asks to stop.

        Returns:
            Whether it is done.
        """
        progress = self._progress
        log = TrainLog(self._request.out, self._console, progress.total_steps)
        with log:
            self._say_start(log, progress)
            loop = TrainLoop(self._accelerator, self._config, self._store, log, progress)
            for name in STAGES[STAGES.index(progress.stage) :]:
                if progress.stage != name:
                    # Moments belong to a stage, best results too.
                    self._state = None
                    progress.stage, progress.step, progress.seconds = name, 0, 0.0
                    progress.best = None
                if self._stage_config(name).is_empty:
                    continue
                stage = self._make_stage(name, log)
                if not loop.run(stage):
                    return False
            self._keep(LAST, stage.step, progress)
            log.say(f'checkpoints: {self._request.out / BEST}, {self._request.out / LAST}')
        return True

    def _stage_config(self, name: str) -> StageConfig:
        return getattr(self._config, name)

    def _new_progress(self, base: Checkpoint | None) -> Progress:
        first = next((name for name in STAGES if not self._stage_config(name).is_empty), LANGUAGE)
        return new_progress(self._config, self._datasets, self._request.init, base, first)

    def _make_model(self, base: Checkpoint | None) -> PlannerModel:
        request, config = self._request, self._config
        start = request.out / 'start'
        dtype = torch.float32 if config.preset == 'tiny' else torch.bfloat16
        if self._accelerator.is_main_process:
            write_json(request.out / 'config.json', config.as_dict())
        if base is not None:
            model = open_model(base.source, dtype)
        elif self._state is not None:
            return load_start(start)
        else:
            texts = tokenizer_texts(self._examples, config.seed)
            model = make_tiny(texts, config.seed)
        if self._accelerator.is_main_process:
            save_start(start, model)
        return with_adapters(model, config)

    def _make_net(self) -> PlannerNet:
        config, llava = self._config, self._model.llava
        if config.preset == 'phi3':
            net = PlannerNet(llava)
            net.freeze_vision(True)
            if self._is_spread:
                net.keep_language_whole()
            return net
        torch.manual_seed(config.seed)
        words = word_classes(lambda text: self._model.tokenizer.encode(text))
        net = PlannerNet(
            llava,
            DenseHeads(llava.config.vision_config.hidden_size),
            WordHeads(llava.config.text_config.hidden_size, words),
            ArmHeads(llava.config.vision_config.hidden_size, llava.config.text_config.hidden_size),
        )
        if self._accelerator.device.type == 'cpu':
            net.unfuse_attention()
        return net

    def _say_start(self, log: TrainLog, progress: Progress) -> None:
        learns, total = count_parameters(self._net)
        episodes = sum(len(dataset.episodes) for dataset in self._datasets)
        log.say(
            f'{self._config.preset}: {total:,} parameters, {learns:,} of them learn '
            f'({100 * learns / total:.1f}%); {episodes} episodes, {len(self._examples)} pictures, '
            f'{int(self._examples.is_border.sum())} of them at borders; '
            f'{self._accelerator.num_processes} processes on {self._accelerator.device}, '
            f'{torch.get_num_threads()} threads'
        )
        if progress.total_steps:
            log.say(f'going on: stage {progress.stage}, step {progress.step}')

    def _make_stage(self, name: str, log: TrainLog) -> Stage:
        if name == VISION:
            return self._vision_stage()
        if name == TEXT:
            return self._text_stage()
        return self._language_stage(log)

    def _vision_stage(self) -> Stage:
        net, config, accelerator = self._net, self._config.vision, self._accelerator
        net.requires_grad_(False)
        net.freeze_vision(False)
        net.dense.requires_grad_(True)
        net.arm_weight = self._config.arm_weight
        net.arm.learn(arm=net.arm_weight > 0, progress=False)
        step = self._make_step({1.0: list(_learning(net))}, VISION)
        source = PictureSource(self._datasets, self._examples, self._model.pictures)
        held = PictureSource(self._datasets, self._held_examples(), self._model.pictures)
        batches = DenseBatches(
            source,
            batch_size=config.batch_size,
            seed=self._config.seed + _SEED_OF[VISION],
            augmented=self._config.augment,
            share=self._share,
        )
        count = self._config.validation_examples
        return Stage(
            name=VISION,
            config=config,
            step=step,
            make_batch=batches.make,
            validate=lambda: validate_dense(net, held, 64, count, accelerator.device),
            metric=DENSE_METRIC,
            sizes=_sizes,
        )

    def _text_stage(self) -> Stage:
        """Prompts without pictures: cells stay a guess, everything else can be learned."""
        config, net = self._config, self._net
        net.requires_grad_(False)
        for part in (net.llava.model.language_model, net.llava.lm_head):
            part.requires_grad_(True)
        net.freeze_vision(True)
        net.dense_weight = net.word_weight = net.arm_weight = 0.0
        batches = self._text_batches(TEXT)
        step = self._make_step({1.0: list(_learning(net))}, TEXT)
        if config.compile:
            net.compile_language()
        return Stage(TEXT, config.text, step, batches.make, dict, METRIC, _sizes)

    def _text_batches(self, name: str) -> LanguageBatches:
        seed = self._config.seed + _SEED_OF[name]
        return text_batches(self._datasets, self._model, self._config, seed, self._share)

    def _language_stage(self, log: TrainLog) -> Stage:
        config, net, llava = self._config, self._net, self._model.llava
        is_frozen = config.vision_mode == 'frozen'
        net.decision_weight = config.decision_weight
        if config.preset == 'tiny':
            net.requires_grad_(True)
            net.freeze_vision(is_frozen)
            net.dense_weight = 0.0 if is_frozen else config.dense_weight
            net.word_weight = config.word_weight
            net.dense.requires_grad_(net.dense_weight > 0)
            net.words.requires_grad_(net.word_weight > 0)
            net.arm_weight = config.arm_weight
            net.arm.learn(arm=net.arm_weight > 0 and not is_frozen, progress=net.arm_weight > 0)
        tower = set(llava.model.vision_tower.parameters())
        learning = list(_learning(net))
        groups = {1.0: [p for p in learning if p not in tower]}
        if not is_frozen:
            groups[config.vision_lr_share] = [p for p in learning if p in tower]
        source = PictureSource(self._datasets, self._examples, self._model.pictures)
        held_examples = self._held_examples()
        held_source = PictureSource(self._datasets, held_examples, self._model.pictures)
        held = choose_held(held_examples, held_source, config.validation_examples)
        longest = min(config.longest, llava.config.text_config.max_position_embeddings)
        packer = Packer(self._model.tokenizer, image_tokens(llava), longest)
        batches = LanguageBatches(
            self._examples,
            source,
            packer,
            batch_size=config.language.batch_size,
            seed=config.seed + _SEED_OF[LANGUAGE],
            augmented=config.augment,
            multiple=config.length_multiple,
            share=self._share,
        )
        batches.with_labels = net.dense_weight > 0 or net.word_weight > 0
        batches.with_arm = net.arm_weight > 0 or net.decision_weight != 1.0
        step = self._make_step(groups, LANGUAGE)
        if is_frozen:
            batches.features = self._features(source, log)
        if config.compile:
            net.compile_language()
        make_batch = batches.make
        if config.text_every:
            texts = self._text_batches(_LANGUAGE_TEXT)
            make_batch = alternating(batches, texts, config.text_every)
        size, accelerator = config.language.batch_size, self._accelerator
        return Stage(
            name=LANGUAGE,
            config=config.language,
            step=step,
            make_batch=make_batch,
            validate=lambda: validate_language(step.net, held, packer, size, accelerator),
            metric=METRIC,
            sizes=_sizes,
            keep=lambda progress: self._keep(BEST, step, progress),
        )

    def _features(self, source: PictureSource, log: TrainLog) -> torch.Tensor | None:
        if self._config.feature_cache_gb <= 0 or self._is_spread:
            return None
        limit = self._config.feature_cache_gb
        show = log.tenths(f'features of {len(source)} pictures')
        return compute_features(self._net, source, self._accelerator.device, limit, show)

    def _held_examples(self) -> PlannerExamples:
        return PlannerExamples(self._datasets, self._config.examples, held_out=True)

    @property
    def _is_spread(self) -> bool:
        """Whether the model itself is spread over the processes."""
        return self._accelerator.distributed_type == DistributedType.FSDP

    @property
    def _share(self) -> tuple[int, int]:
        return self._accelerator.process_index, self._accelerator.num_processes

    def _make_step(self, groups: dict[float, list[torch.nn.Parameter]], name: str) -> TrainStep:
        config = self._stage_config(name)
        seed = self._config.seed + _SEED_OF[name]
        step = TrainStep(self._net, groups, config, self._accelerator, seed)
        if self._state is not None:
            step.load(self._state.model, self._state.optimizer)
        return step

    def _keep(self, name: str, step: TrainStep, progress: Progress) -> None:
        """Write a sealed checkpoint; all processes must call it."""
        state = step.model_state()
        if self._accelerator.is_main_process:
            info = make_info(self._config, progress, self._cameras, self._datasets)
            card = make_card(info, self._config, progress, self._request.command, self._datasets)
            write_sealed(self._request.out / name, self._model, state, self._config, info, card)
        self._accelerator.wait_for_everyone()


def train_planner(
    request: TrainRequest[PlannerTrainConfig],
    console: Console | None = None,
    make_accelerator: Callable[[], Accelerator] | None = None,
) -> bool:
    """Train a planner.

    Args:
        request: what to train.
        console: where people read.
        make_accelerator: the processes and the device; None for those of this machine.

    Returns:
        Whether the training is done; False if somebody stopped it.

    Raises:
        ValueError: if the request cannot be fulfilled, with a sentence that says why.
    """
    request.check_out()
    # Its bars for a few files would tear ours.
    transformers_logging.disable_progress_bar()
    if make_accelerator is not None:
        accelerator = make_accelerator()
    else:
        has_idle_parts = request.config.has_idle_parts
        accelerator = processes.make_accelerator(has_idle_parts=has_idle_parts)
    request.make_out(accelerator)
    is_first = accelerator.is_main_process
    return PlannerTraining(request, accelerator, console if is_first else None).run()


def _learning(net: PlannerNet) -> Sequence[torch.nn.Parameter]:
    return [parameter for parameter in net.parameters() if parameter.requires_grad]


def _sizes(batch: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """What is counted of a batch: sequences, pictures and positions."""
    first = batch['input_ids'] if 'input_ids' in batch else batch['dense_labels'][:, 0]
    return {
        'sequences': len(first) if 'input_ids' in batch else 0,
        'pictures': 0 if batch.keys().isdisjoint(_PICTURES) else len(first),
        'positions': first.numel(),
    }
