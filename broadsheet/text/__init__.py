r"""Turns what people and arXiv write (Markdown, LaTeX) into safe HTML and plain text.

Everything here takes any string at all, never raises, and takes time linear in its length: the text may
come from an enemy. Formulas are read by latex2mathml, whose own string output cannot be trusted (it
un-escapes what it escaped, so `\text{<script>}` comes out alive); we take its element tree instead and
build a new one from an allow-list.
"""

from broadsheet.text.comments import comment_html
from broadsheet.text.limits import (
    ABSTRACT_LIMIT,
    COMMENT_LIMIT,
    FORMULA_LIMIT,
    FORMULAS_LIMIT,
    NESTING_LIMIT,
    TITLE_LIMIT,
)
from broadsheet.text.lines import plain_block, plain_line
from broadsheet.text.mentions import link_mentions
from broadsheet.text.prose import abstract_html, latex_escaped, shorten, text_latex, text_plain, title_html

__all__ = [
    "ABSTRACT_LIMIT",
    "COMMENT_LIMIT",
    "FORMULAS_LIMIT",
    "FORMULA_LIMIT",
    "NESTING_LIMIT",
    "TITLE_LIMIT",
    "abstract_html",
    "comment_html",
    "latex_escaped",
    "link_mentions",
    "plain_block",
    "plain_line",
    "shorten",
    "text_latex",
    "text_plain",
    "title_html",
]
