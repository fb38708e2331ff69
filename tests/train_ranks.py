# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""A few steps of a training, run by `accelerate launch`: each process writes what it has."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors.torch import save_file
from small_planner import small_llava, small_tokenizer

from c2a_planner.picture import PictureSettings
from c2a_training.dataset.episode_dataset import EpisodeDataset
from c2a_training.planner.examples import PlannerExamples
from c2a_training.planner.packing import Packer
from c2a_training.planner.planner_data import LanguageBatches, PictureSource
from c2a_training.planner.planner_net import PlannerNet
from c2a_training.planner.planner_validation import choose_held, validate_language
from c2a_training.planner.train_config import StageConfig
from c2a_training.planner.train_step import TrainStep

STEPS = 3


def main(data: Path, out: Path) -> None:
    torch.set_num_threads(1)
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
    save_file(
        {n: t.contiguous().clone() for n, t in net.state_dict().items()},
        out / f'{rank}.safetensors',
    )
    (out / f'{rank}.json').write_text(json.dumps({'losses': losses, 'figures': figures}))


if __name__ == '__main__':
    main(Path(sys.argv[1]), Path(sys.argv[2]))
