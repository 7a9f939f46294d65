"""Faithfulness of attributions: does a prediction change when the features that it is said to rest on are taken away?

Comprehensiveness: how far held-out predictions move when the first k features are set to their mean over the training rows.
Sufficiency: how far they are from the whole one when only the first k are kept. Both are shares of how far predictions move when
all are taken away, beside the same with features in an order by lot: a faithful order has the higher comprehensiveness and
the lower sufficiency.
Source: DeYoung et al. 2020 (ERASER), doi:10.18653/v1/2020.acl-main.408.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from clinome.loaders.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from clinome.models.base.learner import Learner
    from clinome.snapshot import Snapshot

STEPS = (1, 2, 5, 10, 20, 50, 100)
DRAWS = 3
"""How many features are taken away or kept; orders by lot."""


def faithfulness(snapshot: Snapshot, learner: str, settings: Sequence[Mapping[str, Any]], seed: int) -> pd.DataFrame:
    """What `Run.faithfulness` gives: order (attributed, by lot), k, comprehensiveness, sufficiency, with low and high.

    The learner is fitted again in each fold of the first repeat, as the run fitted it; the order is that of its attributions
    on the rows held out.
    """
    import numpy as np
    import pandas as pd

    from clinome.models.base.folds import parts
    from clinome.models.base.threads import one_thread
    from clinome.models.biomarkers.feature_effects import effects
    from clinome.models.experiment.tuning import seed_of
    from clinome.models.learners.registry import make

    found: list[dict[str, Any]] = []
    folds = snapshot.folds.select("repeat", "fold").unique().sort("repeat", "fold")
    for repeat, fold in folds.filter(folds["repeat"] == folds["repeat"][0]).iter_rows():
        train, tuning, held_out = parts(snapshot.folds, repeat, fold)
        setting: Mapping[str, Any] = next(
            (one["setting"] for one in settings if (one["repeat"], one["fold"]) == (repeat, fold)), {}
        )
        with one_thread(make(learner)):
            fitted: Learner = make(learner).with_setting(dict(setting), seed_of(seed_of(seed, repeat, fold), learner))
            fitted.fit(snapshot, train, tuning)
            table = effects(fitted, snapshot, held_out, seed)
            if table is None:
                fix = "name one that can, such as ridge_late"
                raise InputError("this learner does not attribute", f'learner "{learner}"', fix=fix)
            table = table.filter(table["block"].is_in(list(snapshot.layers))).sort(
                "importance", descending=True, maintain_order=True
            )
            names = list(table.select("block", "feature").iter_rows())
            rng = np.random.default_rng([seed, fold])
            orders = [
                ("attributed", names),
                *(("by lot", [names[i] for i in rng.permutation(len(names))]) for _ in range(DRAWS)),
            ]
            for order, some in orders:
                found += [
                    {"order": order, "fold": fold, **one} for one in _moved(fitted, snapshot, train, held_out, some)
                ]
    if not found:
        fix = "faithfulness is asked of features of omics layers: name a run that has some"
        raise InputError("no feature of a layer moved a prediction", f'learner "{learner}"', fix=fix)
    return _over_folds(pd.DataFrame(found))


def _moved(
    fitted: Learner, snapshot: Snapshot, train: np.ndarray, rows: np.ndarray, order: Sequence[tuple[str, str]]
) -> list[dict[str, float]]:
    """Comprehensiveness and sufficiency at each step; nothing where no feature moves anything."""
    import numpy as np

    from clinome.models.base.task import task_of

    task = task_of(snapshot.task)

    def logits(gone: Sequence[tuple[str, str]]) -> np.ndarray:
        return np.asarray(task.logits(fitted.predict(without(snapshot, gone, train), rows)))

    whole, every = logits([]), logits(order)
    most = float(np.abs(whole - every).mean())
    if most <= 0:
        return []
    steps = [k for k in STEPS if k < len(order)]
    return [
        {
            "k": k,
            "comprehensiveness": float(np.abs(whole - logits(order[:k])).mean()) / most,
            "sufficiency": float(np.abs(whole - logits(order[k:])).mean()) / most,
        }
        for k in steps
    ]


def without(snapshot: Snapshot, gone: Sequence[tuple[str, str]], train: np.ndarray) -> Snapshot:
    """The snapshot in which these features (layer, feature) have in every row the mean of the training rows.

    The mean is that of the scale on which a layer is used (of counts that need a logarithm, of the logarithm).
    """
    import numpy as np
    from scipy import sparse

    layers = dict(snapshot.layers)
    for name in dict.fromkeys(layer for layer, _ in gone):
        layer, names = layers[name], {feature for one, feature in gone if one == name}
        at = np.flatnonzero([feature in names for feature in layer.var["feature"]])
        given = layer.values
        x = np.array(
            given.toarray() if isinstance(given, sparse.spmatrix | sparse.sparray) else given, dtype=np.float64
        )
        known = x[train][:, at]
        known = np.where(np.isfinite(known) & layer.profiled[train][:, None], known, np.nan)
        scaled = np.log1p(np.maximum(known, 0)) if layer.scale == "log1p" else known
        count = np.maximum(np.isfinite(scaled).sum(axis=0), 1)
        mean = np.nansum(scaled, axis=0) / count
        x[:, at] = np.expm1(mean) if layer.scale == "log1p" else mean
        x[~layer.profiled] = 0.0 if isinstance(given, sparse.spmatrix | sparse.sparray) else np.nan
        values = (
            sparse.csr_matrix(x.astype(np.float32))
            if isinstance(given, sparse.spmatrix | sparse.sparray)
            else x.astype(np.float32)
        )
        layers[name] = replace(layer, values=values)
    return replace(snapshot, layers=layers)


def _over_folds(table: pd.DataFrame) -> pd.DataFrame:
    """Mean over folds (of orders by lot over these first), lowest and highest fold; at the end the mean over k, as `all`."""
    import pandas as pd

    each = table.groupby(["order", "fold", "k"], as_index=False)[["comprehensiveness", "sufficiency"]].mean()
    area = each.groupby(["order", "fold"], as_index=False)[["comprehensiveness", "sufficiency"]].mean().assign(k="all")
    both = pd.concat([each.astype({"k": object}), area])
    rows = []
    for (order, k), part in both.groupby(["order", "k"], sort=False):
        row = {"order": order, "k": k}
        for name in ("comprehensiveness", "sufficiency"):
            row |= {name: part[name].mean(), f"{name}_low": part[name].min(), f"{name}_high": part[name].max()}
        rows.append(row)
    return pd.DataFrame(rows)
