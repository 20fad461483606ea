"""Files that commands write."""

import contextlib
import importlib

from handgrad.cli.console import UsageError
from handgrad.common.files import check_writable


@contextlib.contextmanager
def writing(path):
    """Turn an OSError into the sentence that names the file and the reason."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None


def refuse_what_cannot_be_written(path):
    """Say before the work what would fail after it."""
    with writing(path):
        check_writable(path)


def refuse_what_needs_cairosvg(option, path):
    """Say before the work that pixels and paper need an extra, where it is not there."""
    if path.suffix in {".png", ".pdf"}:
        try:
            importlib.import_module("cairosvg")
        except (ImportError, OSError):  # it needs the library cairo, too
            hint = "pip install cairosvg"
            raise UsageError(f"{option} {path} needs cairosvg: {hint}") from None
