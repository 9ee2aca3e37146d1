"""From sources, packages and our own code to a component, by `componentize-py`."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import hash_seed
from project import Mistake, read_settings, roots, sources, workflow_modules

APP = "mainspring_guest.component"
SETTINGS = "mainspring_project.json"
BUILD_FAILED = "mainspring-build-failed: "
# The same for every build: some of it ends up in the component.
FILE_TIME = 1_577_836_800


def make_component(settings: dict) -> dict:
    """Makes `out` from the project; where nothing has changed, what is there is kept."""
    project = pathlib.Path(settings["project"])
    work = pathlib.Path(settings["work"])
    modules = workflow_modules(project, settings["workflows"])
    bundle = work / "bundle"
    _fill_bundle(bundle, project, modules)
    _fill_wit(work / "wit", pathlib.Path(settings["wit"]), settings["unserved"])
    folders = [bundle / "src"] if (bundle / "src").is_dir() and roots(project)[0] == "src" else []
    folders += [bundle, pathlib.Path(settings["sdk"]), pathlib.Path(settings["packages"]) / "site"]
    out = pathlib.Path(settings["out"])
    key = _key(bundle, work / "wit", settings)
    stamp = out.with_suffix(".key")
    if not (out.is_file() and stamp.is_file() and stamp.read_text() == key):
        stamp.unlink(missing_ok=True)
        _componentize(work / "wit", folders, out)
        stamp.write_text(key)
    return {"workflows": modules}


def _fill_bundle(bundle: pathlib.Path, project: pathlib.Path, modules: list[str]) -> None:
    shutil.rmtree(bundle, ignore_errors=True)
    bundle.mkdir(parents=True)
    for file in sources(project):
        (bundle / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project / file, bundle / file)
    given = {key.replace("-", "_"): value for key, value in read_settings(project).items()}
    text = json.dumps({**given, "workflows": modules}, sort_keys=True)
    for root in roots(project):
        (bundle / root / SETTINGS).write_text(text, encoding="utf-8")
    (bundle / hash_seed.FILE_NAME).write_bytes(hash_seed.library())
    for path in [*bundle.rglob("*"), bundle]:
        os.utime(path, (FILE_TIME, FILE_TIME))


def _fill_wit(folder: pathlib.Path, wit: pathlib.Path, unserved: list[str]) -> None:
    """The contract without the interfaces that servers refuse to see imported."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in sorted(wit.glob("*.wit")):
        text = file.read_text(encoding="utf-8")
        for interface in unserved:
            text = re.sub(rf"^ *import {re.escape(interface)};\n", "", text, flags=re.MULTILINE)
        (folder / file.name).write_text(text, encoding="utf-8")


def _key(bundle: pathlib.Path, wit: pathlib.Path, settings: dict) -> str:
    """What decides the component. The other folders are named after their content."""
    digest = hashlib.sha256()
    for folder in (bundle, wit):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
    for name in ("sdk", "packages", "tools"):
        digest.update(pathlib.Path(settings[name]).name.encode() + b"\0")
    return digest.hexdigest()


def _componentize(wit: pathlib.Path, folders: list[pathlib.Path], out: pathlib.Path) -> None:
    command = [
        str(pathlib.Path(sys.executable).parent / "componentize-py"),
        "-d", str(wit), "-w", "workflow", "componentize", "--stub-wasi",
    ]
    for folder in folders:
        command += ["-p", str(folder)]
    command += [APP, "-o", str(out)]
    environment = {**os.environ, "RUST_BACKTRACE": "0"}
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise Mistake(_explain(done.stdout + done.stderr))


def _explain(output: str) -> str:
    """The tool's words in the user's terms."""
    for line in output.splitlines():
        _, found, said = line.partition(BUILD_FAILED)
        if found:
            return _sentence(json.loads(said))
    return f"componentize-py failed:\n{output.strip()[-4000:]}"


def _sentence(said: dict) -> str:
    place = f" (at {said['place']})" if said["place"] else ""
    if said["kind"] == "ProjectError" or "native code" in said["message"]:
        return said["message"] + place
    if said["kind"] == "ModuleNotFoundError" and (said["module"] or "").startswith("_"):
        needs = f"package {said['package']}, which needs" if said["package"] else "code that needs"
        return (
            f"the workflows import {needs} the native module {said['module']}: a component "
            "has none; import it inside the activities that use it, in a file that no workflow "
            "imports, or list the package in `placeholders` below [tool.mainspring] in "
            f"pyproject.toml{place}"
        )
    if said["kind"] == "ModuleNotFoundError":
        return (
            f"the workflows import {said['module']}, which the project's requirements do not "
            f"bring{place}"
        )
    return f"the workflows cannot be loaded: {said['kind']}: {said['message']}{place}"
