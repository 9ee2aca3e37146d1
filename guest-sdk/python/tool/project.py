"""Reading a project: what it needs, where its workflows are, what it sets."""

import ast
import pathlib
import re

try:
    import tomllib
except ImportError:  # Python 3.10
    from pip._vendor import tomli as tomllib

# Folders that hold no sources of the project.
PASSED_OVER = {
    "__pycache__", "build", "dist", "node_modules", "site-packages", "test", "tests", "venv",
    "env",
}
# Where workflows usually are, in this order.
USUAL = ("workflows", "workflow")
SETTINGS = {
    "workflows", "data-converter", "interceptors", "failure-exception-types", "trust-reads",
    "placeholders",
}


class Mistake(Exception):
    """The project is not as it must be; the message says what to change."""


def requirements(folder: pathlib.Path) -> dict:
    """The requirements of the project, as `pip` reads them."""
    file = folder / "requirements.txt"
    if file.is_file():
        return {"lines": _lines(file), "from": "requirements.txt"}
    tables = read_pyproject(folder)
    wanted = tables.get("project", {}).get("dependencies")
    if wanted is None and "poetry" in tables.get("tool", {}):
        wanted = _of_poetry(tables["tool"]["poetry"].get("dependencies", {}))
    if not wanted:
        raise Mistake(
            f"{folder} names no dependencies: list temporalio in the dependencies of "
            "pyproject.toml or in requirements.txt"
        )
    return {"lines": list(wanted), "from": "pyproject.toml"}


def _lines(file: pathlib.Path, seen: tuple = ()) -> list[str]:
    """The lines of a requirements file, with those of the files that it includes."""
    if file in seen:
        return []
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise Mistake(f"could not read {file}: {error.strerror}") from None
    lines = []
    for line in text.replace("\\\n", " ").splitlines():
        line = line.split(" #")[0].strip()
        included = re.match(r"(?:-r|--requirement)[ =]?(.+)", line)
        if included:
            lines += _lines(file.parent / included[1].strip(), (*seen, file))
        elif re.match(r"(-e|--editable)\b|\.{0,2}/", line):
            # A path means the same wherever pip runs.
            path = re.sub(r"^(-e|--editable)[ =]*", "", line)
            lines.append(str((file.parent / path).resolve()))
        elif line and not line.startswith("#"):
            lines.append(line)
    return lines


def _of_poetry(dependencies: dict) -> list[str]:
    wanted = []
    for name, version in dependencies.items():
        if name == "python":
            continue
        if isinstance(version, dict):
            version = version.get("version", "*")
        if version.startswith("^"):
            parts = version[1:].split(".")
            first = next((i for i, part in enumerate(parts) if part != "0"), len(parts) - 1)
            end = [*parts[:first], str(int(parts[first]) + 1)]
            wanted.append(f"{name}>={version[1:]},<{'.'.join(end)}")
        elif version == "*":
            wanted.append(name)
        elif version.startswith("~"):
            wanted.append(f"{name}~={version[1:]}")
        else:
            wanted.append(f"{name}{version}" if version[0] in "<>=!" else f"{name}=={version}")
    return wanted


def read_pyproject(folder: pathlib.Path) -> dict:
    file = folder / "pyproject.toml"
    if not file.is_file():
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Mistake(f"could not read {file}: {error}") from None


def read_settings(folder: pathlib.Path) -> dict:
    """The table `[tool.mainspring]`."""
    settings = read_pyproject(folder).get("tool", {}).get("mainspring", {})
    unknown = sorted(set(settings) - SETTINGS)
    if unknown:
        raise Mistake(
            f"[tool.mainspring] in {folder / 'pyproject.toml'} has unknown keys "
            f"{', '.join(unknown)}; it knows {', '.join(sorted(SETTINGS))}"
        )
    return settings


def sources(folder: pathlib.Path) -> list[pathlib.Path]:
    """The project's Python files, by their paths in it."""
    found = []

    def walk(here: pathlib.Path) -> None:
        for entry in sorted(here.iterdir()):
            if entry.name.startswith(".") or entry.is_symlink() and not entry.exists():
                continue
            if entry.is_dir():
                is_environment = (entry / "pyvenv.cfg").is_file()
                if entry.name not in PASSED_OVER and not is_environment:
                    walk(entry)
            elif entry.suffix == ".py":
                found.append(entry.relative_to(folder))

    walk(folder)
    return found


def roots(folder: pathlib.Path) -> list[str]:
    """The folders of the project that modules are named from."""
    has_src = (folder / "src").is_dir() and not (folder / "src" / "__init__.py").is_file()
    return ["src", "."] if has_src else ["."]


def workflow_modules(folder: pathlib.Path, asked: list[str]) -> list[str]:
    """The modules that define the workflows."""
    files = sources(folder)
    names = {_module(file, roots(folder)): file for file in files}
    wanted = asked or read_settings(folder).get("workflows") or []
    if isinstance(wanted, str):
        wanted = [wanted]
    if wanted:
        return [_named(name, names, folder) for name in wanted]
    for name in USUAL:
        if name in names:
            return [name]
    defining = [
        name for name, file in names.items() if defines_workflow(folder / file) and name
    ]
    if not defining:
        raise Mistake(
            f"no workflow was found in {folder}: a workflow is a class with @workflow.defn, "
            "in workflows.py or wherever `workflows = [\"package.module\"]` below "
            "[tool.mainspring] in pyproject.toml says"
        )
    return sorted(defining)


def _named(name: str, names: dict, folder: pathlib.Path) -> str:
    """A module's name from what the user wrote: a name or a file."""
    if name in names:
        return name
    path = name.removeprefix("./")
    for module, file in names.items():
        if str(file) == path or str(file) == f"{path.rstrip('/')}/__init__.py":
            return module
    raise Mistake(f"{folder} has no module {name!r}; name it as Python would import it")


def _module(file: pathlib.Path, from_roots: list[str]) -> str:
    parts = list(file.with_suffix("").parts)
    if from_roots[0] == "src" and parts[0] == "src":
        parts = parts[1:]
    if parts and parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def defines_workflow(file: pathlib.Path) -> bool:
    """Whether a class in the file has the decorator of workflows."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for decorator in node.decorator_list:
                call = decorator.func if isinstance(decorator, ast.Call) else decorator
                if ast.unparse(call) in ("workflow.defn", "temporalio.workflow.defn"):
                    return True
    return False
