"""The report of a run: its log and artefacts in, one self-contained HTML page out.

``summarise`` turns a run folder into plain data; ``tables``, ``scores``, ``proofs`` and
:mod:`bondx_lib.plots` turn that into what ``notebooks/report.ipynb`` shows; ``render`` executes the
notebook and makes the page.
"""

from bondx_lib.report import epochs, proofs, record, scores, tables
from bondx_lib.report.blocks import Note, Picture, Table, picture
from bondx_lib.report.html import render, to_html
from bondx_lib.report.markdown import markdown
from bondx_lib.report.record import Record, read
from bondx_lib.report.summary import summarise

__all__ = [
    "Note", "Picture", "Record", "Table", "epochs", "markdown", "picture", "proofs", "read",
    "record", "render", "scores", "summarise", "tables", "to_html",
]  # fmt: skip
