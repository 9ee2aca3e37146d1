"""One run: each batch of the contract is one activation of the library.

1. The first activation carries the start and every early message.
2. A batch is taken whole before the code runs, so a run that ends has heard it.
3. The library's commands become calls after it has come to rest, in their order.
4. A query is an activation of its own, and so is an update, but for the first batch.
5. A failed activation traps: the workflow task fails, the run stays open.
"""

from dataclasses import dataclass

from wit_world.imports import clock, events, info

from . import boundary, instance, jobs
from .commands import Commands
from .operations import Operations


@dataclass
class Update:
    """The update that an activation carries."""

    id: str
    # Its validator runs, so the instance is rebuilt behind it.
    is_validated: bool


class ActivationFailed(BaseException):
    """The library could not go on; `message` says why, `place` where."""

    def __init__(self, message: str, place: str) -> None:
        super().__init__(message)
        self.message = message
        self.place = place


class Run:
    """A run of a workflow, from its first batch to its end."""

    def __init__(self, project) -> None:
        self._project = project
        self._facts = info.run()
        self._operations = Operations()
        self._commands = Commands(
            self._operations, self._facts.namespace, self._facts.task_queue
        )
        self._instance = None
        self._end = None

    def to_end(self, arguments):
        """Runs until the workflow ends; answers how."""
        boundary.begin_run(self._facts.random_seed)
        init = jobs.WorkflowActivationJob(
            initialize_workflow=jobs.initialize(self._facts, arguments)
        )
        self._activate(_drain(), init)
        while self._end is None:
            # What is known at once comes before what is recorded next.
            batch = _drain() or [events.next(), *_drain()]
            self._activate(batch)
        # What was answered at once by the last calls, a cancelled timer say.
        _drain()
        return self._end

    def answer_queries(self) -> None:
        """Answers the queries in hand from the state that the run left behind."""
        while (event := events.take()) is not None:
            self._activate([event])

    def _activate(self, batch, init=None) -> None:
        made = [init] if init is not None else []
        update = None
        for event in batch:
            job = jobs.job_of(event, self._operations)
            if job is None:
                continue
            made.append(job)
            if job.HasField("do_update"):
                update = self._update(job.do_update)
        if made:
            end = self._run_jobs(jobs.in_order(made), update)
            # The first end holds: a query after it has none.
            self._end = self._end or end

    def _run_jobs(self, made, update):
        now = clock.now()
        boundary.set_time(now)
        replaying = info.is_replaying()
        activation = jobs.activation(
            self._facts.run_id, now, replaying, info.task(), instance.FLAGS
        )
        activation.jobs.extend(made)
        self._project.decode(activation)
        if self._instance is None:
            init = activation.jobs[0].initialize_workflow
            self._instance = instance.create(self._project, self._facts, activation, init)
        completion = self._instance.activate(activation)
        boundary.flush()
        if completion.HasField("failed"):
            raise boundary.activation_failed(ActivationFailed, completion.failed.failure)
        self._project.encode(completion)
        return self._commands.issue(completion, self._instance, update)

    def _update(self, job) -> Update:
        validated = job.run_validator
        if validated and self._instance is not None:
            known = self._instance._updates
            definition = known.get(job.name) or known.get(None)
            validated = definition is None or definition.validator is not None
        return Update(job.id, validated)


def _drain() -> list:
    """The rest of the batch in hand."""
    taken = []
    while (event := events.take()) is not None:
        taken.append(event)
    return taken
