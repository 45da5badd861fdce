"""Trimmed vocabulary: tokens that the corpus does not use go, and with them their rows of the table.

Papers 3 and 4 (HESSO, OTOv3), the idea: whole groups of weights leave a trained network at once and the rest
stays as it was. Changed: the group is a token's row. Tokens are kept by how many papers of the corpus have
them, and so are single letters, of which every word can be put together again; a text in which no token left
reads exactly as before. Options: size (tokens that stay), papers (read to count them).
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from lab import LabError
from lab.corpus import Library
from lab.course import Course
from lab.method import Options, method
from lab.transformer import WORDS, TransformerEncoder, Words

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUES = "##"
SCRIPTS = ("LATIN", "GREEK")  # letters of other scripts stay if they are used


@method("transformer", 3)
def trimmed_vocabulary(
    encoder: TransformerEncoder, library: Library, options: Options, course: Course
) -> TransformerEncoder:
    size, papers = int(options.get("size", 20_000)), int(options.get("papers", 30_000))
    tokens = encoder.words.tokens
    letters = [token for token in tokens if _is_letter(token)]
    if not len(MARKS) + len(letters) <= size <= len(tokens):
        raise LabError(
            f"trimmed_vocabulary: size must be {len(MARKS) + len(letters)} (all letters) to {len(tokens)}."
        )
    often = papers_of_tokens(encoder.words, library, papers, course)
    kept = dict.fromkeys([*MARKS, *letters])
    for place in np.argsort(-often, kind="stable").tolist():
        if len(kept) == size:
            break
        kept.setdefault(tokens[place])
    order = sorted(kept, key=lambda token: (token not in MARKS, encoder.words.tokenizer.token_to_id(token)))
    return with_tokens(encoder, order)


def papers_of_tokens(words: Words, library: Library, papers: int, course: Course) -> NDArray[np.int64]:
    """In how many of so many papers each token stands, int64 [tokens]."""
    rows = library.training_rows
    chosen = course.rng().choice(rows, min(papers, len(rows)), replace=False)
    often = np.zeros(len(words.tokens), dtype=np.int64)
    for start in range(0, len(chosen), 1_000):
        texts = [library.papers.text(row) for row in chosen[start : start + 1_000].tolist()]
        for numbers in words.read(texts, limit=10_000):
            often[np.unique(numbers)] += 1
    return often


def with_tokens(encoder: TransformerEncoder, order: list[str]) -> TransformerEncoder:
    """The encoder with these tokens alone, numbered in this order."""
    rows = [encoder.words.tokenizer.token_to_id(token) for token in order]
    content = json.loads(encoder.words.content)
    numbers = {token: number for number, token in enumerate(order)}
    content["model"]["vocab"] = numbers
    content["added_tokens"] = [
        {**token, "id": numbers[token["content"]]}
        for token in content["added_tokens"]
        if token["content"] in numbers
    ]
    for token in content["post_processor"]["special_tokens"].values():
        token["ids"] = [numbers[one] for one in token["tokens"]]
    weights = {name: encoder[name] for name in encoder.names}
    weights[WORDS] = encoder[WORDS][torch.tensor(rows)]
    written = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return TransformerEncoder(weights, replace(encoder.words, content=written))


def _is_letter(token: str) -> bool:
    """Whether it is one letter, digit or sign, or goes on with one, of the scripts that papers use."""
    letter = token.removeprefix(CONTINUES) if token != CONTINUES else ""
    if len(letter) != 1:
        return False
    return not letter.isalpha() or unicodedata.name(letter, "").startswith(SCRIPTS)
