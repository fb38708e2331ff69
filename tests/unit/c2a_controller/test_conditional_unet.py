# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The denoiser's shortcuts for one chunk on a CPU compute what its convolutions do."""

from __future__ import annotations

import pytest
from small_policy_net import small_config

torch = pytest.importorskip('torch', reason='torch is not installed')

from c2a_controller.conditional_unet import (  # noqa: E402
    ConditionalUnet,
    _Convolution,
    _Doubling,
)


@pytest.mark.parametrize('steps', [1, 2, 3, 6, 12])
@pytest.mark.parametrize(
    'make',
    [
        lambda: _Convolution(16, 8, 5),
        lambda: _Convolution(16, 8, 1),
        lambda: _Convolution(16, 8, 3, stride=2),
        lambda: _Doubling(16, 8),
    ],
    ids=['kernel 5', 'kernel 1', 'stride 2', 'doubling'],
)
def test_a_convolution_of_one_chunk_is_the_librarys(make, steps):
    torch.manual_seed(steps)
    convolution = make()
    library = type(convolution).__mro__[1].forward
    x = torch.randn(1, 16, steps)
    with torch.inference_mode():
        torch.testing.assert_close(convolution(x), library(convolution, x))


def test_one_chunk_is_denoised_as_many_are():
    torch.manual_seed(0)
    unet = ConditionalUnet(small_config()).eval()
    config = small_config()
    noisy = torch.randn(4, config.pred_horizon, config.action_dim)
    times = torch.tensor([3.0, 40.0, 70.0, 99.0])
    condition = torch.randn(4, config.condition_dim)
    together = unet(noisy, times, condition)
    with torch.inference_mode():
        alone = [unet(noisy[i : i + 1], times[i : i + 1], condition[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(torch.cat(alone), together.detach(), atol=1e-5, rtol=1e-4)
