"""Pretraining: a sequence encoder from records alone, before there is any outcome to learn from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ...base.learner import Learner
from ...base.snapshot import Snapshot, derived
from ..network import Inputs
from .sequence import Sequence

if TYPE_CHECKING:
    from ...encoders.codes.pretrained import PretrainedEncoder
    from ...training.trainer import TrainingPlan

LEAST = 10
"""A code, or a code with one of its texts, that fewer patients have is not in the encoder: it may tell of one of them."""
SEEN = 4_000_000
"""Events that are looked at, over all passes (but at least two passes)."""
LONGEST = 256


def pretrain(snapshot: Snapshot, objective: str = "masked", *, seed: int = 1, basis: str = "") -> PretrainedEncoder:
    """Guess hidden codes, or those of the next visit, in every row of a snapshot; labels are never looked at.

    Med-BERT's and BEHRT's idea, on the encoder of the learner `sequence` without knowledge around its codes (what a code lies
    under is used). A twentieth of the rows is set aside, and says after which pass the weights were best.
    Args:
        snapshot: rows that no learner is ever judged on: its caller's care (`graphs.snapshot.unlabelled`).
        objective: "masked" or "next_visit". basis: a name of what went in, kept in the encoder.
    Raises: ValueError for fewer than LEAST rows with records.
    Source: Rasmy 2021, doi:10.1038/s41746-021-00455-y; Li 2020, doi:10.1038/s41598-020-62922-y.
    Example:
        encoder = pretrain(graph_of_unlabelled, "masked")
    """
    from ...encoders.codes.masked_codes import MaskedCodes
    from ...encoders.codes.next_visit import NextVisit
    from ...encoders.codes.pretrained import DEPTH, WIDTH, PretrainedEncoder
    from ...encoders.codes.transformer import SequenceEncoder
    from ...preprocessing.tokens.tokenizer import fit_vocabulary, tokenize
    from ...training import trainer as training

    if snapshot.events is None or snapshot.events["row"].n_unique() < LEAST:
        raise ValueError(f"pretraining: got fewer than {LEAST} patients with records")
    rows = np.sort(snapshot.events["row"].unique().to_numpy())
    often = replace(derived(snapshot), events=_often(snapshot.events, snapshot.rows["subject_id"]))
    vocabulary = fit_vocabulary(often, rows)
    tokens = tokenize(snapshot.events, len(snapshot.rows), vocabulary, snapshot.clock, LONGEST)
    with training.reproducible(seed):
        encoder = SequenceEncoder(
            vocabulary.ancestor_table(), WIDTH, depth=DEPTH, timed=snapshot.clock != "order", quiet=False
        )
        network = (NextVisit if objective == "next_visit" else MaskedCodes)(encoder)
    aside = np.random.default_rng(seed).permutation(rows)[: len(rows) // 20]
    inputs = Inputs(snapshot, {}, {}, tokens)
    training.fit(network, inputs, np.setdiff1d(rows, aside), aside, _plan(len(tokens.code), seed))
    return PretrainedEncoder.of(
        encoder, objective=objective, basis=basis, patients=snapshot.rows["subject_id"][rows].n_unique(),
        entries=vocabulary.entries, codes=vocabulary.codes, parents=vocabulary.parents,
    )  # fmt: skip


def _plan(events: int, seed: int) -> TrainingPlan:
    """Small batches: what follows what is found by many steps, not by large ones."""
    from ...training.trainer import TrainingPlan

    epochs = max(2, min(100, SEEN // events))
    return TrainingPlan(epochs=epochs, patience=5, lr=3e-3, batch_size=32, seed=seed)


def _often(events: pl.DataFrame, subject: pl.Series) -> pl.DataFrame:
    """The events of codes that at least LEAST patients have; a text that fewer have is taken off its code."""
    who = events.with_columns(subject=subject.gather(events["row"]))
    text = pl.when(pl.col("subject").n_unique().over("code", "text_value") >= LEAST).then("text_value")
    kept = who.filter(pl.col("subject").n_unique().over("code") >= LEAST)
    return kept.with_columns(text_value=text).drop("subject")


def shuffled_times(events: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The same events of every row at each other's times: what came before what is lost, all else stays. A control."""
    order = np.random.default_rng(seed).random(events.height)
    mixed = events.with_columns(order=pl.Series(order)).sort("row", "order").drop("order")
    dated = events.select("row", "days", "age", "visit").sort("row", "days", descending=[False, True], nulls_last=False)
    return mixed.with_columns(dated["days"], dated["age"], dated["visit"])


def started(learner: Learner, encoder: PretrainedEncoder | None) -> Learner:
    """The learner on a pretrained encoder, where it is one that can start from one; any other as it is."""
    if encoder is None or not isinstance(learner, Sequence) or not learner.pretrains:
        return learner
    return learner.on_encoder(encoder)


def patient_vectors(snapshot: Snapshot, encoder: PretrainedEncoder) -> np.ndarray:
    """Each row's codes as a pretrained encoder reads them, mean and maximum over its events: for a linear probe.

    Nothing is fitted and no label is looked at, but the scales of numbers and ages, which are those of all rows.
    Returns: (rows, 2 * WIDTH) float32; zeros where a row has no event.
    """
    import torch

    from ...encoders.codes.pretrained import DEPTH, WIDTH
    from ...encoders.codes.transformer import SequenceEncoder
    from ...preprocessing.tokens.pretrained_vocabulary import extended
    from ...preprocessing.tokens.tokenizer import fit_vocabulary, tokenize

    everyone = np.arange(len(snapshot.rows))
    made = np.zeros((len(everyone), 2 * WIDTH), dtype=np.float32)
    if snapshot.events is None or snapshot.events.is_empty():
        return made
    vocabulary = extended(fit_vocabulary(snapshot, everyone), encoder)
    network = SequenceEncoder(vocabulary.ancestor_table(), WIDTH, depth=DEPTH, timed=snapshot.clock != "order")
    encoder.start(network, vocabulary.entries, vocabulary.parents)
    tokens = tokenize(snapshot.events, len(everyone), vocabulary, snapshot.clock, LONGEST)
    network.eval()
    with torch.no_grad():
        for rows in np.array_split(everyone[np.argsort(tokens.lengths)], -(-len(everyone) // 64)):
            some = tokens.take(rows)
            state = network.states(network.embed(some), some)
            real = some.mask[..., None]
            mean = (state * real).sum(1) / real.sum(1).clamp(min=1)
            highest = torch.where(real, state, torch.full_like(state, -torch.inf)).amax(1)
            made[rows] = (torch.cat([mean, highest], 1) * some.mask.any(1)[:, None]).nan_to_num(0, 0, 0).numpy()
    return made
