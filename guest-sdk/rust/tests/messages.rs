//! Signals, queries, conditions and channels.

use std::time::Duration;

use mainspring_workflow::testing::{TestRunError, TestWorkflowEnvironment};
use mainspring_workflow::{
    ApplicationFailure, Payload, SyncWorkflowContext, TimerResult, WorkflowContext,
    WorkflowContextView, WorkflowResult, logging, select, workflow, workflow_methods,
};

/// Keeps what happened, in order.
#[workflow]
struct Diary {
    entries: Vec<String>,
    closed: bool,
}

#[workflow_methods]
impl Diary {
    #[init]
    fn new(_ctx: &WorkflowContextView, owner: String) -> Self {
        Self {
            entries: vec![format!("diary of {owner}")],
            closed: false,
        }
    }

    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Vec<String>> {
        ctx.state_mut(|diary| diary.entries.push("run begins".into()));
        ctx.wait_condition(|diary| diary.closed).await?;
        ctx.wait_condition(|_| true).await?;
        let finished = ctx.clone();
        ctx.wait_condition(|_| finished.all_handlers_finished())
            .await?;
        Ok(ctx.state(|diary| diary.entries.clone()))
    }

    /// Adds an entry.
    #[signal]
    fn write(&mut self, ctx: &mut SyncWorkflowContext<Self>, text: String) {
        let id = ctx.info().workflow_id().to_owned();
        self.entries.push(format!("{id}: {text}"));
    }

    /// Adds an entry a second later.
    #[signal(name = "write-later")]
    async fn later(ctx: &mut WorkflowContext<Self>, text: String) {
        let _ = ctx.timer(Duration::from_secs(1)).await;
        ctx.state_mut(|diary| diary.entries.push(text));
    }

    #[signal]
    fn close(&mut self) {
        self.closed = true;
    }

    #[signal]
    fn tear(&mut self) -> Result<(), ApplicationFailure> {
        Err(ApplicationFailure::builder("torn apart")
            .type_name("Torn")
            .build())
    }

    /// The entries so far.
    #[query]
    fn entries(&self) -> Vec<String> {
        self.entries.clone()
    }

    /// One entry.
    #[query]
    fn entry(&self, _ctx: &WorkflowContextView, index: usize) -> Result<String, String> {
        self.entries
            .get(index)
            .cloned()
            .ok_or_else(|| format!("no entry {index}"))
    }
}

#[test]
fn early_messages_are_handled_before_run_begins_and_after_init() {
    let mut env = TestWorkflowEnvironment::new().workflow_id("d1");
    let mut run = env.start::<Diary>("ada".to_owned());
    run.signal("write", "first");
    run.signal("write", "second");
    run.signal("close", ());
    let entries = run.result().unwrap();
    assert_eq!(
        entries,
        ["diary of ada", "d1: first", "d1: second", "run begins"]
    );
    run.check_replay().unwrap();
}

#[test]
fn a_handler_that_waits_runs_beside_the_main_function() {
    let mut env = TestWorkflowEnvironment::new();
    let mut run = env.start::<Diary>("ada".to_owned());
    run.settle();
    run.signal("write-later", "late");
    run.signal("close", ());
    assert_eq!(
        run.result().unwrap().last().map(String::as_str),
        Some("late")
    );
    assert_eq!(run.elapsed(), Duration::from_secs(1));
    run.check_replay().unwrap();
}

#[test]
fn a_failing_handler_fails_the_run() {
    let mut run = TestWorkflowEnvironment::new().start::<Diary>("ada".to_owned());
    run.signal_after(Duration::from_secs(3), "tear", ());
    let Err(TestRunError::Failed(failure)) = run.result() else {
        panic!("the run must fail")
    };
    assert_eq!(failure.application_type(), Some("Torn"));
}

#[test]
fn queries_see_the_state_open_or_closed_and_refuse_by_name() {
    let mut run = TestWorkflowEnvironment::new().start::<Diary>("ada".to_owned());
    assert_eq!(
        run.query::<Vec<String>>("entries", ()).unwrap(),
        ["diary of ada", "run begins"]
    );
    assert_eq!(run.query::<String>("entry", 1_usize).unwrap(), "run begins");
    assert_eq!(
        run.query::<String>("entry", 7_usize).unwrap_err().message,
        "no entry 7"
    );
    let unknown = run.query::<String>("entires", ()).unwrap_err().to_string();
    assert!(
        unknown.contains("\"entires\"") && unknown.contains("entries, entry"),
        "{unknown}"
    );
    let undecodable = run.query::<String>("entry", "one").unwrap_err().to_string();
    assert!(
        undecodable.contains("cannot decode") && undecodable.contains("entries"),
        "{undecodable}"
    );
    run.signal("close", ());
    run.result().unwrap();
    assert_eq!(
        run.query::<String>("entry", 0_usize).unwrap(),
        "diary of ada"
    );
    run.check_replay().unwrap();
}

#[test]
fn a_signal_that_cannot_be_read_is_logged_and_left_out() {
    let mut run = TestWorkflowEnvironment::new().start::<Diary>("ada".to_owned());
    run.signal("write", 7_u8);
    run.signal("close", ());
    assert_eq!(run.result().unwrap(), ["diary of ada", "run begins"]);
    let logs = run.logs();
    assert!(
        logs.iter()
            .any(|line| line.level == logging::Level::Error && line.message.contains("\"write\"")),
        "{logs:?}"
    );
}

/// Waits for an approval, at most a day.
#[workflow]
#[derive(Default)]
struct Approval;

#[workflow_methods]
impl Approval {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        let mut approvals = ctx.signal_channel::<bool>("approval");
        let verdict = select! {
            verdict = approvals.recv() => verdict?,
            timer = ctx.timer(Duration::from_secs(86_400)) => {
                assert_eq!(timer, TimerResult::Fired);
                return Ok("nobody answered".to_owned());
            }
        };
        if !verdict {
            return Err(ApplicationFailure::builder("approval rejected")
                .type_name("ApprovalRejected")
                .non_retryable(true)
                .build()
                .into());
        }
        Ok(format!("approved, {} more", approvals.len()))
    }
}

#[test]
fn signals_without_a_handler_wait_in_their_channel() {
    let mut env = TestWorkflowEnvironment::new();
    let mut run = env.start::<Approval>(());
    run.signal("approval", true);
    run.signal("approval", false);
    run.signal("unrelated", Payload::default());
    assert_eq!(run.result().unwrap(), "approved, 1 more");
    run.check_replay().unwrap();

    let mut run = env.start::<Approval>(());
    run.signal_after(Duration::from_secs(60), "approval", false);
    let Err(TestRunError::Failed(failure)) = run.result() else {
        panic!("the run must fail")
    };
    assert_eq!(failure.application_type(), Some("ApprovalRejected"));

    let mut run = env.start::<Approval>(());
    assert_eq!(run.result().unwrap(), "nobody answered");
    assert_eq!(run.elapsed(), Duration::from_secs(86_400));
    run.check_replay().unwrap();
}

#[test]
fn a_run_that_waits_for_nothing_that_comes_is_reported() {
    let mut run = TestWorkflowEnvironment::new().start::<Diary>("ada".to_owned());
    assert_eq!(run.result(), Err(TestRunError::Blocked));
    assert!(!run.is_closed());
}

#[test]
#[should_panic(expected = "cannot read its input")]
fn an_input_that_does_not_fit_fails_the_task_and_not_the_run() {
    /// Claims one type and is sent another.
    #[workflow]
    #[derive(Default)]
    struct Picky;

    #[derive(serde::Serialize)]
    struct AsText(u8);

    impl<'de> serde::Deserialize<'de> for AsText {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            String::deserialize(deserializer).map(|text| Self(text.len() as u8))
        }
    }

    #[workflow_methods]
    impl Picky {
        #[run]
        async fn run(_ctx: &mut WorkflowContext<Self>, input: AsText) -> WorkflowResult<u8> {
            Ok(input.0)
        }
    }
    TestWorkflowEnvironment::new().start::<Picky>(AsText(3));
}
