"""Training speed of the sequence transformer: transformer.py [--rows 1024] [--longest 512] [--keep FILE].

Invented records whose lengths are lognormal, median 60 events, 95 % below 500, at most --longest. One pass over them, each way
in one process of one thread, float32, in seconds of processor time; every way has seen a few batches before:
  clinome     as `sequence` trains: `models.training.trainer.fit`, batches of 64 rows taken from the records, like lengths together
  plain       the same network, random batches of 32 padded to the longest of them, torch.optim.AdamW
  bucketed    the same network, batches of 64 of like length, made before the clock starts and padded to the longest, AdamW
  no times    `bucketed` with torch.nn.TransformerEncoder of the same width, depth and heads, which knows no time between events
Prints seconds, events a second, and ratios.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from torch import Tensor, nn

from clinome.models.base.task import task_of
from clinome.models.encoders.codes import transformer
from clinome.models.encoders.codes.token_embedding import TokenEmbedding
from clinome.models.preprocessing.tokens.token_table import Sequences
from clinome.models.training import trainer
from clinome.models.training.batch import Batch

CODES, DIM, HEADS, DEPTH, BATCH, RANDOM = 500, 32, 4, 2, 64, 32
MEDIAN, SIGMA = 60, np.log(500 / 60) / 1.645


class Records:
    """Rows as batches, as a learner's inputs are."""

    def __init__(self, rows: int, longest: int) -> None:
        rng = np.random.default_rng(1)
        count = np.clip(rng.lognormal(np.log(MEDIAN), SIGMA, rows), 1, longest).astype(np.int64)
        start = np.concatenate([[0], np.cumsum(count)])
        total, row = int(start[-1]), np.repeat(np.arange(rows), count)
        days = rng.uniform(0, 900, total)
        self.y = task_of("binary").tensors(rng.integers(0, 2, rows).astype(np.float64))
        self.sequences = Sequences(
            start, rng.integers(2, CODES, total), rng.normal(size=total).astype(np.float32), rng.random(total) < 0.5,
            days[np.lexsort((-days, row))].astype(np.float32), np.ones(total, dtype=bool), np.zeros(total, dtype=np.float32),
            np.zeros(total, dtype=np.int64),
        )  # fmt: skip

    @property
    def lengths(self) -> np.ndarray:
        return self.sequences.lengths

    def take(self, rows: np.ndarray) -> Batch:
        assert self.y.y is not None
        return Batch(len(rows), tokens=self.sequences.take(rows), target=type(self.y)(self.y.y[rows]))


class NoTimes(nn.Module):
    """PyTorch's own encoder over the same token vectors, its mean read out."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = TokenEmbedding(torch.arange(CODES)[:, None], DIM)
        layer = nn.TransformerEncoderLayer(DIM, HEADS, 2 * DIM, 0.1, "gelu", batch_first=True, norm_first=True)
        layer.self_attn.dropout = 0.0  # as in ours; and fused kernels can be used
        self.blocks = nn.TransformerEncoder(layer, DEPTH, enable_nested_tensor=False)
        self.out = nn.Linear(DIM, 16)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        assert batch.tokens is not None
        mask = batch.tokens.mask
        x = self.blocks(self.embed(batch.tokens), src_key_padding_mask=~mask) * mask[..., None]
        return self.out(x.sum(1) / mask.sum(1, keepdim=True)), mask.any(1)


def network(plain: bool = False) -> trainer.Network:
    torch.manual_seed(1)
    encoder = (
        NoTimes()
        if plain
        else transformer.SequenceEncoder(torch.arange(CODES)[:, None], DIM, heads=HEADS, depth=DEPTH, out=16)
    )
    return trainer.Network(encoder, task_of("binary").head(16, 2))


def loop(made: trainer.Network, batches: Iterable[Batch]) -> None:
    """A pass as one writes it by hand."""
    made.train()
    optimizer = torch.optim.AdamW(made.parameters(), 2e-3)
    for batch in batches:
        loss = made.loss(batch)
        assert loss is not None
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(made.parameters(), 1.0)
        optimizer.step()


def clocked(way: Callable[[], object]) -> float:
    begun = time.process_time()
    way()
    return time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--longest", type=int, default=512)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    records, rows, pairs = Records(args.rows, args.longest), np.arange(args.rows), transformer.PAIRS
    none, plan = rows[:0], trainer.TrainingPlan(epochs=1, batch_size=BATCH)
    shuffled = np.random.default_rng(1).permutation(rows)
    by_length = rows[np.argsort(records.lengths, kind="stable")]
    buckets = [records.take(part) for part in np.array_split(by_length, -(-len(rows) // BATCH))]
    seconds, few = {}, rows[:BATCH]

    trainer.fit(network(), records, few, none, plan)
    seconds["clinome"] = clocked(lambda: trainer.fit(network(), records, rows, none, plan))
    transformer.PAIRS = 1 << 40  # padded as it is given, all pairs at once
    random = [shuffled[at : at + RANDOM] for at in range(0, len(rows), RANDOM)]
    loop(network(), buckets[:2])
    seconds["plain"] = clocked(lambda: loop(network(), map(records.take, random)))
    seconds["bucketed"] = clocked(lambda: loop(network(), buckets))
    loop(network(plain=True), buckets[:2])
    seconds["no times"] = clocked(lambda: loop(network(plain=True), buckets))
    transformer.PAIRS = pairs

    share, events = float((records.lengths < 500).mean()), int(records.lengths.sum())
    text = f"{args.rows:,} rows, {events:,} events, median {np.median(records.lengths):.0f}, {share:.1%} below 500, at most {args.longest}\n"
    for name, one in seconds.items():
        text += f"{name:9s} {one:8.2f} s  {events / one:10,.0f} events/s  clinome is {one / seconds['clinome']:.2f} x as fast\n"
    print(text, end="")
    if args.keep:
        args.keep.write_text(text)


if __name__ == "__main__":
    main()
