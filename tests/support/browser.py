"""The real browser of the tests: Debian's Chromium, headless, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

MISSING = "Chromium is missing: apt-get install chromium"
_ARGUMENTS = (
    "--no-sandbox",  # test machines run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """The browser that `CHROMIUM` names, else the first one on this machine."""
    places = (os.environ.get("CHROMIUM"), "/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
    return next((found for place in places if place and (found := shutil.which(place))), None)


CHROMIUM = find_chromium()


@contextmanager
def open_browser(downloads: Path) -> Iterator[Browser]:
    """A browser of its own, with a profile that leaves nothing behind."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(_ARGUMENTS), downloads_path=downloads
        )
        try:
            yield browser
        finally:
            browser.close()
