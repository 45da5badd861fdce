"""XML from strangers: no document types, no entities, nothing fetched, and bounded in size and depth."""

from __future__ import annotations

import re

from lxml import etree

from broadsheet.sources.asking import BadAnswer

_Element = etree._Element

_ROOT = re.compile(rb"<[A-Za-z_]")
# Bytes that XML 1.0 forbids and servers send nevertheless.
_CONTROLS = bytes(code for code in range(32) if code not in (9, 10, 13))
_BLANK = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))


def parsed(body: bytes, host: str) -> _Element:
    """The root of a document. Raises BadAnswer when it is not well-formed or declares entities."""
    start = _ROOT.search(body)
    if start is None or b"<!DOCTYPE" in body[: start.start()]:
        raise BadAnswer(
            f"{host} sent {'XML with a document type' if start else 'no XML'}, which is not read."
        )
    try:
        return _parse(body)
    except etree.XMLSyntaxError:
        try:
            return _parse(body.translate(_BLANK))
        except etree.XMLSyntaxError as error:
            raise BadAnswer(f"{host} sent broken XML ({error.msg}).") from error


def _parse(body: bytes) -> _Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True,
        remove_pis=True,
    )  # fmt: skip
    root: _Element = etree.fromstring(body, parser)
    if root.getroottree().docinfo.doctype:
        raise etree.XMLSyntaxError("it has a document type", 0, 0, 0)
    return root


def text(element: _Element | None, path: str, names: dict[str, str] | None = None) -> str:
    """The text of the first element at `path`, empty if there is none."""
    found = element.findtext(path, "", names) if element is not None else ""
    return found.strip() if isinstance(found, str) else ""
