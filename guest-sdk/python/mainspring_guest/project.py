"""The user's workflows, and what their project says of them.

`mainspring_project.json` beside the sources is written by the build: the modules that
define workflows and the settings of `[tool.mainspring]`.
"""

import asyncio
import importlib
import inspect
import json
import os
import sys
from dataclasses import dataclass, field

SETTINGS = "mainspring_project.json"


class ProjectError(Exception):
    """The project is not as it must be; the message says what to change."""


@dataclass
class Project:
    """What the component runs."""

    # By workflow type; "" is the catch-all.
    definitions: dict = field(default_factory=dict)
    data_converter: object = None
    interceptors: list = field(default_factory=list)
    failure_exception_types: list = field(default_factory=list)
    # Workflow types whose queries and validators change nothing, or "*".
    trusted_reads: frozenset = frozenset()

    def interceptor_classes(self, extern_functions) -> list:
        """The workflow interceptors, outermost first, as a worker orders them."""
        from temporalio.worker._interceptor import WorkflowInterceptorClassInput

        given = WorkflowInterceptorClassInput(unsafe_extern_functions=extern_functions)
        classes = [made.workflow_interceptor_class(given) for made in self.interceptors]
        return [made for made in classes if made is not None]

    # ---- codecs ----------------------------------------------------------------------

    def decode(self, activation) -> None:
        """Applies the payload codec to what comes in."""
        if self._codec is not None:
            from . import codec

            _at_once(codec.decode(self._codec, activation))

    def encode(self, completion) -> None:
        """Applies the payload codec to what goes out."""
        if self._codec is not None:
            from . import codec

            _at_once(codec.encode(self._codec, completion))

    @property
    def _codec(self):
        return getattr(self.data_converter, "payload_codec", None)


def _at_once(coroutine) -> None:
    """Runs a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise ProjectError(
        "the payload codec waits for something; inside a workflow it may only compute"
    )


def placeholders() -> tuple[str, ...]:
    """The packages that are only named here: activities use them."""
    return tuple(_settings().get("placeholders", ()))


def load() -> Project:
    """Imports the workflow modules and reads the settings."""
    import temporalio.converter

    settings = _settings()
    project = Project(data_converter=temporalio.converter.DataConverter.default)
    for name in settings["workflows"]:
        _add_module(project, name)
    if not project.definitions:
        raise ProjectError(
            f"no workflow is defined in {', '.join(settings['workflows'])}; "
            "a workflow is a class with @workflow.defn"
        )
    _read_settings(project, settings)
    return project


def _settings() -> dict:
    for folder in sys.path:
        path = os.path.join(folder, SETTINGS)
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                return json.load(file)
    raise ProjectError(f"{SETTINGS} is not there; build with `mainspring component build`")


def _add_module(project: Project, name: str) -> None:
    module = importlib.import_module(name)
    for value in list(vars(module).values()):
        if inspect.isclass(value):
            _add_class(project, value)
    # Packages: workflows in their modules count too.
    for folder in getattr(module, "__path__", ()):
        for entry in sorted(os.listdir(folder)):
            stem, ending = os.path.splitext(entry)
            if ending == ".py" and stem.isidentifier() and not stem.startswith("__"):
                _add_module(project, f"{name}.{stem}")


def _add_class(project: Project, cls: type) -> None:
    import temporalio.workflow

    definition = temporalio.workflow._Definition.from_class(cls)
    if definition is None or definition.cls is not cls:
        return
    name = definition.name or ""
    known = project.definitions.get(name)
    if known is not None and known.cls is not cls:
        what = f"workflow type {name!r}" if name else "dynamic workflow"
        raise ProjectError(
            f"two classes define the {what}: {_place(known.cls)} and {_place(cls)}; "
            "rename one with @workflow.defn(name=...)"
        )
    project.definitions[name] = definition


def _place(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _read_settings(project: Project, settings: dict) -> None:
    if path := settings.get("data_converter"):
        project.data_converter = _attribute(path)
    for path in settings.get("interceptors", ()):
        made = _attribute(path)
        project.interceptors.append(made() if inspect.isclass(made) else made)
    for path in settings.get("failure_exception_types", ()):
        project.failure_exception_types.append(_attribute(path))
    trusted = settings.get("trust_reads", ())
    project.trusted_reads = frozenset(["*"] if trusted is True else trusted or ())


def _attribute(path: str):
    """What `package.module:name` names."""
    module, colon, name = path.partition(":")
    if not colon:
        raise ProjectError(f"{path!r} in [tool.mainspring] must read \"module:name\"")
    value = importlib.import_module(module)
    for part in name.split("."):
        if not hasattr(value, part):
            raise ProjectError(f"{path!r} in [tool.mainspring] names nothing: {module} has no {name}")
        value = getattr(value, part)
    return value
