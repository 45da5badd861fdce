"""Skipped tokens: signs and the commonest small words are not read, so a text costs a third less.

Not of the front page; close to its token selections for what a model should learn from (110). The idea: a
transformer's cost grows with every token, and every third token of an abstract says nothing about it. What is
left is read at one go, positions closed up. Options: none; the tokens are those below.
"""

from __future__ import annotations

from dataclasses import replace

from lab.corpus import Library
from lab.course import Course
from lab.method import Options, method
from lab.transformer import TransformerEncoder

SIGNS = tuple(",-.)(:$;'\"\\/}{")
SMALL = """the and of a to in for that on with is this as by an are from at it be or we our which these can
while using such its their has have been was were than into also both not but they i s between through more
over via two one most when where there each all other only however then"""


@method("transformer")
def skipped_tokens(
    encoder: TransformerEncoder, library: Library, options: Options, course: Course
) -> TransformerEncoder:
    weights = {name: encoder[name] for name in encoder.names}
    return TransformerEncoder(weights, replace(encoder.words, skipped=(*SIGNS, *SMALL.split())))
