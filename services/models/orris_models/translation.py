"""Between the messages of the contract and the domain."""

from __future__ import annotations

from orris.errors import InvalidArgument
from orris.models.v1 import models_pb2 as pb
from orris_models.model import Conversion, Draft, Framework, Resources, Signature, Version


def draft_from(message: pb.ModelVersion, created_by: str) -> Draft:
    """Return what a message asks for, unchecked; what the server sets is left out."""
    resources = message.resource_configuration
    has_resources = message.HasField("resource_configuration")
    return Draft(
        framework=_framework(message),
        framework_version=message.framework_version,
        tree=message.tree,
        file=message.file,
        run=message.run,
        image=message.image,
        description=message.description,
        tags=dict(message.tags),
        properties=dict(message.properties),
        resources=Resources(resources.cpu, resources.memory_gib, resources.gpu) if has_resources else None,
        sample_input_json=message.sample_input_json,
        created_by=created_by,
    )


def _recorded(version: Version) -> str:
    """Return the framework's version as locked, else, where a lock knows no packages, as found when it was examined."""
    found = version.signature.framework_version if version.signature else ""
    return version.content.recorded_framework_version or found


def version_message(version: Version) -> pb.ModelVersion:
    """Return the message that describes a version."""
    content = version.content
    message = pb.ModelVersion(
        name=version.name,
        framework=pb.Framework.Value(f"FRAMEWORK_{content.framework}"),
        framework_version=content.framework_version,
        recorded_framework_version=_recorded(version),
        tree=content.tree,
        file=content.file,
        run=content.run,
        experiment=content.experiment,
        image=content.image,
        snapshot=content.snapshot,
        script=content.script,
        description=content.description,
        tags=content.tags,
        properties=content.properties,
        sample_input_json=content.sample_input_json,
        conversion=_conversion_message(version.conversion),
        size=content.size,
        created_by=content.created_by,
    )
    if content.resources:
        given = content.resources
        resources = pb.ResourceConfiguration(cpu=given.cpu, memory_gib=given.memory_gib, gpu=given.gpu)
        message.resource_configuration.CopyFrom(resources)
    if version.signature:
        message.signature.CopyFrom(_signature_message(version.signature))
    message.create_time.FromDatetime(version.create_time)
    return message


def _framework(message: pb.ModelVersion) -> Framework:
    if message.framework == pb.FRAMEWORK_UNSPECIFIED:
        return Framework.CUSTOM
    try:
        return Framework(pb.Framework.Name(message.framework).removeprefix("FRAMEWORK_"))
    except ValueError as error:
        field = "model_version.framework"
        raise InvalidArgument(f"{field}: unknown framework", field=field, reason="INVALID_MODEL") from error


def _signature_message(signature: Signature) -> pb.Signature:
    message = pb.Signature(
        estimator=signature.estimator,
        methods=signature.methods,
        accepts_nan=signature.accepts_nan,
        one_dimensional=signature.one_dimensional,
        classes_json=signature.classes_json,
    )
    for column in signature.inputs:
        message.inputs.add(name=column.name, type=pb.Signature.Column.Type.Value(f"TYPE_{column.type}"))
    return message


def _conversion_message(conversion: Conversion) -> pb.Conversion:
    source = conversion.probe_source or "UNSPECIFIED"
    message = pb.Conversion(
        state=pb.Conversion.State.Value(f"STATE_{conversion.state}"),
        message=conversion.message,
        run=conversion.run,
        onnx_tree=conversion.onnx_tree,
        probe_source=pb.Conversion.ProbeSource.Value(f"PROBE_SOURCE_{source}"),
        probe_count=conversion.probe_count,
    )
    for parity in conversion.parity:
        message.parity.add(
            method=parity.method,
            compared=parity.compared,
            different=parity.different,
            max_absolute_difference=parity.max_absolute_difference,
        )
    if conversion.end_time:
        message.end_time.FromDatetime(conversion.end_time)
    return message
