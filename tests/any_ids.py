"""A Hypothesis strategy for ids of users and items."""

from hypothesis import strategies as st

from cofactor.ids import find_id_fault, normalize_id

_VISIBLE = st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"])


def any_ids(characters: str | None = None, max_size: int = 5) -> st.SearchStrategy[str]:
    """Ids in normal form, of these characters or of any."""
    text = st.text(characters or _VISIBLE, min_size=1, max_size=max_size).map(normalize_id)
    return text.filter(lambda id_: find_id_fault(id_) is None)
