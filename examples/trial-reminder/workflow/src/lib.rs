//! The trial reminder: a mail at the start, a week's sleep, a mail before the end.
//!
//! No table of reminders, and nobody who looks into it: the sleep is a timer in the
//! run's history. It costs no memory to speak of and survives every restart.

use std::time::Duration;

use mainspring_workflow::{
    Activity, ActivityOptions, RetryPolicy, TimerOptions, WorkflowContext, WorkflowResult,
    workflow, workflow_methods,
};
use serde::{Deserialize, Serialize};

/// Greets a new user.
pub const SEND_WELCOME_EMAIL: Activity<String, ()> = Activity::new("SendWelcomeEmail");
/// Tells a user that the trial is about to end.
pub const SEND_TRIAL_ENDING_EMAIL: Activity<String, ()> = Activity::new("SendTrialEndingEmail");

/// How long a trial lasts unless the input says otherwise.
pub const TRIAL: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What a run starts with: the user's ID alone, or an object that also says how long
/// the trial is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TrialInput {
    /// A trial of the usual length.
    User(String),
    /// A trial of another length.
    #[serde(rename_all = "PascalCase")]
    Timed {
        /// The user.
        #[serde(rename = "UserID")]
        user_id: String,
        /// The length, in seconds.
        trial_seconds: u64,
    },
}

impl TrialInput {
    fn into_parts(self) -> (String, Duration) {
        match self {
            Self::User(user_id) => (user_id, TRIAL),
            Self::Timed {
                user_id,
                trial_seconds,
            } => (user_id, Duration::from_secs(trial_seconds)),
        }
    }
}

/// Accompanies one user through the trial.
#[workflow(reads = "trust")]
#[derive(Default)]
pub struct TrialReminderWorkflow;

#[workflow_methods]
impl TrialReminderWorkflow {
    /// A mail, a sleep, a mail.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: TrialInput) -> WorkflowResult<()> {
        let (user_id, trial) = input.into_parts();
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
            .retry_policy(RetryPolicy {
                initial_interval: Duration::from_secs(2),
                ..RetryPolicy::default()
            })
            .build();
        ctx.execute_activity(SEND_WELCOME_EMAIL, &user_id, &options)
            .await?;
        ctx.timer(TimerOptions::new(trial).summary("the trial"))
            .await
            .fired()?;
        ctx.execute_activity(SEND_TRIAL_ENDING_EMAIL, &user_id, &options)
            .await?;
        Ok(())
    }
}

mainspring_workflow::export!(TrialReminderWorkflow);

#[cfg(test)]
mod tests;
