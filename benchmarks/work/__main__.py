"""Call one function of this package and print what it returns, as JSON on the last line."""

from __future__ import annotations

import json
import sys
from importlib import import_module

if __name__ == "__main__":
    module, function = sys.argv[1].split(".")
    work = getattr(import_module(f"benchmarks.work.{module}"), function)
    print(json.dumps(work(*sys.argv[2:])))
