"""A simulated world: its people, touchpoints and orders, and what its channels truly caused."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, overload

import numpy as np
import pandas as pd

from attribution.columns import duration_ms
from attribution.errors import ConfigError, quoted
from attribution.journeys import Journeys
from attribution.worlds import lift, truth
from attribution.worlds.chance import stream
from attribution.worlds.exposure import expose
from attribution.worlds.presets import preset
from attribution.worlds.settings import WorldSettings
from attribution.worlds.settings_file import read_settings
from attribution.worlds.worth import worth

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any, Literal

    from numpy.typing import NDArray

    from attribution.worlds.brand.world import BrandWorld
    from attribution.worlds.exposure import Exposure

    Ints = NDArray[np.int64]

__all__ = ["World", "simulate"]


@dataclass(frozen=True, eq=False)
class World:
    """A world that has happened, made by `simulate`.

    Attributes
    ----------
    settings
        What it is made of, effects as drawn: `simulate(world.settings, people, seed)` is it again.
    population, seed
        How many people it has, and the seed of its chance.
    """

    settings: WorldSettings
    population: int
    seed: int

    def __repr__(self) -> str:
        return (
            f"World {self.settings.name!r}: {self.population:,} people, "
            f"{len(self.exposure.touches.at):,} touchpoints, {len(self.orders):,} orders"
        )

    @cached_property
    def exposure(self) -> Exposure:
        """Who lives here and what touches them, as arrays."""
        return expose(self.settings, self.population, self.seed)

    @cached_property
    def touchpoints(self) -> pd.DataFrame:
        """One row per touchpoint: person, at, channel. Split people have some under a second id."""
        touches = self.exposure.touches
        channel = pd.Categorical.from_codes(touches.channel, pd.Index(self.settings.names))
        return pd.DataFrame(
            {
                "person": self.exposure.known_by,
                "at": self._instants(touches.at),
                "channel": channel,
            }
        )

    @cached_property
    def orders(self) -> pd.DataFrame:
        """One row per order in time: order_id, person, at, value, refunded_fen, refunded_at.

        `value` and `refunded_fen` are whole fen; `refunded_at` is missing where nothing came back,
        and may lie after the end of the world.
        """
        settings, touches = self.settings, self.exposure.touches
        link = truth.link_of(settings, self.exposure)
        possible = link.possible(stream(self.seed, "orders"))
        full = worth(settings, touches, np.ones(len(touches.at), bool))
        made = possible.orders(full)
        cause = possible.cause(made)
        order = np.argsort(made.at, kind="stable")
        at, person, cause = made.at[order], made.person[order], cause[order]
        value = self._values(cause)
        refunded, delay = self._refunds(value)
        refunded_at = self._instants(at + delay).where(refunded > 0)
        return pd.DataFrame(
            {
                "order_id": [f"W{number:08d}" for number in range(1, len(at) + 1)],
                "person": person,
                "at": self._instants(at),
                "value": value,
                "refunded_fen": refunded,
                "refunded_at": refunded_at,
            }
        )

    @cached_property
    def people(self) -> pd.DataFrame:
        """One row per id that can be watched: person, start, end, intent ("high" or "low").

        Everybody is watched from the beginning to the end. `intent` is a sign of lasting intent,
        not the intent itself. A second id stands for itself: nobody knows whose it is.
        """
        exposure, first = self.exposure, self.settings.start_ms
        second = np.arange(len(exposure.second_ids)) + self.population
        seen = np.concatenate(
            [exposure.people.seen_high, exposure.people.seen_high[exposure.second_ids]]
        )
        moments = pd.to_datetime([first, first + self.settings.span], unit="ms", utc=True)
        return pd.DataFrame(
            {
                "person": np.append(np.arange(self.population), second),
                "start": moments[0],
                "end": moments[1],
                "intent": pd.Categorical.from_codes(
                    seen.astype(np.int8), pd.Index(["low", "high"])
                ),
            }
        )

    @cached_property
    def journeys(self) -> Journeys:
        """What an analyst sees: touchpoints, orders and people put together."""
        return Journeys.from_touchpoints(
            self.touchpoints, self.orders, people=self.people, lookback=self.settings.lookback
        )

    @cached_property
    def truth(self) -> pd.DataFrame:
        """Channel, conversions, value: what each channel caused, see `worlds.truth`."""
        return truth.truth(self.settings, self.exposure, self.seed)

    @cached_property
    def lift_tests(self) -> pd.DataFrame:
        """Channel, start, end, conversions, se: experiments run in this world, see `worlds.lift`.

        `conversions` are the additional orders of all people in the time of the experiment; `se`
        is their standard error.
        """
        found = lift.lift_tests(self.settings, self.exposure, self.seed)
        return found.assign(
            start=self._instants(found["start"].to_numpy()),
            end=self._instants(found["end"].to_numpy()),
        )

    def write(self, folder: str | os.PathLike[str]) -> Path:
        """Write the world as its platforms would export it, as a workspace, and return the folder.

        See `worlds.written.write_world` for what is written where. `truth.json` holds the
        settings, the truth and the lift tests.
        """
        from attribution.worlds.written import write_world

        lookback = self.settings.lookback
        return write_world(
            folder,
            self.touchpoints,
            self.orders,
            self.people,
            name=self.settings.name,
            lookback=lookback if isinstance(lookback, str) else f"{lookback.total_seconds():.3f}s",
            known={
                "people": self.population,
                "seed": self.seed,
                "settings": asdict(self.settings),
                "truth": self.truth,
                "lift_tests": self.lift_tests,
            },
        )

    def _instants(self, at: Ints) -> pd.Series[pd.Timestamp]:
        """Return UTC instants of milliseconds from the beginning of the world."""
        moments = (at + self.settings.start_ms).astype("datetime64[ms]")
        return pd.Series(moments).dt.tz_localize("UTC")

    def _values(self, cause: Ints) -> Ints:
        """Return what orders are worth in whole fen, by the channel that caused them."""
        settings = self.settings
        factor = np.array([*(channel.order_value for channel in settings.channels), 1.0])[cause]
        spread = settings.basket_spread
        drawn = np.exp(
            spread * stream(self.seed, "values").standard_normal(len(cause)) - spread**2 / 2
        )
        value = np.maximum(np.rint(settings.basket_fen * factor * drawn), 1)
        return np.asarray(value, dtype=np.int64)

    def _refunds(self, value: Ints) -> tuple[Ints, Ints]:
        """Return what comes back of each order in whole fen, and after how many milliseconds."""
        refunds, rng = self.settings.refunds, stream(self.seed, "refunds")
        if refunds is None:
            return np.zeros_like(value), np.zeros_like(value)
        back = rng.random(len(value)) < refunds.share
        part = np.where(rng.random(len(value)) < refunds.partial, rng.random(len(value)), 1.0)
        delay = rng.gamma(2.0, duration_ms(refunds.delay, "delay") / 2, len(value))
        return np.ceil(value * part * back).astype(np.int64), delay.astype(np.int64)


_PEOPLE = 60_000


@overload
def simulate(  # type: ignore[overload-overlap]
    preset_or_config: Literal["sample"],
) -> BrandWorld: ...


@overload
def simulate(
    preset_or_config: str | os.PathLike[str] | WorldSettings | Mapping[str, Any],
    people: int = _PEOPLE,
    seed: int = 0,
) -> World: ...


def simulate(
    preset_or_config: str | os.PathLike[str] | WorldSettings | Mapping[str, Any],
    people: int = _PEOPLE,
    seed: int = 0,
) -> World | BrandWorld:
    """Return a world of people whom channels touch and who order, its truth known.

    Parameters
    ----------
    preset_or_config
        The name or number of a preset (see `presets`), settings, a mapping of them, or the path
        of a TOML file. "sample" is the sample brand's week, which has no `truth` of its channels.
    people
        How many people live there.
    seed
        Of its chance: the same settings, people and seed give the same world.

    Raises
    ------
    ConfigError
        For a preset nobody knows, or settings that cannot stand.
    """
    for name, number, least in (("people", people, 1), ("seed", seed, 0)):
        if not isinstance(number, int | np.integer) or isinstance(number, bool) or number < least:
            raise ConfigError(f"{name}={quoted(number)}: write a whole number from {least}.")
    if preset_or_config == "sample":
        if (people, seed) != (_PEOPLE, 0):
            raise ConfigError(
                f"people={people}, seed={seed}: found a number for the sample brand, whose week is "
                "what it is. Leave both out, or take another preset."
            )
        from attribution.worlds.brand.world import BrandWorld

        return BrandWorld()
    settings = _settings(preset_or_config)
    return World(_with_effects(settings, int(seed)), int(people), int(seed))


def _settings(given: str | os.PathLike[str] | WorldSettings | Mapping[str, Any]) -> WorldSettings:
    if isinstance(given, WorldSettings):
        return given
    if isinstance(given, str) and not given.endswith(".toml"):
        return preset(given)
    return read_settings(given)


def _with_effects(settings: WorldSettings, seed: int) -> WorldSettings:
    """Return the settings with each channel's effect drawn, and no spread left to draw."""
    if settings.effect_spread == 0:
        return settings
    drawn = stream(seed, "effects").standard_normal(len(settings.channels))
    effects = settings.effects * np.exp(settings.effect_spread * drawn)
    given, got = settings.popularity @ settings.effects, settings.popularity @ effects
    effects *= given / got if got > 0 else 1.0
    channels = tuple(
        replace(channel, effect=float(effect))
        for channel, effect in zip(settings.channels, effects, strict=True)
    )
    return replace(settings, channels=channels, effect_spread=0.0)
