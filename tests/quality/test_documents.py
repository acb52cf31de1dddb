"""Every command and every block of code in README and docs does what it says, on small files."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from bondx_lib import cli, evidence, market, models, parameters, report, runlog, schema, sweep
from bondx_lib.runner import control, detach

from ..faults import here

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SMALL = yaml.safe_dump(
    {**yaml.safe_load((ROOT / "parameters" / "smoke.yaml").read_text()), "max_epochs": 1,
     "models": ["spread"]}
)  # fmt: skip
NOT_RUN = {
    "ssh-keygen": "needs a key",
    ".venv/bin/pip": "installs from the network",
    ".venv/bin/voila": "serves until it is stopped",
}
FRAGMENTS = ("PANEL: Final = (", 'columns["turnover_pct"]', "def test_turnover_is")
"""Blocks that show a change of the code: compiled, not executed."""


@dataclass(frozen=True)
class Block:
    """A block of a page."""

    page: str
    line: int
    language: str
    text: str


def _blocks(*languages: str) -> Iterator[Any]:
    for page in PAGES:
        content = page.read_text(encoding="utf-8")
        for found in FENCE.finditer(content):
            if found[1] in languages:
                line = content[: found.start()].count("\n") + 1
                block = Block(page.name, line, found[1], found[2])
                yield pytest.param(block, id=f"{page.name}:{line}")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the pages suppose: parameters, runs that ended, one that did not, files."""
    home = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "parameters", home / "parameters")
    for name in ("default.yaml", "small.yaml"):
        (home / "parameters" / name).write_text(SMALL)
    (home / "parameters" / "stressed.yaml").write_text(SMALL + "scenario: recession\n")
    (home / "parameters" / "sweep_example.yaml").write_text(
        "name: tiny\ngrid: {dataset_size: [50]}\n"
    )
    (home / "small.yaml").write_text(SMALL)
    with pytest.MonkeyPatch.context() as patch:
        here.without_kernels(patch)
        ended = here.run(here.chosen(home / "runs", max_epochs=3, **here.FEW))
        other = here.run(here.chosen(home / "runs", name="other", random_seed=7, **here.FEW))
    report.render(ended)
    evidence.finish(ended)
    ended.rename(home / "runs" / "RUN")
    other.rename(home / "runs" / "RUN_B")
    for name in ("RUN_A", "a", "b", "20260101T000000Z-default-1a2b3c"):
        shutil.copytree(home / "runs" / "RUN", home / "runs" / name)
    shutil.copy(home / "runs" / "RUN" / runlog.LOG_NAME, home)
    rows = market.simulate(parameters.default(), "docs", bonds=30).panel
    rows = rows[~schema.range_violations(rows, "panel").any(axis=1)]
    rows.to_csv(home / "bonds.csv", index=False)
    for name in ("bonds", "theirs"):
        rows.to_parquet(home / f"{name}.parquet", index=False)
    (home / "MAP.yaml").write_text("columns: {}\n")
    return home


@pytest.fixture(autouse=True)
def _invented_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of a sweep are real processes that train nothing; real ones are in test_sweep.py."""
    monkeypatch.setattr(sweep.work, "PROGRAM", (sys.executable, "-m", "tests.unit.sweep_child"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(autouse=True)
def _nothing_goes_on() -> Iterator[None]:
    """A run that was detached, and told to end, has ended before the next block is tried."""
    yield
    for process in detach._started:
        process.wait(60)


def _interrupted(house: Path) -> None:
    """Put a run there as it was after its first epoch."""
    run_dir = house / "runs" / "folder"
    shutil.rmtree(run_dir, ignore_errors=True)
    shutil.copytree(house / "runs" / "RUN", run_dir)
    log = run_dir / runlog.LOG_NAME
    lines = log.read_bytes().splitlines(keepends=True)
    events = [json.loads(line)["event"] for line in lines]
    log.write_bytes(b"".join(lines[: events.index("assessed") + 1]))


def _commands(block: Block) -> Iterator[str]:
    for line in block.text.replace("\\\n", " ").splitlines():
        command = re.sub(r"\s+#.*", "", line).strip()
        if command:
            yield command.replace("<folder>", "folder")


@pytest.mark.parametrize("block", list(_blocks("sh")))
def test_commands(
    block: Block, house: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each ends with 0; those of make name a target that is there."""
    here.without_kernels(monkeypatch)
    monkeypatch.chdir(house)
    _interrupted(house)
    if block.text.startswith("#!"):
        _execute(block.text, house)
        return
    for command in _commands(block):
        program, *words = shlex.split(command)
        if program in NOT_RUN:
            continue
        if program == "make":
            targets = (ROOT / "Makefile").read_text()
            assert f"\n{words[0]}:" in targets, command
        elif program == "bondx":
            found = [_place(house, word) for word in words]
            assert cli.main(found) == 0, (command, capsys.readouterr().err)
            for run in (house / "runs").iterdir():
                if runlog.RunLock.held(run):  # it was detached
                    control.abort(run)
        elif program == "sha256sum":
            subprocess.run([program, *words], cwd=house / "runs" / "RUN", check=True)
        else:
            pytest.fail(f"nobody knows how to try {command}")


def _execute(script: str, house: Path) -> None:
    """Run a script of its own, where bondx is on the path, as on the second night."""
    path = house / "script.sh"
    path.write_text(script)
    (house / "last-good").write_text("runs/RUN\n")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", path], env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "pack id" in done.stdout
    assert "bondx_run_exit_code" in (house / "metrics" / "bondx.prom").read_text()
    assert "first   RUN\n" in (house / "compared.txt").read_text()
    assert (house / (house / "last-good").read_text().strip() / "report.html").is_file()


def test_commands_within_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    """Each is a command, with options that its help names."""
    spoken = {
        found for page in PAGES
        for found in re.findall(r"`bondx ([a-z][^`]*)`", page.read_text(encoding="utf-8"))
    }  # fmt: skip
    assert len(spoken) > 20
    for words in sorted(spoken):
        command, *rest = words.split()
        with pytest.raises(SystemExit) as ended:
            cli.main([command, "--help"])
        assert ended.value.code == 0, words
        said = capsys.readouterr().out
        options = [word for word in rest if re.match(r"--?[a-z]", word)]
        assert [word for word in options if not re.search(rf"(^|\s){word}\b", said)] == [], words


def _place(house: Path, word: str) -> str:
    """Return a word of a command with the place of what it names."""
    if word in ("RUN", "RUN_A", "RUN_B"):
        return str(house / "runs" / word)
    return str(house / Path(word).name) if word.startswith("/var/") else word


@pytest.mark.parametrize("block", list(_blocks("yaml", "toml")))
def test_files(block: Block, house: Path) -> None:
    """Parameters and sweeps are read by their readers, the rest is well-formed."""
    if block.language == "toml":
        assert tomllib.loads(block.text)
        return
    if "jobs:" in block.text:  # a pipeline
        steps = yaml.safe_load(block.text)["jobs"]["night"]["steps"]
        calls = [step["run"].split()[:2] for step in steps if "run" in step]
        assert calls == [["make", "run"]]
        return
    path = house / "block.yaml"
    path.write_text(block.text)
    reader: Callable[[Path], object] = (
        sweep.plan.read if "grid:" in block.text or block.page == "sweeps.md" else parameters.load
    )
    assert reader(path)


@pytest.mark.parametrize("block", list(_blocks("ini")))
def test_units(block: Block) -> None:
    """Unit files name their sections, and what they start is of this project."""
    unit = configparser.ConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(block.text)
    assert {"Unit"} < set(unit.sections()) < {"Unit", "Service", "Timer", "Install"}
    started = unit.get("Service", "ExecStart", fallback="/srv/bondx/nightly.sh")
    assert Path(started).name in block.page.replace(".md", ".sh")


@pytest.mark.parametrize("block", list(_blocks("python")))
def test_code(block: Block, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs with the names that its page speaks of."""
    folder = "folder" if "resume(" in block.text else "RUN"
    code = compile(block.text.replace("<folder>", folder), f"{block.page}:{block.line}", "exec")
    if block.text.startswith(FRAGMENTS):
        return
    here.without_kernels(monkeypatch)
    monkeypatch.chdir(house)
    _interrupted(house)
    for register in ("bondx_lib.gates.register", "bondx_lib.models.register"):
        monkeypatch.setattr(sys.modules[register].REGISTER, "added", {})
    if block.page == "sweeps.md" and not list((house / "runs").glob("*-sweep-*")):
        assert cli.main(["sweep", "-f", "parameters/sweep_example.yaml"]) == 0
    if block.page == "tutorial.md" and not (house / "market").exists():
        assert cli.main(["generate", "--bonds", "200", "-o", "market"]) == 0
    if block.page == "scenarios.md" and not (house / "storm.parquet").exists():
        _storm()
    chosen = parameters.load(None, {"dataset_size": 30})
    exec(code, {
        "frame": schema.conform(pd.read_parquet("bonds.parquet"), "panel"),
        "parameters": chosen, "models": models,
        "rows": market.simulate(chosen, "docs", bonds=30, worlds=2).panel,
        "law": models.get("spread"), "rng": np.random.default_rng(1), "folder": house / "model",
    })  # fmt: skip


def _storm() -> None:
    """Draw and score what the page on scenarios does, if its commands were not tried before."""
    panel = "stressed/panel/part-00000-of-00001.parquet"
    if not Path("stressed").exists():
        words = "generate --set scenario=recession --bonds 100 --truth -o stressed"
        assert cli.main(words.split()) == 0
    words = f"score --input {panel} --output storm.parquet --duplicates score"
    assert cli.main([*words.split(), "--run", "runs/RUN"]) == 0
