"""The page of a real smoke run: self-contained, accessible in structure, the same twice."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import socket
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest

from bondx_lib import artefacts, engine, evidence, parameters, report, runlog, trainer
from bondx_lib.errors import BondXError
from bondx_lib.report import html
from bondx_lib.report.html import LARGEST_BYTES

pytestmark = pytest.mark.integration

SMOKE = Path(__file__).parents[2] / "parameters" / "smoke.yaml"
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
FORBIDDEN = re.compile(r"\bcompliant\b|production.grade|guaranteed", re.IGNORECASE)
SCRIPT = "<script>alert(1)</script>"
FREE_TEXT = ("reason", "message", "sentence", "advice")
SECRET = "hush-4f1c9b"
VOID = {"meta", "img", "br", "hr", "link", "input"}


@dataclass
class Page(HTMLParser):
    """What the tests want to know of a page."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    badly_nested: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag and its attributes."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the element, and note one that was not the last opened."""
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.badly_nested.append(tag)

    def handle_data(self, data: str) -> None:
        """Note text that a reader sees."""
        if "style" not in self.open:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a name."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self) -> str:
        """Return the text with single spaces."""
        return " ".join("".join(self.text).split())


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished smoke run, made with a secret in the environment."""
    base = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOUD_SECRET_KEY", SECRET)
        trainer.run(parameters.load(SMOKE, {"output.base_directory": str(base), "max_epochs": 2}))
    return next(base.iterdir())


@pytest.fixture(scope="module")
def source(run_dir: Path) -> str:
    """Its page."""
    return (run_dir / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    """Its page, read."""
    parsed = Page()
    parsed.feed(source)
    parsed.close()
    return parsed


def test_one_file_no_script_no_request(source: str, page: Page) -> None:
    """Nothing is fetched and nothing runs; the policy forbids both."""
    assert len(source.encode()) <= LARGEST_BYTES
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form", "svg"}
    assert any(meta.get("content") == POLICY for meta in page.all("meta"))
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert re.match(r"#|data:image/png;base64,", attributes.get(name) or "#")
    assert "url(" not in source
    assert "@import" not in source


def test_page_is_well_formed_with_language_title_and_landmarks(page: Page) -> None:
    """Every element is closed in order; language, title, main and a working skip link are there."""
    assert page.badly_nested == []
    assert page.open == []
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("title")) == 1
    assert len(page.all("main")) == 1
    skip = page.all("a")[0]
    assert skip["class"] == "skip"
    assert skip["href"] == f"#{page.all('main')[0]['id']}"


def test_links_lead_somewhere_and_ids_are_unique(page: Page) -> None:
    """Each link in the page has its target, and no id is there twice."""
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(link["href"])[1:] for link in page.all("a")} <= set(ids)
    assert len(page.all("a")) > 5


def test_headings_in_order(page: Page) -> None:
    """One first heading; no level is skipped on the way down."""
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_tables_have_captions_and_scoped_headers(page: Page) -> None:
    """Every table has a caption, and every header cell says what it heads."""
    assert len(page.all("table")) == len(page.all("caption")) > 10
    assert all(header["scope"] in ("col", "row") for header in page.all("th"))


def test_pictures_say_in_words_what_they_show(page: Page) -> None:
    """Each alternative text is a sentence with numbers, and none is there twice."""
    alternatives = [str(image["alt"]) for image in page.all("img")]
    assert len(alternatives) >= 10
    assert len(set(alternatives)) == len(alternatives)
    for text in alternatives:
        assert len(text) > 40
        assert text.endswith(".")
        assert re.search(r"\d", text)
        assert "No description" not in text


def test_page_one_has_the_five_minute_path_in_order(page: Page, run_dir: Path) -> None:
    """Claims, verdict, scores, gates, segments, findings, verify and rerun come before the data."""
    summary = artefacts.read_json(run_dir / "report.json")
    steps = (
        "make no claim about a real one", "How the run ended", summary["reason"],
        "The champions on the audit market", "Usual measures on the audit market",
        "Gates on the last data", "Where each champion does worst", "Open findings",
        "How to verify", "sha256sum -c", "How to rerun", "bondx run -f", "new path of the economy",
    )  # fmt: skip
    places = [page.words.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)


def test_numbers_on_the_page_are_those_of_the_log(page: Page, run_dir: Path) -> None:
    """The audit scores that the log holds are on the page, to the digits shown."""
    opened = runlog.replay(runlog.read(run_dir / runlog.LOG_NAME)).audit
    assert opened
    for scores in opened.values():
        assert report.blocks.number(scores["loss"]) in page.words


def test_smoke_run_is_marked(page: Page, source: str) -> None:
    """The banner stands at the top, stays in view, and is on each printed page."""
    assert page.words.count("Smoke-size run: not evidence") >= 2
    assert 'content: "Smoke-size run: not evidence"' in source


def test_no_word_that_claims_too_much(page: Page) -> None:
    """The page never calls anything compliant, production-grade or guaranteed."""
    assert not FORBIDDEN.search(page.words)


def test_code_is_hidden_and_nothing_was_warned_about(run_dir: Path, page: Page) -> None:
    """No cell's source is on the page, and no cell wrote to standard error."""
    notebook = nbformat.read(run_dir / "report.ipynb", as_version=4)
    assert "import display" not in page.words
    assert "run_dir" not in page.words
    for cell in notebook.cells:
        assert not [
            out for out in cell.get("outputs", ()) if out.output_type in ("stream", "error")
        ]


def test_rendered_again_it_has_the_same_bytes(run_dir: Path, source: str) -> None:
    """Page and summary do not depend on when they are made."""
    summary = (run_dir / "report.json").read_bytes()
    assert report.render(run_dir).read_text(encoding="utf-8") == source
    assert (run_dir / "report.json").read_bytes() == summary
    strict: Any = json.loads(summary, parse_constant=lambda name: pytest.fail(name))
    assert strict["synthetic"] is True


def test_a_failing_cell_is_an_error_that_leaves_the_notebook(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names what went wrong; no page is written, the notebook shows the cell."""
    broken = nbformat.read(engine.notebook_path("report"), as_version=4)
    broken.cells = [*broken.cells[:3], nbformat.v4.new_code_cell("raise KeyError('lost')")]
    nbformat.write(broken, tmp_path / "broken.ipynb")
    monkeypatch.setattr(html.engine, "notebook_path", lambda name: tmp_path / "broken.ipynb")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / runlog.LOG_NAME).write_bytes((run_dir / runlog.LOG_NAME).read_bytes())
    with pytest.raises(BondXError, match="KeyError: 'lost'"):
        report.render(folder)
    assert not (folder / "report.html").exists()
    saved = nbformat.read(folder / "report.ipynb", as_version=4)
    assert [out.ename for cell in saved.cells for out in cell.get("outputs", ()) if "ename" in out]


def _hostile(value: Any, key: str = "") -> Any:
    """Return a field of the log with markup in everything that is free text."""
    if isinstance(value, dict):
        return {name: _hostile(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_hostile(one, key) for one in value]
    return f"{value} {SCRIPT}" if key in FREE_TEXT and isinstance(value, str) else value


def test_nothing_of_the_environment_is_in_a_run(run_dir: Path) -> None:
    """Neither the value of a variable nor its name, nor that of the machine."""
    words = [SECRET, "CLOUD_SECRET_KEY"]
    if len(socket.gethostname()) > 5:  # a shorter one would be found in any picture
        words.append(socket.gethostname())
    for path in run_dir.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert [word for word in words if word.encode() in content] == [], path.name


def _trap(folder: Path, sprung: Path) -> None:
    """Replace what could be executed in a run by what would leave a file."""
    trap = f"open({str(sprung)!r}, 'w')"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(trap)])
    for path in (*folder.rglob("*.ipynb"), folder / "evidence" / "verify.py"):
        path.write_text(trap if path.suffix == ".py" else nbformat.writes(made))


def test_notebooks_of_a_run_are_never_executed(run_dir: Path, tmp_path: Path) -> None:
    """Verifying and training again execute the package's own; so does the report, below."""
    folder = Path(shutil.copytree(run_dir, tmp_path / "run"))
    _trap(folder, tmp_path / "sprung")
    assert evidence.verify(folder)
    assert trainer.replay(folder, 1)
    assert not (tmp_path / "sprung").exists()


def test_markup_from_data_stays_text(run_dir: Path, tmp_path: Path) -> None:
    """In the log's free text, in the run's name, in names of issuers, in the name of a file."""
    folder = Path(shutil.copytree(run_dir, tmp_path / "run"))
    events = runlog.read(folder / runlog.LOG_NAME)
    (folder / runlog.LOG_NAME).unlink()
    journal = runlog.Journal(folder / runlog.LOG_NAME)
    for event in events:
        fields = _hostile(event.fields)
        if event.kind == "run_started":
            fields["name"] = fields["parameters"]["name"] = SCRIPT
        journal.append(event.kind, **fields)
    for path in folder.glob("**/*.parquet"):
        frame = artefacts.read_parquet(path)
        if "issuer_id" in frame:
            frame["issuer_id"] = SCRIPT + frame["issuer_id"].astype(str)
            artefacts.write_parquet(path, frame)
    (folder / "<script>alert(1)<").write_text("a file\n")
    _trap(folder, tmp_path / "sprung")
    source = report.render(folder).read_text(encoding="utf-8")
    assert source.count("&lt;script&gt;alert(1)") > 3
    for text in (source, report.markdown(folder)):
        assert "<script" not in text
    assert not (tmp_path / "sprung").exists()


def test_a_run_that_ended_before_its_first_epoch_has_a_page(run_dir: Path, tmp_path: Path) -> None:
    """Every figure without rows becomes a sentence; the verdict is on the page."""
    first = runlog.read(run_dir / runlog.LOG_NAME)[0]
    journal = runlog.Journal(tmp_path / runlog.LOG_NAME)
    journal.append("run_started", **first.fields)
    journal.append(
        "run_finished", status="failed", reason="<script>alert(1)</script>", exit_code=1,
        artefacts={},
    )  # fmt: skip
    source = report.render(tmp_path).read_text(encoding="utf-8")
    assert "<script" not in source
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in source
    assert source.count("<img") == 1, "the scorecard alone"
    assert "Not shown, because this run has nothing to show here" in source
