"""Variant consequence: MAF classes and Sequence Ontology terms -> whether they change the gene's product.

Sources: the GDC's MAF format (Variant_Classification), Ensembl's calculated consequences (impact HIGH and MODERATE change
a protein, LOW and MODIFIER do not), SnpEff's further terms.
"""

from __future__ import annotations

import re

import polars as pl

CHANGING = frozenset(
    ("missense_mutation", "nonsense_mutation", "nonstop_mutation", "frame_shift_del", "frame_shift_ins",
     "in_frame_del", "in_frame_ins", "splice_site", "translation_start_site", "start_codon_snp", "start_codon_ins",
     "start_codon_del", "stop_codon_ins", "stop_codon_del", "de_novo_start_inframe", "de_novo_start_outofframe",
     "missense", "nonsense", "nonstop", "frameshift", "inframe", "splice", "truncating", "transcript_ablation",
     "splice_acceptor_variant", "splice_donor_variant", "stop_gained", "frameshift_variant", "stop_lost",
     "start_lost", "transcript_amplification", "feature_elongation", "feature_truncation", "inframe_insertion",
     "inframe_deletion", "missense_variant", "protein_altering_variant", "conservative_inframe_insertion",
     "conservative_inframe_deletion", "disruptive_inframe_insertion", "disruptive_inframe_deletion",
     "exon_loss_variant", "rare_amino_acid_variant", "gene_fusion", "bidirectional_gene_fusion", "fusion")
)  # fmt: skip
"""Classes and terms that change the product of a gene."""
UNCHANGING = frozenset(
    ("silent", "intron", "3'utr", "5'utr", "3'flank", "5'flank", "igr", "rna", "lincrna", "targeted_region",
     "splice_region", "synonymous", "intergenic", "splice_donor_5th_base_variant", "splice_region_variant",
     "splice_donor_region_variant", "splice_polypyrimidine_tract_variant", "incomplete_terminal_codon_variant",
     "start_retained_variant", "stop_retained_variant", "synonymous_variant", "initiator_codon_variant",
     "coding_sequence_variant", "mature_mirna_variant", "5_prime_utr_variant", "3_prime_utr_variant",
     "5_prime_utr_premature_start_codon_gain_variant", "non_coding_transcript_exon_variant", "intron_variant",
     "conserved_intron_variant", "intragenic_variant", "nmd_transcript_variant", "non_coding_transcript_variant",
     "nc_transcript_variant", "coding_transcript_variant", "upstream_gene_variant", "downstream_gene_variant",
     "tfbs_ablation", "tfbs_amplification", "tf_binding_site_variant", "regulatory_region_ablation",
     "regulatory_region_amplification", "regulatory_region_variant", "intergenic_variant", "intergenic_region",
     "conserved_intergenic_variant", "sequence_variant")
)  # fmt: skip
"""Those that do not."""
PROMOTER = frozenset(("5'flank", "upstream_gene_variant"))
DRIVEN_BY_PROMOTER = frozenset(("TERT", "7015"))
"""Genes, by symbol and Entrez id, of which a mutated promoter is a known driver of cancer: there PROMOTER counts."""
_BETWEEN = r"\s*[,&;|]\s*"


def change(classes: pl.Series, genes: pl.Series) -> pl.DataFrame:
    """What each variant does to its gene.

    Args:
        classes: (n,) text, one class or several terms (`a&b`, `a,b`), of which the worst counts; null where not told.
        genes: (n,) symbols or Entrez ids as the file has them.
    Returns: (n,) Boolean columns changing (also where nothing, or no known word, is told), promoter (counted although
        its class is not), unknown (no word of it is known).
    Example:
        >>> change(pl.Series(["intron_variant&splice_donor_variant", "5'Flank"]), pl.Series(["A", "TERT"]))["changing"].to_list()
        [True, True]
    """
    seen = {text: _words(text) for text in classes.drop_nulls().unique()}
    driven = genes.cast(pl.String).str.to_uppercase().is_in(list(DRIVEN_BY_PROMOTER)).fill_null(False)
    promoter = classes.is_in([text for text, words in seen.items() if words & PROMOTER]).fill_null(False) & driven
    loud = classes.is_in([text for text, words in seen.items() if words & CHANGING]).fill_null(False)
    unknown = classes.is_in([text for text, words in seen.items() if words and not words & (CHANGING | UNCHANGING)])
    unknown = unknown.fill_null(False)
    told = classes.is_in([text for text, words in seen.items() if words]).fill_null(False)
    return pl.DataFrame(
        {"changing": loud | promoter | unknown | ~told, "promoter": promoter & ~loud, "unknown": unknown}
    )


def _words(text: str) -> frozenset[str]:
    return frozenset(word for word in re.split(_BETWEEN, text.strip().lower()) if word)
