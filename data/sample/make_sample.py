"""Write a week of a fictional brand as its platforms export it: `raw/`, `truth.json`, README.md.

The same files come out byte for byte on every machine: `attribution/worlds/brand/` makes them.

Run: python data/sample/make_sample.py [folder]
"""

from __future__ import annotations

import sys
from pathlib import Path

from attribution.worlds.brand.sample import make_sample


def main(folder: Path) -> None:
    """Write the files into the folder."""
    for name, content in make_sample().files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
