"""Azure's open datasets, as far as they can be had without a network: what scikit-learn brings."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from azureml._errors import translated
from azureml._placeholder import refuse
from azureml.exceptions import UserErrorException
from orris.sdk import table_options
from orris.sdk.dataset import Dataset

if TYPE_CHECKING:
    from azureml._dataset import FileDataset, TabularDataset
    from orris.sdk.workspace import Workspace

_UPLOAD = "upload the files to ws.get_default_datastore() and use Dataset.File.from_files"


class Diabetes:
    """442 patients: ten measurements, unscaled, and the progress of their disease a year later, `Y`."""

    @staticmethod
    def get_tabular_dataset(**_options: Any) -> OpenTable:
        """Return the table; registered, it can be given to a run."""
        return OpenTable("diabetes")


class MNIST:
    """70,000 images of digits, which no library brings."""

    @staticmethod
    def get_file_dataset(**_options: Any) -> NoReturn:
        """Refuse: the files are not here."""
        refuse("MNIST.get_file_dataset", f"{_UPLOAD}, or take sklearn.datasets.load_digits()")

    @staticmethod
    def get_tabular_dataset(**_options: Any) -> NoReturn:
        """Refuse: the files are not here."""
        refuse("MNIST.get_tabular_dataset", f"{_UPLOAD}, or take sklearn.datasets.load_digits()")


@translated()
class OpenTable:
    """A table that scikit-learn brings."""

    def __init__(self, name: str) -> None:
        self.name = name

    def to_pandas_dataframe(self, on_error: str = "null", out_of_range_datetime: str = "null") -> Any:
        """Return the table as a pandas.DataFrame."""
        try:
            from sklearn.datasets import load_diabetes

            frame = load_diabetes(as_frame=True, scaled=False).frame
        except ImportError as error:
            message = "Diabetes comes with scikit-learn, and a table is read with pandas: install both here"
            raise UserErrorException(message) from error
        return frame.rename(columns=lambda name: "Y" if name == "target" else name.upper())

    def register(
        self,
        workspace: Workspace,
        name: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        create_new_version: bool = False,
    ) -> FileDataset | TabularDataset:
        """Register it as a dataset of the workspace, which can be given to runs."""
        from azureml._abstract_dataset import adopted

        with tempfile.TemporaryDirectory(prefix="orris-data-") as folder:
            file = Path(folder) / f"{self.name}.csv"
            self.to_pandas_dataframe().to_csv(file, index=False)
            table = table_options.delimited()
            made = Dataset.create(workspace, name, file, table=table, description=description or "", tags=tags)
        return adopted(made)
