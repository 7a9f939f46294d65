"""Command line: a thin face of the public functions. Verbs, options and exit codes are those of docs/study.md."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

import clinome
from clinome.cli import server as serving
from clinome.console import Console, visible
from clinome.loaders.errors import ClinomeError, EngineError

app = typer.Typer(
    name="clinome",
    help="Omics and health records on one patient–gene–pathway–diagnosis graph.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
StudyFile = Annotated[
    Path, typer.Argument(metavar="STUDY", help="The study file (study.toml), or the folder that holds it.")
]
Json = Annotated[bool, typer.Option("--json", help="End with one line of JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")]
Own = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=WHERE", help="A learner of your own: mine=module:object, mine=file.py:object."),
]
Align = Annotated[
    list[str] | None,
    typer.Option(
        "--align", metavar="METHOD or LAYER=METHOD",
        help="Another platform: map values onto those of the training (quantile, standard, none), and say what is lost.",
    ),
]  # fmt: skip
Name = Annotated[str | None, typer.Option("--name", help="Name of the run (default: the study's name).")]


def _end(as_json: bool, result: Callable[[], dict[str, object]]) -> None:
    if as_json:
        typer.echo(json.dumps(result(), default=str))


def _alignment(asked: list[str] | None) -> str | dict[str, str] | None:
    """One method for all layers, or LAYER=METHOD as often as you like."""
    if not asked:
        return None
    if len(asked) == 1 and "=" not in asked[0]:
        return asked[0]
    return dict(one.rpartition("=")[::2] for one in asked)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to put it.")] = Path("clinome-demo"),
    seed: Annotated[int, typer.Option(help="Another seed, another cohort.")] = 1,
    patients: Annotated[int | None, typer.Option(min=150, help="How many patients.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a synthetic cohort with a planted truth, run it whole, say what was recovered."""
    from clinome.demo.demo import run_demo

    found = run_demo(folder, seed, patients, Console(quiet))
    _end(as_json, lambda: found)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of files.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the study file goes (FOLDER/study.toml).")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Look into a folder of files, write a commented study.toml, say what could not be decided."""
    _end(as_json, clinome.init(folder, out=out, console=Console(quiet)).summary)


@app.command()
def load(
    study: StudyFile,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read everything, write nothing, say the same.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Files -> tables -> graph. A second load changes nothing and says so."""
    _end(as_json, clinome.load(study, dry_run=dry_run, console=Console(quiet)).summary)


@app.command()
def query(
    study: Annotated[Path | None, typer.Argument(metavar="STUDY", help="The study file.")] = None,
    text: Annotated[
        str | None, typer.Argument(metavar="NAME or TEXT", help="A query of the library, or Cypher.")
    ] = None,
    param: Annotated[list[str] | None, typer.Option("-p", metavar="name=value", help="A parameter.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the rows to a .csv or .parquet file.")] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Show the library.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Query the graph in Cypher; read-only."""
    from clinome.verbs.exploration import query as asking

    if show_list:
        asking.show_library(Console(quiet))
        return
    if study is None or text is None:
        raise typer.BadParameter("name a study and a query, or use --list")
    rows = asking.ask(study, text, param or [], out, Console(quiet), show=not as_json)
    _end(as_json, lambda: {"columns": rows.columns, "rows": [list(r) for r in rows.iter_rows()]})


@app.command()
def cohort(
    study: StudyFile,
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Show Table 1 by it: label, split, or a column.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the rows as a MEDS label table: a .parquet file.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run the cohort query, show the attrition, store the cohort in the graph."""
    made = clinome.cohort(study, out=out, console=Console(quiet))
    if by is not None:
        clinome.table_one(study, by, console=Console(quiet))
    _end(as_json, made.summary)


@app.command()
def pretrain(
    study: StudyFile,
    objective: Annotated[
        str | None,
        typer.Option(metavar="masked|next_visit", help="What is guessed: hidden codes, or the next visit's."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where the encoder goes (NAME.encoder).")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Pretrain the sequence encoder on the records of patients who are not in the cohort."""
    made = clinome.pretrain(study, objective, out=out, console=Console(quiet))
    found: dict[str, object] = {
        "objective": made.objective, "patients": made.patients, "codes": len(made.entries) - 2,
        "fingerprint": made.fingerprint,
    }  # fmt: skip
    _end(as_json, lambda: found)


@app.command()
def train(
    study: StudyFile, learner: Own = None, name: Name = None, as_json: Json = False, quiet: Quiet = False
) -> None:
    """Snapshot, folds, learners, comparison."""
    from clinome.user_learners import read_learners

    made = clinome.train(study, learners=read_learners(learner or []), name=name, console=Console(quiet))
    _end(as_json, made.summary)


@app.command()
def biomarkers(study: StudyFile, name: Name = None, as_json: Json = False, quiet: Quiet = False) -> None:
    """Attribution on held-out patients, stability, enrichment; written back into the graph."""
    made = clinome.biomarkers(study, name=name, console=Console(quiet))
    _end(as_json, made.summary)


@app.command()
def run(study: StudyFile, learner: Own = None, name: Name = None, as_json: Json = False, quiet: Quiet = False) -> None:
    """Everything in order: load, cohort, train, biomarkers, report. What is done and unchanged is not done again."""
    from clinome.user_learners import read_learners

    made = clinome.run(study, learners=read_learners(learner or []), name=name, console=Console(quiet))
    _end(as_json, made.summary)


@app.command()
def report(study: StudyFile, name: Name = None, as_json: Json = False, quiet: Quiet = False) -> None:
    """Write the run's report.html."""
    made = clinome.report(study, name=name, console=Console(quiet))
    _end(as_json, made.summary)


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder: runs/NAME.")],
    study: Annotated[Path, typer.Option(metavar="OTHER", help="The study file of the patients to predict.")],
    align: Align = None,
    patient: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Write a page of this patient's prediction too; several times."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the predictions to this .parquet or .csv file.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Predict new patients with the run's frozen model; what they lack or it does not know is served, and counted."""
    made = clinome.predict(run, study, align=_alignment(align), patients=patient or (), out=out, console=Console(quiet))
    _end(as_json, made.summary)


@app.command()
def finetune(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder: runs/NAME.")],
    study: Annotated[Path, typer.Option(metavar="OTHER", help="The study file with the labelled patients.")],
    patients: Annotated[int | None, typer.Option(min=1, help="Fine-tune what is kept on so many, by lot.")] = None,
    draws: Annotated[int, typer.Option(min=1, help="How often each number of patients is drawn.")] = 20,
    align: Align = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw the run's linear model to few labelled patients of another study; shown before and after."""
    console = Console(quiet)
    made = clinome.finetune(run, study, patients=patients, draws=draws, align=_alignment(align), console=console)
    _end(as_json, made.summary)


@app.command()
def learners(study: StudyFile, as_json: Json = False, quiet: Quiet = False) -> None:
    """What can run on this study, and why the rest cannot."""
    table = clinome.learners(study, console=Console(quiet))
    _end(as_json, lambda: {"learners": table.to_dict("records")})


@app.command()
def quality(study: StudyFile, name: Name = None, as_json: Json = False, quiet: Quiet = False) -> None:
    """Data quality: what is missing, impossible, duplicated, confounded, lost."""
    _end(as_json, clinome.quality(study, name=name, console=Console(quiet)).summary)


@app.command()
def audit(study: StudyFile, name: Name = None, as_json: Json = False, quiet: Quiet = False) -> None:
    """Leakage: in the labels, the times, the splits, the features, and where."""
    _end(as_json, clinome.audit(study, name=name, console=Console(quiet)).summary)


@app.command()
def share(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder: runs/NAME.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where it goes (shared/NAME beside the study file).")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """A folder that can leave the house: no patient rows, small counts suppressed, checked."""
    _end(as_json, clinome.share(run, out=out, console=Console(quiet)).summary)


@app.command()
def export(
    study: StudyFile,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="The folder to write (new, or an earlier export); of h5mu the file.")
    ],
    format: Annotated[str, typer.Option("--format", metavar="meds|h5mu", help="The standard.")] = "meds",
    name: Name = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Health records as a MEDS 0.4 data set, or a cohort's layers as MuData; with the run's split and labels."""
    _end(as_json, clinome.export(study, name=name, out=out, format=format, console=Console(quiet)).summary)


@app.command()
def schema(study: StudyFile, as_json: Json = False, quiet: Quiet = False) -> None:
    """Labels, relationship types, properties, counts, constraints and indexes of the graph."""
    _end(as_json, clinome.schema(study, console=Console(quiet)).summary)


@app.command()
def remove(
    study: StudyFile,
    what: Annotated[str, typer.Argument(metavar="run|source|patient")],
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Of patients, -: one id a line on stdin.")],
    quiet: Quiet = False,
) -> None:
    """Take a source, a run or a patient out of the graph, the tables and the runs."""
    clinome.remove(study, what, names, console=Console(quiet))


@app.command()
def compare(
    study: StudyFile,
    a: Annotated[str, typer.Argument(metavar="A", help="A query of the library, a .cypher file, or Cypher.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other one.")],
    param: Annotated[
        list[str] | None, typer.Option("-p", metavar="name=value", help="A parameter of both; a.name, b.name: of one.")
    ] = None,
    names: Annotated[tuple[str, str] | None, typer.Option("--names", metavar="A B", help="What to call them.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write (compare/A-vs-B beside the study).")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare two cohorts: overlap, Table 1, survival, features that differ; behind the time fence."""
    from clinome.verbs.compare import parse_given

    given = parse_given(param or [])
    made = clinome.compare(study, a, b, params=given, names=names, out=out, console=Console(quiet))
    _end(as_json, made.summary)


@app.command()
def benchmark(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Every study.toml below it is run.")],
    learner: Own = None,
    only: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="These learners instead of the studies'.")
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Settings a learner, instead of the studies'.")] = None,
    reference: Annotated[str | None, typer.Option(help="What the others are set against (ridge_late).")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run many studies; one table: ranks, wins, losses."""
    from clinome.user_learners import read_learners

    found = clinome.benchmark(
        folder,
        learners=read_learners(learner or []),
        only=[name.strip() for name in only.split(",")] if only else (),
        trials=trials,
        reference=reference,
        console=Console(quiet),
    )
    _end(as_json, found.summary)
    raise typer.Exit(found.exit_code)


@app.command()
def mcp(
    study: StudyFile,
    patients: Annotated[
        bool, typer.Option("--patients", help="Rows of patients may leave, and counts are exact.")
    ] = False,
) -> None:
    """Serve the study to agents by the Model Context Protocol, read-only, on standard input and output."""
    from clinome.verbs.exploration.agents.server import serve
    from clinome.verbs.exploration.agents.tools import StudyTools

    serve(StudyTools(clinome.Study.read(study), patients))


app.add_typer(serving.app)


def _refused(error: OSError | MemoryError) -> str:
    """What the machine refused: a full disk, a folder that cannot be written. A file is named, no line of it."""
    if isinstance(error, MemoryError):
        what, fix = "the memory is not enough", "load fewer features or patients, or use a machine with more"
    else:
        where = f"{error.filename}: " if isinstance(error.filename, str) else ""
        what, fix = f"{where}the system says {error.strerror or type(error).__name__!r}", "mend that"
    return f"{what}. Fix: {fix}, then give the same command: it goes on from here."


def main() -> None:
    """The console script: every failure is one plain message and the exit code that docs/study.md names."""
    try:
        app()
    except ClinomeError as error:
        typer.echo(visible(f"clinome: {error}"), err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("clinome: stopped; the same command goes on from here.", err=True)
        sys.exit(130)
    except (OSError, MemoryError) as error:
        if os.environ.get("CLINOME_DEBUG"):
            raise
        typer.echo(visible(f"clinome: {_refused(error)}"), err=True)
        sys.exit(EngineError.exit_code)
    except Exception as error:
        if os.environ.get("CLINOME_DEBUG"):
            raise
        # Only the type: a library's message may quote a patient's value.
        typer.echo(
            f"clinome: an engine failed ({type(error).__name__}). This is a mistake of ours: run it again with "
            "CLINOME_DEBUG=1 and send us the trace.",
            err=True,
        )
        sys.exit(3)
