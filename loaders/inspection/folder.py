"""Inspection of a folder: its files -> sections of a study file, cohorts and tasks to choose from, and what is open."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import ClinomeError, InputError
from ..identifiers.genes import read_genes
from ..omics.vcf import samples_of
from . import knowledge_files as knowledge
from .encounters import Records, as_records
from .file_head import Head, readable
from .folder_files import MANY, ending, files_of, is_paper, section_name, why_not_read
from .layers import (
    Matrix,
    NamesTaken,
    Whose,
    as_matrix,
    is_maf,
    omics_sections,
    pairs,
    share_known,
    suffix_sections,
    suffixes,
)
from .names import SUBJECT, Space, named_by, namespace, plain_name
from .omics.anndata_file import anndata_section
from .omics.study_folder import StudyFolder, study_folder
from .outcomes import Direction, Inputs, Proposal, possible_labels, proposals, responses
from .parts import is_calls, merged, shown, twice
from .people import (
    PatientsTable,
    batches,
    further_tables,
    id_columns,
    is_split,
    is_transposed,
    odd_cells,
    patients_section,
    patients_tables,
    same_form,
    samples_section,
    unjoined,
    whose_among,
)
from .records.formats import UNDATED, is_timeline, note_tables, places, record_folders, record_section
from .records.hourly import hourly_section, is_hourly
from .records.note_table import known_notes, notes_keys, texts_of
from .records.record_folder import RecordFolder
from .section import Section
from .study_text import tells_later

_LIST, _LOOKED_AT = 1, 60
_STRANGERS = "a table of other patients than [patients]: put one study into one folder"


@dataclass(frozen=True)
class Inspection:
    """What a look into a folder gave.

    sections: of the study file, in its order. proposals: cohorts and tasks, the likeliest first. questions: what could
    not be decided. unread: file -> why it is not in the study. files: how many were looked at.
    """

    sections: tuple[Section, ...]
    proposals: tuple[Proposal, ...]
    questions: tuple[str, ...]
    unread: dict[str, str]
    files: int

    @property
    def loads(self) -> bool:
        """Whether any section brings patients as it stands."""
        return any(s.ready and s.name != "identifiers" for s in self.sections)

    @property
    def chosen(self) -> Proposal | None:
        """The first task that needs no answer and whose column is called an outcome; None where there is none."""
        return chosen_of(self.proposals)


def chosen_of(proposals: Sequence[Proposal]) -> Proposal | None:
    """The task that is written: the first that needs no answer and whose column is called an outcome."""
    return next((one for one in proposals if one.decided and one.rank >= 2), None)


def inspect_folder(folder: Path, direction: Direction, base: Path | None = None) -> Inspection:
    """Look into a folder of files as a colleague would; of large files at their beginnings alone.

    Args:
        direction: whether a word says that something happened (`graphs.cohort.labels.direction`).
        base: where the study file will lie, for the paths in it; default: the folder itself.
    Raises: InputError where there is no such folder.
    Example: inspect_folder(Path("lung"), direction).sections
    """
    if not folder.is_dir():
        raise InputError("there is no such folder", folder, fix="name a folder of files")
    look = _Look(folder, base or folder, direction)
    return look.all()


@dataclass
class _Look:
    """One look: what was found so far."""

    folder: Path
    base: Path
    direction: Direction
    space: Space = namespace
    names: NamesTaken = field(default_factory=NamesTaken)
    sections: list[Section] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    matrices: dict[str, Matrix] = field(default_factory=dict)
    strangers: set[Path] = field(default_factory=set)
    records: list[Records] = field(default_factory=list)
    clocks: set[str] = field(default_factory=set)

    def all(self) -> Inspection:
        files = files_of(self.folder)
        if len(files) == MANY:
            self.questions.append(
                f"the folder holds {MANY:,} files or more: {MANY:,} were looked at; name one folder a study"
            )
        if (study := study_folder(self.folder)) is not None:
            return self._bundle(study, files)
        folders = record_folders(files)
        taken = {path for one in folders for path in one.files if path != one.people}
        heads = self._heads([path for path in files if path not in taken])
        genes = self._genes(heads)
        if genes is not None:
            self.space = named_by(read_genes(genes.path))
        tables = patients_tables([head for head in heads if head is not genes and known_notes(head, "") is None])
        people, also = self._people(tables, heads)
        used = self._used(heads, people)
        sampled = samples_section(
            [h for h in heads if h is not genes], people.ids if people else None, used, self._paths(heads)
        )
        whose = whose_among(people.ids, sampled[1] if sampled else None) if people else None
        if people is None and sampled is not None:
            whose = whose_among((), sampled[1])
        if sampled is not None:
            self.sections.append(sampled[0])
            self.unread.pop(str(sampled[0].keys["path"]), None)
        for path in (path for path in files if path.name.lower().endswith((".h5ad", ".h5mu"))):
            self._anndata(path, whose)
        done = {genes.path} if genes else set()
        done |= {table.head.path for table in also if not table.layered}
        if sampled is not None:
            done |= {head.path for head in heads if self._path(head.path) == sampled[0].keys["path"]}
        self._vcf([path for path in files if ending(path) == "vcf"], whose, people)
        self._lists(heads, done, whose)
        for head in heads:
            if head.path in done:
                continue
            if (people is None or head is not people.head) and (notes := self._notes(head, whose)) is not None:
                self.sections.append(notes)
            else:
                self._one(head, whose, people)
        self._record_folders(folders)
        self.sections = merged(self.sections, self.matrices)
        self.questions += twice(self.sections)
        self._profiled(heads, people, whose)
        return self._end(people, files, sampled is not None and "time" in sampled[0].keys)

    def _bundle(self, study: StudyFolder, files: Sequence[Path]) -> Inspection:
        """A study folder of cBioPortal is one section; what else lies in it is looked at as ever."""
        heads = self._heads([path for path in files if not study.owns(path)])
        genes = self._genes(heads)
        self.sections.append(
            Section("bundle.study", {"format": "cbioportal", "path": self._path(study.folder)}, study.why)
        )
        for file, why in study.left_out.items():
            self._leave(study.folder / file, why)
        self.clocks |= {"relative"} if study.timelines else set()
        whose = whose_among(study.people.ids, study.samples) if study.people else None
        for head in heads:
            if head is not genes:
                self._one(head, whose, study.people)
        return self._end(study.people, files, dated_samples=False)

    def _path(self, path: Path) -> str:
        return Path(os.path.relpath(path, self.base)).as_posix()

    def _paths(self, heads: Sequence[Head]) -> dict[Path, str]:
        return {head.path: self._path(head.path) for head in heads}

    def _heads(self, files: Sequence[Path]) -> list[Head]:
        """The tables; what is none of them is named or taken as knowledge by its name."""
        heads = []
        for path in files:
            if is_paper(path) or ending(path) in ("h5ad", "h5mu", "vcf"):
                continue
            if (why := why_not_read(path)) is not None:
                self._leave(path, why)
            elif (format := knowledge.format_of(path)) is not None:
                self._knowledge(path, format)
            elif ending(path) == "gmt":
                self._gmt(path)
            elif isinstance(head := readable(path), Head):
                heads.append(head)
            else:
                self._leave(path, head)
        return heads

    def _leave(self, path: Path, why: str) -> None:
        self.unread[self._path(path)] = why

    def _knowledge(self, path: Path, format: str) -> None:
        name = self.names.take(section_name(path))
        section, question = knowledge.knowledge_section(path, self._path(path), format, name)
        if isinstance(section, Section):
            self.sections.append(section)
            self.questions += [question] if question else []
        else:
            self._leave(path, section)

    def _gmt(self, path: Path) -> None:
        section = knowledge.gene_sets(path, self._path(path), self.names.take(section_name(path)))
        if section is None:
            self._leave(path, "no gene sets: a name, a description and genes, tab-separated, in each line")
        else:
            self.sections.append(section)

    def _genes(self, heads: Sequence[Head]) -> Head | None:
        """`[identifiers]`: the gene table of most columns."""
        found = sorted(
            (h for h in heads if h.header and not is_maf(h) and knowledge.is_gene_table(h)),
            key=lambda h: -h.frame.width,
        )
        if not found:
            return None
        why = ("a table of symbols and Entrez ids: names of genes are brought to NCBIGene through it",)
        self.sections.append(Section("identifiers", {"genes": self._path(found[0].path)}, why))
        for other in found[1:]:
            self._leave(other.path, f"a gene table too; {self._path(found[0].path)} has more columns and is used")
        return found[0]

    def _people(
        self, tables: Sequence[PatientsTable], heads: Sequence[Head]
    ) -> tuple[PatientsTable | None, list[PatientsTable]]:
        """[patients], and every table that it makes use of, or that a question names."""
        if not tables:
            return None, []
        paths = self._paths(heads)
        first = self._with_outcome(tables[0], [t for t in tables[1:] if t.head is not tables[0].head])
        rest = [table for table in tables if table.head is not first.head]
        parts = same_form(first, rest)
        joined, asked = ([first], []) if parts else further_tables(first, rest, paths)
        files = [paths[table.head.path] for table in (*joined, *parts)]
        first = replace(first, ids=first.ids.union(*(table.ids for table in parts)))
        section = patients_section(first, files[0])
        keys = {**section.keys, "path": files[0] if len(files) == 1 else files}
        self.sections.append(Section(section.name, keys, section.why))
        if parts:
            self.questions.append(
                f"{len(files)} tables of one form and of different patients: all are in [patients]; take out what is another study"
            )
        self.questions += [*asked, *odd_cells(first), *batches(first)]
        also = [t for t in rest if len(t.ids & first.ids) >= 0.5 * min(len(t.ids), len(first.ids))]
        for path in {t.head.path for t in also if not t.layered} - {t.head.path for t in (*joined, *parts)}:
            if not any(question.startswith(f"{paths[path]} has ") for question in asked):
                self._leave(path, "nothing of the same patients that [patients] does not have")
        self.strangers = {t.head.path for t in rest if not t.ids & first.ids} - {t.head.path for t in also}
        return first, [first, *also]

    def _with_outcome(self, first: PatientsTable, rest: Sequence[PatientsTable]) -> PatientsTable:
        """The first table, or another one of the same patients under the same id that has an outcome where it has none."""

        def best(table: PatientsTable) -> float:
            return max((one.rank for one in proposals(table, (), Inputs(layers=True), self.direction)), default=0.0)

        same = [t for t in rest if t.id == first.id and len(t.ids & first.ids) > 0.5 * len(first.ids) and not t.layered]
        return max([first, *same], key=lambda table: round(best(table)) + 0.1 * (table is first))

    def _used(self, heads: Sequence[Head], people: PatientsTable | None) -> list[list[str]]:
        """The ids that omics files carry, for whom they are."""
        used = []
        for head in heads:
            if is_maf(head):
                name = next((n for n in head.frame.columns if n.lower() == "tumor_sample_barcode"), None)
                used += [[*head.ids(name)]] if name else []
            elif (matrix := as_matrix(head, None, self.space)) is not None and not suffixes(head):
                rows = [str(c).strip() for c in head.frame[matrix.column].drop_nulls()]
                used += [list(matrix.ids), rows, [n for n in head.names if n][1:]]
            elif pairs(head, None, self.space):
                used += [[*head.ids(name)] for name in head.frame.columns[:2]]
        return [ids for ids in used if ids]

    def _anndata(self, path: Path, whose: Whose | None) -> None:
        try:
            answer = anndata_section(path, self._path(path), whose, self.names, self.space)
        except ClinomeError as error:
            self._leave(path, str(error).removeprefix(f"{path}: "))
            return
        self.sections += answer.sections
        self.questions += answer.questions

    def _vcf(self, files: Sequence[Path], whose: Whose | None, people: PatientsTable | None) -> None:
        """VCF files: all are one layer, as each may hold one patient."""
        ids: dict[str, list[str]] = {}
        for path in files:
            try:
                ids[self._path(path)] = samples_of(path)
            except ClinomeError as error:
                self._leave(path, str(error).removeprefix(f"{path}: "))
        if ids:
            keys: dict[str, object] = {"path": [*ids] if len(ids) > 1 else next(iter(ids)), "kind": "mutation"}
            why = ("VCF: genes and consequences as the files themselves annotate them (ANN, CSQ)",)
            self._omics(keys, "mutations", why, [one for each in ids.values() for one in each], whose, people)

    def _lists(self, heads: Sequence[Head], done: set[Path], whose: Whose | None) -> None:
        """Lists of ids, folds, splits and gene columns: no sources of their own."""
        for head in heads:
            names = {plain_name(name) for name in head.names}
            if head.path in done:
                continue
            if {"fold", "subject_id", "split"} <= names:
                self._leave(head.path, f'given folds: `folds = "{self._path(head.path)}"` in [evaluate] takes them')
            elif is_split(head):
                self._leave(
                    head.path,
                    "lists of a split: not used; `folds` in [evaluate] takes a file with fold, subject_id, split",
                )
            elif head.frame.width == _LIST and (
                whose is None or share_known(head.ids(head.frame.columns[0]), whose) > 0.5
            ):
                self._leave(
                    head.path,
                    "a list" if whose is None else "a list of ids: of who was sequenced, `profiled` takes it",
                )
            else:
                continue
            done.add(head.path)

    def _one(self, head: Head, whose: Whose | None, people: PatientsTable | None) -> None:
        """What one table is, in the order of how sure its form is."""
        path = self._path(head.path)
        if is_maf(head):
            self._maf(head, whose, people)
        elif is_timeline(head):
            self._timeline(head, path)
        elif people is not None and head is people.head:
            self.sections += suffix_sections(head, people.id, path, self.names, self.space)
        elif suffixes(head):
            id = next((c.name for c in id_columns(head) if share_known(head.ids(c.name), whose) > 0.5), None)
            if id is None:
                self._leave(
                    head.path,
                    _STRANGERS if head.path in self.strangers else "layers without a column of the study's ids",
                )
                return
            self.sections += suffix_sections(head, id, path, self.names, self.space)
        elif (found := pairs(head, whose, self.space)) is not None:
            self._pairs(head, found, path, whose, people)
        elif (matrix := as_matrix(head, whose, self.space)) is not None:
            self._matrix(matrix, path, whose, people)
        elif (section := knowledge.edges(head, path, self.space)) is not None:
            self.sections.append(replace(section, name=f"knowledge.{self.names.take(section_name(head.path))}"))
        elif head.header and is_hourly(head):
            self._hourly(head, head.path, "vitals")
        elif head.header and (
            records := as_records(head, path, lambda: self.names.take(section_name(head.path)), whose)
        ):
            self._csv_records(records)
        elif head.path in self.strangers:
            self._leave(head.path, _STRANGERS)
        else:
            self._leave(head.path, _unknown(head))

    def _notes(self, head: Head, whose: Whose | None) -> Section | None:
        """`[notes.NAME]`, where a table is of a format of notes, or a column holds texts."""
        if (told := known_notes(head, self._path(head.path))) is not None:
            keys, why, named = told
            ready = whose is None or share_known(head.ids(named), whose) > 0
            return Section(f"notes.{self.names.take(section_name(head.path))}", keys, why, ready)
        ids = [one.name for one in id_columns(head) if one.name not in texts_of(head)]
        called = [name for name in ids if whose is not None or SUBJECT.search(plain_name(name))]
        known = next((name for name in called if share_known(head.ids(name), whose) > 0.5), None)
        found = notes_keys(head, self._path(head.path), known)
        if found is None:
            return None
        return Section(f"notes.{self.names.take(section_name(head.path))}", *found)

    def _maf(self, head: Head, whose: Whose | None, people: PatientsTable | None) -> None:
        name = next((n for n in head.frame.columns if n.lower() == "tumor_sample_barcode"), None)
        if name is None:
            self._leave(head.path, "a MAF without Tumor_Sample_Barcode: nobody's mutations")
            return
        keys: dict[str, object] = {"path": self._path(head.path), "kind": "mutation"}
        self._omics(
            keys,
            "mutations",
            ("a MAF: who has no variant in it is unknown, unless `profiled` says so",),
            sorted(head.ids(name)),
            whose,
            people,
        )

    def _pairs(
        self,
        head: Head,
        found: tuple[str | int, str | int],
        path: str,
        whose: Whose | None,
        people: PatientsTable | None,
    ) -> None:
        keys: dict[str, object] = {"path": path, "kind": "mutation", "subject": found[0], "gene": found[1]}
        column = head.frame.columns[found[0]] if isinstance(found[0], int) else found[0]
        self._omics(
            keys, "mutations", ("pairs of a patient and a mutated gene",), sorted(head.ids(column)), whose, people
        )
        self.questions.append(
            f"{path}: pairs of patients and genes are taken for mutations; if they are something else, leave them out"
        )

    def _omics(
        self,
        keys: dict[str, object],
        name: str,
        why: tuple[str, ...],
        ids: list[str],
        whose: Whose | None,
        people: PatientsTable | None,
    ) -> None:
        ready = self._joined(str(keys["path"]), ids, whose, people)
        self.sections.append(Section(f"omics.{self.names.take(name)}", keys, why, ready))

    def _joined(self, path: str, ids: Sequence[str], whose: Whose | None, people: PatientsTable | None) -> bool:
        """Whether a file has ids of the study; what is asked where it has none, or few."""
        share = share_known(ids, whose)
        if people is not None and not people.head.whole:
            return True  # the others may be beyond its head
        if share == 0 and people is not None:
            self.questions.append(unjoined(path, ids, people.ids))
        elif share < 1 and people is not None:
            lost = round((1 - share) * len(set(ids)))
            self.questions.append(
                f"{path}: about {lost:,} of its {len(set(ids)):,} ids are not in [patients]: they are left out"
            )
        return share > 0

    def _matrix(self, matrix: Matrix, path: str, whose: Whose | None, people: PatientsTable | None) -> None:
        ready = self._joined(path, matrix.ids, whose, people)
        answer = omics_sections(matrix, path, whose, self.names, self.space)
        self.matrices |= {section.name: matrix for section in answer.sections}
        self.sections += [Section(s.name, s.keys, s.why, s.ready and ready) for s in answer.sections]
        self.questions += answer.questions

    def _timeline(self, head: Head, path: str) -> None:
        keys = {"format": "timeline", "path": path}
        self.sections.append(
            Section(
                f"records.{self.names.take(section_name(head.path))}",
                keys,
                ("a timeline of cBioPortal: days since diagnosis",),
            )
        )
        self.clocks.add("relative")

    def _csv_records(self, records: Records) -> None:
        self.sections += records.answer.sections
        self.questions += records.answer.questions
        if records.clock:
            self.records.append(records)
            self.clocks.add(records.clock)

    def _record_folders(self, folders: Sequence[RecordFolder]) -> None:
        for one in folders:
            if one.format == "hourly":
                self._hourly(None, one.root, "vitals")
                continue
            where = [self._path(path) for path in (places(one, self.base) if one.format == "fhir" else [one.root])]
            name = self.names.take("ehr")
            self.sections.append(record_section(one, where if len(where) > 1 else where[0], name))
            for parts in note_tables(one):  # the records' reader leaves them
                if isinstance(head := readable(parts[0]), Head) and (notes := self._notes(head, None)) is not None:
                    several = {"path": [self._path(path) for path in parts]} if len(parts) > 1 else {}
                    self.sections.append(replace(notes, keys={**notes.keys, **several}))
            self.clocks.add("relative" if one.format in UNDATED else "dated")

    def _hourly(self, head: Head | None, file: Path, name: str) -> None:
        answer = hourly_section(head, file, self._path(file), self.names.take(name))
        self.sections += answer.sections
        self.questions += answer.questions
        if answer.sections[0].ready:
            self.clocks.add("relative")

    def _profiled(self, heads: Sequence[Head], people: PatientsTable | None, whose: Whose | None) -> None:
        """Who was sequenced at all: a list in the folder, else a question."""
        calls = [i for i, s in enumerate(self.sections) if is_calls(s) and s.name not in self.matrices]
        if not calls or people is None:
            return
        section = self.sections[calls[0]]
        lists = [h for h in heads if h.frame.width == _LIST and share_known(h.ids(h.frame.columns[0]), whose) > 0.5]
        if lists:
            path = self._path(lists[0].path)
            why = (*section.why, "profiled: the ids in that list")
            self.sections[calls[0]] = Section(section.name, {**section.keys, "profiled": path}, why)
            self.unread.pop(path, None)
            self.questions.append(f"[{section.name}] profiled: {path} is taken for the list of who was sequenced")
            return
        self.questions.append(
            f"[{section.name}] profiled: patients without a row in {shown(section)} are unknown; if all in [patients] were "
            'sequenced, add profiled = "patients", or name a list of who was'
        )

    def _end(self, people: PatientsTable | None, files: Sequence[Path], dated_samples: bool) -> Inspection:
        ready = [s for s in self.sections if s.ready]
        clock = next((c for c in ("relative", "order", "dated") if c in self.clocks), "")
        inputs = Inputs(
            clock,
            any(s.name.startswith(("omics.", "bundle.")) for s in ready),
            any(s.name.startswith("records.") for s in ready),
            dated_samples,
        )
        found = proposals(people, self.records, inputs, self.direction)
        found = sorted([*found, *responses(ready)], key=lambda one: -one.rank)
        order = ("identifiers", "bundle", "patients", "samples", "omics", "records", "notes", "knowledge")
        sections = sorted(self.sections, key=lambda s: order.index(s.name.partition(".")[0]))
        questions = (
            [one.question for one in found[:1] if one.question] + self._task_questions(found, people) + self.questions
        )
        return Inspection(tuple(sections), tuple(found), tuple(dict.fromkeys(questions)), self.unread, len(files))

    def _task_questions(self, found: Sequence[Proposal], people: PatientsTable | None) -> list[str]:
        chosen = chosen_of(found)
        if chosen is not None:
            others = len(found) - 1
            text = f"the task: {chosen.title} is written" + (f"; {others} more are there as comments" if others else "")
            extra = chosen.task.keys.get("covariates", ())
            if len(extra) > 3:
                text += "; every column that does not sound like an outcome is a covariate: take out what is known only later"
            return [text]
        if found:
            return ["no task is written yet: those there are stand as comments, each with what must be said before"]
        columns = possible_labels(people)
        text = f": {', '.join(columns[:12])} have a few values each" if columns else ""
        later = "; or predict what the records say later: [task] target" if tells_later(self.sections) else ""
        return [f"no column is called an outcome{text}: name yours in [cohort] and [task]{later}"]


def _unknown(head: Head) -> str:
    width, rows = head.frame.width, head.frame.height
    more = "" if head.whole else " or more"
    if is_transposed(head):
        return f"a table of {width - 1:,} columns that look like patients: turn it, one row a patient, to take it as [patients]"
    commas = sum(head.column(name).commas for name in head.frame.columns[:_LOOKED_AT])
    if commas > 1:
        return f"a table of numbers with decimal commas ({commas} columns or more): write them with points"
    sets = [namespace(head.frame[name].drop_nulls().to_list()) for name in head.frame.columns[:_LOOKED_AT]]
    if head.header and len(sets) > 1 and sets.count("symbol") == len(sets):
        return "columns of genes: as gene sets write them as GMT (name, description, genes; a line a set)"
    what = "was not recognised as patients, a layer, records or knowledge"
    if head.header and not id_columns(head):
        what += "; as [patients] or records it needs a column of ids, for example patient_id"
    return f"a table of {rows:,}{more} rows and {width} columns: it {what}"
