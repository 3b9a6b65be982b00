"""Object storage that fails: what passes is tried again, all else is named, and nothing is ever half there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orris.errors import FailedPrecondition, OrrisError, ResourceExhausted, Unavailable
from orris_artifacts.store.s3.options import Keys, Patience
from tests.integration.artifacts.asking import ASK, HERE, Case
from tests.servers import proxy as faults
from tests.servers.object_storage import ObjectStorage
from tests.servers.proxy import Fault, proxy

pytestmark = pytest.mark.needs("minio")


@pytest.fixture
def case(minio: ObjectStorage) -> Iterator[Case]:
    with proxy(minio.port) as between:
        made = Case(between, minio)
        yield made
        made.store.close()
        made.direct.close()


PASSING: dict[str, Fault] = {
    "drop": faults.drop,
    "drop_early": faults.drop_early,
    "forget_answer": faults.forget_answer,
    "slow_down": faults.says(503, "SlowDown"),
    "internal": faults.says(500, "InternalError"),
    "bad_gateway": faults.says_html(502),
    "too_many": faults.says_html(429),
}


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("name", ASK)
def test_a_fault_that_passes_is_not_noticed(case: Case, name: str, fault: str) -> None:
    case.proxy.faults.append(PASSING[fault])
    case.check(name, ASK[name](case.store))
    assert len(case.proxy.asked) == 2


@pytest.mark.parametrize("name", ["read", "range", "open", "list", "folders"])
def test_an_answer_that_is_cut_short_is_asked_for_again(case: Case, name: str) -> None:
    case.proxy.faults.extend([faults.cut, faults.cut])
    case.check(name, ASK[name](case.store))
    assert len(case.proxy.asked) == 3


def test_an_answer_that_does_not_come_is_asked_for_again(case: Case) -> None:
    case.be(Patience(answer=2.0))
    case.proxy.faults.append(faults.hang)
    case.check("read", ASK["read"](case.store))
    assert len(case.proxy.asked) == 2


@pytest.mark.parametrize("name", ["put", "send"])
def test_bytes_that_are_damaged_on_their_way_are_refused_and_sent_again(
    object_storage: ObjectStorage, name: str
) -> None:
    with proxy(object_storage.port) as between:
        case = Case(between, object_storage)
        case.proxy.faults.append(faults.damage)
        case.check(name, ASK[name](case.store))
    assert [method for method, _ in between.asked] == ["PUT", "PUT"]


@pytest.mark.parametrize("fault", ["drop", "drop_early", "slow_down", "internal", "bad_gateway"])
@pytest.mark.parametrize("name", ASK)
def test_a_fault_that_lasts_is_named_after_a_few_attempts(case: Case, name: str, fault: str) -> None:
    case.be(Patience(attempts=0.2))
    case.proxy.always = PASSING[fault]
    with pytest.raises(Unavailable, match=f"127.0.0.1:{case.proxy.port}") as caught:
        ASK[name](case.store)
    assert caught.value.reason == "STORE_UNREACHABLE"
    assert 2 <= len(case.proxy.asked) <= 4
    case.check_untouched()
    case.proxy.always = faults.hand_on
    case.check(name, ASK[name](case.store))


@pytest.mark.parametrize("name", ["put", "read", "size"])
def test_an_answer_that_never_comes_is_waited_for_twice(case: Case, name: str) -> None:
    case.be(Patience(answer=0.3, attempts=0.2))
    case.proxy.always = faults.hang
    with pytest.raises(Unavailable, match="no answer in time"):
        ASK[name](case.store)
    assert len(case.proxy.asked) == 2
    case.check_untouched()


@pytest.mark.parametrize("fault", [faults.drip, faults.drip_from_the_start])
@pytest.mark.parametrize("name", ["read", "range", "list", "folders"])
def test_an_answer_that_drips_is_not_waited_for(case: Case, name: str, fault: Fault) -> None:
    """Each byte comes in time, so only a limit for all of them can end this before the answer does."""
    case.be(Patience(answer=0.3, attempts=0.2))
    case.proxy.always = fault
    with pytest.raises(Unavailable, match="no answer in time") as caught:
        ASK[name](case.store)
    assert caught.value.reason == "STORE_UNREACHABLE"
    assert len(case.proxy.asked) == 2
    case.check_untouched()
    case.proxy.always = faults.hand_on
    case.check(name, ASK[name](case.store))


def test_an_answer_that_drips_once_is_asked_for_again(case: Case) -> None:
    case.be(Patience(answer=0.5))
    case.proxy.faults.append(faults.drip)
    case.check("read", ASK["read"](case.store))
    assert len(case.proxy.asked) == 2


def test_an_answer_that_is_always_cut_short_is_no_lost_object(case: Case) -> None:
    case.be(Patience(attempts=0.2))
    case.proxy.always = faults.cut
    with pytest.raises(Unavailable, match=rf"{HERE} in .* the connection was lost"):
        case.store.read(HERE)


def test_while_it_is_away_it_is_asked_once_at_a_time(case: Case) -> None:
    case.be(Patience(attempts=0.2))
    case.proxy.always = faults.drop
    for attempts in (None, 1, 1):
        case.proxy.asked.clear()
        with pytest.raises(Unavailable):
            case.store.read(HERE)
        assert attempts is None or len(case.proxy.asked) == attempts


REFUSING = {
    "full": (faults.says(507, "XMinioStorageFull"), ResourceExhausted, "STORE_FULL", "free space"),
    "quota": (faults.says(400, "XMinioAdminBucketQuotaExceeded"), ResourceExhausted, "STORE_FULL", "free space"),
    "expired": (faults.says(400, "ExpiredToken"), FailedPrecondition, "STORE_REFUSES", "renew the credentials"),
    "clock": (faults.says(403, "RequestTimeTooSkewed"), FailedPrecondition, "STORE_REFUSES", "set the clocks"),
    "denied": (faults.says(403, "AccessDenied"), FailedPrecondition, "STORE_REFUSES", "allow these credentials"),
    "region": (faults.says(301, "PermanentRedirect"), FailedPrecondition, "STORE_REFUSES", "REGION"),
    "web": (faults.says_html(404), FailedPrecondition, "STORE_REFUSES", "S3_ENDPOINT"),
    "proxy": (faults.says_html(413), FailedPrecondition, "STORE_REFUSES", "413"),
}


@pytest.mark.parametrize("fault", REFUSING)
@pytest.mark.parametrize("name", [name for name in ASK if name != "size"])
def test_what_does_not_pass_is_named_at_once(case: Case, name: str, fault: str) -> None:
    case.proxy.always, error, reason, remedy = REFUSING[fault]
    with pytest.raises(error, match=remedy) as caught:
        ASK[name](case.store)
    assert isinstance(caught.value, OrrisError)
    assert caught.value.reason == reason
    assert len(case.proxy.asked) == 1
    case.check_untouched()


def test_a_refusal_without_words_is_asked_about(case: Case) -> None:
    """A HEAD has no body that could say why."""
    case.proxy.always = faults.says(403, "SignatureDoesNotMatch")
    with pytest.raises(FailedPrecondition, match="S3_SECRET_KEY"):
        case.store.size(HERE)
    assert [method for method, _ in case.proxy.asked] == ["HEAD", "GET"]


def test_one_of_many_objects_cannot_be_deleted(case: Case) -> None:
    body = b"<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code></Error></DeleteResult>"
    answer = faults.Answer(200, {"Content-Type": "application/xml"}, body)

    def refuse(exchange: faults.Exchange) -> None:
        exchange.body()
        exchange.reply(answer)

    case.proxy.always = refuse
    with pytest.raises(FailedPrecondition, match="AccessDenied"):
        case.store.delete([HERE])
    assert len(case.proxy.asked) == 1


def test_credentials_are_in_no_error(case: Case) -> None:
    case.be(Patience(attempts=0.0))
    keys = case.options.credentials
    assert isinstance(keys, Keys)
    for fault in (*PASSING.values(), *(each[0] for each in REFUSING.values())):
        case.proxy.always = fault
        with pytest.raises(OrrisError) as caught:
            case.store.read(HERE)
        said = f"{caught.value}{caught.value.__cause__!r}"
        assert keys.secret_key not in said
        assert keys.access_key not in said
