"""A small study folder of cBioPortal, invented: every kind of file that is read, with what its rules are about."""

from __future__ import annotations

from pathlib import Path

import clinome

GENES = {"TP53": 7157, "KRAS": 3845, "BRCA2": 675, "EGFR": 1956, "ALK": 238, "EML4": 27436}
SAMPLES = {"S1": "P1", "S2": "P2", "S3": "P3", "S4": "P4", "S4b": "P4", "S5": "P5", "S6": "P6"}
ROW = "{}\t{}\t{}\n"


def _matrix(first: str, values: dict[str, list[str]], *, entrez: bool = True) -> str:
    """Genes in rows, the first four samples in columns."""
    head = "\t".join([first, *(["Entrez_Gene_Id"] if entrez else []), "S1", "S2", "S3", "S4"])
    rows = [
        "\t".join([gene, *([str(GENES.get(gene, ""))] if entrez else []), *cells]) for gene, cells in values.items()
    ]
    return "\n".join([head, *rows]) + "\n"


def _meta(type: str, datatype: str, file: str, stable: str = "", **more: str) -> str:
    keys = {
        "cancer_study_identifier": "inv",
        "genetic_alteration_type": type,
        "datatype": datatype,
        "data_filename": file,
    }
    keys |= {"stable_id": stable} if stable else {}
    return "".join(f"{key}: {value}\n" for key, value in {**keys, **more}.items())


def _maf(*rows: str) -> str:
    head = "Hugo_Symbol Entrez_Gene_Id Tumor_Sample_Barcode Variant_Classification NCBI_Build Chromosome Start_Position Reference_Allele Tumor_Seq_Allele2"
    return "#version 2.4\n" + "".join("\t".join(row.split()) + "\n" for row in (head, *rows))


FILES = {
    "meta_study.txt": "type_of_cancer: luad\ncancer_study_identifier: inv\nname: Invented\nreference_genome: hg19\n",
    "meta_clinical_patient.txt": _meta("CLINICAL", "PATIENT_ATTRIBUTES", "data_clinical_patient.txt"),
    "data_clinical_patient.txt": (
        "#Patient\tAge\tStatus\tMonths\n#Patient\tAge\tStatus\tMonths\n#STRING\tNUMBER\tSTRING\tNUMBER\n#1\t1\t1\t1\n"
        "PATIENT_ID\tAGE\tOS_STATUS\tOS_MONTHS\n"
        "P1\t50\t0:LIVING\t10\nP2\t61\t1:DECEASED\t3.5\nP3\t47\t[Not Available]\t\nP4\t70\t1:DECEASED\t8\nP5\t66\t0:LIVING\t12\nP6\t59\t0:LIVING\t4\n"
    ),
    "meta_clinical_sample.txt": _meta("CLINICAL", "SAMPLE_ATTRIBUTES", "data_clinical_sample.txt"),
    "data_clinical_sample.txt": (
        "#a\tb\tc\td\n#a\tb\tc\td\n#STRING\tSTRING\tSTRING\tSTRING\n#1\t1\t1\t1\nSAMPLE_ID\tPATIENT_ID\tSUBTYPE\tSAMPLE_TYPE\n"
        "S1\tP1\tbasal\tPrimary\nS2\tP2\tluminal\tPrimary\nS3\tP3\tbasal\tPrimary\nS4\tP4\tluminal\tPrimary\nS4b\tP4\tluminal\tMetastasis\n"
        "S5\tP5\tbasal\tPrimary\nS6\tP6\tbasal\tPrimary\n"
    ),
    "meta_mutations.txt": _meta("MUTATION_EXTENDED", "MAF", "data_mutations.txt", "mutations"),
    "data_mutations.txt": _maf(
        "TP53 7157 S1 Missense_Mutation GRCh37 17 7577120 C T", "KRAS 3845 S1 Silent GRCh37 12 25398284 C A",
        "EGFR 1956 S2 Missense_Mutation GRCh37 7 55259515 T G", "BRCA2 675 S4b Nonsense_Mutation GRCh37 13 32914438 T A",
    ),
    "meta_gene_panel_matrix.txt": _meta("GENE_PANEL_MATRIX", "GENE_PANEL_MATRIX", "data_gene_panel_matrix.txt"),
    "data_gene_panel_matrix.txt": "SAMPLE_ID\tmutations\nS2\tSMALL\nS3\tSMALL\nS5\tNA\nS6\tWES\n",
    "data_gene_panel_small.txt": "stable_id: SMALL\ndescription: two genes\ngene_list: TP53\tEGFR\n",
    "case_lists/cases_sequenced.txt": "cancer_study_identifier: inv\nstable_id: inv_sequenced\ncase_list_ids: S1\tS2\tS3\tS4b\tS5\n",
    "meta_cna.txt": _meta("COPY_NUMBER_ALTERATION", "DISCRETE", "data_cna.txt", "gistic"),
    "data_cna.txt": _matrix("Hugo_Symbol", {"TP53": ["-2", "0", "0", "1"], "KRAS": ["0", "2", "NA", "0"]}),
    "meta_cna_long.txt": _meta("COPY_NUMBER_ALTERATION", "DISCRETE_LONG", "data_cna_long.txt", "cna_long"),
    "data_cna_long.txt": "Hugo_Symbol\tEntrez_Gene_Id\tSample_Id\tValue\nTP53\t7157\tS1\t-2\nKRAS\t3845\tS1\t0\nTP53\t7157\tS2\t1\n",
    "meta_rna.txt": _meta("MRNA_EXPRESSION", "CONTINUOUS", "data_rna.txt", "rna_seq_v2_mrna"),
    "data_rna.txt": _matrix("Hugo_Symbol", {"TP53": ["100.5", "20", "0", "7"], "ALK": ["1", "2000", "3", "4"]}),
    "meta_rna_z.txt": _meta("MRNA_EXPRESSION", "Z-SCORE", "data_rna_z.txt", "rna_seq_v2_mrna_median_all_sample_Zscores"),
    "data_rna_z.txt": _matrix("Hugo_Symbol", {"TP53": ["1", "-1", "0", "0"]}),
    "meta_rppa.txt": _meta("PROTEIN_LEVEL", "LOG2-VALUE", "data_rppa.txt", "rppa"),
    "data_rppa.txt": _matrix("Composite.Element.REF", {"EGFR|EGFR_pY1068": ["0.5", "-1", "0.25", "2"]}, entrez=False),
    "meta_methylation.txt": _meta("GENERIC_ASSAY", "LIMIT-VALUE", "data_methylation.txt", "methylation_hm450", generic_assay_type="METHYLATION", generic_entity_meta_properties="NAME,DESCRIPTION,TRANSCRIPT_ID"),
    "data_methylation.txt": "ENTITY_STABLE_ID\tNAME\tDESCRIPTION\tTRANSCRIPT_ID\tS1\tS2\tS3\tS4\n"
    "cg00000029\tRBL2\tTSS1500\tNM_1\t0.1\t0.2\t0.3\tNA\ncg00000108\tC3orf35\tBody\tNM_2\t0.9\t0.8\t0.7\t0.6\n",
    "meta_sv.txt": _meta("STRUCTURAL_VARIANT", "SV", "data_sv.txt", "structural_variants"),
    "data_sv.txt": "Sample_Id\tSV_Status\tSite1_Hugo_Symbol\tSite1_Entrez_Gene_Id\tSite2_Hugo_Symbol\tSite2_Entrez_Gene_Id\n"
    "S3\tSOMATIC\tEML4\t27436\tALK\t238\nS4\tGERMLINE\tBRCA2\t675\t\t\nS1\tSOMATIC\tTP53\t7157\t\t\n",
    "case_lists/cases_sv.txt": "cancer_study_identifier: inv\nstable_id: inv_sv\ncase_list_ids: S1\tS2\tS3\tS4\n",
    "meta_timeline_treatment.txt": _meta("CLINICAL", "TIMELINE", "data_timeline_treatment.txt"),
    "data_timeline_treatment.txt": "PATIENT_ID\tSTART_DATE\tSTOP_DATE\tEVENT_TYPE\tTREATMENT_TYPE\tAGENT\nP1\t10\t40\tTreatment\tChemotherapy\tCisplatin\n",
    "meta_timeline_status.txt": _meta("CLINICAL", "TIMELINE", "data_timeline_status.txt"),
    "data_timeline_status.txt": "PATIENT_ID\tSTART_DATE\tEVENT_TYPE\tSTATUS\nP2\t90\tSTATUS\tProgression\n",
    "meta_seg.txt": _meta("COPY_NUMBER_ALTERATION", "SEG", "data_cna_hg19.seg", reference_genome_id="hg19"),
    "data_cna_hg19.seg": "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\nS1\t17\t1\t8000000\t9\t-0.5\nS2\t17\t7500000\t9000000\t9\t0.25\n",
    "meta_mutsig.txt": _meta("MUTSIG", "Q-VALUE", "data_mutsig.txt"),
    "data_mutsig.txt": "rank\tgene\n1\tTP53\n",
    "data_supplement.txt": "a\tb\n1\t2\n",
}  # fmt: skip
"""Whom the rules are about: S1 is sequenced by the case list alone (all genes), S2 and S3 by a panel of two genes, S5 by
none although the list names it, S6 by a panel of which no file tells the genes; S4 is in neither, S4b is P4's metastasis."""


def write(folder: Path, **changed: str | None) -> Path:
    """The study folder, some files changed (name, dots and slashes as __ -> text) or left out (None)."""
    for name, text in FILES.items():
        content = changed.get(name.replace("/", "__").replace(".", "__"), text)
        if content is None:
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def study(folder: Path, more: str = "", bundle: str = "", **changed: str | None) -> clinome.Study:
    """A study file of this one bundle. more: further sections; bundle: further keys of the bundle."""
    write(folder / "inv", **changed)
    (folder / "genes.tsv").write_text("symbol\tentrez_id\n" + "".join(f"{s}\t{e}\n" for s, e in GENES.items()))
    text = f'name = "inv"\nstore = "inv.graph"\n[identifiers]\ngenes = "genes.tsv"\n[bundle.portal]\nformat = "cbioportal"\npath = "inv"\n{bundle}\n{more}'
    (folder / "study.toml").write_text(text)
    return clinome.Study.read(folder / "study.toml")
