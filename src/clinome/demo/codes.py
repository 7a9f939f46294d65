"""Demo vocabulary: real ICD-10, RxNorm and LOINC codes, so that the demo reads like a chart."""

from __future__ import annotations

ICD10 = {
    "C50": ("C50-C50", "Malignant neoplasm of breast", (".1", ".4", ".9")),
    "C56": ("C51-C58", "Malignant neoplasm of ovary", (".1", ".2", ".9")),
    "D50": ("D50-D53", "Iron deficiency anaemia", (".0", ".8", ".9")),
    "D64": ("D60-D64", "Other anaemias", (".81", ".89", ".9")),
    "E03": ("E00-E07", "Hypothyroidism", (".8", ".9")),
    "E11": ("E08-E13", "Type 2 diabetes mellitus", (".22", ".42", ".65", ".9")),
    "E66": ("E65-E68", "Overweight and obesity", (".01", ".9")),
    "E78": ("E70-E88", "Disorders of lipoprotein metabolism", (".00", ".2", ".5")),
    "E87": ("E70-E88", "Disorders of fluid and electrolytes", (".1", ".6", ".70")),
    "F10": ("F10-F19", "Alcohol related disorders", (".10", ".20")),
    "F17": ("F10-F19", "Nicotine dependence", (".200", ".210")),
    "F32": ("F30-F39", "Depressive episode", (".0", ".1", ".9")),
    "F41": ("F40-F48", "Other anxiety disorders", (".1", ".9")),
    "G43": ("G40-G47", "Migraine", (".001", ".909")),
    "G47": ("G40-G47", "Sleep disorders", (".00", ".33")),
    "I10": ("I10-I16", "Essential hypertension", ("",)),
    "I20": ("I20-I25", "Angina pectoris", (".0", ".9")),
    "I25": ("I20-I25", "Chronic ischaemic heart disease", (".10", ".2", ".5")),
    "I48": ("I30-I5A", "Atrial fibrillation and flutter", (".0", ".20", ".91")),
    "I50": ("I30-I5A", "Heart failure", (".22", ".32", ".9")),
    "I73": ("I70-I79", "Other peripheral vascular diseases", (".00", ".9")),
    "J18": ("J09-J18", "Pneumonia, organism unspecified", (".0", ".9")),
    "J44": ("J40-J47", "Chronic obstructive pulmonary disease", (".0", ".1", ".9")),
    "J45": ("J40-J47", "Asthma", (".20", ".901", ".909")),
    "K21": ("K20-K31", "Gastro-oesophageal reflux disease", (".00", ".9")),
    "K57": ("K55-K64", "Diverticular disease of intestine", (".30", ".90")),
    "K70": ("K70-K77", "Alcoholic liver disease", (".0", ".30")),
    "K76": ("K70-K77", "Other diseases of liver", (".0", ".9")),
    "L40": ("L40-L45", "Psoriasis", (".0", ".9")),
    "M05": ("M05-M14", "Rheumatoid arthritis with rheumatoid factor", (".79", ".9")),
    "M10": ("M05-M14", "Gout", (".00", ".9")),
    "M17": ("M15-M19", "Osteoarthritis of knee", (".0", ".11", ".9")),
    "M54": ("M50-M54", "Dorsalgia", (".2", ".50", ".9")),
    "M81": ("M80-M85", "Osteoporosis without fracture", (".0", ".8")),
    "N17": ("N17-N19", "Acute kidney failure", (".0", ".9")),
    "N18": ("N17-N19", "Chronic kidney disease", (".30", ".4", ".6", ".9")),
    "N39": ("N30-N39", "Other disorders of urinary system", (".0", ".3")),
    "N40": ("N40-N53", "Benign prostatic hyperplasia", (".0", ".1")),
    "R07": ("R00-R09", "Pain in throat and chest", (".2", ".9")),
    "R51": ("R50-R69", "Headache", (".0", ".9")),
    "R53": ("R50-R69", "Malaise and fatigue", (".1", ".83")),
    "Z51": ("Z40-Z53", "Encounter for other aftercare", (".5", ".11")),
}
"""Category -> block, name, the endings of its codes."""

PLANTABLE = ("E11", "I25", "I48", "I50", "I73", "J44", "K70", "K76", "M05", "N18")
"""Categories of lasting disease: one of their codes is planted as the earlier diagnosis."""

DECOY = "ICD10CM:Z51.5"
"""Encounter for palliative care: recorded once the outcome has come, or is seen coming."""

DRUGS = {
    "161": "acetaminophen", "435": "albuterol", "519": "allopurinol", "723": "amoxicillin", "1191": "aspirin",
    "2551": "ciprofloxacin", "3407": "digoxin", "4603": "furosemide", "5487": "hydrochlorothiazide",
    "5640": "ibuprofen", "6809": "metformin", "6851": "methotrexate", "6918": "metoprolol", "7052": "morphine",
    "7646": "omeprazole", "8640": "prednisone", "10582": "levothyroxine", "10689": "tramadol", "11289": "warfarin",
    "17767": "amlodipine", "25480": "gabapentin", "29046": "lisinopril", "32968": "clopidogrel",
    "36437": "sertraline", "52175": "losartan", "83367": "atorvastatin",
}  # fmt: skip
"""RxNorm ingredient -> name."""

LABS = {
    "2160-0": ("creatinine", "mg/dL", 0.95, 0.25), "718-7": ("haemoglobin", "g/dL", 13.2, 1.5),
    "2345-7": ("glucose", "mg/dL", 108.0, 26.0), "4548-4": ("haemoglobin A1c", "%", 5.8, 0.8),
    "2951-2": ("sodium", "mmol/L", 139.0, 3.0), "2823-3": ("potassium", "mmol/L", 4.1, 0.4),
    "6690-2": ("leukocytes", "10*3/uL", 7.2, 2.0), "777-3": ("platelets", "10*3/uL", 245.0, 60.0),
    "1742-6": ("alanine aminotransferase", "U/L", 27.0, 11.0), "1751-7": ("albumin", "g/dL", 4.1, 0.4),
    "1988-5": ("C reactive protein", "mg/L", 6.0, 4.5), "1975-2": ("bilirubin", "mg/dL", 0.7, 0.3),
}  # fmt: skip
"""LOINC -> name, unit, mean, spread."""


def diagnoses() -> list[str]:
    """Every diagnosis that a patient may have, in order, the decoy left out.

    Example:
        >>> diagnoses()[0]
        'ICD10CM:C50.1'
    """
    codes = [f"ICD10CM:{category}{ending}" for category, (_, _, endings) in ICD10.items() for ending in endings]
    return [code for code in codes if code != DECOY]


def hierarchy() -> list[tuple[str, str]]:
    """(child, parent) pairs: code -> category -> block."""
    pairs = []
    for category, (block, _, endings) in ICD10.items():
        pairs += [(f"ICD10CM:{category}{ending}", f"ICD10CM:{category}") for ending in endings if ending]
        pairs.append((f"ICD10CM:{category}", f"ICD10CM:{block}"))
    return pairs
