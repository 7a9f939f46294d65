"""2,000 broken files: each either gives tables whose rows and cells add up, or says what is wrong with it. Nothing else happens."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from clinome.loaders.errors import InputError
from clinome.loaders.files.ledger import MISSING_CELL, READ_ANYWAY
from clinome.loaders.files.losses import MISSING, UNSAID
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.registry import read_source
from clinome.loaders.specs import AnySource, Knowledge, Omics, Patients, Records, Samples
from clinome.loaders.tables import REJECTS, SAMPLES, Known, Loaded

PEOPLE = [f"P{i:02d}" for i in range(12)]
MUTATIONS = 2_000


@dataclass(frozen=True)
class Case:
    """A valid file, and the section that reads it."""

    name: str
    text: str
    spec: Callable[[Path], AnySource]
    samples: bool = False


def table(header: str, row: str) -> str:
    """A row a person; {p} is the id, {i} its number."""
    return "\n".join([header, *(row.format(p=p, i=i) for i, p in enumerate(PEOPLE, 1))]) + "\n"


CASES = [
    Case(
        "patients.csv",
        table("patient_id,age,sex,seen,until", "{p},{i}.5,F,2020-01-{i:02d},30"),
        lambda f: Patients(path=(f,), observed_from="seen", observed_until="until"),
    ),
    Case(
        "samples.tsv",
        table("sample_id\tpatient_id\tplate\tday", "{p}-T\t{p}\tA{i}\t2020-02-{i:02d}"),
        lambda f: Samples(path=(f,), batch="plate", time="day"),
    ),
    Case(
        "rna.csv",
        table("case_id,TP53,KRAS,EGFR,MYC", "{p},{i}.5,-1e-3,,0.{i}"),
        lambda f: Omics(path=(f,), name="rna"),
    ),
    Case(
        "columns.tsv",
        "\t".join(["gene", *PEOPLE]) + "\n" + table("", "G{i}\t" + "\t".join(["1.5"] * 11) + "\t-{i}").lstrip(),
        lambda f: Omics(path=(f,), name="cna", kind="copy_number"),
    ),
    Case(
        "sampled.csv",
        table("sample,mir-1,mir-2", "{p}-T,{i},2"),
        lambda f: Omics(path=(f,), name="mirna", kind="mirna", features="mirbase"),
        samples=True,
    ),
    Case(
        "pairs.txt",
        table("P00\tTP53", "{p}\tGENE{i}"),
        lambda f: Omics(path=(f,), name="pairs", kind="mutation", subject=0, gene=1, profiled="patients"),
    ),
    Case(
        "some.maf",
        table(
            "Hugo_Symbol\tTumor_Sample_Barcode\tNCBI_Build\tChromosome\tStart_Position\tReference_Allele"
            "\tTumor_Seq_Allele2\tVariant_Classification",
            "TP53\t{p}\tGRCh38\tchr17\t{i}12\tC\tT\tSilent",
        ),
        lambda f: Omics(path=(f,), name="maf", kind="mutation"),
    ),
    Case(
        "zero_one.csv",
        table("id,TP53_mut,KRAS_mut,age", "{p},1,0,{i}"),
        lambda f: Omics(path=(f,), name="mut", kind="mutation", suffix="_mut"),
    ),
    Case(
        "encounters.csv",
        table("pat,enc,start,stop,diag,drug,days", "{p},E{i},2020-01-01,2020-01-{i:02d},C34.1,Up,{i}"),
        lambda f: Records(
            path=(f,), format="csv", name="enc", subject="pat", visit="enc", time="start", end="stop",
            codes={"diag": "ICD10CM"}, columns={"drug": "DRUG"}, values={"days": "d"},
        ),
    ),
    Case(
        "relative.csv",
        table("pat,day,diag", "{p},{i}.5,428"),
        lambda f: Records(
            path=(f,), format="csv", name="rel", subject="pat", time="day", unit="days", codes={"diag": "ICD9CM"}
        ),
    ),
    Case(
        "timeline.txt",
        table("PATIENT_ID\tSTART_DATE\tSTOP_DATE\tEVENT_TYPE\tAGENT", "{p}\t{i}0\t{i}5\tTREATMENT\tCisplatin"),
        lambda f: Records(path=(f,), format="timeline", name="treatments"),
    ),
    Case(
        "Observation.ndjson",
        table(
            '{"resourceType": "Patient", "id": "P01", "birthDate": "1950-01"}',
            '{{"resourceType":"Observation","id":"o{i}","status":"final","subject":{{"reference":"Patient/{p}"}},'
            '"effectiveDateTime":"2020-01-{i:02d}","code":{{"coding":[{{"system":"http://loinc.org","code":"2160-0"}}]}},'
            '"valueQuantity":{{"value":{i}.5,"unit":"mg"}}}}',
        ),
        lambda f: Records(path=(f,), format="fhir", name="fhir"),
    ),
    Case(
        "sets.gmt",
        table("Cycle\thttps://x\tTP53\tKRAS", "Set {i}\tsource\tGENE{i}\tTP53\tEGFR"),
        lambda f: Knowledge(path=(f,), name="sets"),
    ),
    Case(
        "edges.csv",
        table("a,b,w", "GENE{i},TP53,0.{i}"),
        lambda f: Knowledge(
            path=(f,), name="ppi", predicate="INTERACTS_WITH", subject="a", object="b", score="w"
        ),
    ),
]  # fmt: skip


def mutate(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """One way in which a file goes wrong on its way to us."""
    lines = data.split(b"\n")
    at = rng.randrange(len(data))
    row = min(rng.randrange(1, max(2, len(lines) - 1)), len(lines) - 1)
    delimiter = b"\t" if data.count(b"\t") > data.count(b",") else b","
    cells = lines[row].split(delimiter)
    cell = rng.randrange(len(cells))

    def with_cell(value: bytes) -> bytes:
        changed = [*cells[:cell], value, *cells[cell + 1 :]]
        return b"\n".join([*lines[:row], delimiter.join(changed), *lines[row + 1 :]])

    def swapped() -> bytes:
        return b"\n".join(delimiter.join(reversed(line.split(delimiter))) for line in lines)

    ways: dict[str, Callable[[], bytes]] = {
        "truncated": lambda: data[:at],
        "another delimiter": lambda: data.replace(delimiter, rng.choice([b";", b"|", b" ", b"\t", b","])),
        "utf-16": lambda: data.decode(errors="replace").encode("utf-16"),
        "latin-1": lambda: with_cell("Müller".encode("latin-1")),
        "a row twice": lambda: b"\n".join([*lines[: row + 1], *lines[row:]]),
        "an id twice": lambda: b"\n".join([*lines[: row + 1], lines[row].replace(b"1", b"2"), *lines[row + 1 :]]),
        "every row twice": lambda: data + b"\n".join(lines[1:]),
        "columns swapped": swapped,
        "text in a number": lambda: with_cell(rng.choice([b"high", b"1,5", b"<0.1", b"--", b"1.2.3"])),
        "no finite number": lambda: with_cell(rng.choice([b"inf", b"-inf", b"1e999", b"nan", b"9" * 400])),
        "a zero byte": lambda: data[:at] + b"\x00" + data[at:],
        "a huge field": lambda: with_cell(b"x" * 300_000),
        "no such day": lambda: with_cell(rng.choice([b"31.02.", b"2020-02-31", b"2020-13-01T99:00", b"0000-00-00"])),
        "a negative time": lambda: with_cell(rng.choice([b"-5", b"-99999999", b"-1e30"])),
        "empty": lambda: b"",
        "a header alone": lambda: lines[0] + b"\n",
        "a byte order mark": lambda: b"\xef\xbb\xbf" + data,
        "crlf": lambda: data.replace(b"\n", b"\r\n"),
        "cr here and there": lambda: data[:at] + b"\r" + data[at:],
        "an open quote": lambda: with_cell(b'"' + cells[cell]),
        "a stray quote": lambda: data[:at] + b'"' + data[at:],
        "one cell more": lambda: with_cell(cells[cell] + delimiter + b"7"),
        "one cell less": lambda: b"\n".join([*lines[:row], delimiter.join(cells[1:]), *lines[row + 1 :]]),
        "an empty cell": lambda: with_cell(b""),
        "a number as elsewhere": lambda: with_cell(
            rng.choice([b'"1,5"', b"1 000", b"5 %", b"7 mg", "−2".encode(), b"1e5"])
        ),
        "a limit": lambda: with_cell(rng.choice([b"<0.01", b"> 89", b"<LOD", b"ND"])),
        "a word that means missing": lambda: with_cell(
            rng.choice([b"[Not Available]", b"'--", b"NULL", b"#N/A", b"unknown"])
        ),
        "a column of words": lambda: b"\n".join(
            delimiter.join([*cut[:cell], b"word", *cut[cell + 1 :]])
            for cut in (line.split(delimiter) for line in lines)
        ),
        "white space": lambda: with_cell(rng.choice([b" ", b"\xc2\xa0", b"\x0b", b"  P01  "])),
        "control characters": lambda: with_cell(b"P\x1b[31m1"),
        "empty lines": lambda: data.replace(b"\n", b"\n\n"),
        "no last newline": lambda: data.rstrip(b"\n"),
        "random bytes": lambda: bytes(rng.randrange(256) for _ in range(200)),
        "a flipped byte": lambda: data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :],
        "a header twice": lambda: lines[0] + b"\n" + data,
        "equal names": lambda: (
            delimiter.join([lines[0].split(delimiter)[0]] * len(cells)) + b"\n" + b"\n".join(lines[1:])
        ),
        "cut gzip": lambda: gzip.compress(data)[: -rng.randrange(1, 30)],
        "gzip under another name": lambda: gzip.compress(data),
        "a page of HTML": lambda: b"<!DOCTYPE html>\n<html><body>\n404, not found\n</body></html>\n",
    }
    way = rng.choice(sorted(ways))
    return ways[way](), way


def known(case: Case) -> Known:
    rows = [{"sample_id": f"{p}-T", "subject_id": p} for p in PEOPLE]
    samples = pl.DataFrame(rows, schema=SAMPLES) if case.samples else None  # type: ignore[arg-type]
    return Known(frozenset(PEOPLE), samples, GeneTable.empty())


def check(loaded: Loaded, file: Path) -> None:
    """What holds of every source, however broken."""
    tally = loaded.tally
    assert tally.read == tally.written + tally.merged + tally.rejected
    assert loaded.rejects.schema == pl.Schema(REJECTS)
    refused = loaded.rejects.filter(~pl.col("fix").is_in([MISSING_CELL, READ_ANYWAY]), pl.col("row") > 0)
    assert refused.select("file", "row").n_unique() == tally.rejected
    cells = loaded.cells
    assert cells.read == cells.written + cells.merged + cells.rejected
    lost = sum(loss.lost for loss in loaded.losses if loss.kind == "cells" and loss.said in (MISSING, UNSAID))
    assert lost <= cells.rejected
    if not loaded.source.startswith("knowledge"):
        assert lost >= loaded.rejects.filter(pl.col("fix") == MISSING_CELL).height, (
            "every cell that is noted is counted"
        )
    said = " ".join([*map(str, loaded.losses), *loaded.counts])
    assert not any(p in said for p in PEOPLE)
    assert set(loaded.rejects["file"]) <= {file.name}
    assert loaded.rejects["row"].is_between(0, tally.read).all()
    for frame in (loaded.patients, loaded.samples, loaded.visits, loaded.events):
        if frame is not None:
            assert frame["subject_id"].null_count() == 0
    if loaded.patients is not None:
        assert loaded.patients["subject_id"].is_unique().all()
        assert loaded.patients.height == tally.written
    if loaded.omics is not None:
        assert set(loaded.omics.obs["subject_id"]) <= set(PEOPLE)
        assert loaded.omics.obs_names.is_unique
        assert loaded.omics.var_names.is_unique


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_valid_file_is_written_whole(case: Case, tmp_path: Path) -> None:
    file = tmp_path / case.name
    file.write_text(case.text)
    loaded = read_source(case.spec(file), known(case))
    check(loaded, file)
    assert loaded.tally.rejected == 0
    assert loaded.tally.written > 10


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_broken_files_are_accounted_for(case: Case, tmp_path: Path) -> None:
    rng = random.Random(case.name)
    file = tmp_path / case.name
    outcomes = {"loaded": 0, "refused": 0}
    for turn in range(-(-MUTATIONS // len(CASES))):
        data, ways = case.text.encode(), []
        for _ in range(rng.choice([1, 1, 2])):
            data, way = mutate(data or b"\n", rng)
            ways.append(way)
        file.write_bytes(data)
        try:
            loaded = read_source(case.spec(file), known(case))
        except InputError as error:
            outcomes["refused"] += 1
            assert not any(p in str(error) for p in PEOPLE), (turn, ways)
        except BaseException as error:
            raise AssertionError(f"{case.name}, turn {turn}: {ways}") from error
        else:
            outcomes["loaded"] += 1
            check(loaded, file)
    assert min(outcomes.values()) > 0
