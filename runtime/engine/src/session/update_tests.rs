//! Updates from the code's side: a read phase, a verdict, an outcome.

use temporalio_protos::temporal::api::common::v1::Payloads;
use temporalio_protos::temporal::api::update::v1::{Input, Meta, Request};

use super::tests::{begin, second, session};
use super::*;
use crate::failure;
use crate::guest::UpdateDelivery;

fn bring(session: &mut Session, run_validator: bool) {
    let request = Request {
        meta: Some(Meta {
            update_id: "u".into(),
            identity: "caller".into(),
        }),
        input: Some(Input {
            name: "add".into(),
            args: Some(Payloads::default()),
            header: None,
        }),
        ..Request::default()
    };
    session.begin_task(TaskInput {
        scheduled_event_id: 2,
        now: Timestamp::from_nanos(5),
        replaying: !run_validator,
        batch: Vec::new(),
        update: Some(UpdateDelivery {
            request,
            run_validator,
        }),
        info: TaskInfo::default(),
    });
}

fn no() -> Failure {
    failure::application("no".into(), "No", String::new())
}

#[test]
fn msg_14_until_the_verdict_the_code_may_only_look() {
    let mut session = session();
    bring(&mut session, true);
    let Some(GuestEvent::Update { id, name, .. }) = session.next_event() else {
        panic!("the update comes")
    };
    assert_eq!((id.as_str(), name.as_str()), ("u", "add"));
    let (first, second_draw) = (session.random_u64(), session.random_u64());
    assert_ne!(first, second_draw);
    let fault = session.start_timer(second(), None).unwrap_err();
    assert!(fault.message.contains("update validator"), "{fault}");
    assert!(session.begin_wait(second()).is_err());
    assert!(session.complete_update("u", Ok(None)).is_err());
    session.accept_update("u").unwrap();
    assert!(session.has_accepted_update() && session.is_tainted());
    assert!(session.accept_update("u").is_err(), "once");
    assert!(session.reject_update("u", no()).is_err(), "too late");
    session.start_timer(second(), None).unwrap();
    session.complete_update("u", Ok(None)).unwrap();
    assert!(session.complete_update("u", Ok(None)).is_err(), "once");
    let output = session.finish_task(None);
    assert_eq!(output.rejected, None);
    let [
        Command::AcceptUpdate { .. },
        Command::StartTimer(_),
        Command::CompleteUpdate { .. },
    ] = output.commands.as_slice()
    else {
        panic!("{:?}", output.commands)
    };
}

#[test]
fn an_update_without_a_validator_leaves_the_instance_as_it_was() {
    for tainted in [false, true] {
        let mut session = session();
        if tainted {
            session.begin_query("q".into(), None, None);
            session.finish_query();
        }
        bring(&mut session, true);
        session.next_event();
        session.accept_unvalidated_update("u").unwrap();
        assert_eq!(session.is_tainted(), tainted);
        assert!(session.accept_unvalidated_update("u").is_err(), "once");
    }
}

#[test]
fn what_the_handler_draws_is_the_same_whether_the_validator_ran() {
    let draws = [true, false].map(|run_validator| {
        let mut session = session();
        bring(&mut session, run_validator);
        session.next_event();
        if run_validator {
            session.random_u64();
        }
        session.accept_update("u").unwrap();
        session.random_u64()
    });
    assert_eq!(draws[0], draws[1]);
}

#[test]
fn msg_12_a_rejection_is_told_and_asks_for_nothing() {
    let mut session = session();
    bring(&mut session, true);
    session.next_event();
    session.reject_update("u", no()).unwrap();
    let output = session.finish_task(None);
    assert_eq!(output.rejected, Some(no()));
    assert!(output.commands.is_empty() && session.is_tainted());
    assert!(session.complete_update("u", Ok(None)).is_err());
}

#[test]
fn code_that_knows_no_updates_rejects_them() {
    let mut session = session();
    bring(&mut session, true);
    session.next_event();
    let rejected = session.finish_task(None).rejected.unwrap();
    assert!(
        rejected.message.contains("wasn't processed"),
        "{rejected:?}"
    );
}

#[test]
fn msg_14_what_was_accepted_before_cannot_be_rejected_now() {
    let mut session = session();
    bring(&mut session, false);
    session.next_event();
    let fault = session.reject_update("u", no()).unwrap_err();
    assert_eq!(fault.cause, WorkflowTaskFailedCause::NonDeterministicError);
    session.accept_update("u").unwrap();
    assert!(!session.is_tainted(), "no validator ran");
    session.finish_task(None);
    begin(&mut session, Vec::new());
    session.complete_update("u", Err(no())).unwrap();
}

#[test]
fn an_update_of_code_that_sleeps_is_rejected_and_not_heard_later() {
    let mut session = session();
    begin(&mut session, vec![]);
    session.begin_sleep(second()).unwrap();
    session.finish_task(None);
    bring(&mut session, true);
    assert!(!session.sleep_is_over());
    let rejected = session.finish_task(None).rejected.unwrap();
    assert!(rejected.message.contains("sleeps"), "{rejected:?}");
    assert_eq!(session.next_event(), None);
    assert!(!session.is_tainted(), "it has not seen it");
}
