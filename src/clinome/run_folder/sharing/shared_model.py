"""Model that may leave: without the names of codes that few patients had; or none, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.models.inference.disclosure import FEW

if TYPE_CHECKING:
    from clinome.models.inference.model import Model
    from clinome.snapshot import Snapshot

NAMELESS = "~withheld:"
"""What a code is called whose name is withheld; no code of a study is called so, and it sorts behind all that are."""
_KEPT = ("few_patients", "units", "parts", "interleaved", "study", "task", "label", "schema", "rows", "patients", "settings",
         "left_out", "versions")  # fmt: skip
"""What is said of how a model was made: no query, whose text may name patients; no checksums of their files."""


def shared_model(model: Model, snapshot: Snapshot) -> tuple[Model | None, str, int]:
    """A model without names of codes that fewer than ten patients had; None where more than names would have to go.

    Its numbers are as they were: a new patient with such a code is as one without it.
    Returns: the model or None; why there is none; how many names were withheld.
    """
    if reason := why_not(model, snapshot):
        return None, reason, 0
    rare = {code: f"{NAMELESS}{k:06}" for k, code in enumerate(rare_codes(snapshot))}
    schema = model.schema
    above = [[rare.get(one, one) for one in side] for side in schema.above]
    codes = None if schema.codes is None else sorted(rare.get(one, one) for one in schema.codes)
    about = {name: one for name, one in model.about.items() if name in _KEPT}
    few = {what: n for what, n in dict(about.get("few_patients", {})).items() if what != "codes"}
    members = tuple(replace(one, state=_renamed(one.state, rare)) for one in model.members)
    made = replace(
        model, schema=replace(schema, codes=codes, above=(above[0], above[1])), members=members,
        about={**about, "few_patients": few, "withheld": len(rare)},
    )  # fmt: skip
    return made, "", len(rare)


def why_not(model: Model, snapshot: Snapshot) -> str:
    """Why a model cannot leave; empty where it can."""
    from clinome.models.inference.disclosure import carried_rows, few_patients

    if model.needs_training:
        return "it predicts beside the rows that it was trained on, which are patients' data"
    own = [member.name for member in model.members if member.own_code]
    if own:
        return f"it holds a learner of your own ({', '.join(own)}): what is in its state cannot be judged"
    learners = {member.name: member.restored({}) for member in model.members}
    few = {what: n for what, n in few_patients(snapshot, learners).items() if what != "codes"}
    if few:
        return "few patients stand behind " + " and ".join(f"{n:,} {what}" for what, n in few.items())
    inputs = [layer.values for layer in (*snapshot.layers.values(), *snapshot.views.values())]
    subjects = set(snapshot.rows["subject_id"])
    for member in model.members:
        if carried := carried_rows(member.state, inputs, [snapshot.rows.height], subjects):
            return f"{member.name}: {carried}"
    return ""


def patients_with(snapshot: Snapshot, values: Any) -> Any:
    """(features,) int: patients who have a feature: a number of a dense layer that is known, an entry of a sparse one that
    is not zero."""
    import numpy as np
    from scipy import sparse

    subject = snapshot.rows["subject_id"].rank("dense").to_numpy().astype(np.int64) - 1
    patients = int(subject.max(initial=-1)) + 1
    known = values != 0 if sparse.issparse(values) else ~np.isnan(values)
    of = sparse.csr_matrix((np.ones(len(subject)), (subject, np.arange(len(subject)))), shape=(patients, len(subject)))
    return np.asarray(((of @ sparse.csr_matrix(known).astype(np.float64)) > 0).sum(axis=0)).ravel()


def rare_codes(snapshot: Snapshot) -> list[str]:
    """Codes that fewer than ten patients had, themselves or by a code below (of the knowledge, or of their own structure); sorted."""
    from clinome.models.preprocessing.records.code_hierarchy import CodeHierarchy

    if snapshot.events is None:
        return []
    subjects, hierarchy = snapshot.rows["subject_id"], CodeHierarchy.of(snapshot.links)
    had = snapshot.events.select("code", subject=subjects.gather(snapshot.events["row"])).unique()
    lines = [(code, one) for code in had["code"].unique() for one in (code, *hierarchy.ancestors(code))]
    above = pl.DataFrame(lines, {"code": pl.String, "held": pl.String}, orient="row")
    counts = had.join(above, on="code").group_by("held").agg(patients=pl.col("subject").n_unique())
    return sorted(counts.filter(pl.col("patients") < FEW)["held"])


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A state with these texts replaced in its lists and tuples, and in keys; single texts are settings, and stay."""
    if isinstance(value, Mapping):
        return {names.get(name, name): _renamed(one, names) for name, one in value.items()}
    if isinstance(value, list | tuple):
        made = [names.get(one, one) if isinstance(one, str) else _renamed(one, names) for one in value]
        return tuple(made) if isinstance(value, tuple) else made
    return value
