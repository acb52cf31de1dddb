"""The stages of an epoch: the only module that knows their order.

``notebooks/epoch.ipynb`` calls one function per cell.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bondx_lib import artefacts, convergence, features, gates, market, models, runlog
from bondx_lib.epoch.champions import champion_epoch, champion_predictions, place_champions
from bondx_lib.epoch.folders import FINDINGS_NAME, PREDICTIONS_NAME, WEIGHTS_NAME
from bondx_lib.epoch.markets import draw_variation, rng_of, stream_name
from bondx_lib.epoch.pool import fit, sides, study, study_path
from bondx_lib.epoch.session import Session
from bondx_lib.errors import GateBlocked
from bondx_lib.models import tuning
from bondx_lib.models.base import Comparison, Floats, Model, Panel, Scores, Words
from bondx_lib.models.examination import Measured
from bondx_lib.models.supervised import Supervised
from bondx_lib.parameters import Parameters

Result = TypeVar("Result")


@dataclass(frozen=True)
class Variation:
    """A drawn dataset and where it came from; ``mix`` says what it was asked to hold more of."""

    stream: str
    draw: int
    mix: Mapping[str, float]
    market: market.Market


@dataclass(frozen=True)
class Accepted:
    """The variation that the gates let through."""

    variation: Variation
    findings: tuple[gates.Finding, ...]
    quality: float
    digest: str


@dataclass(frozen=True)
class Judged:
    """What the gates found of the challengers."""

    findings: tuple[gates.Finding, ...]

    def refusing(self, name: str) -> tuple[str, ...]:
        """Return the blocking gates that a challenger fails."""
        return tuple(
            finding.gate
            for finding in self.findings
            if finding.blocks and finding.slice.split(", ")[0] == f"model={name}"
        )


@dataclass(frozen=True)
class Decision:
    """What became of a challenger."""

    comparison: Comparison
    challenger: Scores
    champion: Mapping[str, Any]


def generate(session: Session, draw: int = 0) -> Variation:
    """Draw a new variation: new issuers, new bonds, a new macro path.

    It holds more of the segments that the epoch before asked for, with weights that undo it.
    """
    if draw == 0:
        _stage(session, "generate")
    stream = stream_name(session.number, draw)
    mix = session.state.committed[-1].mix if session.state.committed else {}
    return Variation(stream, draw, mix, draw_variation(session.parameters, stream, mix))


def gate(session: Session, variation: Variation) -> Accepted:
    """Accept the variation, or draw again while blocking gates refuse it.

    Raises
    ------
    GateBlocked
        When every draw the parameters allow has been refused.
    """
    _stage(session, "gate")
    manager = gates.QualityGateManager(session.parameters)
    refused = []
    while True:
        drawn = variation.market
        again = draw_variation(session.parameters, variation.stream, variation.mix)
        digest = artefacts.frame_digest(drawn.panel)
        redrawn = digest, artefacts.frame_digest(again.panel)
        findings = manager.evaluate(drawn.panel, redrawn, drawn.weights)
        if not manager.blocked(findings):
            return _accept(session, variation, findings, digest)
        refused.append(findings)
        _reject(session, variation, findings)
        if variation.draw >= session.parameters.epoch.max_redraws:
            return _give_up(session, refused)
        variation = generate(session, variation.draw + 1)


def train(session: Session) -> dict[str, Model]:
    """Train a challenger of each model on the pool, models side by side in threads."""
    _stage(session, "train")
    pool = session.pool
    trained = _side_by_side(
        session, lambda name: _trained(session, name, pool), _slowest_first(session)
    )
    for model, seconds in (trained[name] for name in session.parameters.models):
        session.journal.append(
            "model_trained", epoch=session.number, model=model.name, seconds=round(seconds, 3),
            rows=int(model.facts["rows"]), digest=_facts_digest(model),
        )  # fmt: skip
    return {name: trained[name][0] for name in session.parameters.models}


def evaluate(
    session: Session, challengers: Mapping[str, Model]
) -> dict[str, tuple[Scores, Floats]]:
    """Score the challengers on the benchmark market; return scores and predictions."""
    _stage(session, "evaluate")
    panel, truth = session.benchmark

    def scores_of(name: str) -> tuple[Scores, Floats]:
        predictions = challengers[name].predict(panel)
        return models.evaluate(
            challengers[name], predictions, panel, truth,
            rng_of(session.parameters, "benchmark", name),
            session.parameters.evaluation.bootstrap_replicates,
        ), predictions  # fmt: skip

    scored = _side_by_side(session, scores_of, challengers)
    for name, (scores, _) in scored.items():
        session.journal.append(
            "model_scored", epoch=session.number, model=name, role="challenger",
            scores=scores.to_dict(),
        )  # fmt: skip
    return scored


def judge(
    session: Session,
    challengers: Mapping[str, Model],
    scored: Mapping[str, tuple[Scores, Floats]],
) -> Judged:
    """Measure the challengers on the benchmark market and ask the gates about them."""
    _stage(session, "judge")
    panel, truth = session.benchmark
    pool = session.pool

    def measures_of(name: str) -> Measured:
        scores, predictions = scored[name]
        return models.examine(
            challengers[name], panel, truth, predictions, scores, pool=pool,
            split=sides(type(challengers[name]), pool, session.parameters),
            champion_predictions=_champion_predictions(
                session, name, champion_epoch(session.state, name)
            ),
            parameters=session.parameters,
            rng=rng_of(session.parameters, f"judge/{session.number:04d}", name),
        )  # fmt: skip

    measured = _side_by_side(session, measures_of, challengers)
    judged = gates.QualityGateManager(session.parameters).judge_models(measured)
    findings = tuple(one for one in judged if one.verdict != "not_applicable")
    session.journal.append(
        "models_judged", epoch=session.number,
        findings=[finding.to_dict() for finding in gates.worst(findings)],
        refused={name: list(found) for name in challengers
                 if (found := Judged(findings).refusing(name))},
    )  # fmt: skip
    return Judged(findings)


def promote(
    session: Session,
    challengers: Mapping[str, Model],
    scored: Mapping[str, tuple[Scores, Floats]],
    judged: Judged,
) -> dict[str, Decision]:
    """Compare champions and challengers; save the challengers that win.

    A challenger that a blocking gate refuses replaces no champion.
    """
    _stage(session, "promote")
    panel, truth = session.benchmark
    decisions = {}
    for name, model in challengers.items():
        scores, predictions = scored[name]
        epoch = champion_epoch(session.state, name)
        comparison = models.compare(
            model, _champion_predictions(session, name, epoch), predictions, panel, truth,
            rng_of(session.parameters, f"compare/{session.number:04d}", name),
            session.parameters.evaluation.bootstrap_replicates,
        )  # fmt: skip
        if epoch is not None and (refusing := judged.refusing(name)):
            comparison = comparison.refused(", ".join(refusing))
        if comparison.promote:
            _save_champion(session, model, predictions)
        champion = scores.to_dict() if comparison.promote else _scores_of(session, name, epoch)
        kind = "champion_promoted" if comparison.promote else "champion_kept"
        session.journal.append(
            kind, epoch=session.number, model=name, difference=comparison.difference,
            low=comparison.low, high=comparison.high, reason=comparison.reason,
        )  # fmt: skip
        decisions[name] = Decision(comparison, scores, champion)
    return decisions


def commit(
    session: Session,
    accepted: Accepted,
    challengers: Mapping[str, Model],
    judged: Judged,
    decisions: Mapping[str, Decision],
) -> dict[str, Any]:
    """Write the epoch's result, commit it to the log, and assess the run; return the result."""
    _stage(session, "commit")
    skills = {name: float(decision.champion["skill"] or 0) for name, decision in decisions.items()}
    result = _result(session, accepted, challengers, decisions, skills)
    artefacts.write_json(session.folder / "result.json", result)
    findings = (*accepted.findings, *judged.findings)
    artefacts.write_json(
        session.folder / FINDINGS_NAME, [finding.to_dict() for finding in findings]
    )
    steered = session.parameters.epoch.steering == "warnings"
    steering = gates.steer(findings) if steered else gates.Steering()
    session.journal.append("draw_steered", epoch=session.number, **steering.to_dict())
    digests = artefacts.tree_digests(session.folder, session.run_dir)
    digests = {path: digest for path, digest in digests.items() if not path.endswith(".ipynb")}
    session.journal.append(
        "epoch_committed", epoch=session.number, quality=accepted.quality, skills=skills,
        artefacts=digests,
    )  # fmt: skip
    assess(session.follower.state(), session.journal, session.parameters)
    place_champions(session.run_dir, session.follower.state())
    if session.lock is not None:
        session.lock.__exit__()
    return result


def findings_table(findings: Sequence[gates.Finding]) -> pd.DataFrame:
    """Return the worst finding of each gate as a table, those that passed left out."""
    shown = [one.to_dict() for one in gates.worst(findings) if one.verdict != "pass"]
    columns = ["gate", "slice", "observed", "threshold", "severity", "verdict"]
    return pd.DataFrame(shown, columns=columns)


def assess(
    state: runlog.RunState, journal: runlog.Journal, parameters: Parameters
) -> convergence.Verdict:
    """Assess the run's history and log the verdict."""
    verdict = convergence.assess(history(state), parameters)
    journal.append(
        "assessed", epoch=state.epoch, status=verdict.status, reason=verdict.reason,
        rules=[rule.to_dict() for rule in verdict.rules], patience_left=verdict.patience_left,
    )  # fmt: skip
    return verdict


def history(state: runlog.RunState) -> list[convergence.EpochRecord]:
    """Return what convergence needs to know of the committed epochs."""
    return [
        convergence.EpochRecord(
            view.number, view.quality or 0.0, view.skills,
            {name: one["challenger"]["skill"] or 0.0 for name, one in view.scores.items()},
            not state.refused_champions(view.number),
        )
        for view in state.committed
    ]  # fmt: skip


def _stage(session: Session, stage: str) -> None:
    session.journal.append("stage_started", epoch=session.number, stage=stage)


def _slowest_first(session: Session) -> list[str]:
    """Return the models, first what took longest in the epoch before: it should not begin last."""
    before = session.state.committed[-1].seconds if session.state.committed else {}
    return sorted(session.parameters.models, key=lambda name: -before.get(name, 0.0))


def _side_by_side(
    session: Session, job: Callable[[str], Result], names: Iterable[str]
) -> dict[str, Result]:
    """Return what a job gives for each model, several in threads at a time, in their order."""
    with ThreadPoolExecutor(session.parameters.execution.workers) as threads:
        futures = {name: threads.submit(job, name) for name in names}
        return {name: future.result() for name, future in futures.items()}


def _accept(
    session: Session, variation: Variation, findings: tuple[gates.Finding, ...], digest: str
) -> Accepted:
    panel = variation.market.panel
    artefacts.write_parquet(session.folder / "dataset.parquet", panel)
    artefacts.write_parquet(session.folder / "truth.parquet", variation.market.truth)
    artefacts.write_parquet(session.folder / "features.parquet", features.build(panel))
    if variation.mix:
        weights = variation.market.weights.rename("weight").to_frame()
        artefacts.write_parquet(session.folder / WEIGHTS_NAME, weights)
    quality = gates.quality_score(findings)
    session.journal.append(
        "dataset_accepted", epoch=session.number, draw=variation.draw, stream=variation.stream,
        mix=dict(variation.mix), rows=len(panel), bonds=int(panel["bond_id"].nunique()),
        issuers=int(panel["issuer_id"].nunique()), digest=digest,
        findings=[finding.to_dict() for finding in gates.worst(findings)], quality=quality,
        band=gates.band(quality),
    )  # fmt: skip
    return Accepted(variation, findings, quality, digest)


def _reject(session: Session, variation: Variation, findings: tuple[gates.Finding, ...]) -> None:
    blocking = [finding for finding in findings if finding.blocks]
    session.journal.append(
        "dataset_rejected", epoch=session.number, draw=variation.draw, stream=variation.stream,
        findings=[finding.to_dict() for finding in gates.worst(findings)],
        reason=" ".join(finding.message for finding in blocking),
    )  # fmt: skip


def _give_up(session: Session, refused: Sequence[tuple[gates.Finding, ...]]) -> Accepted:
    advice = gates.advise(refused, session.parameters)
    session.journal.append(
        "epoch_blocked", epoch=session.number, advice=advice,
        findings=[finding.to_dict() for finding in gates.worst(refused[-1])],
    )  # fmt: skip
    failing = tuple(dict.fromkeys(f.gate for findings in refused for f in findings if f.blocks))
    raise GateBlocked(
        f"all {len(refused)} draws of epoch {session.number} were refused. {advice}", failing
    )


def _trained(session: Session, name: str, pool: Panel) -> tuple[Model, float]:
    """Return a challenger, and how many seconds it took."""
    started = time.perf_counter()
    law, parameters = models.get(name), session.parameters
    split = sides(law, pool, parameters)
    rng = rng_of(parameters, f"train/{session.number:04d}", name)
    tuned = {}
    if parameters.advanced.enable_hyperparameter_tuning and issubclass(law, Supervised):
        tuned = _searched(session, law, pool, split)
    return fit(law, pool, split, parameters, rng, tuned), time.perf_counter() - started


def _searched(session: Session, law: type[Supervised], pool: Panel, split: Words) -> dict[str, Any]:
    """Go on with a model's search and write its trials; return the settings to train with."""
    before = study(session.run_dir, law.name, [v.number for v in session.state.committed])
    rng = rng_of(session.parameters, f"tune/{session.number:04d}", law.name)
    trials = tuning.search(law, pool, split, session.parameters, before, session.number, rng)
    path = study_path(session.run_dir, session.number, law.name)
    artefacts.write_json(path, [vars(trial) for trial in trials])
    return tuning.best([*before, *trials])


def _facts_digest(model: Model) -> str:
    text = artefacts.canonical_json(model.facts)
    return hashlib.sha256(text.encode()).hexdigest()


def _champion_predictions(
    session: Session, name: str, epoch: int | None
) -> NDArray[np.float64] | None:
    return None if epoch is None else champion_predictions(session.run_dir, name, epoch)


def _save_champion(session: Session, model: Model, predictions: Floats) -> None:
    folder = session.folder / "models" / model.name
    model.save(folder)
    with artefacts.whole(folder / PREDICTIONS_NAME) as partial, partial.open("wb") as file:
        np.save(file, predictions, allow_pickle=False)


def _scores_of(session: Session, name: str, epoch: int | None) -> Mapping[str, Any]:
    """Return the scores that the champion got as a challenger; the market has not changed."""
    view = next(view for view in session.state.committed if view.number == epoch)
    scores: Mapping[str, Any] = view.scores[name]["challenger"]
    return scores


def _result(
    session: Session,
    accepted: Accepted,
    challengers: Mapping[str, Model],
    decisions: Mapping[str, Decision],
    skills: Mapping[str, float],
) -> dict[str, Any]:
    panel = accepted.variation.market.panel
    return {
        "epoch": session.number,
        "variation": {
            "stream": accepted.variation.stream,
            "draw": accepted.variation.draw,
            "mix": dict(accepted.variation.mix),
            "rows": len(panel),
            "bonds": int(panel["bond_id"].nunique()),
            "issuers": int(panel["issuer_id"].nunique()),
            "digest": accepted.digest,
        },
        "quality": accepted.quality,
        "band": gates.band(accepted.quality),
        "skills": dict(skills),
        "models": {
            name: {
                "facts": challengers[name].facts,
                "challenger": decision.challenger.to_dict(),
                "champion": dict(decision.champion),
                "comparison": decision.comparison.to_dict(),
            }
            for name, decision in decisions.items()
        },
    }
