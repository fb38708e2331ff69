# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""What a chunk of the diffusion policy costs, part by part, and what each way to denoise costs.

Two tables:

    parts    text (once for a sub-task), pictures, proprioception and pooling, one denoising step;
             the same step of lerobot's U-Net of the same widths, where lerobot is installed
    chunks   a whole chunk through `DiffusionPolicy`, as it is and with other ways to denoise

The rows of a table take turns, so that a busy machine is busy for all of them. Without a
checkpoint the weights are random, at the same cost. `--preset full` measures the paper's size,
with a T5-base of random weights; `--train` also measures training samples a second, by the
trainer's own step: auxiliary losses, clipped gradients and averaged weights included.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from rich.console import Console
from rich.progress import track
from rich.table import Table

from c2a_controller.diffusion_policy import DiffusionPolicy
from c2a_controller.normaliser import PolicyNormalisation
from c2a_controller.policy_checkpoint import PolicyParts, find_checkpoint, read_policy
from c2a_controller.policy_config import PolicyConfig, preset
from c2a_controller.policy_net import PolicyNet
from c2a_controller.policy_objective import Sampling, make_objective
from c2a_controller.policy_text import PolicyTokenizer, train_tokenizer
from c2a_core.sealed_directory import CheckpointError
from c2a_core.spaces import PROPRIO_DIM
from c2a_core.types import KeyStep, Observation, ReplyStatus
from c2a_training.policy.averaging_step import AveragingStep
from c2a_training.policy.policy_data import noise_tensors, text_tensors
from c2a_training.policy.policy_train_config import PolicyTrainConfig, make_config
from c2a_training.policy.policy_train_net import PolicyTrainNet

TARGET_MS = 80.0
CUBE, BALL = "get_actor('red cube', (3, 5))", "get_actor('blue triangle', (7, 2))"
CACHE = (
    f"pose_dict['target'] = free_space_next_to(actor={CUBE}, next_to_actor={BALL}, "
    'direction=[-1.0, 0.0, 0.0], description="behind")'
)
CODE = f"place(actor={CUBE}, target_pose=pose_dict['target'])"
T5_BASE = {'d_model': 768, 'd_kv': 64, 'd_ff': 3072, 'num_layers': 12, 'num_heads': 12}


def random_parts(config: PolicyConfig, device: str) -> PolicyParts:
    """A policy that has learned nothing, at the cost of one that has."""
    tokenizer = train_tokenizer([CODE, CACHE, f'pick(actor={BALL})'] * 3)
    numbers = np.random.default_rng(0)
    actions = numbers.uniform(-0.05, 0.05, (100, 7)).astype(np.float32)
    normalisation = PolicyNormalisation.fit(actions, numbers.normal(size=(100, PROPRIO_DIM)))
    torch.manual_seed(0)
    if config.text_encoder == 't5':
        return PolicyParts(config, full_net(config, tokenizer, device), tokenizer, normalisation)
    config = config.replace(vocabulary_size=tokenizer.vocabulary_size)
    return PolicyParts(config, PolicyNet(config).to(device).eval(), tokenizer, normalisation)


def full_net(config: PolicyConfig, tokenizer: PolicyTokenizer, device: str) -> PolicyNet:
    """The paper's network around a T5 of random weights: nothing is downloaded."""
    from transformers import T5Config, T5EncoderModel

    with tempfile.TemporaryDirectory() as folder:
        vocabulary = max(32_128, tokenizer.vocabulary_size)
        T5EncoderModel(T5Config(vocab_size=vocabulary, **T5_BASE)).save_pretrained(folder)
        return PolicyNet(config.replace(text_model=folder)).to(device).eval()


def view(step: int, side: int) -> Observation:
    """An observation of noise."""
    numbers = np.random.default_rng(step)
    pictures = numbers.integers(0, 256, (2, side, side, 3), np.uint8)
    joints, velocities, pose = numbers.normal(size=(3, 7)).astype(np.float32)
    return Observation(
        *(1, step, 0, *pictures, joints, velocities, pose),
        vacuum_on=False,
        vacuum_grasping=False,
        vacuum_ready=False,
    )


def said(step: int) -> KeyStep:
    """The key step, which stays the same."""
    return KeyStep(1, step, 0, 3, False, CODE, CACHE, (), ReplyStatus.SAME)


def make_ways(parts: PolicyParts, steps: int) -> dict[str, Callable[[int], object]]:
    """Name -> a function that makes the chunk of a step, one of `steps`."""
    config = parts.config
    views = [view(step, config.image_size) for step in range(steps)]
    shipped = Sampling.of(config)

    def way(sampling: Sampling, parts: PolicyParts = parts) -> Callable[[int], object]:
        policy = DiffusionPolicy(parts, sampling)
        return lambda step: policy.predict_action_chunk(views[step], said(step))

    ways = {f'as it is: {shipped.scheduler}, {shipped.steps} steps': way(shipped)}
    if config.objective == 'diffusion':
        ways['ddim, 10 steps'] = way(Sampling('ddim', 10))
        ways['ddim, 5 steps'] = way(Sampling('ddim', 5))
        ways['ddim, 10 steps, warm start 0.5'] = way(Sampling('ddim', 10, 0.5))
        ways['ddpm, 100 steps'] = way(Sampling('ddpm', 100))
    flow = config.replace(objective='flow', scheduler='flow', denoising_steps=4)
    ways['flow, 4 steps'] = way(Sampling.of(flow), parts._replace(config=flow))
    return ways


def make_parts(parts: PolicyParts) -> dict[str, Callable[[], object]]:
    """Name -> a function that does this part of a chunk."""
    config, net = parts.config, parts.net
    device = net.segment.device
    text = parts.tokenizer.encode([CODE], [CACHE]).to(device)
    side = config.image_size
    images = {
        name: torch.zeros(1, 3, side, side, dtype=torch.uint8, device=device)
        for name in config.cameras
    }
    proprio = torch.zeros(1, PROPRIO_DIM, device=device)
    noisy = torch.zeros(1, config.pred_horizon, config.action_dim, device=device)
    times = torch.full((1,), 50.0, device=device)
    with torch.inference_mode():
        words, shown = net.encode_text(text), net.encode_images(images)
        known = net.condition(words, shown, proprio)
    steps = {
        'text, once for a sub-task': lambda: net.encode_text(text),
        'pictures': lambda: net.encode_images(images),
        'pooling': lambda: net.condition(words, shown, proprio),
        'one denoising step': lambda: net.denoise(noisy, times, known),
    }
    peer = lerobot_unet(config)
    if peer is not None:
        peer = peer.to(device).eval()
        steps["one of lerobot's U-Net"] = lambda: peer(noisy, times.long(), known)
    return {name: torch.inference_mode()(work) for name, work in steps.items()}


def lerobot_unet(config: PolicyConfig) -> torch.nn.Module | None:
    """Its U-Net with the same widths, kernel and condition; none where it cannot be imported."""
    try:
        from lerobot.configs.types import FeatureType, PolicyFeature
        from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig
        from lerobot.policies.diffusion.modeling_diffusion import DiffusionConditionalUnet1d
    # Beside another torchvision or transformers than it wants, its import ends with the others.
    except (ImportError, RuntimeError, TypeError):
        return None
    features = {'action': PolicyFeature(FeatureType.ACTION, (config.action_dim,))}
    theirs = DiffusionConfig(
        horizon=config.pred_horizon,
        down_dims=config.unet_widths,
        kernel_size=config.unet_kernel,
        diffusion_step_embed_dim=config.time_dim,
        output_features=features,
    )
    unet = DiffusionConditionalUnet1d(theirs, config.condition_dim)
    return _WithKeywords(unet)


class _WithKeywords(torch.nn.Module):
    def __init__(self, unet: torch.nn.Module) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, noisy: torch.Tensor, times: torch.Tensor, known: torch.Tensor):
        return self.unet(noisy, times, global_cond=known)


def measure(work: dict[str, Callable], rounds: int, device: str, console: Console) -> dict:
    """Median and 99th percentile [ms] of each, the first round left out."""
    spent: dict[str, list[float]] = {name: [] for name in work}
    for number in track(range(rounds + 1), 'rounds', console=console, transient=True):
        for name, function in work.items():
            synchronise(device)
            started = time.perf_counter()
            function(number)
            synchronise(device)
            if number:
                spent[name].append(time.perf_counter() - started)
    percentiles = {name: 1e3 * np.percentile(s, (50, 99)) for name, s in spent.items()}
    return {
        name: {'p50_ms': round(float(p50), 2), 'p99_ms': round(float(p99), 2)}
        for name, (p50, p99) in percentiles.items()
    }


def synchronise(device: str) -> None:
    """Wait until a GPU has finished."""
    if device == 'cuda':
        torch.cuda.synchronize()


def measure_training(parts: PolicyParts, args, console: Console) -> dict[str, float]:
    """Samples a second of the trainer's own step, on one batch that is there already."""
    config = training_config(parts, args)
    net = PolicyTrainNet(parts.net.train().let_learn(), config.auxiliary)
    accelerator = Accelerator(cpu=args.device == 'cpu')
    step = AveragingStep(net, config, accelerator)
    batch = {
        name: value.to(accelerator.device) for name, value in training_batch(parts, config).items()
    }
    seconds = []
    numbers = range(args.train_steps + 1)
    for number in track(numbers, 'training', console=console, transient=True):
        synchronise(args.device)
        started = time.perf_counter()
        step.run(batch, number, 1e-4)
        synchronise(args.device)
        seconds.append(time.perf_counter() - started)
    step_s = float(np.median(seconds[1:]))
    parts.net.eval().requires_grad_(False)
    return {
        'samples_per_s': round(config.train.batch_size / step_s, 1),
        'step_s': round(step_s, 4),
        'batch_size': config.train.batch_size,
        'repeats': config.repeats,
        'threads': torch.get_num_threads(),
    }


def training_config(parts: PolicyParts, args) -> PolicyTrainConfig:
    """The preset's settings, with the network at hand."""
    given = (('train.batch_size', args.batch_size), ('repeats', args.repeats))
    changes = {name: value for name, value in given if value is not None}
    return dataclasses.replace(make_config(args.preset, changes), model=parts.config)


def training_batch(parts: PolicyParts, config: PolicyTrainConfig) -> dict[str, torch.Tensor]:
    """A batch as `PolicyBatches` makes them, of noise."""
    model, count = config.model, config.train.batch_size
    numbers = np.random.default_rng(0)
    side, tokens = model.image_size, model.token_side('base') ** 2
    is_known = model.base_eye == 'planner' and config.frames == 'cache'
    cameras = [name for name in model.cameras if name != 'base' or not is_known]
    actions = torch.rand(count, model.pred_horizon, model.action_dim) * 2 - 1
    pictures = numbers.integers(0, 256, (count, len(cameras), side, side, 3), np.uint8)
    features = {'features': torch.randn(count, tokens, 256).bfloat16()} if is_known else {}
    return {
        **features,
        'images': torch.from_numpy(pictures),
        'proprio': torch.randn(count, PROPRIO_DIM),
        'actions': actions,
        'mask': torch.ones(count, model.pred_horizon, dtype=torch.bool),
        'token_colors': torch.zeros(count, tokens, dtype=torch.int64),
        'token_shapes': torch.zeros(count, tokens, dtype=torch.int64),
        'goal': torch.randn(count, 3),
        **text_tensors(parts.tokenizer.encode([CODE] * count, [CACHE] * count)),
        **noise_tensors(make_objective(model), actions, config.repeats, numbers),
    }


def show(title: str, rows: dict[str, dict[str, float]], console: Console) -> None:
    """Print a table."""
    table = Table('', 'median [ms]', 'p99 [ms]', title=title)
    for name, row in rows.items():
        table.add_row(name, f'{row["p50_ms"]:.1f}', f'{row["p99_ms"]:.1f}')
    console.print(table)


def memory_mib(device: str) -> float:
    """Most memory that was in use: of the GPU, or of this process."""
    if device == 'cuda':
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def load(args, console: Console) -> tuple[PolicyParts, str]:
    """The policy, and what to call it."""
    if args.preset == 'full':
        config = preset('full').replace(text_model='T5-base of random weights')
        return random_parts(config, args.device), 'random weights'
    try:
        checkpoint = find_checkpoint(args.checkpoint)
        checkpoint.check()
    except CheckpointError as err:
        if args.checkpoint != 'tiny':
            raise SystemExit(str(err)) from None
        console.print('the checkpoint is not there yet: random weights')
        return random_parts(preset('tiny'), args.device), 'random weights'
    return read_policy(checkpoint, args.device), checkpoint.label


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--checkpoint', default='tiny', help='shipped name or directory')
    parser.add_argument('--preset', choices=('tiny', 'full'), default='tiny')
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'))
    parser.add_argument('--rounds', type=int, default=50)
    parser.add_argument('--threads', type=int, default=1, help="0: torch's own number")
    parser.add_argument('--train', action='store_true', help='also training samples a second')
    parser.add_argument('--train-steps', type=int, default=10)
    parser.add_argument('--train-threads', type=int, default=0, help="0: torch's own number")
    parser.add_argument('--batch-size', type=int, help="of training (default: the preset's)")
    parser.add_argument('--repeats', type=int, help="noise levels of a sample (the preset's)")
    parser.add_argument('--json', type=Path)
    args = parser.parse_args()
    if args.device == 'cuda' and not torch.cuda.is_available():
        parser.error('there is no GPU here: leave --device out')
    if args.rounds < 1 or args.train_steps < 1:
        parser.error('--rounds and --train-steps must be 1 or more')
    return args


def main() -> int:
    """Run the benchmark."""
    args = parse_arguments()
    console = Console()
    train_threads = args.train_threads or torch.get_num_threads()
    if args.threads:
        torch.set_num_threads(args.threads)
    parts, label = load(args, console)
    weights = sum(weight.numel() for weight in parts.net.parameters())
    document: dict[str, object] = {
        'machine': f'{platform.machine()}, {os.cpu_count()} cores, {args.device}',
        'threads': torch.get_num_threads(),
        'preset': args.preset,
        'checkpoint': label,
        'million_weights': round(weights / 1e6, 2),
        'sampling': dataclasses.asdict(Sampling.of(parts.config)),
        'target_ms': TARGET_MS,
    }
    console.print(f'{args.preset}: {weights / 1e6:.1f} million weights, {label}')
    pieces = {name: lambda _, f=f: f() for name, f in make_parts(parts).items()}
    document['parts'] = measure(pieces, args.rounds, args.device, console)
    show('parts of a chunk', document['parts'], console)
    document['chunks'] = measure(
        make_ways(parts, args.rounds + 1), args.rounds, args.device, console
    )
    show('a whole chunk', document['chunks'], console)
    name, first = next(iter(document['chunks'].items()))
    if args.preset == 'tiny':
        word = 'met' if first['p50_ms'] <= TARGET_MS else 'missed'
        console.print(f'{name}: {first["p50_ms"]:.1f} ms, target {TARGET_MS:g} ms: {word}')
    if args.train:
        torch.set_num_threads(train_threads)
        document['training'] = measure_training(parts, args, console)
        console.print(f'training: {document["training"]["samples_per_s"]} samples/s')
    document['memory_mib'] = round(memory_mib(args.device), 1)
    console.print(f'memory: {document["memory_mib"]:.0f} MiB at most')
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(document, indent=2) + '\n', encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
