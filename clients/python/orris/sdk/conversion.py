"""What came of a model's conversion to ONNX."""

from __future__ import annotations

from dataclasses import dataclass, field

from orris.models.v1 import models_pb2
from orris.sdk.spelling import spell

FINAL = frozenset(
    {
        models_pb2.Conversion.STATE_VERIFIED,
        models_pb2.Conversion.STATE_DIFFERENT,
        models_pb2.Conversion.STATE_UNSUPPORTED,
        models_pb2.Conversion.STATE_FAILED,
        models_pb2.Conversion.STATE_NOT_APPLICABLE,
    }
)


@dataclass(frozen=True)
class Parity:
    """How the answers of one method compare: how many were compared, how many differ, and by how much at most."""

    method: str
    compared: int
    different: int
    max_absolute_difference: float


@dataclass(frozen=True)
class Conversion:
    """The report. `state`: "Pending", "Running", "Verified", "Different", "Unsupported", "Failed", "NotApplicable"."""

    state: str
    message: str
    finished: bool
    run: str
    probe_source: str
    probe_count: int
    parity: list[Parity] = field(default_factory=list)

    @property
    def verified(self) -> bool:
        """Whether the model is served as ONNX."""
        return self.state == "Verified"


def from_message(message: models_pb2.Conversion) -> Conversion:
    """Return the report that a server gave."""
    return Conversion(
        state=spell(models_pb2.Conversion.State.DESCRIPTOR, message.state),
        message=message.message,
        finished=message.state in FINAL,
        run=message.run.rpartition("/")[2],
        probe_source=spell(models_pb2.Conversion.ProbeSource.DESCRIPTOR, message.probe_source, "PROBE_SOURCE_"),
        probe_count=message.probe_count,
        parity=[
            Parity(each.method, each.compared, each.different, each.max_absolute_difference) for each in message.parity
        ],
    )
