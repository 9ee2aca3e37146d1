//! One behaviour, one history, whatever the language: every case of the table is run on
//! a component of each language and compared with the text in
//! `tests/conformance/histories`; once as usual, and once with the code dropped after
//! every activation, so that all of it is replayed all the time.
//!
//! `MAINSPRING_BLESS=1` writes the texts anew, from Rust.

mod cases;

use std::path::{Path, PathBuf};

use futures::{StreamExt, stream};
use mainspring_tests::histories::Story;
use mainspring_tests::stage::Stage;
use mainspring_tests::{Server, component_of};
use serde_json::Value;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::update::v1::outcome;

use crate::cases::{Case, Do};

/// Large components take long to compile where much else goes on.
const PATIENT: [&str; 2] = ["--compile-time", "600s"];
/// How many cases are played at once.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn rust_behaves_as_the_table_says() {
    check("rust").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typescript_behaves_as_the_table_says() {
    let installed = std::process::Command::new("npm")
        .args(["ci", "--silent", "--no-audit", "--no-fund"])
        .current_dir(folder().join("typescript"))
        .status()
        .expect("npm runs");
    assert!(installed.success(), "npm ci: {installed}");
    check("typescript").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_behaves_as_the_table_says() {
    check("python").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn go_behaves_as_the_table_says() {
    check("go").await;
}

#[test]
fn the_read_me_lists_every_case_and_no_history_is_of_none() {
    let text = std::fs::read_to_string(folder().join("README.md")).expect("it is there");
    let cases = cases::all();
    for case in &cases {
        let line = format!(
            "| {} | `{}` | {} |",
            case.name, case.workflow_type, case.what
        );
        assert!(text.contains(&line), "the read-me lacks: {line}");
    }
    let histories = std::fs::read_dir(folder().join("histories")).expect("it is there");
    for file in histories {
        let name = file.expect("it can be read").file_name();
        let name = name.to_string_lossy();
        let is_kept = |case: &&Case| case.result.is_none() && name == format!("{}.txt", case.name);
        assert!(
            cases.iter().any(|case| is_kept(&case)),
            "{name} is of no case"
        );
    }
}

/// Runs all cases on the component of a language.
async fn check(language: &str) {
    let component = component_of(&format!("tests/conformance/{language}"));
    let mut troubles = Vec::new();
    for flags in [&[][..], &["--evict-after-each-activation"]] {
        let stage = set(&component, flags).await;
        let played = stream::iter(cases::all())
            .map(|case| play(&stage, case))
            .buffer_unordered(AT_ONCE);
        let played: Vec<Result<(), String>> = played.collect().await;
        let failed = played.into_iter().filter_map(Result::err);
        troubles.extend(failed.map(|trouble| format!("{language} {flags:?}: {trouble}")));
    }
    assert!(troubles.is_empty(), "{}", troubles.join("\n\n"));
}

async fn set(component: &Path, flags: &[&str]) -> Stage {
    let server = Server::start(&[flags, &PATIENT].concat()).await;
    let path = component.to_str().expect("a plain path");
    for command in [
        &["component", "upload", path, "--name", "conformance"][..],
        &[
            "search-attribute",
            "create",
            "--name",
            "Colour",
            "--type",
            "Keyword",
        ],
    ] {
        let (said, done) = server.cli(command);
        assert!(done, "{said}");
    }
    Stage::on(server)
}

/// Plays one case; `Err` says how it differs.
async fn play(stage: &Stage, case: Case) -> Result<(), String> {
    let name = case.name;
    for step in &case.then {
        if let Do::Other(workflow_type, input) = step {
            let other = format!("{name}-other");
            stage.start(workflow_type, &other, input.clone()).await;
            stage.begun(&other).await;
        }
    }
    let run_id = stage
        .start(case.workflow_type, name, case.input.clone())
        .await;
    for (number, step) in case.then.iter().enumerate() {
        carry_out(stage, name, number, step).await;
    }
    if let Some(expected) = &case.result {
        let result = result_of(stage, name).await;
        return if result.as_ref() == Some(expected) {
            Ok(())
        } else {
            Err(format!("{name}: {result:?} and not {expected}"))
        };
    }
    let mut story = Story::new(name, case.what).of_every_language();
    if case.beside_others {
        story = story.without_tasks();
    }
    let story = stage.chain(story, name, &run_id).await;
    story.check(&folder().join("histories"))
}

async fn carry_out(stage: &Stage, name: &str, number: usize, step: &Do) {
    match step {
        Do::Begun => stage.begun(name).await,
        Do::After(kind, count) => stage.after(name, "", *kind, *count).await,
        Do::Closed => drop(stage.closed(name, "").await),
        Do::ActivityRuns => stage.activity_runs(name).await,
        Do::Signal(signal, input) => stage.signal(name, signal, input.clone()).await,
        Do::Cancel => stage.cancel(name, "as the table says").await,
        Do::Query(query, expected) => {
            let answer = stage.calls.query(name, query).await;
            assert_eq!(answer.as_ref().ok(), Some(expected), "{name}: {answer:?}");
        }
        Do::Update(update, input, expected) => {
            let mut request = Stage::update_request(name, update, input.clone());
            let meta = request.request.as_mut().and_then(|r| r.meta.as_mut());
            meta.expect("it has an ID").update_id += &format!("-{number}");
            let result = match stage.update_as(request).await {
                outcome::Value::Success(payloads) => {
                    let payload = payloads.payloads.first();
                    payload.map_or(Value::Null, |payload| json_of(&payload.data))
                }
                outcome::Value::Failure(_) => Value::Null,
            };
            assert_eq!(&result, expected, "{name}: update {update}");
        }
        // It is there already.
        Do::Other(..) => {}
    }
}

async fn result_of(stage: &Stage, name: &str) -> Option<Value> {
    match stage.closed(name, "").await.attributes? {
        Attributes::WorkflowExecutionCompletedEventAttributes(completed) => {
            let result = completed.result?;
            Some(json_of(&result.payloads.first()?.data))
        }
        _ => None,
    }
}

fn json_of(data: &[u8]) -> Value {
    serde_json::from_slice(data).unwrap_or_default()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance")
}
