"""Azure's ways to log in. None is needed: the client finds its own token (ORRIS_TOKEN, or the local instance's)."""

from __future__ import annotations

from typing import Any


class AbstractAuthentication:
    """Accepts what Azure's class of that name accepts, and keeps none of it."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        pass


class ArmTokenAuthentication(AbstractAuthentication):
    """A token of Azure Resource Manager: not used."""


class AzureCliAuthentication(AbstractAuthentication):
    """The Azure CLI's account: not used."""


class InteractiveLoginAuthentication(AbstractAuthentication):
    """A log-in in the browser: not used, and no browser opens."""


class MsiAuthentication(AbstractAuthentication):
    """A managed identity: not used."""


class ServicePrincipalAuthentication(AbstractAuthentication):
    """A service principal: not used."""


class TokenAuthentication(AbstractAuthentication):
    """A function that gives tokens: never called."""
