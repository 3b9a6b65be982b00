"""The rules around every RPC, over a real connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from orris import errors
from orris_kit.context import current_principal, current_request_id, remaining_seconds
from orris_kit.metrics import CALLS, Distribution, Histogram
from tests.fakes.echo import SERVICE, Echo
from tests.fakes.echo_server import Setup


async def stream(*requests: Any) -> AsyncIterator[Any]:
    for request in requests:
        yield request


async def test_all_four_kinds_answer(setup: Setup) -> None:
    stub = setup.stub()
    assert (await stub.Say(Echo(text="a"))).text == "a"
    assert [each.text async for each in stub.Watch(Echo(text="a"))] == ["a", "a"]
    assert (await stub.Upload(stream(Echo(text="a"), Echo(text="b")))).text == "ab"
    assert [each.text async for each in stub.Talk(stream(Echo(text="a"), Echo(text="b")))] == ["a", "b"]


@pytest.mark.parametrize("token", [None, "stranger"])
async def test_without_a_valid_token_no_kind_of_call_reaches_its_handler(setup: Setup, token: str | None) -> None:
    stub = setup.stub(token)
    with pytest.raises(errors.Unauthenticated):
        await stub.Say(Echo())
    with pytest.raises(errors.Unauthenticated):
        _ = [each async for each in stub.Watch(Echo())]
    with pytest.raises(errors.Unauthenticated):
        await stub.Upload(stream(Echo()))
    with pytest.raises(errors.Unauthenticated):
        _ = [each async for each in stub.Talk(stream(Echo()))]


async def test_who_has_no_token_is_told_where_to_put_one(setup: Setup) -> None:
    with pytest.raises(errors.Unauthenticated, match=r"ORRIS_TOKEN.*authorization: Bearer"):
        await setup.stub(None).Say(Echo())


async def test_a_role_that_is_not_admitted_is_refused(setup: Setup) -> None:
    with pytest.raises(errors.PermissionDenied) as caught:
        await setup.stub("reader").Say(Echo())
    assert caught.value.reason == "ROLE_NOT_ADMITTED"


async def test_an_open_handler_asks_for_no_token_and_has_no_principal(setup: Setup) -> None:
    async def whoami(request: Any, context: Any) -> Any:
        return Echo(text=current_principal().subject)

    assert (await setup.stub(None).Change(Echo(text="a"))).text == "a"
    setup.servicer.say = whoami
    with pytest.raises(errors.Unauthenticated):
        await setup.stub("user").Change(Echo())
    assert (await setup.stub("user").Say(Echo())).text == "ada"


@pytest.mark.parametrize("field", ["name", "parent", "workspace", "run"])
async def test_the_names_in_a_request_must_be_of_the_tokens_workspace(setup: Setup, field: str) -> None:
    request = Echo(**{field: "workspaces/other/runs/r"})
    with pytest.raises(errors.PermissionDenied) as caught:
        await setup.stub().Say(request)
    assert caught.value.reason == "OTHER_WORKSPACE"
    assert await setup.stub("everywhere").Say(request) == request
    own = Echo(**{field: "workspaces/lab/runs/r"})
    assert await setup.stub().Say(own) == own


async def test_a_workspace_whose_id_begins_alike_is_another(setup: Setup) -> None:
    for name in ("workspaces/la", "workspaces/lab2/runs/r", "workspaces/-", "workspaces/"):
        with pytest.raises(errors.PermissionDenied):
            await setup.stub().Say(Echo(parent=name))


async def test_free_text_may_look_like_a_name(setup: Setup) -> None:
    assert await setup.stub().Say(Echo(text="workspaces/other"))


async def test_the_name_of_a_resource_inside_a_request_is_checked_too(setup: Setup) -> None:
    with pytest.raises(errors.PermissionDenied):
        await setup.stub().Say(Echo(thing={"name": "workspaces/other/runs/r"}))


async def test_every_message_of_a_stream_is_checked(setup: Setup) -> None:
    with pytest.raises(errors.PermissionDenied):
        await setup.stub().Upload(stream(Echo(parent="workspaces/lab"), Echo(parent="workspaces/other")))
    with pytest.raises(errors.PermissionDenied):
        _ = [each async for each in setup.stub().Talk(stream(Echo(parent="workspaces/other")))]


async def test_an_error_arrives_as_what_was_raised(setup: Setup) -> None:
    async def fail(request: Any, context: Any) -> Any:
        raise errors.InvalidArgument("no such script", field="run.script", reason="NO_SCRIPT", metadata={"a": "b"})

    setup.servicer.say = fail
    with pytest.raises(errors.InvalidArgument) as caught:
        await setup.stub().Say(Echo())
    assert (caught.value.message, caught.value.reason, caught.value.metadata) == (
        "no such script",
        "NO_SCRIPT",
        {"a": "b"},
    )
    assert caught.value.violations[0].field == "run.script"


async def test_an_error_of_a_stream_arrives_after_what_was_sent(setup: Setup) -> None:
    async def fail(request: Any) -> AsyncIterator[Any]:
        yield request
        raise errors.DataLoss("damaged")

    setup.servicer.watch = fail
    seen = []
    with pytest.raises(errors.DataLoss):
        async for each in setup.stub().Watch(Echo(text="a")):
            seen.append(each.text)  # noqa: PERF401  # what came before the error counts
    assert seen == ["a"]


async def test_what_was_not_expected_is_logged_and_not_told(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(request: Any, context: Any) -> Any:
        raise ValueError("a secret")

    setup.servicer.say = fail
    with caplog.at_level(logging.INFO), pytest.raises(errors.Internal) as caught:
        await setup.stub().Say(Echo(), metadata=(("x-request-id", "r-1"),))
    assert caught.value.message == "internal error (request id r-1)"
    failure = next(each for each in caplog.records if each.getMessage() == "handler failed")
    assert failure.exc_info is not None
    assert "a secret" in str(failure.exc_info[1])


async def test_a_message_too_long_for_the_wire_keeps_its_code(setup: Setup) -> None:
    async def fail(request: Any, context: Any) -> Any:
        raise errors.NotFound("ü" * 100_000, metadata={"path": "ü" * 100_000})

    setup.servicer.say = fail
    with pytest.raises(errors.NotFound) as caught:
        await setup.stub().Say(Echo())
    assert caught.value.reason == "NOT_FOUND"
    assert caught.value.message.startswith("üüü")


async def test_a_call_without_a_deadline_gets_the_servers(setup: Setup) -> None:
    async def forever(request: Any, context: Any) -> Any:
        await asyncio.Event().wait()

    setup.servicer.say = forever
    async with grpc.aio.insecure_channel(f"127.0.0.1:{setup.port}") as channel:
        say = channel.unary_unary(f"/{SERVICE}/Say", Echo.SerializeToString, Echo.FromString)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await say(Echo(), metadata=(("authorization", "Bearer user"),))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "default of this server" in (caught.value.details() or "")


async def test_a_handlers_own_timeout_is_no_deadline(setup: Setup) -> None:
    async def impatient(request: Any, context: Any) -> Any:
        raise TimeoutError

    setup.servicer.say = impatient
    with pytest.raises(errors.Internal):
        await setup.stub().Say(Echo())


async def test_a_handler_sees_how_long_its_caller_waits(setup: Setup) -> None:
    seen: list[float | None] = []

    async def look(request: Any, context: Any) -> Any:
        seen.append(remaining_seconds())
        return request

    setup.servicer.say = look
    await setup.stub().Say(Echo(), timeout=5)
    assert seen[0] is not None
    assert 4 < seen[0] < 5.5  # gRPC rounds a deadline up on its way


@pytest.mark.parametrize("setup", ["over the network"], indirect=True)
async def test_a_request_id_is_taken_over_and_returned(setup: Setup) -> None:
    async def tell(request: Any, context: Any) -> Any:
        return Echo(text=current_request_id() or "")

    setup.servicer.say = tell
    call = setup.stub().Say(Echo(), metadata=(("x-request-id", "r-2"),))
    assert (await call).text == "r-2"
    assert dict(await call.trailing_metadata())["x-request-id"] == "r-2"


@pytest.mark.parametrize("setup", ["over the network"], indirect=True)
async def test_a_request_id_that_could_forge_log_lines_is_replaced(setup: Setup) -> None:
    call = setup.stub().Say(Echo(), metadata=(("x-request-id", 'a" code="OK'),))
    await call
    assert len(dict(await call.trailing_metadata())["x-request-id"]) == 16


async def test_each_call_is_one_line_of_the_access_log(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "orris.access"):
        await setup.stub().Say(Echo())
        with pytest.raises(errors.Unauthenticated):
            await setup.stub("stranger").Say(Echo())
    first, second = [getattr(each, "fields", {}) for each in caplog.records if each.name == "orris.access"]
    assert (first["method"], first["code"], first["principal"]) == (f"/{SERVICE}/Say", "OK", "ada")
    assert (second["code"], second["reason"]) == ("UNAUTHENTICATED", "TOKEN_INVALID")
    assert first["ms"] >= 0
    assert len(first["request_id"]) == 16
    assert first["peer"].startswith(("ipv4:127.0.0.1:", "within"))
    assert first["bytes"] == Echo().ByteSize()
    assert "trace" not in first


async def test_a_trace_goes_on_to_other_services_and_is_in_the_access_log(
    setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    parent = f"00-{trace}-00f067aa0ba902b7-01"
    seen = []

    async def ask_another(request: Any, context: Any) -> Any:
        seen.append(dict(context.invocation_metadata()).get("traceparent"))
        return Echo() if request.text else await setup.stub().Say(Echo(text="inner"))

    setup.servicer.say = ask_another
    with caplog.at_level(logging.INFO, "orris.access"):
        await setup.stub().Say(Echo(), metadata=(("traceparent", parent),))
        await setup.stub().Say(Echo(text="x"), metadata=(("traceparent", "00-hello\\"),))
    assert seen == [parent, parent, "00-hello\\"]
    lines = [getattr(each, "fields", {}) for each in caplog.records if each.name == "orris.access"]
    assert [line.get("trace") for line in lines] == [trace, trace, None]


async def test_calls_are_counted_by_method_and_code(setup: Setup) -> None:
    method = f"/{SERVICE}/Say"

    def count(code: str) -> int:
        counted = next(iter(CALLS.families()))
        assert isinstance(counted, Distribution)
        return counted.values.get((method, code), Histogram()).count

    before = count("OK"), count("UNAUTHENTICATED")
    await setup.stub().Say(Echo())
    with pytest.raises(errors.Unauthenticated):
        await setup.stub("stranger").Say(Echo())
    assert (count("OK"), count("UNAUTHENTICATED")) == (before[0] + 1, before[1] + 1)


async def test_a_cancelled_call_ends_its_handler(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def forever(request: Any) -> AsyncIterator[Any]:
        try:
            began.set()
            yield request
            await asyncio.Event().wait()
        finally:
            ended.set()

    setup.servicer.watch = forever
    with caplog.at_level(logging.INFO, "orris.access"):
        call = setup.stub().Watch(Echo())
        await anext(aiter(call))
        await began.wait()
        call.cancel()
        await asyncio.wait_for(ended.wait(), 5)
    assert [getattr(each, "fields", {})["code"] for each in caplog.records if each.name == "orris.access"] == [
        "CANCELLED"
    ]
