"""Models: a snapshot -> learners, evaluation, biomarkers. No store, no files."""

if __name__ != "clinome.models":
    raise ImportError("import clinome.models, not models: the folders at the root are parts of one package")
