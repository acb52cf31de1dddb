"""Two runs side by side: what changed is named, what did not is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bondx_lib import cli, evidence, runlog
from bondx_lib.errors import BadInput
from bondx_lib.evidence import comparison

from . import report_factory


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that differ in seed, epochs and verdict."""
    folder = tmp_path_factory.mktemp("runs")
    report_factory.write(folder / "a", epochs=6)
    report_factory.write(
        folder / "b", epochs=2, status="epoch_limit", reason="2 of at most 2", random_seed=7
    )
    return folder


def test_run_is_the_same_as_itself(base: Path) -> None:
    """No part has anything to say."""
    found = evidence.compare(base / "a", base / "a")
    assert all(found[part] == [] for part in comparison.PARTS)
    assert {row["verdict"] for row in found["scores"]} <= {"no clear difference", "not known"}
    assert all(row["difference"] in (0.0, None) for row in found["scores"])
    assert found["findings"]["new"] == found["findings"]["gone"] == []
    assert evidence.compare(base / "b", base / "b")["findings"]["stayed"]


def test_what_changed_is_named(base: Path) -> None:
    """Parameter with both values, verdict, variations, findings that came."""
    found = evidence.compare(base / "a", base / "b")
    assert {"key": "random_seed", "first": 42, "second": 7} in found["parameters"]
    assert "status is epoch_limit, was converged" in found["verdict"]
    assert "epochs committed is 2, was 6" in found["verdict"]
    assert "variation of epoch 6 is gone" in found["data"]
    assert any(text.startswith("convergence: fail") for text in found["findings"]["new"])
    text = evidence.as_text(found)
    assert "random_seed: 42 -> 7" in text
    assert "audit     spread" in text


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ((0.1, 0.0, 0.2), (0.5, 0.4, 0.6), "better"),
        ((0.5, 0.4, 0.6), (0.1, 0.0, 0.2), "worse"),
        ((0.5, 0.4, 0.6), (0.5, 0.3, 0.7), "no clear difference"),
        ((0.5, None, None), (0.5, 0.3, 0.7), "not known"),
        (None, (0.5, 0.3, 0.7), "only in one run"),
    ],
)
def test_intervals_decide(
    first: tuple[float, ...] | None, second: tuple[float, ...], verdict: str
) -> None:
    """A difference is clear where they are apart."""
    names = ("estimate", "low", "high")
    one, other = (None if each is None else dict(zip(names, each, strict=True))
                  for each in (first, second))  # fmt: skip
    assert comparison._apart(one, other) == verdict


def test_command_prints_both_ways(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names are those of the list; a run that goes on is refused."""
    assert cli.main(["compare", "a", "b", "--output", str(base)]) == 0
    assert "findings that are new:" in capsys.readouterr().out
    assert cli.main(["compare", "a", "b", "--output", str(base), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == ["a", "b"]


@pytest.mark.parametrize(("verdict", "code"), [("worse", 1), ("better", 0), ("not known", 0)])
def test_a_worse_run_can_be_made_a_failure(
    verdict: str, code: int, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If that is asked for, and only then."""
    monkeypatch.setattr(comparison, "_apart", lambda one, other: verdict)
    words = ["compare", "a", "b", "--output", str(base)]
    assert cli.main([*words, "--fail-if-worse"]) == code
    assert cli.main(words) == 0


def test_run_that_goes_on_is_not_compared(base: Path, tmp_path: Path) -> None:
    """Its state is named."""
    report_factory.begin(tmp_path / "going")
    with runlog.RunLock(tmp_path / "going"), pytest.raises(BadInput, match="running"):
        evidence.compare(base / "a", tmp_path / "going")
