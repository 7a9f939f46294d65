"""The study file: what it means, and that each kind of mistake says what, where, got, expected, and the nearest word."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path

import pytest

from clinome.loaders.errors import InputError, NotBuilt
from clinome.loaders.registry import RELATIVE
from clinome.study import Study

HEAD = 'name = "s"\nstore = "s.graph"\n'
PATIENTS = '[patients]\npath = "p.csv"\n'
RNA = '[omics.rna]\npath = "rna.csv"\n'
EHR = '[records.ehr]\npath = "ehr.csv"\n'


def read(folder: Path, text: str) -> Study:
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return Study.read(folder / "study.toml")


def mistake(folder: Path, text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read(folder, text)
    return caught.value


def test_defaults(tmp_path: Path) -> None:
    study = read(tmp_path, HEAD + PATIENTS + RNA + EHR)
    assert study.tables == tmp_path / "s.tables"
    assert study.patients is not None
    assert (study.patients.id, study.patients.keep, study.patients.pseudonymise) == ("patient_id", None, False)
    (rna,) = study.omics
    assert (rna.kind, rna.features, rna.scale, rna.graph, rna.profiled) == ("expression", "symbol", "none", 2.0, "file")
    assert (study.evaluate.folds, study.evaluate.repeats) == (5, 1)
    assert (study.learn.learners, study.learn.trials, study.learn.minutes) == (("default",), 8, 0)
    assert study.task is None
    assert study.cohort is None


def test_paths_are_relative_to_the_file_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    text = HEAD + 'tables = "../t"\n[identifiers]\ngenes = "g.tsv"\n' + PATIENTS
    text += RNA + 'profiled = "who.txt"\n[records.many]\npath = ["a.csv", "sub/b.csv"]\n[evaluate]\nfolds = "f.csv"\n'
    (home / "study.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(elsewhere)
    for path in (Path("../home/study.toml"), Path("../home")):
        study = Study.read(path)
        assert study.folder == home
        assert Path(study.store) == home / "s.graph"
        assert study.tables.resolve() == tmp_path / "t"
        assert study.identifiers.genes == home / "g.tsv"
        assert study.patients is not None
        assert study.patients.path == (home / "p.csv",)
        assert study.omics[0].profiled == str(home / "who.txt")
        assert study.records[0].path == (home / "a.csv", home / "sub" / "b.csv")
        assert study.evaluate.folds == home / "f.csv"


def test_words_of_profiled_are_no_paths(tmp_path: Path) -> None:
    assert read(tmp_path, HEAD + RNA + 'profiled = "patients"\n').omics[0].profiled == "patients"


def test_a_section_is_a_layer_unless_it_adds_to_another(tmp_path: Path) -> None:
    more = '[omics.more]\npath = "more.csv"\nlayer = "rna"\n'
    study = read(tmp_path, HEAD + RNA + more)
    assert [(o.name, o.layer, o.source) for o in study.omics] == [
        ("rna", "rna", "omics.rna"),
        ("more", "rna", "omics.more"),
    ]


def test_sources_come_in_the_order_of_loading(tmp_path: Path) -> None:
    text = HEAD + '[knowledge.k]\npath = "k.gmt"\n' + EHR + RNA + '[samples]\npath = "s.tsv"\n' + PATIENTS
    found = [s.source for s in read(tmp_path, text).sources()]
    assert found == ["patients", "samples", "omics.rna", "records.ehr", "knowledge.k"]


def test_columns_are_names_or_numbers_and_dates_are_dates(tmp_path: Path) -> None:
    text = HEAD + '[knowledge.k]\npath = "k.tsv"\nsubject = 0\nobject = "b"\n'
    text += '[cohort]\nquery = "x"\nparams = {landmark = 2000-06-29T00:00:00}\n'
    study = read(tmp_path, text)
    assert (study.knowledge[0].subject, study.knowledge[0].object) == (0, "b")
    assert study.need_cohort().params == {"landmark": datetime(2000, 6, 29)}


def test_a_server_is_a_store(tmp_path: Path) -> None:
    assert read(tmp_path, 'name = "s"\nstore = "neo4j://host"\n' + PATIENTS).store == "neo4j://host"


MISTAKES = [
    # the file, where it says so, what it got, what it names instead
    (HEAD + PATIENTS + "[chort]\n", "study.toml", "chort", "cohort"),
    (HEAD + "stor = 1\n" + PATIENTS, "study.toml", "stor", "store"),
    (HEAD + PATIENTS + 'idd = "x"\n', "study.toml [patients]", "idd", "id"),
    (HEAD + PATIENTS + '[cohort]\nquerry = "x"\n', "study.toml [cohort]", "querry", "query"),
    (HEAD + RNA + 'orientaton = "x"\n', "study.toml [omics.rna]", "orientaton", "orientation"),
    (HEAD + RNA + 'kind = "expresion"\n', "study.toml [omics.rna] kind", "expresion", "expression"),
    (HEAD + RNA + 'features = "symbols"\n', "study.toml [omics.rna] features", "symbols", "symbol"),
    (HEAD + RNA + 'scale = "z-score"\n', "study.toml [omics.rna] scale", "z-score", "zscore"),
    (HEAD + RNA + 'graph = "nome"\n', "study.toml [omics.rna] graph", "nome", "none"),
    (
        HEAD + RNA + 'orientation = "samples_in_row"\n',
        "study.toml [omics.rna] orientation",
        "samples_in_row",
        "samples_in_rows",
    ),
    (HEAD + EHR + 'unit = "day"\n', "study.toml [records.ehr] unit", "day", "days"),
    (
        HEAD + '[knowledge.k]\npath = "k"\nfeatures = "entres"\n',
        "study.toml [knowledge.k] features",
        "entres",
        "entrez",
    ),
    (HEAD + PATIENTS + '[task]\nkind = "survial"\n', "study.toml [task] kind", "survial", "survival"),
    (
        HEAD + PATIENTS + '[learn]\nlearners = ["rigde_late"]\n',
        "study.toml [learn] learners",
        "rigde_late",
        "ridge_late",
    ),
]


@pytest.mark.parametrize(("text", "where", "got", "nearest"), MISTAKES, ids=[m[2] for m in MISTAKES])
def test_a_typo_names_the_nearest_word(tmp_path: Path, text: str, where: str, got: str, nearest: str) -> None:
    error = mistake(tmp_path, text)
    assert error.where == where
    assert error.got == got
    assert str(error.expected).split(" (")[0] == nearest


WRONG = [
    (HEAD + "[patients]\npath = 3\n", "study.toml [patients] path", "3", "a path, or a list of them"),
    (HEAD + "[patients]\npath = []\n", "study.toml [patients] path", "[]", "a path, or a list of them"),
    (HEAD + '[patients]\npath = ""\n', "study.toml [patients] path", "''", "a path, or a list of them"),
    (HEAD + PATIENTS + "pseudonymise = 1\n", "study.toml [patients] pseudonymise", "1", "true or false"),
    (HEAD + EHR + "codes = {d = 3}\n", "study.toml [records.ehr] codes", "{'d': 3}", "a table {key = value}"),
    (HEAD + PATIENTS + "[learn]\ntrials = 1.5\n", "study.toml [learn] trials", "1.5", "a whole number"),
    (HEAD + PATIENTS + '[learn]\nminutes = "2"\n', "study.toml [learn] minutes", "'2'", "a number"),
    (HEAD + PATIENTS + "[evaluate]\nfolds = true\n", "study.toml [evaluate] folds", "True", "a whole number or a path"),
    (HEAD + PATIENTS + '[evaluate]\nafter = "2015"\n', "study.toml [evaluate] after", "'2015'", "a date"),
    (HEAD + PATIENTS + "[evaluate]\nfolds = 1\n", "study.toml [evaluate] folds", "1", "2 or more"),
    (HEAD + PATIENTS + "[evaluate]\nrepeats = 0\n", "study.toml [evaluate] repeats", "0", "1 or more"),
    (HEAD + PATIENTS + "[learn]\ntrials = 0\n", "study.toml [learn] trials", "0", "1 or more"),
    (HEAD + PATIENTS + "[learn]\nminutes = -1\n", "study.toml [learn] minutes", "-1.0", "0 or more"),
    (HEAD + PATIENTS + '[learn]\nworkers = "all"\n', "study.toml [learn] workers", "'all'", "a number"),
    (HEAD + PATIENTS + "[learn]\ndevices = 0\n", "study.toml [learn] devices", "0", "1 or more"),
    (HEAD + PATIENTS + '[learn]\ndevices = "all"\n', "study.toml [learn] devices", "'all'", "a whole number"),
    (HEAD + PATIENTS + "[learn]\nnodes = 0\n", "study.toml [learn] nodes", "0", "1 or more"),
    (HEAD + PATIENTS + '[learn]\nstrategy = "dpp"\n', "study.toml [learn] strategy", "'dpp'", "ddp"),
    (HEAD + PATIENTS + "[learn]\nnodes = 2\nworkers = 4\n", "study.toml [learn] workers", "4", "1"),
    (HEAD + PATIENTS + '[learn]\ndevices = 2\nworkers = "ray"\n', "study.toml [learn] workers", "'ray'", "a number"),
    ("name = 3\n", "study.toml name", "3", "text"),
    (HEAD + "tables = 3\n" + PATIENTS, "study.toml tables", "3", "text"),
    ('name = "a/b"\nstore = "s"\n', "study.toml name", "'a/b'", "letters, digits, - and _"),
    (HEAD + '[omics."../x"]\npath = "x"\n', "study.toml [omics.NAME]", "'../x'", "letters, digits, - and _"),
    (HEAD + "patients = 3\n", "study.toml [patients]", "3", "key = value lines below it"),
    ('name = "s"\nstore = "http://u:p@host"\n' + PATIENTS, "store", "'http://'", "a folder, or neo4j://"),
]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('strategy = "fsdp"', "each process holds a whole network"),
        ('strategy = "ray"', r"start them by Ray Train \(examples/ray_train.py\) or torchrun"),
    ],
)
def test_a_strategy_that_is_not_built_says_what_is(tmp_path: Path, lines: str, said: str) -> None:
    with pytest.raises(NotBuilt, match=said):
        read(tmp_path, HEAD + PATIENTS + f"[learn]\n{lines}\n")


@pytest.mark.parametrize(("text", "where", "got", "expected"), WRONG)
def test_a_wrong_value_says_what_would_be_right(tmp_path: Path, text: str, where: str, got: str, expected: str) -> None:
    error = mistake(tmp_path, text)
    assert error.where == where
    assert repr(error.got) == got
    assert str(error.expected).startswith(expected)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('store = "s"\n' + PATIENTS, "study.toml name"),
        ('name = "s"\n' + PATIENTS, "study.toml store"),
        (HEAD + "[patients]\n", "study.toml [patients] path"),
        (HEAD + PATIENTS + "[cohort]\n", "study.toml [cohort] query"),
        (HEAD + PATIENTS + "[task]\n", "study.toml [task] kind"),
    ],
)
def test_what_is_needed_is_asked_for_with_a_line_to_add(tmp_path: Path, text: str, where: str) -> None:
    error = mistake(tmp_path, text)
    assert error.where == where
    assert error.fix.startswith(f"add {where.rsplit(maxsplit=1)[-1]} = ")


def test_sections_of_sources_have_names(tmp_path: Path) -> None:
    assert mistake(tmp_path, HEAD + '[omics]\npath = "x"\n').expected == "[omics.NAME]"


def test_a_study_without_sources_says_which_there_are(tmp_path: Path) -> None:
    assert "[patients]" in mistake(tmp_path, HEAD).fix


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such study file"):
        Study.read(tmp_path / "studdy.toml")
    with pytest.raises(InputError, match="there is no such study file"):
        Study.read(tmp_path)


@pytest.mark.parametrize("content", [b"name = \n", b"name = 'a", b"\xff\xfe\x00", b'name = "a"\nname = "b"\n'])
def test_no_toml(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "study.toml").write_bytes(content)
    with pytest.raises(InputError, match="not a TOML file"):
        Study.read(tmp_path)


def test_a_verb_asks_for_the_sections_that_it_needs(tmp_path: Path) -> None:
    study = read(tmp_path, HEAD + PATIENTS)
    with pytest.raises(InputError, match=r"no \[cohort\].*query ="):
        study.need_cohort()
    with pytest.raises(InputError, match=r"no \[task\].*kind ="):
        study.need_task()


@pytest.mark.parametrize(
    ("lines", "says"),
    (
        ('[task]\nkind = "clustering"\ncovariates = ["age"]\n', "divided by omics"),
        ('[task]\nkind = "clustering"\ntarget = "death"\n', "without an outcome"),
        ('[task]\nkind = "clustering"\n[report]\nmetric = "ari"\n', "never by a known group"),
        ('[task]\nkind = "clustering"\n[report]\nsubgroups = ["sex"]\n', "no prediction to score"),
        ('[task]\nkind = "clustering"\n[evaluate]\nlearning_curve = true\n', "a learning curve"),
        ('[task]\nkind = "clustering"\n[learn]\nselect = "lasso"\n', "selected by an outcome"),
        ('[task]\nkind = "clustering"\n[learn]\nfusion = "early"\n', "its own way"),
        ('[task]\nkind = "clustering"\n[learn]\nminutes = 3\n', "not built for clustering"),
    ),
)
def test_what_a_clustering_study_cannot_be_asked_says_so(tmp_path: Path, lines: str, says: str) -> None:
    with pytest.raises((InputError, NotBuilt), match=says) as error:
        read(tmp_path, HEAD + PATIENTS + lines)
    assert getattr(error.value, "fix", "leave")


@pytest.mark.parametrize(
    ("evaluate", "says"),
    (
        ('site = "ward"\nafter = 2015-01-01', "two ways to split"),
        ('folds = "folds.csv"\nsite = "ward"', "two ways to split"),
        ('folds = "folds.csv"\nstratify = "sex"', "two ways to split"),
        ("after = 2015-01-01\nrepeats = 3", "cannot be repeated"),
        ("repeats = 0", "1 or more"),
    ),
)
def test_one_way_to_split_at_a_time(evaluate: str, says: str, tmp_path: Path) -> None:
    text = f'name = "s"\nstore = "s.graph"\n[patients]\npath = "p.csv"\n[evaluate]\n{evaluate}\n'
    with pytest.raises(InputError, match=says):
        Study.parse(tomllib.loads(text), tmp_path)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('[records.r]\npath = "r"\nformat = "mimic"\n', "mimic3"),
        ('[task]\nkind = "binary"\ntarget = {codes = ["ICD10CM:I21"]}\n', "horizon_days"),
        (
            '[task]\nkind = "binary"\ntarget = {codes = ["ICD10CM:I21"], horizn_days = 7}\n',
            "horizon_days in \\[task\\], beside target",
        ),
        ('[task]\nkind = "regression"\ntarget = "death"\n', "let the cohort query return the label"),
    ],
)
def test_what_would_fail_later_is_told_at_once(lines: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, HEAD + PATIENTS + lines)


@pytest.mark.parametrize(
    ("task", "metric", "said"),
    (
        ("binary", "auprcc", "auprc (one of auroc, auprc, accuracy, balanced_accuracy, macro_f1, mcc)"),
        ("binary", "brier", "its lower values are better"),
        ("binary", "c_index", "one of auroc"),
        ("survival", "td_auc", "it is shown beside the others"),
        ("regression", "mae", "its lower values are better"),
    ),
)
def test_a_metric_that_learners_cannot_be_chosen_by(tmp_path: Path, task: str, metric: str, said: str) -> None:
    label = "event" if task == "survival" else "label"
    text = HEAD + PATIENTS + f'[task]\nkind = "{task}"\nlabel = "{label}"\n[report]\nmetric = "{metric}"\n'
    with pytest.raises(InputError, match="metric") as error:
        read(tmp_path, text)
    assert said in str(error.value)


def test_a_metric_needs_a_task(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="judges predictions of a task"):
        read(tmp_path, HEAD + PATIENTS + '[report]\nmetric = "auprc"\n')


@pytest.mark.parametrize("form", RELATIVE)
def test_what_counts_from_the_patients_own_origin_is_relative(form: str, tmp_path: Path) -> None:
    assert read(tmp_path, HEAD + PATIENTS + f'[records.r]\npath = "r"\nformat = "{form}"\n').clock == "relative"
