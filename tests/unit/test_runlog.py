"""The run log: chained, tolerant of one torn line only, writable by one process at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondx_lib import events, runlog
from bondx_lib.errors import BadInput, RunBusy, RunLogDamaged

from . import report_factory
from .log_lines import FINDING, START, chained

DECIDED = {
    "epoch": 1, "model": "spread", "difference": 0.0, "low": 0.0, "high": 0.0, "reason": "so",
}  # fmt: skip
AT = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def log(tmp_path):
    """A log of three events."""
    path = tmp_path / runlog.LOG_NAME
    journal = runlog.Journal(path)
    journal.append("run_started", **START)
    journal.append("epoch_started", epoch=1, attempt=1, kernel="cold")
    journal.append("stage_started", epoch=1, stage="train")
    return path


def test_events_come_back_in_order(log):
    """What was appended is read, with the chain in place."""
    events = runlog.read(log)
    assert [event.kind for event in events] == ["run_started", "epoch_started", "stage_started"]
    assert [event.seq for event in events] == [0, 1, 2]
    assert events[0].prev == runlog.GENESIS
    assert events[2].prev == events[1].digest
    assert events[2]["stage"] == "train"


def test_what_was_appended_is_what_is_read(log):
    """The event that comes back is the one in the file, to the digest of its line."""
    written = runlog.Journal(log).append("paused", epoch=1)
    assert written == runlog.read(log)[-1]


def test_a_line_that_cannot_be_kept_is_taken_back(log, monkeypatch):
    """A disk that takes a line and cannot keep it: the log is as it was, and can go on."""
    journal, before, fsync = runlog.Journal(log), log.read_bytes(), os.fsync

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        journal.append("paused", epoch=1)
    assert log.read_bytes() == before
    monkeypatch.setattr(os, "fsync", fsync)
    journal.append("paused", epoch=1)
    assert len(runlog.read(log)) == 4


def test_a_journal_goes_on_where_the_log_ends(log):
    """Reopening continues the chain."""
    runlog.Journal(log).append("paused", epoch=1)
    assert runlog.replay(runlog.read(log)).status == "paused"


@pytest.mark.parametrize("line", [0, 1, 2])
@pytest.mark.parametrize(
    "damage",
    [
        lambda lines, n: lines[n].replace(b'"at":"2', b'"at":"3'),
        lambda lines, n: b"not json\n",
        lambda lines, n: b"[1, 2]\n",
        lambda lines, n: b"",
    ],
    ids=["edited", "overwritten", "other json", "dropped"],
)
def test_any_change_but_to_the_end_is_noticed(log, line, damage):
    """Editing, overwriting or dropping a line breaks the chain at or after it."""
    lines = log.read_bytes().splitlines(keepends=True)
    lines[line] = damage(lines, line)
    log.write_bytes(b"".join(lines))
    if line == 2 and damage(lines, 2) == b"":
        assert len(runlog.read(log)) == 2
        return
    if line == 2 and b'"at":"3' in lines[2]:
        assert runlog.read(log)[2].digest != runlog.GENESIS
        return
    with pytest.raises(RunLogDamaged) as caught:
        runlog.read(log)
    assert caught.value.line in (line + 1, line + 2)


def test_swapped_lines_are_noticed(log):
    """Order counts."""
    first, second, third = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(first + third + second)
    with pytest.raises(RunLogDamaged, match="line 2: does not follow"):
        runlog.read(log)


@given(cut=st.integers(min_value=1, max_value=120))
def test_a_torn_last_line_is_tolerated_and_can_be_cut(tmp_path_factory, cut):
    """Reading leaves it out, a journal refuses it, repair cuts it away."""
    path = tmp_path_factory.mktemp("torn") / runlog.LOG_NAME
    journal = runlog.Journal(path)
    journal.append("run_started", **START)
    journal.append("epoch_started", epoch=1, attempt=1, kernel="cold")
    content = path.read_bytes()
    last = len(content.splitlines(keepends=True)[-1])
    path.write_bytes(content[: -min(cut, last - 1)])
    assert len(runlog.read(path)) == 1
    with pytest.raises(RunLogDamaged, match="line 2: is cut off"):
        runlog.Journal(path)
    assert runlog.repair_tail(path) > 0
    assert runlog.repair_tail(path) == 0
    runlog.Journal(path).append("epoch_started", epoch=1, attempt=2, kernel="cold")
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    with pytest.raises(RunLogDamaged, match=rf"^{path}: line 1: is no event"):
        runlog.repair_tail(path)


@given(cuts=st.lists(st.integers(0, 4000), max_size=12), models=st.integers(1, 4))
def test_a_log_read_in_pieces_says_what_it_says_as_a_whole(tmp_path_factory, cuts, models):
    """However many bytes have been written when somebody looks, lines and state are the same."""
    trained = {"event": "model_trained", "seconds": 1.5, "rows": 9, "digest": "a" * 64}
    content = chained([STARTED, *({"at": AT, "epoch": 1, **one} for one in (
        {"event": "epoch_started", "attempt": 1, "kernel": "cold"},
        {"event": "stage_started", "stage": "train"},
        {"event": "epoch_started", "attempt": 2, "kernel": "warm"},
        *({**trained, "model": f"m{name}"} for name in range(models)),
    ))])  # fmt: skip
    path = tmp_path_factory.mktemp("grows") / runlog.LOG_NAME
    follower, seen = runlog.Follower(path), []
    for end in [*sorted(min(cut, len(content)) for cut in cuts), len(content)]:
        path.write_bytes(content[:end])
        seen += follower.new()
        assert follower.torn == (not content[:end].endswith(b"\n") and end > 0)
    assert seen == runlog.read(path)
    assert follower.state() == runlog.state_of(path.parent)


def test_a_writer_that_was_left_behind_can_not_write(log):
    """Once somebody else has written, the older journal is fenced off."""
    stale, fresh = runlog.Journal(log), runlog.Journal(log)
    fresh.append("paused", epoch=1)
    with pytest.raises(RunBusy, match=f"^{log}: another process"):
        stale.append("paused", epoch=1)
    assert len(runlog.read(log)) == 4


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("pause", {"epoch": 1}, "no kind of event; nearest: 'paused'"),
        ("paused", {}, "lacks"),
        ("paused", {"epoch": 1, "extra": 2}, "does not know"),
        ("paused", {"epoch": float("nan")}, "no place in JSON"),
        ("paused", {"epoch": True}, "epoch is True: input should be a valid integer"),
        ("run_started", START, "begins with run_started, and has no other"),
        ("datasets_written", {"files": {"../x": "a" * 64}}, "inside the run folder"),
    ],
)
def test_only_registered_events_can_be_written(log, kind, fields, message):
    """Unknown kinds, missing or unknown fields and NaN are refused; nothing is written."""
    before = log.read_bytes()
    with pytest.raises(ValueError, match=message):
        runlog.Journal(log).append(kind, **fields)
    assert log.read_bytes() == before


def test_a_log_of_this_version_is_read(tmp_path):
    """The newest that there is, not only older ones."""
    path = tmp_path / runlog.LOG_NAME
    path.write_bytes(chained([{**STARTED, "log_version": runlog.LOG_VERSION}]))
    assert len(runlog.read(path)) == 1


def test_a_log_of_a_newer_version_or_of_unknown_events_is_refused(tmp_path):
    """The error says so instead of guessing."""
    for record, message in (
        ({"event": "run_started", **START, "log_version": 99}, "log version 99"),
        ({"event": "sung", "song": 1}, "'sung' is no kind of event"),
    ):
        path = tmp_path / "log.jsonl"
        full = {"seq": 0, "at": "2026-01-01", "prev": runlog.GENESIS, **record}
        path.write_text(json.dumps(full) + "\n")
        with pytest.raises(RunLogDamaged, match=message):
            runlog.read(path)


STARTED = {"at": AT, "event": "run_started", **START}


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"at": AT, "event": "sung"}, "'sung' is no kind of event"),
        ({"at": AT, "event": ["paused"]}, "['paused'] is no kind of event; nearest: 'paused'"),
        ({"at": AT, "event": "paused"}, "paused lacks epoch"),
        ({"at": AT, "event": "paused", "epoch": 1, "song": 2}, "paused does not know song"),
        ({"at": AT, "event": "paused", "epoch": -1},
         "paused: epoch is -1: input should be greater than or equal to 0"),
        ({"at": AT, "event": "model_scored", "epoch": 1, "model": "spread", "role": "champion",
          "scores": {}}, "model_scored lacks scores.model"),
        ({"at": AT, "event": "run_interrupted", "signal": ["\n"]},
         "run_interrupted: signal is ['\\n']: input should be a valid string"),
        (STARTED, "a log begins with run_started, and has no other"),
        ({"at": "at noon", "event": "paused", "epoch": 1}, "its time is no time: 'at noon'"),
        ({"at": "2026-01-01T00:00:00", "event": "paused", "epoch": 1},
         "its time is no time: '2026-01-01T00:00:00'"),
        ({"at": 7, "event": "paused", "epoch": 1}, "its time is no time: 7"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_line_is_said(tmp_path, second, said):
    """File, line, and what: the chain around it is sound."""
    path = tmp_path / runlog.LOG_NAME
    path.write_bytes(chained([STARTED, second]))
    with pytest.raises(RunLogDamaged) as caught:
        runlog.read(path)
    assert str(caught.value) == f"{path}: line 2: {said}"
    path.write_bytes(chained([second]))
    with pytest.raises(RunLogDamaged) if second != STARTED else contextlib.nullcontext():
        runlog.read(path)


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (lambda content: content.replace(b'"name":"t"', b'"name":"u"'), 2,
         "does not follow the line before it"),
        (lambda content: content + b"nonsense\n", 4, "is no event"),
        (lambda content: content + b"[]\n", 4, "is no event"),
        (lambda content: content[:-1], 3, "is cut off"),
        (lambda content: content.replace(b'"log_version":1', b'"log_version":3'), 1,
         "is of log version 3; this one reads 2"),
    ],
)  # fmt: skip
def test_a_broken_chain_is_said(log, change, line, said):
    """File, line, and what."""
    log.write_bytes(change(log.read_bytes()))
    with pytest.raises(RunLogDamaged) as caught:
        runlog.read(log, tolerate_torn=False)
    assert str(caught.value) == f"{log}: line {line}: {said}"
    assert (caught.value.line, caught.value.path) == (line, str(log))


@pytest.mark.parametrize(
    ("path", "inside"),
    [("a", True), ("a/b.json", True), ("", False), (".", False), ("..", False), ("/a", False),
     ("a/../b", False), ("a//b", False), ("a/", False), ("./a", False)],
)  # fmt: skip
def test_files_of_the_log_lie_in_its_folder(path, inside):
    """No path in it leads anywhere else, and each file has one name."""
    said = events.problem("datasets_written", {"files": {path: "a" * 64}})
    assert said is None if inside else said.endswith("must be a path inside the run folder")


def test_values_in_errors_are_short():
    """However long a value is, and whatever it holds, it stays in its line."""
    for text, shown in (
        ("x" * 58, f"'{'x' * 58}'"), ("x" * 59, f"'{'x' * 59}…"), ("\N{RUNNER}", "'\N{RUNNER}'"),
    ):  # fmt: skip
        said = events.problem("paused", {"epoch": text})
        assert said == f"paused: epoch is {shown}: input should be a valid integer"
    assert events.problem("paused", {"epoch": 1, "\x1e": 1}) == r"paused does not know '\x1e'"


def test_a_missing_log_is_bad_input(tmp_path):
    """The error names the file, and what was looked for."""
    path = tmp_path / runlog.LOG_NAME
    with pytest.raises(BadInput) as caught:
        runlog.read(path)
    assert str(caught.value) == (
        f"{path}: cannot be read: No such file or directory; "
        "admissible: the events.jsonl of a run folder"
    )


def test_the_follower_reads_each_event_once(log):
    """New events only, across calls; a half-written line waits for its rest."""
    follower = runlog.Follower(log)
    assert len(follower.new()) == 3
    assert follower.new() == []
    journal = runlog.Journal(log)
    journal.append("paused", epoch=1)
    whole = log.read_bytes()
    log.write_bytes(whole[:-10])
    assert follower.new() == []
    log.write_bytes(whole)
    assert [event.kind for event in follower.new()] == ["paused"]
    log.write_bytes(whole + b"nonsense\n")
    with pytest.raises(RunLogDamaged, match=f"^{log}: line 5: is no event"):
        follower.new()
    nothing = runlog.Follower(log.with_name("none"))
    assert nothing.new() == []
    assert (nothing.torn, nothing.known) == (False, runlog.RunState())


def test_the_follower_knows_what_the_whole_log_says(log):
    """Its state is that of a replay from the beginning, and a journal may begin where it is."""
    follower = runlog.Follower(log)
    assert follower.state() == runlog.replay(runlog.read(log))
    journal = runlog.Journal(log, follower)
    written = journal.append("paused", epoch=1)
    assert follower.state() == runlog.replay(runlog.read(log))
    assert follower.known.status == "paused"
    assert (follower.seq, follower.head) == (written.seq + 1, written.digest)
    assert follower.size == log.stat().st_size


def test_no_journal_begins_after_half_a_line(log):
    """Not even through a follower that had read all before it; once that is cut away it does."""
    follower = runlog.Follower(log)
    follower.new()
    with log.open("ab") as file:
        file.write(b'{"seq":3,')
    with pytest.raises(RunLogDamaged, match=rf"^{log}: line 4: is cut off"):
        runlog.Journal(log, follower)
    runlog.repair_tail(log)
    runlog.Journal(log, follower).append("paused", epoch=1)
    assert len(runlog.read(log)) == 4


def test_the_lock_names_its_holder_and_dies_with_it(tmp_path):
    """A second process is refused with the pid of the first; a killed holder holds nothing."""
    code = (
        "import sys, time; from pathlib import Path; from bondx_lib import runlog\n"
        "with runlog.RunLock(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunBusy, match=f"process {holder.pid}"), runlog.RunLock(tmp_path):
            pass
        assert runlog.RunLock.holder(tmp_path) == holder.pid
        holder.kill()
    assert runlog.RunLock.holder(tmp_path) is None
    with runlog.RunLock(tmp_path):
        assert runlog.RunLock.holder(tmp_path) == os.getpid()


def test_a_lock_is_held_from_the_first_moment(tmp_path):
    """Before it has written who it is, a process holds the lock: its run is not lost."""
    path = tmp_path / runlog.LOCK_NAME
    state = runlog.RunState(status="running")
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert runlog.RunLock.held(tmp_path)
        assert runlog.RunLock.holder(tmp_path) is None
        assert runlog.live_status(state, tmp_path) == "running"
    assert not runlog.RunLock.held(tmp_path)
    assert runlog.live_status(state, tmp_path) == "lost"
    assert not runlog.RunLock.held(tmp_path / "nowhere")


def test_who_only_asks_is_waited_for(tmp_path):
    """Whoever looks whether a lock is held has it for a moment, and refuses nobody."""
    path = tmp_path / runlog.LOCK_NAME
    path.touch()
    with path.open("rb") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        lets_go = threading.Timer(0.04, fcntl.flock, (asking, fcntl.LOCK_UN))
        lets_go.start()
        with runlog.RunLock(tmp_path):
            assert runlog.RunLock.holder(tmp_path) == os.getpid()
        lets_go.join()


def test_the_lock_remembers_who_had_it_last(tmp_path):
    """Process and start, whoever holds it now; nonsense names nobody, half of it half."""
    assert runlog.RunLock.owner(tmp_path) == (None, None)
    with runlog.RunLock(tmp_path):
        with pytest.raises(RunBusy, match=f"^{tmp_path}: process {os.getpid()} is already"):
            runlog.RunLock(tmp_path).__enter__()
        ours = os.getpid(), runlog.process_start(os.getpid())
        assert runlog.RunLock.owner(tmp_path) == ours
    assert runlog.RunLock.owner(tmp_path) == ours
    path = tmp_path / runlog.LOCK_NAME
    for content, known in (
        ('{"pid": 7}', (7, None)), ('{"pid": 7, "start": 8}', (7, "8")), ("7", (None, None)),
        ('{"start": "8"}', (None, None)), ("", (None, None)), ('{"pid": "x"}', (None, None)),
    ):  # fmt: skip
        path.write_text(content)
        assert runlog.RunLock.owner(tmp_path) == known


def test_a_process_is_known_by_id_and_start(tmp_path):
    """When it started, by the clock of the system; whatever its name; none once it has ended."""
    odd = tmp_path / "a) Z 1 2 (b"
    odd.symlink_to(shutil.which("sleep"))
    process = subprocess.Popen([odd, "60"])
    try:
        ticks = runlog.process_start(process.pid)
        assert ticks == runlog.process_start(process.pid)
        assert odd.name in Path(f"/proc/{process.pid}/stat").read_text()
        since_boot = int(ticks) / os.sysconf("SC_CLK_TCK")
        started = psutil.Process(process.pid).create_time() - psutil.boot_time()
        assert since_boot == pytest.approx(started, abs=1)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert runlog.process_start(process.pid) is None, "it has ended, and nobody has asked how"
    finally:
        process.kill()
        process.wait()
    assert runlog.process_start(process.pid) is None


def test_times_are_those_of_the_last_event(tmp_path):
    """Of the run, and of an epoch."""
    times = [f"2026-01-01T00:00:{second:02d}+00:00" for second in range(4)]
    told = [
        STARTED, {"event": "epoch_started", "epoch": 1, "attempt": 1, "kernel": "cold"},
        {"event": "stage_started", "epoch": 1, "stage": "train"}, {"event": "paused", "epoch": 1},
    ]  # fmt: skip
    log = tmp_path / runlog.LOG_NAME
    log.write_bytes(chained({**one, "at": at} for one, at in zip(told, times, strict=True)))
    state = runlog.replay(runlog.read(log))
    assert (state.began, state.ended) == (times[0], times[3])
    assert (state.epochs[0].began, state.epochs[0].ended) == (times[1], times[2])


def test_markets_are_kept_beside_one_another(log):
    """One more market takes none away."""
    journal = runlog.Journal(log)
    for name in ("benchmark", "audit"):
        journal.append("market_drawn", market=name, rows=1, digest="d" * 64)
    assert set(runlog.replay(runlog.read(log)).markets) == {"benchmark", "audit"}


def test_replay_tells_the_story(log, tmp_path):
    """The state after each event is what the events say; running without a holder is lost."""
    journal = runlog.Journal(log)
    journal.append("epoch_started", epoch=1, attempt=2, kernel="warm")
    finding = FINDING
    journal.append("dataset_rejected", epoch=1, draw=0, stream="s", findings=[finding], reason="r")
    journal.append(
        "dataset_accepted", epoch=1, draw=1, stream="s", mix={}, rows=5, bonds=2, issuers=1,
        digest="d" * 64, findings=[finding], quality=0.9, band="good",
    )  # fmt: skip
    journal.append("model_trained", epoch=1, model="spread", seconds=0.5, rows=3, digest="e" * 64)
    journal.append(
        "model_scored", epoch=1, model="spread", role="challenger",
        scores={**report_factory.scores("spread"), "skill": 0.4},
    )  # fmt: skip
    journal.append(
        "models_judged", epoch=1, findings=[finding], refused={"spread": ["beats_floor"]}
    )
    journal.append("draw_steered", epoch=1, mix={"rating=CCC": 2.0}, reasons=["few of them"])
    journal.append(
        "champion_promoted", epoch=1, model="spread", difference=None, low=None, high=None,
        reason="first",
    )  # fmt: skip
    journal.append("epoch_committed", epoch=1, quality=0.9, skills={"spread": 0.4}, artefacts={})
    written = runlog.read(log)
    assert [one.at for one in written] == [
        json.loads(line)["at"] for line in log.read_bytes().splitlines()
    ]
    begun = runlog.replay(written[:4])
    assert (begun.epoch, begun.attempt, begun.stage, begun.status) == (1, 2, "", "running")
    assert runlog.replay(written[:3]).stage == "train"
    (first,) = begun.epochs
    assert (first.kernel, first.began, first.ended) == ("warm", written[3].at, written[3].at)
    state = runlog.replay(written)
    (view,) = state.committed
    assert state.epochs == (view,)
    assert (view.attempt, view.rejected, view.draw) == (2, 1, 1)
    assert (view.findings, view.model_findings) == ((finding,), (finding,))
    assert view.mix == {"rating=CCC": 2.0}
    assert state.refused_champions(1) == {"spread": ["beats_floor"]}
    assert state.refused_champions(0) == {}
    assert view.promotions["spread"]["promoted"]
    assert view.scores["spread"]["challenger"]["skill"] == 0.4
    assert state.status == "running"
    assert not state.finished
    assert runlog.live_status(state, tmp_path) == "lost"
    with runlog.RunLock(tmp_path):
        assert runlog.live_status(state, tmp_path) == "running"
    journal.append("paused", epoch=1)
    paused = runlog.replay(runlog.read(log))
    assert (paused.status, runlog.live_status(paused, tmp_path)) == ("paused", "lost")
    journal.append("epoch_started", epoch=2, attempt=1, kernel="warm")
    assert runlog.replay(runlog.read(log)).status == "running"
    journal.append("run_interrupted", signal="SIGINT")
    journal.append("run_resumed", epoch=1, pid=2, process_start="x")
    journal.append("epoch_failed", epoch=2, attempt=1, error="E", message="m", retry=False)
    failed = runlog.replay(runlog.read(log))
    assert (failed.status, failed.pid) == ("failed", 2)
    assert "epoch 2: E: m" in failed.reason


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("epoch_started", {"epoch": 2, "attempt": 1, "kernel": "cold"}, "where epoch 1 is next"),
        ("stage_started", {"epoch": 2, "stage": "train"}, "epoch 2, which is not at work"),
        ("champion_kept", DECIDED, "decides on spread, which has no scores"),
        ("champion_promoted", DECIDED, "decides on spread, which has no scores"),
    ],
)  # fmt: skip
def test_an_event_must_follow_from_those_before(log, kind, fields, message):
    """A chain may be sound and the story none; whoever reads the ends alone asks for none."""
    runlog.Journal(log).append(kind, **fields)
    written = runlog.read(log)
    with pytest.raises(RunLogDamaged, match=rf"^events\.jsonl: line 4: .*{message}$"):
        runlog.replay(written)
    assert runlog.replay(written, whole=False).events == 4


def test_nothing_more_happens_in_an_epoch_that_was_committed(log):
    """Its results count as they are; the next epoch is another."""
    journal = runlog.Journal(log)
    journal.append("epoch_committed", epoch=1, quality=0.9, skills={}, artefacts={})
    assert len(runlog.replay(runlog.read(log)).committed) == 1
    journal.append("stage_started", epoch=1, stage="train")
    with pytest.raises(RunLogDamaged, match="epoch 1, which is not at work"):
        runlog.replay(runlog.read(log))


def test_refused_champions_are_remembered(log):
    """A champion that a gate refused stays refused until another takes its place."""
    journal = runlog.Journal(log)
    for epoch, model, refused in ((1, "spread", ["leaks"]), (2, "anomaly", []), (3, "spread", [])):
        if epoch > 1:
            journal.append("epoch_started", epoch=epoch, attempt=1, kernel="warm")
        journal.append("model_scored", epoch=epoch, model=model, role="challenger",
                       scores=report_factory.scores(model))  # fmt: skip
        journal.append("models_judged", epoch=epoch, findings=[],
                       refused={model: refused} if refused else {})  # fmt: skip
        journal.append("champion_promoted", **{**DECIDED, "epoch": epoch, "model": model})
        journal.append("epoch_committed", epoch=epoch, quality=0.9, skills={}, artefacts={})
    state = runlog.replay(runlog.read(log))
    assert [state.refused_champions(epoch) for epoch in (0, 1, 2, 3)] == [
        {}, {"spread": ["leaks"]}, {"spread": ["leaks"]}, {},
    ]  # fmt: skip
