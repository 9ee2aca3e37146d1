//! A run with a long history that is deleted while the server dies.

use std::path::Path;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use mainspring_tests::{Calls, Server, execution};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use temporalio_protos::temporal::api::workflowservice::v1::DeleteWorkflowExecutionRequest;
use tonic::Code;

use super::disk::waiting;

/// Signals, each a row of history: more than one transaction deletes.
const SIGNALS: usize = 1_500;
/// Waits for something that happens soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// One number out of a database, whether its server runs or not.
async fn read(database: &Path, statement: &'static str) -> i64 {
    let options = SqliteConnectOptions::new().filename(database);
    let mut connection = options.connect().await.expect("the file can be opened");
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
    let signals = futures::stream::iter(0..SIGNALS).map(|_| calls.signal("long", "s"));
    let refused = signals
        .buffer_unordered(4)
        .filter(|taken| std::future::ready(taken.is_err()));
    assert_eq!(refused.count().await, 0);
    calls.terminate("long").await.expect("it is terminated");
    let rows = read(&server.database(), "SELECT count(*) FROM history").await;

    let request = DeleteWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution("long", ""),
    };
    let deleted = calls.client().delete_workflow_execution(request).await;
    deleted.expect("it is deleted");
    is_gone(&calls).await;
    server.kill();
    let left = read(&server.database(), "SELECT count(*) FROM history").await;
    println!("{left} of {rows} rows were left when the server died");

    server.restart().await;
    is_gone(&calls).await;
    let (text, listed) = server.cli(&["workflow", "list"]);
    assert!(listed && !text.contains("long"), "{text}");
    let began = Instant::now();
    let left = "SELECT (SELECT count(*) FROM history) + (SELECT count(*) FROM remains)";
    while read(&server.database(), left).await > 0 {
        assert!(began.elapsed() < PATIENCE, "it is not deleted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    calls
        .start("Waiting", "long")
        .await
        .expect("its workflow ID is free");
}
