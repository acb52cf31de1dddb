"""Where the files of a run and of its epochs lie."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PARAMETERS_NAME: Final = "parameters.yaml"
PARENT_NAME: Final = "parent.json"
"""Written before the first event of a run that was forked from another, which then repeats it."""
PREDICTIONS_NAME: Final = "benchmark.npy"
FINDINGS_NAME: Final = "findings.json"
WEIGHTS_NAME: Final = "weights.parquet"


def epoch_folder(run_dir: Path, number: int) -> Path:
    """Return the folder of an epoch."""
    return run_dir / "epochs" / f"{number:04d}"
