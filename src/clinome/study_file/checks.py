"""Checks of a study file: what its sections, each right by itself, cannot ask for together. All before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from clinome.loaders.errors import InputError, NotBuilt
from clinome.loaders.files.cells.date_order import DATE_ORDERS
from clinome.loaders.files.losses import KINDS as LOSSES
from clinome.loaders.registry import KNOWLEDGE, NOTES, RECORDS
from clinome.loaders.specs import (
    KINDS,
    NAMESPACES,
    AnySource,
    Images,
    Knowledge,
    Notes,
    Omics,
    Patients,
    Records,
    Samples,
)
from clinome.loaders.views.array_file import is_array
from clinome.models.base.specs import (
    FUSIONS,
    SELECTIONS,
    STRATEGIES,
    SURVIVAL_HEADS,
    Evaluate,
    Learn,
    LinkTask,
    Matching,
    TaskSpec,
)
from clinome.models.base.task import TASKS, task_of
from clinome.study_file.typed_toml import check_word

PRETRAIN = ("none", "masked", "next_visit")
"""`[learn] pretrain`: what is guessed in the records of patients who are not in the cohort."""
_WHOLE = ("each process holds a whole network", f"built are {', '.join(STRATEGIES)}")
_LATER_STRATEGIES = {
    "fsdp": _WHOLE,
    "deepspeed": _WHOLE,
    "model_parallel": _WHOLE,
    "ray": (
        "a study file begins no processes of Ray",
        'for one network start them by Ray Train (examples/ray_train.py) or torchrun; workers = "ray" spreads learners and folds',
    ),
}
"""Promised, or known from Lightning: why not, and what instead."""


def check_sources(sources: Sequence[AnySource], where: str) -> None:
    """The words of every source, and that there is one. where: the file, for errors.

    Raises: InputError for a word that is not known.
    """
    for source in sources:
        at = f"{where} [{source.source}]"
        match source:
            case Omics():
                _check_layer(source, at)
            case Knowledge():
                check_word(source.features, NAMESPACES, f"{at} features")
                if source.format is not None:
                    check_word(source.format, tuple(KNOWLEDGE), f"{at} format")
            case Records():
                if source.format is not None:
                    check_word(source.format, tuple(RECORDS), f"{at} format")
                check_word(source.graph, ("all", "none"), f"{at} graph")
                _check_unit(source, at)
            case Notes():
                if source.format is not None:
                    check_word(source.format, tuple(NOTES), f"{at} format")
                _check_unit(source, at)
            case Images():
                _check_unit(source, at)
                if source.ids is not None and not any(map(is_array, source.path)):
                    fix = "leave ids out: a table holds them itself"
                    raise InputError("ids go with an array", f"{at} ids", source.path[0].name, "a .npy or .npz", fix)
        _check_dates(source, at)
        for kind in source.accept:
            check_word(kind, LOSSES, f"{at} accept")
    if not sources:
        raise InputError(
            "a study needs at least one source", where, fix="add [patients], [omics.NAME] or [records.NAME]"
        )


def _check_dates(source: AnySource, at: str) -> None:
    """Whether the source has dates that a person may have written in any order."""
    if source.date_order is None:
        return
    check_word(source.date_order, DATE_ORDERS, f"{at} date_order")
    formats = (None, "csv", "omop", "mimic3", "mimic4", "synthea")
    dated = isinstance(source, (Patients, Samples, Images)) or (
        isinstance(source, (Records, Notes)) and source.format in formats
    )
    if not dated:
        what = f"format {source.format}" if isinstance(source, (Records, Notes)) else "this section"
        fix = "leave date_order out: its times are numbers, or begin with the year"
        raise InputError("a key without a part here", f"{at} date_order", what, "a table with dates", fix)


def _check_unit(source: Records | Notes | Images, at: str) -> None:
    if source.unit is not None:
        check_word(source.unit, ("days", "hours", "minutes"), f"{at} unit")


def _check_layer(spec: Omics, at: str) -> None:
    check_word(spec.kind, KINDS, f"{at} kind")
    check_word(spec.features, NAMESPACES, f"{at} features")
    check_word(spec.scale, ("none", "log1p", "zscore", "rank"), f"{at} scale")
    if spec.below is not None and not 0 <= spec.below <= 1:
        fix = "0.5 is half of the limit; leave the line out to have such cells refused"
        raise InputError("not a share of a limit", f"{at} below", spec.below, "a number from 0 to 1", fix)
    check_word(spec.correct, ("none", "combat", "linear"), f"{at} correct")
    check_word(spec.impute, ("median", "mean", "knn", "low"), f"{at} impute")
    for key, got, default in (("correct", spec.correct, "none"), ("impute", spec.impute, "median")):
        if spec.kind == "mutation" and got != default:
            raise InputError(
                "mutations are events, which no batch shifts and no neighbour tells", f"{at} {key}", got, default,
                f"leave {key} out",
            )  # fmt: skip
    if isinstance(spec.graph, str):
        check_word(spec.graph, ("all", "none"), f"{at} graph")
    if spec.orientation is not None:
        check_word(spec.orientation, ("samples_in_rows", "samples_in_columns"), f"{at} orientation")


def check_activity(omics: Sequence[Omics], knowledge: Sequence[Knowledge], where: str) -> None:
    """Activities of gene sets that are there, of a layer that has genes. Raises: InputError."""
    from clinome.models.preprocessing.activity.registry import METHODS

    sources, layers = tuple(one.name for one in knowledge), {spec.layer or spec.name for spec in omics}
    for spec in omics:
        at = f"{where} [omics.{spec.name}]"
        check_word(spec.activity, ("none", *METHODS), f"{at} activity")
        if spec.activity == "none":
            if spec.pathways:
                raise InputError("sets without a method", f"{at} pathways", ", ".join(spec.pathways), "activity beside them",
                                 'activity = "ulm"')  # fmt: skip
            continue
        if spec.kind == "mutation":
            raise InputError("mutations are events, and have no order to score", f"{at} activity", spec.activity, "none",
                             "leave activity out")  # fmt: skip
        if not spec.pathways:
            raise InputError("a method without sets", f"{at} pathways", None, "names of [knowledge.NAME]",
                             'pathways = "reactome", of [knowledge.reactome]')  # fmt: skip
        if spec.least_genes < 1:
            raise InputError(
                "not a number of genes", f"{at} least_genes", spec.least_genes, "1 or more", "least_genes = 5"
            )
        for name in spec.pathways:
            if name not in sources:
                fix = f"add [knowledge.{name}], or name one of those"
                raise InputError(
                    "there is no such knowledge", f"{at} pathways", name, ", ".join(sources) or "none", fix
                )
            if (block := f"{spec.layer or spec.name}.{name}") in layers:
                raise InputError("a layer is called as these activities would be", f"{at} pathways", block, "another name",
                                 f"rename [omics.\"{block}\"]")  # fmt: skip


def check_learn(learn: Learn, kind: str, where: str) -> None:
    """Numbers that can be, and processes that can train together.

    Raises: InputError; NotBuilt for a strategy that this version lacks.
    """
    if learn.fusion is not None:
        check_word(learn.fusion, FUSIONS, f"{where} [learn] fusion")
    check_word(learn.select, SELECTIONS, f"{where} [learn] select")
    check_word(learn.survival_head, SURVIVAL_HEADS, f"{where} [learn] survival_head")
    if learn.survival_head != "cox" and kind != "survival":
        both = f'survival_head = "{learn.survival_head}" and kind = "{kind}"'
        raise InputError("a head of survival for another task", f"{where} [learn] survival_head", both, 'kind = "survival"', "leave the line out")  # fmt: skip
    for key, got, least in (
        ("[learn] trials", learn.trials, 1),
        ("[learn] minutes", learn.minutes, 0),
        ("[learn] workers", learn.workers, 0),
        ("[learn] devices", learn.devices, 1),
        ("[learn] nodes", learn.nodes, 1),
    ):
        if isinstance(got, str):
            if got != "ray" and not got.startswith("ray://"):
                raise InputError(
                    "no workers that can be",
                    f"{where} {key}",
                    got,
                    'a number, "ray" or "ray://host:port"',
                    "workers = 2",
                )
        elif got < least:
            raise InputError(
                "not a number that can be", f"{where} {key}", got, f"{least} or more", "raise it, or leave the line out"
            )
    _check_placement(learn, f"{where} [learn]")
    check_word(learn.pretrain, PRETRAIN, f"{where} [learn] pretrain")
    if learn.encoder is not None and learn.pretrain != "none":
        raise InputError(
            "an encoder is pretrained here, or taken as it is", f"{where} [learn] encoder", f"and pretrain = {learn.pretrain!r}",
            "one of the two", "leave one of the lines out",
        )  # fmt: skip


def _check_placement(learn: Learn, where: str) -> None:
    """Several processes for one network, beside several workers for the learners."""
    if learn.strategy in _LATER_STRATEGIES:
        why, instead = _LATER_STRATEGIES[learn.strategy]
        raise NotBuilt(f"{where} strategy: {learn.strategy!r} is not built: {why}.", instead)
    check_word(learn.strategy, STRATEGIES, f"{where} strategy")
    if learn.placement.count == 1:
        return
    if isinstance(learn.workers, str):
        raise InputError(
            "a learner on Ray has one CPU, and no processes of its own", f"{where} workers", learn.workers,
            "a number of workers, or one device", "leave out workers, or devices and nodes",
        )  # fmt: skip
    if learn.nodes > 1 and learn.workers > 1:
        raise InputError(
            "several machines train one network at a time", f"{where} workers", learn.workers, "1", "leave the line out"
        )


def check_links(links: LinkTask, knowledge: Sequence[Knowledge], evaluate: Evaluate, learn: Learn, where: str) -> None:
    """What a links study cannot be asked, and what it needs. Raises: InputError, NotBuilt."""
    from clinome.models.learners.links.registry import RANKERS

    for name in learn.learners:
        check_word(name, ("default", *RANKERS), f"{where} [learn] learners")
    if not knowledge:
        raise InputError("links are edges of knowledge", where, "no [knowledge.NAME]", "one or more", "add them")
    if learn.placement.count > 1:
        key = "devices" if learn.devices > 1 else "nodes"
        raise NotBuilt(f"{where} [learn]: {key} is not built for links yet.", "leave the line out")
    if isinstance(learn.workers, str) or learn.minutes:
        key = "workers" if isinstance(learn.workers, str) else "minutes"
        raise NotBuilt(
            f"{where} [learn]: {key} = {getattr(learn, key)!r} is not built for links yet.", "leave the line out"
        )
    unfit = [name for name in ("site", "stratify") if getattr(evaluate, name) is not None]
    unfit += ["group"] if evaluate.group != "subject_id" else []
    unfit += ["folds (a file)"] if isinstance(evaluate.folds, Path) else []
    unfit += ["learning_curve"] if evaluate.learning_curve else []
    if unfit:
        raise InputError(
            "this is for patients", f"{where} [evaluate]", unfit[0], "folds, repeats, seed, after", "leave it out"
        )
    if (evaluate.after is None) == (links.hold_out == "time"):
        raise InputError(
            "a date to split at goes with hold_out = \"time\"", f"{where} [evaluate] after", evaluate.after,
            'both, or none of them', "after = 2015-01-01 holds out links of 2015 and later",
        )  # fmt: skip


def check_metric(metric: str, task: TaskSpec | None, where: str) -> None:
    """A metric that learners of this task can be chosen by. where: `[report] metric`. Raises: InputError."""
    from clinome.models.metrics.task_metrics import choosing, metrics_of

    if not metric:
        return
    if task is None:
        raise InputError(
            "a metric judges predictions of a task", where, metric, "a [task] about patients", "leave it out"
        )
    if task.kind not in TASKS:
        return
    able, known = choosing(task.kind), metrics_of(task.kind)
    if metric in known and metric not in able:
        why = "its lower values are better" if not known[metric].higher_is_better else "it is shown beside the others"
        raise InputError(
            f"learners cannot be chosen by this metric: {why}", where, metric, ", ".join(able), "choose one of them"
        )
    check_word(metric, tuple(able), where)


def check_shown(title: str, columns: Mapping[str, Sequence[str]], where: str) -> None:
    """A title of one line, and columns each named once; whether the cohort holds them is seen when it is there.

    columns: key of `[report]` -> names. where: `[report]`. Raises: InputError.
    """
    if title and (not title.strip() or len(title.splitlines()) > 1):
        fix = 'title = "Overall survival in lung cancer"'
        raise InputError("a title is one line", f"{where} title", title, "text on one line", fix)
    for key, names in columns.items():
        for at, name in enumerate(names):
            if not name.strip():
                raise InputError("a column without a name", f"{where} {key}", name, "names of columns", "take it out")
            if name.lower() in [one.lower() for one in names[:at]]:
                raise InputError("a column twice", f"{where} {key}", name, "each column once", "take one of them out")


def check_threshold(text: str, task: TaskSpec | None, where: str) -> None:
    """A rule that is none, or that the task has no risk for. where: `[report] threshold`. Raises: InputError."""
    from clinome.models.evaluation.decisions.operating_point import Rule

    if not text:
        return
    try:
        Rule.parse(text)
    except ValueError:
        raise InputError(
            "no rule for a threshold", where, text,
            "sensitivity, specificity, ppv or risk >= a share; alerts <= a share; net benefit at a share; highest utility",
            'write >= or <=, not > or <: for example "sensitivity >= 0.8" or "alerts <= 10%"',
        ) from None  # fmt: skip
    if task is not None and task.kind in TASKS and task_of(task.kind).label_type != "boolean":
        got, fix = f'kind = "{task.kind}"', "leave it out"
        raise InputError("a threshold is for one risk a row", where, got, 'kind = "binary"', fix)


def check_responses(task: TaskSpec, where: str) -> None:
    """`layer` and `measured` belong to responses alone. Raises: InputError."""
    if task.layer and task_of(task.kind).label_type != "numbers":
        fix = 'kind = "responses", or leave it out: layers are inputs by themselves'
        raise InputError(
            "a layer is the outcome of responses alone", f"{where} layer", task.layer, 'kind = "responses"', fix
        )
    if task.layer and task.target is not None:
        raise InputError("two outcomes", where, "layer and target", "one of them", "leave out the other")
    if task.measured < 1:
        raise InputError("not a number that can be", f"{where} measured", task.measured, "1 or more", "measured = 20")


def check_matching(spec: Matching, where: str) -> None:
    """Something to match by, and numbers that can be. Raises: InputError."""
    if not (spec.exact or spec.propensity):
        fix = 'exact = ["sex"], propensity = ["age"]'
        raise InputError("nothing to match by", where, None, "exact, propensity, or both", fix)
    if spec.by in (*spec.exact, *spec.propensity):
        raise InputError("the exposed and their controls differ by it", f"{where} by", spec.by, "another column", "leave it out of the others")  # fmt: skip
    if spec.caliper <= 0 or spec.ratio < 1:
        raise InputError("not a number that can be", where, f"{spec.caliper:g}, {spec.ratio}", "caliper above 0, ratio of 1 or more",
                         "caliper = 0.2, ratio = 1")  # fmt: skip


def check_evaluate(evaluate: Evaluate, where: str) -> None:
    """Numbers that can be, and one way to split at a time. Raises: InputError."""
    if isinstance(evaluate.folds, int) and evaluate.folds < 2:
        raise InputError(
            "too few folds", f"{where} folds", evaluate.folds, "2 or more", "raise it, or leave the line out"
        )
    curve = evaluate.learning_curve
    if not isinstance(curve, bool) and not all(0 < share <= 1 for share in curve):
        raise InputError(
            "not shares of the training rows",
            f"{where} learning_curve",
            list(curve),
            "numbers from 0 to 1, or true",
            "learning_curve = true",
        )
    if evaluate.repeats < 1:
        raise InputError(
            "not a number that can be",
            f"{where} repeats",
            evaluate.repeats,
            "1 or more",
            "raise it, or leave the line out",
        )
    given = [name for name in ("site", "after") if getattr(evaluate, name) is not None]
    if isinstance(evaluate.folds, Path):
        given = ["folds (a file)", *given, *(["stratify"] if evaluate.stratify else [])]
    if len(given) > 1:
        raise InputError("two ways to split at once", where, " and ".join(given), "one", "leave out the others")
    if given and evaluate.repeats > 1:
        raise InputError(
            "a split that is given cannot be repeated", f"{where} repeats", evaluate.repeats, "1", "leave the line out"
        )


def check_learners(learners: tuple[str, ...], where: str) -> None:
    """Learners that there are: a typo is found before anything is loaded. Raises: InputError."""
    from clinome.models.learners.registry import CHOSEN, LEARNERS

    for name in learners:
        check_word(name, ("default", *LEARNERS, CHOSEN), where)
