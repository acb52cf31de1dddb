"""The loop from end to end: verdict, equal bytes, and every way of being interrupted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

from bondx_lib import (
    BondXAIAutonomousTrainer,
    artefacts,
    cli,
    engine,
    epoch,
    evidence,
    gates,
    parameters,
    runlog,
    trainer,
)
from bondx_lib.errors import BadInput, GateBlocked
from bondx_lib.report import html

from ..faults import here

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "parameters" / "smoke.yaml"
SMALL = {"max_epochs": 2}
FLAGS = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
CLOCKED = (".ipynb", ".log", "events.jsonl", "SHA256SUMS", "run.lock", "report.html",
           "parameters.yaml", "environment.json", "ro-crate-metadata.json",
           "croissant.json")  # fmt: skip


def chosen(base: Path, **more: Any) -> parameters.Parameters:
    return parameters.load(SMOKE, {"output.base_directory": str(base), **SMALL, **more})


def digests(run_dir: Path) -> dict[str, str]:
    """Return the digests of every file that two equal runs share byte for byte."""
    return {
        name: digest
        for name, digest in artefacts.tree_digests(run_dir, run_dir).items()
        if not name.endswith(CLOCKED)
    }


def events(run_dir: Path, kind: str | None = None) -> list[runlog.Event]:
    found = runlog.read(run_dir / runlog.LOG_NAME)
    return [event for event in found if kind in (None, event.kind)]


def bondx(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bondx_lib", *map(str, arguments)],
        cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def started(
    base: Path, when: Callable[[Path], bool], *flags: str
) -> tuple[subprocess.Popen[str], Path]:
    """Start a run of its own and wait until its log says what is waited for."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bondx_lib", "run", "-f", SMOKE, "--output", base, *FLAGS, *flags],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()
        for log in base.glob(f"*/{runlog.LOG_NAME}"):
            if when(log.parent):
                return process, log.parent
        time.sleep(0.02)
    raise AssertionError("the run did not get there")


def at(number: int, stage: str) -> Callable[[Path], bool]:
    """Return the question whether a run has begun a stage of an epoch."""

    def reached(run_dir: Path) -> bool:
        begun = [(e["epoch"], e["stage"]) for e in events(run_dir, "stage_started")]
        return (number, stage) in begun

    return reached


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A smoke run that nothing disturbed."""
    work = BondXAIAutonomousTrainer(chosen(tmp_path_factory.mktemp("reference")))
    work.run_autonomous_training_loop()
    assert work.run_dir is not None
    return work.run_dir


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose process was killed in its second epoch, with half a line and half a file."""
    process, run_dir = started(tmp_path_factory.mktemp("killed"), at(2, "train"))
    process.kill()
    process.communicate()
    with (run_dir / runlog.LOG_NAME).open("ab") as log:
        log.write(b'{"seq": 99, "ev')
    (run_dir / "epochs" / "0001" / ".partial-half.json").write_text("{")
    return run_dir


@pytest.fixture
def copy_of_killed(killed: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    shutil.copytree(killed, copy)
    return copy


@pytest.fixture
def epochs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs of this process take no kernel; reports do."""
    here.without_kernels(monkeypatch, page=True)


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports of this process take no kernel: the summary as ever, and a page of nothing."""
    monkeypatch.setattr(html, "_executed", lambda *_: nbformat.v4.new_notebook())


def test_run_ends_with_verdict_report_and_seal(reference: Path) -> None:
    """A run stops by itself, says why, and leaves everything a reader needs."""
    state = runlog.replay(events(reference))
    assert (state.status, state.exit_code) == ("epoch_limit", 0)
    assert len(state.committed) == 2
    assert set(state.audit or {}) == set(state.committed[-1].skills)
    assert (reference / "report.html").stat().st_size > 10_000
    assert evidence.verify(reference) == []
    assert oct(reference.stat().st_mode & 0o777) == "0o700"
    assert [e["kernel"] for e in events(reference, "epoch_started")] == ["warm", "warm"]
    assert len(events(reference, "audit_opened")) == 1


def test_final_datasets_hold_the_same_rows(reference: Path) -> None:
    """All formats carry the last accepted variation, marked as synthetic."""
    panel = pd.read_parquet(reference / "datasets" / "final.parquet")
    lines = (reference / "datasets" / "final.jsonl").read_text().splitlines()
    whole = json.loads((reference / "datasets" / "final.json").read_text())
    assert panel["synthetic"].all()
    assert len(pd.read_csv(reference / "datasets" / "final.csv")) == len(panel)
    assert len(lines) == len(whole["records"]) == len(panel)
    assert json.loads(lines[0])["bond_id"] == panel["bond_id"].iloc[0]
    assert whole["metadata"]["synthetic"] is True


def test_all_json_is_strict(reference: Path) -> None:
    """No JSON file and no log line holds NaN or Infinity."""

    def refuse(name: str) -> float:
        raise AssertionError(name)

    files = list(reference.rglob("*.json"))
    texts = [path.read_text() for path in files]
    for path in reference.rglob("*.jsonl"):
        texts.extend(path.read_text().splitlines())
    assert len(files) > 10
    for text in texts:
        json.loads(text, parse_constant=refuse)


def test_same_parameters_same_bytes(reference: Path, tmp_path: Path) -> None:
    """Another process in another folder writes equal datasets, models and results."""
    done = bondx("run", "-f", SMOKE, "--output", tmp_path, "--name", "again", *FLAGS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (run_dir,) = tmp_path.glob("*-again-*")
    assert "epoch_limit" in done.stdout
    assert str(run_dir / "report.html") in done.stdout
    ours, theirs = digests(reference), digests(run_dir)
    ours.pop("report.json"), theirs.pop("report.json")
    assert ours == theirs
    assert len(ours) > 30


def test_killed_run_resumes_to_the_same_bytes(copy_of_killed: Path, reference: Path) -> None:
    """After kill -9, half a line and half a file, the end is as if nothing had happened."""
    done = bondx("resume", copy_of_killed)
    assert done.returncode == 0, done.stderr
    assert digests(copy_of_killed) == digests(reference)
    assert evidence.verify(copy_of_killed) == []
    attempts = [(e["epoch"], e["attempt"]) for e in events(copy_of_killed, "epoch_started")]
    assert attempts == [(1, 1), (2, 1), (2, 2)]
    again = bondx("resume", copy_of_killed)
    assert (again.returncode, "has ended" in again.stderr) == (2, True)


def test_resume_refuses_other_parameters(copy_of_killed: Path) -> None:
    """Parameters that were changed after the start are refused by name."""
    path = copy_of_killed / "parameters.yaml"
    path.write_text(path.read_text().replace("random_seed: 42", "random_seed: 43"))
    with pytest.raises(BadInput, match="has been changed since"):
        trainer.resume(copy_of_killed)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("epochs/0001/dataset.parquet", "dataset.parquet"),
        ("epochs/0001/result.json", "result.json"),
        ("markets/benchmark/truth.parquet", "benchmark"),
    ],
)
def test_resume_refuses_changed_artefacts(copy_of_killed: Path, name: str, named: str) -> None:
    """A committed file that was changed or lost is named, and nothing is trained on it."""
    with (copy_of_killed / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(BadInput, match=named):
        trainer.resume(copy_of_killed)
    (copy_of_killed / name).unlink()
    with pytest.raises(BadInput, match=named):
        trainer.resume(copy_of_killed)


def test_interrupt_stops_cleanly(tmp_path: Path) -> None:
    """Ctrl-C ends with 130, a valid log and a word on how to go on."""
    process, run_dir = started(tmp_path, at(1, "train"))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert f"bondx resume {run_dir}" in out + err
    assert "Traceback" not in err
    assert events(run_dir)[-1].kind == "run_interrupted"
    assert runlog.RunLock.holder(run_dir) is None


def test_second_runner_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two runners on one folder: the second is refused with the first one's process id."""
    process, run_dir = started(tmp_path, at(1, "generate"), "--set", "max_epochs=500")
    try:
        assert cli.main(["resume", str(run_dir)]) == 2
        assert str(process.pid) in capsys.readouterr().err
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 130


@pytest.mark.usefixtures("no_page")
def test_plain_papermill_runs_an_epoch(reference: Path, tmp_path: Path) -> None:
    """Someone with papermill alone gets the same epoch, and the runner can go on from there."""
    run_dir = tmp_path / "by-hand"
    file = tmp_path / "small.yaml"
    file.write_text(SMOKE.read_text().replace("max_epochs: 3", "max_epochs: 2"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["papermill", ROOT / "notebooks" / "epoch.ipynb", tmp_path / "out.ipynb",
         "-p", "run_dir", run_dir, "-p", "epoch", "1", "-p", "parameters_file", file],
        env={**environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ours = {name: one for name, one in digests(reference).items()
            if name.startswith("epochs/0001")}  # fmt: skip
    assert {n: d for n, d in digests(run_dir).items() if n.startswith("epochs/0001")} == ours
    assert runlog.RunLock.holder(run_dir) is None
    assert trainer.resume(run_dir).status == "epoch_limit"
    assert digests(run_dir) == digests(reference)


def test_blocking_gate_ends_the_run(tmp_path: Path) -> None:
    """When every draw is refused nothing is trained, and the report says what was wrong."""
    strict = {"quality_gates.coverage_min": 100.0, "epoch.max_redraws": 1}
    opened: list[Path] = []
    with pytest.raises(GateBlocked, match="coverage refused 2 of 2 draws") as refused:
        trainer.run(chosen(tmp_path, **strict), opened.append)
    assert refused.value.gates == ("coverage",)
    (run_dir,) = opened
    state = runlog.replay(events(run_dir))
    assert (state.status, state.exit_code, state.committed) == ("blocked", 3, ())
    assert [e["draw"] for e in events(run_dir, "dataset_rejected")] == [0, 1]
    assert all("required cells" in e["reason"] for e in events(run_dir, "dataset_rejected"))
    (blocked,) = events(run_dir, "epoch_blocked")
    assert "quality_gates.coverage_min" in blocked["advice"]
    assert not events(run_dir, "model_trained")
    assert (run_dir / "report.html").is_file()
    assert evidence.verify(run_dir) == []


def test_gates_are_fixed_first_and_all_findings_are_kept(reference: Path) -> None:
    """The first event holds every threshold; data and models are judged in every epoch."""
    first, *_ = events(reference)
    manager = gates.QualityGateManager(chosen(reference))
    assert first["gates"] == manager.table()
    assert first["gates_digest"] == manager.digest()
    state = runlog.replay(events(reference))
    for view in state.committed:
        name = f"epochs/{view.number:04d}/findings.json"
        kept = json.loads((reference / name).read_text())
        assert name in view.artefacts
        judged = {finding["gate"] for finding in kept}
        assert {"redrawn", "coverage", "downgrade_path", "beats_floor"} <= judged
        assert {f["gate"] for f in (*view.findings, *view.model_findings)} == judged
    examined = {finding["gate"] for finding in state.examined or ()}
    assert {"robust_curve", "leakage_features", "leakage_shuffle", "monotonicity"} == examined & {
        "robust_curve", "leakage_features", "leakage_shuffle", "monotonicity"
    }  # fmt: skip


WARY = {"quality_gates.thresholds": {"worst_segment": 0.1}, "models": ["spread"]}
"""Warns of every segment."""


@pytest.mark.usefixtures("epochs_here")
def test_warnings_steer_the_next_draw(tmp_path: Path) -> None:
    """What one epoch warns of the next one draws more often, and its rows carry weights."""
    wary = {**WARY, "epoch.steering": "warnings"}
    opened: list[Path] = []
    trainer.run(chosen(tmp_path, **wary), opened.append)
    (run_dir,) = opened
    first, _ = events(run_dir, "draw_steered")
    assert first["mix"]
    assert len(first["reasons"]) == len(first["mix"])
    assert all("worst segment" in reason for reason in first["reasons"])
    assert [dict(e["mix"]) for e in events(run_dir, "dataset_accepted")] == [{}, first["mix"]]
    assert not (run_dir / "epochs" / "0001" / "weights.parquet").exists()
    weights = artefacts.read_parquet(run_dir / "epochs" / "0002" / "weights.parquet")["weight"]
    assert weights.nunique() > 1
    final = artefacts.read_parquet(run_dir / "datasets" / "final.weights.parquet")["weight"]
    assert final.tolist() == weights.tolist()
    pool = epoch.pooled(run_dir, chosen(tmp_path, **wary), [1, 2])
    size = len(pool) - len(weights)
    assert (pool.rows["weight"][:size] == 1).all()
    assert pool.rows["weight"][size:].tolist() == weights.tolist()
    assert "weight" not in pool.features.columns
    report = (run_dir / "report.html").read_text()
    assert "Draws steered by warnings" in report


@pytest.mark.parametrize("steering", ["none", "warnings"])
def test_steering_is_a_parameter(tmp_path: Path, steering: str) -> None:
    """The same warnings ask for more of a segment, or for nothing."""
    file = tmp_path / "own.yaml"
    file.write_text(chosen(tmp_path, **WARY, **{"epoch.steering": steering}).to_yaml())
    session = epoch.open_session(tmp_path / "run", 1, parameters_file=file)
    accepted = epoch.gate(session, epoch.generate(session))
    challengers = epoch.train(session)
    scored = epoch.evaluate(session, challengers)
    judged = epoch.judge(session, challengers, scored)
    decisions = epoch.promote(session, challengers, scored, judged)
    epoch.commit(session, accepted, challengers, judged, decisions)
    wished = gates.steer((*accepted.findings, *judged.findings)).mix
    assert wished
    (told,) = events(tmp_path / "run", "draw_steered")
    assert dict(told["mix"]) == (wished if steering == "warnings" else {})
    assert bool(told["reasons"]) == (steering == "warnings")


@pytest.mark.usefixtures("epochs_here")
def test_champions_that_are_refused_at_the_end_block_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leak that only the close look finds ends the run as blocked, with exit code 3."""
    leak = {"leaks": ["rating_number is log_spread_mean by another name"]}
    monkeypatch.setattr(trainer.closing.models, "examine_closely", lambda *_, **__: leak)
    opened: list[Path] = []
    state = trainer.run(chosen(tmp_path, max_epochs=1), opened.append)
    assert (state.status, state.exit_code) == ("blocked", 3)
    assert "leakage_features" in state.reason
    assert "by another name" in (opened[0] / "report.html").read_text()
    assert evidence.verify(opened[0]) == []


@pytest.mark.usefixtures("no_page")
def test_lost_kernel_is_tried_again(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel killed from outside costs an attempt, not the run, and changes no byte."""
    execute, seen = engine.execute, []

    def kill_once(*arguments: Any) -> None:
        kernel = arguments[3]
        seen.append(kernel.pid)
        if len(seen) == 1:
            os.kill(kernel.pid, signal.SIGKILL)
        execute(*arguments)

    monkeypatch.setattr(engine, "execute", kill_once)
    opened: list[Path] = []
    state = trainer.run(chosen(tmp_path), opened.append)
    (failure,) = events(opened[0], "epoch_failed")
    assert (failure["error"], failure["retry"]) == ("KernelLost", True)
    assert state.status == "epoch_limit"
    assert digests(opened[0]) == digests(reference)


@pytest.mark.usefixtures("no_page")
def test_stop_file_ends_a_run_between_epochs(tmp_path: Path) -> None:
    """A control file stops the run; what was done so far is closed and reported."""

    def ask(run_dir: Path) -> None:
        (run_dir / "control").mkdir(exist_ok=True)
        (run_dir / "control" / "stop").touch()

    state = trainer.run(chosen(tmp_path), ask)
    assert (state.status, state.exit_code) == ("stopped", 0)


@pytest.mark.usefixtures("no_page")
def test_failing_cell_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error of our own is not tried again; its traceback reaches the user once."""
    broken = tmp_path / "epoch.ipynb"
    text = (ROOT / "notebooks" / "epoch.ipynb").read_text()
    broken.write_text(text.replace("stages.generate(session)", "stages.nonesuch(session)"))
    ours = engine.notebook_path
    monkeypatch.setattr(engine, "notebook_path", lambda n: broken if n == "epoch" else ours(n))
    code = cli.main(["run", "-q", "-f", str(SMOKE), "--output", str(tmp_path / "runs")])
    (run_dir,) = (tmp_path / "runs").glob("*")
    shown = capsys.readouterr().err
    assert code == 1
    assert shown.count("AttributeError") >= 1
    assert shown.count("Traceback") == 1
    (failure,) = events(run_dir, "epoch_failed")
    assert (failure["error"], failure["retry"]) == ("AttributeError", False)
    assert runlog.replay(events(run_dir)).status == "failed"


@pytest.mark.usefixtures("epochs_here", "no_page")
def test_a_limit_keeps_the_newest_variations(tmp_path: Path) -> None:
    """Challengers learn from as many as the limit says, and from all without one."""
    opened: list[Path] = []
    limited = chosen(tmp_path, **{"models": ["anomaly"], "epoch.pool_limit": 1})
    trainer.run(limited, opened.append)
    (run_dir,) = opened
    worlds = [
        epoch.pooled(run_dir, parameters, [1, 2]).rows["world"].unique().tolist()
        for parameters in (limited, chosen(tmp_path, models=["anomaly"]))
    ]
    assert worlds == [[2], [1, 2]]
    first, second = (int(event["rows"]) for event in events(run_dir, "model_trained"))
    assert second < 1.5 * first
