"""The page about Python names everything that the library offers."""

import re
from pathlib import Path

import temporalio.workflow

PAGE = Path(__file__).resolve().parents[2] / "docs/languages/python.md"


def named() -> set[str]:
    table = PAGE.read_text().split("## Every name of `temporalio.workflow`")[1]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_public_name_has_its_row():
    public = {name for name in temporalio.workflow.__all__ if not name.startswith("_")}
    assert named() == public
