"""A world written as its platforms would export it, read back, and what that costs in truth."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.truth.board import effects_of, scores, tv

if TYPE_CHECKING:
    import pandas as pd

    from attribution import Journeys
    from attribution.worlds.world import World

KEY = "a key of a world that exists nowhere but here"


def there_and_back(preset: str, people: int, seed: int) -> dict[str, Any]:
    """Return how far Hazard is from the truth directly, and by way of files and a store.

    Files: exports of every platform, ingested, people found by their ids, journeys assembled, and
    who was watched told by the members' list.
    """
    import attribution

    begun = time.perf_counter()
    world = attribution.simulate(preset, people=people, seed=seed)
    truth = world.truth.set_index("channel")["conversions"]
    with TemporaryDirectory() as folder:
        journeys, names = _read_back(world, Path(folder))
        by_files = _effects(journeys, names)
    direct = _effects(world.journeys, {name: name for name in world.settings.names})
    names_of = list(truth.index)
    tables = {"direct": direct.reindex(names_of), "files": by_files.reindex(names_of)}
    return {
        "preset": preset,
        "seed": seed,
        "people": people,
        "seconds": time.perf_counter() - begun,
        "apart": tv(*(table["conversions"].fillna(0.0) for table in tables.values())),
        **{way: scores(truth, table["conversions"].fillna(0.0), set(), table)
           for way, table in tables.items()},
    }  # fmt: skip


def _effects(journeys: Journeys, names: dict[str, str]) -> pd.DataFrame:
    import attribution

    credit = attribution.attribute(journeys, attribution.Hazard())
    return effects_of(credit, tuple(names)).rename(index=names)


def _read_back(world: World, folder: Path) -> tuple[Journeys, dict[str, str]]:
    """Return the journeys of the world's files, and the world's names of a store's channels."""
    import pandas as pd

    import attribution
    from attribution.intake.ingest import ingest
    from attribution.journeys.blocks import join
    from attribution.workspace import read_workspace

    os.environ["ATTRIBUTION_KEY"] = KEY
    workspace = read_workspace(world.write(folder))
    ingest(workspace)
    journeys = join(list(attribution.open_journeys(workspace)))
    channels = pd.read_csv(folder / "channels.csv", encoding="utf-8-sig")
    return journeys, dict(channels[["label", "channel"]].to_numpy())
