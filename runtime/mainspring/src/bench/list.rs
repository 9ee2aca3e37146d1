//! Pages of lists over many runs, by each kind of filter.

use std::time::Instant;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use temporalio_protos::temporal::api::common::v1::SearchAttributes;

use super::client::Client;
use super::measure::{Latencies, Report};
use crate::cli::value::json_payload;
use crate::error::CliError;

/// Starts under way at once.
const AT_ONCE: usize = 64;
/// Runs on a page.
const PAGE: i32 = 100;
/// One run of this many stays open.
const OPEN_ONE_IN: usize = 10;
/// Values of the keyword, and of the tags.
const COLORS: usize = 10;
const TAGS: usize = 100;

/// The attributes that the runs have, one of each type.
const ATTRIBUTES: [(&str, &str); 7] = [
    ("BenchNotes", "Text"),
    ("BenchColor", "Keyword"),
    ("BenchAmount", "Int"),
    ("BenchPrice", "Double"),
    ("BenchPaid", "Bool"),
    ("BenchDue", "Datetime"),
    ("BenchTags", "KeywordList"),
];

/// A kind of filter: the names of its two figures, and its text. `{n}` is a number
/// below the number of runs, another one for each page; `{run}` is what the workflow
/// IDs begin with.
const LISTS: [(&str, &str, &str); 18] = [
    ("all_p50_ms", "all_p99_ms", ""),
    (
        "status_p50_ms",
        "status_p99_ms",
        "ExecutionStatus = 'Running'",
    ),
    (
        "type_p50_ms",
        "type_p99_ms",
        "WorkflowType = 'BenchSleeper'",
    ),
    ("id_p50_ms", "id_p99_ms", "WorkflowId = '{run}-{n}'"),
    (
        "id_prefix_p50_ms",
        "id_prefix_p99_ms",
        "WorkflowId STARTS_WITH '{run}-{n}'",
    ),
    ("started_p50_ms", "started_p99_ms", "StartTime > NOW() - 1m"),
    ("closed_p50_ms", "closed_p99_ms", "CloseTime < NOW()"),
    (
        "keyword_p50_ms",
        "keyword_p99_ms",
        "BenchColor = 'color-{color}'",
    ),
    (
        "keyword_in_p50_ms",
        "keyword_in_p99_ms",
        "BenchColor IN ('color-1', 'color-{color}')",
    ),
    (
        "keyword_prefix_p50_ms",
        "keyword_prefix_p99_ms",
        "BenchColor STARTS_WITH 'color-{color}'",
    ),
    (
        "int_range_p50_ms",
        "int_range_p99_ms",
        "BenchAmount BETWEEN {n} AND {n_and_200}",
    ),
    ("double_p50_ms", "double_p99_ms", "BenchPrice = {n}.5"),
    ("bool_p50_ms", "bool_p99_ms", "BenchPaid = true"),
    (
        "datetime_p50_ms",
        "datetime_p99_ms",
        "BenchDue > '2030-01-01T00:00:00Z'",
    ),
    (
        "list_member_p50_ms",
        "list_member_p99_ms",
        "BenchTags = 'tag-{tag}'",
    ),
    ("word_p50_ms", "word_p99_ms", "BenchNotes = 'number{n}'"),
    (
        "several_p50_ms",
        "several_p99_ms",
        "BenchColor = 'color-{color}' AND ExecutionStatus = 'Running' AND BenchAmount > {n}",
    ),
    // No index finds nothing: every run is looked at.
    (
        "every_run_p50_ms",
        "every_run_p99_ms",
        "TaskQueue = 'elsewhere'",
    ),
];

/// The same for counts.
const COUNTS: [(&str, &str, &str); 3] = [
    ("count_all_p50_ms", "count_all_p99_ms", ""),
    (
        "count_keyword_p50_ms",
        "count_keyword_p99_ms",
        "BenchColor = 'color-{color}'",
    ),
    (
        "count_groups_p50_ms",
        "count_groups_p99_ms",
        "BenchTags = 'tag-{tag}' GROUP BY ExecutionStatus",
    ),
];

pub(super) async fn run(client: Client, runs: usize, pages: usize) -> Result<Report, CliError> {
    client.register(&ATTRIBUTES).await?;
    let began = Instant::now();
    stream::iter(0..runs)
        .map(|number| start(&client, number))
        .buffer_unordered(AT_ONCE)
        .try_for_each(|()| async { Ok(()) })
        .await?;
    let mut report = Report::new("list")
        .setting("runs", runs)
        .setting("pages", pages)
        .setting("page_size", PAGE)
        .figure("starts_per_s", runs as f64 / began.elapsed().as_secs_f64());
    let kinds = LISTS.iter().map(|kind| (kind, true));
    for ((p50, p99, filter), is_list) in kinds.chain(COUNTS.iter().map(|kind| (kind, false))) {
        let mut latencies = Vec::with_capacity(pages);
        for page in 0..pages {
            let filter = filled(filter, &client, page, runs);
            let began = Instant::now();
            if is_list {
                client.list(filter, PAGE).await?;
            } else {
                client.count(filter).await?;
            }
            latencies.push(began.elapsed());
        }
        let latencies = Latencies::new(latencies);
        report = report
            .figure(p50, latencies.percentile_ms(0.50))
            .figure(p99, latencies.percentile_ms(0.99));
    }
    Ok(report)
}

/// Starts one of the runs; nine of ten complete at once.
async fn start(client: &Client, number: usize) -> Result<(), CliError> {
    let due = if number.is_multiple_of(100) {
        2031
    } else {
        2027
    };
    let values: [Value; 7] = [
        json!(format!("order number{number} of the bench")),
        json!(format!("color-{}", number % COLORS)),
        json!(number),
        json!(number as f64 + 0.5),
        json!(number.is_multiple_of(2)),
        json!(format!("{due}-01-01T00:00:00Z")),
        json!(["bench", format!("tag-{}", number % TAGS)]),
    ];
    let mut attributes = SearchAttributes::default();
    for ((name, _), value) in ATTRIBUTES.iter().zip(values) {
        let payload = json_payload(&value.to_string())
            .map_err(|error| CliError::Answer(format!("an attribute of the bench: {error}")))?;
        attributes
            .indexed_fields
            .insert((*name).to_owned(), payload);
    }
    let (workflow_type, input) = if number.is_multiple_of(OPEN_ONE_IN) {
        ("BenchSignal", None)
    } else {
        ("BenchSleeper", Some(json!(0)))
    };
    client
        .start_with(workflow_type, input.as_ref(), Some(attributes))
        .await
        .map(drop)
}

/// The text of a filter, with other numbers for each page.
fn filled(filter: &str, client: &Client, page: usize, runs: usize) -> String {
    // Spread over all of them, and the same in every bench.
    let n = page.wrapping_mul(7_919) % runs.max(1);
    filter
        .replace("{run}", client.prefix())
        .replace("{n}", &n.to_string())
        .replace("{n_and_200}", &(n + 200).to_string())
        .replace("{color}", &(n % COLORS).to_string())
        .replace("{tag}", &(n % TAGS).to_string())
}
