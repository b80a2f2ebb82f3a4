"""The page: everything it needs is served from here, nothing in it runs but its own script, and text stays text."""

import re
import subprocess
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from cofactor.artifact import save
from cofactor.serving.app import PAGE, create_app
from tests.serving import TITLES, ask, model, ratings, service
from tests.test_serving_command import serving

SOURCE = files("cofactor.serving") / "page"


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


@pytest.fixture(scope="module")
def app():
    return create_app(service())


@pytest.fixture(scope="module")
def elements(app):
    return Elements(ask(app, "/").text).found


def test_every_file_is_served_with_its_kind_and_the_policy(app):
    for path, (_, media_type) in PAGE.items():
        answer = ask(app, path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == media_type
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_refers_to_nothing_elsewhere_and_to_nothing_missing(app, elements):
    for _, attributes in elements:
        for name in ("src", "href"):
            address = attributes.get(name)
            if address and not address.startswith("#"):
                assert not re.match("[a-z]+:|/", address), address  # relative: it works behind a proxy's prefix
                address = address.replace("UsrID=1", "UsrID=40")  # an example for whatever model is served
                assert ask(app, f"/{address}").status_code == 200, address
    for name in ("page.css", "page.js"):
        assert not re.search(r"https?://|@import|url\(", (SOURCE / name).read_text(encoding="utf-8"))


def test_the_page_has_no_script_or_style_of_its_own(elements):
    for tag, attributes in elements:
        assert tag != "style"
        assert tag != "script" or attributes.get("src") == "page.js"
        assert not [name for name in attributes if name.startswith("on") or name == "style"]


def test_the_script_only_ever_sets_text(elements):
    script = (SOURCE / "page.js").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(", script)
    ids = {attributes["id"] for _, attributes in elements if "id" in attributes}
    assert set(re.findall(r'\bat\("([\w-]+)"\)', script)) <= ids


def test_every_field_and_button_has_a_name(elements):
    labelled = {attributes["for"] for tag, attributes in elements if tag == "label"}
    assert {attributes["id"] for tag, attributes in elements if tag == "input"} <= labelled
    assert any(tag == "html" and attributes.get("lang") for tag, attributes in elements)


def test_in_a_browser_a_list_appears_and_a_title_cannot_become_a_script(tmp_path, chromium):
    titles = dict.fromkeys(TITLES, "<img src=x onerror=document.title='owned'>")
    save(model(ratings(titles=titles)), tmp_path / "m", trainer="by hand")
    quiet = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update"
    with serving(tmp_path / "m") as (_, url):
        command = [chromium, "--headless", "--no-sandbox", *quiet.split(), "--disable-sync"]
        where = [
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=5000",
            "--dump-dom",
            f"{url}/#user=7",
        ]
        page = subprocess.run([*command, *where], capture_output=True, text=True, timeout=60, check=False).stdout
    assert "For user 7" in page
    assert page.count('<button type="button" class="title"') == len(TITLES) - 1
    assert "&lt;img src=x" in page
    assert "<title>cofactor</title>" in page
