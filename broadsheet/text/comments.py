"""Turns a comment in Markdown into safe HTML."""

from __future__ import annotations

import secrets
from html import escape
from typing import Final

from broadsheet.text.limits import COMMENT_LIMIT
from broadsheet.text.lines import visible
from broadsheet.text.memory import remembering

_COMMENT_TAGS: Final = {"p", "br", "hr", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "a"}


@remembering(1024)
def comment_html(markdown: str) -> str:
    """A comment (CommonMark 0.31 plus formulas) as safe HTML.

    Raw HTML is shown, not obeyed; images become links to them, headings bold paragraphs; links are http,
    https and mailto only, marked as strangers' (rel). At most `COMMENT_LIMIT` characters. Never raises.
    """
    # Loading the libraries takes a moment: only whoever shows a comment pays for it.
    import nh3

    from broadsheet.text.markdown import MARKDOWN

    text = "\n".join(visible(line) for line in markdown[:COMMENT_LIMIT].splitlines())
    formulas: dict[str, str] = {}
    try:
        html = MARKDOWN.render(text, {"formulas": formulas, "seal": secrets.token_hex(12)})
    except Exception:
        html = f"<p>{escape(text)}</p>"
        formulas = {}
    clean = nh3.clean(
        html,
        tags=_COMMENT_TAGS,
        attributes={"a": {"href"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="ugc nofollow noopener",
    )
    # Formulas join after the sanitiser, which would take MathML away. Their places are marked by a word no
    # writer can guess, so that nobody can put a formula into an attribute.
    for place, formula in formulas.items():
        clean = clean.replace(place, formula)
    return clean.strip()
