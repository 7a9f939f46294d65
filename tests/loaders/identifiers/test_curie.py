"""Identifiers: parsed, normalised, counted; ICD dots against a naive reference."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinome.graphs import schema
from clinome.loaders.files.cells.number_words import means_missing
from clinome.loaders.identifiers.curie import (
    KNOWN_LATE,
    VOCABULARIES,
    Curie,
    codes,
    icd,
    is_curie,
    meds_codes,
    vocabulary,
)


def _codes(values: list[str | None], name: str) -> list[str | None]:
    return codes(pl.Series(values, dtype=pl.String), name)[0].to_list()


def _meds(values: list[str | None]) -> list[str | None]:
    return meds_codes(pl.Series(values, dtype=pl.String))[0].to_list()


def test_curie_is_parsed_once_and_frozen() -> None:
    curie = Curie.parse(" REACT:R-HSA-69278 ")
    assert (curie.prefix, curie.local, str(curie)) == ("REACT", "R-HSA-69278", "REACT:R-HSA-69278")
    assert Curie.parse("MEDS:LAB//a:b").local == "LAB//a:b"
    with pytest.raises(AttributeError):
        curie.local = "x"  # type: ignore[misc]


@pytest.mark.parametrize("text", ["", "7157", ":7157", "NCBIGene:", "A B:c", "A:b\0c", "A:" + "x" * 511])
def test_what_is_no_curie_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Curie.parse(text)


@pytest.mark.parametrize(
    ("code", "name", "want"),
    [
        ("C341", "ICD10CM", "ICD10CM:C34.1"),
        (" c34.1 ", "ICD-10-CM", "ICD10CM:C34.1"),
        ("C 34 1", "ICD10CM", "ICD10CM:C34.1"),
        ("E119", "ICD10CM", "ICD10CM:E11.9"),
        ("I10", "ICD10CM", "ICD10CM:I10"),
        ("25083", "ICD9CM", "ICD9CM:250.83"),
        ("250.83", "ICD9CM", "ICD9CM:250.83"),
        ("E8495", "ICD9CM", "ICD9CM:E849.5"),
        ("E849", "ICD9CM", "ICD9CM:E849"),
        ("V5867", "ICD9CM", "ICD9CM:V58.67"),
        ("8", "ICD9CM", "ICD9CM:008"),
        ("250.", "ICD9CM", "ICD9CM:250"),
        ("3893", "ICD9PROC", "ICD9PROC:38.93"),
        ("0DTJ4ZZ", "ICD10PCS", "ICD10PCS:0DTJ4ZZ"),
        ("ICD9CM:41401", "ICD10CM", "ICD9CM:414.01"),
        ("2160-0", "loinc", "LOINC:2160-0"),
        ("860975", "RxNorm", "RXNORM:860975"),
        ("insulin glargine", "DRUG", "DRUG:insulin glargine"),
        ("Local:7", "Local", "Local:7"),
        ("12:30", "WARD", "WARD:12:30"),
    ],
)
def test_codes(code: str, name: str, want: str) -> None:
    assert _codes([code], name) == [want]


@pytest.mark.parametrize(
    ("code", "want"),
    [
        ("ICD10CM:C34.1", "ICD10CM:C34.1"),
        ("icd10cm:c341", "ICD10CM:C34.1"),
        ("ICD10CM//C341", "ICD10CM:C34.1"),
        ("DIAGNOSIS//ICD//10//C341", "ICD10CM:C34.1"),
        ("DIAGNOSIS//ICD//9//25083", "ICD9CM:250.83"),
        ("PROCEDURE//ICD//9//3893", "ICD9PROC:38.93"),
        ("PROCEDURE//ICD//10//0DTJ4ZZ", "ICD10PCS:0DTJ4ZZ"),
        ("LOINC/2160-0", "LOINC:2160-0"),
        ("RxNorm//860975", "RXNORM:860975"),
        ("LAB//50912//mg/dL", "MEDS:LAB//50912//mg/dL"),
        ("HOSPITAL_ADMISSION//EW EMER.", "MEDS:HOSPITAL_ADMISSION//EW EMER."),
        ("MEDS_BIRTH", "MEDS:MEDS_BIRTH"),
        ("MEDS_DEATH", "MEDS:MEDS_DEATH"),
        ("TREE:03.07", "TREE:03.07"),
        ("LOINC:ALWAYS", "LOINC:ALWAYS"),
        ("VALUE:time_in_hospital", "VALUE:time_in_hospital"),
        ("", None),
        ("A\0B", None),
        ("x" * 600, None),
        (None, None),
    ],
)
def test_meds_codes(code: str | None, want: str | None) -> None:
    assert _meds([code]) == [want]


def test_changes_are_counted_by_cell() -> None:
    got, counts = codes(pl.Series(["C341", "C341", "C34.1", None, " i10", "\0"]), "ICD10CM")
    assert got.to_list() == ["ICD10CM:C34.1"] * 3 + [None, "ICD10CM:I10", None]
    assert counts == {"ICD codes given their dot": 2, "ICD codes set in upper case": 1, "codes freed of white space": 1}


_ICD10 = st.from_regex(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?", fullmatch=True)
_ICD9 = st.from_regex(r"([0-9]{3}|V[0-9]{2})(\.[0-9]{1,2})?|E[0-9]{3}(\.[0-9])?", fullmatch=True)


@given(st.one_of(st.tuples(st.just("ICD10CM"), _ICD10), st.tuples(st.just("ICD9CM"), _ICD9)))
def test_a_dot_taken_away_comes_back(case: tuple[str, str]) -> None:
    name, code = case
    assert _codes([code.replace(".", ""), code, code.lower()], name) == [f"{name}:{code}"] * 3
    assert icd(icd(code, name)[0], name)[0] == icd(code, name)[0]


@given(st.lists(st.none() | st.text(max_size=20), max_size=8), st.sampled_from(["ICD9CM", "ICD10CM", "DRUG", "LOINC"]))
def test_any_text_is_a_curie_or_malformed_and_stays_so(values: list[str | None], name: str) -> None:
    for once, shaped in ((_codes(values, name), name != "Local"), (_meds(values), False)):
        assert len(once) == len(values)
        for before, after in zip(values, once, strict=True):
            if after is None:
                nothing = before is None or not before.strip() or not str(before).isprintable() or before.endswith(":")
                assert nothing or shaped or means_missing(str(before)) or ":" in str(before)
            else:
                assert str(Curie.parse(after)) == after
        assert _meds(once) == once


@given(st.lists(st.none() | st.text(max_size=12), max_size=6))
def test_what_is_curie_says_is_parsed(values: list[str | None]) -> None:
    for value, yes in zip(values, is_curie(pl.Series(values, dtype=pl.String)), strict=True):
        assert (yes is None) == (value is None)
        if yes:
            assert Curie.parse(str(value))


def test_diagnoses_and_procedures_agree_with_the_schema() -> None:
    late = {prefix for prefix, label in schema.CODE_LABEL.items() if label in ("Diagnosis", "Procedure")}
    assert late == KNOWN_LATE
    assert set(schema.CODE_LABEL) <= set(VOCABULARIES)
    assert {vocabulary(prefix.lower()) for prefix in schema.CODE_LABEL} == set(schema.CODE_LABEL)
