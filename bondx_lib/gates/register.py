"""All gates, and the door through which data and models are judged.

A package adds a gate by an entry point of the group ``bondx.gates`` whose name is the gate's; a
notebook adds one with :func:`register`. Thresholds, severities and the gates that are on come from
``quality_gates`` of the parameters, and their digest is fixed before a run begins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from bondx_lib.artefacts import canonical_json
from bondx_lib.errors import BadInput, nearest
from bondx_lib.gates import (
    completeness,
    correlation,
    intake,
    liquidity,
    logic,
    model,
    realism,
    reference,
    reproducibility,
    statistics,
    structure,
)
from bondx_lib.gates.base import (
    FAMILIES,
    Context,
    DataGate,
    Extent,
    Finding,
    Gate,
    Limit,
    Setting,
)
from bondx_lib.gates.part import Part
from bondx_lib.gates.tallies import Tally
from bondx_lib.parameters import Parameters, QualityGates
from bondx_lib.register import Register
from bondx_lib.vocabulary import SEVERITIES, Severity

GATES: Final[dict[str, Gate]] = {
    gate.name: gate
    for gate in (
        *completeness.GATES,
        *structure.GATES,
        *intake.GATES,
        *liquidity.GATES,
        *correlation.GATES,
        *statistics.GATES,
        *logic.GATES,
        *realism.GATES,
        *model.GATES,
        *reproducibility.GATES,
    )
}


class _Register(Register[Gate]):
    """A class stands for the gate that it makes; what a gate says of itself must be admissible."""

    def made(self, offered: Any) -> Gate:
        one: Gate = offered() if isinstance(offered, type) else offered
        return one

    def checked(self, one: Gate, source: str, name: str) -> Gate:
        gate = super().checked(one, source, name)
        for key, value, admissible in (
            ("family", gate.family, FAMILIES), ("severity", gate.severity, SEVERITIES),
            ("asks", gate.asks, ("data", "models", "redrawn")),
        ):  # fmt: skip
            if value not in admissible:
                raise BadInput(
                    "is not admissible", source=f"{source}: {name}", key=key, value=value,
                    admissible=", ".join(admissible), nearest=nearest(str(value), admissible),
                )  # fmt: skip
        return gate


REGISTER: Final = _Register(
    "gate", GATES, "bondx.gates",
    law=("name", "family", "catches", "asks", "limit", "severity", "evaluate"),
    admissible="an instance of bondx_lib.gates.Gate",
)  # fmt: skip


def known() -> tuple[str, ...]:
    """Return the names of all gates: the project's own, then those added."""
    return REGISTER.known()


def families() -> dict[str, str]:
    """Return the family of every known gate."""
    return {name: get(name).family for name in known()}


def get(name: str) -> Gate:
    """Return a gate by name.

    Raises
    ------
    BadInput
        When no gate has that name, naming the nearest, or when what a package offers under it is
        no gate.
    """
    return REGISTER.get(name)


def register(gate: Gate | type[Gate]) -> Gate:
    """Add a gate for this process and return it; a later one of the same name replaces it.

    Raises
    ------
    BadInput
        When it does not offer all that a gate must, or takes the name of one of the project's.
    """
    return REGISTER.add(gate)


def settings(chosen: QualityGates) -> dict[str, Setting]:
    """Return threshold, severity and whether it is on, of every gate.

    A gate from outside that is disabled is left out, so that a broken package can be got past.

    Raises
    ------
    BadInput
        When a gate that is named is not known, naming the nearest, or a threshold is not one that
        the gate can use.
    """
    for key, names in (
        ("thresholds", chosen.thresholds),
        ("severities", chosen.severities),
        ("disabled", chosen.disabled),
    ):
        for name in names:
            _must_know(f"quality_gates.{key}", name)
    asked = [name for name in known() if name in GATES or name not in chosen.disabled]
    return {name: _setting(get(name), chosen) for name in asked}


class QualityGateManager:
    """Judges data and models with the thresholds of a run.

    Parameters
    ----------
    parameters
        The run's parameters; only ``quality_gates`` and the scenario are read.

    Raises
    ------
    BadInput
        When they name a gate that is not known.

    Examples
    --------
    >>> from bondx_lib import market, parameters
    >>> chosen = parameters.default()
    >>> manager = QualityGateManager(chosen)
    >>> findings = manager.evaluate(market.simulate(chosen, "example").panel)
    >>> manager.blocked(findings)
    False
    """

    def __init__(self, parameters: Parameters) -> None:
        self.settings = settings(parameters.quality_gates)
        self._scenario = parameters.scenario

    def evaluate(
        self,
        panel: pd.DataFrame,
        redrawn: tuple[str, str] | None = None,
        weights: pd.Series | None = None,
    ) -> tuple[Finding, ...]:
        """Return the findings on data, in the order of the register.

        Parameters
        ----------
        panel
            Columns of the panel table, or as many of them as there are.
        redrawn
            Digests of the data and of the same data drawn again, if that was done.
        weights
            What each row stands for, where some segments were drawn more often than others.
        """
        part = Part(panel if weights is None else panel.assign(weight=weights.to_numpy()))
        return self.findings(Extent.of(part), self.count(part), redrawn)

    def count(self, part: Part, names: Iterable[str] | None = None) -> dict[str, Tally[Any]]:
        """Return what the gates on data count in a part of the rows: some of them, or all."""
        return {
            gate.name: gate.count(part)
            for gate in self._gates(("data",), names)
            if isinstance(gate, DataGate) and len(part) and part.has(gate.columns)
        }

    def findings(
        self,
        extent: Extent,
        tallies: Mapping[str, Tally[Any]],
        redrawn: tuple[str, str] | None = None,
        names: Iterable[str] | None = None,
    ) -> tuple[Finding, ...]:
        """Return the findings on all that was counted: of some gates, or of all."""
        extent = replace(extent, scenario=self._scenario)
        context = Context(self.settings, extent, tallies, redrawn)
        asked = ("data",) if redrawn is None else ("data", "redrawn")
        return _judged(self._gates(asked, names), context)

    def judge_models(self, models: Mapping[str, Mapping[str, Any]]) -> tuple[Finding, ...]:
        """Return the findings on models, from what was measured of each, by name."""
        return _judged(self._gates(("models",)), Context(self.settings, models=models))

    @staticmethod
    def blocked(findings: Iterable[Finding]) -> bool:
        """Say whether a blocking gate failed."""
        return any(finding.blocks for finding in findings)

    def table(self) -> dict[str, Any]:
        """Return threshold and severity of each gate that is on, and the reference's digest."""
        table: dict[str, Any] = {
            name: {
                "threshold": list(one.threshold)
                if isinstance(one.threshold, tuple)
                else one.threshold,
                "severity": one.severity,
            }
            for name, one in self.settings.items()
            if one.on
        }
        return {**table, "reference": reference.digest()}

    def digest(self) -> str:
        """Return the SHA-256 of all gates, thresholds and severities."""
        return digest_of(self.table())

    def _gates(self, asked: Sequence[str], names: Iterable[str] | None = None) -> list[Gate]:
        wanted = self.settings.keys() if names is None else set(names)
        return [
            gate
            for name, one in self.settings.items()
            if one.on and name in wanted and (gate := get(name)).asks in asked
        ]


def digest_of(table: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a table of thresholds, as :meth:`QualityGateManager.table` makes it."""
    return hashlib.sha256(canonical_json(table).encode()).hexdigest()


def added(
    first: Mapping[str, Tally[Any]], second: Mapping[str, Tally[Any]]
) -> dict[str, Tally[Any]]:
    """Return the tallies of two parts together."""
    sums = dict(first)
    for name, more in second.items():
        sums[name] = sums[name] + more if name in sums else more
    return sums


def _judged(asked: Sequence[Gate], context: Context) -> tuple[Finding, ...]:
    return tuple(finding for gate in asked for finding in gate.evaluate(context))


def _setting(gate: Gate, chosen: QualityGates) -> Setting:
    severity = chosen.severities.get(gate.name) or _by_profile(gate, chosen.profile)
    return Setting(_threshold(gate, chosen), severity, gate.name not in chosen.disabled)


def _by_profile(gate: Gate, profile: str) -> Severity:
    """Return a severity one step milder where one explores, one step harder where one is strict."""
    step = {"exploratory": 1, "standard": 0, "strict": -1}[profile]
    if gate.severity == "info" or (step > 0 and gate.essential):
        return gate.severity
    place = SEVERITIES.index(gate.severity) + step
    return SEVERITIES[min(max(place, 0), len(SEVERITIES) - 1)]


def _threshold(gate: Gate, chosen: QualityGates) -> Limit:
    if gate.parameter:
        if gate.name in chosen.thresholds:
            raise BadInput(
                "has a key of its own", source="parameters",
                key=f"quality_gates.thresholds.{gate.name}",
                admissible=f"quality_gates.{gate.parameter}",
            )  # fmt: skip
        return float(getattr(chosen, gate.parameter))
    given = chosen.thresholds.get(gate.name)
    if given is None:
        return gate.limit
    if isinstance(given, tuple) != isinstance(gate.limit, tuple):
        form = "two numbers, [low, high]" if isinstance(gate.limit, tuple) else "one number"
        raise BadInput(
            "is not a threshold of this gate", source="parameters",
            key=f"quality_gates.thresholds.{gate.name}", value=given,
            admissible=f"{form} ({gate.unit})" if gate.unit else form,
        )  # fmt: skip
    return given


def _must_know(key: str, name: str) -> None:
    if name not in GATES and name not in known():
        raise BadInput(
            "is not a gate", source="parameters", key=key, value=name,
            admissible="the gates that `bondx gates` lists", nearest=nearest(name, known()),
        )  # fmt: skip
