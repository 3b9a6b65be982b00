"""Who calls: Ed25519-signed tokens (JWT) with a subject, a role and a workspace.

One service holds the private key and signs; all others verify with the public half, which lies beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orris.errors import Unauthenticated, Unavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

EVERY_WORKSPACE = "-"
ALGORITHM = "EdDSA"
ISSUER = "orris"
MAX_TOKEN_BYTES = 4096


class Role(StrEnum):
    """What the holder of a token is."""

    USER = "user"
    AGENT = "agent"
    SERVICE = "service"
    RUN = "run"
    READER = "reader"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, as what, and where: `workspace` is an id, or `-` for all of them; `run` is set for a run's token."""

    subject: str
    role: Role
    workspace: str = EVERY_WORKSPACE
    run: str | None = None

    def may_enter(self, workspace: str) -> bool:
        """Tell whether this principal has anything to do in a workspace."""
        return self.workspace in (EVERY_WORKSPACE, workspace)


class TokenSigner:
    """Signs tokens with the private key in a file, which is made (with its public half) when absent."""

    def __init__(self, private_key: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.public_key = private_key.with_suffix(".pub")
        self._clock = clock
        self._key = _private_key(private_key, self.public_key)

    def sign(self, principal: Principal, lifetime: timedelta) -> str:
        """Return a token that says who its holder is, valid from now on for `lifetime`."""
        import jwt

        now = self._clock()
        claims = {
            "iss": ISSUER,
            "sub": principal.subject,
            "role": principal.role.value,
            "workspace": principal.workspace,
            "iat": int(now),
            "exp": int(now + lifetime.total_seconds()),
        }
        if principal.run is not None:
            claims["run"] = principal.run
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)


class TokenVerifier:
    """Tells who holds a token. What was verified once is remembered until it expires.

    The public key may appear later than the verifier: until then every call is Unavailable.
    """

    def __init__(self, public_key: Path, *, clock: Callable[[], float] = time.time, capacity: int = 4096) -> None:
        self._path = public_key
        self._clock = clock
        self._capacity = capacity
        self._key: bytes | None = None
        self._known: dict[str, tuple[Principal, float]] = {}

    def authenticate(self, token: str) -> Principal:
        """Return the token's holder. Raises Unauthenticated when it is not valid (any more)."""
        known = self._known.get(token)
        if known is None:
            known = self._verify(token)
            if len(self._known) >= self._capacity:
                self._known.pop(next(iter(self._known)))
            self._known[token] = known
        principal, expiry = known
        if self._clock() >= expiry:
            self._known.pop(token, None)
            raise Unauthenticated("the token has expired; get a new one", reason="TOKEN_EXPIRED")
        return principal

    def _verify(self, token: str) -> tuple[Principal, float]:
        import jwt

        if len(token) > MAX_TOKEN_BYTES:
            raise Unauthenticated("this is no token of Orris", reason="TOKEN_INVALID")
        # Expiry is compared with this verifier's own clock, each time.
        options: Any = {"require": ["exp", "sub"], "verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(token, self._public_key(), algorithms=[ALGORITHM], issuer=ISSUER, options=options)
            role, run = Role(claims["role"]), claims.get("run")
            return Principal(claims["sub"], role, str(claims["workspace"]), run), float(claims["exp"])
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise Unauthenticated("the token is not valid here; get a new one", reason="TOKEN_INVALID") from error

    def _public_key(self) -> bytes:
        if self._key is None:
            try:
                self._key = self._path.read_bytes()
            except FileNotFoundError as error:
                message = "tokens cannot be verified yet: their public key is not there"
                raise Unavailable(message, reason="NO_PUBLIC_KEY", retry_after=1) from error
        return self._key


def _private_key(path: Path, public_path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from orris_kit.files import create_once, replace

    if not path.exists():
        private = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        create_once(path, private, mode=0o600)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path} holds another kind of key than Ed25519; move it away to have one made")
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    if not public_path.exists() or public_path.read_bytes() != public:
        replace(public_path, public, mode=0o644)
    return key
