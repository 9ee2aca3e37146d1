"""The trial reminder: a mail at the start, a week's sleep, a mail before the end.

No table of reminders, and nobody who looks into it: the sleep is a timer in the run's
history. It costs no memory to speak of and survives every restart.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

# How long a trial lasts unless the input says otherwise.
TRIAL_SECONDS = 7 * 24 * 60 * 60


@workflow.defn
class TrialReminderWorkflow:
    """Accompanies one user through the trial."""

    @workflow.run
    async def run(self, trial: str | dict) -> None:
        # The user's ID alone, or an object that also says how long the trial is.
        if isinstance(trial, str):
            trial = {"UserID": trial}
        user_id = trial["UserID"]
        await self.mail("SendWelcomeEmail", user_id)
        await workflow.sleep(trial.get("TrialSeconds", TRIAL_SECONDS), summary="the trial")
        await self.mail("SendTrialEndingEmail", user_id)

    async def mail(self, which: str, user_id: str) -> None:
        await workflow.execute_activity(
            which,
            user_id,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=RetryPolicy(initial_interval=timedelta(seconds=2)),
        )
