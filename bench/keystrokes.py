"""How long a reader waits while typing into the box of a running site, in Chromium.

    python -m bench.keystrokes http://127.0.0.1:8000

Types questions letter by letter, ten letters a second, and takes the time from the last letter before each
answer to the frame after its results were painted, the page's own delay included; and from the request to
that frame, which is what server and browser have a part in.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.load import on_loopback
from bench.machine import load
from bench.timings import percentile

QUESTIONS = (
    "multi-stage training of language models",
    "graph neural networks for molecules",
    "diffusion transformers",
    "galaxy formation at high redshift",
    "quantum error correction",
    "state space models",
)
# Seconds between two letters, and after a question, so that its last answer is seen.
PACE, PAUSE = 0.1, 1.5

LISTEN = """() => {
  window.seen = [];
  let typed = 0, sent = 0;
  const box = document.querySelector('input[name=q]');
  box.addEventListener('input', () => { typed = performance.now(); }, true);
  document.body.addEventListener('htmx:beforeRequest', () => { sent = performance.now(); });
  document.body.addEventListener('htmx:afterSwap', (event) => {
    if (event.detail.target.id !== 'found') return;
    const [letter, asked] = [typed, sent];
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const now = performance.now();
      window.seen.push([now - letter, now - asked]);
    }));
  });
}"""


def measure(url: str) -> list[list[float]]:
    """Milliseconds (from the letter, from the request) of each answer that was painted."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1200})
        page.goto(f"{url}/search")
        page.evaluate(LISTEN)
        for question in QUESTIONS:
            page.fill("input[name=q]", "")
            page.locator("input[name=q]").press_sequentially(question, delay=PACE * 1e3)
            time.sleep(PAUSE)
        found: Any = page.evaluate("window.seen")
        browser.close()
    return [[float(each) for each in pair] for pair in found]


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.keystrokes", description=__doc__)
    parser.add_argument("url", help="of a site that runs on this machine")
    asked = parser.parse_args(given)
    if not on_loopback(asked.url):
        parser.error("the site must run on this machine")
    found = measure(asked.url.rstrip("/"))
    for name, column in (("letter", 0), ("request", 1)):
        times = [pair[column] for pair in found]
        half, most = percentile(times, 0.5), percentile(times, 0.95)
        print(f"from {name} to paint: {len(times)} answers, p50 {half:.0f} ms, p95 {most:.0f} ms")
    print(f"Load: {load()[0]}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
