"""The page as first loaded: a user's list and the model card in plain HTML, readable without scripts.

The scripts of the page load everything else from the JSON routes. All text from models and requests is escaped here.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from cofactor.data.kind import Kind, values_noun
from cofactor.errors import UnknownId
from cofactor.serving.page.model_card import card
from cofactor.serving.schemas.requests import LONGEST_ID, MOST_NAMED_IN_ADDRESS, Genre, ListQuery, Page, Year
from cofactor.serving.service import RecommendationService

COLOURED = 8  # number of genres with their own colour; the style sheet has as many, and one for other genres
SHOWN_RATINGS = 20  # of the user, at first
SUGGESTED = 100  # number of suggested user ids
REASONS = 2  # ratings that explain each title
YOU = "you-"  # prefix of the ids of new users

PAGE = Template((files("cofactor.serving") / "page" / "assets" / "index.html").read_text(encoding="utf-8"))

Optional = BeforeValidator(lambda value: value or None)  # a form sends "" for a field left empty


class PageQuery(BaseModel):
    """The parameters of the page's address; others are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    model: Annotated[str, Field(max_length=LONGEST_ID)] = ""
    user: Annotated[str, Field(max_length=LONGEST_ID)] = ""
    genre: Annotated[list[Genre], Field(max_length=MOST_NAMED_IN_ADDRESS)] = []
    year_from: Annotated[Year | None, Optional] = None
    year_to: Annotated[Year | None, Optional] = None
    diversity: Annotated[float, Field(ge=0, le=1)] = 0.0
    seen: bool = False


def render(answers: RecommendationService, query: PageQuery, models: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """The page for a user, by default the first one of the model, with links to the other served models."""
    people = [one["user"] for one in answers.users(Page(n=SUGGESTED))["users"]]
    user = query.user or (people[0] if people else YOU + "1")
    genres = [one["genre"] for one in answers.genres()["genres"]]
    shown = _list(answers, user, query, genres)
    known = _known(answers, user)
    described = answers.card()
    colours = {genre: place for place, genre in enumerate(genres[:COLOURED])}
    rated = described["predicts_ratings"] and shown["source"] != "popular"
    whose = "you" if user.startswith(YOU) else "they"
    values = described["values"]
    lines = (_line(one, colours, rated, whose, values) for one in shown["recommendations"])
    named = query.model if any(one["name"] == query.model for one in models) else ""
    return PAGE.substitute(
        heading=escape(f"For user {user}"),
        user=escape(user),
        model=escape(named),
        model_field=f'<input type="hidden" name="model" value="{escape(named)}">' if named else "",
        models=_models(models, described["name"], user),
        suggestions="".join(f'<option value="{escape(one)}"></option>' for one in people),
        note=escape(note(shown, values)),
        filters=_filters(genres, colours, query, values, answers.has_years),
        recommendations="".join(lines),
        total=f"{known['total']:,}" if known["total"] else "",
        known="".join(_rating(one, colours, values) for one in known["ratings"]),
        known_heading=values_noun(values).capitalize(),
        known_note="" if known["total"] else f"No {values_noun(values)} yet.",
        card=card(described),
        json_list=escape(f"{_model_path(named)}users/{quote(user, safe='')}/recommendations?stranger=popular"),
    ).encode()


def note(shown: Mapping[str, Any], values: Kind = "ratings") -> str:
    """The note above a list: the values that it is computed from. `note` in list.js has the same texts."""
    n, noun = shown["ratings"], values_noun(values)
    if not shown["recommendations"]:
        return "No titles to recommend."
    if shown["source"] == "popular":
        most = "most rated" if values == "ratings" else "most popular"
        return f"This user has no {noun} yet. These are the {most} titles."
    origin = "from the training data" if shown["source"] == "trained" else "including changes since training"
    return f"Based on {n:,} {noun.removesuffix('s') if n == 1 else noun} {origin}."


def _model_path(model: str) -> str:
    return f"models/{quote(model, safe='')}/" if model else ""


def _list(answers: RecommendationService, user: str, query: PageQuery, genres: Sequence[str]) -> dict[str, Any]:
    chosen = query.model_dump(exclude={"model", "user", "genre"}, exclude_unset=True)
    if known := [genre for genre in query.genre if genre in genres]:
        chosen["genre"] = known
    return answers.recommendations(user, ListQuery(**chosen, stranger="popular", why=REASONS))


def _known(answers: RecommendationService, user: str) -> dict[str, Any]:
    try:
        return answers.ratings(user, Page(n=SHOWN_RATINGS))
    except UnknownId:
        return {"total": 0, "ratings": []}


def _line(one: Mapping[str, Any], colours: Mapping[str, int], rated: bool, whose: str, values: Kind) -> str:
    """One recommendation."""
    score = f"{one['score']:.1f} ★" if rated else f"{one['score']:.3g}"
    because = " and ".join(f"<b>{escape(why['title'])}</b>{_value(why['rating'], values)}" for why in one["because"])
    reason = f"because {whose} rated" if values == "ratings" else "because of"
    why = f'<p class="why">{reason} {because}</p>' if because else ""
    return (
        f'<li>{_title(one)}<span class="score">{score}</span>{_genres(one, colours)}{why}<div class="rate"></div></li>'
    )


def _value(value: float, values: Kind) -> str:
    """A value after a title: ★4, ×12 or, for an interaction without a value, nothing."""
    return {"ratings": f" ★{value:g}", "counts": f" ×{value:g}", "pairs": ""}[values]


def _rating(one: Mapping[str, Any], colours: Mapping[str, int], values: Kind) -> str:
    """One rating or interaction of the user."""
    given = f'<span class="score">{_value(one["rating"], values).strip()}</span>'
    return f'<li>{_title(one)}{given}{_genres(one, colours)}<div class="rate"></div></li>'


def _title(one: Mapping[str, Any]) -> str:
    ending = f" ({one['year']})"
    plain = one["title"].removesuffix(ending) if one["year"] else one["title"]
    year = f' <span class="year">{one["year"]}</span>' if one["year"] else ""
    return f'<p class="name"><span class="title">{escape(plain)}{year}</span></p>'


def _genres(one: Mapping[str, Any], colours: Mapping[str, int]) -> str:
    marked = (f'<span class="genre g{colours.get(genre, COLOURED)}">{escape(genre)}</span>' for genre in one["genres"])
    return f'<p class="genres">{" ".join(marked)}</p>'


def _models(models: Sequence[Mapping[str, Any]], current: str, user: str) -> str:
    """Links to the served models, if there are several."""
    if len(models) < 2:
        return ""
    addresses = {one["name"]: "?" + urlencode({"model": one["name"], "user": user}) for one in models}
    links = (
        f'<a href="{escape(address)}"{_if(name == current, "aria-current=true")}>{escape(name)}</a>'
        for name, address in addresses.items()
    )
    return f'<nav class="models" aria-label="Models">{"".join(links)}</nav>'


def _filters(genres: Iterable[str], colours: Mapping[str, int], query: PageQuery, values: Kind, has_years: bool) -> str:
    """The form of the filters, with the values of the request; years are hidden where no title has one."""
    chips = "".join(
        f'<label class="chip genre g{colours.get(genre, COLOURED)}"><input type="checkbox" name="genre"'
        f' value="{escape(genre)}"{_if(genre in query.genre, "checked")}>{escape(genre)}</label>'
        for genre in genres
    )
    years = "".join(
        f'<label>{word} <input type="number" name="{name}" inputmode="numeric" min="1000" max="2999"'
        f' value="{getattr(query, name) or ""}" placeholder="year"></label>'
        for name, word in (("year_from", "From"), ("year_to", "to"))
    )
    return (
        f'<div class="chips" role="group" aria-label="Genres">{chips}</div><div class="knobs">'
        f'<span class="years"{_if(not has_years, "hidden")}>{years}</span>'
        f'<label class="knob">Similar <input type="range" name="diversity" min="0" max="1" step="0.1"'
        f' value="{query.diversity:g}" aria-label="Diversity"> diverse</label>'
        f'<label><input type="checkbox" name="seen" value="true"{_if(query.seen, "checked")}>'
        f" include {'rated' if values == 'ratings' else 'known'} titles</label>"
        '<button type="submit" class="unscripted">Apply</button></div>'
    )


def _if(yes: bool, attribute: str) -> str:
    return " " + attribute if yes else ""
