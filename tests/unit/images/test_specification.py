"""What the messages of a specification mean, and what of one is refused."""

from __future__ import annotations

import pytest

from orris.errors import InvalidArgument
from orris.images.v1.images_pb2 import EnvironmentSpec as Message
from orris_images.container import Dockerfile
from orris_images.lock import Lock
from orris_images.records import Image
from orris_images.spec import Base, Spec
from orris_images.specification import spec_from
from orris_images.translation import image_message
from orris_kit.conda_package import CondaPackage
from tests.unit.images.conftest import NOW

TREE = "b" * 64


def read(message: Message) -> Spec:
    return spec_from(message, "lab", lambda image, packages: Spec(tuple(packages), base=Base("3.11.7", ())))


def test_every_source_may_have_a_base_image() -> None:
    for message in (
        Message(conda_yaml="dependencies: [numpy]"),
        Message(requirements="numpy"),
        Message(packages=Message.Packages(pip_packages=["numpy"])),
        Message(user_managed=Message.UserManaged(interpreter="/opt/python")),
    ):
        without = read(message)
        message.base_image = "lab/base:1"
        assert read(message).base_image == "lab/base:1"
        assert read(message).packages == without.packages


def test_a_dockerfile_with_its_files() -> None:
    message = Message(dockerfile=Message.Dockerfile(text="FROM x", context=f"workspaces/lab/trees/{TREE}"))
    assert read(message) == Spec(dockerfile=Dockerfile("FROM x", f"workspaces/lab/trees/{TREE}", "python3"))
    message.dockerfile.interpreter = "/opt/python"
    assert read(message).dockerfile == Dockerfile("FROM x", f"workspaces/lab/trees/{TREE}", "/opt/python")


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (Message(), "spec"),
        (Message(dockerfile=Message.Dockerfile()), "spec.dockerfile.text"),
        (Message(dockerfile=Message.Dockerfile(text="FROM x", context="x")), "spec.dockerfile.context"),
        (
            Message(dockerfile=Message.Dockerfile(text="FROM x", context=f"workspaces/other/trees/{TREE}")),
            "spec.dockerfile.context",
        ),
        (Message(dockerfile=Message.Dockerfile(text="FROM x"), base_image="x"), "spec.base_image"),
        (Message(overlay=Message.Overlay(image="workspaces/lab/images/i"), base_image="x"), "spec.base_image"),
        (Message(requirements="six", base_image="no such"), "spec.base_image"),
    ],
)
def test_what_cannot_be_meant_is_refused(message: Message, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read(message)
    assert caught.value.reason == "INVALID_SPEC"
    assert caught.value.violations[0].field == field


def test_all_that_an_agent_needs_of_a_lock_is_in_its_message() -> None:
    package = CondaPackage("numpy", "1.2", "py_0", "conda-forge", "noarch", "numpy-1.2-py_0.conda", "c" * 64)
    lock = Lock(
        "3.11.7",
        "3.11",
        "linux-x86_64",
        "six==1",
        (("six", "1"),),
        ("careful",),
        index_url="https://packages.lab/simple",
        extra_index_urls=("https://more.lab/simple",),
        source_builds=True,
        conda_packages=(package,),
        base_image=f"lab/base@sha256:{TREE}",
    )
    environments = ("workspaces/lab/environments/e/versions/1",)
    image = Image("lab", "i1", lock, 7, NOW, "registry.lab/i@sha256:1", NOW, None, environments)
    message = image_message(image)
    assert (message.lock.index_url, list(message.lock.extra_index_urls)) == (lock.index_url, [*lock.extra_index_urls])
    assert message.lock.source_builds
    assert message.lock.base_image == lock.base_image
    (sent,) = message.lock.conda_packages
    assert CondaPackage(*(getattr(sent, each.name) for each in sent.DESCRIPTOR.fields)) == package
    assert (message.reference, message.size, list(message.environments)) == (image.reference, 7, [*environments])
    assert message.HasField("use_time")
    assert not message.HasField("collect_time")
