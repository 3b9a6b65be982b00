"""A resolver and a builder that do what a test says, and remember what they were asked."""

from __future__ import annotations

import threading
from pathlib import Path

from orris.errors import Cancelled
from orris_images.build.port import Made, Progress
from orris_images.interpreters import Found
from orris_images.lock import Lock
from orris_images.spec import Spec
from orris_kit.process import Log


class FakeResolver:
    """Pins every package at the version `now`; waits for `go` first, and raises `error` if that is set."""

    def __init__(self) -> None:
        self.asked: list[Spec] = []
        self.now = "1"
        self.warnings: tuple[str, ...] = ()
        self.error: Exception | None = None
        self.begun, self.go = threading.Event(), threading.Event()
        self.go.set()

    def brings_python(self, spec: Spec) -> bool:
        return False

    def resolve(self, spec: Spec, interpreter: Found | None, log: Log, cancel: threading.Event | None = None) -> Lock:
        assert interpreter is not None
        self.asked.append(spec)
        self.begun.set()
        log("resolving")
        _wait(self.go, cancel)
        if self.error is not None:
            raise self.error
        base = dict(pin.split("==") for pin in spec.base.packages) if spec.base else {}
        packages = tuple(sorted({**base, **dict.fromkeys(spec.packages, self.now)}.items()))
        text = "\n".join(f"{name}=={version}" for name, version in packages)
        warnings = (*self.warnings, *([interpreter.warning] if interpreter.warning else []))
        return Lock(interpreter.version, spec.python, interpreter.platform, text, packages, warnings)


class FakeBuilder:
    """Has the images in `made`; waits for `go` before it makes one, and raises `error` if that is set.

    `away` is what it raises where it cannot look.
    """

    containers = False

    def __init__(self) -> None:
        self.made: set[str] = set()
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.away: Exception | None = None
        self.begun, self.go = threading.Event(), threading.Event()
        self.go.set()
        self.looks = 0

    def is_ready(self, image_id: str, reference: str) -> bool:
        self.looks += 1
        return image_id in self.made

    def is_there(self, image_id: str, reference: str) -> bool:
        if self.away is not None:
            raise self.away
        return image_id in self.made

    def build(
        self, lock: Lock, interpreter: Path, log: Log, progress: Progress, cancel: threading.Event | None = None
    ) -> Made:
        self.asked.append(lock.image_id)
        progress(50, "installing")
        self.begun.set()
        log("installing")
        _wait(self.go, cancel)
        if self.error is not None:
            raise self.error
        progress(90, "pushing", pushing=True)
        self.made.add(lock.image_id)
        return Made(f"registry/lab@sha256:{len(self.asked)}", 1000)

    def delete(self, image_id: str, reference: str) -> None:
        if self.away is not None:
            raise self.away
        self.made.discard(image_id)


def _wait(go: threading.Event, cancel: threading.Event | None) -> None:
    while not go.wait(0.005):
        if cancel is not None and cancel.is_set():
            raise Cancelled("canceled")
