"""What a tokenizer is given to read: any string, made safe and no longer than is useful."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from broadsheet.embedders import EmbedderUnavailable


def readable(text: str, limit: int) -> str:
    """The first `limit` characters of a text; lone surrogates, which no tokenizer takes, become "?"."""
    return text[:limit].encode("utf-8", "replace").decode()


def tokenizer_from(content: bytes, origin: Path) -> Tokenizer:
    """A tokenizer from the bytes of its tokenizer.json, without padding or cutting of its own.

    Raises EmbedderUnavailable, naming `origin`, if the bytes are not a tokenizer.
    """
    try:
        tokenizer = Tokenizer.from_str(content.decode())
    except Exception as error:  # tokenizers raises plain Exception
        raise EmbedderUnavailable(
            f"{origin} is not a tokenizer.json ({error}): copy the model again."
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
