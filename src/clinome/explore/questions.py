"""Questions to an open graph, each answered by a bounded part of it: `graph.find`, `gene`, `patient`, `around`, `paths`, …"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from clinome.explore.network import Network
from clinome.loaders.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from clinome.graphs.search.find import Search
    from clinome.graphs.store.protocol import VectorStore
    from clinome.graphs.tables.study_tables import Tables
    from clinome.study import Study


class Questions:
    """What one asks of a graph in words: a gene, a patient, a run, and what lies between them.

    store, study, tables: of the open graph.
    """

    store: VectorStore
    study: Study
    tables: Tables

    def find(self, text: str, limit: int = 20) -> pd.DataFrame:
        """Search by symbol, old symbol, name or code, which forgives a typing mistake.

        The sure ways first (id, code with or without its vocabulary, symbol, old symbol and alias of the study's gene
        table, name, beginning of a name); where none of them answers, what is nearly written so, or is part of a name.
        Patients, samples, variants and probes are found by their ids alone; of a label with more than 100,000 names the
        first 100,000 are looked through for mistakes. The same answer on every store.
        Args:
            text: what one remembers, such as TP53, p53, I50, "lung cancer".
            limit: so many at the most.
        Returns: label, id, name, how, score (0 to 1), the likeliest first; no rows where nothing is near.
        Example:
            graph.find("TP35")
        """
        return self._search.find(text, limit).to_pandas()

    def gene(self, text: str, limit: int = 60) -> Network:
        """One gene: what lies around it, its other names, in how many patients it is mutated, its ranks in runs (`about`).

        Args:
            text: a symbol, also an old one, or an id.
            limit: nodes at the most, folded ones too.
        Returns: a `Network`; its table as of `around`.
        Raises: InputError that names the nearest, where no gene is meant.
        Example:
            graph.gene("TP53").about["ranks"]
        """
        from clinome.graphs.entities.gene import gene

        return Network(gene(self._search, text, limit))

    def patient(self, id: str, limit: int = 60) -> Network:
        """One patient: mutated genes and codes, those first that runs rank, values far from the mean, predictions.

        Args:
            id: as in the graph.
            limit: nodes at the most; each kind of relationship has its share.
        Returns: a `Network`; table: relationship, label, id, name, number, value, z, layer, time, known_time, rank.
        Raises: InputError for a patient who is not there; the id is not quoted.
        Example:
            graph.patient("P00017").table()
        """
        from clinome.graphs.entities.patient import patient

        return Network(patient(self.store, id, limit))

    def around(self, id: str, hops: int = 1, limit: int = 100, label: str | None = None) -> Network:
        """Neighbourhood of a node, chosen by relevance, never more nodes than the limit.

        Of kinds of relationship that a node has thousands of, one folded node says how many; of gene sets the most
        specific come first, and those that share half of their genes with a smaller one stand with it.
        Args:
            id: of the node, as in the graph: a CURIE such as NCBIGene:7157, or a patient's id; or a symbol, code or name
                that means one node alone.
            hops: 1 to 4; through nodes with more than 1,000 links of one kind nothing is walked.
            limit: nodes at the most, folded ones too; 2 to 2,000.
            label: of the node, where several labels have one of this id.
        Returns: a `Network`; table: hop, relationship, label, id, name, score, number.
        Raises: InputError for a node that is not there, and for hops or a limit out of range.
        Example:
            graph.around("NCBIGene:7157", hops=2, limit=80).cut
        """
        from clinome.graphs.entities.around import around

        return Network(around(self._search, id, hops, limit, label))

    def paths(self, gene: str, diagnosis: str, limit: int = 60) -> Network:
        """Ways from a gene to a diagnosis: known, by a drug, a phenotype, a partner, a shared pathway; who has both.

        Args:
            gene: symbol or id.
            diagnosis: code or name; what is below it, and diseases that these map to, count too.
            limit: nodes at the most.
        Returns: a `Network`; table: kind, path, score, members. Fewer than 10 patients are not counted out.
        Raises: InputError that names the nearest, where a name means nothing in the graph.
        Example:
            graph.paths("EGFR", "lung cancer").table()
        """
        from clinome.graphs.entities.paths import paths

        return Network(paths(self._search, gene, diagnosis, limit))

    def story(self, id: str, limit: int = 60, alike: int = 5) -> Network:
        """One patient's story on both clocks: what happened when, when it was known, predictions, who was alike.

        Args:
            id: as in the graph.
            limit: nodes of the network.
            alike: so many similar patients, where there are embeddings (`clinome.write_embeddings`), and their outcomes.
        Returns: a `Network`; table: time, known_time, what, label, id, name, value, unit, text, visit, in the order in
            which it was known.
        Raises: InputError for a patient who is not there; the id is not quoted.
        Example:
            graph.story("P00017").table()
        """
        from clinome.graphs.entities.story import story

        return Network(story(self.store, id, limit, alike))

    def biomarkers(self, run: Any = None, genes: int = 30, pathways: int = 12) -> Network:
        """Biomarker network of a run: its first genes with effect and stability, specific pathways that hold two, who meets whom.

        Args:
            run: a `Run`, its name, or STUDY/RUN of another study in this graph (default: the study's own).
            genes: the first so many by rank.
            pathways: so many, the smallest first; of those that hold the same genes one.
        Returns: a `Network`; table: rank, id, name, layer, effect, stability, q, pathways, interactions.
        Raises: InputError for a run that the graph does not hold, and one that ranks no gene.
        Example:
            graph.biomarkers().save("biomarkers.svg")
        """
        from clinome.graphs.entities.biomarkers import biomarkers

        name = self.study.name if run is None else str(getattr(run, "name", run))
        return Network(biomarkers(self.store, name if "/" in name else f"{self.tables.study}/{name}", genes, pathways))

    @cached_property
    def _search(self) -> Search:
        from clinome.graphs.search.find import Search
        from clinome.loaders.identifiers.genes import other_names, read_genes

        file = self.study.identifiers.genes
        if file is None:
            return Search(self.store)
        if not file.is_file():
            fix = "put it back, or correct [identifiers] genes"
            raise InputError("the gene table is not there, and old symbols cannot be looked up", file, fix=fix)
        return Search(self.store, other_names(read_genes(file)))
