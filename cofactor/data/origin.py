"""Where ratings came from: what reading them left out, and what feedback changed in them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MERGED = {  # what became of the rows of a pair that repeats, after their number
    "latest": "earlier ratings of a pair rated again left out",
    "first": "later ratings of a pair rated again left out",
    "sum": "repeated rows added up",
    "count": "repeated rows counted",
    "mean": "repeated rows averaged",
    "max": "repeated rows left out, the highest kept",
}


@dataclass(frozen=True)
class FeedbackCounts:
    """How many ratings a feedback store added, replaced and deleted, and how many users it left out."""

    name: str  # of the store
    added: int
    replaced: int
    taken_back: int
    forgotten: int = 0  # users in the other data whom the store has forgotten
    store: str = ""  # the identity of the store, as long as `last_note` refers to it
    last_note: int = 0  # the number of the last note on a forgotten user; 0: nobody was forgotten
    outside: int = 0  # ratings outside the stated scale, which were left out
    widened: tuple[float, float] | None = None  # the scale, where ratings of the store are outside that of the data

    def as_record(self) -> dict[str, Any]:
        """The counts as JSON; those of forgotten users, and of the scale, only where there are any."""
        record = asdict(self)
        dropped = () if self.last_note else ("forgotten", "store", "last_note")
        empty = [name for name in ("outside", "widened") if not record[name]]
        return {name: value for name, value in record.items() if name not in (*dropped, *empty)}

    def describe_scale(self) -> str:
        """What the ratings of the store did to the scale, or it to them; empty where they are on it."""
        if self.outside:
            return f", {self.outside:,} rating{'s' * (self.outside > 1)} outside the scale left out"
        if self.widened:
            low, high = self.widened
            return f"; the scale is {low:g} to {high:g} because of them: --scale states another"
        return ""


@dataclass(frozen=True)
class Origin:
    """Where ratings came from, and what reading them left out."""

    name: str
    rows: int  # lines or rows read, good and bad
    duplicates: int = 0  # rows of a pair of user and item that another row stands for
    rejected: int = 0  # lines that could not be used
    rejected_file: Path | None = None  # where they were written
    notes: tuple[str, ...] = ()  # what was not used of tables of features
    feedback: FeedbackCounts | None = None
    repeats: str = "latest"  # what became of rows of one pair: latest, first, sum, count, mean or max
    missing: int = 0  # rows whose value means that there is no rating
    columns: Mapping[str, str] = field(default_factory=dict)  # role -> the column that was read

    def as_record(self) -> dict[str, Any]:
        """The counts as JSON, for the manifest of a model and for `--json`."""
        return {
            "rows": self.rows,
            "repeated": self.duplicates,
            "repeats": self.repeats,
            "missing": self.missing,
            "columns": dict(self.columns),
            "rejected": self.rejected,
            "rejected_file": None if self.rejected_file is None else str(self.rejected_file),
            "notes": list(self.notes),
            "ratings_from": None if self.feedback is None else self.feedback.as_record(),
        }

    def describe_columns(self) -> list[str]:
        """The columns that were read, in one phrase; empty where they are not known."""
        listed = ", ".join(f"{role} = {name}" for role, name in self.columns.items())
        return [f"columns: {listed}"] if listed else []

    def describe(self) -> list[str]:
        """Where the ratings came from and what reading them did, in a line each, for people."""
        rows = f"read from {self.name}, {self.rows:,} row{'s' * (self.rows != 1)}"
        return ["; ".join([rows, *self.describe_columns()]), *self.remarks()]

    def remarks(self) -> list[str]:
        """What was left out or changed, in a phrase each; empty where every row was used as it is."""
        remarks = []
        if self.duplicates:
            merged = MERGED[self.repeats]
            remarks.append(f"{self.duplicates:,} {merged if self.duplicates > 1 else merged.replace('rows', 'row', 1)}")
        if self.missing:
            remarks.append(f"{self.missing:,} row{'s' * (self.missing > 1)} without a rating left out")
        if self.rejected:
            where = f", written to {self.rejected_file}" if self.rejected_file else ""
            remarks.append(f"{self.rejected:,} bad rows left out{where}")
        remarks += self.notes
        if (counts := self.feedback) is not None:
            changes = f"{counts.added:,} added, {counts.replaced:,} replaced, {counts.taken_back:,} deleted"
            left_out = (
                f", {counts.forgotten:,} forgotten user{'s' * (counts.forgotten > 1)} left out"
                if counts.forgotten
                else ""
            )
            remarks.append(f"from {counts.name}: {changes}{left_out}{counts.describe_scale()}")
        return remarks
