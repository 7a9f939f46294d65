"""Headless Chromium for tests, by its DevTools protocol over a pipe: pages as a reader sees them. No port, no network.

Chromium is a program, as git is; where the machine lacks it, apt-get installs it once (Debian, Ubuntu).
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-dejavu-core")  # without any font no text is drawn, and none is printed
_WAIT = 30.0
_LOCK = Path(tempfile.gettempdir()) / "clinome-chromium.lock"


def chromium() -> str:
    """The path of Chromium: CHROMIUM, or what is installed; else Debian's package is installed.

    Raises: RuntimeError where it cannot be, with what to do.
    """
    wanted = os.environ.get("CHROMIUM")
    if found := _found(wanted):
        return found
    from filelock import FileLock

    with FileLock(_LOCK):  # pytest's workers ask at the same time
        if found := _found(None):
            return found
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        for command in (
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-q", "-y", "--no-install-recommends", *PACKAGES],
        ):
            done = shutil.which("apt-get") and subprocess.run(
                [*root, *command], capture_output=True, text=True, check=False
            )
            if not done or done.returncode:
                why = done.stderr.strip()[-400:] if done else "there is no apt-get"
                raise RuntimeError(
                    f"the report's tests need Chromium: install it, or name it: CHROMIUM=/path/to/it ({why})"
                )
    found = _found(None)
    if not found:
        raise RuntimeError("apt-get installed chromium, and it is not on PATH: name it: CHROMIUM=/path/to/it")
    return found


def _found(wanted: str | None) -> str | None:
    if wanted:
        return shutil.which(wanted)
    return next((path for name in NAMES if (path := shutil.which(name))), None)


_START = (
    "import fcntl, os, sys; a, b = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3]]; "
    "os.dup2(a, 3); os.dup2(b, 4); os.execv(sys.argv[3], sys.argv[3:])"
)
"""The protocol's pipes are the descriptors 3 and 4."""


class Browser:
    """One Chromium for a module of tests.

    Example:
        with Browser() as browser:
            page = browser.open(run / "report.html", width=390)
            page.evaluate("document.title")
    """

    def __enter__(self) -> Self:
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        to, self._write = os.pipe()
        self._read, back = os.pipe()
        program = [
            chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions",
            "--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND",
            "--remote-debugging-pipe", f"--user-data-dir={self._profile}", "about:blank",
        ]  # fmt: skip
        start = [sys.executable, "-ISc", _START, str(to), str(back), *program]
        self._process = subprocess.Popen(
            start, pass_fds=(to, back), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to)
        os.close(back)
        self._left, self._id = b"", 0
        self.events: list[dict[str, Any]] = []
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)
        shutil.rmtree(self._profile, ignore_errors=True)

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """One command and its answer; what happens meanwhile is kept in `events`."""
        self._id += 1
        message = {"id": self._id, "method": method, "params": params} | ({"sessionId": session} if session else {})
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        end = time.monotonic() + _WAIT
        while time.monotonic() < end:
            one = self._next()
            if one.get("id") == self._id:
                if "error" in one:
                    raise RuntimeError(f"{method}: {one['error']}")
                return dict(one["result"])
            self.events.append(one)
        raise TimeoutError(method)

    def wait(self, method: str, session: str) -> None:
        """Until an event of this name has come."""
        while not any(one.get("method") == method and one.get("sessionId") == session for one in self.events):
            self.events.append(self._next())

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            found = os.read(self._read, 1 << 20)
            if not found:
                raise RuntimeError("Chromium ended")
            self._left += found
        one, self._left = self._left.split(b"\0", 1)
        return dict(json.loads(one))

    def open(self, file: Path, *, width: int = 1100, height: int = 900, dark: bool = False) -> Page:
        """A page of its own, loaded whole."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Network", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = "dark" if dark else "light"
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        page.call("Page.navigate", url=file.resolve().as_uri())
        self.wait("Page.loadEventFired", session)
        return page


@dataclass
class Page:
    """One page. Positions are CSS pixels of the window."""

    browser: Browser
    session: str
    _seen: list[str] = field(default_factory=list)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **params)

    def evaluate(self, code: str) -> Any:
        """The value of a JavaScript expression. Raises: RuntimeError for one that throws."""
        found = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"]))
        return found["result"].get("value")

    def _events(self, method: str) -> list[dict[str, Any]]:
        return [
            one["params"]
            for one in self.browser.events
            if one.get("method") == method and one.get("sessionId") == self.session
        ]

    @property
    def requests(self) -> list[str]:
        """Addresses that the page asked for."""
        return [one["request"]["url"] for one in self._events("Network.requestWillBeSent")]

    @property
    def errors(self) -> list[str]:
        """What the page threw, and what it or the browser wrote to the console as an error or warning."""
        thrown = [str(one["exceptionDetails"].get("text")) for one in self._events("Runtime.exceptionThrown")]
        said = [
            str(one["args"])
            for one in self._events("Runtime.consoleAPICalled")
            if one["type"] in ("error", "warning", "assert")
        ]
        return [*thrown, *said, *(str(one["entry"]["text"]) for one in self._events("Log.entryAdded"))]

    def move(self, x: float, y: float) -> None:
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str) -> None:
        """Tab, Enter."""
        code, text = {"Tab": (9, ""), "Enter": (13, "\r")}[key]
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **typed)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def pdf(self) -> bytes:
        """The page printed on A4."""
        printed = self.call(
            "Page.printToPDF", preferCSSPageSize=False, paperWidth=8.27, paperHeight=11.69, printBackground=True
        )
        return base64.b64decode(printed["data"])

    def picture(self) -> bytes:
        """The whole page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png",
                                          clip={**self.call("Page.getLayoutMetrics")["cssContentSize"], "scale": 1})["data"])  # fmt: skip
