//! Nothing scans: every statement that the shared suite makes SQLite run is
//! explained, and must walk an index and find its order there.
//!
//! Statements are taken from the log (the driver's for reads, ours for writes), so
//! that a new one cannot be forgotten. They are logged on many threads: hence a
//! subscriber for the whole process, and a test binary of its own.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Mutex;

use mainspring_store::sqlite::SqliteStore;
use mainspring_store::{Store as _, suite};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _, SqlSafeStr as _};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

static STATEMENTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Tables that are read whole, on purpose: once, when the server starts.
const READ_WHOLE: [&str; 3] = [
    "SCAN namespaces",
    "SCAN search_attributes",
    "SCAN component_versions",
];

struct Recorder;

impl<S: tracing::Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if ["sqlx::query", "mainspring_store::sql"].contains(&event.metadata().target()) {
            let mut statement = Statement::default();
            event.record(&mut statement);
            let text = [statement.whole, statement.summary];
            let text = text.into_iter().find(|text| !text.is_empty());
            let statements = STATEMENTS.lock();
            let mut statements = statements.expect("nobody panics with it");
            statements.insert(text.unwrap_or_default());
        }
    }
}

/// The text is in one field or, where the driver finds it short, in another.
#[derive(Default)]
struct Statement {
    whole: String,
    summary: String,
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "db.statement" | "statement" => self.whole = value.trim().to_owned(),
            "summary" => self.summary = value.to_owned(),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

macro_rules! run {
    ($($behaviour:ident),* $(,)?) => {
        $(
            let folder = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(&folder.path().join("m.db")).await.unwrap();
            suite::$behaviour(&store).await;
            store.close().await.unwrap();
        )*
    };
}

#[tokio::test]
async fn every_statement_walks_an_index() {
    let recorder = tracing_subscriber::registry().with(Recorder);
    tracing::subscriber::set_global_default(recorder).unwrap();
    mainspring_store::every_behaviour!(run);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.close().await.unwrap();
    let statements: Vec<String> = STATEMENTS
        .lock()
        .unwrap()
        .iter()
        .filter(|text| is_ours(text))
        .cloned()
        .collect();
    let plans = explain(&path, &statements).await;
    let mut wrong = Vec::new();
    for (statement, plan) in statements.iter().zip(&plans) {
        let sorts_on_purpose = statement.ends_with("/* sorts */");
        for step in plan {
            let scans = step.starts_with("SCAN ") && !is_harmless(step);
            let sorts = step.contains("TEMP B-TREE") && !sorts_on_purpose;
            let indexes = step.contains("AUTOMATIC");
            if scans || sorts || indexes {
                wrong.push(format!("{step}\n    in {statement}\n    {plan:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for table in [
        "history",
        "runs",
        "current_runs",
        "activities",
        "timers",
        "children",
        "outbox",
        "request_ids",
        "completed_updates",
        "visibility",
        "run_counts",
        "search_attributes",
        "attribute_values",
        "namespaces",
        "component_versions",
        "component_blobs",
    ] {
        let read = |text: &String| text.starts_with("SELECT") && text.contains(table);
        assert!(statements.iter().any(read), "nothing read {table}");
    }
}

/// Not the migrations, and not what begins and ends transactions.
fn is_ours(statement: &str) -> bool {
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "];
    verbs.iter().any(|verb| statement.starts_with(verb)) && !statement.contains("_sqlx_migrations")
}

/// Values that the statement carries itself, results of another step, and tables
/// that are read whole.
fn is_harmless(step: &str) -> bool {
    let carried = ["SCAN CONSTANT ROW", "SCAN (subquery"];
    carried.iter().any(|known| step.starts_with(known))
        || step.ends_with("CONSTANT ROWS")
        || step.contains("-ROW VALUES CLAUSE")
        || READ_WHOLE.contains(&step)
}

async fn explain(path: &Path, statements: &[String]) -> Vec<Vec<String>> {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = options.connect().await.expect("the file was just made");
    let mut plans = Vec::new();
    for statement in statements {
        let text = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(text.into_sql_str())
            .fetch_all(&mut connection)
            .await;
        let rows = rows.unwrap_or_else(|error| panic!("{error} in {statement}"));
        plans.push(rows.iter().map(|row| row.get("detail")).collect());
    }
    plans
}
