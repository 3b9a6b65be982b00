"""What the scoring script's environment variables say."""

import os
import sys

TIME_LIMIT_MS = 3600000


class Settings(object):
    """Azure's variables. Paths in them are made absolute, so that they hold wherever the script changes to."""

    def __init__(self, variables):
        self._variables = variables
        self.app_root = os.path.abspath(variables["AML_APP_ROOT"])
        self.entry_name = variables["AZUREML_ENTRY_SCRIPT"]
        self.entry_script = os.path.join(self.app_root, *self.entry_name.split("/"))
        self.model_dir = os.path.normpath(os.path.join(self.app_root, variables["AZUREML_MODEL_DIR"]))
        self.workers = self._number("WORKER_COUNT", 1)
        self.time_limit = self._number("SCORING_TIMEOUT_MS", TIME_LIMIT_MS) / 1000.0

    def take_place(self):
        """Work where the script expects to: in its application's folder, whose modules it can import."""
        self._variables["AML_APP_ROOT"] = self.app_root
        self._variables["AZUREML_MODEL_DIR"] = self.model_dir
        os.makedirs(self.model_dir, exist_ok=True)  # also where there is no model
        os.chdir(self.app_root)
        sys.argv = [self.entry_script]
        folder = os.path.dirname(self.entry_script)
        places = [folder]
        while folder != self.app_root:
            folder = os.path.dirname(folder)
            places.append(folder)
        sys.path[0:0] = places

    def _number(self, name, default):
        text = self._variables.setdefault(name, str(default)).strip()
        if not text.isdigit() or int(text) < 1:
            sys.exit("%s must be a whole number of at least 1, not %r" % (name, text))
        return int(text)
