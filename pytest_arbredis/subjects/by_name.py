"""A subject by the name of its factory, `pkg.mod:factory`, for the command line and for pytest's option."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.load.protocol import Subject


def subject_named(name: str) -> Subject:
    """What the factory of that name makes, or the value itself if it is a subject; modules of this folder are found.

    Every way to fail is a usage error that says what was wrong with the name, the module or the subject.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise UsageError(f"{name!r} names no subject", remedy="write pkg.mod:factory")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"the subject's module {module_name!r} cannot be imported: {type(error).__name__}: {error}",
            remedy="give pkg.mod:factory of a module that can be imported from here",
        ) from error
    finally:
        sys.path.remove(here)
    if not hasattr(module, attribute):
        names = sorted(key for key, value in vars(module).items() if callable(value) and not key.startswith("_"))
        raise UsageError.unknown(f"factory in {module_name}", attribute, names or ["(there is none)"])
    found = getattr(module, attribute)
    if not _is_subject(found) and callable(found):
        try:
            found = found()
        except UsageError:
            raise
        except Exception as error:
            raise UsageError(
                f"the factory {name!r} failed: {type(error).__name__}: {error}",
                remedy="it is called without arguments, before any server is there",
            ) from error
    if not _is_subject(found):
        raise UsageError(
            f"{name!r} is no subject: {found!r}",
            remedy="a subject has a name, and open(endpoints) that gives a session",
        )
    return cast("Subject", found)


def _is_subject(value: object) -> bool:
    return not isinstance(value, type) and callable(getattr(value, "open", None)) and hasattr(value, "name")
