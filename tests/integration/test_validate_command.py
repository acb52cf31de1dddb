"""``bondx validate`` in processes of its own: any workers the same bytes, any end no trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bondx_lib import artefacts, market, parameters

ROOT = Path(__file__).resolve().parents[2]
CHOSEN = parameters.load(None, {"history_months": 24})
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
MANY_ROWS = 61_000


class Page(HTMLParser):
    """The elements of a page, and whether they are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element."""
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert tag in ("meta", "br", "img") or self.open.pop() == tag


@pytest.fixture(scope="module")
def bonds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two parts, with bonds that change their issuer."""
    path = tmp_path_factory.mktemp("bonds") / "bonds.parquet"
    one = market.simulate(CHOSEN, "test/validate", bonds=300).panel
    copies = [one.assign(world=world) for world in range(-(-MANY_ROWS // len(one)))]
    panel = pd.concat(copies, ignore_index=True)
    other = np.random.default_rng(0).permutation(panel["issuer_id"].to_numpy())
    panel["issuer_id"] = panel["issuer_id"].where(panel.index % 500 > 0, other)
    panel.to_parquet(path)
    return path


def command(source: Path, *more: str | Path) -> list[str]:
    return [sys.executable, "-m", "bondx_lib", "validate", str(source), *map(str, more)]


def bondx(source: Path, *more: str | Path, temporary: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    return subprocess.run(
        command(source, *more), cwd=ROOT, capture_output=True, text=True, check=False,
        env=environment,
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(bonds: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What one process and two write and print, by their number."""
    folders = {}
    for workers in ("1", "2"):
        place, folder = (tmp_path_factory.mktemp(name) for name in ("temporary", "found"))
        targets = ["--json", folder / "found.json", "--html", folder / "found.html"]
        done = bondx(bonds, "--workers", workers, *targets, temporary=place)
        assert done.returncode in (0, 3), done.stderr
        assert f"written: {folder / 'found.html'}" in done.stderr
        assert list(place.iterdir()) == []
        (folder / "printed").write_text(done.stdout, encoding="utf-8")
        folders[workers] = folder
    return folders


def test_workers_change_no_byte(bonds: Path, found: dict[str, Path]) -> None:
    """One process or two: the same JSON, page and table."""
    for name in ("found.json", "found.html", "printed"):
        assert (found["1"] / name).read_bytes() == (found["2"] / name).read_bytes()
    document = artefacts.read_json(found["1"] / "found.json")
    assert document["rows"] >= MANY_ROWS
    assert document["file"]["sha256"] == artefacts.sha256_file(bonds)
    assert "quality score" in (found["1"] / "printed").read_text(encoding="utf-8")


def test_the_page_is_whole(found: dict[str, Path]) -> None:
    """Elements are closed in order; a policy forbids scripts and requests; headings in order."""
    page = Page()
    page.feed((found["1"] / "found.html").read_text(encoding="utf-8"))
    page.close()
    assert page.open == []
    names = [name for name, _ in page.tags]
    assert not {"script", "link", "iframe", "form"} & set(names)
    assert any(attributes.get("content") == POLICY for _, attributes in page.tags)
    assert names.count("table") == names.count("caption") > 5
    levels = [int(name[1]) for name in names if name in ("h1", "h2", "h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    for name, attributes in page.tags:
        assert name != "a" or str(attributes["href"])[1:] in ids


def test_a_refused_file_ends_with_three_and_a_bad_one_with_two(tmp_path: Path) -> None:
    """No traceback either way; findings go to standard output, errors to standard error."""
    panel = market.simulate(CHOSEN, "test/refused", bonds=30).panel
    panel.assign(spread_bps=-panel["spread_bps"]).to_csv(tmp_path / "bonds.csv", index=False)
    done = bondx(tmp_path / "bonds.csv", temporary=tmp_path)
    assert done.returncode == 3
    assert "BLOCKS       negative_spreads  100 against 1 % of rows" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    done = bondx(tmp_path / "picture.csv", temporary=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interruption_ends_with_130_and_leaves_nothing(
    bonds: Path, tmp_path: Path, workers: str
) -> None:
    """SIGINT while it works: no output, no temporary folder, no traceback."""
    place = tmp_path / "temporary"
    place.mkdir()
    process = subprocess.Popen(
        command(bonds, "--workers", workers, "--json", tmp_path / "found.json"), cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(place)},
    )  # fmt: skip
    end = time.monotonic() + 120
    while not any(place.glob(f"{artefacts.TEMPORARY}*")) and time.monotonic() < end:
        time.sleep(0.01)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    printed, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert printed == ""
    assert "Traceback" not in told
    assert list(place.iterdir()) == []
    assert not (tmp_path / "found.json").exists()
