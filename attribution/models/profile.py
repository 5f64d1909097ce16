"""Named semantics: models that give the same numbers as another package does."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from attribution.errors import ConfigError, quoted
from attribution.models.heuristic import FirstTouch, LastTouch, Linear, PositionBased, TimeDecay
from attribution.models.markov import Markov
from attribution.models.peers.chains import (
    MoneyMarkov,
    ObservedPaths,
    Participation,
    ResharedMarkov,
)
from attribution.models.peers.games import ExactSetShapley, LocalShapley
from attribution.models.peers.paths import Buyers, Collapsed, MoneyFollows
from attribution.models.peers.rules import RankDecay, StepDecay
from attribution.models.peers.walks import TruncatedMarkov
from attribution.models.shapley import Shapley

if TYPE_CHECKING:
    from attribution.model import Model

__all__ = ["profile", "profiles"]

_TOUCH: dict[str, Model] = {
    "first": FirstTouch(),
    "last": LastTouch(),
    "linear": Linear(),
    "position": PositionBased(),
}
_TIMED: dict[str, Model] = {"time decay": TimeDecay()}

# Name -> (title of the rows, the models, those that need the age of every touchpoint).
_PROFILES: dict[str, tuple[str, dict[str, Model], dict[str, Model]]] = {
    "exact": (
        "exact",
        _TOUCH
        | {
            "markov(1)": Markov(),
            "shapley(conversions)": Shapley(),
            "shapley(rate)": Shapley(worth="rate"),
        },
        _TIMED,
    ),
    "channelattribution-2.2.5": (
        "ChannelAttribution 2.2.5",
        {
            "first": FirstTouch(),
            "last": LastTouch(),
            "linear": Linear(),
            "markov(1)": TruncatedMarkov(),
        },
        {},
    ),
    "mam-1": (
        "MAM 1.0.10",
        {name: Buyers(model) for name, model in _TOUCH.items()}
        | {
            "time decay": Buyers(StepDecay()),
            "markov": MoneyMarkov(),
            "shapley": LocalShapley(),
        },
        {},
    ),
    "mam-2": (
        "MAM 2.1.1",
        _TOUCH | {"markov": ResharedMarkov(), "shapley": LocalShapley()},
        _TIMED,
    ),
    "mta-0.0.9": (
        "mta 0.0.9",
        {
            "first": FirstTouch(),
            "last": LastTouch(),
            # Both are an equal split over the distinct channels of a journey.
            "linear": Shapley(),
            "position": Collapsed(PositionBased()),
            "time decay": RankDecay(),
            "markov": ObservedPaths(),
            "shapley": Shapley(),
        },
        {},
    ),
    "do-attribution-0.0.2": (
        "do-attribution 0.0.2",
        {
            "markov(1) fail": Participation("fail"),
            "markov(1) fail_refit": Participation("fail_refit"),
            "markov(1) detour": Participation("detour"),
            "markov(1) redirect_to_null": MoneyFollows(Markov()),
            "shapley": ExactSetShapley(),
        },
        {},
    ),
    "mta-audit-0.1.2": (
        "mta-audit 0.1.2",
        {
            "first": Buyers(FirstTouch()),
            "last": Buyers(LastTouch()),
            "linear": Buyers(Linear()),
            "markov reconnect": MoneyFollows(Markov(removal="reconnect")),
            "markov redirect_to_null": MoneyFollows(Markov()),
        },
        {},
    ),
}


def profile(name: str, *, ages: bool = False) -> dict[str, Model]:
    """Return ready models that mean what another package means by the same words.

    "Markov attribution" is not one number: packages differ in what they count, in where a walk
    ends and in what removing a channel does. A profile reproduces one package in expectation,
    without simulation error, so that its numbers can be checked and the difference explained.

    Parameters
    ----------
    name
        One of `profiles()`; "exact" is this package's own.
    ages
        True adds the models that need the age of every touchpoint, which path counts do not have.

    Returns
    -------
    dict
        Model by the name of its row, such as "ChannelAttribution 2.2.5 markov(1)"; `compare`
        takes it as it is. Other parameters are models of their own: TruncatedMarkov(order=2).

    Raises
    ------
    ConfigError
        For an unknown name; the message lists the known ones.

    Notes
    -----
    A profile returns what the package returns. Some lose credit and then break conservation:
    MAM (money on journeys whose channels have no effect, or whose set never converts), mta-audit
    and MAM 1 (money on rows without conversions), ChannelAttribution (all, if no walk converts
    within the limit). ChannelAttribution shares out orders without a touchpoint; the others leave
    them unattributed here. do-attribution refuses where shares would be negative or mean nothing:
    `credit` then raises ModelError. Packages that know no money share it like conversions.

    Removing a channel with mta-audit's "reconnect" can leave states that lead nowhere (A > A > C
    without C). Such walks convert nowhere here; the package returns a least-squares number that
    is no probability.
    """
    if name not in _PROFILES:
        close = get_close_matches(str(name).lower(), _PROFILES, n=1, cutoff=0.3)
        meant = f"Did you mean {close[0]!r}? " if close else ""
        raise ConfigError(
            f"There is no profile {quoted(name)}. {meant}Known: {', '.join(_PROFILES)}."
        )
    title, models, timed = _PROFILES[name]
    return {f"{title} {row}": model for row, model in (models | (timed if ages else {})).items()}


def profiles() -> list[str]:
    """Return the names that `profile` knows."""
    return list(_PROFILES)
