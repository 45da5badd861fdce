"""A server that stands in for arXiv: OAI-PMH, announcements and look-ups, over a corpus and a clock.

By hand, over the folder of real papers, on 10 August 2026, with a fault in every third answer:

    python -m tests.arxiv --port 8055 --today 2026-08-10 --faults 0.3
    curl -d day=2026-08-11 http://127.0.0.1:8055/clock      # the next morning
    curl http://127.0.0.1:8055/report                       # what it was asked, and whether politely
    curl http://127.0.0.1:8055/ids                          # what a guest should have by now

A server of ours that follows it:

    BROADSHEET_SOURCES="arxiv arxiv-rss" BROADSHEET_SOURCE_RHYTHM="arxiv=0 arxiv-rss=0"
    BROADSHEET_LOOPBACK_PAUSE=0
    BROADSHEET_ARXIV_OAI_URL=http://127.0.0.1:8055/oai BROADSHEET_ARXIV_RSS_URL=http://127.0.0.1:8055/rss
    BROADSHEET_ARXIV_API_URL=http://127.0.0.1:8055/api/query make up
"""

from tests.arxiv.corpus import Corpus, invented
from tests.arxiv.server import Faults, StandIn, standing_in

__all__ = ["Corpus", "Faults", "StandIn", "invented", "standing_in"]
