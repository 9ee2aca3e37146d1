//! The shared suite on SQLite, and what only SQLite must do.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mainspring_store::sqlite::SqliteStore;
use mainspring_store::{Store, StoreError, WriteOutcome, suite};
use tempfile::TempDir;

struct Fixture {
    folder: TempDir,
    store: Arc<SqliteStore>,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = SqliteStore::open(&folder.path().join("m.db"))
            .await
            .expect("a new file can be opened");
        Self {
            folder,
            store: Arc::new(store),
        }
    }
}

macro_rules! suite {
    ($($behaviour:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $behaviour() {
            suite::$behaviour(&*Fixture::new().await.store).await;
        })*
    };
}

mainspring_store::every_behaviour!(suite);

#[tokio::test]
async fn a_second_server_is_kept_out() {
    let fixture = Fixture::new().await;
    let second = SqliteStore::open(&fixture.folder.path().join("m.db")).await;
    assert!(
        matches!(second, Err(StoreError::Locked { .. })),
        "{second:?}"
    );
}

#[tokio::test]
async fn a_closed_store_can_be_opened_again_and_refuses_calls_itself() {
    let fixture = Fixture::new().await;
    let run = suite::a_run_is_written(&*fixture.store).await;
    fixture.store.close().await.unwrap();
    assert!(fixture.store.commit(&[]).await.is_err());
    let path = fixture.folder.path().join("m.db");
    drop(fixture.store);
    let again = SqliteStore::open(&path).await.unwrap();
    suite::it_is_read_back(&again, &run).await;
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let error = SqliteStore::open("/nowhere/at/all/m.db".as_ref())
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error}");
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    std::fs::write(&path, vec![b'x'; 8_192]).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error}");
}

/// LIF-13: while a history of a million events goes, others commit as before, and a
/// store that is opened again goes on with it.
#[tokio::test]
async fn a_million_events_are_deleted_and_no_commit_waits_for_all_of_them() {
    const ROWS: i64 = 100_000;
    let fixture = Fixture::new().await;
    let path = fixture.folder.path().join("m.db");
    let run_id = suite::a_closed_run(&*fixture.store, 1).await;
    fixture.store.close().await.unwrap();
    drop(fixture.store);
    let events = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT {ROWS}) \
         INSERT INTO history (run_id, first_event_id, last_event_id, events) \
         SELECT x'{}', n * 10, n * 10 + 9, zeroblob(300) FROM numbers",
        run_id.simple()
    );
    tamper(&path, events).await;

    let mut store = SqliteStore::open(&path).await.unwrap();
    let mut longest = timed(suite::delete(&store, 1)).await;
    let mut pieces = 0;
    while !store.remains(1).await.unwrap().is_empty() {
        longest = longest.max(timed(suite::delete_a_piece(&store, 1)).await);
        pieces += 1;
        if pieces == 10 {
            store.close().await.unwrap();
            drop(store);
            store = SqliteStore::open(&path).await.unwrap();
        }
    }
    println!("{pieces} pieces, the longest commit took {longest:?}");
    assert!(pieces >= 100, "{pieces} pieces");
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    let left: i64 = read(&path, "SELECT count(*) FROM history").await;
    assert_eq!(left, 0);
}

async fn timed(work: impl Future<Output = WriteOutcome>) -> Duration {
    let began = Instant::now();
    assert_eq!(work.await, WriteOutcome::Applied);
    began.elapsed()
}

/// VIS-03: the indexes of parents and roots have children only.
#[tokio::test]
async fn a_run_that_nobody_started_costs_the_indexes_of_relatives_nothing() {
    let fixture = Fixture::new().await;
    suite::relatives_are_found_by_their_index(&*fixture.store).await;
    let path = fixture.folder.path().join("m.db");
    for (index, rows) in [
        ("visibility_by_start", 3_000),
        ("visibility_by_parent", 10),
        ("visibility_by_root", 10),
    ] {
        let cells =
            format!("SELECT sum(ncell) FROM dbstat WHERE name = '{index}' AND pagetype = 'leaf'");
        let cells: i64 = read(&path, cells).await;
        assert!((rows - 100..=rows).contains(&cells), "{index}: {cells}");
    }
}

/// One number out of a database file.
async fn read(path: &std::path::Path, statement: impl Into<String>) -> i64 {
    use sqlx::{Connection as _, SqliteConnection};
    let url = format!("sqlite://{}", path.display());
    let connection = SqliteConnection::connect(&url).await;
    let mut connection = connection.expect("the file can be opened");
    let statement = sqlx::AssertSqlSafe(statement.into());
    let number = sqlx::query_scalar(statement)
        .fetch_one(&mut connection)
        .await;
    number.expect("the file can be read")
}

/// Changes a database file behind our back.
async fn tamper(path: &std::path::Path, statement: impl Into<String>) {
    use sqlx::{Connection as _, SqliteConnection};
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let connection = SqliteConnection::connect(&url).await;
    let mut connection = connection.expect("the file can be opened");
    let statement = sqlx::AssertSqlSafe(statement.into());
    let changed = sqlx::query(statement).execute(&mut connection).await;
    changed.expect("the file can be changed");
    connection.close().await.expect("the file can be closed");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    tamper(&path, "CREATE TABLE invoices (id INTEGER)").await;
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(error.to_string().contains("another program"), "{error}");
    // Our tables would make this fail.
    tamper(&path, "CREATE TABLE runs (id INTEGER)").await;
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_with_the_way_out() {
    let fixture = Fixture::new().await;
    let path = fixture.folder.path().join("m.db");
    fixture.store.close().await.unwrap();
    drop(fixture.store);
    let newer = "INSERT INTO _sqlx_migrations \
                 (version, description, success, checksum, execution_time) \
                 VALUES (999, 'from the future', 1, x'00', 0)";
    tamper(&path, newer).await;
    let said = SqliteStore::open(&path).await.unwrap_err().to_string();
    assert!(said.contains("newer version of Mainspring"), "{said}");
    assert!(said.contains("999"), "{said}");
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_refused() {
    let fixture = Fixture::new().await;
    let path = fixture.folder.path().join("m.db");
    fixture.store.close().await.unwrap();
    drop(fixture.store);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error}");
}

/// The log is begun anew again and again, however busy the server is: 100 MiB go
/// through it.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_stays_short_under_writes_without_a_pause() {
    let fixture = Fixture::new().await;
    suite::runs_are_written_without_a_pause(&*fixture.store, 1_600, 64 * 1024).await;
    let log = fixture.folder.path().join("m.db-wal");
    let log_bytes = std::fs::metadata(log).unwrap().len();
    assert!(log_bytes < 48 * 1024 * 1024, "{log_bytes} bytes");
}
