"""What else belongs to a paper on the web: code, models, data sets, demos and project pages."""

from __future__ import annotations

import re

from broadsheet.sources import LinkKind, LinkRecord

MOST_LINKS = 10
LONGEST_URL = 2_000
LONGEST_TEXT = 100_000

# A literal dot in front makes this many times faster than an expression that begins with the host's name.
_HOST_END = re.compile(
    r"\.(?:(?<=github\.)(?:com|io)|(?<=gitlab\.)com|(?<=codeberg\.)org|(?<=huggingface\.)co|(?<=hf\.)co)(?![\w-])",
    re.IGNORECASE | re.ASCII,
)
_HOST = re.compile(
    r"(?:^|https?://|[^\w.@/-])(?:www\.)?"
    r"(github\.com|gitlab\.com|codeberg\.org|huggingface\.co|hf\.co|[a-z0-9][a-z0-9-]{0,62}\.github\.io)$",
    re.IGNORECASE | re.ASCII,
)
_LONGEST_HOST = 90
_PATH = re.compile(r"(?:/[\w.~%+@-]{0,200}){0,8}", re.ASCII)
_ESCAPED = re.compile(r"\\([_%#&~])(?:\{\})?")
_FORGES = {"github.com": 2, "codeberg.org": 2, "gitlab.com": 8}
_NOT_OWNERS = frozenset({
    "about", "apps", "blog", "collections", "contact", "datasets", "docs", "enterprise", "explore",
    "features", "help", "join", "learn", "login", "marketplace", "models", "organizations", "orgs",
    "papers", "posts", "pricing", "search", "settings", "spaces", "sponsors", "tasks", "topics", "users",
})  # fmt: skip
_WEB = re.compile(
    r"https?://[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?(?::\d{1,5})?(?:[/?#][!#-;=?-\[\]_a-z~]{0,1900})?",
    re.IGNORECASE | re.ASCII,
)
_PAIRS = {")": "(", "]": "["}


def web(value: object) -> str | None:
    """`value` if it is an address on the web that is safe to show as a link: http or https, nobody's password
    in it, no spaces or quotes, at most 2,000 characters."""
    if not isinstance(value, str) or len(value) > LONGEST_URL:
        return None
    address = trimmed(value.strip())
    return address if _WEB.fullmatch(address) and "." in address else None


def trimmed(address: str) -> str:
    """Without the punctuation of the sentence around it."""
    surplus = {close: address.count(close) - address.count(opening) for close, opening in _PAIRS.items()}
    end = len(address)
    while end:
        last = address[end - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in ".,;:!?'\"*~":
            break
        end -= 1
    return address[:end]


def gathered(given: list[tuple[LinkKind, object]], *texts: str) -> tuple[LinkRecord, ...]:
    """The links that a record gives by name, then those found in its texts; each once, at most ten."""
    found = [link for kind, value in given if (link := _given(kind, value))]
    for text in texts:
        if _may_hold_links(text):
            found += _found(text[:LONGEST_TEXT])
        if _names_rarer(text):
            found += _rarer(text[:LONGEST_TEXT])
        if "http" in text and "roject" in text:
            found += _called_project(text[:LONGEST_TEXT])
    return _once(found) if found else ()


# Where else code, data, models and project pages lie; most texts name none of them, and this says so quickly.
_RARER = (
    "zenodo", "figshare", "/dvn/", "dryad", "kaggle.com", "modelscope.cn", "bitbucket.org", "gitee.com",
    "sourceforge.net", "4open.science", "sites.google.com", "gitlab.io", "colab.research", "osf.io",
)  # fmt: skip
_PLACE = r"(?:^|https?://|[^\w.@/-])(?:www\.)?"
_NAME = r"[\w.~-]{1,100}"
_SITE = r"(?:view|site|[\w-]{1,60}(?:\.[\w-]{1,60}){1,4})"
# (what to look for, what it is, how its address is spelt)
_WHERE: tuple[tuple[str, str, LinkKind, str], ...] = (
    # A registry's DOI, however it is written: bare, with doi: or as an address.
    ("", r"\b10\.(5281/zenodo\.\d{1,12})", "dataset", "https://doi.org/10.{0}"),
    ("", r"\b10\.(6084/m9\.figshare\.(?:c\.)?\d{1,12})", "dataset", "https://doi.org/10.{0}"),
    ("", r"\b10\.(7910/dvn/[a-z0-9]{4,12})", "dataset", "https://doi.org/10.{0}"),
    ("", r"\b10\.(5061/dryad\.[a-z0-9]{3,24})", "dataset", "https://doi.org/10.{0}"),
    ("", r"\b10\.(17605/osf\.io/[a-z0-9]{5})\b", "project", "https://doi.org/10.{0}"),
    (_PLACE, r"zenodo\.org/records?/(\d{1,12})", "dataset", "https://doi.org/10.5281/zenodo.{0}"),
    (_PLACE, rf"(figshare\.com/articles/{_NAME}(?:/{_NAME}){{0,3}})", "dataset", "https://{0}"),
    (_PLACE, rf"(kaggle\.com/datasets/{_NAME}/{_NAME})", "dataset", "https://www.{0}"),
    (_PLACE, rf"(kaggle\.com/models/{_NAME}/{_NAME})", "model", "https://www.{0}"),
    (_PLACE, rf"(modelscope\.cn/datasets/{_NAME}/{_NAME})", "dataset", "https://{0}"),
    (_PLACE, rf"(modelscope\.cn/models/{_NAME}/{_NAME})", "model", "https://{0}"),
    (_PLACE, rf"(bitbucket\.org/{_NAME}/{_NAME})", "code", "https://{0}"),
    (_PLACE, rf"(gitee\.com/{_NAME}/{_NAME})", "code", "https://{0}"),
    (_PLACE, rf"(sourceforge\.net/projects/{_NAME})", "code", "https://{0}"),
    (_PLACE, r"(anonymous\.4open\.science/r/[\w-]{1,80})", "code", "https://{0}"),
    (_PLACE, rf"(colab\.research\.google\.com/drive/{_NAME})", "demo", "https://{0}"),
    (_PLACE, rf"(sites\.google\.com/{_SITE}/{_NAME}(?:/{_NAME}){{0,3}})", "project", "https://{0}"),
    (_PLACE, rf"([a-z0-9][a-z0-9-]{{0,62}}\.gitlab\.io(?:/{_NAME}){{0,4}})", "project", "https://{0}"),
    (_PLACE, r"(osf\.io/[a-z0-9]{5})(?![\w-])", "project", "https://{0}"),
)
_PLACES = tuple(
    (re.compile(before + pattern, re.IGNORECASE | re.ASCII), kind, spelt)
    for before, pattern, kind, spelt in _WHERE
)
# Elsewhere a page is a project's where the words before it say so.
_PROJECT = re.compile(
    r"project(?:'s|’s)?[ -]?(?:web[ -]?)?(?:page|site|homepage)[^.!?]{0,40}?(https?://[!#-;=?-\[\]_a-z~]{4,400})",
    re.IGNORECASE,
)


def _names_rarer(text: str) -> bool:
    small = text[:LONGEST_TEXT].lower()
    return any(word in small for word in _RARER)


def _rarer(text: str) -> list[LinkRecord]:
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", text)
    found = []
    for pattern, kind, spelt in _PLACES:
        for match in pattern.finditer(text):
            kept = trimmed(match[1])
            # A DOI and a host are written small; the rest of an address means what it says.
            kept = kept.lower() if "doi.org" in spelt else _small_host(kept)
            found.append(LinkRecord(kind, spelt.format(kept)))
    return found


def _small_host(address: str) -> str:
    host, slash, path = address.partition("/")
    return f"{host.lower()}{slash}{path.rstrip('/')}"


def _called_project(text: str) -> list[LinkRecord]:
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", text)
    found = (web(match[1]) for match in _PROJECT.finditer(text))
    return [
        LinkRecord("project", one.rstrip("/"))
        for one in found
        if one and not _found(one) and not _names_rarer(one)
    ]


def _once(found: list[LinkRecord]) -> tuple[LinkRecord, ...]:
    first: dict[tuple[str, str], LinkRecord] = {}
    for link in found:
        first.setdefault((link.kind, link.url.lower()), link)
    return tuple(first.values())[:MOST_LINKS]


def _may_hold_links(text: str) -> bool:
    """The ends of the hosts, however they are capitalised: saves the expression on nine abstracts of ten."""
    return (
        "ub.com" in text
        or "ub.io" in text
        or "ab.com" in text
        or "ace.co" in text
        or "berg.org" in text
        or "hf.co" in text
    )


def _given(kind: LinkKind, value: object) -> LinkRecord | None:
    """The address, spelt as it would be if found in a text, so that the two are one link. A page that turns
    out to be a repository or a model is called so."""
    address = web(value)
    if not address:
        return None
    for hosted in _found(address)[:1]:
        if kind in (hosted.kind, "abstract") and _host(hosted.url) == _host(address):
            return hosted
    return LinkRecord(kind, address)


def _host(address: str) -> str:
    return address.lower().split("/")[2].removeprefix("www.")


def _found(text: str) -> list[LinkRecord]:
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", text)
    ends = (match.span() for match in _HOST_END.finditer(text))
    return [link for start, end in ends if (link := _link(text, start, end))]


def _link(text: str, dot: int, end: int) -> LinkRecord | None:
    """The link whose host has its last dot at `dot` and ends at `end`."""
    found = _HOST.search(text, max(0, dot - _LONGEST_HOST), end)
    path = _PATH.match(text, end)
    return _hosted(found[1].lower(), trimmed(path[0]).rstrip("/")) if found and path else None


def _hosted(host: str, path: str) -> LinkRecord | None:
    if host.endswith(".github.io"):
        return LinkRecord("project", f"https://{host}{path}")
    parts = [part for part in path.split("/") if part]
    if host in ("huggingface.co", "hf.co"):
        return _on_hugging_face(parts)
    if len(parts) < 2 or parts[0].lower() in _NOT_OWNERS:
        return None
    kept = "/".join(parts[: _FORGES[host]]).removesuffix(".git")
    return LinkRecord("code", f"https://{host}/{kept}")


def _on_hugging_face(parts: list[str]) -> LinkRecord | None:
    kinds: dict[str, LinkKind] = {"datasets": "dataset", "spaces": "demo"}
    kind = kinds.get(parts[0].lower()) if parts else None
    if kind and len(parts) >= 3:
        return LinkRecord(kind, "https://huggingface.co/" + "/".join(parts[:3]))
    if len(parts) < 2 or parts[0].lower() in _NOT_OWNERS:
        return None
    return LinkRecord("model", "https://huggingface.co/" + "/".join(parts[:2]))
