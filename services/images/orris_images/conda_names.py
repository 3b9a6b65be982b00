"""Conda's names and versions, and what they are called on PyPI."""

import re
from dataclasses import dataclass

from orris.errors import InvalidArgument
from orris_images import pep508
from orris_images.quoting import quoted
from orris_kit.conda_package import is_channel

_MATCH = re.compile(r"(?:([\w.:/-]+)::)?([A-Za-z0-9_][A-Za-z0-9._-]{0,100})\s*([^\[\]]*)(?:\[([^\[\]]*)\])?")
_ONE = re.compile(r"(={1,2})?\s*(?:([0-9][0-9A-Za-z.!+]*?)(\.?\*)?|\*)(?:(?:\s*=\s*|\s+)([A-Za-z0-9_.*+-]+))?")
_RELATION = re.compile(r"(>=|<=|!=|==|~=|>|<)\s*([0-9][0-9A-Za-z.!+]*)(\.\*)?")
_KEY = re.compile(r"\s*(build|channel)\s*=\s*(['\"]?)([^'\",\s]+)\2\s*")
_BUILD = re.compile(r"[A-Za-z0-9_.*+-]{1,100}")

# Packages whose name differs, and those that are one on PyPI and several in conda.
ON_PYPI = {
    "pytorch": "torch", "pytorch-cpu": "torch", "pytorch-gpu": "torch", "torchvision-cpu": "torchvision",
    "tensorflow-base": "tensorflow", "tensorflow-gpu": "tensorflow", "matplotlib-base": "matplotlib",
    "seaborn-base": "seaborn", "py-xgboost": "xgboost", "py-xgboost-cpu": "xgboost", "py-xgboost-gpu": "xgboost",
    "opencv": "opencv-python-headless", "py-opencv": "opencv-python-headless", "pytables": "tables",
    "dask-core": "dask", "ray-core": "ray", "ray-default": "ray",
    "msgpack-python": "msgpack", "python-graphviz": "graphviz", "psycopg2": "psycopg2-binary", "numpy-base": "numpy",
    "sklearn": "scikit-learn", "pyqt": "pyqt5", "python-tzdata": "tzdata", "snappy": "python-snappy",
    "google-api-core-grpc": "google-api-core", "brotli-python": "brotli",
}  # fmt: skip

# What conda packages and PyPI does not: system libraries, compilers, programs, and what wheels bring along.
NOT_PYTHON = frozenset({
    "openmpi", "mpich", "mpi", "cudatoolkit", "cuda", "cudnn", "nccl", "cuda-toolkit", "pytorch-cuda", "cpuonly",
    "blas", "mkl", "mkl-service", "nomkl", "openblas", "intel-openmp", "llvm-openmp", "tbb", "libgcc",
    "libgcc-ng", "libstdcxx-ng", "libgfortran", "libgfortran-ng", "libgomp", "libblas", "liblapack", "libcblas",
    "gcc", "gxx", "gcc_linux-64", "gxx_linux-64", "compilers", "c-compiler", "cxx-compiler", "make", "cmake",
    "ninja", "git", "curl", "wget", "openssl", "ca-certificates", "bzip2", "libffi", "ncurses", "readline",
    "sqlite", "libsqlite", "tk", "xz", "zlib", "zstd", "lz4-c", "zeromq", "ld_impl_linux-64", "libuuid", "libnsl",
    "libzlib", "libxcrypt", "libexpat", "expat", "freetype", "libpng", "libtiff", "libwebp", "jpeg",
    "libjpeg-turbo", "lcms2", "openjpeg", "giflib", "icu", "hdf5", "libiconv", "libxml2", "graphviz", "r-base",
    "nodejs", "openjdk", "python_abi", "conda", "anaconda", "mamba", "pip", "tzdata", "libprotobuf", "boost-cpp",
    "unixodbc", "msodbcsql17",
})  # fmt: skip


@dataclass(frozen=True)
class MatchSpec:
    """One line of conda: a name, versions as pip writes them, a build and a channel (each empty: any).

    PyPI knows nothing of builds and channels: they count where conda's own packages are installed.
    """

    name: str
    versions: str
    build: str = ""
    channel: str = ""

    @property
    def text(self) -> str:
        """The line in the one form kept here: `numpy==1.2.*`, `numpy==1.2.1[build=py36_0,channel=conda-forge]`."""
        keys = ",".join(f"{key}={value}" for key, value in (("build", self.build), ("channel", self.channel)) if value)
        return self.name + self.versions + (f"[{keys}]" if keys else "")

    @classmethod
    def parse(cls, text: str, field: str) -> "MatchSpec":
        """Read `numpy`, `numpy=1.2`, `numpy==1.2.1`, `numpy=1.2.1=build`, `numpy>=1.2,<2`, `forge::numpy`, and `text`.

        Raises InvalidArgument naming `field`.
        """
        found = _MATCH.fullmatch(text.strip()) if len(text) <= pep508.LENGTH_LIMIT else None
        spec = None if found is None else _spec(found[2].lower(), found[3].strip(), _keys(found[4], found[1]))
        if spec is None:
            message = f"{field}: {quoted(text)} is not understood; write name=1.2, name==1.2.3 or name>=1.2"
            raise InvalidArgument(message, field=field)
        return spec


def _spec(name: str, versions: str, keys: dict[str, str] | None) -> MatchSpec | None:
    known = _versions(versions)
    if known is None or keys is None:
        return None
    spec = MatchSpec(name, known[0], keys.get("build") or known[1], keys.get("channel", ""))
    well = _BUILD.fullmatch(spec.build or "*") and (spec.channel == "" or is_channel(spec.channel))
    return spec if well else None


def _keys(text: str | None, channel: str | None) -> dict[str, str] | None:
    """Return what stands in brackets, None when that is something else than a build and a channel."""
    keys = [_KEY.fullmatch(part) for part in (text or "").split(",") if part.strip()]
    if not all(keys):
        return None
    return {**({"channel": channel} if channel else {}), **{key[1]: key[3] for key in keys if key}}


def _versions(text: str) -> tuple[str, str] | None:
    """Return conda's versions as pip's, and a build; None when they are not understood."""
    if text in ("", "*", "=", "=*"):
        return "", ""
    if one := _ONE.fullmatch(text):
        sign, version, star, build = one.groups()
        build = "" if build in (None, "*") else build
        if version is None:
            return "", build
        exact = not star and (sign != "=" or bool(build))
        return (f"=={version}" if exact else f"=={version}.*"), build
    relations = [_RELATION.fullmatch(part.strip()) for part in text.split(",")]
    if not all(relations):
        return None
    return ",".join(sorted(f"{one[1]}{one[2]}{_star(one[1], one[3])}" for one in relations if one)), ""


def _star(relation: str, star: str | None) -> str:
    """Conda allows `>=1.2.*`, which means `>=1.2`; pip keeps the star for == and !=."""
    return ".*" if star and relation in ("==", "!=") else ""


def canonical(text: str, field: str) -> str:
    """Return a conda line in canonical form; raise InvalidArgument when it is none, or has no meaning on PyPI."""
    spec = MatchSpec.parse(text, field)
    on_pypi(spec.text, field)
    return spec.text


def on_pypi(conda_package: str, field: str = "conda_packages") -> str | None:
    """Return a conda package as a requirement of PyPI, None when PyPI has no such thing."""
    spec = MatchSpec.parse(conda_package, field)
    if spec.name in NOT_PYTHON or spec.name.startswith("_"):
        return None
    return pep508.canonical(ON_PYPI.get(spec.name, spec.name) + spec.versions, field)
