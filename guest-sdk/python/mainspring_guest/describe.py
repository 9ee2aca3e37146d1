"""What the component says of itself at its upload."""

import inspect

from temporalio.common import VersioningBehavior
from wit_world.imports import description as wit

from . import NAME, VERSION
from .official import library_version


def describe(project):
    return wit.ComponentDescription(
        workflows=[_workflow(project, name) for name in sorted(project.definitions)],
        sdk_name=NAME,
        sdk_version=f"{VERSION}+temporalio.{library_version()}",
        language="python",
    )


def _workflow(project, name: str):
    definition = project.definitions[name]
    trusts = "*" in project.trusted_reads or name in project.trusted_reads
    return wit.WorkflowDefinition(
        workflow_type=name,
        description=_first_paragraph(definition.cls),
        input_schema=None,
        output_schema=None,
        signals=_handlers(definition.signals),
        queries=_handlers(definition.queries),
        updates=_handlers(definition.updates),
        versioning=_versioning(definition),
        reads=wit.ReadsPolicy.TRUST if trusts else wit.ReadsPolicy.REBUILD,
    )


def _versioning(definition):
    behavior = getattr(definition, "versioning_behavior", None)
    if behavior == VersioningBehavior.AUTO_UPGRADE:
        return wit.VersioningPolicy.AUTO_UPGRADE
    return wit.VersioningPolicy.PINNED


def _handlers(definitions) -> list:
    return [
        wit.Handler(
            name=name or "",
            description=getattr(handler, "description", None) or "",
            input_schema=None,
            output_schema=None,
        )
        for name, handler in sorted(definitions.items(), key=lambda pair: pair[0] or "")
    ]


def _first_paragraph(cls: type) -> str:
    # Not `inspect.getdoc`, which would take what a base class says.
    text = inspect.cleandoc(cls.__doc__ or "")
    return text.partition("\n\n")[0].replace("\n", " ")
