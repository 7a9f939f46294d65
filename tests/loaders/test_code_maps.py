"""CCS, CCSR, GEM and tables of codes and their groups: every row accounted for, every code spelled as in records."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from clinome.errors import InputError
from clinome.graphs.schema import link_ends
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.inspection.file_head import Head, readable
from clinome.loaders.inspection.knowledge_files import edges, format_of
from clinome.loaders.knowledge.structure import STRUCTURE
from clinome.loaders.registry import read_source
from clinome.loaders.specs import Knowledge
from clinome.loaders.tables import Known, Loaded, Tally

ANYONE = Known(None, None, GeneTable.empty())

CCS = """Appendix A - Clinical Classification Software-DIAGNOSES (January 1980 through September 2015)

Revised 03/24/2016

1    Tuberculosis
     01000 01001 0102

108  Congestive heart failure; nonhypertensive
     4280  42821 V421 E8809 V421
     x?
"""
CCSR = """'ICD-10-CM CODE','ICD-10-CM CODE DESCRIPTION','Default CCSR CATEGORY IP','CCSR CATEGORY 1','CCSR CATEGORY 1 DESCRIPTION','CCSR CATEGORY 2','CCSR CATEGORY 2 DESCRIPTION'
'I110','Hypertensive heart disease','CIR008','CIR008','Hypertension with complications','CIR019','Heart failure'
'A000','Cholera','DIG001','DIG001','Intestinal infection',' ',' '
'?','nothing','DIG001','DIG001','Intestinal infection',' ',' '
"""
PCS = """'ICD-10-PCS CODE','CCS CATEGORY','ICD-10-PCS CODE DESCRIPTION','CCS CATEGORY DESCRIPTION'
'00800ZZ','1',"Division of Brain, Open Approach","Incision and excision of CNS"
"""
GEM = """"icd9cm","icd10cm","flags","approximate","no_map","combination","scenario","choice_list"
"0010","A000","00000",0,0,0,0,0
"0020","A0100","10000",1,0,0,0,0
"36570","NoDx","11000",1,1,0,0,0
"80700","S2241XA","10112",1,0,1,1,2
"80700","S2241XA","10122",1,0,1,2,2
"E8809","W109XXA","10000",1,0,0,0,0
"bad code","A000","00000",0,0,0,0,0
"""


def read(folder: Path, name: str, text: str, **more: Any) -> Loaded:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    loaded = read_source(Knowledge((path,), name="k", **more), ANYONE)
    assert loaded.tally.read == loaded.tally.written + loaded.tally.merged + loaded.tally.rejected
    assert loaded.links is not None and link_ends(loaded.links, loaded.concepts)[1] == {}
    return loaded


def said(loaded: Loaded, *more: str) -> set[tuple[Any, ...]]:
    assert loaded.links is not None
    own = loaded.links.filter(loaded.links["source"] != STRUCTURE)
    return set(own.select("subject", "predicate", "object", *more).iter_rows())


@pytest.mark.parametrize("name", ["ccs.txt", "ccs.txt.gz"])
def test_the_text_of_ccs(tmp_path: Path, name: str) -> None:
    loaded = read(tmp_path, name, CCS, format="ccs")
    assert loaded.tally == Tally(read=9, written=7, merged=1, rejected=1)
    assert said(loaded) == {
        *((f"ICD9CM:{code}", "IS_A", "CCS:1") for code in ("010.00", "010.01", "010.2")),
        *((f"ICD9CM:{code}", "IS_A", "CCS:108") for code in ("428.0", "428.21", "V42.1", "E880.9")),
    }
    assert loaded.concepts is not None
    assert (
        dict(loaded.concepts.select("id", "name").iter_rows())["CCS:108"] == "Congestive heart failure; nonhypertensive"
    )


def test_the_tables_of_ccsr_and_of_procedures(tmp_path: Path) -> None:
    loaded = read(tmp_path, "DXCCSR.csv", CCSR, format="ccs")
    assert loaded.tally == Tally(read=3, written=2, merged=0, rejected=1)
    assert said(loaded) == {
        ("ICD10CM:I11.0", "IS_A", "CCSR:CIR008"), ("ICD10CM:I11.0", "IS_A", "CCSR:CIR019"), ("ICD10CM:A00.0", "IS_A", "CCSR:DIG001"),
    }  # fmt: skip
    assert said(read(tmp_path, "pr.csv", PCS, format="ccs")) == {("ICD10PCS:00800ZZ", "IS_A", "CCSPROC:1")}
    with pytest.raises(InputError, match="no codes with groups"):
        read(tmp_path, "no.txt", "nothing\nof the kind\n", format="ccs")


def test_equivalence_mappings(tmp_path: Path) -> None:
    loaded = read(tmp_path, "gem.csv", GEM, format="gem")
    assert loaded.tally == Tally(read=7, written=4, merged=1, rejected=2)
    assert said(loaded, "mapping") == {
        ("ICD9CM:001.0", "MAPS_TO", "ICD10CM:A00.0", "exactMatch"),
        ("ICD9CM:002.0", "MAPS_TO", "ICD10CM:A01.00", "closeMatch"),
        ("ICD9CM:807.00", "MAPS_TO", "ICD10CM:S22.41XA", "relatedMatch"),
        ("ICD9CM:E880.9", "MAPS_TO", "ICD10CM:W10.9XXA", "closeMatch"),
    }


def test_equivalence_mappings_as_cms_writes_them(tmp_path: Path) -> None:
    text = "0010  A000    00000\nE8000 V812XXA 10000\n42821 I5021   00000\n"
    assert {one[:3] for one in said(read(tmp_path, "2018_I9gem.txt", text, format="gem"))} == {
        ("ICD9CM:001.0", "MAPS_TO", "ICD10CM:A00.0"), ("ICD9CM:E800.0", "MAPS_TO", "ICD10CM:V81.2XXA"),
        ("ICD9CM:428.21", "MAPS_TO", "ICD10CM:I50.21"),
    }  # fmt: skip
    back = "A000    0010  00000\nI5021   42821 00000\n"
    assert ("ICD10CM:I50.21", "MAPS_TO", "ICD9CM:428.21") in said(read(tmp_path, "I10gem.txt", back, format="gem"))
    pcs = "0001 6A750Z7 10000\n4513 0DJ08ZZ 10000\n"
    assert ("ICD9PROC:45.13", "MAPS_TO", "ICD10PCS:0DJ08ZZ") in said(read(tmp_path, "i9pcs.txt", pcs, format="gem"))
    torn = read(
        tmp_path, "torn.txt", "0010  A000    00000\n0020 10000\n\n0021  A0101 10000 x\n0022 A0102 10000\n", format="gem"
    )
    assert (torn.tally.read, torn.tally.written, torn.tally.rejected) == (4, 2, 2)
    assert torn.rejects.select("row", "column").rows() == [(2, "line"), (3, "line")]
    with pytest.raises(InputError, match="no equivalence mappings"):
        read(tmp_path, "no.txt", "a b c\n", format="gem")


TABLES = {
    "phecode.csv": ("ICD9,ICD9 String,PheCode,Phenotype\n001.0,Cholera,8,Intestinal infection\n",
                    ("ICD9CM:001.0", "IS_A", "PHECODE:008")),
    "rx.csv": ("rxcui,atc\n3827,C09AA02\n29046,C09AA03\n", ("RXNORM:3827", "IS_A", "ATC:C09AA02")),
    "loinc.csv": ("Category,GroupId,LoincNumber\nMass,LG1234-5,2345-7\n", ("LOINC:2345-7", "IS_A", "LOINC:LG1234-5")),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_codes_and_groups_are_known_by_their_columns(tmp_path: Path, name: str) -> None:
    text, link = TABLES[name]
    (tmp_path / name).write_text(text)
    head = readable(tmp_path / name)
    assert isinstance(head, Head)
    section = edges(head, name)
    assert section is not None and section.keys["format"] == "hierarchy"
    loaded = read(tmp_path, name, text, format="hierarchy", codes=section.keys["codes"])
    assert link in said(loaded) and loaded.tally.rejected == 0


def test_init_knows_ccs_and_gem(tmp_path: Path) -> None:
    for name, text in (("gem.csv", GEM), ("DXCCSR.csv", CCSR)):
        (tmp_path / name).write_text(text)
        head = readable(tmp_path / name)
        assert isinstance(head, Head)
        section = edges(head, name)
        assert section is not None and section.keys["format"] == {"gem.csv": "gem", "DXCCSR.csv": "ccs"}[name]
    (tmp_path / "groups.txt").write_text(CCS)
    assert format_of(tmp_path / "groups.txt") == "ccs" and format_of(tmp_path / "gem.csv") is None


def test_phecodes_are_named_and_lie_below_one_another(tmp_path: Path) -> None:
    text = "ICD9,PheCode,Phenotype\n250.01,250.11,Type 1 diabetes with ketoacidosis\n"
    loaded = read(tmp_path, "p.csv", text, format="hierarchy", codes={"ICD9": "ICD9CM", "PheCode": "PHECODE"})
    assert loaded.links is not None and loaded.concepts is not None
    assert {("PHECODE:250.11", "PHECODE:250.1"), ("PHECODE:250.1", "PHECODE:250")} < set(
        loaded.links.select("subject", "object").iter_rows()
    )
    assert (
        dict(loaded.concepts.select("id", "name").iter_rows())["PHECODE:250.11"] == "Type 1 diabetes with ketoacidosis"
    )
