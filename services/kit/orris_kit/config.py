"""Settings from the environment: each service has one class, with `settings_of("runs")` as its prefix.

class Settings(ServiceSettings):
    model_config = settings_of("runs")
    database: str = ""                       # ORRIS_RUNS_DATABASE
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from orris.errors import InvalidArgument
from orris_kit.address import Address, check_target


def checked(check: Callable[[str], object]) -> AfterValidator:
    """Return what makes a setting of what `check` returns for it, or says what InvalidArgument says."""

    def validate(text: str) -> str:
        try:
            return str(check(text))
        except InvalidArgument as error:
            raise ValueError(error.message) from error

    return AfterValidator(validate)


Listen = Annotated[str, checked(Address.parse)]
# Whom to call; several that do the same are one, too.
Target = Annotated[str, checked(check_target)]


def settings_of(noun: str) -> SettingsConfigDict:
    """Return the configuration of a settings class whose variables begin with `ORRIS_<NOUN>_`."""
    # An empty variable is no setting: compose files and shells pass on what is not set like that.
    return SettingsConfigDict(env_prefix=f"ORRIS_{noun.upper()}_", env_ignore_empty=True, populate_by_name=True)


def default_home() -> Path:
    """Return where Orris keeps its things: `$XDG_DATA_HOME/orris`, by default `~/.local/share/orris`."""
    data = os.environ.get("XDG_DATA_HOME", "")
    # The XDG Base Directory specification: a relative path there is to be ignored.
    return (Path(data) if os.path.isabs(data) else Path.home() / ".local" / "share") / "orris"


class ServiceSettings(BaseSettings):
    """What every service can be told. Without a prefix (one variable for all services): home, logs, keys.

    Raises InvalidArgument (INVALID_SETTING), which names the variables and repeats no value: it may be a secret.
    """

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            told = "; ".join(_told(type(self), each) for each in error.errors(include_url=False, include_input=False))
            raise InvalidArgument(told, reason="INVALID_SETTING") from None

    home: Path = Field(default_factory=default_home, validation_alias="ORRIS_HOME")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", validation_alias="ORRIS_LOG_LEVEL")
    log_style: Literal["auto", "text", "json"] = Field(default="auto", validation_alias="ORRIS_LOG_STYLE")
    token_file: Path | None = Field(default=None, validation_alias="ORRIS_TOKEN_FILE")
    public_key: Path | None = Field(default=None, validation_alias="ORRIS_PUBLIC_KEY")
    listen: Listen = "127.0.0.1:0"
    allow_insecure_listen: bool = False
    metrics_listen: Listen | Literal[""] = ""

    @property
    def public_key_path(self) -> Path:
        """The public half of the key that tokens are signed with: as set, else in the home."""
        return self.public_key or self.home / "signing.pub"

    @property
    def token_path(self) -> Path:
        """The token this service calls others with: as set, else in the home."""
        return self.token_file or self.home / "service.token"


def _told(settings: type[BaseSettings], error: ErrorDetails) -> str:
    """Return what is wrong with a setting, by the name of its variable."""
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return message
    name = str(error["loc"][0])
    if name in settings.model_fields:
        name = f"{settings.model_config.get('env_prefix', '')}{name}".upper()
    return f"{name}: {message}"
