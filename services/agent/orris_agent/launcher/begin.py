"""How a fork goes back to the bottom of its stack, where a program begins."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orris_agent.launcher.program import Program


class Begin(BaseException):
    """Raised in the fork that becomes a run's program, for the bottom of the stack."""

    def __init__(self, program: "Program") -> None:
        super().__init__()
        self.program = program
