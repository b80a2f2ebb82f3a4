"""The page in a browser, used by pointer and by keyboard, on a desktop and on a phone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from cofactor.data.ratings import Ratings
from cofactor.saved.model_folder import save
from cofactor.trainers.ials import IALS
from cofactor.trainers.svd import SVD
from tests.browser import PHONE, Visit, browsing, served, visit

EVIL = "<img src=x onerror=document.title='owned'> (1999)"
VIEWS = ("recommend", "map", "compare", "model")
CURVE = [{"epoch": k, "train": 1 / k, "validation": 0.6 + 0.5 / k} for k in (1, 2, 3)]
NAMELESS = """[...document.querySelectorAll('button, a, input, select, canvas, summary, svg[role], dialog, nav')]
  .filter((one) => one.checkVisibility() || one.matches('dialog'))
  .filter((one) => !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.[0]?.textContent.trim()
    || document.getElementById(one.getAttribute('aria-labelledby'))))
  .filter((one) => one.type !== 'hidden').map((one) => one.outerHTML)"""
SMALL = """[...document.querySelectorAll('button, input, summary, .chip')].filter((one) => one.checkVisibility())
  .map((one) => [(one.closest('label') ?? one).getBoundingClientRect(), one.outerHTML.slice(0, 90)])
  .filter(([box]) => box.width > 1 && (box.height < 24 || box.width < 16)).map(([box, html]) => html)"""
FAINT = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('body *')].filter((one) => one.checkVisibility() && !one.closest('svg'))
    .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))
    .map((one) => {
      const [a, b] = [light(rgb(getComputedStyle(one).color)), light(behind(one))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.outerHTML.slice(0, 80)];
    }).filter(([contrast]) => contrast < 4.5);
}"""
PAINTED = """() => {
  const canvas = document.getElementById('plane');
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const pixels = new Uint32Array(copy.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  const colours = new Map();
  for (const one of pixels) colours.set(one, (colours.get(one) ?? 0) + 1);
  return [pixels.filter((one) => one !== 0).length, [...colours.values()].filter((count) => count > 40).length];
}"""
SHARED = "[...document.querySelectorAll('.column .shared .title')].map((one) => one.firstChild.textContent)"
MAPPED = "() => document.querySelectorAll('#legend button').length > 2"


@pytest.fixture(scope="module")
def models(movies: Ratings, tmp_path_factory) -> list[Path]:
    assert movies.titles is not None
    evil = movies.titles.copy()
    evil[0] = EVIL
    folder = tmp_path_factory.mktemp("models")
    rated = replace(movies, titles=evil)
    notes = {"curve": CURVE, "curve_metric": "RMSE", "best_epoch": 3}
    for name, trainer in (("svd", SVD(n_epochs=8, rank=8)), ("ials", IALS(n_epochs=3, rank=8))):
        metrics = {"rmse": 0.8123, "ndcg@10": 0.25}
        save(trainer.fit(rated), folder / name, trainer=name, metrics=metrics, hyperparameters={"rank": 8}, **notes)
    return [folder / "svd", folder / "ials"]


@pytest.fixture(scope="module")
def url(models: list[Path], tmp_path_factory) -> Iterator[str]:
    with served(*models, "--store", tmp_path_factory.mktemp("store") / "ratings.db") as url:
        yield url


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with browsing(chromium) as browser:
        yield browser


@pytest.fixture
def desk(browser: Browser, url: str) -> Iterator[Visit]:
    with visit(browser, url) as visited:
        yield visited


@pytest.fixture
def phone(browser: Browser, url: str) -> Iterator[Visit]:
    with visit(browser, url, viewport=PHONE, has_touch=True, is_mobile=True) as visited:
        yield visited


def known(page: Page) -> int:
    return int(page.inner_text("#known-total").replace(",", "") or 0)


def pressed(page: Page, row: str) -> list[str]:
    return [one.get_attribute("aria-label") or "" for one in page.query_selector_all(f"{row} [aria-pressed=true]")]


def test_a_rating_changes_the_list_at_once_stays_and_can_be_undone_and_deleted(desk: Visit):
    page = desk.page
    desk.go("/?user=5")
    before, rated = desk.titles(), known(page)
    assert len(before) == 10
    assert "from the training data" in page.inner_text("#list-note")
    page.click("#items > li:first-child [aria-label='5 of 5']")
    desk.said(f"Saved: {before[0]}")
    assert before[0] not in desk.titles()
    assert desk.titles("#known")[0] == before[0]
    assert known(page) == rated + 1
    assert "including changes since training" in page.inner_text("#list-note")
    after = desk.titles()
    assert after != before[1:]
    desk.go("/?user=5")
    assert desk.titles() == after
    assert pressed(page, "#known > li:first-child") == ["5 of 5"]
    assert "rated on" in page.inner_text("#known > li:first-child .why")
    page.click("#known > li:first-child [aria-label='2.5 of 5']")
    desk.said("★2.5")
    page.click("#undo")
    desk.said("Undone")
    assert pressed(page, "#known > li:first-child") == ["5 of 5"]
    page.click("#known > li:first-child .drop")
    desk.said("Deleted")
    assert known(page) == rated
    assert before[0] in desk.titles()
    assert before[0] not in desk.titles("#known")


def test_a_new_user_starts_with_the_most_rated_titles_and_gets_a_list_of_their_own(desk: Visit):
    page = desk.page
    desk.go("/")
    page.click("#new-user")
    desk.until("() => document.getElementById('known-note').textContent.includes('No ratings yet')")
    assert page.input_value("#user").startswith("you-")
    assert "most rated" in page.inner_text("#list-note")
    popular = desk.titles()
    page.click("#items > li:nth-child(2) [aria-label='5 of 5']")
    desk.said("Saved")
    assert "Based on 1 rating" in page.inner_text("#list-note")
    assert popular[1] not in desk.titles()
    assert "because you rated" in page.inner_text("#items .why >> nth=0")
    mine = desk.titles()
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert desk.titles() == mine


def test_a_title_is_found_with_typing_errors_rated_there_and_leads_to_similar_ones(desk: Visit, movies: Ratings):
    page = desk.page
    desk.go("/?user=7")
    assert movies.titles is not None
    wanted = next(one for one in movies.titles.tolist() if "Voyage" in one)
    plain = wanted.rpartition(" (")[0]
    page.fill("#query", plain.replace("Voyage", "Vojagge"))
    desk.until("(title) => document.querySelector('#found .title')?.firstChild.textContent === title", plain)
    assert plain.lower() in page.inner_text("#read-as").lower()
    page.click("#found > li:first-child [aria-label='4 of 5']")
    desk.said(f"Saved: {wanted}")
    assert pressed(page, "#found > li:first-child") == ["4 of 5"]
    assert desk.titles("#known")[0] == plain
    page.click("#found > li:first-child .title")
    desk.until("() => document.querySelectorAll('#film .films .title').length === 8")
    assert page.inner_text("#film-heading") == wanted
    assert "training ratings" in page.inner_text("#film-body")
    assert pressed(page, "#film .rate") == ["4 of 5"]
    page.click("#film .rate [aria-label='3 of 5']")
    desk.said("★3")
    page.click("#undo")  # above the window, not behind it
    desk.said("Undone")
    assert pressed(page, "#film .rate") == ["4 of 5"]
    other = desk.titles("#film .films")[0]
    page.click("#film .films .title >> nth=0")
    desk.until("(title) => document.getElementById('film-heading').textContent.startsWith(title)", other)
    page.keyboard.press("Escape")
    assert not page.is_visible("#film")


def test_filters_hold_in_the_list_on_its_next_page_and_without_a_script(desk: Visit, browser: Browser, url: str):
    page = desk.page
    desk.go("/?user=9")
    everything = desk.titles()
    genre = page.inner_text("#filters .chip >> nth=0")
    page.click("#filters .chip >> nth=0")
    drawn = "(genre) => document.getElementById('items').ariaBusy !== 'true' && {}"
    all_of = "[...document.querySelectorAll('#items .genres')].every((one) => one.textContent.includes(genre))"
    desk.until(drawn.format(all_of), genre)
    chosen = desk.titles()
    page.click("#more")
    desk.until("(n) => document.querySelectorAll('#items > li').length > n", len(chosen))
    assert len(set(desk.titles())) == len(desk.titles())
    assert desk.titles()[: len(chosen)] == chosen
    page.click("#filters .chip >> nth=0")
    desk.until("(first) => document.querySelector('#items .title').firstChild.textContent === first", everything[0])
    page.fill("[name=year_from]", "1980")
    desk.until("() => [...document.querySelectorAll('#items .year')].every((one) => +one.textContent >= 1980)")
    page.check("[name=seen]")
    desk.until("() => document.querySelector('#items [aria-pressed=true]')")
    with visit(browser, url, java_script_enabled=False) as plain:
        plain.page.goto(f"{url}/?user=9")
        assert plain.titles() == everything
        plain.page.check(f"[name=genre][value='{genre}']", force=True)
        plain.page.click("#filters [type=submit]")
        assert plain.titles() == chosen
        assert plain.page.locator("#known .title").count() > 3
        plain.page.click("a[href='#model']")
        assert plain.page.is_visible("svg[role=img]")
        assert not plain.page.is_visible("#items")


def test_the_map_is_drawn_and_reacts_to_pointer_and_keys(desk: Visit):
    page = desk.page
    desk.go("/?user=11#map")
    desk.until(MAPPED)
    ink, colours = page.evaluate(PAINTED)
    assert ink > 3_000
    assert colours > 5
    page.focus("#plane")
    page.keyboard.press("ArrowRight")
    first = page.inner_text("#map-said")
    page.keyboard.press("ArrowRight")
    second = page.inner_text("#map-said")
    assert first != second
    assert page.is_visible("#map-tip")
    page.keyboard.press("Enter")
    assert page.inner_text("#film-heading") == second.split(";")[0]
    page.keyboard.press("Escape")
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert page.evaluate(PAINTED)[0] != ink
    page.keyboard.press("0")
    page.mouse.move(5, 5)
    page.focus("#zoom-all")
    assert abs(page.evaluate(PAINTED)[0] - ink) < 0.2 * ink
    page.click("#legend button >> nth=0")
    assert page.get_attribute("#legend button >> nth=0", "aria-pressed") == "true"
    page.click("#legend button >> nth=0")
    box = page.locator("#plane").bounding_box()
    assert box is not None
    for step in range(400):  # the pointer moves over the map until it is over a title
        page.mouse.move(box["x"] + 40 + step % 20 * 50, box["y"] + 40 + step // 20 * 22)
        if page.is_visible("#map-tip"):
            break
    page.mouse.down()
    page.mouse.up()
    assert page.is_visible("#film")
    assert page.inner_text("#map-tip").split("\n")[0].startswith(page.inner_text("#film-heading").rpartition(" (")[0])


def test_models_are_compared_side_by_side_and_common_titles_are_marked(desk: Visit):
    page = desk.page
    desk.go("/?user=12#compare")
    desk.until("() => document.querySelectorAll('.column').length === 2")
    svd, ials = (desk.titles(f".column:nth-child({k}) ol") for k in (1, 2))
    both = set(svd) & set(ials)
    assert set(page.evaluate(SHARED)) == both
    assert f"{len(both)} of {len(set(svd) | set(ials))} titles" in page.inner_text("#compare-note")
    assert "★" in page.inner_text(".column:nth-child(1) .score >> nth=0")
    assert "★" not in page.inner_text(".column:nth-child(2) .score >> nth=0")
    page.uncheck("#compare-models input[value=svd]")
    desk.until("() => document.querySelectorAll('.column').length === 1")
    page.click(".models a:has-text('ials')")
    page.wait_for_selector("body[data-ready]")
    assert "model=ials" in page.url
    assert desk.titles() == ials


def test_the_card_has_metrics_hyperparameters_and_the_learning_curve(desk: Visit):
    page = desk.page
    desk.go("/#model")
    card = page.inner_text("#model")
    for said in (
        "RMSE",
        "0.8123",
        "rank",
        "8",
        "300",
        "120",
        "best epoch: 3",
        "predicted ratings",
        "stored by the service",
    ):
        assert said in card
    lines = page.locator("#model polyline")
    assert [one.get_attribute("class") for one in lines.all()] == ["train", "validation"]
    points = [p.split(",") for p in (lines.nth(1).get_attribute("points") or "").split()]
    assert len(points) == 3
    assert float(points[0][1]) < float(points[2][1])  # a falling curve: larger y is further down


def test_everything_can_be_done_with_the_keyboard(desk: Visit):
    page = desk.page
    desk.go("/?user=13")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "list-heading"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("!!document.activeElement.closest('#items .stars')"):
            break
    first, second = desk.titles()[:2]
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.ariaLabel") == "4 of 5"
    assert desk.titles()[0] == first  # arrow keys only move the focus
    page.keyboard.press("Enter")
    desk.said(f"Saved: {first}")
    assert "★4" in page.inner_text("#said")
    desk.until("() => document.activeElement.closest('#items .stars')")  # of the title that replaced it
    assert page.evaluate("document.activeElement.closest('li') === document.querySelector('#items > li')")
    page.keyboard.press("Control+z")
    desk.said("Undone")
    assert desk.titles()[:2] == [first, second]
    page.keyboard.press("3")
    desk.said("★3")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "query"
    page.keyboard.type("fearless")
    desk.until("() => document.querySelector('#found .title')")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.is_visible("#film")
    page.keyboard.press("Escape")
    assert page.evaluate("!!document.activeElement.closest('#found')")  # back where it was opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_overflows_lacks_contrast_or_lacks_a_name(browser: Browser, url: str, scheme: str):
    with visit(browser, url, viewport=PHONE, has_touch=True, is_mobile=True, color_scheme=scheme) as phone:
        page = phone.page
        phone.go("/?user=14")
        page.fill("#query", "the")
        phone.until("() => document.querySelector('#found .title')")
        page.click("#alike summary")
        phone.until("() => document.querySelectorAll('#alike-users button').length > 3")
        page.tap("#items > li:first-child [aria-label='3 of 5']")
        phone.said("Saved")
        for view in VIEWS:
            page.tap(f".views a[href='#{view}']")
            if view == "map":
                phone.until(MAPPED)
            if view == "compare":
                phone.until("() => document.querySelectorAll('.column').length === 2")
            assert page.get_attribute(f".views a[href='#{view}']", "aria-current") == "page"
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], view
            assert page.evaluate(FAINT) == [], view
            assert page.evaluate(NAMELESS) == [], view
            assert page.evaluate(SMALL) == [], view
        page.tap(".views a[href='#recommend']")
        page.tap("#items .title >> nth=0")
        phone.until("() => document.querySelectorAll('#film .films .title').length === 8")
        assert page.evaluate(FAINT) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, paper[4:-1].split(","))) < 200) is (scheme == "dark")


def test_ids_are_unique_and_headings_in_order(desk: Visit):
    desk.go("/")
    assert desk.page.evaluate("[...document.querySelectorAll('[id]')].length") == desk.page.evaluate(
        "new Set([...document.querySelectorAll('[id]')].map((one) => one.id)).size"
    )
    assert desk.page.locator("h1").count() == 1
    assert desk.page.get_attribute("html", "lang") == "en"


def test_a_title_stays_text_wherever_it_is_shown(desk: Visit):
    page = desk.page
    desk.go("/?user=1")
    page.fill("#query", "onerror")
    plain = EVIL.removesuffix(" (1999)")
    desk.until("(title) => document.querySelector('#found .title')?.firstChild.textContent === title", plain)
    page.click("#found [aria-label='5 of 5'] >> nth=0")
    desk.said(f"Saved: {EVIL}")
    page.click("#found .title >> nth=0")
    assert page.inner_text("#film-heading") == EVIL
    page.keyboard.press("Escape")
    desk.go("/?user=1")
    assert plain in desk.titles("#known")
    desk.go("/?user=<script>alert(1)</script>&genre=%22%3E<b>")
    assert page.inner_text("h1") == "For user <script>alert(1)</script>"
    assert page.title() != "owned"
    assert page.locator("img[src=x]").count() == 0


def test_without_a_store_ratings_are_kept_in_the_page(browser: Browser, models: list[Path]):
    with served(models[0]) as url, visit(browser, url) as desk:
        page = desk.page
        desk.go("/?user=5")
        before, rated = desk.titles(), known(page)
        page.click("#items > li:first-child [aria-label='5 of 5']")
        desk.said("on this page only")
        assert before[0] not in desk.titles()
        assert known(page) == rated + 1
        page.click("#undo")
        desk.said("Undone")
        desk.until("(first) => document.querySelector('#items .title').firstChild.textContent === first", before[0])
        assert known(page) == rated
        page.click("a[href='#compare']")
        desk.until("() => document.getElementById('compare-note').textContent.includes('Only one model is served')")


def test_a_key_given_to_the_browser_opens_the_page_and_a_service_that_has_ended_is_reported(browser, models, tmp_path):
    key = token_hex(16)
    (tmp_path / "keys").write_text(f"reader: {key}\n")
    (tmp_path / "keys").chmod(0o600)
    asked = {"username": "anybody", "password": key}
    with visit(browser, "http://127.0.0.1", http_credentials=asked) as desk:
        with served(models[0], "--keys", tmp_path / "keys") as desk.url:
            desk.go("/?user=5")
            assert len(desk.titles()) == 10
            desk.page.click("#random")
            desk.until("() => document.getElementById('user').value !== '5'")
            assert desk.faults == []
        desk.page.click("#filters .chip >> nth=0")
        desk.until("() => document.getElementById('problem').textContent.includes('does not answer')")
        assert desk.page.is_visible("#problem button")
        desk.faults = [one for one in desk.faults if "ERR_CONNECTION_RE" not in one]  # refused, or reset


def test_a_request_above_the_rate_limit_is_reported_and_repeated_later(browser: Browser, models: list[Path]):
    with served(models[0], "--rate", "3") as url, visit(browser, url) as desk:
        desk.page.goto(f"{url}/?user=5")
        desk.said("Next attempt")
        desk.page.wait_for_selector("body[data-ready]")
        assert len(desk.titles()) == 10
        assert desk.page.is_hidden("#problem")
        desk.faults = [one for one in desk.faults if "429" not in one]


@pytest.fixture(scope="module")
def interactions(movies: Ratings, tmp_path_factory) -> Iterator[str]:
    """A service of pairs, and of counts, of the films that were liked."""
    folder, liked = tmp_path_factory.mktemp("interactions"), movies.where(movies.value >= 4)
    for kind in ("pairs", "counts"):
        value = liked.value if kind == "counts" else np.ones(len(liked))
        table = replace(liked, value=value, scale=(0.0, 0.0), kind=kind)
        save(IALS(n_epochs=3, rank=8).fit(table), folder / kind, trainer="ials")
    with served(folder / "pairs", folder / "counts", "--store", folder / "ratings.db") as url:
        yield url


def test_an_interaction_is_added_and_taken_back_by_a_button(browser: Browser, interactions: str):
    with visit(browser, interactions) as visited:
        page = visited.page
        visited.go("/?user=5")
        before, total = visited.titles(), known(page)
        assert "★" not in page.inner_text("body")
        assert "because of" in page.inner_text("#items")
        page.click("#items > li:first-child .toggle")
        visited.said(f"Saved: {before[0]}")
        assert before[0] not in visited.titles()
        assert (visited.titles("#known")[0], known(page)) == (before[0], total + 1)
        assert len(pressed(page, "#known > li:first-child")) == 1
        assert "interactions including changes" in page.inner_text("#list-note")
        page.click("#known > li:first-child .toggle")
        visited.said("Deleted")
        assert (visited.titles()[0], known(page)) == (before[0], total)


def test_a_count_is_typed(browser: Browser, interactions: str):
    with visit(browser, interactions) as visited:
        page = visited.page
        visited.go("/?user=6&model=counts")
        before = visited.titles()
        page.fill("#items > li:first-child .typed", "700")
        page.press("#items > li:first-child .typed", "Enter")
        visited.said("×700")
        assert visited.titles("#known")[0] == before[0]
        page.click("#known > li:first-child .title")
        visited.until("() => document.getElementById('film-body').textContent.includes('training interactions, ×')")
