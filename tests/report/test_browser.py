"""The pages in a real browser; the tool is `browser.py` beside this file."""

import os
from pathlib import Path
import shutil
import subprocess
import sys

import pytest

from src.report import build_report

TOOL = Path(__file__).with_name("browser.py")

HAS_BROWSER = any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
IS_REQUIRED = bool(os.environ.get("CAMPANILE_REQUIRE_SERVERS"))  # as the integration run sets it

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not HAS_BROWSER and not IS_REQUIRED,
        reason="no Chromium on this machine: the pages are not opened in a browser",
    ),
]


def look_at(*pages: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(TOOL), *map(str, pages)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_pages_are_quiet_and_fit_a_screen_and_a_phone(whole_run):
    report = build_report(whole_run).parent
    answer = look_at(report / "index.html", report / "03_tag.html")
    assert answer.stdout == "2 pages, 0 complaints\n", answer.stdout + answer.stderr
    assert answer.returncode == 0


def test_tool_sees_what_is_wrong(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text("<!doctype html><p style='width:2000px'>x</p><script>missing()</script>")
    answer = look_at(page)
    assert answer.returncode == 1
    assert "bad.html at 390: Uncaught" in answer.stdout
    assert "pixels wider than the screen" in answer.stdout
