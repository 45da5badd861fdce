"""What papers and people are called: one canonical spelling for every arXiv id, DOI, address and name.

Canonical identifiers, by scheme:

* arxiv: `2503.01234` and, up to March 2007, `hep-th/9901001` (no version, archive in lower case, no
  subject class). Scheme: https://info.arxiv.org/help/arxiv_identifier.html
* doi: `doi:10.1145/3580305.3599790`, in lower case. The DOI that arXiv registers for a paper is that
  paper's arXiv id.
* acl: `acl:2024.acl-long.1` and `acl:P19-1001`. Scheme: https://aclanthology.org/info/ids/
* openreview: `openreview:rJl0r3R9KX`, case kept.
* local: `local:` and 16 characters of base32, made of title and first author where nothing else is known.
"""

from __future__ import annotations

import base64
import html
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from typing import Final, Literal
from urllib.parse import quote, unquote

Scheme = Literal["arxiv", "doi", "acl", "openreview", "local"]

LONGEST_INPUT: Final = 2_000
LONGEST_TEXT: Final = 100_000
MOST_FOUND: Final = 200


@dataclass(frozen=True, slots=True)
class Identified:
    """What `parse` understood; `version` is the arXiv version, if one was written."""

    identifier: str
    scheme: Scheme
    version: int | None = None


# --- reading ---------------------------------------------------------------------------------------------

_MONTH = r"(?:0[1-9]|1[0-2])"
# Four digits a month from 0704 to 1412, five since 1501. 91 to 99 would be the years of the old scheme.
_NEW = (
    rf"(?:(?:070[4-9]|071[0-2]|0[89]{_MONTH}|1[0-4]{_MONTH})\.(?!0000)\d{{4}}"
    rf"|(?:1[5-9]|[2-8]\d|90){_MONTH}\.(?!00000)\d{{5}})"
)
# Every archive that gave out ids of the old scheme; without the list any `word/1234567` would be a paper.
_ARCHIVE = (
    "(?:acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas|cond-mat"
    "|cs|dg-ga|funct-an|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math-ph|math|mtrl-th|nlin|nucl-ex|nucl-th|patt-sol"
    "|physics|plasm-ph|q-alg|q-bio|quant-ph|solv-int|supr-con)"
)
_OLD_NUMBER = rf"(?:9[1-9]{_MONTH}|0[0-6]{_MONTH}|070[1-3])(?!000)\d{{3}}"
_OLD = rf"(?P<archive>{_ARCHIVE})(?:\.[a-z-]{{2,20}})?/(?P<number>{_OLD_NUMBER})"
_FLAGS = re.ASCII | re.IGNORECASE
_ARXIV = re.compile(rf"(?:(?P<new>{_NEW})|{_OLD})(?:v(?P<version>[1-9]\d{{0,2}}))?", _FLAGS)
# arXiv prints `[cs.LG] 3 Mar 2025` behind the id; an address may go on with the name of a file or a page.
_STAMP = re.compile(r"(?:\s{0,9}\[.*)?", re.DOTALL)
_PAGE = re.compile(r"(?:\.(?:pdf|md|bib|ris|ps|html?|json|csl\.json))?(?:/.*)?", _FLAGS | re.DOTALL)
_DOI = re.compile(r"10\.\d{4,9}(?:\.\d{1,9}){0,4}/[!#-\[\]_a-z~]{1,180}", _FLAGS)
_DOI_OF_ARXIV = "10.48550/arxiv."
_ACL = re.compile(
    r"(?P<new>(?:19|20)\d\d\.[a-z0-9]{1,30}-[a-z0-9]{1,30}\.\d{1,4})|(?P<old>[a-z]\d\d-\d{4})", _FLAGS
)
_ACL_FILE = re.compile(r"(?:v\d{1,2})?\.(?:pdf|bib|xml|endf)", _FLAGS)
_OPENREVIEW = re.compile(r"[a-z0-9_-]{5,40}", _FLAGS)
_LOCAL = re.compile(r"[a-z2-7]{16}", re.ASCII)

# A search for `openreview platform` is words, not an id: only arXiv and DOI may stand apart.
_PREFIX = re.compile(r"(?:(arxiv|doi)\s{0,9}[:\s]\s{0,9}|(acl|openreview|local):)", _FLAGS)
_ADDRESS = re.compile(
    r"(?:https?://)?(?P<host>(?:[a-z0-9-]{1,63}\.){0,9}[a-z0-9-]{1,63})(?::\d{1,5})?"
    r"(?P<path>/[^?#]*)(?:\?(?P<query>[^#]*))?",
    _FLAGS,
)
_PUBLISHER_DOI = re.compile(r"/doi/(?:(?:abs|full|pdf|epdf|book|fullhtml|reader)/)?(?=10\.)", _FLAGS)
_OPENREVIEW_ID = re.compile(r"(?:^|&)id=([^&]{1,40})")

_TYPOGRAPHIC = str.maketrans("‐‑‒–—―−﹘﹣－", "-" * 10, "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\xad")
_OPENERS = "([{<\"'“‘«„`"
_TRAILERS = ".,;:!?\"'”’»`…"
_PAIRS = {")": "(", "]": "[", "}": "{", ">": "<"}


def parse(text: str) -> Identified | None:
    """Reads one identifier, written in any of the usual ways, or None.

    Understands bare ids, prefixes (`arXiv:`, `doi:`, ours), addresses of arXiv, alphaXiv, ar5iv,
    Hugging Face papers, doi.org, publishers' `/doi/` pages, the ACL Anthology and OpenReview, and our own
    `/papers/<id>`. Surrounding punctuation, versions and typographic dashes are tolerated. Anything longer
    than 2,000 characters is None. Never raises; takes linear time; `parse(canonical)` is itself.
    """
    if len(text) > LONGEST_INPUT:
        return None
    if match := _ARXIV.fullmatch(text):
        return _arxiv(match)
    spelling = _tidy(text)
    return _prefixed(spelling) or _bare(spelling) or _addressed(spelling)


def _tidy(text: str) -> str:
    """Without the punctuation of the sentence around it, typographic dashes or LaTeX's escapes."""
    if not text.isascii():
        text = text.translate(_TYPOGRAPHIC)
    if "\\" in text:
        text = re.sub(r"\\([_#%&])", r"\1", text)
    return _trim(text)


def _trim(text: str) -> str:
    text = text.strip().lstrip(_OPENERS).lstrip()
    surplus = {close: text.count(close) - text.count(opening) for close, opening in _PAIRS.items()}
    end = len(text)
    while end:
        last = text[end - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in _TRAILERS and not last.isspace():
            break
        end -= 1
    return text[:end]


def _prefixed(text: str) -> Identified | None:
    match = _PREFIX.match(text)
    if not match:
        return None
    prefix, rest = (match[1] or match[2]).lower(), text[match.end() :]
    if prefix == "arxiv":
        return _arxiv_then(rest, _STAMP) or _addressed(rest)
    if prefix == "doi":
        return _doi(rest) or _addressed(rest)
    if prefix == "acl":
        return _acl(rest)
    if prefix == "openreview":
        return _openreview(rest)
    return Identified(f"local:{rest}", "local") if _LOCAL.fullmatch(rest) else None


def _bare(text: str) -> Identified | None:
    return _arxiv_then(text, _STAMP) or _doi(text) or _acl(text)


def _addressed(text: str) -> Identified | None:
    if text.startswith("/papers/"):
        return _ours(text.partition("?")[0].partition("#")[0])
    match = _ADDRESS.fullmatch(text.partition("#")[0])
    if not match:
        return None
    path = unquote(match["path"]) if "%" in match["path"] else match["path"]
    return _on_host(match["host"].lower(), _trim(path), match["query"] or "")


def _on_host(host: str, path: str, query: str) -> Identified | None:
    if _belongs(host, "arxiv.org", "alphaxiv.org", "ar5iv.org"):
        return _arxiv_then(path[1:].partition("/")[2], _PAGE)
    if _belongs(host, "doi.org"):
        return _doi(path[1:])
    if _belongs(host, "aclanthology.org", "aclweb.org"):
        return _acl(path.rstrip("/").rpartition("/")[2])
    if _belongs(host, "openreview.net"):
        named = _OPENREVIEW_ID.search(query) if path in ("/forum", "/pdf", "/attachment") else None
        return _openreview(named[1]) if named else None
    publisher = _PUBLISHER_DOI.search(path)
    return _doi(path[publisher.end() :]) if publisher else _ours(path)


def _belongs(host: str, *domains: str) -> bool:
    return any(host == domain or host.endswith("." + domain) for domain in domains)


def _ours(path: str) -> Identified | None:
    """A page of ours, or of a site that lays its addresses out the same way (`/papers/<id>`)."""
    if not path.startswith("/papers/"):
        return None
    name = _trim(unquote(path[len("/papers/") :]))
    return _arxiv_then(name, _PAGE) or _prefixed(name) or _bare(name)


def _arxiv_then(text: str, tail: re.Pattern[str]) -> Identified | None:
    match = _ARXIV.match(text)
    return _arxiv(match) if match and tail.fullmatch(text, match.end()) else None


def _arxiv(match: re.Match[str]) -> Identified:
    version = int(match["version"]) if match["version"] else None
    identifier = match["new"] or f"{match['archive'].lower()}/{match['number']}"
    return Identified(identifier, "arxiv", version)


def _doi(text: str) -> Identified | None:
    match = _DOI.fullmatch(text)
    if not match:
        return None
    name = match[0].lower()
    if not name.startswith(_DOI_OF_ARXIV):
        return Identified(f"doi:{name}", "doi")
    paper = _ARXIV.fullmatch(name, len(_DOI_OF_ARXIV))
    return _arxiv(paper) if paper else None


def _acl(text: str) -> Identified | None:
    match = _ACL.match(text)
    if not match or not (match.end() == len(text) or _ACL_FILE.fullmatch(text, match.end())):
        return None
    return Identified("acl:" + (match["old"].upper() if match["old"] else match["new"].lower()), "acl")


def _openreview(text: str) -> Identified | None:
    return Identified(f"openreview:{text}", "openreview") if _OPENREVIEW.fullmatch(text) else None


_IN_TEXT = re.compile(
    r"(?<![\w.])10\.\d{4,9}(?:\.\d{1,9}){0,4}/[^\s\"<>{}|\\^`]{1,180}"
    rf"|(?<![\w.]){_NEW}(?:v\d{{1,3}})?(?!\w)(?!\.\d)"
    rf"|(?<![\w.-]){_ARCHIVE}(?:\.[a-z-]{{2,20}})?/\d{{7}}(?:v\d{{1,3}})?(?!\w)",
    _FLAGS,
)


def find_all(text: str, most: int = MOST_FOUND) -> list[str]:
    """Canonical arXiv ids and DOIs that stand in running text, in order, each once.

    Reads the first 100,000 characters and stops at `most` identifiers.
    """
    found: dict[str, None] = {}
    for match in _IN_TEXT.finditer(text[:LONGEST_TEXT]):
        if identified := parse(match[0]):
            found[identified.identifier] = None
            if len(found) == most:
                break
    return list(found)


# --- what a canonical identifier tells -------------------------------------------------------------------


def scheme(identifier: str) -> Scheme:
    """The scheme of a canonical identifier."""
    prefix, colon, _ = identifier.partition(":")
    if not colon:
        return "arxiv"
    return _SCHEMES.get(prefix, "local")


_SCHEMES: dict[str, Scheme] = {"doi": "doi", "acl": "acl", "openreview": "openreview", "local": "local"}


def rank(identifier: str) -> int:
    """Sorts canonical identifiers, the strongest first: arXiv, ACL, OpenReview, DOI, local."""
    return _RANKS[scheme(identifier)]


_RANKS: dict[Scheme, int] = {"arxiv": 0, "acl": 1, "openreview": 2, "doi": 3, "local": 4}


def arxiv_id(identifier: str) -> str | None:
    """The arXiv id without its version, if this canonical identifier is one."""
    return identifier if scheme(identifier) == "arxiv" else None


def abstract_url(identifier: str) -> str | None:
    """Where the paper lives on the web; None for a local id."""
    kind, name = scheme(identifier), identifier.partition(":")[2]
    if kind == "arxiv":
        return f"https://arxiv.org/abs/{identifier}"
    if kind == "doi":
        return "https://doi.org/" + quote(name, safe="/:;()-._~")
    if kind == "acl":
        return f"https://aclanthology.org/{name}/"
    return f"https://openreview.net/forum?id={name}" if kind == "openreview" else None


def pdf_url(identifier: str) -> str | None:
    """Where the PDF is free to read; None where the identifier alone does not tell."""
    kind, name = scheme(identifier), identifier.partition(":")[2]
    if kind == "arxiv":
        return f"https://arxiv.org/pdf/{identifier}"
    if kind == "acl":
        return f"https://aclanthology.org/{name}.pdf"
    return f"https://openreview.net/pdf?id={name}" if kind == "openreview" else None


def html_url(identifier: str) -> str | None:
    """The paper as a web page. arXiv makes these since December 2023; None before and elsewhere."""
    month = month_of(identifier)
    return f"https://arxiv.org/html/{identifier}" if month and month >= date(2023, 12, 1) else None


def month_of(identifier: str) -> date | None:
    """First day of the month that an arXiv id was given out in; None for other schemes."""
    if ":" in identifier:
        return None
    digits = identifier.rpartition("/")[2][:4]
    return _month(digits)


@lru_cache(maxsize=1024)
def _month(digits: str) -> date | None:
    if len(digits) != 4 or not (digits.isascii() and digits.isdecimal()):
        return None
    year, month = int(digits[:2]), int(digits[2:])
    return date(year + (1900 if year > 90 else 2000), month, 1) if 1 <= month <= 12 else None


# --- titles and people -----------------------------------------------------------------------------------

# Plus and sharp are part of names (C++, C#) and tell apart what would else be one title.
_DROPPED = bytes(code for code in range(256) if code > 127 or not (chr(code).isalnum() or chr(code) in "+#"))
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ϵ": "epsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi",
    "ο": "omicron", "π": "pi", "ρ": "rho", "σ": "sigma", "ς": "sigma", "τ": "tau", "υ": "upsilon",
    "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "∞": "infty", "×": "times", "→": "to",
}  # fmt: skip
# Letters with strokes, which Unicode does not take apart.
_STROKES = {
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t",
}  # fmt: skip
_PLAIN_NAME = str.maketrans(_STROKES)
_PLAIN_TITLE = str.maketrans(_STROKES | _GREEK)

_LATEX_STYLE = re.compile(
    r"\\(?:it|bf|rm|em|sl|tt|sc|cal|emph|bm|boldsymbol|ensuremath|[mh]box|operatorname|left|right|displaystyle"
    r"|mathop|protect|text(?:bf|it|rm|sc|sf|tt|sl|up|normal)?|math(?:bf|it|rm|sf|tt|cal|bb|frak|scr|ds)?)(?![a-zA-Z])"
)
_LATEX_ACCENT = re.compile(r"\\[uvHtcdbkr](?![a-zA-Z])")
_LATEX_LETTERS = {r"\var": "\\", r"\aa": "a", r"\AA": "A", r"\ell": "l", r"\rightarrow": "to"}


def title_key(title: str) -> int:
    """A positive 63-bit number that is the same for one title in different spellings.

    Case, accents, spaces, punctuation (but `+` and `#`), HTML entities and LaTeX markup do not count;
    Greek letters count by name, so `$\\beta$-VAE`, `β-VAE` and `Beta VAE` meet.
    """
    return _number(_title_letters(title).encode("utf-8", "replace"))


def local_id(title: str, first_author: str) -> str:
    """A canonical identifier made of the title and the first author's surname."""
    words = f"{_title_letters(title)}\n{author_slug(surname(first_author)) if first_author else ''}"
    return "local:" + _short_hash(words, 10)


def _title_letters(title: str) -> str:
    if "\\" in title:
        title = _without_latex(title)
    if "&" in title:
        title = _ENTITY.sub(_unescaped, title)
    if title.isascii():
        letters = title.lower().encode().translate(None, _DROPPED).decode()
    else:
        letters = "".join(one for one in _bare_letters(title, _PLAIN_TITLE) if one in "+#" or _is_letter(one))
    return letters or title.strip()


# Bounded: Python refuses to make a number of more than a few thousand digits.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,31});")


def _unescaped(entity: re.Match[str]) -> str:
    return html.unescape(entity[0])


def _without_latex(title: str) -> str:
    title = _LATEX_ACCENT.sub("", _LATEX_STYLE.sub("", title))
    for macro, letters in _LATEX_LETTERS.items():
        title = title.replace(macro, letters)
    return title


def _bare_letters(text: str, table: dict[int, str]) -> str:
    """Folded to lower case and taken apart, without the accents of alphabets that can do without them."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return _ACCENTS.sub("", text).translate(table)


_ACCENTS = re.compile("[\u0300-\u036f]+")


def _is_letter(character: str) -> bool:
    """Letters, digits, and the marks with which scripts of India, Thailand and Japan write sounds."""
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def _number(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big") >> 1 or 1


def _short_hash(text: str, size: int) -> str:
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=size).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()


LONGEST_SLUG: Final = 80
_LONGEST_CACHED = 100
_BETWEEN = re.compile(r"[^a-z0-9]+")


def author_slug(name: str) -> str:
    """`name` as it stands in an address: `Ada M. Lovelace` is `ada-m-lovelace`.

    Accents are dropped, letters of other alphabets kept. At most 80 characters (a longer name ends in a
    hash of itself, so that two of them stay apart) and never empty (a name without letters is a hash).
    """
    return _cached_slug(name) if len(name) <= _LONGEST_CACHED else _slug(name)


def _slug(name: str) -> str:
    if name.isascii():
        slug = _BETWEEN.sub("-", name.lower()).strip("-")
    else:
        letters = (one if _is_letter(one) else "-" for one in _bare_letters(name, _PLAIN_NAME))
        slug = re.sub("-+", "-", unicodedata.normalize("NFC", "".join(letters))).strip("-")
    if not slug:
        return _short_hash(name, 10)
    return slug if len(slug) <= LONGEST_SLUG else f"{slug[:63].rstrip('-')}-{_short_hash(slug, 10)}"


def author_key(slug: str) -> int:
    """The author's primary key: a positive 63-bit number, the same on every server."""
    return _cached_key(slug) if len(slug) <= _LONGEST_CACHED else _key(slug)


def _key(slug: str) -> int:
    return _number(slug.encode("utf-8", "replace"))


# A prolific few write much of the literature. Long names are kept out, so that the caches stay small.
_cached_slug = lru_cache(maxsize=1 << 16)(_slug)
_cached_key = lru_cache(maxsize=1 << 16)(_key)

_SUFFIXES = frozenset({"jr", "jr.", "sr", "sr.", "ii", "iii", "iv", "phd", "ph.d.", "md"})
_PARTICLES = frozenset({
    "von", "van", "de", "der", "den", "del", "della", "di", "da", "do", "dos", "das", "du", "la", "le", "ter",
    "ten", "af", "av", "zu", "zur", "al", "el", "bin", "ibn", "'t",
})  # fmt: skip


def surname(name: str) -> str:
    """The family name with its particles: `Ada von Byron, Jr.` and `von Byron, Ada` give `von Byron`."""
    before, comma, after = name.partition(",")
    if comma and after.strip().lower() not in _SUFFIXES:
        return before.strip() or after.strip()
    words = before.split()
    while len(words) > 1 and words[-1].lower() in _SUFFIXES:
        words.pop()
    first = len(words) - 1
    while first > 1 and words[first - 1] in _PARTICLES:
        first -= 1
    return " ".join(words[max(first, 0) :])
