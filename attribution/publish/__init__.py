"""Runs notebooks and publishes what they show: one page, or a site of them, run by run."""

from attribution.publish.notebook import find_notebook, report_names
from attribution.publish.plan import USUAL, plan_site
from attribution.publish.single import Published, publish
from attribution.publish.site import PublishedSite, publish_site

__all__ = [
    "USUAL",
    "Published",
    "PublishedSite",
    "find_notebook",
    "plan_site",
    "publish",
    "publish_site",
    "report_names",
]
