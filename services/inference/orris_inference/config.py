"""What the inference service can be told: ORRIS_INFERENCE_…, and where the services that it calls listen."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from orris_kit.config import Listen, ServiceSettings, Target, settings_of

HERE = "127.0.0.1:6747"


class Settings(ServiceSettings):
    """Settings of the inference service.

    public_url: what scoring URIs begin with where clients reach it by another name, for example behind a proxy.
    allow_open_endpoints: whether endpoints without keys answer callers on other machines.
    http_metrics: whether the HTTP port has `/metrics`, open to whoever reaches it; metrics_listen is another address.
    onnx_threads: threads of one graph.
    load_time_limit: how long a replica may take to load its model, in seconds.
    """

    model_config = settings_of("inference")

    database: str = ""
    http_listen: Listen = "127.0.0.1:0"
    public_url: str = ""
    allow_open_endpoints: bool = False
    http_metrics: bool = False
    max_body_bytes: Annotated[int, Field(ge=1024)] = 16 * 1024 * 1024
    onnx_threads: Annotated[int, Field(ge=1, le=64)] = 1
    load_time_limit: Annotated[float, Field(gt=0)] = 600
    pool: str = ""
    models_address: Target = Field(default=HERE, validation_alias="ORRIS_MODELS_ADDRESS")
    runs_address: Target = Field(default=HERE, validation_alias="ORRIS_RUNS_ADDRESS")
    artifacts_address: Target = Field(default=HERE, validation_alias="ORRIS_ARTIFACTS_ADDRESS")
    images_address: Target = Field(default=HERE, validation_alias="ORRIS_IMAGES_ADDRESS")

    @property
    def database_url(self) -> str:
        """The database: as set, else SQLite in the home."""
        return self.database or f"sqlite:///{self.home / 'inference' / 'inference.db'}"
