"""Open pages in headless Chromium and tell what it complains of; pictures on demand.

Talks to the browser over a pipe (no port, no driver, no network). As a script:

    python tests/report/browser.py PAGE.html [PAGE.html ...] [--pictures FOLDER]

opens every page at 1280 and 390 pixels, presses every button, and ends with 1 if any page logs an
error, asks for anything but itself, or is wider than the screen.
"""

import argparse
import base64
from contextlib import contextmanager
import json
import os
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile
import time

WIDTHS = (1280, 390)
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    " --disable-background-networking --disable-component-update --hide-scrollbars"
    " --disable-dev-shm-usage --remote-debugging-pipe"
).split()
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PRESS = "document.querySelectorAll('button').forEach(b => b.click())"


def find_chromium() -> str | None:
    """Path of the browser, or None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


class Browser:
    """One tab of a browser on the other end of two pipes."""

    def __init__(self, to_browser: int, from_browser: int, timeout: float = 60) -> None:
        self._out, self._in, self._timeout = to_browser, from_browser, timeout
        self._pending, self._n_calls, self._events = b"", 0, []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._tab(f"{domain}.enable")
        attach = {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": True}
        self._tab("Target.setAutoAttach", **attach)

    def open(self, page: Path, width: int, is_dark: bool = False) -> None:
        """Load a page at a width, in light or dark colors; what was seen before is forgotten."""
        self.visit(page.resolve().as_uri(), width, is_dark)

    def visit(self, address: str, width: int, is_dark: bool = False) -> None:
        """Load an address, as `open` does a page."""
        self._events = []
        self._resize(width, 900)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self._tab("Emulation.setEmulatedMedia", features=[scheme])
        self._tab("Page.navigate", url=address)
        self._wait_for("Page.loadEventFired")

    def press(self, key: str, is_leaving: bool = False) -> None:
        """Press a key as a hand does; if it leaves the page, wait for the next."""
        if is_leaving:
            self._events = []
        codes = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " ")}
        code, text = codes.get(key) or (ord(key.upper()), key)
        told = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
        kind = "keyDown" if text else "rawKeyDown"
        self._tab("Input.dispatchKeyEvent", type=kind, text=text, **told)
        self._tab("Input.dispatchKeyEvent", type="keyUp", **told)
        if is_leaving:
            self._wait_for("Page.loadEventFired")

    def run(self, script: str) -> object:
        """Value of a script in the page."""
        answer = self._tab("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    def complaints(self) -> list[str]:
        """Errors and warnings the page logged, and addresses other than its own that it asked."""
        frames = [
            event["params"]["sessionId"]
            for event in self._events
            if event["method"] == "Target.attachedToTarget"
        ]
        for frame in frames:
            self._call("Log.enable", session=frame)  # tells what was logged before, too
        found = []
        for event in self._events:
            told = event.get("params", {})
            if event["method"] == "Log.entryAdded" and told["entry"]["level"] != "info":
                found.append(told["entry"]["text"])
            elif event["method"] == "Runtime.exceptionThrown":
                found.append(told["exceptionDetails"]["text"])
            elif event["method"] == "Runtime.consoleAPICalled":
                found.append(f"console.{told['type']}")
            elif event["method"] == "Network.requestWillBeSent":
                url = told["request"]["url"]
                if not url.startswith(("file:", "data:", "about:")):
                    found.append(f"asked for {url}")
        return found

    def picture(self, path: Path) -> None:
        """Save the whole page as PNG."""
        size = self._tab("Page.getLayoutMetrics")["cssContentSize"]
        self._resize(size["width"], min(size["height"], 12000))
        time.sleep(0.3)  # frames paint by themselves, and only what is in view
        shot = self._tab("Page.captureScreenshot")
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """Ask the browser to end."""
        self._call("Browser.close")

    def _resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._tab("Emulation.setDeviceMetricsOverride", **size)

    def _tab(self, method: str, **params: object) -> dict:
        return self._call(method, session=self._session, **params)

    def _call(self, method: str, session: str | None = None, **params: object) -> dict:
        self._n_calls += 1
        message = {"id": self._n_calls, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._n_calls:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._events.append(answer)

    def _wait_for(self, method: str) -> None:
        until = time.monotonic() + self._timeout
        while not any(event.get("method") == method for event in self._events):
            if time.monotonic() > until:
                raise TimeoutError(f"no {method}")
            self._events.append(self._read())

    def _read(self) -> dict:
        while b"\0" not in self._pending:
            chunk = os.read(self._in, 1 << 20)
            if not chunk:
                raise RuntimeError("the browser has gone")
            self._pending += chunk
        message, _, self._pending = self._pending.partition(b"\0")
        return json.loads(message)


@contextmanager
def open_browser():
    """Start Chromium with a throw-away profile; end it on leaving."""
    its_in, to_browser = os.pipe()
    from_browser, its_out = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [find_chromium(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        # a shell gives the pipes the numbers 3 and 4 that the browser expects
        process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{its_in} 4>&{its_out}', "bash", *command],
            pass_fds=(its_in, its_out),
            env=os.environ | {"TMPDIR": profile},
            stderr=subprocess.DEVNULL,
        )
        os.close(its_in)
        os.close(its_out)
        try:
            browser = Browser(to_browser, from_browser)
            yield browser
            browser.close()
        finally:
            os.close(to_browser)
            os.close(from_browser)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def check_page(browser: Browser, page: Path, width: int, pictures: Path | None) -> list[str]:
    """Open a page, press its buttons, and list what is wrong with it."""
    browser.open(page, width)
    if pictures:
        browser.picture(pictures / f"{page.stem}-{width}.png")
    found = []
    for moment in ("", " with its code shown"):
        overflow = browser.run(OVERFLOW)
        if overflow > 0:
            found.append(f"{overflow} pixels wider than the screen{moment}")
        browser.run(PRESS)
    return [*browser.complaints(), *found]


def main() -> int:
    """Check the pages named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--pictures", type=Path)
    told = parser.parse_args()
    if told.pictures:
        told.pictures.mkdir(parents=True, exist_ok=True)
    n_wrong = 0
    with open_browser() as browser:
        for page in told.pages:
            for width in WIDTHS:
                for complaint in check_page(browser, page, width, told.pictures):
                    n_wrong += 1
                    sys.stdout.write(f"{page.name} at {width}: {complaint}\n")
    sys.stdout.write(f"{len(told.pages)} pages, {n_wrong} complaints\n")
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
