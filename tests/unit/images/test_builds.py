"""When something is resolved and installed, and when not."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from orris.errors import FailedPrecondition, NotFound, OutOfRange, Unavailable
from orris_images import build_rows
from orris_images.container import Dockerfile
from orris_images.records import Build, State
from orris_images.spec import Spec
from orris_kit.database import write
from tests.unit.images.conftest import Machine


def test_a_build_goes_through_its_states_to_an_image(machine: Machine) -> None:
    build = machine.create("six")
    assert build.state is State.QUEUED
    ended = machine.finish(build)
    assert ended.state is State.SUCCEEDED
    assert ended.start_time is not None
    assert ended.end_time is not None
    assert build.create_time < ended.start_time < ended.end_time
    assert machine.core.images.get("lab", ended.image).size == 1000
    assert machine.core.environments.get("lab", "a").image == ended.image
    assert machine.log(ended).splitlines() == [
        "environment workspaces/lab/environments/a/versions/1",
        "Python 3.11.7 at /own: the one Orris runs with, as no other was asked for",
        "resolving",
        f"installing 1 packages: image {ended.image}",
        "installing",
    ]
    assert set(machine.notified) == {build.key}


def test_a_cached_answer_asks_neither_resolver_nor_builder_and_makes_no_row(machine: Machine) -> None:
    ended = machine.finish(machine.create("six"))
    machine.builder.looks = 0
    again = machine.create("six")
    assert (again.build, again.cached, again.state) == (ended.build, True, State.SUCCEEDED)
    assert machine.builder.looks == 1
    assert len(machine.resolver.asked) == len(machine.builder.asked) == 1
    assert len(machine.core.builds.list("lab", None, 10)[0]) == 1


def test_the_same_packages_elsewhere_are_the_same_image(machine: Machine) -> None:
    ended = machine.finish(machine.create("six", name="a"))
    other = machine.create("six", name="b")
    assert (other.state, other.cached, other.image) == (State.SUCCEEDED, True, ended.image)
    assert other.build != ended.build
    assert other.environment.endswith("/environments/b/versions/1")
    assert machine.create("six", name="b").build == other.build
    assert len(machine.resolver.asked) == 1


def test_workspaces_share_nothing(machine: Machine) -> None:
    ended = machine.finish(machine.create("six"))
    with pytest.raises(NotFound):
        machine.core.images.get("other", ended.image)
    with pytest.raises(NotFound):
        machine.core.builds.get("other", ended.build)


def test_versions_once_chosen_stay_until_a_refresh(machine: Machine) -> None:
    first = machine.finish(machine.create("six"))
    machine.resolver.now = "2"
    machine.builder.made.clear()
    again = machine.finish(machine.create("six"))
    assert (again.image, again.build != first.build) == (first.image, True)
    assert "the lock is kept" in machine.log(again)
    refreshed = machine.finish(machine.create("six", refresh=True))
    assert refreshed.image != first.image
    assert machine.create("six").image == refreshed.image
    assert len(machine.resolver.asked) == 2


def test_a_lock_is_kept_though_its_install_failed(machine: Machine) -> None:
    machine.builder.error = Unavailable("the index is away")
    failed = machine.finish(machine.create("six"))
    assert (failed.state, failed.error, failed.image) == (State.FAILED, "the index is away", "")
    assert machine.core.environments.get("lab", "a").image == ""
    machine.builder.error = None
    assert machine.finish(machine.create("six")).state is State.SUCCEEDED
    assert len(machine.resolver.asked) == 1


def test_a_refresh_that_fails_leaves_the_lock_that_works(machine: Machine) -> None:
    first = machine.finish(machine.create("six"))
    machine.resolver.now, machine.builder.error = "2", FailedPrecondition("broken")
    assert machine.finish(machine.create("six", refresh=True)).state is State.FAILED
    again = machine.create("six")
    assert (again.image, again.cached) == (first.image, True)


@pytest.mark.parametrize("error", [FailedPrecondition("no versions satisfy this"), RuntimeError("secret")])
def test_a_failure_says_why_but_nothing_of_our_own_faults(machine: Machine, error: Exception) -> None:
    machine.resolver.error = error
    failed = machine.finish(machine.create("six"))
    assert failed.state is State.FAILED
    assert f"ERROR: {failed.error}" in machine.log(failed)
    assert ("no versions satisfy this" in failed.error) != isinstance(error, RuntimeError)
    assert "secret" not in failed.error


def test_many_requests_at_a_time_are_one_build(machine: Machine) -> None:
    machine.resolver.go.clear()
    with ThreadPoolExecutor(8) as pool:
        builds = set(pool.map(lambda _: machine.create("six").build, range(16)))
    machine.resolver.go.set()
    assert len(builds) == 1
    machine.stop_when_idle()
    assert len(machine.resolver.asked) == 1


def test_two_environments_of_the_same_packages_at_a_time_are_resolved_once(machine: Machine) -> None:
    machine.resolver.go.clear()
    builds = [machine.create("six", name=name) for name in ("a", "b")]
    assert machine.resolver.begun.wait(5)
    machine.resolver.go.set()
    assert len({machine.finish(build).image for build in builds}) == 1
    assert len(machine.resolver.asked) == 1


def test_a_refresh_is_not_satisfied_by_a_build_that_keeps_its_lock(machine: Machine) -> None:
    machine.builder.go.clear()
    plain = machine.create("six")
    refresh = machine.create("six", refresh=True)
    assert refresh.build != plain.build
    assert machine.create("six", refresh=True).build == refresh.build
    assert machine.create("six").build == refresh.build
    machine.builder.go.set()


def test_a_retry_of_a_refresh_is_no_second_refresh(machine: Machine) -> None:
    first = machine.finish(machine.create("six", refresh=True, request_id="r"))
    assert machine.create("six", refresh=True, request_id="r") == first
    assert machine.create("six", refresh=True, request_id="s").build != first.build


def test_the_python_that_a_strict_spec_names_must_be_there(machine: Machine) -> None:
    spec = Spec(python="3.8", strict=True)
    with pytest.raises(FailedPrecondition, match=r"uv python install 3\.8") as caught:
        machine.core.builds.create("lab", "x/versions/1", spec)
    assert caught.value.reason == "INTERPRETER_NOT_FOUND"
    assert machine.core.builds.list("lab", None, 10) == ([], False)


def test_a_substitute_is_warned_of_loudly(machine: Machine) -> None:
    build = machine.finish(machine.core.builds.create("lab", "x/versions/1", Spec(python="3.6.2")))
    assert build.warnings[0].startswith("WARNING: Python 3.6.2 was asked for")
    assert machine.core.images.get("lab", build.image).lock.warnings == build.warnings


def test_nothing_is_done_for_an_interpreter_of_the_users(machine: Machine) -> None:
    build = machine.core.builds.create("lab", "x/versions/1", Spec(interpreter="/opt/python"))
    assert (build.state, build.cached) == (State.SUCCEEDED, False)
    assert machine.core.images.get("lab", build.image).lock.interpreter == "/opt/python"
    assert machine.core.builds.create("lab", "x/versions/1", Spec(interpreter="/opt/python")).cached
    assert not machine.resolver.asked
    assert not machine.builder.asked
    with pytest.raises(FailedPrecondition) as caught:
        machine.core.images.overlay("lab", build.image, ["six"])
    assert caught.value.reason == "USER_MANAGED_IMAGE"


def at_work(machine: Machine, where: str) -> Build:
    """Return a build that stands still: in the queue, with the resolver or with the builder."""
    doing = machine.builder if where == "builder" else machine.resolver
    doing.go.clear()
    if where == "queue":
        for name in ("x", "y"):
            machine.create(name, name=name)
    build = machine.create("six")
    if where != "queue":
        assert doing.begun.wait(5)
    return build


@pytest.mark.parametrize("where", ["queue", "resolver", "builder"])
def test_a_build_can_be_canceled_wherever_it_is(machine: Machine, where: str) -> None:
    build = at_work(machine, where)
    canceled = machine.core.builds.cancel(*build.key)
    assert canceled.state is State.CANCELED
    machine.resolver.go.set()
    machine.stop_when_idle()
    assert machine.core.builds.get(*build.key) == canceled == machine.core.builds.cancel(*build.key)
    assert machine.log(build).endswith("canceled\n")
    machine.builder.go.set()
    assert machine.finish(machine.create("six")).state is State.SUCCEEDED


@pytest.mark.parametrize("where", ["queue", "resolver", "builder"])
def test_a_build_is_taken_up_again_after_a_restart(machine: Machine, where: str) -> None:
    build = at_work(machine, where)
    machine.stop()
    machine.start()
    assert not machine.core.builds.get(*build.key).finished
    assert machine.create("six").build == build.build
    machine.resolver.go.set()
    machine.builder.go.set()
    assert machine.finish(build).state is State.SUCCEEDED
    assert ("taken up again" in machine.log(build)) == (where != "queue")


def test_a_log_has_an_end_only_when_the_build_has(machine: Machine) -> None:
    machine.resolver.go.clear()
    build = machine.create("six")
    assert machine.resolver.begun.wait(5)
    data, end = machine.core.builds.read_log(*build.key, 0)
    assert not end
    machine.resolver.go.set()
    machine.stop_when_idle()
    rest, end = machine.core.builds.read_log(*build.key, len(data))
    assert end
    assert machine.log(build).encode() == data + rest
    with pytest.raises(OutOfRange):
        machine.core.builds.read_log(*build.key, len(data + rest) + 1)
    with pytest.raises(OutOfRange):
        machine.core.builds.read_log(*build.key, -1)


def test_a_long_log_is_read_in_parts_and_cut_at_its_limit(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orris_images.build_log.LOG_LIMIT", 3_000_000)
    line = "x" * 8191
    release = threading.Event()

    def resolve(spec: Spec, interpreter: object, log: object, cancel: object = None) -> object:
        assert callable(log)
        for _ in range(1000):
            log(line)
        release.set()
        raise FailedPrecondition("no")

    monkeypatch.setattr(machine.resolver, "resolve", resolve)
    build = machine.create("six")
    assert release.wait(5)
    machine.stop_when_idle()
    data, end, parts = b"", False, 0
    while not end:
        more, end = machine.core.builds.read_log(*build.key, len(data))
        assert len(more) < 1024 * 1024
        data, parts = data + more, parts + 1
    assert parts > 2
    assert 3_000_000 <= len(data) < 3_000_100
    assert data.endswith(b"the rest is left out\n")


def test_an_image_that_another_environment_asked_for_first_comes_with_its_warnings(machine: Machine) -> None:
    machine.resolver.warnings = ("WARNING: another Python",)
    machine.finish(machine.create("six", name="a"))
    other = machine.create("six", name="b")
    assert (other.cached, other.warnings) == (True, ("WARNING: another Python",))


def test_a_base_image_of_an_interpreter_on_the_machine_is_said_to_be_unused(machine: Machine) -> None:
    spec = Spec(interpreter="/opt/python", base_image="lab/base:1")
    version = machine.core.environments.create("lab", "managed", spec, b"sent")
    build = machine.core.builds.create("lab", version.target, spec)
    assert build.warnings == ("the base image lab/base:1 is not used: this instance makes no container images",)


def test_a_build_tells_how_far_it_is_and_never_less_than_before(machine: Machine) -> None:
    machine.builder.go.clear()
    build = machine.create("six")
    assert machine.builder.begun.wait(5)
    machine.core.building._writers.submit(lambda: None).result()
    begun = machine.core.builds.get(*build.key)
    assert (begun.state, begun.progress_percent, begun.progress) == (State.BUILDING, 54, "installing")
    with write(machine.engine) as connection:
        build_rows.note_progress(connection, build.key, 20, "slower than thought")
    assert machine.core.builds.get(*build.key).progress_percent == 54
    machine.builder.go.set()
    ended = machine.finish(build)
    assert (ended.state, ended.progress_percent, ended.progress) == (State.SUCCEEDED, 100, "")
    assert machine.core.images.get("lab", ended.image).reference == "registry/lab@sha256:1"


def test_a_lost_image_is_made_again_from_its_own_lock(machine: Machine) -> None:
    """Though the environment has another by now."""
    first = machine.finish(machine.create("six"))
    machine.resolver.now = "2"
    machine.finish(machine.create("six", refresh=True))
    machine.builder.made.discard(first.image)
    asked = len(machine.resolver.asked)
    restored = machine.finish(machine.core.builds.restore("lab", first.image))
    assert (restored.state, restored.image, restored.environment) == (State.SUCCEEDED, first.image, "")
    assert machine.builder.asked[-1] == first.image
    assert len(machine.resolver.asked) == asked
    assert machine.create("six").image != first.image


def test_an_image_that_is_there_needs_no_restoring(machine: Machine) -> None:
    ended = machine.finish(machine.create("six"))
    again = machine.core.builds.restore("lab", ended.image)
    assert (again.build, again.cached) == (ended.build, True)
    machine.builder.away = Unavailable("the registry is away")
    with pytest.raises(Unavailable):
        machine.core.builds.restore("lab", ended.image)
    with pytest.raises(NotFound):
        machine.core.builds.restore("lab", "none")


def test_many_who_miss_an_image_are_one_build(machine: Machine) -> None:
    ended = machine.finish(machine.create("six"))
    machine.builder.made.clear()
    machine.builder.go.clear()
    with ThreadPoolExecutor(4) as pool:
        builds = {each.build for each in pool.map(lambda _: machine.core.builds.restore("lab", ended.image), range(8))}
    machine.builder.go.set()
    assert len(builds) == 1


def test_a_dockerfile_needs_a_builder_of_container_images(machine: Machine) -> None:
    spec = Spec(dockerfile=Dockerfile("FROM debian\n"))
    with pytest.raises(FailedPrecondition, match="ORRIS_IMAGES_BUILDER=oci"):
        machine.core.builds.create("lab", "a/versions/1", spec)
