"""Learners on the genes: every layer whose features are genes, or of genes, brought to them, for a network over a gene graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from ...base.attribution import Attribution
from ...base.embedding import Embeddings
from ...base.snapshot import Snapshot
from ...base.task import task_of
from ...estimators.univariate import association
from ...preprocessing.gene_values import GeneValues, genes_of
from ..base import BaseLearner

if TYPE_CHECKING:
    from torch import nn

    from ...training.batch import Batch
    from ...training.trainer import Network, TrainingPlan
    from .edge_gradients import Ends, GraphAttribution

FEW = 10
"""A layer measured in fewer training rows is left out."""
STEPS = 450
"""Steps of training at the least, however few rows there are: networks that stop early look like a null."""
HELD = 100_000_000
"""So many numbers are kept in memory, not made anew for each batch."""
MOST = 2000
"""Genes at the most: those that go with the outcome in the training rows, or whose neighbours in the graph do."""
LOOKED_AT = 2000
"""Training rows at the most that say which genes these are."""
QUICK = 5.0
"""Seconds that a fit may take for `default` to have it: a run makes five or more in each fold."""
AT_ONCE = 200_000
"""Rows × genes of a batch to predict."""
DIM = 16


@dataclass
class Inputs:
    """A snapshot's rows as batches (`models.training.batch.BatchSource`)."""

    snapshot: Snapshot
    values: Mapping[str, GeneValues]
    y: np.ndarray | None = None
    lengths: None = None

    def __post_init__(self) -> None:
        self._kept: dict[str, np.ndarray] = {}

    def serving(self, rows: np.ndarray) -> Self:
        """The same, for rows that a network asks for in batches: what training did not see is settled over all of them."""
        return replace(self, values={name: one.serving(self.snapshot, rows) for name, one in self.values.items()})

    def keep(self, rows: np.ndarray) -> None:
        """Make the values of these rows once, where they fit in memory."""
        genes = sum(one.width for one in self.values.values())
        if 2 * genes * len(self.snapshot.rows) <= HELD:
            for name, one in self.values.items():
                made = np.zeros((len(self.snapshot.rows), one.width, 2), dtype=np.float32)
                made[rows] = self.layer(name, rows)
                self._kept[name] = made

    def layer(self, name: str, rows: np.ndarray) -> np.ndarray:
        """(n, genes, 2) float32: values and masks."""
        if name in self._kept:
            return np.asarray(self._kept[name][rows])
        value, here = self.values[name].take(self.snapshot, rows)
        return np.stack([value, here.astype(np.float32)], -1)

    def take(self, rows: np.ndarray) -> Batch:
        import torch

        from ...training.batch import Batch

        layers = {name: self.layer(name, rows) for name in self.values}
        present = {name: torch.from_numpy(x[..., 1].any(1)) for name, x in layers.items()}
        target = None if self.y is None else task_of(self.snapshot.task).tensors(self.y[rows])
        return Batch(len(rows), {name: torch.from_numpy(x) for name, x in layers.items()}, present, None, target)


class OnGenes(BaseLearner, ABC):
    """A network of one vector a patient over the genes; a head of the task. Subclasses bring the graph and the encoder.

    Inductive: patients share the topology and exchange nothing. Of more than `MOST` genes those are taken that explain
    most of the outcome in the training rows, what they hear added.
    """

    on_torch = headed = True
    seconds: ClassVar[float]
    """Of one gene of one patient in one step, by one core, measured."""
    plan: ClassVar[Mapping[str, Any]] = {"epochs": 20, "patience": 8, "lr": 1e-2, "weight_decay": 1e-2,
                                         "batch_size": 32, "warmup": 20}  # fmt: skip

    @abstractmethod
    def _graph(self, snapshot: Snapshot, genes: list[str]) -> Any:
        """The topology over these genes, with `state()`."""

    @abstractmethod
    def _restored(self, state: Mapping[str, Any]) -> Any:
        """The topology of its state."""

    @abstractmethod
    def _heard(self, graph: Any, share: np.ndarray) -> np.ndarray:
        """(genes,) what each gene hears of what the others explain."""

    @abstractmethod
    def _ends(self, snapshot: Snapshot, batch: Batch) -> dict[str, Ends]:
        """Relation -> its edges, by ids, in the order of the encoder's masks."""

    @abstractmethod
    def _encoder(self) -> nn.Module:
        """The encoder over `graph`, `values` and `masked`."""

    def reason(self, snapshot: Snapshot) -> str | None:
        return None if genes_in(snapshot) else "the study has no omics layer whose features are of genes"

    def aside(self, snapshot: Snapshot) -> str | None:
        genes = min(len(genes_in(snapshot)), MOST)
        cells = max(self.plan["epochs"] * len(snapshot.rows), STEPS * self.plan["batch_size"]) * genes
        if self.seconds * cells <= QUICK:
            return None
        return (
            f"a fit would take about {self.seconds * cells:,.0f} s ({len(snapshot.rows):,} rows, {genes:,} genes): "
            f'learners = ["default", "{self.name}"] asks for it'
        )

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        from ...training import trainer as training

        rows = np.sort(np.concatenate([train, tuning]))
        self.task, self.classes = snapshot.task, len(snapshot.classes)
        task = task_of(self.task)
        y = task.blank(len(snapshot.rows), self.classes)
        y[rows] = task.targets(snapshot.rows[rows], snapshot.classes)
        if not task.learnable(y[train]):
            raise ValueError(f"{self.task}: got no event in the training rows; expected at least one")
        self.genes, self.values = self._values(snapshot, rows, train, task.working_response(y[train], self.classes))
        self.graph = self._graph(snapshot, self.genes)
        inputs = Inputs(snapshot, self.values, y)
        inputs.keep(rows)
        self.masked = [name for name in self.values if not inputs.layer(name, rows)[..., 1].all()]
        plan = self._plan(len(train))
        with training.reproducible(plan.seed):
            self.network = self._network()
        self.network.head.start(task.tensors(y[rows]))
        self.report = training.fit(self.network, inputs, train, tuning, plan)

    def _values(
        self, snapshot: Snapshot, rows: np.ndarray, train: np.ndarray, response: np.ndarray
    ) -> tuple[list[str], dict[str, GeneValues]]:
        """The genes that any layer says something of in these rows, at the most `MOST`, and the layers on them."""
        every = genes_in(snapshot)
        found = {name: GeneValues(name).fit(snapshot, rows, every) for name in snapshot.layers}
        here = {n: one for n, one in found.items() if one.block.present(snapshot, rows).sum() >= FEW and len(one.genes)}
        said = np.unique(np.concatenate([np.zeros(0, np.int64), *(one.genes for one in here.values())]))
        if len(said) > MOST:
            looked_at = np.linspace(0, len(train) - 1, min(LOOKED_AT, len(train))).astype(np.int64)
            shown = [association(one.take(snapshot, train[looked_at])[0], response[looked_at]) for one in here.values()]
            share = np.max(shown, axis=0)
            share = share + self._heard(self._graph(snapshot, every), share)
            said = np.sort(said[np.argsort(-share[said], kind="stable")[:MOST]])
        genes = [every[i] for i in said]
        return genes, {name: GeneValues(name).fit(snapshot, rows, genes) for name in here}

    def _plan(self, rows: int) -> TrainingPlan:
        """The learner's plan, with as many passes as make `STEPS`, and patience in proportion. What the setting names stays."""
        from ...training.trainer import TrainingPlan

        own = self.setting.get("plan", {})
        plan = TrainingPlan(**{**self.plan, **vars(self.placement), **own, "seed": self.seed + 1})
        epochs = max(plan.epochs, -(-STEPS * plan.whole_batch // max(1, rows)))
        patience = plan.patience * epochs // plan.epochs
        return replace(plan, epochs=own.get("epochs", epochs), patience=own.get("patience", patience))

    def _network(self) -> Network:
        from ...heads.survival import head_of
        from ...training import trainer as training

        return training.Network(self._encoder(), head_of(self.task, DIM, self.classes, self.setting))

    def survival(self, snapshot: Snapshot, rows: np.ndarray, days: np.ndarray) -> np.ndarray | None:
        from ...heads.survival import curves

        return curves(self.network.head, lambda: self.embeddings(snapshot, rows).rows, days)

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        from ...training import trainer as training

        return training.predict(self.network, Inputs(snapshot, self.values).serving(rows), rows, self._at_once())

    def _at_once(self) -> int:
        """Rows of a batch to predict."""
        return max(1, min(512, AT_ONCE // max(1, len(self.genes))))

    def embeddings(self, snapshot: Snapshot, rows: np.ndarray) -> Embeddings:
        from ...training import trainer as training

        return Embeddings(
            training.encode(self.network, Inputs(snapshot, self.values).serving(rows), rows, self._at_once())
        )

    def attribute(self, snapshot: Snapshot, rows: np.ndarray) -> dict[str, Attribution] | None:
        from ..integrated_gradients import value_gradients

        inputs = Inputs(snapshot, self.values).serving(rows)
        out = {n: np.zeros((len(rows), len(one.block.names))) for n, one in self.values.items()}
        size = max(1, min(64, AT_ONCE // max(1, len(self.genes))))
        for at in np.array_split(np.arange(len(rows)), -(-len(rows) // size)) if len(rows) else []:
            for name, gradient in value_gradients(self.network, inputs.take(rows[at])).items():
                out[name][at] = inputs.values[name].contributions(snapshot, rows[at], gradient)
        return {name: Attribution(self.values[name].block.names, x) for name, x in out.items()}

    def explain(self, snapshot: Snapshot, row: int) -> GraphAttribution:
        """What moved the score of one row: values of genes, and messages along edges (`edge_gradients`)."""
        import torch

        from ..integrated_gradients import value_gradients
        from .edge_gradients import STEPS, explain

        every = np.arange(len(snapshot.rows))
        batch, network = Inputs(snapshot, self.values).serving(every).take(np.array([row])), self.network
        flat = {name: x * torch.tensor([0.0, 1.0]) for name, x in batch.layers.items()}
        by_gene = np.zeros(len(self.genes))
        for name, gradient in value_gradients(network, batch, STEPS).items():
            by_gene += gradient[0] * batch.layers[name][0, :, 0].numpy()
        encoder: Any = network.encoder
        return explain(
            network, batch, replace(batch, layers=flat), (self.genes, by_gene), self._ends(snapshot, batch),
            lambda masks: network.head.raw(encoder(batch, masks)[0]),
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        return {
            "task": self.task, "classes": self.classes, "setting": self.setting, "genes": self.genes,
            "masked": self.masked, "layers": {name: one.state() for name, one in self.values.items()},
            "graph": self.graph.state(),
            "weights": {name: x.detach().cpu().numpy() for name, x in self.network.state_dict().items()},
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> Self:
        from ...training import trainer as training

        self.task, self.classes, self.setting = state["task"], state["classes"], state["setting"]
        self.genes, self.masked = state["genes"], state["masked"]
        self.values = {n: GeneValues(n).restore(one, len(self.genes)) for n, one in state["layers"].items()}
        self.graph = self._restored(state["graph"])
        self.network = self._network()
        training.set_weights(self.network, state["weights"])
        return self


def genes_in(snapshot: Snapshot) -> list[str]:
    """Every gene of which a layer has a feature, sorted."""
    return sorted({gene for name in snapshot.layers for gene in genes_of(snapshot, name).values()})
