"""Types of columns, under Azure's names."""

from __future__ import annotations

from collections.abc import Mapping

from azureml._errors import translated
from azureml._placeholder import Refusing
from orris.sdk import table_options as sdk


@translated()
class DataType(Refusing, sdk.DataType):
    """The type of a column: `DataType.to_string()` and so on."""

    _lacking = "to_stream"
    _instead: Mapping[str, str] = {
        "to_stream": "keep the paths as text, DataType.to_string(), and get the files as Dataset.File.from_files(...)"
    }
