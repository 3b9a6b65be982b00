"""Azure's sizes of machines: how many processors and how much memory somebody who names one counts on.

From the tables of azure-docs, "Sizes for virtual machines": general purpose, compute and memory optimised, and the
graphics machines that samples name (of which only processors and memory are asked for here).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from orris.sdk.resources import Resources

_GIB = 1024**3
_PREFIX = "Standard_"


class _Size(NamedTuple):
    cpus: int
    memory: float  # GiB
    disk: int  # GiB
    gpus: int = 0


_SIZES = {
    "D1_v2": (1, 3.5, 50), "D2_v2": (2, 7, 100), "D3_v2": (4, 14, 200), "D4_v2": (8, 28, 400), "D5_v2": (16, 56, 800),
    "D11_v2": (2, 14, 100), "D12_v2": (4, 28, 200), "D13_v2": (8, 56, 400), "D14_v2": (16, 112, 800),
    "D15_v2": (20, 140, 1000), "DS1_v2": (1, 3.5, 7), "DS2_v2": (2, 7, 14), "DS3_v2": (4, 14, 28),
    "DS4_v2": (8, 28, 56), "DS5_v2": (16, 56, 112), "DS11_v2": (2, 14, 28), "DS12_v2": (4, 28, 56),
    "DS13_v2": (8, 56, 112), "DS14_v2": (16, 112, 224), "DS15_v2": (20, 140, 280), "D2_v3": (2, 8, 50),
    "D4_v3": (4, 16, 100), "D8_v3": (8, 32, 200), "D16_v3": (16, 64, 400), "D32_v3": (32, 128, 800),
    "D64_v3": (64, 256, 1600), "D2s_v3": (2, 8, 16), "D4s_v3": (4, 16, 32), "D8s_v3": (8, 32, 64),
    "D16s_v3": (16, 64, 128), "D32s_v3": (32, 128, 256), "D64s_v3": (64, 256, 512), "E2s_v3": (2, 16, 32),
    "E4s_v3": (4, 32, 64), "E8s_v3": (8, 64, 128), "E16s_v3": (16, 128, 256), "E32s_v3": (32, 256, 512),
    "E64s_v3": (64, 432, 864), "F2s_v2": (2, 4, 16), "F4s_v2": (4, 8, 32), "F8s_v2": (8, 16, 64),
    "F16s_v2": (16, 32, 128), "F32s_v2": (32, 64, 256), "F64s_v2": (64, 128, 512), "F72s_v2": (72, 144, 576),
    "NC6": (6, 56, 380, 1), "NC12": (12, 112, 680, 2), "NC24": (24, 224, 1440, 4), "NC6s_v2": (6, 112, 736, 1),
    "NC12s_v2": (12, 224, 1474, 2), "NC24s_v2": (24, 448, 2948, 4), "NC6s_v3": (6, 112, 736, 1),
    "NC12s_v3": (12, 224, 1474, 2), "NC24s_v3": (24, 448, 2948, 4), "ND6s": (6, 112, 736, 1),
}  # fmt: skip
_KNOWN = {name.upper(): _Size(*size) for name, size in _SIZES.items()}  # type: ignore[arg-type]  # numbers all


def resources_of(vm_size: str) -> Resources | None:
    """Return what a size has; None for one that is not known."""
    known = _KNOWN.get(vm_size.upper().removeprefix(_PREFIX.upper()))
    return None if known is None else Resources(cpus=known.cpus, memory=int(known.memory * _GIB))


def described() -> list[dict[str, Any]]:
    """Return all sizes that are known, each with what it has on Azure, under Azure's keys."""
    return [_described(name, _KNOWN[name.upper()]) for name in _SIZES]


def _described(name: str, size: _Size) -> dict[str, Any]:
    return {
        "name": _PREFIX + name,
        "vCPUs": size.cpus,
        "gpus": size.gpus,
        "memoryGB": float(size.memory),
        "maxResourceVolumeMB": size.disk * 1024,
    }
