"""Writes titles and abstracts as HTML, plain text and LaTeX, and shortens them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Final

from broadsheet.text.finding import DOLLAR
from broadsheet.text.formulas import formula
from broadsheet.text.latex import Maths, Part, Reader
from broadsheet.text.limits import ABSTRACT_LIMIT, FORMULAS_LIMIT, TITLE_LIMIT
from broadsheet.text.lines import plain_block, plain_line
from broadsheet.text.memory import remembering
from broadsheet.text.notation import portable_commands

_LINK_RELATION: Final = "nofollow ugc noopener"
_PLAIN_PROSE: Final = re.compile(r"[$\\{}~`]|''|--|://")
_COMMAND: Final = re.compile(r"\\[A-Za-z]+")
_ENDS: Final = {
    "em": ("<em>", "</em>"), "strong": ("<strong>", "</strong>"), "code": ("<code>", "</code>"),
    "sup": ("<sup>", "</sup>"), "sub": ("<sub>", "</sub>"), "note": (" (", ")"), "braces": ("{", "}"),
    "small-caps": ('<span class="small-caps">', "</span>"),
}  # fmt: skip


@remembering(4096)
def title_html(text: str) -> str:
    """A title as safe phrasing HTML: no paragraphs, no links (it usually stands in one), formulas as MathML.

    At most `TITLE_LIMIT` characters are shown, `FORMULAS_LIMIT` formulas are rendered. Broken or excessive
    LaTeX is shown as its escaped source. Never raises.
    """
    line = shorten(plain_line(text), TITLE_LIMIT)
    if not _PLAIN_PROSE.search(line):
        return escape(line)
    return _html(Reader(line).read(), free=False)


@remembering(1024)
def abstract_html(text: str) -> str:
    """An abstract as safe HTML: a `<p>` per paragraph, addresses as links, formulas as MathML.

    At most `ABSTRACT_LIMIT` characters are shown. Links are http or https only. Never raises.
    """
    block = plain_block(text[: 2 * ABSTRACT_LIMIT])
    if len(block) > ABSTRACT_LIMIT:
        block = shorten(block, ABSTRACT_LIMIT)
    formulas, paragraphs = FORMULAS_LIMIT, []
    for paragraph in block.split("\n\n") if block else ():
        if _PLAIN_PROSE.search(paragraph):
            reader = Reader(paragraph, formulas)
            paragraphs.append(f"<p>{_html(reader.read(), free=True)}</p>")
            formulas = max(reader.formulas, 0)
        else:
            paragraphs.append(f"<p>{escape(paragraph)}</p>")
    return "\n".join(paragraphs)


@remembering(4096)
def text_plain(text: str) -> str:
    """The same source as readable Unicode without markup, for mail, feeds, `<title>` and exports.

    Simple formulas become Unicode (β, x², 10⁻³), others keep their source without dollar signs.
    Paragraphs stay apart by one blank line. It is text, not HTML: escape it where HTML is written.
    """
    return "\n\n".join(_each_paragraph(text, _plain))


def text_latex(text: str) -> str:
    """The same source as LaTeX that can be put inside any group: for BibTeX.

    Formulas keep their source when it is balanced and holds only known notation; all else is escaped,
    with no bare brace left, since BibTeX counts braces even behind a backslash.
    """
    return "\n\n".join(_each_paragraph(text, _latex))


def _each_paragraph(text: str, render: Callable[[list[Part]], str]) -> Iterator[str]:
    formulas = FORMULAS_LIMIT
    for paragraph in plain_block(text).split("\n\n"):
        reader = Reader(paragraph, formulas)
        yield " ".join(render(reader.read()).split())
        formulas = max(reader.formulas, 0)


def _html(parts: Sequence[Part], free: bool) -> str:
    """`free`: links and formulas on their own lines may stand here; in titles and links they may not."""
    return "".join(_part_html(part, free) for part in parts)


def _part_html(part: Part, free: bool) -> str:
    if isinstance(part, str):
        return escape(part)
    if isinstance(part, Maths):
        shown = formula(part.found.source, part.found.display and free)
        return shown.html if shown else escape(part.raw)
    if part.kind == "link":
        inner = _html(part.parts, free=False)
        linked = free and part.href
        return f'<a href="{escape(part.href)}" rel="{_LINK_RELATION}">{inner}</a>' if linked else inner
    start, end = _ENDS.get(part.kind, ("", ""))
    return f"{start}{_html(part.parts, free)}{end}"


def _plain(parts: Sequence[Part]) -> str:
    return "".join(_part_plain(part) for part in parts)


def _part_plain(part: Part) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Maths):
        shown = formula(part.found.source, part.found.display)
        return shown.plain if shown else part.found.source
    start, end = _ENDS[part.kind] if part.kind in ("note", "braces") else ("", "")
    return f"{start}{_plain(part.parts)}{end}"


_LATEX: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
        "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "{": r"\{", "}": r"\}",
    }
)  # fmt: skip
_LATEX_UNBALANCED: Final = _LATEX | {ord("{"): r"\textbraceleft{}", ord("}"): r"\textbraceright{}"}


def latex_escaped(text: str) -> str:
    """`text` as LaTeX source that prints exactly it. Its braces are balanced, also for who ignores `\\`."""
    return text.translate(_LATEX if _is_balanced(text) else _LATEX_UNBALANCED)


def _latex(parts: Sequence[Part]) -> str:
    return "".join(_part_latex(part) for part in parts)


def _part_latex(part: Part) -> str:
    if isinstance(part, str):
        return latex_escaped(part)
    if isinstance(part, Maths):
        source = part.found.source
        safe = formula(source, part.found.display) and _is_portable(source)
        return f"${source}$" if safe else latex_escaped(part.raw)
    start, end = {"braces": ("\\{", "\\}"), "note": (" (", ")")}.get(part.kind, ("", ""))
    return f"{start}{_latex(part.parts)}{end}"


def _is_portable(source: str) -> bool:
    """Whether a formula can go into somebody's document: known notation only, braces balanced throughout."""
    if not _is_balanced(source) or re.search(r"(?<!\\)[$%#]|\^\^|\\$", source):
        return False
    return portable_commands().issuperset(_COMMAND.findall(source))


def _is_balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall("[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


# --- shortening -------------------------------------------------------------------------------------

_SENTENCE_END: Final = re.compile(r"[.!?][\"”’')\]]?(?=\s)")


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of `text`: up to the end of a sentence, else of a word and then "…".

    A formula or a LaTeX group is never cut in two when something stands before it.
    """
    if len(text) <= limit:
        return text
    head = text[: max(limit - 1, 0)]
    room = len(head)
    whole = head[: _last_whole(head)]
    head = whole if len(whole) > room // 3 else head
    sentences = [match.end() for match in _SENTENCE_END.finditer(text, room // 2, len(head) + 1)]
    if sentences and sentences[-1] <= len(head):
        return head[: sentences[-1]]
    word = head if text[len(head) : len(head) + 1].isspace() else head[: head.rfind(" ") + 1 or len(head)]
    return word.rstrip(" \n,;:–—-(") + "…"


def _last_whole(head: str) -> int:
    """Where the last formula or group that `head` leaves open begins; its length if it leaves none open."""
    marks = [match.start() for match in DOLLAR.finditer(head)]
    if len(marks) % 2:
        return marks[-1]
    depth = 0
    for at in range(len(head) - 1, -1, -1):
        depth += (head[at] == "}") - (head[at] == "{")
        if depth < 0:
            return head.rfind(" ", 0, at) + 1
    opened = max(head.rfind("\\("), head.rfind("\\["))
    return opened if opened > max(head.rfind("\\)"), head.rfind("\\]")) else len(head)
