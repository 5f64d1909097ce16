"""Other packages on the same file of path counts, with their defaults unless it says otherwise.

Each returns the CPU seconds after its import, and every channel's share of the conversions.
"""

from __future__ import annotations

import time
from typing import Any

# What one of them keeps as the share of each channel.
Shares = dict[str, float]


def ours(file: str) -> dict[str, Any]:
    """Markov(1) of this package: conversions and value."""
    import attribution

    begun = time.process_time()
    credit = attribution.attribute(attribution.read_paths(file), attribution.Markov())
    frame = credit.frame().set_index("channel")
    return _found(begun, frame["share"].to_dict())


def ours_heuristics(file: str) -> dict[str, Any]:
    """Five rules of this package: conversions and value."""
    import attribution as a

    begun = time.process_time()
    models = [a.FirstTouch(), a.LastTouch(), a.Linear(), a.PositionBased(),
              a.LastNonDirect(direct="channel 0000")]  # fmt: skip
    frame = a.compare(a.read_paths(file), models).frame()
    linear = frame[frame["model"] == "Linear"].set_index("channel")
    return _found(begun, linear["share"].to_dict())


def channelattribution(file: str, order: str = "1") -> dict[str, Any]:
    """ChannelAttribution's Markov model: conversions and value, simulated."""
    import pandas as pd
    from ChannelAttribution import markov_model

    begun = time.process_time()
    found = markov_model(
        pd.read_parquet(file), "path", "total_conversions",
        var_value="total_conversion_value", var_null="total_null", order=int(order),
    )  # fmt: skip
    credit = found.set_index("channel_name")["total_conversions"]
    return _found(begun, _shares(credit.to_dict()))


def channelattribution_heuristics(file: str) -> dict[str, Any]:
    """ChannelAttribution's first, last and linear touch: conversions and value."""
    import pandas as pd
    from ChannelAttribution import heuristic_models

    begun = time.process_time()
    found = heuristic_models(
        pd.read_parquet(file), "path", "total_conversions", var_value="total_conversion_value"
    )
    credit = found.set_index("channel_name")["linear_touch_conversions"]
    return _found(begun, _shares(credit.to_dict()))


def mam(file: str) -> dict[str, Any]:
    """MAM's Markov model: conversions, exact, shared out again inside each journey."""
    from mam import MAM

    begun = time.process_time()
    result = MAM(
        _grouped(file), "grouped_journey", "journey", "conv", occurrences_colname="occurrences"
    ).run_markov()
    return _found(begun, _mam_shares(result))


def mam_heuristics(file: str) -> dict[str, Any]:
    """MAM's first, last, linear and position-based rules: conversions."""
    from mam import MAM

    begun = time.process_time()
    models = MAM(
        _grouped(file), "grouped_journey", "journey", "conv", occurrences_colname="occurrences"
    )
    for rule in (models.run_first_click, models.run_last_click, models.run_position_based):
        rule()
    return _found(begun, _mam_shares(models.run_linear()))


def do_attribution(file: str) -> dict[str, Any]:
    """do-attribution's Markov model with the removal that others mean: conversions, exact."""
    import pandas as pd
    from do_attribution import MarkovAttribution

    begun = time.process_time()
    counts = pd.read_parquet(file)
    paths: list[str] = []
    converted: list[int] = []
    weights: list[float] = []
    for column, outcome in (("total_conversions", 1), ("total_null", 0)):
        some = counts[counts[column] > 0]
        paths += some["path"].tolist()
        converted += [outcome] * len(some)
        weights += some[column].astype(float).tolist()
    model = MarkovAttribution(order=1, removal_strategy="redirect_to_null")
    return _found(begun, dict(model.fit(paths, converted, weights)["attribution"]))


def _grouped(file: str) -> Any:
    """One row per path and outcome, as MAM wants it."""
    import pandas as pd

    counts = pd.read_parquet(file)
    parts = [
        counts.loc[counts[column] > 0, ["path", column]]
        .rename(columns={"path": "journey", column: "occurrences"})
        .assign(conv=outcome)
        for column, outcome in (("total_conversions", True), ("total_null", False))
    ]
    return pd.concat(parts, ignore_index=True)


def _mam_shares(result: Any) -> Shares:
    frame = result.to_pandas()
    names = frame["channels"] if "channels" in frame else frame.iloc[:, 0]
    return _shares(dict(zip(names, frame["attribution"].astype(float), strict=True)))


def _shares(credit: dict[str, float]) -> Shares:
    whole = sum(credit.values())
    return {channel: part / whole for channel, part in credit.items()}


def _found(begun: float, shares: dict[Any, Any]) -> dict[str, Any]:
    cpu = time.process_time() - begun
    return {"cpu": cpu, "shares": {str(name): float(share) for name, share in shares.items()}}
