"""The faces of an audit: one `Report`, shown as text, as a page, as SARIF for code hosts, or as plain values.

Every face reads the same report and the audited file's own lines; none of them runs anything.
"""

from __future__ import annotations

from handgrad.audit.report.report import Report, Unaudited

__all__ = ["Report", "Unaudited"]
