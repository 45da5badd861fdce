"""What an address looks like here: a small grammar that admits ordinary addresses and nothing clever.

RFC 5322 allows comments, quoted names, groups and lists; parsers disagree about them, and disagreement is
how one field comes to address two people (CVE-2023-27043). So none of that is read: a mailbox is a dotted
name, an at-sign and a domain of at least two labels.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 254
_LONGEST_NAME = 64
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
# These deliver to one mailbox whatever dots stand in the name and whatever follows a plus.
_DOTLESS = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}


class BadAddress(ValueError):
    """Not an address that mail can be sent to. The message is a sentence for whoever typed it."""


def parse(text: str) -> str:
    """The address in the spelling that mail goes to: the name as typed, the domain in lower-case ASCII.

    Raises BadAddress with a sentence.
    """
    said = text[: 4 * LONGEST].strip(" \t")
    if not said:
        raise BadAddress("Type your mail address, such as ada@example.org.")
    if len(text.strip(" \t")) > LONGEST:
        raise BadAddress(f"A mail address has at most {LONGEST} characters.")
    if any(unicodedata.category(each)[0] == "C" for each in said):
        raise BadAddress("The address holds an invisible character. Type it again by hand.")
    if any(mark in said for mark in ' ,;<>()[]:\\"') or said.count("@") != 1:
        raise BadAddress("Type one plain address, such as ada@example.org, without a name beside it.")
    name, domain = said.split("@")
    if not name.isascii():
        raise BadAddress("The part before the @ may only have plain letters, digits and marks.")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME or "=?" in name:
        raise BadAddress("The part before the @ is not one that mail can be sent to. Check it for typos.")
    found = f"{name}@{_domain(domain)}"
    if len(found) > LONGEST:
        raise BadAddress(f"A mail address has at most {LONGEST} characters.")
    return found


def _domain(said: str) -> str:
    refusal = "The part after the @ is not the name of a mail server. Check it for typos."
    if unicodedata.normalize("NFKC", said) != said:
        raise BadAddress(refusal)
    for label in said.split("."):
        scripts = {script for each in label for script in _SCRIPTS if script in unicodedata.name(each, "")}
        if len(scripts) > 1:
            raise BadAddress(
                "The part after the @ mixes letters of two alphabets that look alike. Type it again by hand."
            )
    try:
        ascii_form = said.lower() if said.isascii() else said.lower().encode("idna").decode()
    except UnicodeError as error:
        raise BadAddress(refusal) from error
    labels = ascii_form.split(".")
    if len(ascii_form) > 253 or len(labels) < 2 or labels[-1].isdecimal():
        raise BadAddress(refusal)
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise BadAddress(refusal)
    return ascii_form


def key(address: str) -> str:
    """What is compared when it matters who somebody is: case, and at some hosts dots and tags, count nothing.

    >>> key(" Ada.Lovelace+papers@GoogleMail.com")
    'adalovelace@gmail.com'
    """
    name, _, domain = address.strip().lower().rpartition("@")
    if domain in _DOTLESS:
        return f"{name.partition('+')[0].replace('.', '')}@{_DOTLESS[domain]}"
    return f"{name}@{domain}"


def veiled(address: str) -> str:
    """An address as logs and answers may show it: `a…@example.org`."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}…@{domain}"


def without_addresses(text: str) -> str:
    """A server's answer with the addresses in it veiled."""
    return re.sub(r"[^\s<>@:;,\"'()]{1,64}@[^\s<>@:;,\"'()]{1,253}", lambda m: veiled(m[0]), text)
