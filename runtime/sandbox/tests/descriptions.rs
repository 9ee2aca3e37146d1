//! Components whose `describe` breaks down or says what cannot be.

mod bench;

use std::time::{Duration, Instant};

use bench::{Bench, limits};
use mainspring_engine::limits::Limits;
use mainspring_sandbox::{Progress, Refusal};
use mainspring_test_guests::{Description, Guest, Handler};

async fn failure_of(describe: &str) -> String {
    let guest = Guest::new("A").describe(describe);
    match Bench::new(limits()).refusal(&guest).await {
        Refusal::DescribeFailed(why) => why,
        other => panic!("{other}"),
    }
}

async fn lie_of(description: Description) -> String {
    match Bench::new(limits())
        .refusal(&Guest::described(description))
        .await
    {
        Refusal::DescribeLies(what) => what,
        other => panic!("{other}"),
    }
}

fn has(said: &str, words: &str) {
    assert!(said.contains(words), "{words:?} is not in: {said}");
}

#[tokio::test]
async fn a_describe_that_breaks_down_says_how() {
    has(&failure_of("(unreachable)").await, "unreachable");
    has(
        &failure_of("(call $say) (unreachable)").await,
        "the code says something",
    );
    has(&failure_of("(loop $on (br $on))").await, "limit event-cpu");
    has(&failure_of("(call $grow)").await, "limit run-memory-bytes");
    let deep = failure_of("(drop (call $recurse (i32.const 0)))").await;
    has(&deep, "limit run-stack-bytes");
    let waits = failure_of("(drop (call $next))").await;
    has(&waits, "it may call nothing but `log`");
    let starts = failure_of("(drop (call $timer (i64.const 1)))").await;
    has(&starts, "it may call nothing but `log`");
}

#[tokio::test]
async fn a_module_that_breaks_down_at_its_start_says_how() {
    let bench = Bench::new(limits());
    for (start, words) in [
        ("(unreachable)", "unreachable"),
        ("(loop $on (br $on))", "limit event-cpu"),
        ("(call $grow)", "limit run-memory-bytes"),
    ] {
        let refusal = bench.refusal(&Guest::new("A").start(start)).await;
        assert!(matches!(refusal, Refusal::DescribeFailed(_)), "{refusal}");
        has(&refusal.to_string(), words);
    }
}

#[tokio::test]
async fn a_describe_without_end_holds_up_nobody_else() {
    let bench = Bench::new(Limits {
        event_cpu: Duration::from_secs(2),
        ..limits()
    });
    let mut good = bench.live(&Guest::new("Good")).await;
    let endless = Guest::new("A").describe("(loop $on (br $on))");
    let began = Instant::now();
    let (refused, ended_after) = tokio::join!(bench.refusal(&endless), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(matches!(good.go_on(), Progress::Ended(_)));
        began.elapsed()
    });
    assert!(matches!(refused, Refusal::DescribeFailed(_)), "{refused}");
    assert!(ended_after < began.elapsed(), "the run ended meanwhile");
}

#[tokio::test]
async fn a_describe_that_says_what_cannot_be_is_refused_by_name() {
    has(
        &lie_of(Description::default()).await,
        "names no workflow type",
    );
    has(
        &lie_of(Description::of(&["A", "B", "A"])).await,
        "type A twice",
    );
    has(
        &lie_of(Description::of(&["A", "", ""])).await,
        "two catch-all workflows",
    );
    has(&lie_of(Description::of(&["A\0B"])).await, "NUL");
    let long = "x".repeat(1_001);
    has(&lie_of(Description::of(&[&long])).await, "limit id-bytes");
    let long = Description::of(&["A"]).signals(&[Handler::named(&long)]);
    has(&lie_of(long).await, "limit id-bytes");
    let twice = [Handler::named("s"), Handler::named("s")];
    has(
        &lie_of(Description::of(&["A"]).signals(&twice)).await,
        "signal \"s\" twice",
    );
    has(
        &lie_of(Description::of(&["A"]).queries(&twice)).await,
        "query \"s\" twice",
    );
    has(
        &lie_of(Description::of(&["A"]).updates(&twice)).await,
        "update \"s\" twice",
    );
}

#[tokio::test]
async fn wf_17_a_catch_all_of_each_kind_may_be_described() {
    let any = [Handler::named(""), Handler::named("s")];
    let description = Description::of(&["A", ""])
        .signals(&any)
        .queries(&any)
        .updates(&any);
    let (bench, guest) = (Bench::new(limits()), Guest::described(description));
    assert!(bench.admit(&guest).await.is_ok());
}

#[tokio::test]
async fn schemas_are_json() {
    let with = |schema: &str| Description::of(&["A"]).input_schema(schema);
    has(
        &lie_of(with("{\"type\": ")).await,
        "a schema of A is no JSON",
    );
    has(&lie_of(with("42")).await, "no JSON object");
    let query = Handler {
        input_schema: Some("{]".to_owned()),
        ..Handler::named("q")
    };
    let query = Description::of(&["A"]).queries(&[query]);
    has(&lie_of(query).await, "a schema of query q of A");
    let bench = Bench::new(limits());
    for good in ["true", "{\"type\": \"object\"}"] {
        let guest = Guest::described(with(good));
        assert!(bench.admit(&guest).await.is_ok(), "{good}");
    }
}

#[tokio::test]
async fn a_describe_that_says_too_much_is_refused_with_the_limit() {
    let names: Vec<String> = (0..1_001).map(|n| format!("Type{n}")).collect();
    has(
        &lie_of(Description::of(&names)).await,
        "limit component-types",
    );
    let bench = Bench::new(limits());
    let names: Vec<String> = (0..100_000).map(|n| format!("Type{n}")).collect();
    let endless = Guest::described(Description::of(&names));
    let said = bench.refusal(&endless).await.to_string();
    has(&said, "limit call-bytes");
    let talkative = Handler {
        description: "word ".repeat(250_000),
        ..Handler::named("s")
    };
    let talkative = Description::of(&["A"]).signals(&[talkative]);
    has(&lie_of(talkative).await, "limit description-bytes");
}
