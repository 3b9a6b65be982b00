"""A bucket, asked through the minio SDK: what passes is tried again, and what fails is told in a store's words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

from minio import Minio

from orris_artifacts.store.s3.attempts import Attempts
from orris_artifacts.store.s3.connections import Connections
from orris_artifacts.store.s3.credentials import keys_of, provider_of
from orris_artifacts.store.s3.failures import ERRORS, failure_of
from orris_artifacts.store.s3.options import Keys, S3Options
from orris_artifacts.store.s3.questions import page
from orris_artifacts.store.s3.refusals import told

P = ParamSpec("P")
T = TypeVar("T")


class Bucket:
    """Answers questions that are put to the SDK, from several threads at once."""

    def __init__(self, options: S3Options) -> None:
        self.options = options
        self.connections = Connections(options.patience, options.ca_file)
        self._provider = provider_of(options.credentials)
        endpoint = urlsplit(options.endpoint)
        self._client = Minio(
            endpoint.netloc,
            credentials=self._provider,
            secure=endpoint.scheme == "https",
            region=options.region,
            http_client=self.connections,
        )
        self._attempts = Attempts(options.patience.attempts)

    @property
    def is_away(self) -> bool:
        """Tell whether it did not answer to what was asked last."""
        return self._attempts.in_vain

    def keys(self) -> Keys:
        """Return what requests are signed with at this moment. Raises FailedPrecondition (STORE_REFUSES)."""
        return keys_of(self._provider)

    def ask(self, question: Callable[Concatenate[Minio, str, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the answer to a question about the bucket, which may be put several times.

        Raises ObjectLost, Unavailable (STORE_UNREACHABLE), FailedPrecondition (STORE_REFUSES, BUCKET_MISSING),
        ResourceExhausted (STORE_FULL).
        """
        about = f"{args[0]} in " if args and isinstance(args[0], str) else ""
        return self._ask(partial(question, self._client, self.options.bucket, *args, **kwargs), self._attempts, about)

    def check(self, attempts: Attempts | None = None) -> None:
        """Ask what is answered with words when the bucket or the credentials are wrong. Raises as `ask`."""
        nothing = f"{self.options.prefix}.nothing/"
        self._ask(partial(page, self._client, self.options.bucket, nothing, None), attempts or self._attempts)

    def _ask(self, question: Callable[[], T], attempts: Attempts, about: str = "") -> T:
        try:
            return attempts.run(question, _passes)
        except ERRORS as error:
            raise told(failure_of(error), about + self.options.place) from error


def _passes(error: Exception) -> bool:
    return isinstance(error, ERRORS) and failure_of(error).passes
