"""The Docker Engine, as far as images need it. The SDK is imported when an engine is first asked."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from orris.errors import FailedPrecondition, NotFound, OrrisError, Unavailable
from orris_images.build.oci.following import followed
from orris_images.build.oci.names import split_reference
from orris_kit.disk_full import engine_disk_full, full_disk_named, says_disk_full

if TYPE_CHECKING:
    from docker import DockerClient

    from orris_kit.process import Log

TIMEOUT_SECONDS = 60
BUILD_LABEL = "io.orris.build"


class Engine:
    """The engine that the variables of the docker command (DOCKER_HOST ...) lead to.

    Every method raises Unavailable (ENGINE_UNREACHABLE) when it does not answer, FailedPrecondition when it refuses,
    ResourceExhausted (DISK_FULL) when its disk is full. `owner` tells its containers from those of other services.
    """

    def __init__(self, environ: Mapping[str, str], owner: str = "") -> None:
        self._environ, self._owner = environ, owner
        self._opening = threading.Lock()
        self._at_work: set[str] = set()
        self._containers = threading.Lock()

    def inspect(self, image: str) -> dict[str, Any]:
        """Return what the engine knows about an image, by name or id. Raises NotFound."""
        with translated():
            found: dict[str, Any] = self._client.api.inspect_image(image)  # type: ignore[no-untyped-call]
            return found

    def has(self, image: str) -> bool:
        """Tell whether an image is there, by name or id."""
        try:
            self.inspect(image)
        except NotFound:
            return False
        return True

    def pull(self, image: str, credentials: dict[str, str] | None, log: Log, cancel: threading.Event | None) -> None:
        """Pull an image. Raises NotFound where its registry has no such image, or shows it to nobody."""
        name, version = split_reference(image)
        log(f"pulling {image}")
        with translated():
            told = self._client.api.pull(name, tag=version, auth_config=credentials, stream=True, decode=True)
            for each in _checked(told, cancel):
                if str(each.get("status", "")).startswith(("Status:", "Pull complete")):
                    log(str(each["status"]))

    def push(
        self, image: str, name: str, tag: str, credentials: dict[str, str] | None, cancel: threading.Event | None
    ) -> None:
        """Push an image under another name, which it has only meanwhile."""
        with translated():
            self._client.api.tag(image, name, tag)
            try:
                told = self._client.api.push(name, tag, auth_config=credentials, stream=True, decode=True)
                for _ in _checked(told, cancel):
                    pass
            finally:
                self._client.api.remove_image(f"{name}:{tag}", noprune=True)

    def load(self, archive: Iterable[bytes]) -> None:
        """Load an archive as `docker save` writes them."""
        with translated():
            for each in self._client.api.load_image(archive, quiet=True):  # type: ignore[no-untyped-call]
                if "error" in each:
                    raise _refused(str(each["error"]))

    def tag(self, image: str, name: str, tag: str) -> None:
        """Give an image a name."""
        with translated():
            self._client.api.tag(image, name, tag)

    def ids(self, image_id: str) -> list[str]:
        """Return what the engine calls the images that were made for one of ours."""
        with translated():
            found = self._client.api.images(filters={"label": f"io.orris.image={image_id}"})
        return [str(each["Id"]) for each in found]

    def remove(self, image: str) -> None:
        """Remove an image with all its names; one that is not there, or that a container still uses, is no error."""
        from docker.errors import APIError

        with translated():
            try:
                self._client.api.remove_image(image, force=True)
            except APIError as error:
                if error.status_code not in (404, 409):
                    raise

    @contextmanager
    def container(self, image: str, command: list[str], **options: Any) -> Iterator[Any]:
        """Make a container of an image that nothing is left of in the end."""
        with translated():
            with self._containers:
                made = self._client.containers.create(
                    image, command[1:], entrypoint=command[:1], labels={BUILD_LABEL: self._owner}, **options
                )
                self._at_work.add(str(made.id))
            try:
                yield made
            finally:
                self._at_work.discard(str(made.id))
                made.remove(force=True, v=True)

    def sweep(self) -> None:
        """Remove containers that were left when this service, or its engine, ended: there may be secrets in them."""
        from docker.errors import APIError

        with translated(), self._containers:
            found = self._client.api.containers(all=True, filters={"label": f"{BUILD_LABEL}={self._owner}"})
            for left in {str(each["Id"]) for each in found} - self._at_work:
                try:
                    self._client.api.remove_container(left, force=True, v=True)
                except APIError as error:
                    if error.status_code not in (404, 409):  # 409: it is being removed
                        raise

    def end(self, container: str) -> None:
        """Kill a container; one that has ended is no error."""
        from docker.errors import APIError

        with translated():
            try:
                self._client.api.kill(container)
            except APIError as error:
                if error.status_code not in (404, 409):
                    raise

    def build(self, context: Any, cancel: threading.Event | None, **options: Any) -> Iterator[dict[str, Any]]:
        """Build a Dockerfile from a tar archive; yields what the engine tells."""
        with translated():
            told = self._client.api.build(
                fileobj=context, custom_context=True, decode=True, rm=True, forcerm=True, **options
            )
            yield from _checked(told, cancel)

    @cached_property
    def _opened(self) -> DockerClient:
        import docker

        return docker.from_env(environment=dict(self._environ), timeout=TIMEOUT_SECONDS)

    @property
    def _client(self) -> DockerClient:
        with self._opening:
            return self._opened


def _checked(told: Any, cancel: threading.Event | None) -> Iterator[dict[str, Any]]:
    """Yield what the engine tells, until it tells an error."""
    for each in followed(told, cancel):
        if "error" in each:
            raise _refused(str(each["error"]))
        yield each


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors for those of the SDK and of what is below it; a full disk of ours is no silent engine."""
    from docker.errors import APIError, DockerException
    from docker.errors import NotFound as Missing
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        with full_disk_named():  # what comes out of a container is written here
            yield
    except Missing as error:
        raise NotFound(f"the container engine: {error.explanation or error}", reason="IMAGE_NOT_FOUND") from error
    except APIError as error:
        raise _refused(str(error.explanation or error)) from error
    except (DockerException, RequestException, HTTPError, OSError) as error:
        raise Unavailable(_silence(_root(error)), reason="ENGINE_UNREACHABLE") from error


def _refused(text: str) -> OrrisError:
    if says_disk_full(text):
        return engine_disk_full(text)
    if any(part in text for part in ("not found", "manifest unknown", "does not exist")):
        return NotFound(f"the container engine: {text}", reason="IMAGE_NOT_FOUND")
    if any(part in text for part in ("connection refused", "timeout", "no such host", "EOF")):
        return Unavailable(f"the container engine could not reach the registry: {text}", reason="REGISTRY_UNREACHABLE")
    return FailedPrecondition(f"the container engine refuses: {text}")


def _silence(error: BaseException) -> str:
    if isinstance(error, PermissionError):
        return "this service's user may not use the container engine's socket; add it to the socket's group, docker"
    reason = getattr(error, "strerror", None) or error
    return f"the container engine does not answer ({reason}); see that it runs and that DOCKER_HOST leads to it"


def _root(error: BaseException) -> BaseException:
    """Return what an error of the SDK is about: the permission denied below three layers of libraries."""
    while getattr(error, "errno", None) is None:
        around = (*error.args, error.__cause__, error.__context__)
        # An error of ours is what was being dealt with, and not the reason.
        inner = next(
            (each for each in around if isinstance(each, BaseException) and not isinstance(each, OrrisError)), None
        )
        if inner is None:
            break
        error = inner
    return error
