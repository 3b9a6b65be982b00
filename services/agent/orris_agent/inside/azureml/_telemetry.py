"""Azure's telemetry switch: there is no telemetry."""


def set_diagnostics_collection(send_diagnostics=True, verbosity=None, reason="", path=None) -> None:
    """Do nothing: nothing is collected."""
