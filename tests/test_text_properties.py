"""Any table is read as it was written, whatever the delimiter, the quotes, the line ends and the encoding."""

import gzip
import unicodedata
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.reading.read import read

LETTERS = "aXz019_-éж日#%'.@"
# An apostrophe before a cell is a quote.
IDS = st.text(LETTERS, min_size=1, max_size=6).filter(lambda id_: id_.strip("'.#%") and not id_.startswith("'"))
ROWS = st.dictionaries(st.tuples(IDS, IDS), st.sampled_from([1, 2, 3.5, 4]), min_size=3, max_size=20)
FORMS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from([",", ";", "\t", "|", " ", "::"]),
        "quote": st.sampled_from(["", '"']),
        "end": st.sampled_from(["\n", "\r\n", "\r"]),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
        "above": st.sampled_from([[], ["# made up"], ["Ratings", ""]]),
        "bad": st.booleans(),
        "zipped": st.booleans(),
    }
)


def written(path: Path, rows: dict[tuple[str, str], float], form: dict[str, object]) -> Path:
    delimiter, quote = str(form["delimiter"]), "" if form["delimiter"] == "::" else form["quote"]
    lines = ["user", "item", "rating"], *([*pair, f"{value}"] for pair, value in rows.items())
    text = [delimiter.join(f"{quote}{cell}{quote}" for cell in line) for line in lines]
    text = [*form["above"], *text, *(["bad"] if form["bad"] else [])]  # type: ignore[misc]
    content = "".join(f"{line}{form['end']}" for line in text).encode(str(form["encoding"]))
    path.write_bytes(gzip.compress(content) if form["zipped"] else content)
    return path


@settings(max_examples=12, deadline=None)
@given(rows=ROWS, form=FORMS)
def test_a_table_is_read_as_it_was_written(
    rows: dict[tuple[str, str], float], form: dict[str, object], tmp_path_factory: object
) -> None:
    folder: Path = tmp_path_factory.mktemp("table")  # type: ignore[attr-defined]
    ratings = read(written(folder / "r.txt", rows, form), bad_rows="skip", rejected=folder / "bad.csv")
    users, items = ratings.users.ids[ratings.user], ratings.items.ids[ratings.item]
    found = dict(zip(zip(users, items, strict=True), ratings.value.tolist(), strict=True))
    normal = {tuple(unicodedata.normalize("NFC", id_) for id_ in pair): value for pair, value in rows.items()}
    assert found == normal
    assert ratings.origin is not None
    assert ratings.origin.rejected == form["bad"]
