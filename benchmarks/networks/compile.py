"""torch.compile on a processor: does it pay for the networks on a graph? Seconds a step before and after, and what it costs.

    python benchmarks/networks/compile.py OUT

600 genes with 3,500 interactions and 60 pathways, three layers, batches of 32 rows; one thread, seconds of the processor.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from clinome.graphs.snapshot.snapshot import Layer
from clinome.models.learners.registry import make
from clinome.snapshot import Snapshot

GENES, ROWS, BATCH = 600, 400, 32


def snapshot() -> Snapshot:
    rng = np.random.default_rng(1)
    names = [f"NCBIGene:{g}" for g in range(GENES)]
    var = pl.DataFrame({"feature": names, "symbol": names, "gene": names})
    everyone = np.ones(ROWS, dtype=bool)
    kinds = {"rna": "expression", "cnv": "copy_number", "protein": "abundance"}
    layers = {name: Layer(name, kind, "none", var, rng.normal(size=(ROWS, GENES)).astype(np.float32), everyone)
              for name, kind in kinds.items()}  # fmt: skip
    links = {(names[a], "INTERACTS_WITH", names[b]) for a, b in rng.integers(0, GENES, (3_500, 2)) if a != b}
    links |= {(name, "IN_PATHWAY", f"PATHWAY:P{k}") for name in names for k in rng.integers(0, 60, 2)}
    table = pl.DataFrame(sorted(links), orient="row", schema=["subject", "predicate", "object"])
    table = table.with_columns(score=pl.lit(None, pl.Float64), source=pl.lit("planted"))
    rows = pl.DataFrame({"subject_id": [f"s{k}" for k in range(ROWS)], "label": rng.integers(0, 2, ROWS)})
    rows = rows.with_columns(prediction_time=pl.lit(None, pl.Datetime("us")))
    return Snapshot("binary", rows, pl.DataFrame(), layers, None, table, pl.DataFrame(), "dated", ("0", "1"))


class Kept:
    """What a learner's training was given."""

    def __call__(self, network: Any, source: Any, train: np.ndarray, tuning: np.ndarray, plan: Any) -> Any:
        self.network, self.batch = network, source.take(train[:BATCH])
        raise StopIteration


def given(name: str) -> Kept:
    from clinome.models.training import trainer

    kept, trainer.fit = Kept(), (before := trainer.fit)
    trainer.fit = kept  # type: ignore[assignment]
    try:
        make(name).fit(snapshot(), np.arange(320), np.arange(320, ROWS))
    except StopIteration:
        pass
    finally:
        trainer.fit = before
    return kept


def seconds(network: Any, encoder: Any, batch: Any, steps: int) -> float:
    """Of the processor, a step: forward and backward."""
    begin = time.process_time()
    for _ in range(steps):
        raw = network.head.raw(encoder(batch)[0])
        network.head.loss(raw, batch.target).backward()
    return (time.process_time() - begin) / steps


def main(out: str) -> None:
    torch.set_num_threads(1)
    lines = []
    for name in ("gene_gnn", "hetero_gnn"):
        kept = given(name)
        network, batch = kept.network.train(), kept.batch
        compiled = torch.compile(network.encoder)
        wall, begin = time.perf_counter(), os.times()
        seconds(network, compiled, batch, 1)
        end = os.times()
        cost = sum(end[:4]) - sum(begin[:4])
        wall = time.perf_counter() - wall
        times: dict[str, list[float]] = {"as it is": [], "compiled": []}
        for _ in range(5):
            times["as it is"].append(seconds(network, network.encoder, batch, 20))
            times["compiled"].append(seconds(network, compiled, batch, 20))
        plain, quick = (float(np.median(one)) for one in times.values())
        pays = f"pays after {cost / (plain - quick):,.0f} steps" if quick < plain else "never pays"
        lines.append(f"{name}: {plain * 1e3:.2f} ms a step as it is, {quick * 1e3:.2f} ms compiled; compiling takes {cost:.0f} s "
                     f"of the processors ({wall:.0f} s): {pays}; a fit has 250 to 450 steps")  # fmt: skip
        print(lines[-1], flush=True)
    Path(out).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
