"""Lightning training: one course of it, for machines with an accelerator: silent, no files."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from .batch import Batch
from .course import Batches, Course


def train_on_lightning(course: Course, batches: Batches, held: Batches | None) -> None:
    """Train the course's network in place, on the accelerator where there is one."""
    plan = course.plan
    with quiet():
        trainer = pl.Trainer(
            max_epochs=plan.epochs, accelerator="auto", devices=1, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=-1,
            gradient_clip_val=plan.clip or None, use_distributed_sampler=False,
        )  # fmt: skip
        trainer.fit(CourseModule(course), batches, held)


class CourseModule(pl.LightningModule):
    """The loop's hooks, each a step of the course."""

    def __init__(self, course: Course) -> None:
        super().__init__()
        self.network, self.course = course.network, course

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch.to(device)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        return self.course.learn(batch)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.course.judge(batch)

    def on_train_epoch_end(self) -> None:
        self.course.end_epoch()

    def on_validation_epoch_end(self) -> None:
        if self.course.end_judging():
            self.trainer.should_stop = True

    def configure_optimizers(self) -> Any:
        groups = [{"params": parameters, "weight_decay": decay} for parameters, decay in self.course.groups()]
        optimizer = torch.optim.AdamW(groups, lr=self.course.plan.lr, fused=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self.course.scale)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning's notices and warnings speak of loggers and workers that we do not use."""
    names = ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero")
    loggers = [logging.getLogger(name) for name in names]
    before = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(loggers, before, strict=True):
            one.setLevel(level)
