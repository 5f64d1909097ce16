import hashlib
import hmac

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import ConfigError
from attribution.identity.keys import DEMO_KEY, Keyring, read_keyring

FIRST = "first key, of more than thirty-two characters"
SECOND = "second key, of more than thirty-two characters"
LONG = "long" * 40


def keyring(*keys):
    if not keys:
        return read_keyring({}, None, demo=False)
    return read_keyring({"ATTRIBUTION_KEY": keys[0]}, None, demo=False)


def from_file(tmp_path, text, environ=None, demo=False):
    file = tmp_path / "keys.txt"
    file.write_text(text, encoding="utf-8")
    return read_keyring(environ or {}, file, demo=demo)


def expected(key, id_type, namespace, value):
    key_id = hashlib.sha256(("key id" + key).encode()).hexdigest()[:8]
    message = b"\0".join(each.encode() for each in (id_type, namespace or "", value))
    return key_id + "." + hmac.new(key.encode(), message, "sha256").hexdigest()[:32]


texts = st.lists(st.one_of(st.none(), st.sampled_from(["", "a", "b", "值", "a\0b"]), st.text()))
spaces = st.sampled_from([None, "", "app1", "店"])


@pytest.mark.parametrize("key", [FIRST, LONG])
@given(values=texts, space=st.data())
def test_a_hash_is_the_hmac_of_type_namespace_and_value(key, values, space):
    names = [space.draw(spaces) for _ in values]
    found = keyring(key).hashes(
        "openid", pa.array(names, pa.string()), pa.array(values, pa.string())
    )
    assert found.to_pylist() == [
        None if value is None else expected(key, "openid", name, value)
        for name, value in zip(names, values, strict=True)
    ]


@given(texts)
def test_without_a_namespace_it_is_the_empty_one(values):
    array = pa.array(values, pa.string())
    ring = keyring(FIRST)
    assert ring.hashes("x", None, array).equals(
        ring.hashes("x", pa.array([""] * len(values), pa.string()), array)
    )


def test_without_a_key_ids_are_hashed_plainly_and_phones_refused():
    ring = keyring()
    plain = hashlib.sha256(b"openid\0app\0v").hexdigest()[:32]
    assert ring.hash_each("openid", "app", "v")[0] == f"0.{plain}"
    assert ring.hashes("openid", pa.array(["app"]), pa.array(["v"])).to_pylist() == [f"0.{plain}"]
    assert not ring.can_hash_phones
    with pytest.raises(ConfigError, match=r"ATTRIBUTION_KEY.*") as raised:
        ring.phones(pa.array(["13912345678"]))
    assert "token_urlsafe(32)" in str(raised.value)
    assert "139" not in str(raised.value)


def test_phones_are_normalised():
    ring = keyring(FIRST)
    assert ring.can_hash_phones
    number, reason = ring.phones(pa.array(["139 1234 5678", "5678"]))
    assert number.to_pylist() == ["+8613912345678", None]
    assert reason.to_pylist() == [None, "partial"]


def test_rotation_links_the_hashes_of_older_keys(tmp_path):
    ring = from_file(tmp_path, f"{SECOND}\nold: {FIRST}\n")
    assert [key.id for key in ring.keys] == [
        hashlib.sha256(("key id" + SECOND).encode()).hexdigest()[:8],
        "old",
    ]
    names, values = pa.array(["n", "n", None, "n"]), pa.array(["a", "a", "a", None])
    old, new = ring.rotations("t", names, values)
    assert set(zip(old.to_pylist(), new.to_pylist(), strict=True)) == {
        (
            "old." + expected(FIRST, "t", space, "a").partition(".")[2],
            expected(SECOND, "t", space, "a"),
        )
        for space in ("n", None)
    }
    assert len(old) == 2
    assert ring.hash_each("t", "n", "a") == (
        expected(SECOND, "t", "n", "a"),
        "old." + expected(FIRST, "t", "n", "a").partition(".")[2],
    )
    assert ring.hash_each("t", None, "a")[0] == expected(SECOND, "t", "", "a")
    assert [len(each) for each in keyring(FIRST).rotations("t", names, values)] == [0, 0]
    assert [len(each) for each in ring.rotations("t", names, pa.nulls(4, pa.string()))] == [0, 0]


def test_the_environments_key_is_the_newest_and_none_counts_twice(tmp_path):
    text = f"# written by hand\n\n{FIRST}\n{SECOND}\n"
    ring = from_file(tmp_path, text, {"ATTRIBUTION_KEY": f" {SECOND}\n"})
    assert [key.secret.decode() for key in ring.keys] == [SECOND, FIRST]


def test_the_demo_key_is_for_the_sample_only(tmp_path):
    assert [key.secret.decode() for key in read_keyring({}, None, demo=True).keys] == [DEMO_KEY]
    own = read_keyring({"ATTRIBUTION_KEY": FIRST}, None, demo=True)
    assert [key.secret.decode() for key in own.keys] == [FIRST]
    assert read_keyring({"ATTRIBUTION_KEY": DEMO_KEY}, None, demo=True).can_hash_phones
    with pytest.raises(ConfigError, match="sample brand"):
        read_keyring({"ATTRIBUTION_KEY": DEMO_KEY}, None, demo=False)
    with pytest.raises(ConfigError, match="line 2: found the published key"):
        from_file(tmp_path, f"{FIRST}\nx: {DEMO_KEY}\n")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("short", "keys.txt, line 1: found a key of 5 characters"),
        (f"{FIRST}\n\nname: too short", "keys.txt, line 3: found a key of 9 characters"),
        (f"0: {FIRST}", "line 1: found the key id '0'"),
        (f"a: {FIRST}\na: {SECOND}", "line 2: found the key id 'a' a second time"),
    ],
)
def test_a_wrong_key_names_its_line_and_not_itself(tmp_path, text, found):
    with pytest.raises(ConfigError) as raised:
        from_file(tmp_path, text)
    assert found in str(raised.value)
    assert "too short" not in str(raised.value)
    assert FIRST not in str(raised.value)


def test_a_key_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        read_keyring({}, tmp_path / "none.txt", demo=False)
    (tmp_path / "keys.bin").write_bytes(b"\xff\xfe" * 40)
    with pytest.raises(ConfigError, match="UnicodeDecodeError"):
        read_keyring({}, tmp_path / "keys.bin", demo=False)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_keyring({}, tmp_path, demo=False)


def test_a_key_of_31_characters_is_too_short_and_32_are_enough():
    with pytest.raises(
        ConfigError, match="environment variable ATTRIBUTION_KEY: found a key of 31"
    ):
        keyring("x" * 31)
    assert keyring("字" * 32).can_hash_phones
    # A colon may stand in a key.
    assert keyring("a: " + "x" * 29).keys[0].secret.decode() == "a: " + "x" * 29


def test_a_keyring_never_shows_its_secrets(tmp_path):
    ring = from_file(tmp_path, f"{FIRST}\nold: {SECOND}")
    assert FIRST not in repr(ring)
    assert "second" not in repr(ring)
    assert ring == from_file(tmp_path, f"{FIRST}\nold: {SECOND}")
    assert Keyring() == keyring()


def test_other_kinds_of_text_columns():
    ring, values = keyring(FIRST), pa.array(["a", None, "b"])
    plain = ring.hashes("t", None, values)
    assert plain.type == pa.string()
    for other in (
        values.dictionary_encode(),
        values.cast(pa.large_string()),
        pa.chunked_array([["a"], [None, "b"]]),
    ):
        assert ring.hashes("t", None, other).equals(plain)
    assert ring.hashes("t", pa.array([], pa.string()), pa.array([], pa.string())).to_pylist() == []
    assert ring.hashes("t", pa.nulls(1, pa.string()), pa.nulls(1, pa.string())).null_count == 1
