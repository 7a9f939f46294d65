"""What a study that a model is asked to predict lacks, and what of it the model does not know; in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class InputGaps:
    """What was missing, and what was not known, in one served snapshot. Numbers and names only."""

    rows: int
    patients: int
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)
    unknown_layers: list[str] = field(default_factory=list)
    covariates: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: dict[str, int] | None = None
    unknown_records: bool = False

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))

    def words(self) -> list[str]:
        """One plain line for everything that a reader of the predictions has to know."""
        said = [line for name, one in self.layers.items() for line in self._of_layer(name, one)]
        said += [f"layer {name} is unknown to the model, and not used" for name in self.unknown_layers]
        for name, one in self.covariates.items():
            what = self._missing(f"covariate {name}", one["missing_rows"])
            said += [f"{line} (it is {one['instead']} here)" if one["instead"] else line for line in what]
        if self.unknown_records:
            said.append("records are unknown to the model, and not used")
        if self.records is not None:
            r = self.records
            said += self._missing("records", r["missing_rows"], verb="are")
            if r["unknown_codes"]:
                said.append(
                    f"{r['unknown_codes']:,} of {r['codes']:,} codes are unknown to the model "
                    f"({r['unknown_events']:,} of {r['events']:,} events)"
                )
        return said

    def _of_layer(self, name: str, one: Mapping[str, Any]) -> list[str]:
        said = self._missing(f"layer {name}", one["missing_rows"])
        if one["missing_rows"] == self.rows:
            return said
        if one["absent"]:
            why = "not found in anyone here" if one["kind"] == "mutation" else "missing here"
            said.append(f"layer {name}: {one['absent']:,} of {one['features']:,} features are {why}")
        if one["unknown"]:
            use = "only count towards how many there are" if one["kind"] == "mutation" else "are not used"
            said.append(f"layer {name}: {one['unknown']:,} features are unknown to the model, and {use}")
        if one["scale"]:
            said.append(f"layer {name}: scale is {one['scale']} as where the model was trained")
        return said

    def _missing(self, what: str, rows: int, verb: str = "is") -> list[str]:
        if not rows:
            return []
        people = "patients" if self.rows == self.patients else "rows"
        many = f"all {self.rows:,}" if rows == self.rows else f"{rows:,} of {self.rows:,}"
        return [f"{what} {verb} missing for {many} {people}"]
