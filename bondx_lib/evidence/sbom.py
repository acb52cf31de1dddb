"""The software bill of materials: every distribution that a run could import, in CycloneDX [30]."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from importlib import metadata
from importlib.metadata import PackageMetadata
from pathlib import Path
from typing import Final

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bondx_lib import artefacts

NAME: Final = "sbom.cdx.json"
OURS: Final = "bondx"
NAMESPACE: Final = uuid.UUID("6c6a1f0e-6a55-4f0f-9f0b-6f1f0a5c6b0d")
"""Of the serial numbers, which are made from the content: equal bills have equal numbers."""
LICENCE_KEYS: Final = ("License-Expression", "License")
LONGEST_LICENCE: Final = 80
"""Some packages put the whole text of their licence where its name belongs."""


def text() -> str:
    """Return the bill of materials of this environment as JSON.

    The same environment gives the same bytes: all is sorted, there is no clock time, and the serial
    number is made from the content.
    """
    read = [one.metadata for one in metadata.distributions()]
    found: dict[str, PackageMetadata] = {canonicalize_name(one["Name"]): one for one in read}
    components = {name: _component(name, found[name]) for name in sorted(found)}
    listed = "\n".join(f"{name}=={one.version}" for name, one in components.items())
    root = components.pop(OURS)
    bom = Bom(components=components.values(), serial_number=uuid.uuid5(NAMESPACE, listed))
    bom.metadata.component = root
    bom.metadata.timestamp = None  # type: ignore[assignment]
    for name, one in {OURS: root, **components}.items():
        bom.register_dependency(one, _needed(found[name], components))
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def write(run_dir: Path) -> None:
    """Write the bill of materials into a pack."""
    artefacts.write_text(run_dir / "evidence" / NAME, text())


def _component(name: str, found: PackageMetadata) -> Component:
    stated = [found[key] for key in LICENCE_KEYS if key in found]
    licence = stated[0].strip() if stated else ""
    usable = licence and "\n" not in licence and len(licence) <= LONGEST_LICENCE
    return Component(
        name=name,
        version=found["Version"],
        type=ComponentType.APPLICATION if name == OURS else ComponentType.LIBRARY,
        purl=PackageURL("pypi", name=name, version=found["Version"]),
        bom_ref=f"{name}@{found['Version']}",
        licenses=[DisjunctiveLicense(name=licence)] if usable else [],
    )


def _needed(found: PackageMetadata, components: Mapping[str, Component]) -> Iterator[Component]:
    """Return what a distribution needs of what is there, without its extras."""
    for line in found.get_all("Requires-Dist") or ():
        one = Requirement(line)
        applies = one.marker is None or one.marker.evaluate({"extra": ""})
        name = canonicalize_name(one.name)
        if applies and name in components:
            yield components[name]
