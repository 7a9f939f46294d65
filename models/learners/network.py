"""Network learners: the inputs, fitting, predicting and attribution that they share. Each names its modalities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from ..base.attribution import Attribution
from ..base.embedding import Embeddings
from ..base.snapshot import Snapshot
from ..base.task import task_of
from ..estimators.late_fusion import calibrate, fit_weights, standardise
from ..preprocessing.graph_edges import GraphEdges
from .base import BaseLearner

if TYPE_CHECKING:
    from ..encoders.propagation import Messages
    from ..encoders.relational_graph import RelationalGraph
    from ..heads.head import Head
    from ..preprocessing.tokens.token_table import Sequences
    from ..preprocessing.tokens.tokenizer import Vocabulary
    from ..training.batch import Batch
    from ..training.trainer import TrainingPlan
    from .graph.centred import Centred

FEW = 10  # a modality measured in fewer training rows is left out
SEQUENCE = "sequence"
SHRINK = 5.0  # pseudo-rows that hold the starting weights to the readouts' skill
SEEN = 400_000  # rows that training looks at, over all passes (but at least 8 passes)
HELD = 200_000_000  # messages of so many numbers are kept in memory, not made anew for each batch


@dataclass
class Inputs:
    """A snapshot's rows as batches (`models.training.batch.BatchSource`). Everything in it was fitted on training rows.

    honest: modality -> (rows of the snapshot, linear), NaN but for the rows fitted on: their leave-one-out readout.
    """

    snapshot: Snapshot
    edges: Mapping[str, GraphEdges]
    messages: Mapping[str, Messages | Centred]
    sequences: Sequences | None = None
    honest: Mapping[str, np.ndarray] = field(default_factory=dict)
    y: np.ndarray | None = None
    hidden: frozenset[str] = frozenset()
    """Modalities to treat as not measured."""

    def __post_init__(self) -> None:
        self._kept: dict[str, np.ndarray] = {}

    @property
    def lengths(self) -> np.ndarray | None:
        return None if self.sequences is None else np.asarray(self.sequences.lengths)

    def serving(self, rows: np.ndarray) -> Self:
        """The same, for rows that a network asks for in batches: what training did not see is settled over all of them."""
        return replace(self, edges={name: one.serving(self.snapshot, rows) for name, one in self.edges.items()})

    def keep(self, rows: np.ndarray) -> None:
        """Make the messages of these rows once, where they fit in memory."""
        for name, one in self.messages.items():
            if len(self.snapshot.rows) * one.width <= HELD:
                made = np.zeros((len(self.snapshot.rows), one.width), dtype=np.float32)
                for part in np.array_split(rows, max(1, len(rows) // 4096)):
                    made[part] = self.receive(name, part)
                self._kept[name] = made

    def receive(self, name: str, rows: np.ndarray) -> np.ndarray:
        """(n, width) messages of one modality."""
        if name in self._kept:
            return np.asarray(self._kept[name][rows])
        made: np.ndarray = self.messages[name].receive(self.edges[name].take(self.snapshot, rows))
        if name in self.honest:
            own = self.honest[name][rows]
            made[:, : own.shape[1]] = np.where(np.isnan(own), made[:, : own.shape[1]], own)
        return made

    def take(self, rows: np.ndarray) -> Batch:
        import torch

        from ..training.batch import Batch

        layers, present = {}, {}
        for name in self.messages:
            here = self.edges[name].present(self.snapshot, rows) & (name not in self.hidden)
            layers[name] = torch.from_numpy(self.receive(name, rows) * here[:, None].astype(np.float32))
            present[name] = torch.from_numpy(here)
        tokens = None if self.sequences is None else self.sequences.take(rows, SEQUENCE in self.hidden)
        target = None if self.y is None else task_of(self.snapshot.task).tensors(self.y[rows])
        return Batch(len(rows), layers, present, tokens, target)


def late_fusion(
    honest: Mapping[str, np.ndarray], rows: np.ndarray, y: np.ndarray, task: str
) -> tuple[dict[str, float], float]:
    """The weight that each modality's readout starts with, and the slope that makes their sum a logit (or a z-score).

    Weights by `models.estimators.late_fusion`: non-negative, drawn to each readout's skill. Without readouts the slope is 1.
    """
    if not honest:
        return {}, 1.0
    scores = np.stack([one[rows] for one in honest.values()], 1).astype(np.float64)
    known = np.asarray(~np.isnan(scores).any(2), dtype=bool)
    centre, spread = standardise(scores)
    standard = np.where(known[..., None], (scores - centre) / spread[:, None], 0.0)
    kind = task_of(task)
    prior = np.array([kind.skill(y[known[:, m]], kind.score(standard[known[:, m], m])) for m in range(len(honest))])
    weight = fit_weights(standard, y, task, prior, SHRINK)
    slope = calibrate(np.einsum("nmk,m->nk", standard, weight), y, task)[0]
    return dict(zip(honest, weight / spread, strict=True)), float(slope) / kind.unit(y)[1]


class NetworkLearner(BaseLearner):
    """Messages and sequences of the fold -> masked fusion -> head. Subclasses say which modalities they use."""

    on_torch = headed = True
    records = "none"
    """How records enter: none, messages, sequence or both."""
    codes_on_graph: ClassVar[bool] = False
    """Whether the sequences' tokens hear the knowledge around their codes: who does so has twins that do without."""
    fitted: ClassVar[tuple[str, ...]] = ("task", "classes", "clock", "longest", "setting")
    layers = True
    attention: ClassVar[bool] = False
    """Whether modalities hear each other before they are summed."""
    knowledge: ClassVar[bool] = True
    """Whether messages of features go over knowledge."""
    plan: ClassVar[Mapping[str, Any]] = {}
    dim = 16

    def modalities(self, snapshot: Snapshot) -> list[str]:
        """The blocks that enter by messages."""
        names = [*snapshot.layers] if self.layers else []
        if snapshot.covariates.width:
            names.append("covariates")
        if snapshot.events is not None and self.records in ("messages", "both"):
            names.append("records")
        return names

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        import torch

        from ..training import trainer as training

        rows = np.sort(np.concatenate([train, tuning]))
        self.task, self.classes, self.clock = snapshot.task, len(snapshot.classes), snapshot.clock
        self.longest = self.setting.get("longest", self._longest(len(snapshot.rows)))
        task = task_of(self.task)
        y = task.blank(len(snapshot.rows), self.classes)
        y[rows] = task.targets(snapshot.rows[rows], snapshot.classes)
        self.edges: dict[str, GraphEdges] = {}
        self.messages: dict[str, Messages | Centred] = {}
        honest = self._fit_messages(snapshot, rows, y)
        self.vocabulary = self._vocabulary(snapshot, rows)
        self.code_graph = self._code_graph(snapshot)
        inputs = self._inputs(snapshot, honest=honest, y=y)
        inputs.keep(rows)
        plan = self._plan(len(train))
        start, slope = late_fusion(honest, rows, y[rows], self.task)
        with training.reproducible(plan.seed):
            encoder = self._encoder(start)
            head = self._head()
        head.start(task.tensors(y[rows]))
        if self.messages:
            head.read(slope)
        self.network = training.Network(encoder, head)
        if not task.learnable(y[train]):
            raise ValueError(f"{self.task}: got no event in the training rows; expected at least one")
        self._pretrain(inputs, rows, plan)
        self.report = training.fit(self.network, inputs, train, tuning, plan)
        torch.set_grad_enabled(True)

    def _pretrain(self, inputs: Inputs, rows: np.ndarray, plan: TrainingPlan) -> None:
        """So many passes as the setting `pretrain` says in which the sequence encoder guesses hidden codes; none by default."""
        from ..encoders.codes.masked_codes import MaskedCodes
        from ..encoders.codes.transformer import SequenceEncoder
        from ..training import trainer as training

        passes = min(self.setting.get("pretrain", 0), max(8, SEEN // len(rows)))
        for one in self.network.encoder.modules():
            if isinstance(one, SequenceEncoder) and passes:
                training.fit(MaskedCodes(one), inputs, rows, rows[:0], replace(plan, epochs=passes))

    def _plan(self, rows: int) -> TrainingPlan:
        """The learner's plan; with many rows larger batches and fewer passes. What the setting names stays."""
        from ..training.trainer import TrainingPlan

        plan = {"batch_size": 64, "epochs": 30, **self.plan, **vars(self.placement)}
        plan["batch_size"] = max(plan["batch_size"], min(512, rows // 128))
        plan["epochs"] = min(plan["epochs"], max(8, SEEN // max(1, rows)))
        return TrainingPlan(**{**plan, **self.setting.get("plan", {}), "seed": self.seed + 1})

    def _longest(self, rows: int) -> int:
        """Events of a row that the sequence encoder reads, the latest."""
        return 256 if rows <= 10_000 else 96

    def _fit_messages(self, snapshot: Snapshot, rows: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
        """Fit every modality's edges and messages; the training rows' leave-one-out readouts."""
        from ..encoders.knowledge_graph import knowledge, subgraph_of
        from ..encoders.propagation import fit_messages

        honest: dict[str, np.ndarray] = {}
        mode = self.setting.get("edges", "true")
        for name in self.modalities(snapshot):
            edges = GraphEdges(name).fit(snapshot, rows)
            here = rows[edges.present(snapshot, rows)]
            if len(here) < FEW or not edges.scale.any():
                continue
            response = task_of(self.task).working_response(y[here], self.classes)
            if not response.std(0).any():
                continue
            shuffle = np.random.default_rng(self.seed) if mode == "shuffled" else None
            graph = None
            if self.knowledge and mode != "none" and name != "covariates" and name not in snapshot.views:
                around = subgraph_of(edges.columns, edges.genes, snapshot.links)
                graph = knowledge(around, len(edges.columns), shuffle)
            take = partial(edges.take, snapshot)
            made = fit_messages(take, here, response, graph, directions=self.setting.get("directions", 32))
            self.edges[name], self.messages[name] = edges, made
            honest[name] = np.full((len(snapshot.rows), made.linear), np.nan, dtype=np.float32)
            honest[name][here] = made.readout
        return honest

    def _vocabulary(self, snapshot: Snapshot, rows: np.ndarray) -> Vocabulary | None:
        from ..preprocessing.tokens.tokenizer import fit_vocabulary

        if snapshot.events is None or self.records not in ("sequence", "both"):
            return None
        return fit_vocabulary(snapshot, rows)

    def _code_graph(self, snapshot: Snapshot) -> RelationalGraph | None:
        """The knowledge around the vocabulary, where there is any."""
        from ..encoders.codes.code_graph import code_graph

        if not self.codes_on_graph or self.vocabulary is None or self.setting.get("edges") == "none":
            return None
        return code_graph(self.vocabulary.codes, self.vocabulary.parents, snapshot.links)

    def _sequences(self, snapshot: Snapshot) -> Sequences | None:
        from ..preprocessing.tokens.tokenizer import tokenize

        if self.vocabulary is None or snapshot.events is None:
            return None
        return tokenize(snapshot.events, len(snapshot.rows), self.vocabulary, self.clock, self.longest)

    @property
    def width(self) -> int:
        """Columns of a row's vector: room for a readout a class and for what the network adds."""
        logits = task_of(self.task).width(self.classes)
        return self.dim + (logits if logits > 1 else 0)

    def _encoder(self, start: Mapping[str, float]) -> Any:
        from torch import nn

        from ..encoders.masked_fusion import MaskedFusion
        from ..encoders.message_encoder import MessageEncoder

        drop = self.setting.get("dropout", 0.2)
        encoders: dict[str, nn.Module] = {
            name: MessageEncoder(name, one.linear, one.width, self.width, dropout=drop)
            for name, one in self.messages.items()
        }
        if self.vocabulary is not None:
            encoders[SEQUENCE] = self._sequence_encoder(self.vocabulary, drop / 2)
        hidden = self.setting.get("drop_modality", 0.2)
        return MaskedFusion(encoders, self.width, hidden, start, attention=self.attention)

    def _head(self) -> Head:
        from ..heads.survival import head_of

        return head_of(self.task, self.width, self.classes, self.setting)

    def _sequence_encoder(self, vocabulary: Vocabulary, dropout: float) -> Any:
        """What reads the tokens."""
        from ..encoders.codes.transformer import SequenceEncoder

        return SequenceEncoder(
            vocabulary.ancestor_table(), self.setting.get("width", 32), depth=self.setting.get("depth", 2),
            dropout=dropout, timed=self.clock != "order", out=self.width, quiet=bool(self.messages), graph=self.code_graph,
        )  # fmt: skip

    def inputs(self, snapshot: Snapshot, hidden: frozenset[str] = frozenset()) -> Inputs:
        """Any snapshot's rows, by what was fitted."""
        return self._inputs(snapshot, hidden=hidden)

    def _inputs(self, snapshot: Snapshot, **known: Any) -> Inputs:
        """known: further fields of `Inputs`: what is hidden, and of rows to fit on what was told of them."""
        return Inputs(snapshot, self.edges, self.messages, self._sequences(snapshot), **known)

    def predict(self, snapshot: Snapshot, rows: np.ndarray, hidden: frozenset[str] = frozenset()) -> np.ndarray:
        """Scores; `hidden` names modalities to treat as not measured."""
        from ..training import trainer as training

        return training.predict(self.network, self.inputs(snapshot, hidden).serving(rows), rows)

    def survival(self, snapshot: Snapshot, rows: np.ndarray, days: np.ndarray) -> np.ndarray | None:
        from ..heads.survival import curves

        return curves(self.network.head, lambda: self.embeddings(snapshot, rows).rows, days)

    def state(self) -> dict[str, Any]:
        weights = {name: value.detach().cpu().numpy() for name, value in self.network.state_dict().items()}
        return {
            **super().state(), "weights": weights,
            "messages": {name: one.state() for name, one in self.messages.items()},
            "edges": {name: one.state() for name, one in self.edges.items()},
            "vocabulary": None if self.vocabulary is None else self.vocabulary.state(),
            "code_graph": None if self.code_graph is None else self.code_graph.state(),
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> Self:
        from ..encoders.relational_graph import RelationalGraph
        from ..preprocessing.tokens.tokenizer import Vocabulary
        from ..training import trainer as training

        super().restore(state)
        self.edges = {name: GraphEdges(name).restore(one) for name, one in state["edges"].items()}
        self.messages = {name: self._restored(one) for name, one in state["messages"].items()}
        self.vocabulary = None if state["vocabulary"] is None else Vocabulary.restored(state["vocabulary"])
        around = state["code_graph"]
        self.code_graph = None if around is None else RelationalGraph.restored(around)
        self.network = training.Network(self._encoder({}), self._head())
        own = {name: x.numpy().copy() for name, x in self.network.state_dict().items() if not x.is_floating_point()}
        training.set_weights(self.network, state["weights"])
        for name, positions in own.items():
            if (state["weights"][name] != positions).any():
                raise ValueError(f"weights {name}: got other positions; expected those of the vocabulary")
        return self

    def embeddings(self, snapshot: Snapshot, rows: np.ndarray) -> Embeddings:
        from ..training import trainer as training

        found = Embeddings(training.encode(self.network, self.inputs(snapshot).serving(rows), rows))
        return found if self.code_graph is None else replace(found, **self._of_codes(self.code_graph))

    def _of_codes(self, graph: RelationalGraph) -> dict[str, Any]:
        """The vectors of the codes and of the knowledge around them, each id once."""
        import torch

        from ..encoders.codes.token_embedding import TokenEmbedding

        embedding = next(one for one in self.network.modules() if isinstance(one, TokenEmbedding))
        with torch.no_grad():
            vectors = embedding.nodes().numpy()
        # of a code's categories the code itself
        first = {one: i for i, one in reversed([*enumerate(graph.ids)]) if one}
        return {"nodes": tuple(first), "vectors": vectors[[*first.values()]]}

    def _restored(self, state: Mapping[str, Any]) -> Messages | Centred:
        from ..encoders.propagation import Messages

        return Messages.restored(state)

    def contributions(self, snapshot: Snapshot, row: int, steps: int) -> tuple[list[str], np.ndarray]:
        """Ids, and what one row's values of each contributed; under a modality's own name what is of no feature of it (how
        many genes are mutated, how many records there are)."""
        from .integrated_gradients import path_gradients

        rows, names, values = np.array([row]), list[str](), [np.zeros(0)]
        inputs = self.inputs(snapshot).serving(np.arange(len(snapshot.rows)))
        for name, gradient in path_gradients(self.network, inputs.take(rows), steps)[0].items():
            edges, messages = inputs.edges[name], self.messages[name]
            x = (edges.take(snapshot, rows) - messages.mean) * edges.present(snapshot, rows)[:, None]
            whole = x * messages.back(gradient)
            found = edges.gather(whole)[0]
            names += [*edges.names, name]
            values += [found, np.array([whole.sum() - found.sum()])]
        return names, np.concatenate(values)

    def attribute(self, snapshot: Snapshot, rows: np.ndarray) -> dict[str, Attribution] | None:
        from .integrated_gradients import integrated_gradients

        vocabulary = () if self.vocabulary is None else self.vocabulary.codes
        return integrated_gradients(self.network, self.inputs(snapshot).serving(rows), rows, vocabulary)
