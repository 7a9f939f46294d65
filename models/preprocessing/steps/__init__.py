"""Steps between what was measured and what is scaled: batch correction and imputation."""
