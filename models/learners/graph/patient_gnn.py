"""Patient similarity network learner: each patient hears the training patients it is like, one graph a modality."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from ...base.snapshot import Snapshot
from ...base.splits import groups_of
from ...base.task import task_of
from ...encoders.patients.patient_graph import exchanged, nearest
from ..base import has_inputs
from ..network import Inputs, NetworkLearner

if TYPE_CHECKING:
    import torch

    from ...training.batch import Batch
    from .edge_gradients import Ends, GraphAttribution

PAIR, ROW = 4e-8, 6e-4
"""Seconds of a pair of patients compared, and of a row over all passes, each in one modality, by one core, measured."""
NEIGHBORS = 20


@dataclass
class PatientInputs(Inputs):
    """Rows as batches, each with the training patients that it is like.

    senders: (m,) rows of the snapshot that are heard, all of them fitted on. most: neighbours a row and modality; 0: none.
    order: (m,) who stands in the place of each sender, in the control; None: everybody in its own.
    """

    senders: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    most: int = 0
    order: np.ndarray | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.subject = groups_of(self.snapshot.rows)
        self.sending: dict[str, np.ndarray] = {}
        self.sent: dict[str, np.ndarray] = {}
        self._near: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        outcome = _outcomes(self.snapshot, self.senders)
        for name in self.messages if self.most else ():
            here = self.edges[name].present(self.snapshot, self.senders)
            self.sending[name] = self.senders[here]
            self.sent[name] = np.hstack([self.directions(name, self.senders[here]), outcome[here]])

    def directions(self, name: str, rows: np.ndarray) -> np.ndarray:
        """(n, directions) by which patients are compared: nothing of any outcome is in them."""
        return self.receive(name, rows)[:, self.messages[name].linear :]

    def near(self, name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, k) places in `sending[name]`, and (n, k) weights."""
        if name in self._near:
            place, weight = self._near[name]
            return place[rows], weight[rows]
        sending, mine = self.sending[name], self.directions(name, rows)
        whose = self.subject[rows], self.subject[sending]
        place, weight = nearest(mine, whose[0], self.sent[name][:, : mine.shape[1]], whose[1], self.most)
        if self.order is None:
            return place, weight
        order = np.argsort(np.argsort(self.order[np.isin(self.senders, sending)]))
        return exchanged(place, weight, *whose, order)

    def keep(self, rows: np.ndarray) -> None:
        """Besides the values, find the neighbours of these rows once."""
        super().keep(rows)
        for name in self.sending:
            place, weight = self.near(name, rows)
            n = len(self.snapshot.rows)
            kept = np.zeros((n, place.shape[1]), dtype=np.int64), np.zeros((n, place.shape[1]), dtype=np.float32)
            kept[0][rows], kept[1][rows] = place, weight
            self._near[name] = kept

    def take(self, rows: np.ndarray) -> Batch:
        import torch

        from ...training.batch import Neighbours

        batch, near = super().take(rows), {}
        for name, one in self.messages.items():
            if name in self.sending:
                place, weight = self.near(name, rows)
                sent, weight = self.sent[name][place], weight * batch.present[name].numpy()[:, None]
            else:
                width = one.width - one.linear + _columns(self.snapshot)
                sent, weight = np.zeros((len(rows), 0, width), np.float32), np.zeros((len(rows), 0), np.float32)
            near[name] = Neighbours(torch.from_numpy(sent), torch.from_numpy(weight))
        return replace(batch, neighbours=near)


class PatientGNN(NetworkLearner):
    """`encoders.patients.patient_network` over every layer, the records and the covariates, each reduced to a readout and its leading
    directions (`encoders.propagation`, without knowledge); a head of the task over the masked sum of those that a patient has.

    A neighbour is one of the rows that it was fitted on, never of the same subject; it sends its directions and its outcome,
    one step. A held-out patient hears, and sends nothing. These rows are no part of its state: it predicts beside them.
    settings: `edges` = "none" is the same network without neighbours, "shuffled" with neighbours in each other's places.
    """

    name = "patient_gnn"
    records = "messages"
    with_training, knowledge = True, False
    grid = ({}, {"edges": "none"}, {"neighbors": 60}, {"dropout": 0.5})
    plan: ClassVar[Mapping[str, Any]] = {"epochs": 150, "patience": 30, "lr": 1e-2, "weight_decay": 0.1, "batch_size": 512,
                                         "full_batch": 2000, "warmup": 10}  # fmt: skip

    def space(self) -> Mapping[str, Any]:
        from scipy.stats import uniform

        return {
            "dropout": uniform(0.0, 0.6),
            "neighbors": [5, 10, 20, 60],
            "directions": [8, 32],
            "edges": ["true", "none"],
            "plan": [{"lr": lr} for lr in (1e-2, 3e-2)],
        }

    def reason(self, snapshot: Snapshot) -> str | None:
        return has_inputs(snapshot)

    def aside(self, snapshot: Snapshot) -> str | None:
        """Always: a model that a run leaves by default should need no patient's data beside it."""
        rows, views = len(snapshot.rows), len(self.modalities(snapshot))
        seconds = views * rows * (PAIR * rows + ROW)
        return (
            "its model predicts beside the run's snapshot only, which is patients' data, and a fit takes about "
            f'{seconds:,.0f} s ({rows:,} rows, {views} modalities): learners = ["default", "{self.name}"] asks for it'
        )

    def _fit_messages(self, snapshot: Snapshot, rows: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
        self.senders, self.subjects = rows, _digest(snapshot, rows)
        return super()._fit_messages(snapshot, rows, y)

    def inputs(self, snapshot: Snapshot, hidden: frozenset[str] = frozenset()) -> PatientInputs:
        return self._inputs(snapshot, hidden=hidden)

    def _inputs(self, snapshot: Snapshot, **known: Any) -> PatientInputs:
        """Raises: ValueError for a snapshot that does not hold the rows that it was fitted on where they were."""
        if self.senders.max(initial=-1) >= len(snapshot.rows) or _digest(snapshot, self.senders) != self.subjects:
            raise ValueError(
                f"{self.name}: got a snapshot without the rows that it was fitted on; expected them in their places"
            )
        mode = self.setting.get("edges", "true")
        if mode not in ("true", "shuffled", "none"):
            raise ValueError(f"edges: got {mode!r}; expected true, shuffled or none")
        order = np.random.default_rng(self.seed).permutation(len(self.senders)) if mode == "shuffled" else None
        most = 0 if mode == "none" else self.setting.get("neighbors", NEIGHBORS)
        return PatientInputs(snapshot, self.edges, self.messages, **known, senders=self.senders, most=most, order=order)

    def _encoder(self, start: Mapping[str, float]) -> Any:
        from ...encoders.masked_fusion import MaskedFusion
        from ...encoders.patients.patient_network import NeighbourEncoder

        outcome = task_of(self.task).width(self.classes)
        encoders = {
            name: NeighbourEncoder(
                name, one.linear, one.width, one.width - one.linear + outcome, self.width, width=self.setting.get("width", 16),
                dropout=self.setting.get("dropout", 0.2), edge_dropout=self.setting.get("edge_dropout", 0.1),
            )
            for name, one in self.messages.items()
        }  # fmt: skip
        return MaskedFusion(encoders, self.width, self.setting.get("drop_modality", 0.2), start)

    def explain(self, snapshot: Snapshot, row: int) -> GraphAttribution:
        """What moved the score of one row: its values, its neighbours as they are, and what each of them sent.

        Relations are modalities; attention is the weight of a neighbour.
        """
        import torch

        from .edge_gradients import STEPS, explain

        every = np.arange(len(snapshot.rows))
        inputs, network, rows = self._inputs(snapshot).serving(every), self.network, np.array([row])
        batch = inputs.take(rows)
        flat = {name: torch.zeros_like(x) for name, x in batch.layers.items()}
        ids = snapshot.rows["subject_id"]
        ends: dict[str, Ends] = {}
        for name in inputs.sending:
            (place,), weight = inputs.near(name, rows)[0], batch.neighbours[name].weight[0].double().numpy()
            source = ids.gather(inputs.sending[name][place]).to_list()
            ends[name] = (source, [ids[row]] * len(source), weight)

        def masked(masks: Mapping[str, torch.Tensor]) -> torch.Tensor:
            near = {n: replace(x, weight=x.weight * masks[n]) if n in masks else x for n, x in batch.neighbours.items()}
            return torch.as_tensor(network.head.raw(network.encoder(replace(batch, neighbours=near))[0]))

        nodes = self.contributions(snapshot, row, STEPS)
        return explain(network, batch, replace(batch, layers=flat), nodes, ends, masked)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "senders": self.senders, "subjects": self.subjects}

    def restore(self, state: Mapping[str, Any]) -> Self:
        self.senders, self.subjects = state["senders"], state["subjects"]
        return super().restore({name: one for name, one in state.items() if name not in ("senders", "subjects")})


def _digest(snapshot: Snapshot, rows: np.ndarray) -> str:
    """A print of whose these rows are: of all together, of which no one can be told."""
    return hashlib.sha256("\n".join(snapshot.rows["subject_id"].gather(rows)).encode()).hexdigest()


def _columns(snapshot: Snapshot) -> int:
    """Of an outcome that is sent."""
    return task_of(snapshot.task).width(len(snapshot.classes))


def _outcomes(snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
    """(n, columns) float32 outcomes of these rows, each column at mean 0 and variance 1."""
    task, classes = task_of(snapshot.task), snapshot.classes
    found = task.working_response(task.targets(snapshot.rows[rows], classes), len(classes))
    spread = found.std(axis=0)
    return np.asarray((found - found.mean(axis=0)) / np.where(spread > 1e-9, spread, 1), dtype=np.float32)
