"""The pages in a browser: by keyboard, on a phone's width, in both languages."""

import os
from pathlib import Path

import pytest

from src.inbound.wishes import read_choices
from src.ledger import open_ledger
from src.ledger.responses import find_message
from tests.inbound.server import serving
from tests.reliability.campaigns import key_of
from tests.report.browser import OVERFLOW, find_chromium, open_browser

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium")
PICTURES = os.environ.get("CAMPANILE_PICTURES", "")
FOCUS = "document.activeElement.tagName + ' ' + document.activeElement.type"
SMALL_TARGETS = """
[...document.querySelectorAll('a, button, label')]
  .filter(e => e.getBoundingClientRect().height < 40).map(e => e.outerHTML)
"""
CONTRASTS = """
(() => {
  const light = c => {
    const v = c.match(/[0-9.]+/g).slice(0, 3).map(x => x / 255)
      .map(x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2];
  };
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$/.test(c)) return c;
    }
    return 'rgb(255,255,255)';
  };
  return Math.min(...[...document.querySelectorAll('h1,p,a,button,label,legend,strong')].map(e => {
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
})()
"""


@pytest.fixture
def page(ledger, tmp_path, token):
    """Open pages of a real server in a real browser."""
    with serving(tmp_path) as address, open_browser() as browser:

        def visit(path, width, is_dark=False):
            browser.visit(f"{address}{path}", width, is_dark)
            return browser

        yield visit


def shoot(browser, name):
    if PICTURES:
        browser.picture(Path(PICTURES) / f"{name}.png")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", ["unsubscribe", "preferences"])
def test_pages_fit_and_can_be_read(page, token, path, language, width):
    for is_dark in (False, True):
        browser = page(f"/{path}?t={token()}&lang={language}", width, is_dark)
        shoot(browser, f"{path}-{language}-{width}{'-dark' if is_dark else ''}")
        assert browser.run(OVERFLOW) <= 0
        assert browser.run(SMALL_TARGETS) == []
        assert browser.run(CONTRASTS) >= 4.5
        assert browser.run("document.documentElement.lang") == {"en": "en", "zh": "zh-CN"}[language]
        assert browser.run("document.querySelectorAll('script').length") == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_the_keyboard_alone_unsubscribes(page, token, tmp_path, width):
    browser = page(f"/unsubscribe?t={token()}&lang=en", width)
    for _ in range(6):
        browser.press("Tab")
        if browser.run(FOCUS).startswith("BUTTON"):
            break
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press("Enter", is_leaving=True)
    assert browser.run("document.title") == "You are unsubscribed"
    shoot(browser, f"left-{width}")
    with open_ledger(tmp_path) as ledger:
        (choice,) = read_choices(ledger, find_message(ledger, key_of("c00000")))
    assert choice.is_stopped


def test_the_keyboard_alone_chooses(page, token, tmp_path):
    browser = page(f"/preferences?t={token()}&lang=zh", 390)
    for _ in range(8):
        browser.press("Tab")
        if browser.run(FOCUS) == "INPUT checkbox":
            browser.press(" ")
        if browser.run(FOCUS).startswith("BUTTON"):
            break
    browser.press("Enter", is_leaving=True)
    assert browser.run("document.title") == "已保存"
    shoot(browser, "saved-zh-390")
    with open_ledger(tmp_path) as ledger:
        (choice,) = read_choices(ledger, find_message(ledger, key_of("c00000")))
    assert (choice.is_on, choice.is_stopped) == (False, False)
