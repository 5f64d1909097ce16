"""What a run is to do: which notebooks, with which parameters, settled before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from attribution.errors import ConfigError, quoted
from attribution.notebooks import Parameter, parameters_of
from attribution.present.shell import DOWNLOADS, RUNS
from attribution.publish.notebook import find_notebook, report_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from attribution.recipe import Setting
    from attribution.workspace import Workspace

__all__ = ["USUAL", "PagePlan", "Plan", "plan_site"]

# The pages of a site in order; those there is no notebook for are left out.
USUAL = (
    "overview",
    "model_comparison",
    "validation",
    "roi",
    "paths",
    "claims",
    "ledger",
    "data_quality",
    "tuning",
    "diff",
)
_TAKEN = ("index", DOWNLOADS, RUNS)  # pages that the site makes itself
_DIFF = "diff"  # against the run before, so the first run has none
# What the run itself sets, and where it is written instead.
_OF_THE_RUN = {
    "out": "--out",
    "pages": "pages of [report]",
    "previous": "nothing: it is the run before",
    "since": "since of [report], or --since",
    "until": "until of [report], or --until",
}


@dataclass(frozen=True)
class PagePlan:
    """One notebook and the parameters it was given."""

    name: str
    notebook: Path
    declared: tuple[Parameter, ...]
    given: Mapping[str, Any] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether the notebook declares a parameter."""
        return any(each.name == name for each in self.declared)

    def values(self, of_the_run: Mapping[str, Any]) -> dict[str, Any]:
        """Return what it is run with: what the run sets, where declared, then what was given."""
        return {k: v for k, v in of_the_run.items() if self.has(k)} | dict(self.given)

    def parameters(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return every parameter as it stood in a run, defaults included, without folders."""
        every = {each.name: each.default for each in self.declared} | dict(values)
        return {k: v for k, v in every.items() if k not in ("out", "pages", "previous")}


@dataclass(frozen=True)
class Plan:
    """A site's pages in order, and the words on all of them.

    Attributes
    ----------
    language
        "zh" or "en".
    brand
        Shown on top of every page.
    """

    pages: tuple[PagePlan, ...]
    language: str
    brand: str

    def first(self) -> Plan:
        """Return the plan of a first run, which cannot be held against one before."""
        pages = tuple(page for page in self.pages if page.name != _DIFF)
        return replace(self, pages=pages or self.pages)


def plan_site(workspace: Workspace, settings: Sequence[str]) -> Plan:
    """Return what a run of a workspace's recipe is to do.

    Parameters
    ----------
    settings
        `name=value` texts, each for every page that has such a parameter. They go before what
        the file says for a page, and that before what it says for all.

    Raises
    ------
    ConfigError
        For an unknown page or parameter, or a value of the wrong type.
    """
    recipe = workspace.report
    names = recipe.pages or [n for n in USUAL if n in report_names(workspace.folder)]
    pages = []
    for name in names:
        if name in _TAKEN:
            raise ConfigError(
                f"pages: found {quoted(name)}; expected another name, since the site has a page of "
                "this name of its own. Rename the notebook."
            )
        notebook = find_notebook(name, workspace.folder)
        pages.append(PagePlan(name, notebook, parameters_of(notebook)))
    for setting in recipe.settings:
        if setting.page and setting.page not in names:
            raise ConfigError(
                f"{setting.where}: found the page {quoted(setting.page)}; expected one of "
                f"{', '.join(names)}. Add it to pages, or remove its settings."
            )
    typed = _typed(settings)
    every = [each for each in recipe.settings if not each.page]
    given: dict[str, dict[str, Any]] = {name: {} for name in names}
    for setting in every:
        for page in _pages_with(setting.name, pages, setting.where):
            given[page.name][setting.name] = _value(page, setting)
    for setting in recipe.settings:
        for page in (each for each in pages if each.name == setting.page):
            (having,) = _pages_with(setting.name, [page], setting.where)
            given[page.name][setting.name] = _value(having, setting)
    for name, text in typed.items():
        for page in _pages_with(name, pages, f"--set {name}={text}"):
            parameter = next(each for each in page.declared if each.name == name)
            given[page.name][name] = parameter.parse(text)
    language = recipe.language or workspace.language
    return Plan(
        tuple(PagePlan(p.name, p.notebook, p.declared, given[p.name]) for p in pages),
        language=_common(given, "language") or language,
        brand=_common(given, "title") or workspace.brand,
    )


def _typed(settings: Sequence[str]) -> dict[str, str]:
    """Return texts of settings by name."""
    found: dict[str, str] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip()
        if not equals:
            raise ConfigError(f"--set {setting}: write it as name=value.")
        if name in found:
            raise ConfigError(f"--set {name} is given twice.")
        found[name] = text
    return found


def _pages_with(name: str, pages: Sequence[PagePlan], where: str) -> list[PagePlan]:
    """Return the pages that have a parameter; there must be one."""
    if name in _OF_THE_RUN:
        raise ConfigError(f"{where}: {name} is set by the run. Use {_OF_THE_RUN[name]}.")
    having = [page for page in pages if page.has(name)]
    if having:
        return having
    known = {p.name: None for page in pages for p in page.declared if p.name not in _OF_THE_RUN}
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise ConfigError(
        f"{where}: there is no parameter {name!r} on {_listed(page.name for page in pages)}.{hint} "
        f"There are {', '.join(known)}."
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "any page"


def _value(page: PagePlan, setting: Setting) -> Any:
    parameter = next(each for each in page.declared if each.name == setting.name)
    if not parameter.takes(setting.value):
        raise ConfigError(
            f"{setting.where}: found {quoted(setting.value)}; expected {parameter.expected} "
            f"for the page {page.name}. {parameter.help}"
        )
    return setting.value


def _common(given: Mapping[str, Mapping[str, Any]], name: str) -> str:
    """Return what every page that was given it was given; empty where they differ."""
    values = {str(each[name]) for each in given.values() if each.get(name)}
    return values.pop() if len(values) == 1 else ""
