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
