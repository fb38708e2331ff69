# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Trainings of a planner, run by `accelerate launch`: each process writes what it has."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors.torch import save_file
from small_planner import small_llava, small_tokenizer

from c2a_planner.picture import PictureSettings
from c2a_planner.tiny_model import build_tiny
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.planner import planner_data, planner_model
from c2a_training.planner.examples import PlannerExamples
from c2a_training.planner.packing import Packer
from c2a_training.planner.planner_data import LanguageBatches, PictureSource
from c2a_training.planner.planner_net import PlannerNet
from c2a_training.planner.planner_validation import choose_held, validate_language
from c2a_training.planner.train_config import make_config
from c2a_training.planner.train_planner import PlannerTraining, train_planner
from c2a_training.training.stage_config import StageConfig
from c2a_training.training.train_request import TrainRequest
from c2a_training.training.train_step import TrainStep

STEPS = 3


def few_steps(data: Path, out: Path) -> None:
    """Steps alone, the vision tower frozen: the same whatever the number of processes."""
    accelerator = Accelerator(cpu=True)
    net = PlannerNet(small_llava())
    net.freeze_vision(True)
    learning = [parameter for parameter in net.parameters() if parameter.requires_grad]
    step = TrainStep(net, {1.0: learning}, StageConfig(steps=STEPS), accelerator, seed=0)
    datasets = [EpisodeDataset(data)]
    examples = PlannerExamples(datasets)
    source = PictureSource(datasets, examples, PictureSettings(size=64))
    packer = Packer(small_tokenizer(), 100)
    batches = LanguageBatches(
        examples,
        source,
        packer,
        batch_size=4,
        seed=0,
        share=(accelerator.process_index, accelerator.num_processes),
    )
    losses = []
    for number in range(STEPS):
        total = step.run(batches.make(number), number, 1e-3)
        losses.append(float(total['loss'] / total['n']))
    held = choose_held(examples, source, 4)
    figures = validate_language(step.net, held, packer, 2, accelerator)
    rank = accelerator.process_index
    _write(net, out / f'{rank}.safetensors')
    (out / f'{rank}.json').write_text(json.dumps({'losses': losses, 'figures': figures}))


def whole_training(data: Path, out: Path) -> None:
    """All stages of preset tiny: prompts without pictures leave parts of the net unreached."""
    small = functools.partial(build_tiny, hidden_size=64, num_layers=2, intermediate_size=64)
    planner_model.build_tiny = small
    planner_data._TOKENIZER_EXAMPLES = 20
    sizes = {f'{stage}.batch_size': 4 for stage in ('vision', 'text', 'language')}
    lengths = {'vision.steps': 2, 'text.steps': 2, 'language.steps': 4}
    others = {
        'language.warmup_steps': 0,
        'vision_mode': 'slow',
        'text_every': 2,
        'compile': False,
        'validation_examples': 4,
        'examples.validation_share': 0.4,
    }
    request = TrainRequest(make_config('tiny', sizes | lengths | others), (data,), out / 'run')
    nets = []
    make_net = PlannerTraining._make_net
    PlannerTraining._make_net = lambda self: nets.append(make_net(self)) or nets[0]
    if not train_planner(request):
        raise SystemExit('the training was stopped')
    rank = torch.distributed.get_rank()
    _write(nets[0], out / f'{rank}.safetensors')
    (out / f'{rank}.json').write_text('{}')


def _write(net: PlannerNet, path: Path) -> None:
    save_file({n: t.detach().contiguous().clone() for n, t in net.named_parameters()}, path)


if __name__ == '__main__':
    torch.set_num_threads(1)
    globals()[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
