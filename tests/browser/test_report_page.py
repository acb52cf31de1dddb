"""The report of a real run in the browser: alone, accessible, on a desk and on a telephone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from bondx_lib import report, trainer

from ..faults import here
from .controller_page import GRAVE, SCREENSHOTS

pytestmark = pytest.mark.browser
CUT = """[...document.querySelectorAll('.table')]
    .filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText.slice(0, 60))"""
WIDTHS = {"desk": 1100, "telephone": 390}


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a small run with all models, its figures and its evidence."""
    render = report.render
    with pytest.MonkeyPatch.context() as patch:
        here.without_kernels(patch)
        folder = here.run(here.chosen(tmp_path_factory.mktemp("runs"), max_epochs=2))
    assert trainer.closing.report.render is render
    return render(folder)


@pytest.fixture(params=WIDTHS)
def page(request: pytest.FixtureRequest, browser: Browser, page_file: Path) -> Iterator[Page]:
    """The page, opened as a file; it may ask for nothing else and say nothing on the console."""
    said: list[str] = []
    context = browser.new_context(viewport={"width": WIDTHS[request.param], "height": 1000})
    one = context.new_page()
    one.on("request", lambda asked: said.append(asked.url))
    one.on("console", lambda message: said.append(message.text))
    one.on("pageerror", lambda error: said.append(str(error)))
    one.goto(page_file.as_uri())
    yield one
    context.close()
    assert said == [page_file.as_uri()]


def test_axe_finds_nothing_serious(page: Page) -> None:
    """Contrast, names, headings, tables."""
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in GRAVE] == []


def test_nothing_is_wider_than_the_screen_and_no_script_is_there(page: Page) -> None:
    """The page does not scroll sideways, on a desk no table does; headings in order."""
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    if page.viewport_size["width"] == WIDTHS["desk"]:
        assert page.evaluate(CUT) == []
    assert page.locator("script").count() == 0
    levels = [int(one) for one in page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5')].map(one => one.tagName[1])")]  # fmt: skip
    assert levels[0] == levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_pictures_say_what_they_show(page: Page) -> None:
    """Each has a sentence of its own with numbers, none a placeholder."""
    texts = [one.get_attribute("alt") or "" for one in page.locator("img").all()]
    assert len(texts) > 12
    assert len(set(texts)) == len(texts)
    assert all(len(text) > 40 and any(sign.isdigit() for sign in text) for text in texts)


def test_each_section_can_be_pictured(page: Page) -> None:
    """What a reader sees when he comes to each heading lies in ``build/screenshots``."""
    width = page.viewport_size["width"]
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for heading in page.get_by_role("heading", level=2).all():
        heading.evaluate("one => one.scrollIntoView()")
        name = "-".join(heading.inner_text().lower().split())
        picture = page.screenshot(path=SCREENSHOTS / f"report-{width}-{name}.png")
        assert len(picture) > 5_000, name


@pytest.mark.parametrize(
    "section", ["In five minutes", "What drives the models", "Robustness and sensitivity",
                "Reproducibility", "For a reviewer", "Glossary"]
)  # fmt: skip
def test_section_is_there(section: str, page: Page) -> None:
    """By its heading, with something below it."""
    heading = page.get_by_role("heading", name=section, exact=True)
    assert heading.count() == 1
    assert heading.is_visible()
