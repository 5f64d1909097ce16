"""HTML from parts. Everything that is not Markup is escaped, so a channel's name cannot act."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LONG = 15  # rows above which a table can be searched and sorted, where the page has the script

__all__ = ["Fragment", "figure", "joined", "page", "row", "section", "style", "table"]


@dataclass(frozen=True)
class Fragment:
    """A piece of a report, shown by a notebook as HTML."""

    html: Markup
    language: str

    def _repr_html_(self) -> str:
        return str(Markup('<div class="ar" lang="{}">{}</div>').format(self.language, self.html))


def joined(parts: Iterable[Markup]) -> Markup:
    """Return the parts one after the other."""
    return Markup("").join(parts)


def style() -> Markup:
    """Return the style sheet; a report shows it once, before anything else."""
    text = files("attribution.present").joinpath("style.css").read_text(encoding="utf-8")
    return Markup("<style>{}</style>").format(Markup(text))  # noqa: S704 - our own file


def page(language: str, *parts: Markup) -> Fragment:
    """Return parts as one fragment."""
    return Fragment(joined(parts), language)


def section(kicker: str, title: str, *parts: Markup) -> Markup:
    """Return a section: the question in small print, the finding as its title, and the parts."""
    return Markup('<section><p class="kicker">{}</p><h2>{}</h2>{}</section>').format(
        kicker, title, joined(parts)
    )


def figure(drawing: Markup, caption: str = "") -> Markup:
    """Return a drawing as a figure, with what a reader must know to read it."""
    note = Markup("<figcaption>{}</figcaption>").format(caption) if caption else Markup("")
    return Markup("<figure>{}{}</figure>").format(drawing, note)


def row(kind: str, *sections: Markup) -> Markup:
    """Return sections side by side: kind is "even", "wide-left" or "wide-right"."""
    return Markup('<div class="row {}">{}</div>').format(kind, joined(sections))


def table(
    head: Sequence[Markup | str],
    body: Iterable[Sequence[Markup | str]],
    *,
    kinds: Sequence[str],
    rows: Sequence[str] = (),
    name: str = "",
) -> Markup:
    """Return a table; `kinds` are the columns' classes, `rows` the rows' (as far as given).

    On a page of the site a long table can be filtered and sorted, if it is no chart (a column of
    the class `plot`); rows of the classes `sum` and `rest` stay at its end. A cell that is not
    sorted by its text says by what in `data-sort`.
    """
    heads = joined(
        Markup('<th class="{}" scope="col">{}</th>').format(kind, cell)
        for kind, cell in zip(kinds, head, strict=True)
    )
    lines = []
    for place, cells in enumerate(body):
        kind = rows[place] if place < len(rows) else ""
        filled = joined(
            cell
            if isinstance(cell, Markup) and cell.startswith("<td")
            else Markup('<td class="{}">{}</td>').format(column, cell)
            for column, cell in zip(kinds, cells, strict=True)
        )
        lines.append(Markup('<tr class="{}">{}</tr>').format(kind, filled))
    ordinary = len(lines) - sum(kind in ("sum", "rest") for kind in rows)
    chart = any("plot" in kind.split() for kind in kinds)
    kind = "scroll filterable" if ordinary > _LONG and not chart else "scroll"
    return Markup(
        '<div class="{}"><table class="{}"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
        "</div>"
    ).format(kind, name, heads, joined(lines))
