"""AdamW: the steps of torch's own optimiser, and no compiler loaded for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from torch import nn

from clinome.models.training.adamw import AdamW


def network() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 1), nn.Linear(4, 4))  # the last is never used


def test_steps_are_those_of_torch_to_the_last_bit() -> None:
    ours, theirs = network(), network()
    x = torch.randn(40, 5)
    a = AdamW(list(ours.parameters()), weight_decay=0.1)
    b = torch.optim.AdamW(theirs.parameters(), lr=1.0, weight_decay=0.1, fused=True)
    for step in range(25):
        rate = 0.05 / (1 + step)
        a.zero_grad()
        b.zero_grad()
        for net in (ours, theirs):
            torch.square(net[:3](x)).mean().backward()
        a.step(rate)
        b.param_groups[0]["lr"] = rate
        b.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(next(ours.parameters()), next(network().parameters()))


TRAIN = """
import sys
from pathlib import Path
import numpy as np
from snapshots import make_snapshot
from clinome.models.learners.registry import make
snapshot = make_snapshot(n=40, features=6)
learner = make("propagation").with_setting({}, 1)
learner.fit(snapshot, np.arange(24), np.arange(24, 32))
assert "torch" in sys.modules and np.isfinite(learner.predict(snapshot, np.arange(32, 40))).all()
assert "torch._dynamo" not in sys.modules
"""


def test_training_a_network_does_not_load_the_compiler() -> None:
    """It takes longer to load than many a network to train."""
    subprocess.run([sys.executable, "-c", TRAIN], check=True, cwd=Path(__file__).parents[2] / "support")
