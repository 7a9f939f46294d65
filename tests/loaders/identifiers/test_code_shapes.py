"""What can be a code of a vocabulary: real codes of each, and what people and programs write for nothing."""

import polars as pl
import pytest

from clinome.loaders.identifiers.code_shapes import can_be
from clinome.loaders.identifiers.curie import codes, meds_codes

NOTHING = ("NULL", "null", "nan", "NaN", "None", "<NA>", "NaT", r"\N", "N/A", "#N/A", "-", "unknown", "NoDx", "n.a.",
           "[Not Available]", "not recorded", "?", ".", "no diagnosis")  # fmt: skip
REAL = {
    "ICD10CM": ("I10", "E119", "e11.9", "S72.001A", "U07.1", "O9A.211", "Z00.00", "C7A.090"),
    "ICD10": ("I10", "E11.9", "M05.3+", "I41.0*", "F00.1*G"),
    "ICD9CM": ("25083", "250.83", "V5867", "E8495", "8", "428"),
    "ICD9PROC": ("3893", "38.93", "00.66"),
    "ICD10PCS": ("0DTJ4ZZ", "XW033E5", "B030ZZZ"),
    "SNOMED": ("73211009", "840539006"),
    "LOINC": ("2160-0", "94500-6", "LP14635-4"),
    "RXNORM": ("860975",),
    "ATC": ("A10BA02", "C09", "L"),
    "NDC": ("00002-7510-01", "0002751001", "00002751001"),
    "CPT": ("99213", "0001F", "99213-25"),
    "HCPCS": ("J9271", "G0008"),
}
OTHERS = {  # codes of other vocabularies, and two in one cell
    "ICD10CM": ("I10;E11.9", "401.9, I10", "250.83", "73211009", "essential hypertension", "2160-0"),
    "ICD9CM": ("I10", "401.9, I10", "73211009", "12345678"),
    "ICD10PCS": ("3893", "NULL", "NONE", "I10.9"),
    "SNOMED": ("diabetes", "E11.9", "12"),
    "LOINC": ("creatinine", "2160"),
    "ATC": ("metformin", "A10BA02;A10BB01"),
}


@pytest.mark.parametrize("vocabulary", sorted(REAL))
def test_real_codes_are_codes_and_words_for_nothing_are_none(vocabulary: str) -> None:
    real, _ = codes(pl.Series(REAL[vocabulary]), vocabulary)
    assert real.null_count() == 0, REAL[vocabulary]
    nothing, _ = codes(pl.Series(NOTHING), vocabulary)
    assert nothing.null_count() == len(NOTHING), nothing


@pytest.mark.parametrize("vocabulary", sorted(OTHERS))
def test_what_belongs_elsewhere_is_no_code(vocabulary: str) -> None:
    if vocabulary == "ICD10PCS":
        assert [can_be(code, vocabulary) for code in ("NULL", "NONE", "I10.9")] == [False] * 3
        return
    found, _ = codes(pl.Series(OTHERS[vocabulary]), vocabulary)
    assert found.null_count() == len(OTHERS[vocabulary]), found


def test_any_name_is_one_where_no_shape_is_known_but_a_word_for_nothing() -> None:
    found, _ = codes(pl.Series(["insulin glargine", "None", "7"]), "DRUG")
    assert found.to_list() == ["DRUG:insulin glargine", None, "DRUG:7"]


def test_meds_codes_of_icd_are_checked_and_their_own_names_are_theirs() -> None:
    found, _ = meds_codes(pl.Series(["ICD10CM//NULL", "DIAGNOSIS//ICD//9//nan", "LOINC//UNK-1", "LAB//x"]))
    assert found.to_list() == [None, None, "LOINC:UNK-1", "MEDS:LAB//x"]


def test_a_hierarchy_names_blocks_that_no_patient_has() -> None:
    blocks = pl.Series(["ICD10CM:I10-I16", "ICD10CM:A00-B99", "ICD9CM:420-429", "ICD9CM:E880-E888"])
    assert meds_codes(blocks, recorded=False)[0].to_list() == blocks.to_list()
    assert meds_codes(blocks)[0].null_count() == 4
