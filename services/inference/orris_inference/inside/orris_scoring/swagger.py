"""The description of a scoring script, from the samples that its decorators were given."""

import json
import os

from orris_scoring.arguments import is_decorated

VERSIONS = ("2", "3", "3.1")
_ALIASES = {"2.0": "2", "3.0": "3"}
_UNKNOWN = {"type": "object", "example": {}}
_KEY = "The key of the endpoint: `Authorization: Bearer <key>`"


class Unsupported(Exception):
    """There is no description of that version."""


def describe(run, version):
    """Return the OpenAPI document of version 2, 3 or 3.1: the file of the user's, else made. Raises Unsupported."""
    wanted = _ALIASES.get(version, version)
    if wanted not in VERSIONS:
        raise Unsupported(
            "Swagger version [%s] is not valid. Supported versions: [%s]." % (version, ", ".join(VERSIONS))
        )
    written = _written(wanted)
    if written is not None:
        return written
    given, answered = _schemas(run, wanted)
    return _version_2(given, answered) if wanted == "2" else _version_3(given, answered, wanted)


def _written(version):
    """Return the user's own description in the application's folder, if there is one."""
    names = ["swagger.json"] if version == "2" else []
    for name in names + ["swagger%s.json" % version]:
        try:
            with open(os.path.join(os.environ["AML_APP_ROOT"], name), encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            continue
    return None


def _schemas(run, version):
    if not is_decorated(run):
        return _UNKNOWN, _UNKNOWN
    from inference_schema import schema_util

    supported = getattr(schema_util, "get_supported_versions", lambda _: ["2", "3"])(run)
    if not any(_ALIASES.get(str(each), str(each)) == version for each in supported):
        raise Unsupported(
            "Swagger version [%s] is not supported for the scoring script. Supported swagger versions: [%s]."
            % (version, ", ".join(map(str, supported)))
        )
    return schema_util.get_input_schema(run), schema_util.get_output_schema(run)


def _information():
    return {"title": os.environ.get("SERVICE_NAME", "ML service"), "version": "1.0"}


def _version_2(given, answered):
    body = {
        "name": "serviceInputPayload",
        "in": "body",
        "required": True,
        "schema": {"$ref": "#/definitions/ServiceInput"},
    }
    error = {"schema": {"$ref": "#/definitions/ErrorResponse"}}
    answer = {"schema": {"$ref": "#/definitions/ServiceOutput"}}
    return {
        "swagger": "2.0",
        "info": _information(),
        "schemes": ["https", "http"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {
            "Bearer": {"type": "apiKey", "name": "Authorization", "in": "header", "description": _KEY}
        },
        "paths": {"/score": {"post": _operation({"parameters": [body]}, answer, error)}},
        "definitions": {"ServiceInput": given, "ServiceOutput": answered, "ErrorResponse": _error()},
    }


def _version_3(given, answered, version):
    def content(name):
        return {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/" + name}}}}

    body = {"requestBody": dict(content("ServiceInput"), required=True)}
    return {
        "openapi": "3.1.0" if version == "3.1" else "3.0.3",
        "info": _information(),
        "servers": [{"url": "."}],
        "paths": {"/score": {"post": _operation(body, content("ServiceOutput"), content("ErrorResponse"))}},
        "components": {
            "securitySchemes": {"Bearer": {"type": "http", "scheme": "bearer", "description": _KEY}},
            "schemas": {"ServiceInput": given, "ServiceOutput": answered, "ErrorResponse": _error()},
        },
    }


def _operation(request, answer, error):
    responses = {
        "200": dict(answer, description="What run() returned."),
        "default": dict(error, description="Why there is no answer."),
    }
    return dict(request, operationId="RunMLService", summary="Ask the scoring script.", security=[{"Bearer": []}],
                responses=responses)  # fmt: skip


def _error():
    return {"type": "object", "properties": {"message": {"type": "string"}}}
