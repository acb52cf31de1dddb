"""Whatever a file holds, its reader takes it or says in one sentence what is wrong.

The default suite tries some; ``make test-fuzz`` tries more than ten thousand.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bondx_lib import (
    artefacts,
    dashboard,
    evidence,
    market,
    parameters,
    report,
    runlog,
    sweep,
    validation,
)
from bondx_lib.errors import BadInput, BondXError
from bondx_lib.evidence import verifier
from bondx_lib.validation import column_map

from ..unit import report_factory
from . import damage

ROOT = Path(__file__).resolve().parents[2]
TIMES = int(os.environ.get("BONDX_FUZZ", "1"))
EACH = 40 * TIMES
TABLES = 20 * TIMES
often = settings(
    max_examples=EACH, suppress_health_check=list(HealthCheck), print_blob=False
)  # fmt: skip
seldom = settings(often, max_examples=TABLES)


@contextlib.contextmanager
def one_sentence(folder: Path, lines: int = 1) -> Iterator[None]:
    """Let bad input be refused in one line, or few, and nothing be written."""
    before, refused = artefacts.tree_digests(folder, folder), None
    try:
        yield
    except BondXError as error:
        refused = error
    assert artefacts.tree_digests(folder, folder) == before
    if refused is not None:
        assert isinstance(refused, BadInput), type(refused)
        assert refused.exit_code == 2
        assert len(str(refused).splitlines()) <= lines, str(refused)
        str(refused).encode()


def spoilt_yaml(path: Path) -> st.SearchStrategy[bytes]:
    """Return ways to spoil a YAML file, in structure and in bytes."""
    good = path.read_bytes()
    written = damage.documents(yaml.safe_load(good)).map(
        lambda one: yaml.safe_dump(one, allow_unicode=True).encode("utf-8", "surrogatepass")
    )
    return written | damage.contents(good)


YAML_READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "parameters": ("default.yaml", parameters.load),
    "column map": ("column_map_example.yaml", column_map.load),
    "sweep": ("sweep_example.yaml", sweep.plan.read),
}


@pytest.mark.parametrize("kind", YAML_READERS)
def test_yaml(kind: str, tmp_path: Path) -> None:
    """Parameters, column maps and sweep files."""
    name, reader = YAML_READERS[kind]
    shutil.copy(ROOT / "parameters" / "smoke.yaml", tmp_path)
    path = tmp_path / name

    @often
    @given(spoilt_yaml(ROOT / "parameters" / name))
    def read(content: bytes) -> None:
        path.write_bytes(content)
        with one_sentence(tmp_path):
            reader(path)

    read()


@often
@given(st.text(max_size=30), damage.ODD)
def test_overrides(key: str, value: Any) -> None:
    """What follows ``--set``."""
    with contextlib.suppress(BadInput):
        parameters.load(None, {key: value})


VIEWS: tuple[Callable[[Path], object], ...] = (
    lambda run: runlog.replay(runlog.read(run / runlog.LOG_NAME)),
    lambda run: dashboard.Watcher(run).look(),
    lambda run: dashboard.list_runs(run.parent),
    lambda run: dashboard.status(run),
    lambda run: evidence.verify(run),
    report.summarise,
)


@pytest.fixture(scope="module")
def good_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has ended, sealed."""
    run_dir = report_factory.write(tmp_path_factory.mktemp("runs") / "one", epochs=2)
    evidence.seal(run_dir)
    return run_dir


def test_log(good_run: Path) -> None:
    """Every view of a run whose log was spoilt, and its verifier."""
    log = good_run / runlog.LOG_NAME
    good = log.read_bytes()

    @often
    @given(damage.contents(good))
    def look(content: bytes) -> None:
        log.write_bytes(content)
        for view in VIEWS:
            with one_sentence(good_run):
                view(good_run)
        assert verifier.differences(good_run) or content == good

    try:
        look()
    finally:
        log.write_bytes(good)


@pytest.mark.parametrize("name", [verifier.SUMS, verifier.CRATE, verifier.CROSSWALK])
def test_seal(name: str, good_run: Path, tmp_path: Path) -> None:
    """The verifier reads what a stranger wrote: sums, crate, crosswalk."""
    pack = Path(shutil.copytree(good_run, tmp_path / "pack"))
    path = pack / name
    path.parent.mkdir(exist_ok=True)
    good = path.read_bytes() if path.is_file() else b'{"@graph": [{"@id": "./", "a": [1]}]}'

    @often
    @given(damage.contents(good) | st.binary(max_size=60))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        with one_sentence(pack):
            assert all(isinstance(one, verifier.Difference) for one in evidence.verify(pack))

    check()


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """A few rows of bonds."""
    chosen = parameters.load(None, {"dataset_size": 20})
    drawn = market.simulate(chosen, "fuzz", bonds=4, worlds=1)
    return drawn.panel.groupby("bond_id").head(4).reset_index(drop=True)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_table(suffix: str, table: pd.DataFrame, tmp_path: Path) -> None:
    """Files for ``bondx validate``."""
    path = tmp_path / f"bonds{suffix}"
    (table.to_csv if suffix == ".csv" else table.to_parquet)(path, index=False)

    @seldom
    @given(damage.contents(path.read_bytes()))
    def validate(content: bytes) -> None:
        path.write_bytes(content)
        with one_sentence(tmp_path, lines=40):
            validation.document(validation.validate(path))

    validate()
