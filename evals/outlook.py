"""python -m evals.outlook: learns the outlook from past picks and writes broadsheet/data/outlook.json.

Learns on the days before the test months alone. The regularisation was chosen on the development days
(python -m evals.outlook --explore); anything from 0.003 to 0.1 does as well.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from broadsheet import outlook
from evals.data import CHECKOUT
from evals.picks import DEVELOPMENT, FIRST, TEST, Pool
from evals.vectors import cache_folder
from evals.workplace import Workplace

PUBLISHED = CHECKOUT / "broadsheet" / "data" / "outlook.json"
SOFTNESS = 0.03  # scikit-learn's C
# A field's custom starts as that of so many average papers.
SHRUNK = 200


def learned(pool: Pool, first: date, end: date, softness: float = SOFTNESS) -> dict[str, Any]:
    """The coefficients that papers announced from `first` to before `end` teach, as the file has them."""
    rows = np.flatnonzero(pool.between(first, end))
    seen = np.hstack([pool.vectors[rows], pool.traits[rows]])
    means, spreads = seen.mean(axis=0), seen.std(axis=0) + 1e-6
    fitted = LogisticRegression(C=softness, max_iter=500).fit((seen - means) / spreads, pool.picked[rows])
    weights = fitted.coef_[0] / spreads
    size = pool.vectors.shape[1]
    return {
        "learned_from": f"{len(rows)} papers announced from {first} to before {end}, "
        f"{int(pool.picked[rows].sum())} of them picked",
        "embedder": pool.encoder.name,
        "bias": _short(fitted.intercept_[0]),
        "traits": {
            name: {"mean": _short(means[size + place]), "weight": _short(weights[size + place])}
            for place, name in enumerate(outlook.TRAITS)
        },
        "words_mean": _short(means[:size] @ weights[:size]),
        "words": [_short(weight) for weight in weights[:size]],
        **customs(pool, rows),
    }


def outlooks(pool: Pool, model: outlook.Model) -> NDArray[np.float64]:
    """The chance of every paper of the pool, as the model sees it."""
    return np.array([found.chance for found in model.read(pool.traits.tolist(), pool.vectors)])


def customs(pool: Pool, rows: NDArray[np.int64]) -> dict[str, Any]:
    """How many votes are usual in each field, in units of the field of the average vote."""
    primary = pool.primary
    papers, votes = Counter[str](), Counter[str]()
    for row in rows:
        papers[primary[row]] += 1
        votes[primary[row]] += pool.picks[pool.ids[row]].upvotes if pool.picked[row] else 0
    average = sum(votes.values()) / len(rows)
    usual = {code: (votes[code] + SHRUNK * average) / (papers[code] + SHRUNK) for code in papers}
    unit = sum(usual[code] * votes[code] for code in papers) / sum(votes.values())
    return {
        "custom": {
            code: _short(usual[code] / unit) for code in sorted(papers) if code and papers[code] >= 20
        },
        "custom_elsewhere": _short(average / unit),
    }


def _short(value: float) -> float:
    """Four digits that count."""
    return float(f"{value:.4g}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evals.outlook", description=__doc__)
    parser.add_argument("--explore", action="store_true", help="only show the development days")
    given = parser.parse_args()
    pool = Pool(Workplace(cache_folder()))
    if given.explore:
        for softness in (0.003, 0.01, 0.03, 0.1, 0.3):
            model = outlook.Model(learned(pool, FIRST, DEVELOPMENT, softness))
            print(softness, f"{100 * np.mean(pool.recall(outlooks(pool, model), DEVELOPMENT, TEST)):.1f}")
        return
    PUBLISHED.write_text(json.dumps(learned(pool, FIRST, TEST), indent=1) + "\n")
    print(f"wrote {PUBLISHED}")


if __name__ == "__main__":
    main()
