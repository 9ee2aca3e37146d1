"""The official `temporalio` workflow library, run inside a Mainspring component.

Read in this order: `component` (the component's exports), `run` (one run: batches in,
commands out), `jobs` (events become activation jobs), `commands` (commands become
operations), then `official` (which parts of the library are loaded), `project` (which
workflows the user wrote) and `boundary` (what the standard library means in a workflow).
"""

NAME = "mainspring-python"
VERSION = "0.1.0"
