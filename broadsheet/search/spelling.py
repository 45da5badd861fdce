"""Corrects words that were surely mistyped, with the corpus's own vocabulary. A noisy channel.

The word that was meant is the one with the largest (papers that hold it) × (probability of typing it so); it
replaces what was typed only where that is far likelier than every other reading, the word itself included.
How people mistype is written down below by kind of slip: swapped neighbours, doubled letters, vowels that
sound alike, keys that lie side by side. Method: Kernighan, Church and Gale, "A spelling correction program
based on a noisy channel model", COLING 1990. What it gets right is measured in docs/search.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import exp

from broadsheet.search.vocabulary import Vocabulary

# Whether a word that the vocabulary does not know means something all the same: it stands in a title or is
# somebody's name.
Meaningful = Callable[[str], bool]

SHORTEST, LONGEST = 4, 24
# From this length on a word may have two slips; a shorter one has too many neighbours.
TWO_SLIPS = 6
# Readings with less than this of the best one's probability are not worked out.
NEGLIGIBLE = 0.003


@dataclass(frozen=True, slots=True)
class Slips:
    """What each slip costs: −log of how rarely a typist makes it at a given letter."""

    swapped: float = 4.0
    doubled: float = 3.6  # a letter twice that stands once, or once that stands twice
    vowel: float = 4.4  # one vowel for another
    sound: float = 4.8  # one letter for another that can sound like it
    neighbour: float = 5.2  # the key beside
    changed: float = 7.2
    dropped: float = 4.8
    silent: float = 4.2  # a letter dropped or added that is often not heard
    added: float = 5.6
    first: float = 2.2  # more, where it happens to the first letter
    again: float = 0.6  # more, for a second slip


@dataclass(frozen=True, slots=True)
class Caution:
    """How sure is sure. `share`: of all readings' probability, what the best must have. `coined`: how many
    papers' worth of weight the reading has that the word is right and merely new. `doubted`: the share of all
    papers below which a known word is doubted, and then only if one `rare` times as common is near."""

    share: float = 0.8
    coined: float = 0.01
    doubted: float = 1e-4
    rare: float = 200.0

    def commonest(self, corpus: int) -> float:
        """In how many of a corpus's papers a word may occur and still be doubted."""
        return self.doubted * corpus

    def rarer_than(self, papers: int) -> float:
        """In how many papers a word must occur to be meant by one that occurs in `papers`."""
        return papers * self.rare


SLIPS, CAUTION = Slips(), Caution()

_VOWELS = frozenset("aeiouy")
_SILENT = frozenset("ehu")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SOUNDS = ("ck", "cs", "sz", "fv", "fp", "mn", "dt", "bp", "gj", "kq", "iy", "vw", "xs", "gk", "lr")


def _neighbours() -> frozenset[tuple[str, str]]:
    """Keys that touch on the usual keyboard: in a row, or in the next row at the same place or before it."""
    pairs = set[tuple[str, str]]()
    for place, row in enumerate(_ROWS):
        below = _ROWS[place + 1] if place + 1 < len(_ROWS) else ""
        for at, key in enumerate(row):
            touching = row[at + 1 : at + 2] + below[max(0, at - 1) : at + 1]
            pairs |= {(key, other) for other in touching} | {(other, key) for other in touching}
    return frozenset(pairs)


_KEYS = _neighbours()
_ALIKE = frozenset((one[way], one[1 - way]) for one in _SOUNDS for way in (0, 1))


def slip_cost(typed: str, meant: str, slips: Slips = SLIPS) -> float:
    """The cheapest way from `meant` to `typed`: the costs of its slips, added. 0 for equal words.

    Reads a band of two around the diagonal, so it is for words at most two edits apart.
    """
    above: list[float] = []
    row: list[float] = []
    for i in range(len(meant) + 1):
        before, above, row = above, row, [_FAR] * (len(typed) + 1)
        for j in range(max(0, i - 2), min(len(typed), i + 2) + 1):
            best = 0.0 if i == j == 0 else _FAR
            if i and j:
                best = min(best, above[j - 1] + _changed(typed[j - 1], meant[i - 1], i == 1, slips))
            if i:
                best = min(best, above[j] + _alone(meant, i - 1, slips.dropped, slips))
            if j:
                best = min(best, row[j - 1] + _alone(typed, j - 1, slips.added, slips))
            if i > 1 and j > 1 and typed[j - 2] + typed[j - 1] == meant[i - 1] + meant[i - 2]:
                best = min(best, before[j - 2] + slips.swapped)
            row[j] = best
    return row[-1]


_FAR = 1e9


def _changed(typed: str, meant: str, first: bool, slips: Slips) -> float:
    if typed == meant:
        return 0.0
    if typed in _VOWELS and meant in _VOWELS:
        cost = slips.vowel
    elif (typed, meant) in _ALIKE:
        cost = slips.sound
    else:
        cost = slips.neighbour if (typed, meant) in _KEYS else slips.changed
    return cost + slips.first * first


def _alone(word: str, place: int, usual: float, slips: Slips) -> float:
    """A letter that only one of the two words has."""
    letter = word[place]
    if letter in (word[place - 1 : place], word[place + 1 : place + 2]):
        return slips.doubled
    if letter in _SILENT:
        usual = min(usual, slips.silent)
    return usual + slips.first * (place == 0)


@dataclass(frozen=True, slots=True)
class Reading:
    """A word that may have been meant, and its share (0 to 1) of the probability of all readings."""

    word: str
    share: float


def readings(
    typed: str, vocabulary: Vocabulary, slips: Slips = SLIPS, caution: Caution = CAUTION
) -> list[Reading]:
    """What may have been meant by a word of a to z, likeliest first; what was typed is among it."""
    edits = 2 if len(typed) >= TWO_SLIPS else 1
    known = vocabulary.papers_with(typed)
    weights = {typed: float(known) or caution.coined}
    most = 0.0
    for word, papers in sorted(vocabulary.near(typed, edits), key=lambda each: -each[1]):
        # The rest, rarer still, could not matter even if they were one doubled letter away.
        if papers * exp(-slips.doubled) < NEGLIGIBLE * most:
            break
        if word != typed and papers >= caution.rarer_than(known):
            weights[word] = papers * exp(-slip_cost(typed, word, slips))
            most = max(most, weights[word])
    total = sum(weights.values())
    ranked = sorted(weights.items(), key=lambda each: -each[1])
    return [Reading(word, weight / total) for word, weight in ranked]


class Speller:
    """Corrects the plain words of queries. Threads may share it."""

    def __init__(self, vocabulary: Vocabulary, slips: Slips = SLIPS, caution: Caution = CAUTION) -> None:
        self._vocabulary = vocabulary
        self._slips, self._caution = slips, caution

    def papers_with(self, word: str) -> int:
        """In how many papers a word of a to z occurs; 0 if it is unknown or rare."""
        return self._vocabulary.papers_with(word)

    def corrections(self, words: Iterable[str], is_meaningful: Meaningful) -> dict[str, str]:
        """The words that were surely mistyped, each with what was meant."""
        found = {}
        for word in dict.fromkeys(words):
            meant = self._correct(word, is_meaningful)
            if meant:
                found[word] = meant
        return found

    def _correct(self, word: str, is_meaningful: Meaningful) -> str:
        typed = word.lower()
        if not (SHORTEST <= len(typed) <= LONGEST and typed.isascii() and typed.isalpha()):
            return ""
        # Capitals inside a word are a name's, which nobody types by accident.
        if any(letter.isupper() for letter in word[1:]) and not word.isupper():
            return ""
        if self._vocabulary.papers_with(typed) > self._caution.commonest(self._vocabulary.papers):
            return ""
        best = readings(typed, self._vocabulary, self._slips, self._caution)[0]
        if best.word == typed or best.share < self._caution.share or is_meaningful(typed):
            return ""
        return best.word
