"""Conda files are honoured; hostile ones are refused with the place that is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orris.errors import InvalidArgument
from orris_images.conda import parse_conda
from orris_images.conda_names import MatchSpec, on_pypi
from orris_images.packages import from_channels, to_install
from orris_images.spec import Base, Spec

HOW_TO = """
name: sklearn-env
dependencies:
  - python=3.6.2
  - scikit-learn
  - numpy
  - pip:
    - azureml-defaults
"""


def dependencies(*lines: str) -> str:
    return "dependencies:\n" + "".join(f"  - {line}\n" for line in lines)


def test_the_how_to_file_is_read() -> None:
    spec = parse_conda(HOW_TO)
    assert (spec.python, spec.conda_packages, spec.packages) == (
        "3.6.2",
        ("numpy", "scikit-learn"),
        ("azureml-defaults",),
    )


def test_azureml_packages_are_left_out_with_a_note() -> None:
    wanted, notes = to_install(parse_conda(HOW_TO))
    assert wanted == ("numpy", "scikit-learn")
    assert any("azureml-defaults is not installed" in note for note in notes)


def test_azureml_packages_without_an_equivalent_are_left_out_with_a_warning() -> None:
    wanted, notes = to_install(
        parse_conda(dependencies("pip:\n    - azureml-automl-core\n    - inference-schema[numpy]"))
    )
    assert wanted == ("inference-schema[numpy]",)
    assert any(note.startswith("warning: azureml-automl-core") for note in notes)


@pytest.mark.parametrize(
    "line",
    [
        "azureml-dataset-runtime[pandas,fuse]", "azureml-dataset-runtime[ fuse , pandas ]~=1.60.0",
        "AzureML_Dataset.Runtime[Pandas]", "azureml-dataprep[pandas,fuse]", "azureml-dataprep[pandas]>=2.23,<3",
    ],
)  # fmt: skip
def test_what_azures_packages_for_data_bring_to_read_tables_is_installed(line: str) -> None:
    wanted, notes = to_install(parse_conda(dependencies(f"pip:\n    - azureml-core\n    - '{line}'")))
    assert wanted == ("pandas", "pyarrow")
    assert any(note.startswith("pandas and pyarrow are installed: azureml-data") for note in notes)
    assert not any("warning" in note for note in notes)


@pytest.mark.parametrize("line", ["azureml-dataset-runtime", "azureml-dataprep[fuse]", "azureml-dataset-runtime[fuse]"])
def test_without_their_extra_for_pandas_they_bring_nothing(line: str) -> None:
    wanted, notes = to_install(parse_conda(dependencies(f"pip:\n    - {line}")))
    assert (wanted, len(notes)) == ((), 1)
    assert "provides `azureml`" in notes[0]


@pytest.mark.parametrize(
    ("conda", "pip", "expected"),
    [
        ("numpy", "pandas==1.1.5", ("numpy", "pandas==1.1.5", "pyarrow")),
        ("pandas=1.1", "numpy", ("numpy", "pandas==1.1.*", "pyarrow")),
        ("pandas", "PyArrow>=9", ("pandas", "pyarrow>=9")),
        ("numpy", "pandas==1; python_version < '3'", ("numpy", "pandas", 'pandas==1; python_version < "3"', "pyarrow")),
    ],
)
def test_what_is_asked_for_itself_keeps_its_version(conda: str, pip: str, expected: tuple[str, ...]) -> None:
    lines = f"pip:\n    - azureml-dataset-runtime[pandas]\n    - {pip}"
    wanted, _ = to_install(parse_conda(dependencies(conda, lines)))
    assert wanted == expected


def test_what_is_brought_is_for_where_the_package_that_brings_it_is_for() -> None:
    wanted, _ = to_install(Spec(packages=("azureml-dataprep[pandas]; python_version < '3.9'",)))
    assert wanted == ('pandas; python_version < "3.9"', 'pyarrow; python_version < "3.9"')


def test_what_conda_or_an_image_that_is_added_to_has_is_not_brought_again() -> None:
    asked = ("azureml-dataset-runtime[pandas]",)
    wanted, notes = to_install(Spec(packages=asked), {"pandas", "python"})
    assert wanted == ("pyarrow",)
    assert "pyarrow is installed: azureml-dataset-runtime[pandas] brings it" in notes
    on_image, _ = to_install(Spec(packages=asked, base=Base("3.11.7", ("pandas==2.2.0", "pyarrow==15.0.0"))))
    assert on_image == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("python=3.6.2", "3.6.2"),
        ("python=3.10", "3.10"),
        ("python==3.8.13", "3.8.13"),
        ("python 3.8.*", "3.8"),
        ("python>=3.8", ">=3.8"),
        ("python>=3.8,<3.11", "<3.11,>=3.8"),
        ("python=3.6.2=hda45abc_0", "3.6.2"),
        ("python=3", ">=3"),
        ("python", None),
    ],
)
def test_pythons(line: str, expected: str | None) -> None:
    assert parse_conda(dependencies(line)).python == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("numpy", "numpy"),
        ("numpy=1.19", "numpy==1.19.*"),
        ("numpy=1.19.*", "numpy==1.19.*"),
        ("numpy 1.19.*", "numpy==1.19.*"),
        ("numpy==1.19.2", "numpy==1.19.2"),
        ("numpy 1.19.2", "numpy==1.19.2"),
        ("numpy=1.19.2=py36h54aff64_0", "numpy==1.19.2"),
        ("numpy 1.19.2 py36_0", "numpy==1.19.2"),
        ("numpy>=1.19,<2", "numpy<2,>=1.19"),
        ("numpy >=1.19.*", "numpy>=1.19"),
        ("conda-forge::numpy=1.19", "numpy==1.19.*"),
        ("pytorch=1.4", "torch==1.4.*"),
        ("ruamel_yaml", "ruamel-yaml"),
        ("openmpi=4", None),
        ("cudatoolkit=10.1", None),
        ("openssl=1.0.2k=0", None),
        ("_libgcc_mutex=0.1=main", None),
        ("pip=20.2.4", None),
    ],
)
def test_conda_lines_on_pypi(line: str, expected: str | None) -> None:
    assert on_pypi(line) == expected
    assert on_pypi(MatchSpec.parse(line, "f").text) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("numpy=1.19", "numpy==1.19.*"),
        ("numpy=1.19.2=py36_0", "numpy==1.19.2[build=py36_0]"),
        ("numpy 1.19.2 py36_0", "numpy==1.19.2[build=py36_0]"),
        ("pytorch=2.*=*cuda*", "pytorch==2.*[build=*cuda*]"),
        ("blas=*=openblas", "blas[build=openblas]"),
        ("blas[build=openblas]", "blas[build=openblas]"),
        ("conda-forge::numpy>=1.19", "numpy>=1.19[channel=conda-forge]"),
        ("https://a.example.org/x::numpy", "numpy[channel=https://a.example.org/x]"),
        ('numpy=1.19[build="py*", channel=pkgs/main]', "numpy==1.19.*[build=py*,channel=pkgs/main]"),
    ],
)
def test_builds_and_channels_are_kept_for_conda(line: str, expected: str) -> None:
    spec = MatchSpec.parse(line, "f")
    assert spec.text == expected
    assert MatchSpec.parse(spec.text, "f") == spec


@pytest.mark.parametrize(
    "line",
    [
        "a::b::c", "../x::numpy", "https://ada:s3cret@a.example.org/x::numpy", "numpy[url=http://a/b.conda]",
        "numpy[build='x']y", "numpy[build=a b]", 'numpy[build="a]', "numpy[build=$(x)]", "numpy[sha256=00]",
    ],
)  # fmt: skip
def test_other_keys_of_conda_are_refused(line: str) -> None:
    with pytest.raises(InvalidArgument, match="is not understood"):
        MatchSpec.parse(line, "f")


def test_what_conda_channels_bring_is_all_but_azures_packages() -> None:
    specs, notes = from_channels(parse_conda(dependencies("openmpi=4", "azureml_core", "sklearn")))
    assert [one.text for one in specs] == ["openmpi==4.*", "sklearn"]
    assert any("azureml-core is not installed" in note for note in notes)


def test_what_pypi_has_not_is_left_out_with_a_note() -> None:
    wanted, notes = to_install(parse_conda(dependencies("openmpi", "pytorch", "sklearn", "pip:\n    - sklearn==0.0")))
    assert wanted == ("scikit-learn", "torch")
    assert any("openmpi is left out" in note for note in notes)


def test_variables_and_indexes_are_kept() -> None:
    text = (
        dependencies("pip:\n    - --extra-index-url https://example.org/simple/\n    - numpy")
        + "variables:\n  A: 010\n"
    )
    spec = parse_conda(text)
    assert spec.environment_variables == (("A", "010"),)
    assert spec.extra_index_urls == ("https://example.org/simple",)


BOMB = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\ndependencies: *c\n"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (BOMB, "conda_file"),
        ("[" * 5000, "conda_file"),
        ("x" * 70000, "conda_file"),
        ("- a\n- b\n", "conda_file"),
        ("", "conda_file"),
        ("dependencies: {a: b}", "conda_file.dependencies"),
        ("dependencies: [{npm: [x]}]", "conda_file.dependencies[0]"),
        ("dependencies: [numpy, [x]]", "conda_file.dependencies[1]"),
        ("dependencies: ['numpy|scipy']", "conda_file.dependencies[0]"),
        ("dependencies: ['foo=1.0.2k']", "conda_file.dependencies[0]"),
        ("dependencies: [{pip: numpy}]", "conda_file.dependencies[0].pip"),
        ("dependencies: [{pip: ['-r /etc/passwd']}]", "conda_file.dependencies[0].pip[0]"),
        ("dependencies: [{pip: ['-e .']}]", "conda_file.dependencies[0].pip[0]"),
        ("dependencies: []\nvariables: [a]", "conda_file.variables"),
        ("dependencies: []\nchannels: {a: b}", "conda_file.channels"),
        ("dependancies: [numpy]", "conda_file"),
        ("dependencies: [a\0]", "conda_file"),
        ("!!python/object/apply:os.system ['true']", "conda_file"),
    ],
)
def test_what_is_wrong_is_named(text: str, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_conda(text)
    assert caught.value.violations[0].field == field


@given(st.text(alphabet="dependencies: -[]{}&*!|>'\"\n#,=<pip0123.", max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, "dependencies:\n" + text):
        try:
            to_install(parse_conda(candidate))
        except InvalidArgument as refused:
            assert refused.violations  # noqa: PT017
