"""Teaches markdown-it our Markdown; apart from comments.py, so that it loads with the first comment."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from broadsheet.text.finding import find_formula
from broadsheet.text.formulas import formula
from broadsheet.text.latex import URL, without_punctuation
from broadsheet.text.limits import FORMULAS_LIMIT


def _markdown_formula(state: StateInline, silent: bool) -> bool:
    """The inline rule for formulas, run before backslash escapes."""
    if state.src[state.pos] not in "$\\" or len(state.env["formulas"]) >= FORMULAS_LIMIT:
        return False
    found = find_formula(state.src, state.pos)
    if found is None or found.end > state.posMax:
        return False
    shown = formula(" ".join(found.source.split()), found.display)
    if shown is None:
        return False
    if not silent:
        place = f"{state.env['seal']}x{len(state.env['formulas'])}x"
        state.env["formulas"][place] = shown.html
        # Not a text token: those are joined, and a joined one could end up in the address of a link.
        state.push("formula", "", 0).content = place
    state.pos = found.end
    return True


def _markdown_plainer(state: StateCore) -> None:
    """Headings become bold paragraphs, images become links, bare addresses become links."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.type = token.type.replace("heading", "paragraph")
            token.tag, token.meta["bold"] = "p", True
        elif token.type == "inline" and token.children:
            token.children = list(_plainer_inline(token.children))


def _plainer_inline(children: list[Token]) -> Iterator[Token]:
    depth = 0
    for token in children:
        depth += (token.type == "link_open") - (token.type == "link_close")
        if token.type == "image":
            yield from _linked(str(token.attrs.get("src", "")), token.content or "image", depth)
        elif token.type == "text" and "://" in token.content and not depth:
            yield from _linkified(token.content)
        else:
            yield token


def _linkified(text: str) -> Iterator[Token]:
    at = 0
    for match in URL.finditer(text):
        url = without_punctuation(match[0])
        yield Token("text", "", 0, content=text[at : match.start()])
        yield from _linked(url, url, 0)
        at = match.start() + len(url)
    yield Token("text", "", 0, content=text[at:])


def _linked(href: str, text: str, depth: int) -> Iterator[Token]:
    if not depth:
        yield Token("link_open", "a", 1, attrs={"href": href})
    yield Token("text", "", 0, content=text)
    if not depth:
        yield Token("link_close", "a", -1)


def _paragraph_end(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    """Paragraph tags, with `<strong>` for those that were headings."""
    token = tokens[at]
    tag = self.renderToken(tokens, at, options, env)
    if not token.meta.get("bold"):
        return tag
    return f"{tag}<strong>" if token.nesting > 0 else f"</strong>{tag}"


def _formula_place(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    return tokens[at].content


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False})
    markdown.inline.ruler.before("escape", "formula", _markdown_formula)
    markdown.core.ruler.push("plainer", _markdown_plainer)
    markdown.add_render_rule("formula", _formula_place)
    markdown.add_render_rule("paragraph_open", _paragraph_end)
    markdown.add_render_rule("paragraph_close", _paragraph_end)
    return markdown


MARKDOWN: Final = _markdown()
