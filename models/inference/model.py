"""Model: the learner, or the stack of learners, that leaves a run to predict new patients; with its input schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...loaders.errors import InputError
from ..base.learner import Learner
from ..base.serialization import read_state, write_state
from ..base.snapshot import Snapshot
from ..base.task import task_of
from ..base.threads import one_thread
from ..learners.registry import LEARNERS, make
from ..learners.stacking import Choice
from .alignment.align import LayerShift, align
from .alignment.distribution import FeatureDistribution
from .input_schema import InputSchema, ServedSnapshot
from .model_format import check_model
from .state_part import FormatError

FORMAT = 6
RENAMED: dict[int, dict[str, str]] = {FORMAT: {}, 5: {}, 4: {}, 3: {"hetero_gnn": "propagation"}}
"""Formats that are read: what a learner of ours was called then -> its name now."""
OVER_EDGES = ("propagation", "hetero_gnn", "sequence", "fusion")
"""Learners of ours that got a graph of codes and times of events with format 5."""
ON_TABLES = ("forest", "boosting")
"""Learners of ours that got windows of records with format 6."""
AGAIN = "train it again: clinome train STUDY"
BROKEN = (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError, ZeroDivisionError, OverflowError)
"""What code raises that is given a state of another make."""


@dataclass(frozen=True)
class Member:
    """One fitted learner as plain values. own_code: whether the user's own code is needed to restore it."""

    name: str
    setting: dict[str, Any]
    seed: int
    own_code: bool
    with_training: bool
    state: dict[str, Any]

    def restored(self, own: Mapping[str, Learner]) -> Learner:
        """Raises: InputError where it is the user's own, and not given."""
        if not self.own_code and self.name in LEARNERS:
            found = make(self.name)
        elif self.name in own:
            found = own[self.name]
        else:
            fix = f'clinome.predict(run, study, learners={{"{self.name}": …}}) in Python'
            raise InputError("the model holds a learner of your own, whose code no file can keep", "model", self.name,
                             "the same object, estimator or module again", fix)  # fmt: skip
        try:
            return found.with_setting(self.setting, self.seed).restore(self.state)
        except BROKEN as error:
            got = str(error).split("\n")[0] if isinstance(error, ValueError) else type(error).__name__
            raise InputError("a learner cannot be restored", f"model {self.name}", got, fix=AGAIN) from error


@dataclass(frozen=True)
class Model:
    """A frozen way to predict, and all that new patients need for it.

    about: what it was trained on, in the words of whoever trained it: study, rows, checksums, versions.
    distributions: dense layer -> how its values were distributed where it was trained; {} of older models.
    Example:
        model = Model.read(Path("runs/lung/model"))
        risk = model.predict(snapshot)
    """

    schema: InputSchema
    choice: Choice
    members: tuple[Member, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    distributions: Mapping[str, FeatureDistribution] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The learner's name, or "stack"."""
        return self.choice.name

    @property
    def needs_training(self) -> bool:
        """Whether a member predicts only beside the rows that it was fitted on."""
        return any(member.with_training for member in self.members)

    def serve(self, snapshot: Snapshot) -> ServedSnapshot:
        """Any snapshot of the task in the model's own shape, and what it lacked (`models.inference.input_schema`)."""
        return self.schema.serve(snapshot)

    def align(self, served: ServedSnapshot, methods: Mapping[str, str]) -> tuple[ServedSnapshot, dict[str, LayerShift]]:
        """What was served, aligned layer by layer to the training (`models.inference.alignment.align`); and how far it lay."""
        made, shifts = align(served.snapshot, self.distributions, methods)
        return ServedSnapshot(made, served.gaps), shifts

    def predict(
        self, snapshot: Snapshot, own: Mapping[str, Learner] | None = None, beside: tuple[Snapshot, int] | None = None
    ) -> np.ndarray:
        """Scores of every row, in its order, as a learner's (`Learner.predict`); by one thread, so that they repeat.

        Args:
            snapshot: of any study of this task; its labels are not looked at.
            own: the user's own learners by name, where the model holds any.
            beside: the rows of the training snapshot and behind them those of `snapshot`, served; and how many there are
                in front. Only a model with `needs_training` asks for it.
        Raises: InputError where the snapshot cannot be served, or a learner of the user's own is not given.
        """
        served: Snapshot = self.serve(snapshot).snapshot
        scores = {}
        learners = [member.restored(own or {}) for member in self.members]
        with one_thread(*learners):
            for member, learner in zip(self.members, learners, strict=True):
                here, first = served, 0
                if member.with_training:
                    if beside is None:
                        raise InputError(
                            f"{member.name} predicts beside the rows that it was fitted on",
                            "model",
                            fix="give `beside`",
                        )
                    here, first = beside
                rows = np.arange(first, first + served.rows.height)
                scores[member.name] = self._scores(member, learner, here, rows)
        return np.asarray(self.choice.combine(scores, self.schema.task))

    def _scores(self, member: Member, learner: Learner, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """What a member predicts, if it is a prediction."""
        where = f"model {member.name}"
        try:
            score = np.asarray(learner.predict(snapshot, rows), dtype=np.float64)
        except BROKEN as error:
            raise InputError("the model cannot predict", where, type(error).__name__, fix=AGAIN) from error
        many = len(task_of(self.schema.task).score_columns(self.schema.classes))
        shape = (len(rows), many) if many > 1 else (len(rows),)
        if score.shape != shape or not np.isfinite(score).all():
            got = f"{score.shape} with {int((~np.isfinite(score)).sum())} that are not finite"
            raise InputError("the model predicts no scores", where, got, f"{shape}, finite", AGAIN)
        return score

    def save(self, folder: Path) -> None:
        """Write model.json and model.safetensors; an older model in the folder is replaced at once."""
        state = {"format": FORMAT, "about": dict(self.about), "seen": self.schema.state(), "choice": self.choice.state(),
                 "members": [vars(member) for member in self.members]}  # fmt: skip
        if self.distributions:
            state["distributions"] = {name: one.state() for name, one in self.distributions.items()}
        write_state(folder, state)

    @classmethod
    def read(cls, folder: Path) -> Model:
        """A model that `save` wrote. Nothing in the file is run.

        Raises: InputError if there is none, if it was changed, if it is of another format, or if a part of it cannot be
            (`models.inference.model_format`).
        """
        state = read_state(folder)
        found = state.get("format")
        if not isinstance(found, int) or found not in RENAMED:
            fix = "train it again with this version: clinome train STUDY"
            raise InputError("a model of another format", folder, found, FORMAT, fix)
        try:
            state = renamed(state, RENAMED[found])
            state = filled(state, found)
            check_model(state)
        except FormatError as error:
            where = f"{folder} {error.place}"
            raise InputError(
                "a part of the model is not as one is saved", where, error.got, error.expected, AGAIN
            ) from None
        return cls(
            InputSchema.restored(state["seen"]),
            Choice(**state["choice"]),
            tuple(Member(**member) for member in state["members"]),
            state["about"],
            {name: FeatureDistribution.restored(one) for name, one in state.get("distributions", {}).items()},
        )


def renamed(state: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A model's state with learners of ours under the names that they have now; a part of another form stays as it is.

    Example:
        >>> renamed({"members": [{"name": "hetero_gnn", "own_code": False}]}, {"hetero_gnn": "propagation"})["members"]
        [{'name': 'propagation', 'own_code': False}]
    """

    def new(name: Any) -> Any:
        return names.get(name, name) if isinstance(name, str) else name

    def keyed(part: Any) -> Any:
        return {new(name): one for name, one in part.items()} if isinstance(part, Mapping) else part

    out, members, choice = dict(state), state.get("members"), state.get("choice")
    if isinstance(members, list):
        out["members"] = [{**m, "name": new(m.get("name"))} if isinstance(m, Mapping) else m for m in members]
    if isinstance(choice, Mapping):
        tables = {name: keyed(part) for name, part in choice.items()}
        out["choice"] = {**tables, **({"name": new(choice["name"])} if "name" in choice else {})}
    return out


def filled(state: Mapping[str, Any], found: int) -> dict[str, Any]:
    """A model's state of an older format, with what its learners had not yet; a part of another form stays as it is.

    Example:
        >>> old = {"members": [{"name": "fusion", "own_code": False, "state": {"edges": {"rna": {}}}}]}
        >>> filled(old, 4)["members"][0]["state"]
        {'edges': {'rna': {'timed': False}}, 'code_graph': None}
    """

    def one(member: Any) -> Any:
        if not isinstance(member, Mapping) or member.get("own_code") is not False:
            return member
        inside, name = member.get("state"), member.get("name")
        if found < 5 and name in OVER_EDGES and isinstance(inside, Mapping):
            return {**member, "state": _without_times(inside)}
        if found < 6 and name in ON_TABLES and isinstance(inside, Mapping):
            return {**member, "state": _without_windows(inside)}
        return member

    members = state.get("members")
    return {**state, "members": [one(m) for m in members]} if isinstance(members, list) else dict(state)


def _without_times(state: Mapping[str, Any]) -> dict[str, Any]:
    edges = state.get("edges")
    if isinstance(edges, Mapping):
        edges = {name: {**e, "timed": False} if isinstance(e, Mapping) else e for name, e in edges.items()}
        state = {**state, "edges": edges}
    return {**state, "code_graph": None}


def _without_windows(state: Mapping[str, Any]) -> dict[str, Any]:
    table = state.get("table")
    records = table.get("records") if isinstance(table, Mapping) else None
    if isinstance(table, Mapping) and isinstance(records, Mapping) and records:
        return {**state, "table": {**table, "records": {**records, "windows": None}}}
    return dict(state)


def member_of(learner: Learner) -> Member:
    """A fitted learner as plain values."""
    return Member(
        learner.name, dict(getattr(learner, "setting", {})), int(getattr(learner, "seed", 0)),
        bool(getattr(learner, "own_code", learner.name not in LEARNERS)), bool(getattr(learner, "with_training", False)),
        learner.state(),
    )  # fmt: skip
