"""TOML with line numbers: every key and list item has its line."""

from __future__ import annotations

import re
import string
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from attribution.toml_page import key_lines


def paths_of(value, at=()):
    if at:
        yield at
    items = (
        value.items()
        if isinstance(value, dict)
        else (enumerate(value) if isinstance(value, list) else ())
    )
    for key, item in items:
        yield from paths_of(item, (*at, key))


names = st.text(st.sampled_from(string.ascii_letters + "·抖.\"'#=[]{}\\,*\n\t "), max_size=6)
scalars = st.one_of(
    st.integers(-9, 9),
    st.floats(allow_nan=False),
    st.booleans(),
    names,
    st.datetimes(),
    st.dates(),
    st.times(),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def basic(text):
    escaped = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
    return '"' + "".join(escaped.get(c, c) for c in text) + '"'


class Writer:
    """Writes TOML in random layouts, and keeps the line of what it writes."""

    def __init__(self, draw):
        self.draw, self.out, self.lines = draw, "", {}

    @property
    def line(self):
        return self.out.count("\n") + 1

    def pick(self, *options):
        return self.draw(st.sampled_from(options))

    def key(self, name):
        if re.fullmatch("[A-Za-z]+", name) and self.pick(True, False):
            return name
        if not set(name) & set("'\n\t") and self.pick(True, False):
            return f"'{name}'"
        return basic(name)

    def value(self, value, at):
        if isinstance(value, dict):
            self.out += "{"
            for i, (name, item) in enumerate(value.items()):
                self.out += ", " if i else " "
                self.lines[*at, name] = self.line
                self.out += f"{self.key(name)} = "
                self.value(item, (*at, name))
            self.out += "}"
        elif isinstance(value, list):
            self.out += "["
            for i, item in enumerate(value):
                self.out += self.pick("", "\n", " # ] , = [\n\n", " ")
                self.lines[*at, i] = self.line
                self.value(item, (*at, i))
                self.out += (
                    self.pick(",", " ,", "\n,") if i + 1 < len(value) else self.pick("", ",", "\n")
                )
            self.out += "]"
        elif isinstance(value, str):
            plain = "\\" not in value
            style = self.pick("basic", "long", "literal") if plain else "basic"
            if style == "long" and '"' not in value:
                self.out += f'"""\n{value}"""'
            elif style == "literal" and "'" not in value:
                self.out += f"'''{value}'''"
            else:
                self.out += basic(value)
        elif isinstance(value, bool):
            self.out += str(value).lower()
        elif hasattr(value, "isoformat"):
            self.out += (
                value.isoformat(*self.pick((" ",), ("T",)))
                if hasattr(value, "date")
                else value.isoformat()
            )
        else:
            self.out += str(value)


@st.composite
def documents(draw):
    w = Writer(draw)
    for name, item in draw(st.dictionaries(names, values, max_size=3)).items():
        w.out += w.pick("", "\n", "# [x] = 'y\n", "  ")
        w.lines[(name,)] = w.line
        w.out += f"{w.key(name)} = "
        w.value(item, (name,))
        w.out += w.pick("\n", " # end\n")
    for number in range(draw(st.integers(0, 3))):
        table = f"table {number}"
        repeats = draw(st.integers(0, 2))
        for i in range(max(repeats, 1)):
            w.lines.setdefault((table,), w.line)
            at = (table, i) if repeats else (table,)
            w.lines.setdefault(at, w.line)
            w.out += f"[[{w.key(table)}]]\n" if repeats else f"[ {w.key(table)} ]\n"
            for name, item in draw(st.dictionaries(names, values, max_size=2)).items():
                w.lines[*at, name] = w.line
                w.out += f"{w.key(name)}="
                w.value(item, (*at, name))
                w.out += "\n"
            if repeats:
                w.lines[
                    *at,
                    "sub",
                ] = w.line
                w.out += f"[{w.key(table)}.sub]\n"
    return w.out, w.lines


@given(documents())
def test_every_key_and_item_has_its_line(document):
    text, expected = document
    found = key_lines(text)
    assert set(found) == set(paths_of(tomllib.loads(text)))
    assert found == expected


def test_dotted_keys_have_lines():
    text = (
        'a.b."c.d" = 1\n[x.y]\nz = 1.5\n[[x.list]]\nq = """\n"""\n[[x.list]]\nq = ""\n'
        "e = 1979-05-27 07:32:00.5\n"
    )
    found = key_lines(text)
    assert set(found) == set(paths_of(tomllib.loads(text)))
    assert found["a", "b", "c.d"] == 1
    assert found["x", "y", "z"] == 3
    assert [found["x", "list"], found["x", "list", 0, "q"], found["x", "list", 1, "q"]] == [4, 5, 8]
    assert found["x", "list", 1, "e"] == 9
