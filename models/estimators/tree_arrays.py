"""Tree arrays: fitted trees, which can be saved and walked without the library that grew them.

scikit-learn's own way to keep a model is pickle, which runs whatever a stranger wrote into it, and ties the file to one
version. Arrays do neither. The walk answers as the estimator does, to the last bit (tested).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from scipy import sparse

_AT_ONCE = 4_000_000  # rows times trees walked together
LEFT, RIGHT, UNKNOWN = 1, 0, -1


@dataclass(frozen=True)
class Trees:
    """All trees end to end: every node's children are positions in the same arrays, a leaf's are its own.

    root: (trees,). feature, threshold, left, right, missing_left: (nodes,); value <= threshold goes left.
    value: (nodes, outputs). split: (nodes,) row of `words` for a split by words, else -1.
    words: (splits, words) LEFT, RIGHT, or UNKNOWN for a word that goes where missing values go.
    """

    root: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    split: np.ndarray
    words: np.ndarray

    def __post_init__(self) -> None:
        here = np.arange(len(self.left))
        inside = max(self.left.max(initial=0), self.right.max(initial=0)) < max(1, len(here))
        if not inside or (self.left < here).any() or (self.right < here).any() or (self.feature < 0).any():
            raise ValueError("trees: got children that lie before their parent, or nowhere; expected them behind it")

    def leaves(self, x: np.ndarray) -> np.ndarray:
        """(n, trees) the leaf that each row of x (n, columns; NaN is missing) ends in."""
        at = np.tile(self.root, (len(x), 1))
        row = np.arange(len(x))[:, None]
        while True:
            value = x[row, self.feature[at]]
            missing = np.isnan(value)
            left = np.where(missing, self.missing_left[at], value <= self.threshold[at])
            if len(self.words):
                self._by_word(at, value, missing, left)
            further = np.where(left, self.left[at], self.right[at])
            if (further == at).all():
                return at
            at = further

    def _by_word(self, at: np.ndarray, value: np.ndarray, missing: np.ndarray, left: np.ndarray) -> None:
        here = np.nonzero((self.split[at] >= 0) & ~missing)
        node, word = at[here], value[here].astype(np.int64)
        inside = (word >= 0) & (word < self.words.shape[1])
        side = np.where(inside, self.words[self.split[node], np.where(inside, word, 0)], UNKNOWN)
        left[here] = np.where(side == UNKNOWN, self.missing_left[node], side == LEFT)


@dataclass(frozen=True)
class TreeArrays:
    """A forest or a boosted sum of trees, answering as the estimator that grew it: `predict` or `predict_proba`.

    kind: forest (the mean of the trees) or boosting (start plus their sum, through the link of the task).
    classes_: the classes seen in training, empty for a regression. start: (outputs,) what boosting starts from.
    importance: (columns,) how much the trees use each column.
    """

    kind: str
    trees: Trees
    classes_: np.ndarray
    start: np.ndarray
    importance: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """(n,) of a regression; of one with several outputs (n, outputs)."""
        raw = self._raw(x)
        return raw if raw.shape[1] > 1 else raw[:, 0]

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """(n, classes seen in training)."""
        from scipy.special import expit
        from sklearn.utils.extmath import softmax

        raw = self._raw(x)
        if self.kind == "forest":
            return raw
        if raw.shape[1] > 1:
            return np.asarray(softmax(raw))
        p = expit(raw[:, 0])
        return np.column_stack([1 - p, p])

    def _raw(self, x: np.ndarray) -> np.ndarray:
        count = max(1, len(self.trees.root))
        step = max(1, _AT_ONCE // count)
        out = np.zeros((len(x), max(1, self.trees.value.shape[1], len(self.start))), order="F")
        for first in range(0, len(x), step):
            part, at = out[first : first + step], self.trees.leaves(x[first : first + step])
            part += self.start if len(self.start) else 0.0
            for t in range(at.shape[1]):  # one after the other: the order of a sum is part of its last bit
                if self.kind == "forest":
                    part += self.trees.value[at[:, t]]
                else:
                    part[:, t % out.shape[1]] += self.trees.value[at[:, t], 0]
        return out / count if self.kind == "forest" else out

    def state(self) -> dict[str, Any]:
        trees = {one.name: getattr(self.trees, one.name) for one in fields(Trees)}
        return {"kind": self.kind, "trees": trees, "classes": self.classes_, "start": self.start,
                "importance": self.importance}  # fmt: skip

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        trees = Trees(**state["trees"])
        return cls(state["kind"], trees, state["classes"], state["start"], state["importance"])


def of_forest(model: Any) -> TreeArrays:
    """A fitted RandomForestClassifier or RandomForestRegressor."""
    nodes = [_nodes(one.tree_) for one in model.estimators_]
    classes = np.asarray(getattr(model, "classes_", np.zeros(0, np.int64)))
    return TreeArrays("forest", _joined(nodes, []), classes, np.zeros(0), np.asarray(model.feature_importances_))


def of_survival_forest(model: Any, columns: int) -> TreeArrays:
    """scikit-survival's fitted RandomSurvivalForest of `low_memory`, whose leaves hold mortality; here divided by the number
    of event times that it sums over: the mean cumulative hazard does not grow with the rows that it was fitted on.

    It knows no importance: here a column's is the share of training rows that pass a split of it.
    """
    passed = np.zeros(columns)
    for tree in (one.tree_ for one in model.estimators_):
        inside = tree.children_left >= 0
        np.add.at(passed, tree.feature[inside], tree.n_node_samples[inside])
    times = max(1, int(np.sum(model.is_event_time_)))
    nodes = [{**made, "value": made["value"] / times} for made in (_nodes(one.tree_) for one in model.estimators_)]
    share = passed / max(1.0, passed.sum())
    return TreeArrays("forest", _joined(nodes, []), np.zeros(0, np.int64), np.zeros(0), share)


def of_cox_boosting(model: Any, instead: np.ndarray) -> TreeArrays:
    """scikit-survival's fitted GradientBoostingSurvivalAnalysis on values in which `instead`, (columns,), stood for missing
    ones: NaN then goes where these went."""
    nodes = []
    for tree in (one.tree_ for stage in model.estimators_ for one in stage):
        made = _nodes(tree)
        goes_left = instead[made["feature"]] <= made["threshold"]
        nodes.append({**made, "missing_left": goes_left, "value": model.learning_rate * made["value"]})
    importance = np.asarray(model.feature_importances_, dtype=np.float64)
    return TreeArrays("boosting", _joined(nodes, []), np.zeros(0, np.int64), np.zeros(1), importance)


def _nodes(tree: Any) -> dict[str, np.ndarray]:
    """One tree of scikit-learn's."""
    leaf, here = tree.children_left < 0, np.arange(tree.node_count)
    return {
        "feature": np.where(leaf, 0, tree.feature), "threshold": np.where(leaf, 0.0, tree.threshold),
        "left": np.where(leaf, here, tree.children_left), "right": np.where(leaf, here, tree.children_right),
        "missing_left": tree.missing_go_to_left.astype(bool), "value": tree.value[:, 0], "split": np.full(len(here), -1),
    }  # fmt: skip


def with_means(forest: TreeArrays, x: np.ndarray, y: np.ndarray, otherwise: np.ndarray) -> TreeArrays:
    """The same trees with other leaves: (n, k) outcomes' means over the rows of x that fall into each, and know them.

    Args:
        y: NaN is not known. otherwise: (k,) of a leaf in which nobody knows one.
    """
    trees = forest.trees
    at = trees.leaves(x)
    n, count = at.shape
    falls = sparse.csr_matrix(
        (np.ones(n * count), (at.ravel(), np.repeat(np.arange(n), count))), shape=(len(trees.left), n)
    )
    known = np.isfinite(y)
    size = falls @ known.astype(np.float64)
    total = falls @ np.where(known, y - otherwise, 0.0)
    value = otherwise + np.divide(total, size, out=np.zeros(size.shape), where=size > 0)
    return replace(forest, trees=replace(trees, value=np.ascontiguousarray(value)))


def of_boosting(model: Any, columns: int) -> TreeArrays:
    """A fitted HistGradientBoostingClassifier or -Regressor; scikit-learn shows its trees to nobody but itself.

    With columns of words it puts those first and numbers their words anew: here both are as in the table again.
    """
    order = np.arange(columns)
    known: dict[int, np.ndarray] = {}
    if model.is_categorical_ is not None:
        is_word = np.asarray(model.is_categorical_, dtype=bool)
        order = np.r_[np.flatnonzero(is_word), np.flatnonzero(~is_word)]
        encoder = model._preprocessor.named_transformers_["encoder"]
        known = {int(order[i]): np.asarray(found) for i, found in enumerate(encoder.categories_)}
    width = 1 + max((int(np.nanmax(found)) for found in known.values() if np.isfinite(found).any()), default=-1)
    nodes: list[dict[str, np.ndarray]] = []
    words: list[np.ndarray] = []
    gain = np.zeros(columns)
    for one in (tree for stage in model._predictors for tree in stage):
        leaf, here = one.nodes["is_leaf"].astype(bool), np.arange(len(one.nodes))
        feature, by_word = order[one.nodes["feature_idx"]], one.nodes["is_categorical"].astype(bool) & ~leaf
        split = np.full(len(here), -1)
        for node in np.flatnonzero(by_word):
            split[node] = len(words)
            words.append(_sides(one.raw_left_cat_bitsets[one.nodes["bitset_idx"][node]], known[feature[node]], width))
        np.add.at(gain, feature[~leaf], np.maximum(one.nodes["gain"][~leaf], 0))
        nodes.append(
            {
                "feature": np.where(leaf, 0, feature), "threshold": np.where(leaf | by_word, 0.0, one.nodes["num_threshold"]),
                "left": np.where(leaf, here, one.nodes["left"]), "right": np.where(leaf, here, one.nodes["right"]),
                "missing_left": one.nodes["missing_go_to_left"].astype(bool), "value": one.nodes["value"][:, None],
                "split": split,
            }
        )  # fmt: skip
    classes = np.asarray(getattr(model, "classes_", np.zeros(0, np.int64)))
    start = np.asarray(model._baseline_prediction, dtype=np.float64).ravel()
    return TreeArrays("boosting", _joined(nodes, words), classes, start, gain)


def _sides(bits: np.ndarray, known: np.ndarray, width: int) -> np.ndarray:
    """(width,) where each word of the table goes, from a bitset over scikit-learn's own numbers for them."""
    out = np.full(width, UNKNOWN, dtype=np.int8)
    for number, word in enumerate(known):
        if np.isfinite(word):
            out[int(word)] = LEFT if int(bits[number // 32]) >> (number % 32) & 1 else RIGHT
    return out


def _joined(nodes: Sequence[Mapping[str, np.ndarray]], words: Sequence[np.ndarray]) -> Trees:
    """One tree's nodes after the other's."""
    size = np.array([len(one["left"]) for one in nodes], dtype=np.int64)
    root = np.cumsum(size) - size

    def column(name: str, kind: Any) -> np.ndarray:
        return np.concatenate([one[name] for one in nodes]).astype(kind) if nodes else np.zeros(0, kind)

    shift = np.repeat(root, size)
    value = np.concatenate([one["value"] for one in nodes]).astype(np.float64) if nodes else np.zeros((0, 1))
    return Trees(
        root.astype(np.int32), column("feature", np.int32), column("threshold", np.float64),
        (column("left", np.int64) + shift).astype(np.int32), (column("right", np.int64) + shift).astype(np.int32),
        column("missing_left", bool), value, column("split", np.int32), np.stack(words) if words else np.zeros((0, 0), np.int8),
    )  # fmt: skip
