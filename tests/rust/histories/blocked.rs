//! Runs whose task fails first. Their code does what no library would do, on servers of
//! their own.

use mainspring_test_guests::Guest;
use mainspring_tests::Server;
use mainspring_tests::histories::Story;
use temporalio_protos::temporal::api::enums::v1::EventType;

/// Instructions that take a second or two.
const BUSY: &str = "(local.set $h (i64.const 0))
    (loop $more (br_if $more (i64.lt_u
      (local.tee $h (i64.add (local.get $h) (i64.const 1)))
      (i64.const 1500000000))))";

async fn server_with(guest: &Guest, flags: &[&str]) -> Server {
    let server = Server::start(flags).await;
    let (said, taken) = server.try_upload(&guest.component());
    assert!(taken, "{said}");
    server
}

async fn told(mut story: Story, server: &Server, id: &str, run_id: &str) -> Story {
    let calls = server.calls();
    calls.close_event(id, run_id).await;
    let history = calls.history(id, run_id).await;
    story.add(id, history.expect("a run has a history"));
    story
}

/// A limit that is too low blocks a run; a server with a higher one lets it go on.
pub async fn limit() -> Story {
    let story = Story::new(
        "wf-03-blocked-and-resumed",
        "WF-03, WF-32: the code takes more time than one event may: the run is blocked, which
         is written once however often it is tried. With a higher limit it goes on.",
    );
    let guest = Guest::new("Busy").run(BUSY);
    let mut server = server_with(&guest, &["--event-cpu", "100ms"]).await;
    let run_id = server
        .calls()
        .start("Busy", "busy")
        .await
        .expect("it starts");
    loop {
        let history = server.calls().history("busy", &run_id).await;
        let history = history.expect("a run has a history");
        let failed = |kind: EventType| kind == EventType::WorkflowTaskFailed;
        if history.iter().any(|event| failed(event.event_type())) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    server.kill();
    let server = Server::start_on(Some(server.database()), &["--event-cpu", "60s"]).await;
    told(story, &server, "busy", &run_id).await
}

/// A signal that comes in while the code runs to its end is heard before that.
pub async fn unhandled() -> Story {
    let story = Story::new(
        "msg-03-signal-at-the-end",
        "MSG-03: a signal comes while the code is busy and about to end: the run does not
         close over it, the task is done again with the signal in it.",
    );
    let heard = "(if (call $take) (then (return (i32.const 16))))";
    let guest = Guest::new("Busy").run(&format!("{heard} {BUSY} (call $continue_as_new)"));
    let server = server_with(&guest, &["--event-cpu", "60s"]).await;
    let calls = server.calls();
    let run_id = calls.start("Busy", "busy").await.expect("it starts");
    calls.signal("busy", "stop").await.expect("it is open");
    told(story, &server, "busy", &run_id).await
}
