"""Source specifications: one frozen dataclass for each kind of section of a study file (docs/study.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

Column = str | int
"""A column's name, or its number from 0 where the file has no header."""

MISSING = ("", "NA", "NaN", "null")
MATCHES = ("exact", "close", "broad", "narrow", "related", "dbxref")
"""How two terms of a mapping may belong together."""
KINDS = ("expression", "copy_number", "mutation", "methylation", "mirna", "protein", "metabolite", "response")
NAMESPACES = (
    "symbol", "ensembl", "entrez", "hgnc", "uniprot", "mirbase", "cpg", "chebi", "hmdb", "opaque",
)  # fmt: skip
NAMED_BY_KIND = {"mirna": "mirbase", "metabolite": "opaque", "response": "opaque"}
"""What features are called where a section does not say it; of other kinds symbols."""


@dataclass(frozen=True)
class Identifiers:
    """`[identifiers]`: the table that maps gene names to NCBIGene."""

    genes: Path | None = None


@dataclass(frozen=True)
class Source:
    """What every source section has."""

    path: tuple[Path, ...]
    format: str | None = None
    missing: tuple[str, ...] = MISSING
    sheet: str | None = None  # of an Excel workbook
    accept: tuple[str, ...] = ()  # cells | samples | columns | names: what may be lost knowingly
    date_order: str | None = None  # month_first | day_first: of dates that do not begin with the year


@dataclass(frozen=True)
class Patients(Source):
    """`[patients]`: one row a patient."""

    id: Column = "patient_id"
    keep: tuple[str, ...] | None = None
    observed_from: Column | None = None
    observed_until: Column | None = None
    categorical: tuple[str, ...] = ()  # integers that are names, not numbers
    namespace: str = ""
    pseudonymise: bool = False

    @property
    def source(self) -> str:
        return "patients"


@dataclass(frozen=True)
class Samples(Source):
    """`[samples]`: sample -> subject, with batch, site, time."""

    id: Column = "sample_id"
    subject: Column = "patient_id"
    batch: Column | None = None
    site: Column | None = None
    time: Column | None = None
    known_time: Column | None = None

    @property
    def source(self) -> str:
        return "samples"


UNSIGNED = ("ora", "ssgsea")
"""Methods of activity that know the members of a set, and no weights."""


@dataclass(frozen=True)
class Activity:
    """What a layer's genes become inside the fold: the activity of gene sets (`models.preprocessing.activity`).

    method: ulm, wmean, ora or ssgsea. pathways: names of `[knowledge.NAME]`. least_genes: sets of which fewer are
    measured are left out. keep_genes: whether the genes themselves stay inputs beside their activities.
    """

    method: str
    pathways: tuple[str, ...]
    least_genes: int = 5
    keep_genes: bool = True


@dataclass(frozen=True)
class Omics(Source):
    """`[omics.NAME]`: a matrix, a MAF, or patient–gene pairs."""

    name: str = ""
    layer: str = ""
    kind: str = "expression"
    id: Column | None = None
    features: str = ""  # default: symbol; of miRNA mirbase, of metabolites opaque
    orientation: str | None = None  # "samples_in_rows" | "samples_in_columns"; None: found from the ids
    drop: tuple[str, ...] = ()
    suffix: str | None = None
    scale: str = "none"  # none | log1p | zscore | rank
    correct: str = "none"  # none | combat | linear: by the batch of [samples]
    impute: str = "median"  # median | mean | knn | low
    activity: str = "none"  # none | ulm | wmean | ora | ssgsea: of the sets in `pathways`
    pathways: tuple[str, ...] = ()  # names of [knowledge.NAME]
    least_genes: int = 5  # of a set, that must be measured
    keep_genes: bool = True  # beside the activities
    graph: float | str = 2.0  # |z| threshold | "all" | "none"
    subject: Column | None = None
    gene: Column | None = None
    value: Column | None = None  # of format long: the column of numbers
    positions: Path | None = None  # of format seg: where genes lie
    build: str = ""  # of format seg: the genome build of the segments
    below: float | None = None  # what share of a written limit (`<0.01`) a cell is; None: such a cell is no number
    profiled: str = "file"  # "file" | "patients" | path of a list file, or of a case list of cBioPortal
    panels: Path | None = None  # gene panel matrix: which sample was sequenced by which panel
    panel: str = ""  # its column; without a matrix the panel of all samples
    panel_genes: tuple[Path, ...] = ()  # files that say which genes a panel has

    def __post_init__(self) -> None:
        if not self.features:
            object.__setattr__(self, "features", NAMED_BY_KIND.get(self.kind, "symbol"))

    @property
    def source(self) -> str:
        return f"omics.{self.name}"


@dataclass(frozen=True)
class Records(Source):
    """`[records.NAME]`: events and visits of health records."""

    name: str = ""
    subject: Column | None = None
    visit: Column | None = None
    time: Column | None = None
    unit: str | None = None  # days | hours | minutes: the time column is relative
    since: str | None = None  # words only: "diagnosis"
    order: Column | None = None
    known_time: Column | None = None
    end: Column | None = None
    codes: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict)
    value: Column | None = None  # of a long table: the column whose cell is the result of its row's code
    value_unit: Column | None = None  # … and the one that holds its unit
    keep: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()  # integers of `keep` that are names, not numbers
    labels: tuple[str, ...] = ()  # of hourly tables: what says an outcome; a cohort can ask for it, no input holds it
    graph: str = "all"  # "none": events are inputs and outcomes, and no relationships of the graph

    @property
    def source(self) -> str:
        return f"records.{self.name}"


@dataclass(frozen=True)
class Notes(Source):
    """`[notes.NAME]`: texts that were written of patients. Columns that are not named are those of the format."""

    name: str = ""
    subject: Column | None = None
    visit: Column | None = None
    time: Column | None = None
    known_time: Column | None = None
    kind: Column | None = None  # what kind of note it is: a discharge summary
    text: Column | None = None
    unit: str | None = None  # days | hours | minutes: the time column is relative
    model: Path | None = None  # folder of a local sentence-transformers model: vectors instead of terms

    @property
    def source(self) -> str:
        return f"notes.{self.name}"


@dataclass(frozen=True)
class Images(Source):
    """`[images.NAME]`: vectors of patients, one numeric column a feature: what a network made of images, or of notes."""

    name: str = ""
    subject: Column | None = None
    visit: Column | None = None
    time: Column | None = None
    known_time: Column | None = None
    unit: str | None = None
    drop: tuple[str, ...] = ()  # columns that are no features
    ids: Path | None = None  # of an array (.npy, .npz): a table of whose its rows are, and when

    @property
    def source(self) -> str:
        return f"images.{self.name}"


@dataclass(frozen=True)
class Knowledge(Source):
    """`[knowledge.NAME]`: gene sets and edges."""

    name: str = ""
    features: str = "symbol"
    predicate: str | None = None
    subject: Column | None = None
    object: Column | None = None
    score: Column | None = None
    year: Column | None = None  # when the edge came to be known: links can be held out by it
    header: bool | None = None  # None: found from the columns named
    codes: dict[str, str] = field(default_factory=dict)  # of a hierarchy: the vocabulary of a column's bare codes
    matches: tuple[str, ...] = ("exact",)  # of sssom: which of MATCHES become MAPS_TO
    xref: tuple[str, ...] = ()  # of obo: vocabularies whose cross-references become MAPS_TO
    prefixes: dict[str, str] = field(default_factory=dict)  # of obo, sssom: what a prefix of the file means here
    release: str = ""
    licence: str = ""

    @property
    def source(self) -> str:
        return f"knowledge.{self.name}"


@dataclass(frozen=True)
class Bundle:
    """`[bundle.NAME]`: a whole study folder, which stands for sections of its own.

    layers: profiles that are read, by their stable ids; None: all that have a place. panels: a folder of gene panel files.
    positions: a table of where genes lie, for segments.
    """

    path: Path
    name: str = ""
    format: str = "cbioportal"
    layers: tuple[str, ...] | None = None
    panels: Path | None = None
    positions: Path | None = None


AnySource = Patients | Samples | Omics | Records | Notes | Images | Knowledge
