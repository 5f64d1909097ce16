"""The keys that turn a person's identifiers into hashes, and the hashing itself."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from attribution.errors import ConfigError
from attribution.identity.phones import Phones, normalise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["DEMO_KEY", "KEY_VARIABLE", "PLAIN", "Key", "Keyring", "Rotations", "read_keyring"]

KEY_VARIABLE = "ATTRIBUTION_KEY"
LEAST_CHARACTERS = 32

# Published with the sample brand, so that its reports can be made anywhere. It protects nothing.
DEMO_KEY = "demo key of the fictional sample brand: it protects nothing"

NO_KEY = "0"
_BLOCK = 64  # of SHA-256, in bytes
_KEPT = 16  # bytes of a hash that are kept
_NAMED = re.compile(r"([A-Za-z0-9_-]{1,32}):\s+(.*)")
_HOW = (
    "Make a key with\n"
    '    python -c "import secrets; print(secrets.token_urlsafe(32))"\n'
    f"and put it into the environment variable {KEY_VARIABLE}, or into a key file outside the "
    "workspace's data. Keep it: without it the same person gets other ids."
)


class Rotations(NamedTuple):
    """The same values under an older key and under the newest, both (r,)."""

    old: pa.StringArray
    new: pa.StringArray


@dataclass(frozen=True)
class Key:
    """One key; its secret is never shown.

    Attributes
    ----------
    id
        The name that every hash made with it begins with.
    secret
        The key's text as UTF-8.
    """

    id: str
    secret: bytes = field(repr=False)


# What rows are hashed with where there is no key: plain SHA-256.
PLAIN = Key(NO_KEY, b"")


@dataclass(frozen=True)
class Keyring:
    """The workspace's keys, the newest first; without any, phones are refused.

    A hash is ``<key id>.<32 hex digits>``: HMAC-SHA-256 of id type, namespace and value (parted
    by zero bytes), cut to 128 bits. Without a key it is plain SHA-256 of the same, under key id
    "0": enough for ids that mean nothing outside their platform, and too weak for a phone, whose
    few billion values can all be tried.
    """

    keys: tuple[Key, ...] = ()

    @property
    def can_hash_phones(self) -> bool:
        """Whether there is a key."""
        return self._newest != PLAIN

    def phones(self, values: pa.Array) -> Phones:
        """Return phone numbers in one form, ready to be hashed as id type "phone".

        Raises
        ------
        ConfigError
            If there is no key.
        """
        if not self.can_hash_phones:
            raise ConfigError(
                f"A phone column is mapped, and there is no key to hash it with. {_HOW}"
            )
        return normalise(values)

    def hashes(self, id_type: str, namespace: pa.Array | None, values: pa.Array) -> pa.StringArray:
        """Return the hash of each identifier under the newest key.

        Parameters
        ----------
        id_type
            What kind of identifier it is; the same text under another kind hashes otherwise.
        namespace
            (n,) the app, shop or developer within which the identifier means something, or None.
            A null is the empty namespace.
        values
            (n,) identifiers as text.

        Returns
        -------
        pa.StringArray
            (n,), null where the value is null.
        """
        distinct = _distinct(namespace, values)
        return self._each(id_type, distinct, self._newest).take(distinct.codes)

    def hash_each(self, id_type: str, namespace: str | None, value: str) -> tuple[str, ...]:
        """Return the hash of one identifier under every key, the newest first."""
        distinct = _Distinct(pa.array([0]), [(namespace or "", [value])])
        return tuple(self._each(id_type, distinct, key)[0].as_py() for key in self.keys or (PLAIN,))

    def rotations(self, id_type: str, namespace: pa.Array | None, values: pa.Array) -> Rotations:
        """Return the hashes of each distinct identifier under the older keys and the newest.

        Linked with kind "rotation" they keep one person one when the key is changed.
        """
        nothing = pa.array([], pa.string())
        if len(self.keys) < 2:
            return Rotations(nothing, nothing)
        distinct = _distinct(namespace, values)
        older = [key for key in self.keys[1:] if key != PLAIN or not distinct.has_phones]
        if not older:
            return Rotations(nothing, nothing)
        new = self._each(id_type, distinct, self._newest)
        old = [self._each(id_type, distinct, key) for key in older]
        return Rotations(pa.concat_arrays(old), pa.concat_arrays([new] * len(old)))

    def after(self, *older: Key) -> Keyring:
        """Return the ring that also links what was hashed with these keys before."""
        return Keyring((*self.keys, *(key for key in older if key not in self.keys)))

    @property
    def key_id(self) -> str:
        """The id of the newest key, which hashes begin with."""
        return self._newest.id

    @property
    def _newest(self) -> Key:
        return self.keys[0] if self.keys else PLAIN

    def _each(self, id_type: str, distinct: _Distinct, key: Key) -> pa.StringArray:
        digests: list[bytes] = []
        for namespace, values in distinct.groups:
            begun = f"{id_type}\0{namespace}\0".encode()
            digests += _plain(begun, values) if key == PLAIN else _keyed(key.secret, begun, values)
        return _written(key.id, digests)


def read_keyring(environ: Mapping[str, str], key_file: Path | None, *, demo: bool) -> Keyring:
    """Read the keys.

    The key in the environment is the newest; those of the key file follow, its first line first.

    Parameters
    ----------
    environ
        The environment; `ATTRIBUTION_KEY` is looked at.
    key_file
        A file with one key per line, the newest first, each a text of at least 32 characters or
        ``id: text``. Blank lines, and lines that begin with "# ", are passed over.
    demo
        Whether the workspace is the sample brand, which uses its published key if there is no
        other. Anywhere else that key is refused.

    Raises
    ------
    ConfigError
        If a key is too short, the demo key where it does not belong, or named twice, or the file
        cannot be read. No message repeats a key.
    """
    written: list[tuple[str, str]] = []
    if environ.get(KEY_VARIABLE, "").strip():
        written.append((f"environment variable {KEY_VARIABLE}", environ[KEY_VARIABLE].strip()))
    if key_file is not None:
        written += [
            (f"{key_file.name}, line {number}", line.strip())
            for number, line in enumerate(_lines(key_file), 1)
            if line.strip() and not line.startswith("# ")
        ]
    keys: list[Key] = []
    for place, text in written:
        key = _key(place, text)
        if key.secret == DEMO_KEY.encode() and not demo:
            raise ConfigError(
                f"{place}: found the published key of the sample brand; expected a key of your "
                f"own. {_HOW}"
            )
        if any(each.secret == key.secret for each in keys):
            continue
        if any(each.id == key.id for each in keys):
            raise ConfigError(
                f"{place}: found the key id {key.id!r} a second time; expected one id for each "
                "key. Give the newer key another id, and leave the older one's as it is."
            )
        keys.append(key)
    if not keys and demo:
        keys.append(_key("sample", f"demo: {DEMO_KEY}"))
    return Keyring(tuple(keys))


def _lines(key_file: Path) -> list[str]:
    try:
        return key_file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise ConfigError(
            f"Key file {key_file.name}: found no such file; expected one key per line. {_HOW}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"Key file {key_file.name}: found a file that cannot be read "
            f"({type(error).__name__}); expected UTF-8 text, one key per line. "
            "Check its permissions, and save it as plain text."
        ) from None


def _key(place: str, text: str) -> Key:
    named = _NAMED.fullmatch(text)
    if named and (len(named[2]) >= LEAST_CHARACTERS or len(text) < LEAST_CHARACTERS):
        name, secret = named[1], named[2]
    else:
        name, secret = None, text
    if len(secret) < LEAST_CHARACTERS:
        raise ConfigError(
            f"{place}: found a key of {len(secret)} characters; expected at least "
            f"{LEAST_CHARACTERS}. {_HOW}"
        )
    if name == NO_KEY:
        raise ConfigError(
            f"{place}: found the key id {NO_KEY!r}, which stands for hashes without a key; "
            "expected another. Name the key otherwise."
        )
    return Key(name or hashlib.sha256(f"key id{secret}".encode()).hexdigest()[:8], secret.encode())


class _Distinct(NamedTuple):
    """Distinct identifiers by namespace, and which of them stands in each row (null: none)."""

    codes: pa.Array
    groups: list[tuple[str, list[str]]]

    @property
    def has_phones(self) -> bool:
        """Whether numbers are among them; those are never hashed without a key."""
        return any(value.startswith("+") for _, values in self.groups for value in values)


def _distinct(namespace: pa.Array | None, values: pa.Array) -> _Distinct:
    codes, texts = _codes(values)
    if namespace is None:
        return _Distinct(pa.array(codes, mask=codes < 0), [("", texts.to_pylist())])
    spaces, names = _codes(namespace)
    spaces = np.where(spaces < 0, len(names), spaces)  # behind the last one: the empty namespace
    there = np.flatnonzero(codes >= 0)
    pairs, found = np.unique(spaces[there] * len(texts) + codes[there], return_inverse=True)
    place = np.full(len(codes), -1)
    place[there] = found
    space, text = np.divmod(pairs, max(len(texts), 1))
    bounds = np.searchsorted(space, np.arange(len(names) + 2))
    groups = [
        (name, texts.take(pa.array(text[start:end])).to_pylist())
        for name, start, end in zip([*names.to_pylist(), ""], bounds[:-1], bounds[1:], strict=True)
        if end > start
    ]
    return _Distinct(pa.array(place, mask=place < 0), groups)


def _codes(values: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.Array]:
    """Return the code of each row's text, -1 where there is none, and the texts."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, encoded.dictionary.cast(pa.string())


def _keyed(secret: bytes, begun: bytes, values: Sequence[str]) -> list[bytes]:
    """Return the HMAC-SHA-256 of each value; both of its states are begun only once."""
    if len(secret) > _BLOCK:
        secret = hashlib.sha256(secret).digest()
    padded = secret.ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + begun).copy
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded)).copy
    digests = []
    for value in values:
        inside, outside = inner(), outer()
        inside.update(value.encode())
        outside.update(inside.digest())
        digests.append(outside.digest())
    return digests


def _plain(begun: bytes, values: Sequence[str]) -> list[bytes]:
    return [hashlib.sha256(begun + value.encode()).digest() for value in values]


def _written(key_id: str, digests: list[bytes]) -> pa.StringArray:
    """Return hashes as text, all in one buffer."""
    head = np.frombuffer(f"{key_id}.".encode(), np.uint8)
    digits = b"".join(digest[:_KEPT] for digest in digests).hex().encode()
    width = len(head) + 2 * _KEPT
    letters = np.empty((len(digests), width), np.uint8)
    letters[:, : len(head)] = head
    letters[:, len(head) :] = np.frombuffer(digits, np.uint8).reshape(-1, 2 * _KEPT)
    offsets: Any = np.arange(len(digests) + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(len(digests), pa.py_buffer(offsets), pa.py_buffer(letters))
