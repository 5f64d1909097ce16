"""The public 10,000 paths, wherever an installed package brings them along.

Their packages' licences differ from ours, so the paths are not part of this project.
"""

from __future__ import annotations

import gzip
import io
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator

SHIPPED = (("channelattribution", "cypack/data/Data.csv"), ("mta", "mta/data/data.csv.gz"))


def find(given: Path | None = None) -> pd.DataFrame | None:
    """Return the paths of the file given, or of the first package that ships them, or None."""
    file = given or next(_shipped(), None)
    if file is None:
        return None
    text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    sep = ";" if b";" in text.split(b"\n", 1)[0] else ","
    return pd.read_csv(io.BytesIO(text), sep=sep)


def _shipped() -> Iterator[Path]:
    for package, name in SHIPPED:
        try:
            file = Path(str(distribution(package).locate_file(name)))
        except PackageNotFoundError:
            continue
        if file.exists():
            yield file
