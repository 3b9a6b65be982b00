"""Tokens: who signs, who verifies, what is remembered."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import jwt
import pytest

from orris.errors import Unauthenticated, Unavailable
from orris_kit.auth import Principal, Role, TokenSigner, TokenVerifier

RUN = Principal("runs/r", Role.RUN, "lab", "r")
HOUR = timedelta(hours=1)


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signer(tmp_path: Path, clock: Clock) -> TokenSigner:
    return TokenSigner(tmp_path / "keys" / "signing.key", clock=clock)


@pytest.fixture
def verifier(signer: TokenSigner, clock: Clock) -> TokenVerifier:
    return TokenVerifier(signer.public_key, clock=clock)


@pytest.mark.parametrize("principal", [RUN, Principal("ada", Role.USER), Principal("agent", Role.AGENT, "-")])
def test_a_token_tells_who_it_was_signed_for(
    signer: TokenSigner, verifier: TokenVerifier, principal: Principal
) -> None:
    assert verifier.authenticate(signer.sign(principal, HOUR)) == principal


def test_the_private_key_is_its_owners_alone_and_the_public_one_everybodys(signer: TokenSigner) -> None:
    private = signer.public_key.with_name("signing.key")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(signer.public_key.stat().st_mode) == 0o644
    assert {each.name for each in private.parent.iterdir()} == {"signing.key", "signing.pub"}


def test_a_key_that_is_there_is_kept(signer: TokenSigner, verifier: TokenVerifier, clock: Clock) -> None:
    again = TokenSigner(signer.public_key.with_name("signing.key"), clock=clock)
    assert verifier.authenticate(again.sign(RUN, HOUR)) == RUN


def test_a_token_ends_with_its_lifetime_also_when_it_is_remembered(
    signer: TokenSigner, verifier: TokenVerifier, clock: Clock
) -> None:
    token = signer.sign(RUN, HOUR)
    clock.now += 3599
    assert verifier.authenticate(token) == RUN
    clock.now += 1
    for _ in range(2):
        with pytest.raises(Unauthenticated) as caught:
            verifier.authenticate(token)
        assert caught.value.reason == "TOKEN_EXPIRED"


def test_a_token_of_another_key_is_refused(tmp_path: Path, verifier: TokenVerifier, clock: Clock) -> None:
    stranger = TokenSigner(tmp_path / "other.key", clock=clock)
    with pytest.raises(Unauthenticated):
        verifier.authenticate(stranger.sign(RUN, HOUR))


def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused(
    signer: TokenSigner, verifier: TokenVerifier
) -> None:
    claims = {"iss": "orris", "sub": "x", "role": "user", "workspace": "-", "exp": 2_000_000_000}
    unsigned = jwt.encode(claims, "", algorithm="none")
    shared = jwt.encode(claims, "x" * 64, algorithm="HS256")
    for token in (unsigned, shared):
        with pytest.raises(Unauthenticated):
            verifier.authenticate(token)


@pytest.mark.parametrize("token", ["", "a.b.c", "ü", "x" * 100_000])
def test_what_is_no_token_is_refused(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier.authenticate(token)


def test_a_changed_token_is_refused(signer: TokenSigner, verifier: TokenVerifier) -> None:
    head, body, signature = signer.sign(RUN, HOUR).split(".")
    other = signer.sign(Principal("x", Role.USER), HOUR).split(".")[1]
    assert body != other
    with pytest.raises(Unauthenticated):
        verifier.authenticate(f"{head}.{other}.{signature}")


def test_the_public_key_may_come_later_than_the_verifier(tmp_path: Path, clock: Clock) -> None:
    verifier = TokenVerifier(tmp_path / "signing.pub", clock=clock)
    with pytest.raises(Unavailable) as caught:
        verifier.authenticate("a.b.c")
    assert caught.value.reason == "NO_PUBLIC_KEY"
    signer = TokenSigner(tmp_path / "signing.key", clock=clock)
    assert verifier.authenticate(signer.sign(RUN, HOUR)) == RUN


def test_no_more_tokens_are_remembered_than_allowed(signer: TokenSigner, clock: Clock) -> None:
    verifier = TokenVerifier(signer.public_key, clock=clock, capacity=2)
    tokens = [signer.sign(Principal(str(number), Role.USER), HOUR) for number in range(5)]
    for _ in range(2):
        assert [verifier.authenticate(token).subject for token in tokens] == list("01234")
    assert len(verifier._known) == 2


def test_a_remembered_token_needs_no_key(signer: TokenSigner, verifier: TokenVerifier) -> None:
    token = signer.sign(RUN, HOUR)
    verifier.authenticate(token)
    verifier._key = b"gone"
    assert verifier.authenticate(token) == RUN


def test_every_workspace_is_entered_with_a_dash_and_only_the_own_without() -> None:
    assert Principal("a", Role.USER, "-").may_enter("lab")
    assert Principal("a", Role.USER, "lab").may_enter("lab")
    assert not Principal("a", Role.USER, "lab").may_enter("lab2")
