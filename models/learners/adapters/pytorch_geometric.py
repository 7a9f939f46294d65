"""PyTorch Geometric module as a learner: `clinome.pyg(MyEncoder(), "binary")`."""

from __future__ import annotations

import copy
import inspect
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ....loaders.errors import InputError
from ...base.learner import Setting
from ...base.snapshot import Snapshot, WithHetero
from ...base.specs import Placement
from ...base.task import TASKS, task_of
from ..base import BaseLearner
from .fit_predict import checked
from .own_code import LearnerFailed, calling, written

if TYPE_CHECKING:
    from torch import nn

    from ...training.batch import Batch

PLACES = {one.name for one in fields(Placement)}
ROW = "row"
"""What a batch calls the place of its rows in the graph (`graph_encoder`)."""


def pyg(
    module: nn.Module | Callable[[Any], nn.Module],
    head: str,
    name: str | None = None,
    plan: Mapping[str, Any] | None = None,
    num_neighbors: Sequence[int] | Mapping[tuple[str, str, str], Sequence[int]] | None = None,
) -> PygLearner:
    """A heterogeneous graph network as a learner, trained on each fold's graph, full batch or in sampled mini-batches.

    Args:
        module: called with (x_dict, edge_index_dict) of the fold's HeteroData (`snapshot.hetero` says what is in it), and
            with whatever else of it its `forward` names: edge_attr_dict, edge_time_dict, or, as its only argument, data.
            One whose forward names `edge_type` is for homogeneous graphs (RGCN): it is given edge_index and edge_type of
            `data.to_homogeneous()`, and answers for all nodes.
            Or a factory: a function, or the module's class, that makes the module of the fold's HeteroData; where its
            argument is called `metadata`, of `data.metadata()`. The module answers (patients, width), or a dict with it
            under "patient". A linear head reads it; where width is what the head answers (1, or one a class) the head
            starts as the identity. Lazy sizes are fine. Each fit works on a copy, whose weights are reset, or on what the
            factory makes.
        head: binary, multiclass, multilabel, regression or survival, as the study's task.
        plan: fields of `models.training.trainer.TrainingPlan` to set: epochs, patience, lr, weight_decay, batch_size (of each
            process), devices, nodes and strategy (processes that train together, with `batch_size` patients each; default:
            what the study's [learn] says), precision ("bf16-mixed" for autocast).
        num_neighbors: incoming edges a node and hop, `[10, 5]`, as `clinome.neighbor_loader` takes them: the module is then
            given mini-batches of `batch_size` patients with their sampled neighbourhood, the patients first, and where it
            judges and predicts their whole neighbourhood of as many hops.
    Raises: ValueError for an unknown head; in `fit` LearnerFailed for an answer of another shape.
    Example:
        class MyEncoder(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = SAGEConv((-1, -1), 16)

            def forward(self, x_dict, edge_index_dict):
                relation = ("gene", "rev_expresses", "patient")
                return self.conv((x_dict["gene"], x_dict["patient"]), edge_index_dict[relation])

        learner = clinome.pyg(MyEncoder(), "binary")
        learner = clinome.pyg(lambda data: to_hetero(GNN(), data.metadata()), "binary")
    """
    if head not in TASKS:
        raise ValueError(f"pyg: got head {head!r}; expected one of {', '.join(TASKS)}")
    called = getattr(module, "__name__", type(module).__name__).strip("<>")
    return PygLearner(module, head, name or called, plan, num_neighbors)


@dataclass(frozen=True)
class _Rows:
    """Rows as batches that hold nothing but their place in the graph (`models.training.batch.BatchSource`)."""

    task: str
    y: np.ndarray | None = None
    lengths: None = None

    def take(self, rows: np.ndarray) -> Batch:
        import torch

        from ...training.batch import Batch

        place = {ROW: torch.from_numpy(rows.astype(np.int64))}
        target = None if self.y is None else task_of(self.task).tensors(self.y[rows])
        return Batch(len(rows), place, {ROW: torch.ones(len(rows), dtype=torch.bool)}, None, target)


class PygLearner(BaseLearner):
    """A copy of the module a fit; one setting, its own."""

    on_torch, own_code, with_training = True, True, True
    fitted = ("task", "classes", "train", "tuning")
    plan: ClassVar[dict[str, Any]] = {
        "epochs": 200,
        "patience": 30,
        "lr": 5e-3,
        "weight_decay": 1e-2,
        "precision": "32",
    }

    def __init__(
        self,
        module: nn.Module | Callable[[Any], nn.Module],
        head: str,
        name: str,
        plan: Mapping[str, Any] | None = None,
        num_neighbors: Any = None,
        *,
        setting: Setting | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(setting, seed)
        self.module: Any
        self.module, self.head, self.name, self.own = module, head, name, dict(plan or {})
        self.num_neighbors = num_neighbors

    def __repr__(self) -> str:
        """Equal for equal code and settings: what a run's results depend on."""
        sampled = "" if self.num_neighbors is None else f" {self.num_neighbors}"
        if is_factory(self.module):
            return f"{written(self.module)} {self.head} {self.own}{sampled}"
        parts = sorted({written(type(part)) for part in self.module.modules()})
        return f"{' '.join(parts)} {self.module!r} {self.head} {self.own}{sampled}"

    def with_setting(self, setting: Setting, seed: int) -> PygLearner:
        made = PygLearner(self.module, self.head, self.name, self.own, self.num_neighbors, setting=setting, seed=seed)
        return made.on(self.placement)

    def reason(self, snapshot: Snapshot) -> str | None:
        if snapshot.task != self.head:
            return f"{self.name} has a head for {self.head}, the study's task is {snapshot.task}"
        if not snapshot.layers and snapshot.events is None:
            return "the study has no omics and no records, so no graph"
        return None if isinstance(snapshot, WithHetero) else "this snapshot has no hetero_for(train, tuning)"

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        import torch

        from ...training import trainer as training
        from .graph_encoder import GraphEncoder

        self.task, self.classes = snapshot.task, len(snapshot.classes)
        self.train, self.tuning = train, tuning
        self._weights: Mapping[str, np.ndarray] | None = None
        self._held: tuple[weakref.ref[Any], Any] | None = None
        rows = np.concatenate([train, tuning])
        task = task_of(self.task)
        y = task.blank(len(snapshot.rows), self.classes)
        y[rows] = task.targets(snapshot.rows[rows], snapshot.classes)
        plan = self._plan(len(snapshot.rows))
        graph = self.graph(snapshot)
        with training.reproducible(plan.seed):
            encoder = GraphEncoder(self._made(graph), graph, self.name, self.num_neighbors)
            for part in [] if is_factory(self.module) else encoder.module.modules():
                reset = getattr(part, "reset_parameters", None)
                if part is not encoder.module and callable(reset):
                    reset()
            with torch.no_grad():
                width = encoder.width()  # lazy sizes are known from here on
            head = task.head(width, self.classes)
        head.start(task.tensors(y[rows]))
        if width == task.width(self.classes):
            head.read(1.0)
        self.network = training.Network(encoder, head)
        self.report = training.fit(self.network, _Rows(self.task, y), train, tuning, plan)

    def _plan(self, rows: int) -> Any:
        from ...training.trainer import TrainingPlan

        whole = 0 if self.num_neighbors is not None else rows
        placed = {} if PLACES & self.own.keys() else vars(self.placement)
        return TrainingPlan(**{**self.plan, "full_batch": whole, **placed, **self.own, "seed": self.seed + 1})

    def _made(self, graph: Any) -> nn.Module:
        """A module of this fit's own."""
        from torch import nn

        if isinstance(self.module, nn.Module):
            return copy.deepcopy(self.module)

        wants = next(iter(inspect.signature(self.module).parameters), "data")
        with calling(self.name, "making the module"):
            made = self.module(graph.metadata() if wants == "metadata" else graph)
        if not isinstance(made, nn.Module):
            raise LearnerFailed(self.name, "the factory made something else", type(made).__name__, "a torch.nn.Module")
        return made

    def graph(self, snapshot: Snapshot) -> Any:
        """The snapshot as HeteroData, fitted on this learner's training rows; the last one is remembered."""
        if self._held is not None and self._held[0]() is snapshot:
            return self._held[1]
        if not isinstance(snapshot, WithHetero):
            raise TypeError(
                f"{self.name}: got a {type(snapshot).__name__} without hetero_for(train, tuning); expected a snapshot "
                "that can be had as HeteroData (clinome.snapshot.Snapshot)"
            )
        data = snapshot.hetero_for(self.train, self.tuning)
        self._held = (weakref.ref(snapshot), data)
        return data

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        from ...training import trainer as training

        if self._weights is not None:
            self._rebuild(self.graph(snapshot), self._weights)
        encoder: Any = self.network.encoder
        encoder.use(self.graph(snapshot))
        size = len(rows) if self.num_neighbors is None else self._plan(len(snapshot.rows)).batch_size
        score = training.predict(self.network, _Rows(self.task), rows, max(1, size))
        return checked(self.name, score, snapshot, len(rows))

    def state(self) -> dict[str, Any]:
        weights = self._weights
        if weights is None:
            weights = {name: value.detach().cpu().numpy() for name, value in self.network.state_dict().items()}
        return {**super().state(), "weights": weights}

    def restore(self, state: Mapping[str, Any]) -> PygLearner:
        """The user's own module with its fitted weights. What it predicts on must hold the training rows in front:
        they are part of its graph."""
        super().restore(state)
        self._held, self._weights = None, state["weights"]
        return self

    def _rebuild(self, graph: Any, weights: Mapping[str, np.ndarray]) -> None:
        """The network, once there is a graph that lazy sizes can be taken from."""
        import torch

        from ...training import trainer as training
        from .graph_encoder import GraphEncoder

        encoder = GraphEncoder(self._made(graph), graph, self.name, self.num_neighbors)
        try:
            with training.reproducible(0), torch.no_grad():
                head = task_of(self.task).head(encoder.width(), self.classes)
            self.network = training.Network(encoder, head)
            training.set_weights(self.network, weights)
        except ValueError as error:
            where = f"learners[{self.name!r}] {type(self.module).__name__}"
            fix = "give the module as it was when the model was trained"
            raise InputError("not the module that was fitted", where, str(error).split("\n\t")[-1], fix=fix) from error
        self._weights = None


def is_factory(module: Any) -> bool:
    """Whether it makes a module of the data: a class or a function, or whatever else is called and is no module."""
    from torch import nn

    return isinstance(module, type) or not isinstance(module, nn.Module)
