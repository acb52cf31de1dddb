"""The command line: help, errors in one line, exit codes, and what each command prints."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import bondx_lib
from bondx_lib import cli, dashboard, evidence, report, runlog, trainer
from bondx_lib.errors import BadInput, EpochFailed, GateBlocked
from bondx_lib.parameters import Parameters, describe

from . import report_factory

COMMANDS = tuple(cli.COMMANDS)
Shown = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished run of invented numbers."""
    folder = tmp_path_factory.mktemp("runs")
    evidence.seal(report_factory.write(folder / "20260101T000000Z-tiny-abcdef"))
    return folder


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replace the training by a note of what it was asked to do."""
    seen: list[Any] = []

    def note(asked: Any, on_open: Callable[[Path], None]) -> runlog.RunState:
        seen.append(asked)
        return runlog.RunState(status="converged", reason="nothing moves", exit_code=0)

    monkeypatch.setattr(trainer, "run", note)
    monkeypatch.setattr(trainer, "resume", note)
    return seen


def bondx(text: str) -> int:
    return cli.main(shlex.split(text))


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str, capsys: Shown) -> None:
    """Help says what a command does and gives an example."""
    with pytest.raises(SystemExit) as left:
        bondx(f"{command} --help")
    assert left.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"example: bondx {command}" in shown
    for code, meaning in cli.EXITS.get(command, {}).items():
        assert f"{code.value} {meaning}" in shown


def test_the_version_is_that_of_the_package(capsys: Shown) -> None:
    """It is what logs and bug reports name."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"bondx {metadata.version('bondx')}\n"


def test_no_command_shows_the_overview(capsys: Shown) -> None:
    """Without a command every command is listed with the exit codes."""
    assert bondx("") == 0
    shown = capsys.readouterr().out
    assert all(f"    {command}" in shown for command in COMMANDS)
    assert "130 interrupted" in shown


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rum", ["'rum'", "did you mean 'run'?"]),
        ("run --set max_epoch=5", ["max_epoch", "did you mean 'max_epochs'?"]),
        ("run --set max_epochs=many", ["max_epochs", "'many'", "integer", "≥ 1"]),
        ("run --set max_epochs=0", ["max_epochs", "(got 0)", "≥ 1"]),
        ("run --set max_epochs", ["--set", "key=value"]),
        ("run --name ../up", ["name", "'../up'"]),
        ("run -f nowhere.yaml", ["nowhere.yaml", "cannot be read"]),
        ("run --quick", ["--quick", "--help"]),
        ("status nosuchrun --output {base}", ["nosuchrun", "bondx list"]),
        ("verify --output {base}/none", ["holds no runs"]),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    line: str, words: list[str], base: Path, capsys: Shown, given: list[Any]
) -> None:
    """What is wrong, what was given, and what would do; no traceback, no training."""
    assert bondx(line.format(base=base)) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    assert all(word in shown.err for word in words)
    assert (shown.out, given) == ("", [])


@pytest.mark.parametrize(
    "content", ["", "- 1\n", "max_epochs: [", "max_epochs: 1\nmax_epochs: 2\n"]
)
def test_unusable_parameters_file_is_named(
    content: str, tmp_path: Path, capsys: Shown, given: list[Any]
) -> None:
    """An empty file, a list, broken YAML and a repeated key are refused by file name."""
    path = tmp_path / "odd.yaml"
    path.write_text(content)
    assert bondx(f"run -f {path}") == 2
    assert str(path) in capsys.readouterr().err
    assert given == []


def test_run_passes_file_and_overrides_on(tmp_path: Path, given: list[Parameters]) -> None:
    """File over defaults, single values over the file, output and name over both."""
    path = tmp_path / "some.yaml"
    path.write_text("dataset_size: 40\nrandom_seed: 7\nname: filed\n")
    sets = "--set dataset_size=50 --set quality_gates.coverage_min=95"
    assert bondx(f"run -q -f {path} {sets} --output {tmp_path}/out --name mine") == 0
    (asked,) = given
    assert (asked.dataset_size, asked.random_seed, asked.name) == (50, 7, "mine")
    assert asked.quality_gates.coverage_min == 95
    assert asked.output.base_directory == f"{tmp_path}/out"


@pytest.mark.parametrize("word", ["20260101", "true", "null"])
def test_name_is_text_whatever_it_looks_like(word: str, given: list[Parameters]) -> None:
    """A name that YAML would read as a number or a truth value stays a name."""
    assert bondx(f"run -q --name {word}") == 0
    assert given[0].name == word


def test_resume_takes_the_newest_run(base: Path, given: list[Any], capsys: Shown) -> None:
    """Without an argument the newest run goes on."""
    assert bondx(f"resume -q --output {base}") == 0
    assert given == [base / "20260101T000000Z-tiny-abcdef"]
    assert "converged: nothing moves" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "code"),
    [("converged", 0), ("plateaued", 0), ("epoch_limit", 0), ("stopped", 0)],
)
def test_exit_code_is_the_states(
    status: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    """Every way to end by oneself is a success and is named."""
    ended = runlog.RunState(status=status, reason="because", exit_code=code)
    monkeypatch.setattr(trainer, "run", lambda chosen, on_open: ended)
    assert bondx("run -q") == code
    assert f"{status}: because" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (GateBlocked("all draws were refused", ("coverage",)), 3, "error: all draws were refused"),
        (
            EpochFailed(4, "KeyError", "'x'", "Traceback: the cell"),
            1,
            "Traceback: the cell\nerror:",
        ),
        (BadInput("is missing", key="rating"), 2, "error: rating: is missing"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_error_decides_the_exit_code(
    error: BaseException, code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    """A blocked gate, a failed epoch, bad input and an interruption each have their code."""

    def fail(chosen: Parameters, on_open: Callable[[Path], None]) -> runlog.RunState:
        raise error

    monkeypatch.setattr(trainer, "run", fail)
    assert bondx("run -q") == code
    assert words in capsys.readouterr().err


def test_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody planned is not dressed up."""

    def fail(chosen: Parameters, on_open: Callable[[Path], None]) -> runlog.RunState:
        raise ZeroDivisionError

    monkeypatch.setattr(trainer, "run", fail)
    with pytest.raises(ZeroDivisionError):
        bondx("run -q")


def test_interrupted_run_says_how_to_go_on(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    """The message holds the command that resumes this very run."""
    (folder,) = base.iterdir()

    def stop(chosen: Parameters, on_open: Callable[[Path], None]) -> runlog.RunState:
        on_open(folder)
        return runlog.RunState(status="interrupted", reason="interrupted by SIGINT")

    monkeypatch.setattr(trainer, "run", stop)
    assert bondx("run -q") == 130
    assert f"bondx resume {folder}" in capsys.readouterr().out


def test_progress_is_shown_unless_quiet(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    """A run shows its log while it works; --quiet leaves the end alone."""
    (folder,) = base.iterdir()
    watched: list[Path] = []

    def work(chosen: Parameters, on_open: Callable[[Path], None]) -> runlog.RunState:
        on_open(folder)
        return runlog.RunState(status="converged", reason="because", exit_code=0)

    monkeypatch.setattr(trainer, "run", work)
    monkeypatch.setattr(dashboard, "watch", lambda run_dir, beside: watched.append(run_dir))
    assert bondx("run -q") == 0
    assert watched == []
    assert str(folder) not in capsys.readouterr().out.replace(f"report: {folder}", "")
    assert bondx("run") == 0
    assert watched == [folder]
    shown = capsys.readouterr().out
    assert f"run folder: {folder}" in shown
    assert f"pack id: {evidence.pack_id(folder)}" in shown


def test_params_prints_every_parameter(capsys: Shown) -> None:
    """Key, type, unit, range, default and meaning of all; the same rows as JSON."""
    assert bondx("params") == 0
    text = capsys.readouterr().out
    assert bondx("params --json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows == describe()
    assert all(f"\n{row['key']} " in text for row in rows)


def test_status_watch_list_and_report_speak_text_and_json(base: Path, capsys: Shown) -> None:
    """What a person reads and what a script reads come from the same log."""
    for command in ("status", "watch --once", "list"):
        assert bondx(f"{command} --output {base}") == 0
        assert "tiny" in capsys.readouterr().out
        assert bondx(f"{command} --json --output {base}") == 0
        json.loads(capsys.readouterr().out)
    assert bondx(f"report --json --output {base}") == 0
    assert json.loads(capsys.readouterr().out)["synthetic"] is True


def test_empty_folder_lists_no_runs(tmp_path: Path, capsys: Shown) -> None:
    """No runs is an answer, not an error."""
    assert bondx(f"list --output {tmp_path}") == 0
    assert "no runs" in capsys.readouterr().out


def test_report_is_rendered_where_it_says(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    """The command prints the path of the page it wrote."""
    monkeypatch.setattr(report, "render", lambda folder: folder / "report.html")
    assert bondx(f"report --output {base}") == 0
    assert capsys.readouterr().out.strip().endswith("report.html")


def test_verify_names_every_problem(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    """An untouched run verifies; else each difference is a line and the exit code is 1."""
    monkeypatch.setattr(evidence, "verify", lambda folder: [])
    assert bondx(f"verify --output {base}") == 0
    assert "nothing has changed" in capsys.readouterr().out
    monkeypatch.setattr(evidence, "verify", lambda folder: ["a is missing", "b has been changed"])
    assert bondx(f"verify --output {base}") == 1
    assert capsys.readouterr().out == "a is missing\nb has been changed\n"


def test_broken_pipe_is_quiet() -> None:
    """A reader that leaves early gets no traceback."""
    done = subprocess.run(
        f"{sys.executable} -m bondx_lib params | true", shell=True, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stderr == ""


def test_public_names_are_lazy() -> None:
    """Importing the package costs nothing; each public name is there when asked for."""
    code = (
        "import bondx_lib, sys; print(any(m.startswith(('pandas', 'numpy')) for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert all(getattr(bondx_lib, name) is not None for name in bondx_lib.__all__)
    assert dir(bondx_lib) == sorted(bondx_lib.__all__)
    with pytest.raises(AttributeError, match="nonesuch"):
        _ = bondx_lib.nonesuch


@pytest.mark.parametrize("command", ["list --output", "status", "watch --once", "params"])
def test_looking_loads_nothing_that_calculates(command: str, base: Path) -> None:
    """What only reads a log answers at once: no data frames, no models, no gates."""
    (run_dir,) = base.iterdir()
    places = {"list --output": [str(base)], "params": []}
    words = [*command.split(), *places.get(command, [str(run_dir)])]
    code = (
        "import sys; from bondx_lib import cli; cli.main(sys.argv[1:]); "
        "print(*{name.partition('.')[0] for name in sys.modules} "
        "& {'pandas', 'pandera', 'scipy', 'sklearn', 'xgboost', 'matplotlib', 'papermill'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == ""
