//! The one workflow of the simulator: it carries out the program in its input.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use mainspring_workflow::{
    Activity as Definition, ActivityCancellationType, ActivityOptions, ApplicationFailure,
    ChildCancellationType, ChildWorkflowDefinition, ChildWorkflowOptions, ContinueAsNewOptions,
    MemoUpdate, ParentClosePolicy, RetryPolicy, SearchAttribute, WorkflowContext, WorkflowContextView, WorkflowResult,
    WorkflowTermination, join_all, workflow, workflow_methods,
};
use simulated_program::{
    Activity, Attempt, COLOR, Cancellation, Child, Close, Program, Seen, Step, workflow_id,
};

/// The one activity: its worker goes by the input.
const WORK: Definition<Vec<Attempt>, u64> = Definition::new("Work");

/// The workflow itself, as its own child.
struct Again;

impl ChildWorkflowDefinition for Again {
    type Input = Program;
    type Output = Seen;

    fn name(&self) -> &str {
        "Simulated"
    }
}

type Doing = Pin<Box<dyn Future<Output = ()>>>;
type Context = WorkflowContext<Simulated>;

/// A program under way.
#[workflow]
#[derive(Default)]
pub struct Simulated {
    seen: Seen,
}

#[workflow_methods]
impl Simulated {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, program: Program) -> WorkflowResult<Seen> {
        for step in program.steps {
            perform(ctx.clone(), step).await;
        }
        if ctx.cancellation_token().is_cancelled() {
            return Err(WorkflowTermination::cancelled());
        }
        if let Some(next) = program.next {
            ctx.continue_as_new(*next, ContinueAsNewOptions::default())?;
        }
        if program.fails {
            let failure = ApplicationFailure::builder("as planned").build();
            return Err(WorkflowTermination::failed_application(failure));
        }
        Ok(ctx.state(|state| state.seen.clone()))
    }

    /// Hears a signal.
    #[signal]
    fn tell(&mut self, id: u32) {
        self.seen.heard.push(id);
    }

    /// Hears what another workflow tells it.
    #[signal]
    fn told(&mut self, number: u64) {
        self.seen.trace.push(format!("told {number}"));
    }

    /// Hears a question and answers it, at once or after a moment.
    #[update]
    async fn ask(ctx: &mut WorkflowContext<Self>, id: u32) -> WorkflowResult<u32> {
        ctx.state_mut(|state| state.seen.heard.push(id));
        if id % 2 == 0 {
            ctx.timer(Duration::from_millis(100)).await;
        }
        Ok(id)
    }

    #[update_validator(ask)]
    fn check_ask(&self, _ctx: &WorkflowContextView, id: &u32) -> Result<(), ApplicationFailure> {
        if id % 5 == 4 {
            return Err(ApplicationFailure::builder("not this one").build());
        }
        Ok(())
    }

    /// What was heard so far.
    #[query]
    fn heard(&self) -> Vec<u32> {
        self.seen.heard.clone()
    }
}

fn perform(ctx: Context, step: Step) -> Doing {
    match step {
        Step::Activity(activity) => Box::pin(work(ctx, activity)),
        Step::Sleep(ms) => Box::pin(async move {
            let slept = ctx.timer(Duration::from_millis(ms)).await;
            note(&ctx, format!("slept {ms}: {slept:?}"));
        }),
        Step::Hear(count) => Box::pin(async move {
            let heard = ctx.wait_condition(|state| state.seen.heard.len() >= count);
            let heard = heard.await.is_ok();
            note(&ctx, format!("heard {count}: {heard}"));
        }),
        Step::Draw => Box::pin(async move {
            let drawn: u64 = ctx.random();
            note(&ctx, format!("drew {drawn}"));
        }),
        Step::All(steps) => Box::pin(async move {
            join_all(steps.into_iter().map(|step| perform(ctx.clone(), step))).await;
        }),
        Step::Each(steps) => Box::pin(async move {
            for step in steps {
                perform(ctx.clone(), step).await;
            }
        }),
        Step::First(steps) => Box::pin(first(ctx, steps)),
        Step::Within(ms, step) => Box::pin(within(ctx, ms, *step)),
        Step::Child(child) => Box::pin(bring_up(ctx, *child)),
        Step::Tell(workflow) => Box::pin(async move {
            let number: u64 = ctx.random();
            let other = ctx.external_workflow(workflow_id(workflow));
            let told = other.signal("told", number).await.is_ok();
            note(&ctx, format!("told {workflow}: {told}"));
        }),
        Step::Stop(workflow) => Box::pin(async move {
            let other = ctx.external_workflow(workflow_id(workflow));
            let asked = other.cancel("as planned").await.is_ok();
            note(&ctx, format!("stopped {workflow}: {asked}"));
        }),
        Step::Mark(number) => Box::pin(async move { mark(&ctx, number) }),
    }
}

fn note(ctx: &Context, what: String) {
    ctx.state_mut(|state| state.seen.trace.push(what));
}

/// Sets or removes a search attribute, a field of the memo, or both.
fn mark(ctx: &Context, number: u8) {
    const ATTRIBUTE: SearchAttribute<String> = SearchAttribute::keyword(COLOR);
    if number % 3 != 1 {
        ctx.upsert_search_attributes([match number % 4 {
            0 => ATTRIBUTE.unset(),
            color => ATTRIBUTE.set(format!("color-{color}")),
        }]);
    }
    if number % 3 != 2 {
        let key = format!("mark-{}", number % 2);
        ctx.upsert_memo([match number % 5 {
            0 => MemoUpdate::unset(key),
            _ => MemoUpdate::set(key, &number),
        }]);
    }
    let color = ATTRIBUTE.get(&ctx.info());
    note(ctx, format!("marked {number}: {color:?}"));
}

async fn work(ctx: Context, activity: Activity) {
    let ms = Duration::from_millis;
    let mut options = ActivityOptions::start_to_close_timeout(ms(activity.start_to_close));
    options.schedule_to_close_timeout = activity.schedule_to_close.map(ms);
    options.heartbeat_timeout = activity.heartbeat.map(ms);
    options.task_queue = Some(format!("queue-{}", activity.queue));
    options.cancellation_type = match activity.cancellation {
        Cancellation::Try => ActivityCancellationType::TryCancel,
        Cancellation::Wait => ActivityCancellationType::WaitCancellationCompleted,
        Cancellation::Abandon => ActivityCancellationType::Abandon,
    };
    options.retry_policy = Some(RetryPolicy {
        initial_interval: ms(100),
        maximum_attempts: activity.attempts,
        ..RetryPolicy::default()
    });
    let result = ctx.execute_activity(WORK, activity.work, options).await;
    let result = match result {
        Ok(attempt) => format!("attempt {attempt}"),
        Err(error) => error.to_string(),
    };
    note(&ctx, format!("worked: {result}"));
}

async fn bring_up(ctx: Context, child: Child) {
    let mut options = ChildWorkflowOptions::new();
    options.workflow_id = child.workflow.map(workflow_id);
    options.parent_close_policy = match child.close {
        Close::Terminate => ParentClosePolicy::Terminate,
        Close::Cancel => ParentClosePolicy::RequestCancel,
        Close::Abandon => ParentClosePolicy::Abandon,
    };
    options.cancellation_type = match child.cancellation {
        Cancellation::Try => ChildCancellationType::TryCancel,
        Cancellation::Wait => ChildCancellationType::WaitCancellationCompleted,
        Cancellation::Abandon => ChildCancellationType::Abandon,
    };
    let handle = ctx.child_workflow(Again, child.program, options);
    if child.told {
        let number: u64 = ctx.random();
        let told = handle.signal("told", number).await.is_ok();
        note(&ctx, format!("told the child: {told}"));
    }
    let started = handle.started().await.is_ok();
    note(&ctx, format!("child started: {started}"));
    if !child.left {
        let ended = handle.result().await.is_ok();
        note(&ctx, format!("child ended: {ended}"));
    }
}

/// The first that is done cancels the others; all of them end.
async fn first(ctx: Context, steps: Vec<Step>) {
    let scope = ctx.cancellation_token().child_token();
    let inner = ctx.with_cancellation_token(scope.clone());
    let steps = steps.into_iter().map(|step| perform(inner.clone(), step));
    let mut doing: Vec<Option<Doing>> = steps.map(Some).collect();
    poll_fn(|context| {
        for place in &mut doing {
            if let Some(step) = place
                && step.as_mut().poll(context).is_ready()
            {
                *place = None;
                scope.cancel();
            }
        }
        match doing.iter().all(Option::is_none) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

async fn within(ctx: Context, ms: u64, step: Step) {
    let scope = ctx.cancellation_token().child_token();
    let inner = ctx.with_cancellation_token(scope.clone());
    let alarm_scope = ctx.cancellation_token().child_token();
    let alarm = ctx.with_cancellation_token(alarm_scope.clone());
    let mut step = perform(inner, step);
    let mut alarm: Option<Doing> = Some(Box::pin(async move {
        alarm.timer(Duration::from_millis(ms)).await;
    }));
    poll_fn(|context| {
        if let Some(timer) = &mut alarm
            && timer.as_mut().poll(context).is_ready()
        {
            alarm = None;
            scope.cancel();
        }
        step.as_mut().poll(context)
    })
    .await;
    alarm_scope.cancel();
    if let Some(timer) = alarm {
        timer.await;
    }
}

mainspring_workflow::export!(Simulated);
