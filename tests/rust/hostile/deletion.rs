//! A run with a long history that is deleted while the server dies.

use std::path::Path;
use std::time::{Duration, Instant};

use mainspring_tests::{Calls, Server, execution};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use temporalio_protos::temporal::api::workflowservice::v1::DeleteWorkflowExecutionRequest;
use tonic::Code;

use super::disk::waiting;

/// Waits for something that happens soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// A history as long as a million events, behind the one of the only run: to play it
/// would take minutes.
const LONG_HISTORY: &str = "\
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT 100000) \
    INSERT INTO history (run_id, first_event_id, last_event_id, events) \
    SELECT run_id, n * 10 + 1000, n * 10 + 1009, zeroblob(300) FROM numbers, runs";
/// What is left of it.
const LEFT: &str = "SELECT (SELECT count(*) FROM history) + (SELECT count(*) FROM remains)";

async fn connect(database: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(database);
    options.connect().await.expect("the file can be opened")
}

/// One number out of a database, whether its server runs or not.
async fn read(database: &Path, statement: &'static str) -> i64 {
    let mut connection = connect(database).await;
    let number = sqlx::query_scalar(statement).fetch_one(&mut connection);
    let number = number.await.expect("the file can be read");
    connection.close().await.expect("the file can be closed");
    number
}

async fn is_gone(calls: &Calls) {
    let missing = calls.describe("long").await;
    let missing = missing.expect_err("it is deleted");
    assert_eq!(missing.code(), Code::NotFound, "{missing}");
    let missing = calls.history("long", "").await;
    assert_eq!(missing.expect_err("it is deleted").code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn lif_13_a_long_history_goes_on_being_deleted_after_a_crash() {
    let mut server = Server::start(&[]).await;
    let (text, uploaded) = server.try_upload(&waiting().component());
    assert!(uploaded, "{text}");
    let calls = server.calls();
    calls
        .start("Waiting", "long")
        .await
        .expect("a start is taken");
    calls.terminate("long").await.expect("it is terminated");
    server.stop();
    let mut connection = connect(&server.database()).await;
    let made = sqlx::query(LONG_HISTORY).execute(&mut connection).await;
    made.expect("the file can be written");
    connection.close().await.expect("the file can be closed");
    server.restart().await;

    let request = DeleteWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution("long", ""),
    };
    let began = Instant::now();
    let deleted = calls.client().delete_workflow_execution(request).await;
    deleted.expect("it is deleted");
    let took = began.elapsed();
    is_gone(&calls).await;
    server.kill();
    let left = read(&server.database(), LEFT).await;
    println!("it was gone after {took:?}; {left} rows were left when the server died");
    assert!(left > 0, "the server dies in the middle");

    server.restart().await;
    is_gone(&calls).await;
    let (text, listed) = server.cli(&["workflow", "list"]);
    assert!(listed && !text.contains("long"), "{text}");
    // Others start as before, with its workflow ID too, while it goes.
    calls
        .start("Waiting", "long")
        .await
        .expect("its workflow ID is free");
    let of_new_run = calls.history("long", "").await.expect("a history").len();
    assert!(of_new_run > 0, "nothing of the new run is deleted");
    calls.terminate("long").await.expect("it is terminated");
    let began = Instant::now();
    let few = 10;
    while read(&server.database(), LEFT).await > few {
        assert!(began.elapsed() < PATIENCE, "it is not deleted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
