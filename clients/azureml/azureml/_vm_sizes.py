"""Azure's sizes of machines: how many processors and how much memory somebody who names one counts on.

From the tables of azure-docs, "Sizes for virtual machines": general purpose, compute and memory optimised, and the
graphics machines that samples name (of which only processors and memory are asked for here).
"""

from __future__ import annotations

from orris.sdk.resources import Resources

_GIB = 1024**3
# Processors and GiB of memory.
_SIZES = {
    "D1_V2": (1, 3.5), "D2_V2": (2, 7), "D3_V2": (4, 14), "D4_V2": (8, 28), "D5_V2": (16, 56),
    "D11_V2": (2, 14), "D12_V2": (4, 28), "D13_V2": (8, 56), "D14_V2": (16, 112), "D15_V2": (20, 140),
    "DS1_V2": (1, 3.5), "DS2_V2": (2, 7), "DS3_V2": (4, 14), "DS4_V2": (8, 28), "DS5_V2": (16, 56),
    "DS11_V2": (2, 14), "DS12_V2": (4, 28), "DS13_V2": (8, 56), "DS14_V2": (16, 112), "DS15_V2": (20, 140),
    "D2_V3": (2, 8), "D4_V3": (4, 16), "D8_V3": (8, 32), "D16_V3": (16, 64), "D32_V3": (32, 128), "D64_V3": (64, 256),
    "D2S_V3": (2, 8), "D4S_V3": (4, 16), "D8S_V3": (8, 32), "D16S_V3": (16, 64), "D32S_V3": (32, 128),
    "D64S_V3": (64, 256), "E2S_V3": (2, 16), "E4S_V3": (4, 32), "E8S_V3": (8, 64), "E16S_V3": (16, 128),
    "E32S_V3": (32, 256), "E64S_V3": (64, 432), "F2S_V2": (2, 4), "F4S_V2": (4, 8), "F8S_V2": (8, 16),
    "F16S_V2": (16, 32), "F32S_V2": (32, 64), "F64S_V2": (64, 128), "F72S_V2": (72, 144), "NC6": (6, 56),
    "NC12": (12, 112), "NC24": (24, 224), "NC6S_V2": (6, 112), "NC12S_V2": (12, 224), "NC24S_V2": (24, 448),
    "NC6S_V3": (6, 112), "NC12S_V3": (12, 224), "NC24S_V3": (24, 448), "ND6S": (6, 112),
}  # fmt: skip


def resources_of(vm_size: str) -> Resources | None:
    """Return what a size has; None for one that is not known."""
    known = _SIZES.get(vm_size.upper().removeprefix("STANDARD_"))
    return None if known is None else Resources(cpus=known[0], memory=int(known[1] * _GIB))
