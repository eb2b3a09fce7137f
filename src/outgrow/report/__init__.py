"""Reports: one self-contained HTML page for a run, tables for the console, fragments for notebooks.

Importing this package lets results draw themselves in notebooks; Altair is imported when a page is made.
"""

from __future__ import annotations

from outgrow.report.notebook import register

register()
