"""Until when a package may have been released to count as of the era of a Python.

A spec that asked for an old Python means the libraries of its time. On a substitute they are taken from the
substitute's first months: old enough to be close to what was meant, new enough to have wheels for it. Each date is
the first of a month at which numpy, scipy, pandas, scikit-learn and matplotlib all had wheels for that minor (checked
with uv on x86-64). Release dates: PEP 537 (3.7), 569, 596, 619, 664, 693, 719, 745 (3.14).
"""

ERAS = {
    (3, 7): "2019-09-01",  # released 2018-06-27; pandas 0.25 is the first whose metadata uv reads
    (3, 8): "2020-02-01",  # released 2019-10-14
    (3, 9): "2021-02-01",  # released 2020-10-05
    (3, 10): "2022-01-01",  # released 2021-10-04
    (3, 11): "2022-12-01",  # released 2022-10-24; numpy 1.24, without np.str, came on 2022-12-18
    (3, 12): "2023-12-01",  # released 2023-10-02
    (3, 13): "2024-12-15",  # released 2024-10-07
    (3, 14): "2025-12-15",  # released 2025-10-07
}


def era(version: str) -> str | None:
    """Return the date (YYYY-MM-DD) before which packages of the era of `version` were released, None if unknown."""
    major, minor = version.split(".")[:2]
    return ERAS.get((int(major), int(minor)))
