"""The packages of a project, without what cannot run in a component: native code.

`pip` installs them as it does for the project itself; extension modules are taken out
again and noted with the sentence that whoever imports one is told.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from project import Mistake

NATIVE = (".so", ".pyd", ".dylib", ".dll")
LEFT_OUT = "mainspring_left_out.json"
# The library's own native half has a stand-in.
REPLACED = {"temporalio.bridge.temporal_sdk_bridge"}
# What packages bring along and no import needs.
PASSED_OVER = {"__pycache__", "bin", "tests", "test"}


def install(wanted: dict, folder: pathlib.Path) -> None:
    """Installs the requirements into `folder/site`."""
    site = folder / "site"
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        listed = pathlib.Path(scratch) / "requirements.txt"
        listed.write_text("\n".join(wanted["lines"]) + "\n", encoding="utf-8")
        whole = pathlib.Path(scratch) / "whole"
        command = [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--no-compile", "--target", str(whole), "-r", str(listed),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Mistake(
                f"pip could not install what {wanted['from']} asks for:\n{done.stderr.strip()}"
            )
        if not (whole / "temporalio").is_dir():
            raise Mistake(
                f"{wanted['from']} does not name temporalio, the library that workflows are "
                "written with; add it"
            )
        left_out = _copy_pure(whole, site)
    (site / LEFT_OUT).write_text(json.dumps(left_out, indent=1, sort_keys=True))


def _copy_pure(whole: pathlib.Path, site: pathlib.Path) -> dict[str, str]:
    left_out = {}
    owners = _owners(whole)
    for path in sorted(whole.rglob("*")):
        inside = path.relative_to(whole)
        if path.is_dir() or PASSED_OVER & set(inside.parts[:-1]):
            continue
        if path.suffix in NATIVE or re.search(r"\.so\.\d", path.name):
            module = _module(inside)
            if module not in REPLACED:
                owner = owners.get(str(inside), inside.parts[0])
                left_out[module] = (
                    f"package {owner} has native code (module {module}), which cannot run in "
                    "a workflow: use it in activities, and import it inside their functions "
                    "or in a file that no workflow imports; or list it in `placeholders` "
                    "below [tool.mainspring] in pyproject.toml"
                )
            continue
        target = site / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return left_out


def _module(inside: pathlib.Path) -> str:
    parts = list(inside.parts)
    parts[-1] = parts[-1].split(".")[0]
    return ".".join(parts)


def _owners(whole: pathlib.Path) -> dict[str, str]:
    """Which distribution each file belongs to."""
    owners = {}
    for record in whole.glob("*.dist-info/RECORD"):
        name = record.parent.name.removesuffix(".dist-info").rpartition("-")[0]
        for line in record.read_text(encoding="utf-8").splitlines():
            owners[line.split(",")[0]] = name.replace("_", "-")
    return owners
