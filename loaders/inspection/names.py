"""Names of files and columns: which words mean a layer, an id, a time, a batch; what features are called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

import polars as pl

from ..identifiers.genes import GeneTable
from ..identifiers.name_column import mapped_share

Space = Callable[[Iterable[str]], str | None]
"""What features of these names are called: symbol, ensembl, …; None where they look like none."""

LAYERS = {
    "mirna": ("mirna", "mir", "mirs", "mirnaseq"),
    "methylation": ("methylation", "methyl", "meth", "dnam", "hm450", "hm27", "epic", "450k", "850k", "beta"),
    "copy_number": ("cnv", "cna", "gistic", "gistic2", "copynumber", "copy", "linearcna"),
    "mutation": ("mut", "muts", "mutation", "mutations", "mutated", "snv", "maf", "somatic"),
    "protein": ("protein", "proteins", "proteomics", "proteome", "rppa", "cptac", "prot", "olink"),
    "metabolite": ("metabolite", "metabolites", "metabolomics", "metabolome", "metabolon"),
    "response": ("ic50", "lnic50", "pic50", "gi50", "ec50"),
    "expression": ("rna", "rnaseq", "mrna", "expression", "expr", "exp", "tpm", "fpkm", "rpkm", "counts", "rsem",
                   "transcriptome", "transcriptomics", "microarray"),
}  # fmt: skip
"""Kind of a layer -> words of file names, and suffixes of columns, that mean it."""
SHORT = {"expression": "rna", "copy_number": "cnv", "mutation": "mutations", "metabolite": "metabolites"}
"""What a layer of a kind is called where its file says nothing better."""

SUBJECT = re.compile(
    r"^(#?(patient|subject|case|person|participant|donor|individual|member|beneficiary|cell_?line|depmap|bcr_patient)"
    r"([_ .-]?(id|nbr|no|num|number|key|code|barcode|uuid|submitter_id))?|mrn|pid|ptid|rid|eid|guid|submitter_id|desynpuf_id)$"
)
SAMPLE = re.compile(
    r"^((tumou?r_)?(sample|specimen|aliquot|biospecimen|biopsy|array|library|slide|geo_accession|run|gsm)"
    r"([_ .-]?(id|no|num|number|code|barcode|uuid|accession|name))?|sampleid|geo_accession)$"
)
VISIT = re.compile(
    r"^(visit|encounter|enc|admission|hadm|stay|icustay|episode|hospitali[sz]ation|case)([_ .-]?(id|nbr|no|num|number|key|uuid))?$"
)
ID = re.compile(r"(^|[_ .-])(id|ids|nbr|barcode|uuid|mrn|accession|key|identifier)$|^id[_ .-]|^[a-z]+id$")
BATCH = ("batch", "plate", "plate_id", "run", "lane", "chip", "flowcell", "flow_cell", "array_batch", "batch_id", "sequencing_batch",
         "sentrix_id", "library_prep")  # fmt: skip
SITE = (
    "site",
    "center",
    "centre",
    "hospital",
    "institution",
    "tss",
    "hospital_id",
    "tissue_source_site",
    "study_site",
    "cohort_site",
)
COLLECTED = (
    "collected",
    "collection_date",
    "sample_date",
    "date_collected",
    "drawn",
    "biopsy_date",
    "collected_at",
    "date",
    "time",
)
CLINICAL = ("clinical", "clin", "patient", "patients", "pheno", "phenotype", "phenotypes", "pdata", "annot", "annotation",
            "annotations", "demographics", "demographic", "metadata", "meta", "cohort", "survival", "surv", "outcome",
            "outcomes", "target", "labels", "coldata", "subjects", "persons", "person", "covariates")  # fmt: skip
"""Words in the name of a file of one row a patient."""

NAMESPACES = {
    "ensembl": r"ENS[A-Z]*[GT]\d{6,}(\.\d+)?(_PAR_Y)?(\|.*)?",
    "cpg": r"(cg|ch\.\d+\.)\d{5,}\w?",
    "mirbase": r"(?i:([a-z]{3}[-_.])?(mir|let)[-_.]?\d+[a-z]?([-_.]?\w+)*)|MIMAT\d+|MI\d{7}",
    "hgnc": r"HGNC:\d+",
    "chebi": r"CHEBI:\d+",
    "hmdb": r"HMDB\d+",
    "uniprot": r"(sp\|)?([OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9]([A-Z][A-Z0-9]{2}[0-9]){1,2})(-\d+)?(\|\w+)?",
    "entrez": r"[1-9]\d{0,8}",
    "symbol": r"(\?|[A-Z][A-Z0-9]*([-.@/][A-Z0-9]+)*|C[0-9XY]+orf\d+([AB])?)([|_]\d{1,9}| \(\d+\)|\|\S+)?",
}
"""What features are called -> the form of such a name; the first that fits most of them."""
_ENOUGH, _HALF = 0.8, 0.5
_LOOKED_AT = 400


def words(name: str) -> list[str]:
    """The words of a file's or column's name, in small letters.

    Example:
        >>> words("data_mRNA_seq-v2.RSEM.txt")
        ['data', 'mrna', 'seq', 'v2', 'rsem', 'txt']
    """
    apart = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", name)
    return [word for word in re.split(r"[^a-z0-9]+", apart.lower()) if word]


def plain_name(name: str) -> str:
    """A column's name in small letters, its words parted by underscores.

    Example:
        >>> plain_name("Overall Survival (Months)")
        'overall_survival_months'
    """
    return "_".join(re.split(r"[^a-z0-9]+", name.lower())).strip("_")


def layer_kind(name: str) -> str | None:
    """The kind of layer that a name speaks of; None where it speaks of none.

    Example:
        >>> layer_kind("data_linear_CNA.txt"), layer_kind("clinical.tsv")
        ('copy_number', None)
    """
    said = words(name)
    return next((kind for kind, known in LAYERS.items() if any(word in known for word in said)), None)


def namespace(names: Iterable[str]) -> str | None:
    """What features are called, by the form of most of these names; None where they look like none, or like ids.

    Ids share one form, symbols of genes have many: `TCGA-05-4244` and `P001` are no symbols.
    Example:
        >>> namespace(["TP53", "EGFR", "HLA-A"]), namespace(["P001", "P002", "P003"]), namespace(["cg00000029"])
        ('symbol', None, 'cpg')
    """
    given = [name for name in names if name][:_LOOKED_AT]
    if not given:
        return None
    for space, pattern in NAMESPACES.items():
        fitting = sum(re.fullmatch(pattern, name) is not None for name in given)
        if fitting >= _ENOUGH * len(given):
            return None if space in ("symbol", "uniprot") and one_form(given) else space
    return None


def named_by(genes: GeneTable) -> Space:
    """`namespace`, which also knows the names of this table of genes: half of them there are enough."""

    def space(names: Iterable[str]) -> str | None:
        given = [name for name in names if name][:_LOOKED_AT]
        text = pl.Series(given, dtype=pl.String)
        for one in ("symbol", "ensembl", "entrez", "hgnc", "uniprot") if given and genes.checksum else ():
            if one != "entrez" and mapped_share(text, genes, one) >= _HALF:
                return one
        return namespace(given)

    return space


def one_form(names: Iterable[str]) -> bool:
    """Whether most names begin with the same letters and hold a digit: ids do, genes do not.

    Example:
        >>> one_form(["P1", "P20", "P300"]), one_form(["TP53", "EGFR", "A2M"])
        (True, False)
    """
    given = [*names][:_LOOKED_AT]
    beginnings = Counter(re.match(r"[^\W\d_]*", name)[0] for name in given if re.search(r"\d", name))  # type: ignore[index]
    return len(given) > 2 and bool(beginnings) and max(beginnings.values()) >= _ENOUGH * len(given)
