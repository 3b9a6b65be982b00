"""Load a pickled model inside the environment that made it.

Shipped as text into users' environments: standard library and Python 3.6 syntax only. A pickle names classes and
functions by module; those of the training script are in `__main__`, which is another program here. So the script's
definitions, and nothing else of it, are put there when the pickle asks for them.
"""

import ast
import importlib
import os
import sys

MODEL_SUFFIXES = (".joblib", ".pkl", ".pickle", ".dill", ".sav", ".model")


class CannotLoad(Exception):
    """The model's file cannot be found or unpickled; the message says why, for people."""


def load(path, script=None, source_folder=None):
    """Return the object pickled at `path`.

    path: the model's file, or a folder with one file of a usual name. script: path of the training script below
    source_folder, the run's snapshot; both may be None. Raises CannotLoad.
    """
    path = find_file(path)
    _make_importable(script, source_folder)
    definitions_error = None
    try:
        return _unpickle(path)
    except Exception as error:
        if not (_looks_for_main(error) and script and source_folder):
            raise CannotLoad(explain(error, path, definitions_error)) from error
    definitions_error = define_main(os.path.join(source_folder, script))
    try:
        return _unpickle(path)
    except Exception as error:
        raise CannotLoad(explain(error, path, definitions_error)) from error


def find_file(path):
    """Return the model's file: `path` itself, or the only file of a usual name in that folder."""
    if os.path.isfile(path):
        return path
    found = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(path)
        for name in names
        if name.lower().endswith(MODEL_SUFFIXES)
    ]
    if len(found) != 1:
        raise CannotLoad(
            "%s holds %d files named like a model (%s); register the model's file itself"
            % (os.path.basename(path) or path, len(found), ", ".join(MODEL_SUFFIXES))
        )
    return found[0]


def define_main(script):
    """Execute the definitions of `script` in `__main__`; return the first error as text, None if there was none."""
    main = sys.modules["__main__"].__dict__
    first_error = None
    with open(script, "rb") as file:
        tree = ast.parse(file.read(), script)
    for statement in only_definitions(tree.body):
        module = ast.parse("")
        module.body = [statement]
        try:
            exec(compile(module, script, "exec"), main)
        except Exception as error:  # what failed may not be needed
            first_error = first_error or "%s:%d: %s: %s" % (
                os.path.basename(script),
                statement.lineno,
                type(error).__name__,
                error,
            )
    return first_error


def only_definitions(statements):
    """Return what only defines names: imports, functions, classes, constants, and guarded ones of these."""
    kept = []
    for statement in statements:
        if _is_definition(statement):
            kept.append(statement)
        elif isinstance(statement, ast.If):
            if _only(statement.body) and _only(statement.orelse) and not _calls(statement.test):
                kept.append(statement)
            else:
                kept += only_definitions(statement.body)
        elif isinstance(statement, ast.Try) and _only(statement.body):
            if all(_only(handler.body) for handler in statement.handlers):
                kept.append(statement)
            else:
                kept += statement.body
    return kept


def explain(error, path, definitions_error=None):
    """Return a sentence on why `path` cannot be loaded, and what to do."""
    name = os.path.basename(path)
    if _looks_for_main(error):
        hint = "it needs a class or function of the training script; move it into a module beside the script"
        if definitions_error:
            hint += " (the script's definitions stopped at %s)" % definitions_error
    elif isinstance(error, ImportError):
        hint = "its environment lacks a module that it needs; add it, or keep the module beside the training script"
    else:
        hint = "it is no pickle, or was made with other versions than its environment holds"
    return "cannot load %s: %s: %s; %s" % (name, type(error).__name__, str(error)[:500], hint)


def _unpickle(path):
    for name in ("joblib", "sklearn.externals.joblib", "pickle"):
        try:
            reader = importlib.import_module(name)
        except ImportError:
            continue
        if name != "pickle":
            return reader.load(path)
        with open(path, "rb") as file:
            return reader.load(file)


def _make_importable(script, source_folder):
    """Put the script's folder and the snapshot first on sys.path, as they were when the script ran."""
    if not source_folder:
        return
    for folder in (source_folder, os.path.dirname(os.path.join(source_folder, script or ""))):
        folder = os.path.abspath(folder)
        if folder not in sys.path:
            sys.path.insert(0, folder)


def _looks_for_main(error):
    return isinstance(error, AttributeError) and "__main__" in str(error)


def _is_definition(statement):
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return statement.value is not None and _is_constant(statement.value)
    definitions = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass)
    return isinstance(statement, definitions)


def _only(statements):
    return all(_is_definition(statement) for statement in statements)


def _is_constant(value):
    """Whether an expression only writes a value down: no calls, no lookups in anything but names."""
    forbidden = (
        ast.Call,
        ast.Await,
        ast.Yield,
        ast.YieldFrom,
        ast.Subscript,
        ast.ListComp,
        ast.SetComp,
        ast.DictComp,
        ast.GeneratorExp,
    )
    return not any(isinstance(node, forbidden) for node in ast.walk(value)) or isinstance(value, ast.Lambda)


def _calls(expression):
    return any(isinstance(node, ast.Call) for node in ast.walk(expression))
