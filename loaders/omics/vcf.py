"""VCF -> who carries which variant of which gene, by the consequences that SnpEff (ANN) or VEP (CSQ) wrote into the file.

Read block by block: what is held at a time is a block of lines and what was found so far, whatever the file's length.
Source: VCF 4.3 (https://samtools.github.io/hts-specs/VCFv4.3.pdf); ANN 1.0; Ensembl VEP's CSQ.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import polars as pl

from ..errors import InputError
from ..files.ledger import Ledger
from ..files.regular_file import check_regular
from ..subjects.barcodes import matched, taken_out
from ..subjects.id_forms import no_known_id
from ..tables import SAMPLES, Known
from .segments import build_of

FIXED = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
ANN = (
    "Allele",
    "Consequence",
    "IMPACT",
    "SYMBOL",
    "Gene",
    "Feature_type",
    "Feature",
    "BIOTYPE",
    "EXON",
    "HGVSc",
    "HGVSp",
)
"""The fields of ANN, under the names that CSQ gives them."""
BLOCK = 16 << 20
LONGEST_LINE = 256 << 20
_GZIP = b"\x1f\x8b"
_FOUND = {
    "sample_id": pl.String, "name": pl.String, "consequence": pl.String, "protein": pl.String, "variant": pl.String,
    "fraction": pl.Float64, "number": pl.Int64,
}  # fmt: skip
_UNKNOWN = {"sample_id": pl.String, "name": pl.String}


@dataclass(frozen=True)
class VcfCalls:
    """What VCF files say. obs: SAMPLES, one row each of the study's; carried: one row a sample, variant and gene;
    not_called: sample_id, name of genes with a variant that nobody could call in the sample."""

    obs: pl.DataFrame
    carried: pl.DataFrame
    not_called: pl.DataFrame


@dataclass(frozen=True)
class _Header:
    """What a file says before its records. samples: its columns; whose: column -> the study's sample; terms: ANN or CSQ."""

    samples: tuple[str, ...]
    called: dict[str, str]
    terms: str
    fields: tuple[str, ...]
    build: str
    whose: dict[str, str] = field(default_factory=dict)


def read_vcf(path: Path, known: Known, ledger: Ledger) -> VcfCalls:
    """Read one VCF file, plain or (b)gzipped.

    Records whose FILTER is neither PASS nor `.`, that no sample of the study carries, or that say no gene are counted and
    no mutations; records of too few columns are rejected. A genotype `./.` of a variant is not known.
    Raises: InputError where it is no VCF, has no genotypes, no consequences, or none of the study's samples.
    """
    offset = ledger.begin(path.name)
    blocks = _blocks(path)
    head, rest = _header(path, blocks)
    obs, head = _owned(path, head, known, ledger)
    return _records(head, obs, blocks, rest, offset, ledger)


def samples_of(path: Path) -> list[str]:
    """The tumours (or all samples) that a VCF file has genotypes of. Raises: InputError as `read_vcf`."""
    return [*_header(path, _blocks(path))[0].called.values()]


def _blocks(path: Path) -> Iterator[bytes]:
    """The file in pieces of whole lines. Raises: InputError where it is not there, or torn."""
    if not path.is_file():
        raise InputError("no such file", path, fix="correct the path; it is relative to the study file")
    try:
        with check_regular(path).open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            yield from _lines(gzip.GzipFile(fileobj=raw) if packed else raw)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError("cannot be unpacked", path, type(error).__name__, "a whole file", "fetch it again") from None


def _lines(file: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    left = b""
    while data := file.read(BLOCK):
        whole, newline, data = (left + data).rpartition(b"\n")
        left = data
        if len(left) > LONGEST_LINE:
            raise InputError(
                "a line without an end", file.name, f"{len(left):,} bytes", "lines of records", "check the file"
            )
        if newline:
            yield whole + b"\n"
    if left:
        yield left + b"\n"


def _header(path: Path, blocks: Iterator[bytes]) -> tuple[_Header, bytes]:
    """The header, and what of its last block are records."""
    lines: list[str] = []
    for block in blocks:
        at = 0
        while block.startswith(b"#", at):
            end = block.find(b"\n", at)
            lines.append(block[at:end].decode("utf-8", errors="replace").rstrip("\r"))
            at = end + 1
        if at < len(block) or (lines and lines[-1].startswith("#CHROM")):
            return _said(path, lines), block[at:]
    return _said(path, lines), b""


def _said(path: Path, lines: list[str]) -> _Header:
    lines = [line for line in lines if line]
    if not lines or not lines[0].lower().startswith("##fileformat=vcf") or not lines[-1].startswith("#CHROM\t"):
        raise InputError(
            "is no VCF", path, expected="##fileformat=VCF and a line that begins with #CHROM", fix="check the file"
        )
    columns = lines[-1].split("\t")
    if len(columns) < len(FIXED) + 1:
        raise InputError(
            "has no genotypes",
            path,
            f"{len(columns)} columns",
            "a column for each sample",
            "bring the file with its samples",
        )
    text = "\n".join(lines)
    csq = re.search(r'##INFO=<ID=CSQ,.*Format:\s*([^">]+)', text)
    if csq is None and "##INFO=<ID=ANN," not in text:
        fix = "annotate it first with SnpEff (ANN) or Ensembl VEP (CSQ); Clinome takes the file's own consequences"
        raise InputError("says of no variant which gene it changes", path, expected="INFO ANN or CSQ", fix=fix)
    normal = set(re.findall(r"^##normal_sample=(\S+)", text, re.MULTILINE)) | (
        {"NORMAL"} if "TUMOR" in columns else set()
    )
    tumour = re.findall(r"^##tumor_sample=(\S+)", text, re.MULTILINE)
    called = {
        name: tumour[0] if name == "TUMOR" and len(tumour) == 1 else name
        for name in columns[len(FIXED) :]
        if name not in normal
    }
    said = re.search(r"^##(?:reference|assembly)=(.*)$|assembly=\"?([^\",>]+)", text, re.MULTILINE)
    build = build_of(said[1] or said[2] or "") if said else None
    terms, fields = ("CSQ", tuple(f.strip() for f in csq[1].split("|"))) if csq else ("ANN", ANN)
    return _Header(tuple(columns[len(FIXED) :]), called, terms, fields, build or "")


def _owned(path: Path, head: _Header, known: Known, ledger: Ledger) -> tuple[pl.DataFrame, _Header]:
    """The study's samples among the file's."""
    names = pl.Series([*head.called], dtype=pl.String)
    ids = pl.Series([head.called[name] for name in names], dtype=pl.String)
    gone = taken_out(ids, known)
    who = matched(ids, known).with_columns(names.alias("column")).filter(~gone)
    stranger = who["sample_id"].is_null()
    if who.height and stranger.all():
        raise no_known_id(
            path.name, ids, frozenset(known.subjects or ()), "name the samples as [samples] or [patients] do"
        )
    ledger.count({"samples of nobody in the study": int(stranger.sum())})
    mine = (
        who.filter(~stranger)
        .sort("precedence", maintain_order=True)
        .unique("sample_id", keep="first", maintain_order=True)
    )
    ledger.count({"samples left out: another of the same id is there": who.height - int(stranger.sum()) - mine.height})
    whose = dict(mine.select("column", "sample_id").iter_rows())
    return mine.select(*SAMPLES), _Header(head.samples, head.called, head.terms, head.fields, head.build, whose)


def _records(
    head: _Header, obs: pl.DataFrame, blocks: Iterator[bytes], rest: bytes, offset: int, ledger: Ledger
) -> VcfCalls:
    carried, unknown = [pl.DataFrame(schema=_FOUND)], pl.DataFrame(schema=_UNKNOWN)
    counts: Counter[str] = Counter()
    read = 0
    for block in _all(rest, blocks):
        frame, rows, broken = _parsed(head, block, offset + read)
        ledger.read(rows)
        read += rows
        expected, fix = f"{len(FIXED) + len(head.samples)} columns", "check that the file is whole"
        ledger.reject(broken, "", "", expected, fix)
        passed = frame.filter(pl.col("FILTER").is_in(["PASS", ".", ""]))
        counts["records that did not pass their filter: no mutations"] += frame.height - passed.height
        typed = passed.filter(pl.col("FORMAT").str.contains(r"^GT(?::|$)"))
        counts["records without genotypes (GT): no mutations"] += passed.height - typed.height
        passed = typed
        genes = _genes(head, passed)
        counts["records that say no gene: no mutations"] += passed.height - genes["number"].n_unique()
        calls, missing = _genotypes(head, passed.join(genes, on="number", how="semi"))
        carried.append(_joined(head, calls, genes, passed))
        unsure = missing.join(genes.select("number", "name", "consequence"), on="number").select(*_UNKNOWN)
        unknown = pl.concat([unknown, unsure]).unique()
    ledger.count(dict(counts))
    return VcfCalls(obs, pl.concat(carried), unknown)


def _all(rest: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    if rest:
        yield rest
    yield from blocks


def _parsed(head: _Header, block: bytes, before: int) -> tuple[pl.DataFrame, int, pl.Series]:
    """The records of a block with their numbers; how many there were; the numbers of those of another width."""
    lines = pl.Series("line", block.decode("utf-8", errors="replace").splitlines(), dtype=pl.String)
    lines = lines.filter(lines.str.strip_chars() != "")
    width = len(FIXED) + len(head.samples)
    numbers = pl.int_range(before + 1, before + lines.len() + 1, eager=True).cast(pl.Int64)
    good = lines.str.count_matches("\t") == width - 1
    names = [*FIXED, *(f"\0{i}" for i in range(len(head.samples)))]
    wanted = [*FIXED, *(f"\0{i}" for i, name in enumerate(head.samples) if name in head.whose)]
    kept = lines.filter(good)
    if not kept.len():
        return (
            pl.DataFrame(schema=dict.fromkeys(wanted, pl.String)).with_columns(number=pl.lit(None, pl.Int64)),
            lines.len(),
            numbers.filter(~good),
        )
    fields = kept.str.split_exact("\t", width - 1).struct.rename_fields(names).struct.unnest().select(wanted)
    return fields.with_columns(numbers.filter(good).alias("number")), lines.len(), numbers.filter(~good)


def _genes(head: _Header, frame: pl.DataFrame) -> pl.DataFrame:
    """number, allele (text of ALT as the annotation writes it), name, consequence, protein: one row each."""
    at = {name: i for i, name in enumerate(head.fields)}

    def part(*names: str) -> pl.Expr:
        """The first of these fields that says something."""
        found = [pl.col("part").list.get(at[n], null_on_oob=True) for n in names if n in at]
        filled: list[pl.Expr] = [pl.when(one != "").then(one) for one in found]
        return pl.coalesce(filled) if filled else pl.lit(None, pl.String)

    said = frame.select("number", part=pl.col("INFO").str.extract(rf"(?:^|;){head.terms}=([^;]*)").str.split(","))
    each = said.drop_nulls().explode("part").with_columns(pl.col("part").str.split("|"))
    told = each.select(
        "number", allele=part("Allele"), name=part("SYMBOL", "Gene"), consequence=part("Consequence"),
        protein=part("HGVSp").str.replace(r"^[^:]*:", ""),
    ).drop_nulls("name")  # fmt: skip
    # of VEP, genes upstream and downstream are names of neighbours: their terms change nothing (`consequences`)
    return told.group_by("number", "allele", "name", maintain_order=True).agg(
        pl.col("consequence").drop_nulls().unique(maintain_order=True).str.join("&"),
        pl.col("protein").drop_nulls().first(),
    )


def _genotypes(head: _Header, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """number, sample_id, k (which ALT), fraction of each allele that is carried; number, sample_id of what nobody called."""
    columns = {f"\0{i}": head.whose[name] for i, name in enumerate(head.samples) if name in head.whose}
    long = frame.select("number", "FORMAT", *columns).unpivot(
        [*columns], index=["number", "FORMAT"], variable_name="column", value_name="cell"
    )
    long = long.with_columns(
        sample_id=pl.col("column").replace_strict(columns, return_dtype=pl.String),
        genotype=pl.col("cell").str.extract(r"^([^:]*)"),
    )
    missing = long.filter(pl.col("genotype").str.contains(r"^\.(?:[/|]\.)*$")).select("number", "sample_id")
    alleles = long.with_columns(k=pl.col("genotype").str.extract_all(r"[1-9]\d*")).filter(pl.col("k").list.len() > 0)
    alleles = (
        alleles.with_columns(pl.col("k").list.unique(maintain_order=True))
        .explode("k")
        .with_columns(pl.col("k").cast(pl.Int64))
    )
    place = {one: keys.index("AD") for one in alleles["FORMAT"].unique() if "AD" in (keys := one.split(":"))}
    depth = (
        pl.col("cell")
        .str.split(":")
        .list.get(pl.col("FORMAT").replace_strict(place, default=None, return_dtype=pl.Int64), null_on_oob=True)
    )
    reads = depth.str.split(",").list.eval(pl.element().cast(pl.Float64, strict=False))
    share = reads.list.get(pl.col("k"), null_on_oob=True) / reads.list.sum()
    return alleles.with_columns(fraction=pl.when(share.is_between(0, 1)).then(share)).select(
        "number", "sample_id", "k", "fraction"
    ), missing


def _joined(head: _Header, calls: pl.DataFrame, genes: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """The carried alleles with the genes that they change, in the layout of `_FOUND`.

    Of several alleles an annotation is of the one that it names, whole or without its first base, as VEP does; of all where
    it names none of them. `*` is an allele that another variant took away.
    """
    place = pl.concat_str(
        pl.lit(head.build or "variant"), pl.lit(":"), pl.col("CHROM").str.replace("^(?i:chr)", ""), pl.lit("-"), "POS",
        pl.lit("-"), "REF", pl.lit("-"), "alt",
    )  # fmt: skip
    where = frame.select("number", "CHROM", "POS", "REF", alts=pl.col("ALT").str.split(","))
    each = calls.join(where, on="number").with_columns(
        alt=pl.col("alts").list.get(pl.col("k") - 1, null_on_oob=True), several=pl.col("alts").list.len() > 1
    )
    each = each.filter(pl.col("alt").is_not_null() & ~pl.col("alt").is_in(["*", "."])).with_columns(variant=place)
    bare = pl.col("alt").str.slice(1)
    meant = (pl.col("allele") == pl.col("alt")) | (
        pl.col("allele") == pl.when(bare == "").then(pl.lit("-")).otherwise(bare)
    )
    both = each.join(genes, on="number").with_columns(meant=(meant | ~pl.col("several")).fill_null(False))
    both = both.filter(pl.col("meant") | ~pl.col("meant").any().over("number", "sample_id", "k"))
    return both.select(*_FOUND)
