"""When two identifiers are one person's, and when never."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import pandas as pd

from attribution.columns import duration_ms
from attribution.errors import ConfigError, quoted

__all__ = ["REASONS", "STATUSES", "Rules"]

# What an identifier or a person is: in use; shared by accounts that cannot be one person; seen
# with so many accounts that it says nothing; a person to look at.
STATUSES = ("ok", "shared", "hub", "review")

# Why a link joins nobody, or why two persons may be one.
REASONS: Final = {
    "split": "the rules keep these two apart",
    "hub": "an identifier that very many accounts were seen with",
    "shared": "an identifier shared by accounts that cannot be one person",
    "conflict": "accounts that cannot be one person; better evidence joins them otherwise",
    "single": "one medium evidence, or several on one day",
    "weak": "weak evidence only",
    "unknown": "an identifier without evidence of its own",
    "large": "very many identifiers for one person",
}


class Milliseconds(NamedTuple):
    """The durations of `Rules`."""

    recycled: int
    expiry: int
    independent: int


@dataclass(frozen=True)
class Rules:
    """The rules by which identifiers become persons.

    Identifiers are accounts, or what people share: phones, devices (browsers too) and addressees.
    A person has at most one account of an id type and namespace.

    Attributes
    ----------
    phone_types, device_types, addressee_types
        Id types that are phones, devices and addressees; all others are accounts. Evidence of a
        device is weak, whatever its link says: it joins nobody, but a device seen with one person
        only is that person's.
    phone_buyers_per_platform, device, addressee
        Seen with more accounts than this of one id type and namespace, it joins nobody.
    component
        A person of more identifiers than this is marked for review.
    expiry
        How long a phone unseen stays its owner's. Seen alone is seen, too.
    recycled
        How long a phone must have been unseen to have passed to somebody else.
    independent
        How far apart two medium evidences must be to be independent. Two of one order, or of one
        day's shopping, share their cause.
    split
        Pairs of `id_hash` that are never one person, whatever the evidence: this undoes a merge.
    """

    phone_types: tuple[str, ...] = ("phone", "phone_index")
    device_types: tuple[str, ...] = (
        "device",
        "device_id",
        "oaid",
        "oaid_md5",
        "idfa",
        "idfa_md5",
        "idfv",
        "caid",
        "caid_md5",
        "imei",
        "imei_md5",
        "android_id",
        "android_id_md5",
        "mac",
        "mac_md5",
        "muid",
        "muid_md5",
        "anon_id",
        "cookie",
    )
    addressee_types: tuple[str, ...] = ("addressee_key", "addressee", "open_address_id")
    phone_buyers_per_platform: int = 3
    device: int = 4
    addressee: int = 6
    component: int = 12
    expiry: str | pd.Timedelta = "365D"
    recycled: str | pd.Timedelta = "180D"
    independent: str | pd.Timedelta = "1D"
    split: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in ("expiry", "recycled", "independent"):
            duration_ms(getattr(self, name), name)
        for name in ("phone_buyers_per_platform", "device", "addressee", "component"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(
                    f"{name}={quoted(value)} is no whole number of 1 or more. "
                    "Write how many are still plausible for one person."
                )
        if any(len(pair) != 2 or pair[0] == pair[1] for pair in self.split):
            raise ConfigError(
                "split: found an entry that is not two different identifiers; expected pairs of "
                "id_hash. Take both from the table `identities`."
            )

    @property
    def milliseconds(self) -> Milliseconds:
        """The three durations in milliseconds."""
        return Milliseconds(
            duration_ms(self.recycled, "recycled"),
            duration_ms(self.expiry, "expiry"),
            duration_ms(self.independent, "independent"),
        )
