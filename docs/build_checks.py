"""Writes docs/checks.md: every check, in the words of its docstring, with the histories of the corpus that prove it.

python docs/build_checks.py
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_arbredis.checkers import api
from pytest_arbredis.checkers.by_name import check_names
from pytest_arbredis.checkers.models import MODELS

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).with_name("checks.md")
CORPUS = Path(__file__).parent.parent / "tests" / "corpus"

INTRODUCTION = """\
# Checks

A check is a pure function of a history: it gives a verdict, a sentence with the figures, and the smallest set of
operations that proves it. In a scenario it stands as `checks.name(…)`; a stored history is judged again, without
servers, by `arbredis check FILE --check 'name(argument=value)'`, or by a model:

{models}

`valid` means that the claim held *and* could have failed; `invalid` comes with a proof; everything else is `unknown`,
with the reason. What kind of history makes a check say what is shown by its corpus: small histories with the verdict in
their name, in `tests/corpus/<check>/`; the counts are below. Written by `docs/build_checks.py`.
"""


def render() -> str:
    """The page."""
    models = "\n".join(f"- `--model {model}`: `{check}`" for model, check in MODELS.items())
    return "\n".join([INTRODUCTION.format(models=models), *map(section, sorted(check_names()))])


def section(name: str) -> str:
    """One check: signature, docstring, corpus."""
    factory = getattr(api, name)
    judge = sys.modules[factory.__module__].__dict__.get(factory.__annotations__.get("return"))
    told = inspect.getdoc(judge) or inspect.getdoc(factory) or ""
    if sum(each.__annotations__.get("return") == factory.__annotations__.get("return") for each in factories()) > 1:
        told = f"{inspect.getdoc(factory)}\n\n{told.partition(chr(10) * 2)[2]}"
    signature = inspect.signature(factory)
    arguments = ", ".join(str(each.replace(annotation=each.empty)) for each in signature.parameters.values())
    counts = histories(name)
    proven = " · ".join(f"{count} {verdict}" for verdict, count in counts.items()) if counts else ""
    parts = [f"## `{name}`", f"`checks.{name}({arguments})`", told, f"Corpus: {proven}." if proven else ""]
    return "\n\n".join(part for part in parts if part) + "\n"


def factories() -> list[Callable[..., object]]:
    """What makes the checks: two of them may make one class, each in words of its own."""
    return [getattr(api, name) for name in check_names()]


def histories(name: str) -> dict[str, int]:
    """How many histories of each verdict the corpus has for a check."""
    folders = [name, *(model for model, check in MODELS.items() if check == name)]
    found = Counter(path.stem.rpartition(".")[2] for folder in folders for path in (CORPUS / folder).glob("*.jsonl"))
    return {verdict: found[verdict] for verdict in ("valid", "unknown", "invalid") if found[verdict]}


if __name__ == "__main__":
    PAGE.write_text(render())
