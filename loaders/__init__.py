"""Loaders: files -> tables. Formats, identifiers, units, rejects. No graph, no torch."""

if __name__ != "clinome.loaders":
    raise ImportError("import clinome.loaders, not loaders: the folders at the root are parts of one package")
