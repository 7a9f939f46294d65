"""Study file: TOML -> one frozen Study (docs/study.md). A mistake is an error that names the nearest known word."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from unicodedata import category

from clinome.loaders.errors import InputError, NotBuilt
from clinome.loaders.files.cells.clock import CLOCKS
from clinome.loaders.files.regular_file import check_regular
from clinome.loaders.registry import RELATIVE
from clinome.loaders.specs import (
    AnySource,
    Identifiers,
    Images,
    Knowledge,
    Notes,
    Omics,
    Patients,
    Records,
    Samples,
)
from clinome.models.base.specs import (
    HOLD_OUTS,
    LINKS,
    TASK_KINDS,
    Biomarkers,
    Evaluate,
    Learn,
    LinkTask,
    Matching,
    TaskSpec,
)
from clinome.models.base.task import TASKS, task_of
from clinome.study_file.bundles import with_bundles
from clinome.study_file.checks import (
    check_activity,
    check_evaluate,
    check_learn,
    check_learners,
    check_links,
    check_matching,
    check_metric,
    check_responses,
    check_shown,
    check_sources,
    check_threshold,
)
from clinome.study_file.clustering import check_clustering
from clinome.study_file.typed_toml import check_word, nearest, section

if TYPE_CHECKING:
    from clinome.graphs.prediction_tasks.aces.task import AcesTask
    from clinome.graphs.prediction_tasks.task import PredictionTask
    from clinome.models.evaluation.decisions.operating_point import Rule

T = TypeVar("T")

SECTIONS = (
    "name", "store", "tables", "identifiers", "patients", "samples", "omics", "records", "notes", "images", "bundle",
    "knowledge", "cohort", "task", "evaluate", "learn", "biomarkers", "report",
)  # fmt: skip
SERVERS = ("neo4j://", "neo4j+s://", "neo4j+ssc://", "bolt://", "bolt+s://", "bolt+ssc://")


@dataclass(frozen=True)
class CohortSpec:
    """`[cohort]`: a library query, a .cypher file or Cypher text, its parameters, what Table 1 groups by, and controls to match.

    query: empty where `[task] target` says itself when it predicts.
    """

    query: str = ""
    params: dict[str, object] = field(default_factory=dict)
    by: tuple[str, ...] = ()
    match: dict[str, object] | None = None


@dataclass(frozen=True)
class ReportSpec:
    """`[report]`: its title, the columns of Table 1 and of the subgroups, the metric that learners are chosen by and shown first
    by, and the rule by which one would act on a risk."""

    title: str = ""
    table1: tuple[str, ...] = ()
    subgroups: tuple[str, ...] = ()
    metric: str = ""
    threshold: str = ""

    @property
    def rule(self) -> Rule | None:
        """`threshold` as a rule; None where there is none. Raises: ValueError for what is none."""
        from clinome.models.evaluation.decisions.operating_point import Rule

        return Rule.parse(self.threshold) if self.threshold else None


@dataclass(frozen=True)
class Study:
    """Study: what a study file says (docs/study.md), checked. Paths are absolute; times are in the units of its sections.

    Example:
        >>> Study.parse({"name": "s", "store": "s.graph", "patients": {"path": "p.csv"}}, Path("/x")).store
        '/x/s.graph'
    """

    name: str
    folder: Path
    file: Path
    store: str
    tables: Path
    identifiers: Identifiers = field(default_factory=Identifiers)
    patients: Patients | None = None
    samples: Samples | None = None
    omics: tuple[Omics, ...] = ()
    records: tuple[Records, ...] = ()
    notes: tuple[Notes, ...] = ()
    images: tuple[Images, ...] = ()
    knowledge: tuple[Knowledge, ...] = ()
    cohort: CohortSpec | None = None
    task: TaskSpec | None = None
    links: LinkTask | None = None
    """`[task]` of kind "links": then there is no `task`, and no cohort."""
    evaluate: Evaluate = field(default_factory=Evaluate)
    learn: Learn = field(default_factory=Learn)
    biomarkers: Biomarkers = field(default_factory=Biomarkers)
    report: ReportSpec = field(default_factory=ReportSpec)
    unread: tuple[str, ...] = ()
    """What of a bundle's files is not read, in plain words."""

    @classmethod
    def read(cls, path: str | Path) -> Study:
        """Read a study file.

        Args:
            path: study.toml, or the folder that holds it.
        Raises: InputError for a mistake in it: what, where, got, expected, fix. NotBuilt for what this version lacks.
        Example:
            study = clinome.Study.read("lung/study.toml")
        """
        file = Path(path)
        if file.is_dir():
            file = file / "study.toml"
        try:
            raw = tomllib.loads(_toml(file))
        except FileNotFoundError:
            raise InputError(
                "there is no such study file", file, fix="name a study.toml, or a folder that holds one"
            ) from None
        except RecursionError:
            raise InputError(
                "nested too deep", file, expected="sections and lists", fix="take out the brackets"
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise InputError(
                f"not a TOML file that can be read: {error}", file, fix="mend the line that it names"
            ) from None
        return cls.parse(raw, file.resolve().parent, file.resolve())

    @classmethod
    def parse(cls, raw: Mapping[str, Any], folder: Path, file: Path | None = None) -> Study:
        """Check a study that is already a mapping, as TOML would read it; paths are relative to `folder`.

        Raises: as `read`.
        """
        where = file.name if file else "study"
        for key in raw:
            if key not in SECTIONS:
                raise InputError("unknown section or key", where, key, nearest(key, SECTIONS), "rename or remove it")
        raw, unread = with_bundles(raw, where, folder)
        name = _text(raw, "name", where)
        _folder_name(name, f"{where} name")
        links = _links(raw, where, folder)
        task = None if links else _one(TaskSpec, raw, "task", where, folder)
        if task is not None:
            check_word(task.kind, tuple(dict.fromkeys((*TASK_KINDS, *TASKS))), f"{where} [task] kind")
        study = cls(
            name=name,
            folder=folder,
            file=file or folder / "study.toml",
            store=_store(_text(raw, "store", where), folder),
            tables=folder / (_text(raw, "tables", where) if "tables" in raw else f"{name}.tables"),
            identifiers=_one(Identifiers, raw, "identifiers", where, folder) or Identifiers(),
            patients=_one(Patients, raw, "patients", where, folder),
            samples=_one(Samples, raw, "samples", where, folder),
            omics=_named(Omics, raw, "omics", where, folder),
            records=_named(Records, raw, "records", where, folder),
            notes=_named(Notes, raw, "notes", where, folder),
            images=_named(Images, raw, "images", where, folder),
            knowledge=_named(Knowledge, raw, "knowledge", where, folder),
            cohort=_one(CohortSpec, raw, "cohort", where, folder),
            task=task,
            links=links,
            evaluate=_one(Evaluate, raw, "evaluate", where, folder) or Evaluate(),
            learn=_one(Learn, raw, "learn", where, folder) or Learn(),
            biomarkers=_one(Biomarkers, raw, "biomarkers", where, folder) or Biomarkers(),
            report=_one(ReportSpec, raw, "report", where, folder) or ReportSpec(),
            unread=unread,
        )
        _check(study, where)
        return study

    def sources(self) -> list[AnySource]:
        """Every source in the order in which it is loaded: patients, samples, omics, records, notes, images, knowledge."""
        first: list[AnySource] = [s for s in (self.patients, self.samples) if s is not None]
        return [*first, *self.omics, *self.records, *self.notes, *self.images, *self.knowledge]

    @property
    def clock(self) -> str | None:
        """How the study's records, notes and images tell time: "dated", "relative" (days, hours since something), "order";
        None without. Of several the weakest."""
        views: tuple[Notes | Images, ...] = (*self.notes, *self.images)
        found = {
            "relative"
            if one.format in RELATIVE or one.unit is not None
            else "order"
            if one.order is not None
            else "dated"
            for one in self.records
        } | {"relative" if one.unit is not None else "dated" for one in views}
        return next((clock for clock in CLOCKS if clock in found), None)

    def need_cohort(self) -> CohortSpec:
        """The cohort, or an error that says how to name one."""
        self._no_links("has no cohort")
        if self.cohort is None and self.task is not None and self.task.target is not None:
            return CohortSpec()
        if self.cohort is None:
            raise InputError(
                "the study has no [cohort]", self.file.name, fix='add [cohort] with query = "patients_with_label"'
            )
        return self.cohort

    def need_task(self) -> TaskSpec:
        """The task, or an error; what this version cannot learn yet is refused here."""
        self._no_links("has no patients to learn from")
        if self.task is None:
            raise InputError(
                "the study has no [task]", self.file.name, fix='add [task] with kind = "binary" and label = "label"'
            )
        if self.task.kind not in TASKS:
            raise NotBuilt(
                f"{self.file.name} [task]: kind {self.task.kind!r} is not built yet.", f"built are {', '.join(TASKS)}"
            )
        check_responses(self.task, f"{self.file.name} [task]")
        if self.task.layer:
            return self.task
        several = task_of(self.task.kind).label_type in ("booleans", "numbers") and self.task.target is None
        if several != isinstance(self.task.label, tuple) or (several and len(set(self.task.label)) < 2):
            expected = "two columns of the cohort or more" if several else "one column"
            fix = (
                'label = ["diabetes", "stroke"]'
                if several
                else 'kinds "multilabel" and "responses" predict several at once'
            )
            got = self.task.label if isinstance(self.task.label, str) else ", ".join(self.task.label)
            raise InputError("not the labels of this kind", f"{self.file.name} [task] label", got, expected, fix)
        return self.task

    @property
    def matching(self) -> Matching | None:
        """`[cohort.match]`; None where controls are not matched. Raises: InputError for what it cannot say."""
        if self.cohort is None or self.cohort.match is None:
            return None
        where = f"{self.file.name} [cohort.match]"
        spec = section(Matching, self.cohort.match, where, self.folder)
        check_matching(spec, where)
        return spec

    @property
    def prediction_task(self) -> PredictionTask | AcesTask | None:
        """What `[task] target` means; None where the cohort query returns the label.

        Raises: InputError for a target that is none, or a mistake in its file.
        """
        if self.task is None or self.task.target is None:
            return None
        from clinome.graphs.prediction_tasks.task_file import read_target

        return read_target(
            self.task.target, self.folder, gap_days=self.task.gap_days, horizon_days=self.task.horizon_days
        )

    def _no_links(self, what: str) -> None:
        """A links study is about knowledge alone: what asks for its patients says so."""
        if self.links is not None:
            raise InputError(
                f"a study of links {what}: its rows are queries, of its knowledge", f"{self.file.name} [task]",
                'kind = "links"', "a task about patients", "for links use load, learners, train, report, run, query",
            )  # fmt: skip


def as_study(study: Study | str | Path) -> Study:
    """A study as it is, or read from its file or the folder that holds it: what every verb takes first.

    Raises: InputError where there is no such file, or a mistake in it.
    """
    return study if isinstance(study, Study) else Study.read(study)


def _links(raw: Mapping[str, Any], where: str, folder: Path) -> LinkTask | None:
    """`[task]` where it is of kind "links", its words checked against the schema."""
    table = raw.get("task")
    if not isinstance(table, Mapping) or table.get("kind") != LINKS:
        return None
    from clinome.graphs.schema import RELATIONSHIPS, SHARED

    task = section(LinkTask, table, f"{where} [task]", folder)
    at = f"{where} [task]"
    between = {one.type: one for one in RELATIONSHIPS.values() if {*one.start, *one.end} <= set(SHARED)}
    check_word(task.predicate, tuple(between), f"{at} predicate")
    rule = between[task.predicate]
    ends = tuple(dict.fromkeys((*rule.start, *rule.end)))
    check_word(task.query, ends, f"{at} query")
    check_word(task.candidate, tuple(one for one in ends if one != task.query) or ends, f"{at} candidate")
    check_word(task.hold_out, HOLD_OUTS, f"{at} hold_out")
    if task.query == task.candidate or not any(
        task.query in a and task.candidate in b for a, b in ((rule.start, rule.end), (rule.end, rule.start))
    ):
        raise InputError(
            "these two are no ends of the predicate", at, f"{task.query}, {task.candidate}",
            f"one of {', '.join(rule.start)} and one of {', '.join(rule.end)}, not the same", "name both ends",
        )  # fmt: skip
    if (
        "Phenotype" in (task.query, task.candidate)
        and task.predicate == "ASSOCIATED_WITH"
        and task.hold_out != "candidates"
    ):
        raise InputError(
            "gene–phenotype links are derived from the gene’s diseases, and tell each other", f"{at} hold_out",
            task.hold_out, '"candidates": whole genes, with query = "Phenotype"',
            'hold out candidates; or rank genes for diseases, query = "Diagnosis", with their HAS_PHENOTYPE edges',
        )  # fmt: skip
    return task


def _text(raw: Mapping[str, Any], key: str, where: str) -> str:
    if not isinstance(raw.get(key), str):
        raise InputError(
            "a study needs this key", f"{where} {key}", raw.get(key), "text", f'add {key} = "…" at the top'
        )
    return str(raw[key])


def _toml(file: Path) -> str:
    """The text of a study file. Raises: FileNotFoundError; InputError for what no study file can be."""
    if not file.exists() and not file.is_symlink():
        raise FileNotFoundError(file)
    if check_regular(file).stat().st_size > _LARGEST:
        fix = "name the study.toml; long lists of files can be a folder's, long queries a .cypher file"
        raise InputError("too large for a study file", file, expected=f"at most {_LARGEST:,} bytes", fix=fix)
    text = file.read_text(encoding="utf-8")
    for number, line in enumerate(text.split("\n"), 1):
        if (
            _KEY.match(line) and line.partition("=")[0].count(".") > _DEEPEST
        ):  # TOML's reader takes their square in time
            raise InputError("nested too deep", f"{file} line {number}", expected="[section.NAME]", fix="mend the line")
    return text


_LARGEST, _DEEPEST, _LONGEST = 1_000_000, 100, 100
_KEY = re.compile(r"\s*\[|\s*[\w\s.-]+=")
"""Lines that begin with a section or a bare key: dots nest there, and nowhere else."""


def _folder_name(name: str, where: str) -> None:
    bad = any(c in "/\\" or category(c).startswith("C") for c in name)
    if bad or not name.strip() or name.startswith(".") or len(name.encode()) > _LONGEST:
        got = name if len(name) <= _LONGEST else f"{len(name)} characters"
        expected = f"letters, digits, - and _, at most {_LONGEST}"
        raise InputError("this name becomes a folder's name", where, got, expected, "choose another name")


def _store(store: str, folder: Path) -> str:
    if store.startswith(SERVERS):
        return store
    if "://" in store:
        raise InputError(
            "unknown kind of store",
            "store",
            store.split("://", maxsplit=1)[0] + "://",
            "a folder, or " + ", ".join(SERVERS),
            'store = "NAME.graph" for the embedded store',
        )
    return str(folder / store)


def _one(cls: type[T], raw: Mapping[str, Any], key: str, where: str, folder: Path) -> T | None:
    if key not in raw:
        return None
    return section(cls, raw[key], f"{where} [{key}]", folder)


def _named(cls: type[T], raw: Mapping[str, Any], key: str, where: str, folder: Path) -> tuple[T, ...]:
    tables = raw.get(key, {})
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        raise InputError(
            "each of these sections has a name of its own",
            f"{where} [{key}]",
            expected=f"[{key}.NAME]",
            fix=f"write [{key}.NAME] above its lines",
        )
    for name in tables:
        _folder_name(name, f"{where} [{key}.NAME]")
    return tuple(section(cls, t, f"{where} [{key}.{name}]", folder, name=name) for name, t in tables.items())


def _check(study: Study, where: str) -> None:
    check_sources(study.sources(), where)
    check_activity(study.omics, study.knowledge, where)
    check_evaluate(study.evaluate, f"{where} [evaluate]")
    if study.links is not None:
        check_links(study.links, study.knowledge, study.evaluate, study.learn, where)
    shown = study.report
    check_clustering(study.task, study.evaluate, study.learn, shown.metric, shown.subgroups, where)
    check_shown(shown.title, {"table1": shown.table1, "subgroups": shown.subgroups}, f"{where} [report]")
    check_metric(study.report.metric, study.task, f"{where} [report] metric")
    check_threshold(study.report.threshold, study.task, f"{where} [report] threshold")
    _check_target(study, where)
    _ = study.matching
    check_learn(study.learn, study.task.kind if study.task else "", where)
    if study.links is None:
        check_learners(study.learn.learners, f"{where} [learn] learners")


def _check_target(study: Study, where: str) -> None:
    """A query or a target that says when to predict; a label that the target can give; a window only where there is one."""
    task, target = study.task, study.prediction_task
    if task is not None and target is not None and task.kind in TASKS:
        target.check(task_of(task.kind).label_type)
    if study.cohort is not None and not study.cohort.query and target is None:
        raise InputError("this key is needed", f"{where} [cohort] query", fix="add query = …")
    for key in ("gap_days", "horizon_days") if task is not None and target is None else ():
        if getattr(task, key) is not None:
            raise InputError(
                "a window without a target", f"{where} [task] {key}", getattr(task, key),
                "target, or a label that the cohort query returns", "name a target, or leave it out",
            )  # fmt: skip
