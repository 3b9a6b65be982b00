"""What Orris cannot do yet can be imported; using it says what to do instead."""

from __future__ import annotations

from typing import Any

import pytest

from azureml.exceptions import AzureMLException, NotSupportedException, UserErrorException


def test_names_can_be_tested_for_and_inherited_from() -> None:
    from azureml.core import Keyvault

    assert not isinstance(1, Keyvault)
    assert getattr(Keyvault, "get_secret", None) is None

    class Mine(Keyvault):  # type: ignore[misc,unused-ignore]
        pass

    with pytest.raises(UserErrorException, match="Mine is not available"):
        Mine()


def test_use_says_what_to_do_instead() -> None:
    from azureml.core import Keyvault
    from azureml.core.model import ModelPackage
    from azureml.train.hyperdrive import HyperDriveStep
    from azureml.train.sklearn import SKLearn

    with pytest.raises(
        NotSupportedException, match=r"Keyvault.get_secret is not available in Orris yet: set environment_variables"
    ):
        Keyvault.get_secret("x")
    with pytest.raises(NotSupportedException, match=r"give Model\.deploy an InferenceConfig"):
        ModelPackage()
    with pytest.raises(NotSupportedException, match="ScriptRunConfig"):
        SKLearn(source_directory=".")
    with pytest.raises(NotSupportedException, match="submit a HyperDriveConfig"):
        HyperDriveStep()


def test_what_a_real_class_lacks_says_so(ws: Any) -> None:
    assert not hasattr(ws, "linked_services")
    with pytest.raises(AzureMLException, match=r"Workspace\.get_default_keyvault is not available"):
        ws.get_default_keyvault()
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ws.nonsense
