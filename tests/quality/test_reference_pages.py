"""Reference pages are what the code says; links between documents lead somewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

import bondx_lib
from bondx_lib import cli, events, parameters
from bondx_lib.sweep import plan
from bondx_lib.validation import column_map

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path for path in ROOT.rglob("*.md")
    if not {".venv", "build", "runs", "node_modules"} & set(path.relative_to(ROOT).parts)
)  # fmt: skip
NAMES = (
    "parameters.md", "events.md", "exit_codes.md", "commands.md", "api.md", "data_dictionary.md",
)  # fmt: skip
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.M | re.S)


@pytest.fixture(scope="module")
def pages() -> Iterator[ModuleType]:
    """The script that writes them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        import reference_pages

        yield reference_pages
        sys.modules.pop("reference_pages")


@pytest.mark.parametrize("name", NAMES)
def test_a_reference_page_is_what_the_code_says(pages: ModuleType, name: str) -> None:
    """And says nothing in the words of Python's own representations."""
    made = pages.PAGES[name]()
    assert (ROOT / "docs" / name).read_text() == made, "run `make pages`"
    assert not re.search(r"<class|typing\.|NoneType|\bNone\b \|", made)


def test_pages_leave_nothing_out(pages: ModuleType) -> None:
    """Every parameter, kind of event and command has its place, with a meaning."""
    assert set(pages.PAGES) == set(NAMES)
    told = {name: pages.PAGES[name]() for name in pages.PAGES}
    for row in parameters.describe():
        assert f"`{row['key'].rpartition('.')[2]}`" in told["parameters.md"]
        assert row["meaning"]
    for name in events.KINDS:
        assert f"\n## {name}\n" in told["events.md"]
    for name in cli.COMMANDS:
        assert f"\n## {name}\n" in told["commands.md"]
    for name in (*plan.BLOCKS, *column_map.BLOCKS):
        assert f"| `{name}` | " in told["parameters.md"]
    for name in cli.EXITS:
        assert f"`bondx {name}`" in told["exit_codes.md"]
    for name in bondx_lib.__all__:
        assert f"\n### {name}\n" in told["api.md"]
    for name in set(told) - {"data_dictionary.md"}:
        assert "|  |" not in told[name], f"a cell of {name} is empty"


def test_the_pages_say_it_in_words(pages: ModuleType) -> None:
    """Known answers: ranges, choices, sections of a docstring, a default as in YAML."""
    rows = {row["key"]: row for row in parameters.describe()}
    assert pages._admissible(rows["max_epochs"]) == "integer, 1 to 10,000"
    assert pages._admissible(rows["convergence_threshold"]) == "number, between 0 and 1"
    assert pages._admissible(rows["advanced.ensemble_strategy"]) == "`voting` or `stacking`"
    assert pages._default(rows["advanced.base_models"]["default"]).startswith("`[xgboost, ")
    text = "Do.\n\nParameters\n----------\na, b\n    Sides.\n\nReturns\n-------\nint\n    Area.\n"
    assert list(pages._sections(text)) == [
        ("Parameters", [("`a`, `b`", "Sides.")]), ("Returns", [("`int`", "Area.")])
    ]  # fmt: skip


def test_main_writes_them(
    pages: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them, where it is told."""
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    pages.main()
    assert {path.name for path in tmp_path.iterdir()} == set(pages.PAGES)


def anchors(page: Path) -> set[str]:
    """Return the anchors that a forge gives to the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", CODE.sub(lambda m: m[0] if "\n" not in m[0] else "",
                                               page.read_text()), re.M)  # fmt: skip
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower() for title in titles)
    found = [re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain]
    return {f"{one}-{found[:place].count(one)}".removesuffix("-0")
            for place, one in enumerate(found)}  # fmt: skip


def broken(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere."""
    found = []
    for target in LINK.findall(CODE.sub("", page.read_text())):
        path, _, anchor = unquote(target).partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        aim = (page.parent / path).resolve() if path else page
        if not aim.exists() or (anchor and aim.suffix == ".md" and anchor not in anchors(aim)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """To a file that is there, and to a heading in it."""
    assert broken(page) == []


def test_every_page_is_in_the_index() -> None:
    """Each page of docs has its line, so that a newcomer finds it."""
    linked = {target.partition("#")[0] for target in
              LINK.findall((ROOT / "docs" / "README.md").read_text())}  # fmt: skip
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages <= linked
    assert "docs/README.md" in LINK.findall((ROOT / "README.md").read_text())


def test_a_broken_link_would_be_noticed(tmp_path: Path) -> None:
    """Negative control: a file that is not there, and a heading that is not."""
    page = tmp_path / "a.md"
    page.write_text(
        "# One two\n[x](b.md) [y](#one-two) [z](#three) [w](a.md#one-two) `[q](c.md)`\n"
    )
    assert broken(page) == ["b.md", "#three"]


def test_an_anchor_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    """As forges count them."""
    page = tmp_path / "a.md"
    page.write_text("# One\n## One\n## Two\n## One\n")
    assert anchors(page) == {"one", "one-1", "one-2", "two"}
