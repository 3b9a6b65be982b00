"""Azure's open datasets inside a run, as far as the environment's libraries bring them."""

from orris._exceptions import UserErrorException


class Diabetes:
    """442 patients: ten measurements, unscaled, and the progress of their disease a year later, `Y`."""

    @staticmethod
    def get_tabular_dataset(**kwargs):
        """Return the table."""
        return _Diabetes()


class _Diabetes:
    def to_pandas_dataframe(self, on_error="null", out_of_range_datetime="null"):
        """Return the table as a pandas.DataFrame."""
        try:
            from sklearn.datasets import load_diabetes

            frame = load_diabetes(as_frame=True, scaled=False).frame
        except (ImportError, TypeError):
            raise UserErrorException(
                "Diabetes comes with scikit-learn 1.1 or later, and a table is read with pandas: "
                "add both to the environment of the run"
            ) from None
        return frame.rename(columns=lambda name: "Y" if name == "target" else name.upper())
