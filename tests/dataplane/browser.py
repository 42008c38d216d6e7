"""A headless Chromium, driven over WebDriver."""

import base64
import contextlib
import itertools
import json
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_FLAGS = [
    "--headless=new",
    "--no-sandbox",  # containers run everything as root, in which Chromium's own sandbox does not start
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element's id in the WebDriver standard

_LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Browser:
    def __init__(self, session: str):
        self._session = session

    def open(self, url: str) -> None:
        self._post(
            "url", url="about:blank"
        )  # so that another fragment of the same page is a new visit as well
        self._post("url", url=url)

    def run(self, script: str, *args: object) -> Any:
        """Return the value of a function's body in the page."""
        return self._post("execute/sync", script=script, args=args)

    def click(self, selector: str) -> None:
        """Click as people do, on the topmost element there; raise an error if that is another one."""
        element = self._post("element", using="css selector", value=selector)[_ELEMENT]
        self._post(f"element/{element}/click")

    def point_at(self, x: float, y: float, *, click: bool = False) -> None:
        """Move the mouse to a place in the window."""
        actions: list[dict[str, object]] = [
            {"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y), "origin": "viewport"}
        ]
        if click:
            actions += [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._post("actions", actions=[{"type": "pointer", "id": "mouse", "actions": actions}])

    def press(self, key: str) -> None:
        """Press a key on the element with the focus."""
        keys = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._post("actions", actions=[{"type": "key", "id": "keyboard", "actions": keys}])

    def resize(self, width: int, height: int, *, mobile: bool = False) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.emulate("Emulation.setDeviceMetricsOverride", **metrics)

    def snapshot(self) -> str:
        """Return the displayed text, also without scripts."""
        taken = self._post(
            "goog/cdp/execute", cmd="DOMSnapshot.captureSnapshot", params={"computedStyles": []}
        )
        laid_out = itertools.chain.from_iterable(each["layout"]["text"] for each in taken["documents"])
        return " ".join(" ".join(taken["strings"][i] for i in laid_out if i >= 0).split())

    def emulate(self, command: str, **params: object) -> None:
        """A command of the DevTools protocol."""
        self._post("goog/cdp/execute", cmd=command, params=params)

    def complaints(self) -> list[str]:
        """Return the browser's errors and warnings since the last call."""
        return [entry["message"] for entry in self._post("se/log", type="browser")]

    def screenshot(self, path: Path) -> None:
        self.emulate("Page.bringToFront")
        shot = self._post("goog/cdp/execute", cmd="Page.captureScreenshot", params={"format": "png"})
        path.write_bytes(base64.b64decode(shot["data"]))

    def _post(self, command: str, **body: object) -> Any:
        return _call(f"{self._session}/{command}", body)


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A browser of its own; the test is skipped on a machine that has none."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("there is no browser on PATH: apt-get install chromium chromium-driver")
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True)
        try:
            url = f"http://127.0.0.1:{_port(process)}/session"
            options = {"binary": chromium, "args": [*_FLAGS, f"--user-data-dir={profile}"]}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            answer = _call(url, {"capabilities": {"alwaysMatch": wanted}})
            session = f"{url}/{answer['sessionId']}"
            try:
                yield Browser(session)
            finally:
                _call(session, None, "DELETE")
        finally:
            process.terminate()
            process.wait()
            if process.stdout:
                process.stdout.close()


def _port(process: "subprocess.Popen[str]") -> str:
    for line in process.stdout or ():
        if found := re.search(r"successfully on port (\d+)", line):
            return found[1]
    raise RuntimeError("chromedriver did not start")


def _call(url: str, body: object, method: str = "POST") -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with _LOCAL.open(request, timeout=60) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise RuntimeError(json.load(error)["value"]["message"]) from error
