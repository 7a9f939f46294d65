"""Run folder (docs/results.md, "The folders"): what a run leaves beside the study file, and what is still true."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinome.loaders.errors import InputError
from clinome.loaders.files.atomic import write_atomic
from clinome.loaders.files.spreadsheet_csv import read_csv
from clinome.run_folder.patient_rows import drop, hold
from clinome.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from clinome.explore.network import Network
    from clinome.models.inference.model import Model
    from clinome.run_folder.explanation import Explanation
    from clinome.run_folder.run_comparison import RunComparison
    from clinome.snapshot import Snapshot

PREDICT, MODEL, SNAPSHOT, EMBEDDINGS = "predict", "model", "snapshot", "embeddings.parquet"
"""Folders in it: predictions for other studies, what the run leaves to make them, what its learners saw."""
SHARED = "shared.json"
"""What a folder holds that `clinome share` made."""
ENCODER = "encoder"
"""The folder of the pretrained encoder that its learners started from, where they did."""


@dataclass(frozen=True)
class Run:
    """Run: the results of a study, `runs/NAME/` beside the study file; its tables are read when they are asked for.

    A step is done while its key (a hash of everything that it depends on) is the one noted in run.json.
    Example:
        run = clinome.Run.open("runs/lung")
        run.metrics.query("metric == 'auroc'").sort_values("mean")
    """

    name: str
    folder: Path

    @classmethod
    def of(cls, study: Study, name: str | None = None) -> Run:
        """The run of a study; it need not be there yet. name: default the study's."""
        name = name or study.name
        return cls(name, study.folder / "runs" / name)

    @classmethod
    def open(cls, folder: str | Path | Run) -> Run:
        """Open a run folder.

        Args:
            folder: `runs/NAME`; a run is given back as it is.
        Raises: InputError where there is no such folder.
        """
        if isinstance(folder, Run):
            return folder
        path = Path(folder).resolve()
        if not path.is_dir():
            there = sorted(one.name for one in path.parent.iterdir() if one.is_dir()) if path.parent.is_dir() else []
            fix = f"there are {', '.join(there[:8])}" if there and path.parent.name == "runs" else "clinome train STUDY"
            raise InputError("there is no such run", folder, expected="a run folder: runs/NAME", fix=fix)
        return cls(path.name, path)

    @property
    def cohort(self) -> pd.DataFrame:
        """Cohort: one row a (subject_id, prediction_time), with label or duration_days (days) and event.

        Raises: InputError before `clinome train`.
        """
        return self._table("cohort.parquet", "cohort", "train")

    @property
    def snapshot(self) -> Snapshot:
        """Snapshot: what the learners saw, behind the time fence, with the folds.

        Raises: InputError before `clinome train`, for a run of links, and where removing a patient took it away.
        """
        from clinome.snapshot import Snapshot

        manifest = self._need(f"{SNAPSHOT}/manifest.json", "snapshot", "train")
        if json.loads(manifest.read_text(encoding="utf-8")).get("task") == "links":
            fix = "read its edges.parquet and nodes.parquet"
            raise InputError("the snapshot of a run of links holds no patients", self.name, fix=fix)
        return Snapshot.read(self.folder / SNAPSHOT)

    @property
    def predictions(self) -> pd.DataFrame:
        """Held-out predictions: learner, repeat, fold, row, subject_id, prediction_time, y_true (survival: duration_days,
        event), and score (higher: more of it, or sooner) or score_CLASS; each row of the cohort once a repeat and learner.

        Raises: InputError before `clinome train`.
        """
        return self._table("predictions.parquet", "predictions", "train")

    @property
    def metrics(self) -> pd.DataFrame:
        """Metrics of every learner over the folds: learner, metric, mean, sd, low, high (95 % interval).

        Raises: InputError before `clinome train`.
        """
        import pandas as pd

        learners = self._results("metrics")["learners"]
        columns = ["learner", "metric", "mean", "sd", "low", "high"]
        rows = [{"learner": name, "metric": metric, **values}
                for name, found in learners.items() for metric, values in found["metrics"].items()]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    @property
    def comparisons(self) -> pd.DataFrame:
        """Paired comparisons: `chosen` with every learner, and each other one with the best simple one, a row a pair:
        a, b, metric, difference (a less b) with its 95 % interval (low, high), p, and p_holm over all pairs.

        Raises: InputError before `clinome train`.
        """
        import pandas as pd

        return pd.DataFrame(self._results("comparisons").get("comparisons", []))

    @property
    def operating_points(self) -> pd.DataFrame:
        """Operating points of `chosen`, the study's rule first, then alert budgets: rule, threshold, and of held-out rows
        alerts, sensitivity, specificity, ppv, npv, balanced_accuracy, mcc, each with _low and _high; where patients have
        several predictions also alerts_per_100 (patients), alerts_per_day (a patient's), found (events alerted while ahead),
        in_vain, lead_hours (its _low and _high are quartiles). Empty for tasks without one risk a row.

        Raises: InputError before `clinome train`.
        """
        return _flat((self._results("operating points").get("operating") or {}).get("points", []))

    @property
    def odds_ratios(self) -> pd.DataFrame:
        """Odds ratios of the covariates (survival: hazard ratios), a row a number or level: covariate, level, reference,
        rows, events, and unadjusted and adjusted, each with _low, _high and _p. Empty without covariates.

        Raises: InputError before `clinome train`.
        """
        return _flat((self._results("odds ratios").get("odds_ratios") or {}).get("lines", []))

    @property
    def ranking(self) -> pd.DataFrame:
        """Ranking of a links study: the first candidates of every query that it has no link to, by the best learner
        fitted on all links: query, query_name, list (known, new), rank, candidate, candidate_name, score.

        Raises: InputError before `clinome train`, and for a study that is not of links.
        """
        return self._table("ranking.parquet", "ranking", "train")

    @property
    def biomarkers(self) -> pd.DataFrame:
        """Ranked features: layer, feature (CURIE), symbol, effect (of the score, a standard deviation of the feature), low,
        high, stability (share of folds), rank, q, importance (share of all attribution, unsigned), name. Of several classes
        an effect has no direction: effect, low and high are missing. Then, of the first features, the effect adjusted for
        the covariates (prevalence, adjusted with adjusted_low and _high, adjusted_measure, adjusted_per, adjusted_why),
        percentile_low, percentile_high over folds, known (or new), and flag: what else it may stand for (docs/biomarkers.md).

        Raises: InputError before `clinome biomarkers`.
        """
        return self._table("biomarkers.csv", "biomarkers", "biomarkers")

    @property
    def enrichment(self) -> pd.DataFrame:
        """Pathway enrichment of the biomarkers: pathway, name, source, overlap, p, q, background, hits (the genes), and
        of the whole ranking by importance nes, gsea_p, gsea_q.

        Raises: InputError before `clinome biomarkers`.
        """
        return self._table("enrichment.csv", "enrichment", "biomarkers")

    @property
    def effects_by_class(self) -> pd.DataFrame:
        """Effects by class, of a task of several classes or labels: layer, feature, symbol, class, and prevalence in it with
        the adjusted odds ratio of the class against all others (adjusted, adjusted_low, adjusted_high, adjusted_why).

        Raises: InputError before `clinome biomarkers`, and for a task of one outcome.
        """
        return self._table("biomarkers_by_class.csv", "effects by class", "biomarkers")

    @property
    def layer_agreement(self) -> pd.DataFrame:
        """Agreement between the layers of one gene, a row a pair: gene, symbol, layer_a, layer_b, feature_a, feature_b, n,
        correlation (Spearman's), p, q, score_a, score_b (of each with the outcome, signed), concordant, pattern.

        Raises: InputError before `clinome biomarkers`, and where no gene is in two layers.
        """
        return self._table("layer_agreement.csv", "agreement of layers", "biomarkers")

    @property
    def modules(self) -> pd.DataFrame:
        """Modules: connected groups of genes that carry the signal together, a row a gene: module (1 is the surest), layer,
        class, direction, gene, symbol, feature, score, joined_as (signal or bridge), stability, genes (of the module),
        value, p, q, shuffles, measure, held_out with held_out_low and _high. Empty without interactions.

        Raises: InputError before `clinome biomarkers`, and where none were looked for (`[biomarkers] modules`).
        """
        if (self.folder / "biomarkers.json").exists() and not (self.folder / "modules.csv").exists():
            fix = "[biomarkers] modules = true, then clinome biomarkers STUDY"
            raise InputError("modules were not looked for in this run", self.name, fix=fix)
        return self._table("modules.csv", "modules", "biomarkers")

    def module(self, gene: str) -> Network:
        """The modules that hold a gene, as a network: all their genes, and which of them interact.

        Args:
            gene: its symbol or CURIE, whatever its case.
        Returns: a `Network` whose table has the rows of `modules`; of no nodes where no module holds it, and `cut` says so.
        Raises: as `modules`, and as `snapshot`.
        Example:
            run.module("TP53").save("module.svg")
        """
        import polars as pl

        from clinome.run_folder.networks import module_network

        return module_network(pl.from_pandas(self.modules), gene, self.snapshot.links)

    def compare(self, other: Run | str | Path) -> RunComparison:
        """Compare with another run of the task: `chosen` on the same held-out rows, and which features both rank.

        Args:
            other: a run, or its folder.
        Returns: `.difference` (this less the other by the main metric, with its interval; None where the folds differ),
            `.agreement` (kendall_tau, rank_biased_overlap, shared of the first twenty), `.table()`; and as a `Network` has
            them `.networkx()`, `.figure()`, `.show()`, `.save(path)`: what either ranks first.
        Raises: InputError for runs of different tasks.
        Example:
            run.compare("runs/without_records").difference
        """
        from clinome.run_folder.run_comparison import compare_runs

        return compare_runs(self.folder, Run.open(other).folder, lambda: self.snapshot)

    @property
    def embeddings(self) -> pd.DataFrame:
        """Embeddings of patients and of the graph's nodes: label, id, learner, vector (`clinome.embed`).

        Raises: InputError before `clinome.embed`.
        """
        path = self.folder / EMBEDDINGS
        if not path.is_file():
            fix = f'make them in Python: clinome.embed(study, "hetero_gnn", name="{self.name}")'
            raise InputError("this run has no embeddings", self.name, fix=fix)
        return self._table(EMBEDDINGS, "embeddings", "train").drop(columns="subject_id")

    @property
    def model(self) -> Model:
        """The frozen model, for new patients: `clinome.predict(run, study)` uses it.

        Raises: InputError before `clinome train`, and where this version cannot use what is there.
        """
        from clinome.graphs.schema import VERSION
        from clinome.models.inference.model import Model

        model = Model.read(self.folder / MODEL)
        if model.about.get("schema", 0) > VERSION:
            raise InputError(
                "a model of a newer schema", self.folder / MODEL, model.about["schema"], VERSION, "update Clinome"
            )
        manifest = self.folder / SNAPSHOT / "manifest.json"
        if manifest.exists() and json.loads(manifest.read_text(encoding="utf-8")).get("sha256") != model.about.get(
            SNAPSHOT
        ):
            fix = "put back the model of this run, or train it again: clinome train STUDY"
            raise InputError("the model and the snapshot beside it are not of one run", self.folder / MODEL, fix=fix)
        return model

    def explain(self, patient: str, *, learner: str = "gene_gnn", most: int = 20) -> Explanation:
        """Explain one prediction: which nodes and edges of the graph moved this patient's risk, as a bounded subgraph.

        Integrated gradients of the score, over the patient's values for nodes, as for biomarkers, and over a mask of the
        messages for edges. The network is fitted once more as the run fitted it in the fold in which the patient is held
        out, so this takes as long as a fit; of several rows of the patient the last is explained.
        Args:
            patient: a subject_id of the cohort.
            learner: `gene_gnn`, `hetero_gnn`, `pathway_net`, or `patient_gnn`, whose nodes are also the training patients
                that the patient is like.
            most: edges at the most, and nodes beside their ends.
        Returns: `.nodes`, `.edges` (pandas), `.risk`, `.to_networkx()`.
        Raises: InputError before `clinome train`, for another learner, and for a patient who is not in the cohort.
        Example:
            found = run.explain("P017", learner="gene_gnn", most=10)
            found.edges, found.to_networkx()
        """
        from clinome.run_folder.explanation import explain

        settings = self._results("learners")["learners"].get(learner, {}).get("settings", [])
        seed = self.read_json("summary.json").get("study", {}).get("seed", 1)
        return explain(self.snapshot, patient, learner, most, settings, seed)

    def faithfulness(self, learner: str = "") -> pd.DataFrame:
        """Faithfulness of a learner's attributions: whether held-out predictions move when the first features are taken away
        (comprehensiveness), and stay when only these are kept (sufficiency), beside features in an order by lot.

        The learner is fitted again in each fold of the first repeat, as the run fitted it, so this takes as long as that.
        Features are those of omics layers; records, notes and covariates stay as they are.
        Args:
            learner: default the one that `chosen` was most often, of a stack its heaviest member in the final model.
        Returns: a row an order (attributed, by lot) and k (features; `all` is the mean over k), with comprehensiveness and
            sufficiency as shares of how far predictions move when all are taken away, and _low, _high over folds.
        Raises: InputError before `clinome train`, and for a learner that does not attribute.
        Example:
            run.faithfulness("ridge_late").query("k == 'all'")
        """
        from clinome.run_folder.faithfulness import faithfulness

        results = self._results("learners")
        weights: dict[str, float] = (results.get("model") or {}).get("weights") or {}
        names = [one["name"] for one in results.get("chosen", []) if one["name"] in results["learners"]]
        picked = (
            learner
            or max(sorted(set(names)), key=names.count, default="")
            or max(weights, key=lambda name: weights[name], default="")
        )
        if picked not in results["learners"]:
            known = ", ".join(results["learners"])
            raise InputError("no learner of this run", "learner", picked or "none", known, "name one of them")
        seed = self.read_json("summary.json").get("study", {}).get("seed", 1)
        return faithfulness(self.snapshot, picked, results["learners"][picked].get("settings", []), seed)

    @property
    def report(self) -> Path:
        """Path of report.html, one self-contained page.

        Raises: InputError before `clinome report`.
        """
        return self._need("report.html", "report", "report")

    def _need(self, file: str, what: str, verb: str) -> Path:
        path = self.folder / file
        if not path.exists():
            raise InputError(f"this run has no {what} yet", self.name, fix=f"clinome {verb} STUDY")
        return path

    def _table(self, file: str, what: str, verb: str) -> pd.DataFrame:
        import polars as pl

        path = self._need(file, what, verb)
        found = pl.read_parquet(path) if path.suffix == ".parquet" else read_csv(path, infer_schema_length=None)
        return found.to_pandas()

    def _results(self, what: str) -> dict[str, Any]:
        self._need("results.json", what, "train")
        return self.read_json("results.json")

    def path(self, *parts: str) -> Path:
        """A file of this run; its folder is made."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, name: str, value: object) -> None:
        """Write a JSON file of this run, at once."""
        write_atomic(self.path(name), json.dumps(value, indent=1, default=str))

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON file of this run, such as results.json; {} where it is not there."""
        path = self.folder / name
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    def done(self, step: str, key: str) -> bool:
        """Whether a step was done, and nothing that it rests on has changed since."""
        return bool(self.read_json("run.json").get(step) == key)

    def mark(self, step: str, key: str) -> None:
        """Note a step as done; the steps that build on it are not done any more."""
        order = ["train", "biomarkers", "report"]
        kept = {s: k for s, k in self.read_json("run.json").items() if s in order[: order.index(step)]}
        self.write_json("run.json", {**kept, step: key})

    def remove(self) -> None:
        """Take the folder away. Stopped in between, what is left of it is no run that was done."""
        if self.folder.is_symlink():
            self.folder.unlink()
            return
        (self.folder / "run.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder)

    def without(self, subjects: Collection[str], study: str) -> bool:
        """Take these subjects of a study out: their rows of every table, and a snapshot that holds them.

        The steps are then to be done again.
        What counts everybody stays as it is: results, rankings, the report, a model.
        Returns: whether any of them was in it.
        """
        for unfinished in self.folder.glob("*.part"):
            shutil.rmtree(unfinished) if unfinished.is_dir() else unfinished.unlink()
        snapshot = self.folder / SNAPSHOT
        held = hold(snapshot / "rows.parquet", subjects)
        tables = [path for path in self.folder.rglob("*") if _is_own(path, snapshot, study) and hold(path, subjects)]
        pages = [page for one in subjects if (page := self.patient_page(study, one)).is_file()]
        for page in pages:
            page.unlink()
        if not (held or tables or pages):
            return False
        self.write_json("run.json", {})
        for path in tables:
            drop(path, subjects)
        if held:
            shutil.rmtree(snapshot)
        self.log("patients removed")
        return True

    @property
    def shared(self) -> bool:
        """Whether the folder is what `clinome share` made of a run: no row of a patient is, or may be, in it."""
        return (self.folder / SHARED).is_file()

    def patient_page(self, study: str, patient: str) -> Path:
        """Where the page of one patient's prediction lies, of a study of that name."""
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", patient)[:60]
        mark = "" if plain == patient else f"-{hashlib.sha256(patient.encode()).hexdigest()[:8]}"
        return self.folder / PREDICT / f"{study}-{plain}{mark}.html"

    def log(self, event: str, **facts: object) -> None:
        """One line of log.jsonl: what ran and how long. Never patient data."""
        line = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **facts}
        with self.path("log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def summary(self) -> dict[str, object]:
        """What `--json` ends with: the folder, and what the training parts picked most often."""
        results = self.read_json("results.json")
        names = [c["name"] for c in results.get("chosen", [])]
        failed = sorted({one["learner"] for one in results.get("failed", [])})
        found: dict[str, object] = {
            "run": str(self.folder),
            "chosen": max(sorted(set(names)), key=names.count) if names else None,
        }
        return {**found, "failed": failed} if failed else found


def _flat(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table: an estimate {mean, low, high} becomes NAME, NAME_low, NAME_high."""
    import pandas as pd

    def cells(name: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            return {name: value}
        return {name if side == "mean" else f"{name}_{side}": each for side, each in value.items()}

    return pd.DataFrame([{k: v for name, value in row.items() for k, v in cells(name, value).items()} for row in rows])


def run_names(study: Study) -> list[str]:
    """Names of the runs that have a folder."""
    folder = study.folder / "runs"
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _is_own(path: Path, snapshot: Path, study: str) -> bool:
    """Whether a file may hold rows of the study's own patients: predictions for another study are of others."""
    return not path.is_relative_to(snapshot) and (path.parent.name != PREDICT or path.stem == study)


def key_of(*parts: object) -> str:
    """A hash of whatever a step depends on."""
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()


PACKAGES = ("clinome", "torch", "torch-geometric", "scikit-learn", "lifelines", "polars", "kglite")
"""What the numbers of a run depend on most."""


def versions() -> dict[str, str]:
    """Package -> version, of what this run is made with."""
    return {package: version(package) for package in PACKAGES}
