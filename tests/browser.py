"""A browser that looks at a real server: pages that fail a test when they complain or ask anybody else."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
PATIENCE = 10_000  # milliseconds: a machine that is busy with other tests

TITLES = "[...document.querySelectorAll('{} > li .title')].map((one) => one.firstChild.textContent.trim())"


@contextmanager
def served(*arguments: str | Path) -> Iterator[str]:
    """The address of a server process started with these arguments of `cofactor serve`."""
    command = [sys.executable, "-c", "from cofactor.cli.serve import serve; serve()", "--port", "0"]
    process = subprocess.Popen([*command, *map(str, arguments)], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("serving "), line + process.stderr.read()
        yield line.split(" on ")[-1].split()[0]
    finally:
        process.kill()
        process.communicate()


@contextmanager
def browsing(program: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET.split())
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page of a server, and what it did that it should not have."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda one: one.type in ("error", "warning") and self.faults.append(one.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda one: one.url.startswith(self.url) or self.faults.append(one.url))

    def go(self, address: str = "/") -> None:
        self.page.goto(self.url + address)
        self.page.wait_for_selector("body[data-ready]")

    def titles(self, where: str = "#items") -> list[str]:
        found: list[str] = self.page.evaluate(TITLES.format(where))
        return found

    def until(self, condition: str, argument: Any = None) -> None:
        self.page.wait_for_function(condition, arg=argument)

    def said(self, text: str) -> None:
        self.until("(text) => document.getElementById('said').textContent.includes(text)", text)


@contextmanager
def visit(browser: Browser, url: str, **context: Any) -> Iterator[Visit]:
    """A visit that must end without a word in the console and without a request to anybody else."""
    own = browser.new_context(**{"viewport": DESK, **context})
    visit = Visit(own.new_page(), url)
    yield visit
    own.close()
    assert not visit.faults, visit.faults
