//! Databases that are not as the server left them: damaged, read-only, written by a
//! newer version or by another program.

use std::path::Path;
use std::process::Command;

use mainspring_test_guests::Guest;
use mainspring_tests::{Calls, Server};
use temporalio_protos::temporal::api::enums::v1::EventType;
use tonic::{Code, Status};

/// Signals in the history of the one run: several pages of it.
const SIGNALS: usize = 40;
/// Where SQLite keeps a file's page size.
const PAGE_SIZE_AT: usize = 16;

fn waiting() -> Guest {
    Guest::new("Waiting").run("(loop $on (br_if $on (i32.eq (call $next) (i32.const 2))))")
}

/// A server that has stopped, over a database with a component and a run that waits.
async fn a_database() -> Server {
    let mut server = Server::start(&[]).await;
    let (text, uploaded) = server.try_upload(&waiting().component());
    assert!(uploaded, "{text}");
    let calls = server.calls();
    for id in ["waiting", "closed"] {
        calls.start("Waiting", id).await.expect("a start is taken");
        for _ in 0..SIGNALS {
            calls.signal(id, "s").await.expect("a signal is taken");
        }
    }
    calls.terminate("closed").await.expect("it is terminated");
    server.stop();
    server
}

fn page_size(database: &[u8]) -> usize {
    let bytes = [database[PAGE_SIZE_AT], database[PAGE_SIZE_AT + 1]];
    match u16::from_be_bytes(bytes) {
        1 => 65_536,
        size => usize::from(size),
    }
}

/// Whether a server that runs over damage tells the truth or says that it cannot.
fn is_honest<T>(answer: Result<T, Status>, is_true: impl Fn(&T) -> bool) -> Result<(), String> {
    match answer {
        Ok(answer) if is_true(&answer) => Ok(()),
        Ok(_) => Err("an answer that is not true".to_owned()),
        Err(status) => {
            let told = matches!(status.code(), Code::Internal | Code::Unavailable);
            if told && !status.message().is_empty() {
                return Ok(());
            }
            Err(format!("{status}"))
        }
    }
}

/// Asks for everything that the database has, and expects the truth or an error that
/// says that it cannot be had.
async fn ask_for_everything(calls: &Calls) -> Result<(), String> {
    let signals = |events: &[_]| {
        let is_one = |event: &&temporalio_protos::temporal::api::history::v1::HistoryEvent| {
            event.event_type() == EventType::WorkflowExecutionSignaled
        };
        events.iter().filter(is_one).count()
    };
    for (id, status) in [("waiting", 1), ("closed", 5)] {
        let history = calls.history(id, "").await;
        is_honest(history, |events| signals(events) >= SIGNALS)
            .map_err(|error| format!("history of {id}: {error}"))?;
        let described = calls.describe(id).await;
        is_honest(described, |described| {
            let info = described.workflow_execution_info.as_ref();
            info.is_some_and(|info| info.status == status)
        })
        .map_err(|error| format!("describe {id}: {error}"))?;
    }
    let signal = calls.signal("waiting", "s").await;
    is_honest(signal, |()| true).map_err(|error| format!("signal: {error}"))?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_pages_are_named_and_nobody_is_lied_to() {
    let mut server = a_database().await;
    let file = server.database();
    let whole = std::fs::read(&file).expect("the database can be read");
    let size = page_size(&whole);
    let pages = whole.len() / size;
    assert!(pages > 20, "{pages} pages");
    let mut named = 0;
    // The first page is the schema: tried by itself below.
    for page in (1..pages).step_by(pages / 12) {
        let mut damaged = whole.clone();
        for byte in &mut damaged[page * size..(page + 1) * size] {
            *byte = !*byte;
        }
        std::fs::write(&file, &damaged).expect("the database can be written");
        match server.try_restart().await {
            Err(said) => {
                let name = file.to_string_lossy().into_owned();
                assert!(said.contains("malformed") || said.contains(&name), "{said}");
                named += 1;
            }
            Ok(()) => {
                let honest = ask_for_everything(&server.calls()).await;
                assert_eq!(honest, Ok(()), "page {page} of {pages}");
                named += usize::from(server.log().contains("damaged"));
                let alive = server.calls().system_info().await;
                alive.expect("the server is alive");
                server.kill();
            }
        }
    }
    assert!(named > 0, "some damage was met");

    // What was whole before is whole again.
    std::fs::write(&file, &whole).expect("the database can be written");
    for file in ["-wal", "-shm"].map(|end| format!("{}{end}", file.display())) {
        let _ = std::fs::remove_file(file);
    }
    server.restart().await;
    let history = server.calls().history("waiting", "").await;
    assert!(history.expect("a history").len() > SIGNALS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_its_first_page_is_refused() {
    let mut server = a_database().await;
    let file = server.database();
    let mut damaged = std::fs::read(&file).expect("the database can be read");
    let size = page_size(&damaged);
    damaged[100..size].fill(0xA5);
    std::fs::write(&file, &damaged).expect("the database can be written");
    let said = server.try_restart().await.expect_err("it cannot be opened");
    assert!(said.contains("cannot open the database"), "{said}");
    assert!(said.contains(&*file.to_string_lossy()), "{said}");
    let kept = std::fs::read(&file).expect("the database can be read");
    assert_eq!(kept, damaged, "it is left alone");
}

/// Runs the server on this file and expects that it refuses, with these words.
fn is_refused(server: &Server, file: &Path, words: &[&str]) {
    let name = file.to_string_lossy();
    let url = format!("sqlite://{name}");
    for command in [
        ["dev", "--port", "0", "--db-filename", &name],
        ["server", "--port", "0", "--db", &url],
    ] {
        let (said, started) = server.cli(&command);
        assert!(!started, "{said}");
        assert!(said.starts_with("Error: "), "a sentence: {said}");
        for words in words.iter().chain([&&*name]) {
            assert!(said.contains(words), "{words:?} is not in: {said}");
        }
    }
}

/// A database of somebody else, as SQLite's own file format has it.
async fn made_by(file: &Path, statements: &[&str]) {
    use sqlx::Connection as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true);
    let connection = sqlx::SqliteConnection::connect_with(&options).await;
    let mut connection = connection.expect("the database opens");
    for statement in statements {
        sqlx::raw_sql(sqlx::AssertSqlSafe(*statement))
            .execute(&mut connection)
            .await
            .expect("the statement runs");
    }
    connection.close().await.expect("the database closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_refused_by_the_binary() {
    let server = a_database().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
                 execution_time) VALUES (9999, 'to come', 1, x'00', 0)";
    made_by(&server.database(), &[newer]).await;
    let words = ["a newer version of Mainspring has written it", "9999"];
    is_refused(&server, &server.database(), &words);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_program_is_refused_by_the_binary_and_left_alone() {
    let server = a_database().await;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("notes.db");
    let table = "CREATE TABLE notes (text TEXT)";
    made_by(&file, &[table, "INSERT INTO notes VALUES ('mine')"]).await;
    is_refused(&server, &file, &["it is the database of another program"]);
    made_by(&file, &["UPDATE notes SET text = 'still mine'"]).await;
}

/// One file that is mounted over itself, read-only. Unmounted when dropped.
struct ReadOnly<'a>(&'a Path);

impl<'a> ReadOnly<'a> {
    fn mount(file: &'a Path) -> Option<Self> {
        let mount = |arguments: &[&str]| {
            let status = Command::new("mount").args(arguments).arg(file).status();
            status.is_ok_and(|status| status.success())
        };
        let name = file.to_string_lossy();
        if !mount(&["--bind", &name]) {
            eprintln!("SKIPPED: no file can be mounted here; run this test as root");
            return None;
        }
        let mounted = Self(file);
        assert!(mount(&["-o", "remount,ro,bind"]), "it can be read-only");
        Some(mounted)
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        // It may be gone with its folder.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_database_is_named_at_the_start_and_keeps_what_was_acknowledged() {
    let mut server = a_database().await;
    let file = server.database();
    let Some(read_only) = ReadOnly::mount(&file) else {
        return;
    };
    let said = server
        .try_restart()
        .await
        .expect_err("it cannot be written");
    assert!(said.contains(&*file.to_string_lossy()), "{said}");
    assert!(said.to_lowercase().contains("read"), "{said}");
    drop(read_only);
    server.restart().await;
    let history = server.calls().history("waiting", "").await;
    let signals = history.expect("a history").into_iter();
    let signals = signals.filter(|e| e.event_type() == EventType::WorkflowExecutionSignaled);
    assert_eq!(signals.count(), SIGNALS);
}
