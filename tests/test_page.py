"""The page as served: it loads nothing from other servers, runs only its own scripts and escapes all text."""

import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import PurePath

import pytest

from cofactor.serving.api.application import ASSET_NAMES, create_app
from cofactor.serving.model_registry import ModelRegistry
from cofactor.serving.page.model_card import card
from cofactor.serving.page.rendering import COLOURED, YOU, note
from tests.small_service import TITLES, MemoryStore, ask, bundle, model, service

SOURCE = files("cofactor.serving") / "page" / "assets"
SCRIPTS = sorted(one.name for one in SOURCE.iterdir() if one.name.endswith(".js"))
STYLES = sorted(one.name for one in SOURCE.iterdir() if one.name.endswith(".css"))
OTHER = 'a"b<i>'


def source(name: str) -> str:
    return (SOURCE / name).read_text(encoding="utf-8")


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def app():
    return create_app(service())


@pytest.fixture(scope="module")
def several():
    two = ModelRegistry({"model": bundle(), OTHER: bundle(model(shift=2), created="later")}, MemoryStore())
    two.warm_up()
    return create_app(two)


@pytest.fixture(scope="module")
def elements(app):
    return Elements(ask(app, "/").text).found


def test_every_file_is_served_with_its_kind_and_the_policy(app):
    kinds = {
        ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
        "": "text/html; charset=utf-8",
    }  # fmt: skip
    assert "page.js" in ASSET_NAMES
    for path in ("/", *(f"/{name}" for name in ASSET_NAMES)):
        media_type = kinds[PurePath(path).suffix]
        answer = ask(app, path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == media_type
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_refers_to_no_other_server_and_to_no_missing_file(app, elements):
    for _, attributes in elements:
        for name in ("href", "src"):
            address = attributes.get(name)
            if address and not address.startswith(("#", "?", ".")):
                assert ask(app, f"/{address}").status_code == 200, address
    for name in (*STYLES, *SCRIPTS):
        assert not re.search(r"https?://|@import|url\(", source(name))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_imports_what_is_there_and_only_ever_sets_text(name, app):
    script = source(name)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|Function\(", script)
    for imported, module in re.findall(r'import (?:\{([^}]*)\} from )?"\./([\w.]+)"', script):
        exported = source(module)
        for one in imported.replace(" ", "").split(","):
            assert not one or re.search(rf"export (?:async )?(?:function|const|class|let) {one}\b", exported), one
    assert len(script.splitlines()) <= 250


def test_every_element_that_a_script_names_is_there(elements):
    ids = {attributes["id"] for _, attributes in elements if "id" in attributes}
    for name in SCRIPTS:
        assert set(re.findall(r'\bat\("([\w-]+)"\)', source(name))) <= ids


def test_the_page_has_no_script_or_style_of_its_own(elements):
    for tag, attributes in elements:
        assert tag != "style"
        assert tag != "script" or attributes.get("src") == "page.js"
        assert not [name for name in attributes if name.startswith("on") or name == "style"]


def test_every_field_has_a_label(elements):
    labelled = {attributes.get("for") for tag, attributes in elements if tag == "label"}
    for tag, attributes in elements:
        if tag == "input" and attributes.get("type") not in ("hidden", "checkbox", "range") and "id" in attributes:
            assert attributes["id"] in labelled


def test_a_users_list_ratings_and_card_are_there_without_a_script(app):
    html = ask(app, "/?user=40").text
    found = "".join(Elements(html).text)
    assert "For user 40" in found
    assert TITLES["1"].removesuffix(" (1995)") in found
    assert "Based on 1 rating from the training data." in found
    assert "because they rated" in found
    assert "Never rated" not in found
    assert "by hand" in found


def test_titles_and_ids_stay_text(several):
    html = ask(several, "/?user=%3Cscript%3Ealert(1)%3C/script%3E").text
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&lt;script&gt;alert(&#x27;title&#x27;)&lt;/script&gt;" in html
    assert "a&quot;b&lt;i&gt;" in html
    assert OTHER not in html


def test_a_page_is_of_the_model_and_the_filters_of_its_address(several):
    from urllib.parse import quote

    here, there = ask(several, "/?user=40"), ask(several, f"/?user=40&model={quote(OTHER)}")
    assert here.headers["x-model-version"] != there.headers["x-model-version"]
    assert 'data-model="a&quot;b&lt;i&gt;"' in there.text
    assert there.text.count("aria-current=true") == 1
    assert ask(several, "/?model=nobody").status_code == 404
    filtered = ask(several, "/?user=40&year_from=1999&year_to=&seen=true&genre=Action&utm_source=x")
    assert filtered.status_code == 200
    assert '<span class="years">' in filtered.text
    assert 'value="1999"' in filtered.text
    assert "Matrix, The" in filtered.text
    assert "Amélie" in filtered.text
    assert "perdus" not in "".join(Elements(filtered.text).text)
    assert ask(several, "/?year_from=soon").status_code == 422


def test_an_unknown_user_gets_the_most_rated_titles(several):
    html = ask(several, f"/?user={YOU}1").text
    assert "This user has no ratings yet" in html
    assert "No ratings yet." in html
    assert "★" not in "".join(Elements(html.partition('id="items"')[2].partition("</ol>")[0]).text)


def test_the_note_names_the_ratings_that_a_list_is_based_on():
    listed = [{"item": "1"}]
    assert note({"recommendations": listed, "source": "trained", "ratings": 1}).endswith(
        "on 1 rating from the training data."
    )
    assert "on 1,200 ratings including changes since training." in note(
        {"recommendations": listed, "source": "folded-in", "ratings": 1200}
    )
    assert note({"recommendations": [], "source": "trained", "ratings": 3}) == "No titles to recommend."
    said = set(re.findall(r'"([A-Z][^"]+\.)"', source("list.js")))
    assert {
        "No titles to recommend.",
        "This user has no ratings yet. These are the most rated titles.",
        "This user has no interactions yet. These are the most popular titles.",
    } <= said


def test_the_colours_of_genres_are_as_many_as_the_style_and_the_script_have():
    assert f"COLOURED = {COLOURED};" in source("film.js")
    assert set(re.findall(r"--g(\d):", source("page.css"))) == {str(place) for place in range(COLOURED + 1)}


@pytest.mark.parametrize("n", [0, 1, 2, 3, 17, 1000])
@pytest.mark.parametrize("metric", ["RMSE", "NDCG@10"])
def test_a_curve_of_any_length_is_drawn_within_its_frame(n, metric):
    curve = [{"epoch": k, "train": 0.9 - k / 4000, "validation": None if k == 2 else 0.95} for k in range(1, n + 1)]
    drawn = card(service(None).service().card() | {"curve": curve, "curve_metric": metric, "best_epoch": n or None})
    lines = re.findall(r'<polyline class="(\w+)" points="([^"]*)"', drawn)
    if n < 2:
        assert lines == []
        assert "No learning curve" in drawn
        return
    assert [kind for kind, _ in lines] == (["train", "validation"] if metric == "RMSE" else ["validation"])
    for _, points in lines:
        for point in points.split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 360
            assert 0 <= y <= 210
    assert drawn.count("<circle") == (n != 2)
