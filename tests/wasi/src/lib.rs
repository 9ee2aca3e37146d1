//! Workflows that know nothing of this project but its WIT: the standard library's own
//! clock, sleep, random seed and output are those of the run.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant, SystemTime};

use mainspring::workflow::description::{ReadsPolicy, VersioningPolicy, WorkflowDefinition};
use mainspring::workflow::events::{self, Event};
use mainspring::workflow::types::Payload;

wit_bindgen::generate!({
    path: "../../wit",
    world: "workflow",
    generate_all,
});

struct Kit;

export!(Kit);

const TYPES: [&str; 6] = ["Sleeper", "Hearer", "Reader", "Exiter", "Aborter", "Asker"];

impl Guest for Kit {
    fn describe() -> ComponentDescription {
        // Maps are seeded, and programs look at the clock, before there is a run.
        let seeded: HashMap<&str, SystemTime> = HashMap::from([("now", SystemTime::now())]);
        assert_eq!(seeded["now"], SystemTime::UNIX_EPOCH);
        let workflow = |name: &str| WorkflowDefinition {
            workflow_type: name.to_owned(),
            description: String::new(),
            input_schema: None,
            output_schema: None,
            signals: Vec::new(),
            queries: Vec::new(),
            updates: Vec::new(),
            versioning: VersioningPolicy::Pinned,
            reads: ReadsPolicy::Rebuild,
        };
        ComponentDescription {
            workflows: TYPES.map(workflow).to_vec(),
            sdk_name: "none".to_owned(),
            sdk_version: "0.0.0".to_owned(),
            language: "rust".to_owned(),
        }
    }

    fn run(workflow_type: String, _: Payloads) -> RunOutcome {
        match workflow_type.as_str() {
            "Sleeper" => sleeper(),
            "Hearer" => hearer(),
            "Reader" => json(&format!("{:?}", std::fs::read_to_string("/etc/hostname"))),
            "Exiter" => std::process::exit(3),
            "Aborter" => {
                eprintln!("there is a bug in the workflow");
                std::process::abort()
            }
            _ => asker(),
        }
    }

    fn answer_queries() {}
}

/// Sleeps as long as chance wants: a replay with another seed, or another order of a map,
/// would ask for other timers.
fn sleeper() -> RunOutcome {
    let began = Instant::now();
    let mut order: Vec<String> = Vec::new();
    for step in 0..3 {
        let chance = RandomState::new().build_hasher().finish() % 50;
        println!("step {step} draws {chance}");
        std::thread::sleep(Duration::from_millis(100 + chance));
        let map: HashMap<u32, ()> = (0..5).map(|key| (key, ())).collect();
        let keys: Vec<String> = map.keys().map(u32::to_string).collect();
        order.push(keys.join(" "));
    }
    eprint!("half a line");
    let slept = began.elapsed() >= Duration::from_millis(300);
    json(&format!("{slept} {}", order.join(",")))
}

/// Takes what came while it slept.
fn hearer() -> RunOutcome {
    std::thread::sleep(Duration::from_secs(1));
    match events::take() {
        Some(Event::Signal(signal)) => json(&signal.name),
        _ => json("nothing"),
    }
}

/// A library that looks for an environment, arguments and input finds none.
fn asker() -> RunOutcome {
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    json(&format!(
        "{} {} {:?}",
        std::env::vars().count(),
        std::env::args().count(),
        read.ok()
    ))
}

fn json(text: &str) -> RunOutcome {
    RunOutcome::Completed(vec![Payload {
        metadata: vec![("encoding".to_owned(), b"json/plain".to_vec())],
        data: format!("{text:?}").into_bytes(),
    }])
}
