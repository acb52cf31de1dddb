"""The final dataset as a Croissant card: files with their digests, columns with types and meanings.

Croissant is MLCommons' vocabulary for datasets [29], which search engines and loaders read. The
card is plain data made from the schema; the tests read it with the reference implementation, which
is too heavy to be a dependency of every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bondx_lib import artefacts, schema

NAME: Final = "croissant.json"
CONFORMS_TO: Final = "http://mlcommons.org/croissant/1.0"
CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
FORMATS: Final = {
    ".csv": "text/csv", ".parquet": "application/x-parquet", ".jsonl": "application/jsonlines",
    ".json": "application/json",
}  # fmt: skip
TABULAR: Final = (".parquet", ".csv")
"""Formats that a record set can be read from, the better first."""
TYPES: Final = {"bool": "sc:Boolean", "int": "sc:Integer", "float": "sc:Float",
                "date": "sc:Date"}  # fmt: skip
LICENCE: Final = "https://spdx.org/licenses/MIT.html"
ABOUT: Final = (
    "A simulated market of corporate bonds. Every bond, issuer, price and rating is invented; "
    "nothing here describes a real one."
)


def card(run_dir: Path, summary: Mapping[str, Any], ended: str) -> dict[str, Any]:
    """Return the card of a run's final dataset.

    Parameters
    ----------
    run_dir
        The run folder.
    summary
        From :func:`bondx_lib.report.summarise`.
    ended
        When the run ended, ISO 8601: the only clock time, without which a card is not valid.
    """
    files = {
        name: digest
        for name, digest in summary["digests"].items()
        if name.startswith("datasets/final.") and not name.endswith("weights.parquet")
    }
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": f"BondX_{summary['digests']['parameters'][:12]}",
        "description": ABOUT,
        "license": LICENCE,
        "url": f"urn:sha256:{summary['digests']['parameters']}",
        "version": "1.0.0",
        "datePublished": ended[:10],
        "creator": {"@type": "sc:Organization", "name": "BondX"},
        "citeAs": "BondX, a laboratory for corporate-bond machine learning: simulated data.",
        "isLiveDataset": False,
        "distribution": [_file(run_dir, name, digest) for name, digest in files.items()],
        "recordSet": _record_set(tuple(files)),
    }


def write(run_dir: Path, summary: Mapping[str, Any], ended: str) -> None:
    """Write the card into a pack; nothing is written if the run has no final dataset."""
    content = card(run_dir, summary, ended)
    if content["distribution"]:
        artefacts.write_json(run_dir / "evidence" / NAME, content)


def _file(run_dir: Path, name: str, digest: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": Path(name).name,
        "name": Path(name).name,
        "contentUrl": f"../{name}",
        "contentSize": f"{(run_dir / name).stat().st_size} B",
        "encodingFormat": FORMATS[Path(name).suffix],
        "sha256": digest,
    }


def _record_set(names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the columns as fields of a record set, read from the best file there is."""
    source = next((name for end in TABULAR for name in names if name.endswith(end)), None)
    if source is None:
        return []
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"panel/{one['name']}",
            "name": one["name"],
            "description": ". ".join(filter(None, [one["meaning"], one["unit"]])),
            "dataType": _type(one["type"]),
            "source": {
                "fileObject": {"@id": Path(source).name},
                "extract": {"column": one["name"]},
            },
        }
        for one in schema.describe("panel")
    ]
    return [
        {
            "@type": "cr:RecordSet",
            "@id": "panel",
            "name": "panel",
            "description": "One row for each bond and month.",
            "field": fields,
        }
    ]


def _type(name: str) -> str:
    return next((kind for start, kind in TYPES.items() if name.startswith(start)), "sc:Text")
