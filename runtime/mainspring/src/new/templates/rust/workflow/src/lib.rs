//! The workflow: what has to happen, in order. It runs inside the server.

use std::time::Duration;

use mainspring_workflow::{
    Activity, ActivityOptions, WorkflowContext, WorkflowResult, workflow, workflow_methods,
};

/// Greets by name.
pub const COMPOSE_GREETING: Activity<String, String> = Activity::new("ComposeGreeting");

/// Composes a greeting, waits a moment, and gives it back.
#[workflow(reads = "trust")]
#[derive(Default)]
pub struct GreetingWorkflow {
    step: Option<&'static str>,
}

#[workflow_methods]
impl GreetingWorkflow {
    /// Runs to the end.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, name: String) -> WorkflowResult<String> {
        let options =
            ActivityOptions::with_start_to_close_timeout(Duration::from_secs(30)).build();
        ctx.state_mut(|greeting| greeting.step = Some("composing"));
        let greeting = ctx.execute_activity(COMPOSE_GREETING, &name, &options).await?;
        ctx.state_mut(|greeting| greeting.step = Some("waiting"));
        ctx.timer(Duration::from_secs(1)).await.fired()?;
        ctx.state_mut(|greeting| greeting.step = Some("done"));
        Ok(greeting)
    }

    /// Which step is under way.
    #[query]
    pub fn status(&self) -> &'static str {
        self.step.unwrap_or("not started")
    }
}

mainspring_workflow::export!(GreetingWorkflow);

#[cfg(test)]
mod tests {
    use mainspring_workflow::testing::TestWorkflowEnvironment;

    use super::*;

    #[test]
    fn the_workflow_greets() {
        let mut env = TestWorkflowEnvironment::new();
        env.activity(COMPOSE_GREETING, |name| Ok(format!("Hello, {name}!")));
        let mut run = env.start::<GreetingWorkflow>("you".to_owned());
        assert_eq!(run.result().unwrap(), "Hello, you!");
    }
}
