"""The page of a report in a browser: on a desk, on a phone, in the dark and on paper."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from cofactor.data.ratings import Ratings
from cofactor.report.write import write_report, write_search
from tests.browser import DESK, PHONE, browsing, visit
from tests.sample_comparisons import HOSTILE, outcome, reports
from tests.test_page_browser import FAINT
from tests.test_report_plots import search, trial

WIDE = """[...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
  .filter((one) => !one.closest('.wide')).map((one) => one.outerHTML.slice(0, 90))"""
LETTERS = """[...document.querySelectorAll('.picture svg text')]
  .map((one) => [one.textContent, one.getBoundingClientRect().height])
  .filter(([text, height]) => text.trim() && height < 8)"""


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with browsing(chromium) as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(movies: Ratings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of ordinary models and of one with a long, harmful name, and a page of a search beside it."""
    folder = tmp_path_factory.mktemp("report")
    measured = reports(movies, ("baseline", "ials", "svd"))
    measured |= {HOSTILE[0]: measured["svd"], HOSTILE[3]: measured["ials"]}
    found = outcome(measured, {name: name for name in measured}, name="toy, 10 %")
    write_report(replace(found, calibrations={}, spreads={}, curves={}, breakdowns=found.breakdowns[1:]), folder)
    write_search(search(*(trial(n, 1 - 0.01 * n, rank=2**n) for n in range(5)), rank=1.0), folder)
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report.html", "search.html"])
def test_on_a_phone_nothing_is_wider_than_it_nor_too_faint_nor_too_small(
    browser: Browser, folder: Path, name: str, scheme: str
) -> None:
    address = (folder / name).as_uri()
    with visit(browser, address, viewport=PHONE, has_touch=True, is_mobile=True, color_scheme=scheme) as phone:
        page = phone.page
        page.goto(address)
        for one in page.query_selector_all("details > summary"):
            one.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert page.evaluate(WIDE) == []
        assert page.evaluate(FAINT) == []
        assert page.evaluate(LETTERS) == []
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        ink = page.evaluate("getComputedStyle(document.querySelector('.picture svg text')).fill")
        assert (sum(map(int, paper[4:-1].split(","))) < 200) is (scheme == "dark")
        assert (sum(map(int, ink[4:-1].split(","))) > 500) is (scheme == "dark"), "pictures have the page's colours"


def test_the_page_is_read_without_eyes_and_without_a_pointer(browser: Browser, folder: Path) -> None:
    address = (folder / "report.html").as_uri()
    with visit(browser, address, java_script_enabled=False) as desk:
        page = desk.page
        page.goto(address)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**#answer")
        assert page.get_by_role("main").count() == 1
        assert page.get_by_role("navigation", name="Contents").count() == 1
        assert page.get_by_role("heading", level=1).inner_text() == "toy, 10 %"
        titles = [one.get_attribute("aria-label") or "" for one in page.get_by_role("img").all()]
        assert len(titles) == 4
        assert all(len(one) > 30 for one in titles)
        for table in page.get_by_role("table").all():
            assert table.locator("caption").inner_text()
            assert table.locator("thead th[scope=col]").count() > 1
            assert table.locator("tbody tr > :first-child:not(th[scope=row])").count() == 0
        for link in page.locator("nav a").all():
            assert page.locator(link.get_attribute("href") or "").count() == 1


def test_on_paper_no_page_is_wider_than_it(browser: Browser, folder: Path) -> None:
    address = (folder / "report.html").as_uri()
    with visit(browser, address, viewport={"width": 703, "height": 1000}, color_scheme="dark") as desk:
        desk.page.goto(address)
        desk.page.emulate_media(media="print")
        assert desk.page.evaluate("document.documentElement.scrollWidth") <= 703
        assert not desk.page.is_visible("nav")
        ink = desk.page.evaluate("getComputedStyle(document.querySelector('.picture svg text')).fill")
        assert sum(map(int, ink[4:-1].split(","))) < 200, "dark letters on paper, whatever the screen's colours"
        assert desk.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_a_harmful_name_is_text(browser: Browser, folder: Path) -> None:
    address = (folder / "report.html").as_uri()
    with visit(browser, address, viewport=DESK) as desk:
        desk.page.goto(address)
        assert desk.page.locator("th", has_text=HOSTILE[0]).count() > 1
        assert desk.page.evaluate("document.scripts.length") == 0
        assert desk.page.evaluate("document.images.length") == 0
