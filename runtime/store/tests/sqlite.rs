//! The shared suite on SQLite, and what only SQLite must do.

use std::sync::Arc;

use mainspring_store::sqlite::SqliteStore;
use mainspring_store::{Store, StoreError, suite};
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

/// Changes a database file behind our back.
async fn tamper(path: &std::path::Path, statement: &'static str) {
    use sqlx::{Connection as _, SqliteConnection};
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let connection = SqliteConnection::connect(&url).await;
    let mut connection = connection.expect("the file can be opened");
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
