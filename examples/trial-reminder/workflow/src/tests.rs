//! The trial reminder without a server: the seven days are skipped.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use mainspring_workflow::testing::{Command, TestRun, TestRunError, TestWorkflowEnvironment};

use crate::{
    SEND_TRIAL_ENDING_EMAIL, SEND_WELCOME_EMAIL, TRIAL, TrialInput, TrialReminderWorkflow,
};

/// The mails that were sent.
type Mails = Rc<RefCell<Vec<String>>>;

fn start(input: TrialInput) -> (TestRun<TrialReminderWorkflow>, Mails) {
    let mails = Mails::default();
    let mut env = TestWorkflowEnvironment::new();
    for (activity, kind) in [
        (SEND_WELCOME_EMAIL, "welcome"),
        (SEND_TRIAL_ENDING_EMAIL, "ending"),
    ] {
        let mails = mails.clone();
        env.activity(activity, move |user| {
            mails.borrow_mut().push(format!("{kind} {user}"));
            Ok(())
        });
    }
    (env.start(input), mails)
}

#[test]
fn tim_01_the_second_mail_comes_after_seven_days_and_not_a_second_before() {
    let (mut run, mails) = start(TrialInput::User("user-1".into()));
    run.advance(TRIAL - Duration::from_secs(1));
    assert_eq!(*mails.borrow(), ["welcome user-1"]);
    assert!(!run.is_closed());
    run.result().unwrap();
    assert_eq!(run.elapsed(), Duration::from_secs(604_800));
    assert_eq!(*mails.borrow(), ["welcome user-1", "ending user-1"]);
    run.check_replay().unwrap();
}

#[test]
fn a_trial_may_have_another_length() {
    let (mut run, mails) = start(TrialInput::Timed {
        user_id: "user-1".into(),
        trial_seconds: 90,
    });
    run.result().unwrap();
    assert_eq!(run.elapsed(), Duration::from_secs(90));
    assert_eq!(mails.borrow().len(), 2);
}

#[test]
fn the_input_is_the_user_alone_or_an_object() {
    let read = |json| serde_json::from_str::<TrialInput>(json).unwrap();
    assert_eq!(read(r#""user-1""#), TrialInput::User("user-1".into()));
    let timed = read(r#"{"UserID":"user-1","TrialSeconds":3}"#);
    assert_eq!(
        timed.into_parts(),
        ("user-1".to_owned(), Duration::from_secs(3))
    );
}

#[test]
fn a_user_who_leaves_gets_no_second_mail() {
    let (mut run, mails) = start(TrialInput::User("user-1".into()));
    run.request_cancel_after(Duration::from_secs(86_400), "account closed");
    assert!(matches!(run.result(), Err(TestRunError::Cancelled { .. })));
    assert_eq!(*mails.borrow(), ["welcome user-1"]);
    let cancels = |command: &Command| matches!(command, Command::Cancel { .. });
    assert!(run.commands().iter().any(cancels), "no timer is left over");
    run.check_replay().unwrap();
}
