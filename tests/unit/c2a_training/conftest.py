# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from c2a_training import video


@pytest.fixture(autouse=True)
def short_ends(monkeypatch):
    """Videos in tests do not show their verdict for two seconds."""
    monkeypatch.setattr(video, 'END_FRAMES', 2)
