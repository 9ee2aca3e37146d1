//! Files that are no workflow components, and uploads that break the protocol.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mainspring_api::component::v1::component_service_client::ComponentServiceClient;
use mainspring_api::component::v1::upload_component_request::Part;
use mainspring_api::component::v1::{
    UploadComponentRequest, UploadComponentResponse, UploadHeader,
};
use mainspring_test_guests::{Description, Guest};
use mainspring_tests::Server;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use tonic::{Code, Status};

const MIB: usize = 1024 * 1024;

fn header(version: &str) -> UploadComponentRequest {
    UploadComponentRequest {
        part: Some(Part::Header(UploadHeader {
            namespace: "default".to_owned(),
            version: version.to_owned(),
            ..UploadHeader::default()
        })),
    }
}

fn chunk(bytes: Vec<u8>) -> UploadComponentRequest {
    UploadComponentRequest {
        part: Some(Part::Chunk(bytes)),
    }
}

async fn upload(
    server: &Server,
    parts: impl tokio_stream::Stream<Item = UploadComponentRequest> + Send + 'static,
) -> Result<UploadComponentResponse, Status> {
    let address = format!("http://{}", server.address());
    let client = ComponentServiceClient::connect(address).await;
    let mut client = client.expect("the server takes connections");
    let uploaded = client.upload_component(parts).await;
    uploaded.map(tonic::Response::into_inner)
}

/// Expects a refusal of this upload, with this code and these words.
async fn is_refused(server: &Server, parts: Vec<UploadComponentRequest>, code: Code, words: &str) {
    let refused = upload(server, tokio_stream::iter(parts)).await;
    let refused = refused.expect_err(words);
    assert_eq!(refused.code(), code, "{refused}");
    assert!(refused.message().contains(words), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_workflow_components_are_told_why() {
    let server = Server::start(&["--event-cpu", "300ms"]).await;
    let whole = Guest::new("Whole").component();
    let text = |text: &str| wat::parse_str(text).expect("the text is WebAssembly");
    let many: Vec<String> = (0..100_000).map(|n| format!("Type{n}")).collect();
    let described = |names: &[&str]| Guest::described(Description::of(names)).component();
    let sockets = text(
        r#"(component (import "wasi:sockets/tcp@0.2.0" (instance (export "connect" (func)))))"#,
    );
    let nexus = text(
        r#"(component (import "mainspring:workflow/nexus@1.0.0"
            (instance (export "start-nexus-operation" (func)))))"#,
    );
    let endless = Guest::new("A").describe("(loop $on (br $on))");
    for (bytes, words) in [
        (Vec::new(), "not WebAssembly"),
        (b"PK\x03\x04 an archive".to_vec(), "not WebAssembly"),
        (text("(module)"), "core WebAssembly module"),
        (whole[..whole.len() / 2].to_vec(), "not a valid component"),
        (text("(component)"), "does not export"),
        (Guest::new("A").without("run").component(), "run"),
        (Guest::new("A").without("describe").component(), "describe"),
        (Guest::new("A").mistyped("run").component(), "run"),
        (sockets, "make the call in an activity"),
        (nexus, "start-nexus-operation"),
        (
            Guest::new("A").describe("(unreachable)").component(),
            "unreachable",
        ),
        (endless.component(), "limit event-cpu"),
        (
            Guest::new("A").describe("(call $grow)").component(),
            "limit run-memory-bytes",
        ),
        (described(&[]), "names no workflow type"),
        (described(&["A", "A"]), "type A twice"),
        (described(&[&"x".repeat(1_001)]), "limit id-bytes"),
        (
            Guest::described(Description::of(&many)).component(),
            "limit call-bytes",
        ),
    ] {
        let (said, uploaded) = server.try_upload(&bytes);
        assert!(
            !uploaded && said.contains(words),
            "{words:?} is not in: {said}"
        );
    }
    let (listed, succeeded) = server.cli(&["component", "list"]);
    assert!(succeeded && !listed.contains("sha"), "{listed}");
    let (said, uploaded) = server.try_upload(&whole);
    assert!(uploaded, "the server goes on: {said}");
}

/// A component whose code takes seconds to compile: functions without an end to
/// their arithmetic.
fn slow_to_compile() -> Vec<u8> {
    let step = "(local.set 1 (i64.add (i64.mul (local.get 0) (local.get 1)) (local.get 2)))
        (local.set 2 (i64.xor (i64.rotl (local.get 1) (local.get 0)) (local.get 2)))";
    let function = format!(
        "(func (param i64 i64 i64) (result i64) {} (local.get 2))",
        step.repeat(300)
    );
    let text = format!("(component (core module {}))", function.repeat(1_000));
    wat::parse_str(text).expect("the text is a component")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_compiles_too_long_is_told_the_limit_and_holds_nobody_up() {
    let server = Server::start(&["--compile-time", "1s"]).await;
    let (text, uploaded) = server.try_upload(&Guest::new("Small").component());
    assert!(uploaded, "{text}");
    let bytes = slow_to_compile();
    let began = Instant::now();
    let parts = bytes.chunks(MIB).map(|piece| chunk(piece.to_vec()));
    let parts: Vec<_> = std::iter::once(header("")).chain(parts).collect();
    let (refused, served) = tokio::join!(upload(&server, tokio_stream::iter(parts)), async {
        let mut served = 0;
        while began.elapsed() < Duration::from_secs(1) {
            let id = format!("small-{served}");
            server.calls().start("Small", &id).await.expect("a start");
            served += 1;
        }
        served
    });
    let refused = refused.expect_err("it takes longer than a second");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(
        refused.message().contains("limit compile-time"),
        "{refused}"
    );
    assert!(served > 2, "others are served meanwhile: {served}");
    // What compiles still cannot be stopped: the next one waits, or is told to.
    let other = Guest::new("Other").component();
    let patience = Instant::now();
    loop {
        let (said, uploaded) = server.try_upload(&other);
        if uploaded {
            break;
        }
        assert!(said.contains("compil"), "{said}");
        assert!(patience.elapsed() < Duration::from_secs(120), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_wait_for_their_turn_and_one_that_stands_still_gives_its_place_up() {
    let flags = ["--uploads-at-once", "1", "--compile-time", "3s"];
    let server = Server::start(&[&flags[..], &["--upload-pause", "8s"]].concat()).await;
    let whole = Guest::new("Whole").component();
    let half = whole[..whole.len() / 2].to_vec();
    let parts = tokio_stream::iter([header(""), chunk(half)]);
    let stands_still = tokio_stream::StreamExt::chain(parts, tokio_stream::pending());
    let (stopped, (refused, waited)) = tokio::join!(upload(&server, stands_still), async {
        // It has the one place by then.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let parts = || tokio_stream::iter([header(""), chunk(whole.clone())]);
        let refused = upload(&server, parts()).await;
        let waited = loop {
            match upload(&server, parts()).await {
                Ok(uploaded) => break uploaded,
                Err(refused) => assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}"),
            }
        };
        (refused, waited)
    });
    let refused = refused.expect_err("there is no place");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(
        refused.message().contains("limit uploads-at-once"),
        "{refused}"
    );
    let stopped = stopped.expect_err("it stands still");
    assert_eq!(stopped.code(), Code::DeadlineExceeded, "{stopped}");
    assert!(
        stopped.message().contains("limit upload-pause"),
        "{stopped}"
    );
    assert!(waited.created, "the place was given up");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_the_protocol_is_refused_and_leaves_nothing() {
    let server = Server::start(&[]).await;
    let whole = Guest::new("Whole").component();
    let first = "begins with its header";
    let then = "nothing but chunks";
    let none = UploadComponentRequest { part: None };
    let wrong = Code::InvalidArgument;
    is_refused(&server, vec![], wrong, first).await;
    is_refused(&server, vec![none.clone()], wrong, first).await;
    is_refused(
        &server,
        vec![chunk(whole.clone()), header("")],
        wrong,
        first,
    )
    .await;
    is_refused(&server, vec![header(""), header("")], wrong, then).await;
    let twice = vec![header(""), chunk(whole.clone()), header("")];
    is_refused(&server, twice, wrong, then).await;
    is_refused(&server, vec![header(""), none], wrong, then).await;
    is_refused(&server, vec![header("")], wrong, "not WebAssembly").await;
    let long = "x".repeat(1_001);
    is_refused(&server, vec![header(&long)], wrong, "limit id-bytes").await;
    let mut unknown = header("");
    if let Some(Part::Header(header)) = &mut unknown.part {
        header.namespace = "nowhere".to_owned();
    }
    let unknown = vec![unknown, chunk(whole.clone())];
    is_refused(&server, unknown, Code::NotFound, "nowhere").await;

    // The caller goes away in the middle.
    let half = whole[..whole.len() / 2].to_vec();
    let parts = tokio_stream::iter([header(""), chunk(half)]);
    let endless = tokio_stream::StreamExt::chain(parts, tokio_stream::pending());
    let broken = tokio::time::timeout(Duration::from_secs(1), upload(&server, endless)).await;
    assert!(broken.is_err(), "it was waited for");
    let started = server.calls().start("Whole", "w").await;
    assert_eq!(
        started.expect_err("there is no such type").code(),
        Code::NotFound
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_stands_for_the_same_bytes_for_ever() {
    let server = Server::start(&[]).await;
    let one = Guest::new("One").component();
    let other = Guest::new("One").run("(unreachable)").component();
    let parts = |bytes: &[u8]| vec![header("v1"), chunk(bytes.to_vec())];
    let uploaded = upload(&server, tokio_stream::iter(parts(&one))).await;
    assert!(uploaded.expect("it is taken").created);
    let again = upload(&server, tokio_stream::iter(parts(&one))).await;
    assert!(!again.expect("it is there already").created);
    is_refused(
        &server,
        parts(&other),
        Code::AlreadyExists,
        "stands for other bytes",
    )
    .await;
    server
        .calls()
        .start("One", "one")
        .await
        .expect("the old bytes run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_over_the_limit_is_refused_while_it_comes_in() {
    let server = Server::start(&[]).await;
    let before = server.peak_memory();
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = sent.clone();
    let chunks = (0..1_024).map(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        chunk(vec![0; MIB])
    });
    let parts = tokio_stream::iter(std::iter::once(header("")).chain(chunks));
    let refused = upload(&server, parts).await.expect_err("it is a gigabyte");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(
        refused.message().contains("limit component-bytes"),
        "{refused}"
    );
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 256, "{sent} MiB were sent before the refusal");
    let grown = server.peak_memory().saturating_sub(before) / MIB;
    assert!(grown < 400, "the server took {grown} MiB more");
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_17_a_catch_all_workflow_runs_the_types_that_nobody_exports() {
    let server = Server::start(&[]).await;
    let calls = server.calls();
    let unknown = calls.start("Unheard", "run-1").await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let known = Guest::new("Known").component();
    let any = Guest::described(Description::of(&[""])).component();
    for bytes in [&known, &any] {
        let (said, uploaded) = server.try_upload(bytes);
        assert!(uploaded, "{said}");
    }
    for (workflow_type, component) in [("Known", "Known"), ("Unheard", "catch-all")] {
        let id = format!("run-of-{workflow_type}");
        let run_id = calls.start(workflow_type, &id).await.expect("it starts");
        calls.close_event(&id, &run_id).await;
        let history = calls.history(&id, &run_id).await.expect("a history");
        let ran_by = history.iter().find_map(|event| match &event.attributes {
            Some(Attributes::WorkflowTaskCompletedEventAttributes(completed)) => {
                completed.deployment_version.clone()
            }
            _ => None,
        });
        assert_eq!(ran_by.expect("a task completed").deployment_name, component);
    }
}
