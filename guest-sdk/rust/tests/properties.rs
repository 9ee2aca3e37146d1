//! Search attributes and memo of a workflow (WF-27), in the test environment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mainspring_workflow::testing::{Command, TestWorkflowEnvironment};
use mainspring_workflow::{
    MemoUpdate, SearchAttribute, WorkflowContext, WorkflowResult, workflow, workflow_methods,
};

const STAGE: SearchAttribute<String> = SearchAttribute::keyword("Stage");
const NOTES: SearchAttribute<String> = SearchAttribute::text("Notes");
const ITEMS: SearchAttribute<i64> = SearchAttribute::int("Items");
const WEIGHT: SearchAttribute<f64> = SearchAttribute::double("Weight");
const FRAGILE: SearchAttribute<bool> = SearchAttribute::bool("Fragile");
const DUE: SearchAttribute<SystemTime> = SearchAttribute::datetime("Due");
const TAGS: SearchAttribute<Vec<String>> = SearchAttribute::keyword_list("Tags");

#[workflow]
#[derive(Default)]
struct Parcel;

#[workflow_methods]
impl Parcel {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, hours: u64) -> WorkflowResult<String> {
        let started_as = STAGE.get(&ctx.info()).unwrap_or_default();
        let hours = Duration::from_secs(hours * 3_600);
        ctx.upsert_search_attributes([
            STAGE.set("packing"),
            NOTES.set("Handle with care"),
            ITEMS.set(3),
            WEIGHT.set(1.5),
            FRAGILE.set(true),
            DUE.set(ctx.workflow_time() + hours),
            TAGS.set(vec!["express".to_owned(), "gift".to_owned()]),
        ]);
        ctx.upsert_memo([
            MemoUpdate::set("packed_by", &"ada"),
            MemoUpdate::unset("draft"),
        ]);
        assert_eq!(STAGE.get(&ctx.info()).as_deref(), Some("packing"));
        ctx.timer(hours).await.fired()?;
        ctx.upsert_search_attributes([STAGE.set("sent"), FRAGILE.unset()]);
        Ok(started_as)
    }
}

#[test]
fn wf_27_code_sets_and_removes_what_lists_show() {
    let mut env = TestWorkflowEnvironment::new()
        .search_attribute(STAGE.set("new"))
        .memo(MemoUpdate::set("draft", &true));
    let mut run = env.start::<Parcel>(2);
    assert_eq!(run.memo::<bool>("draft"), Some(Ok(true)));
    run.settle();
    assert_eq!(run.search_attribute(&STAGE).as_deref(), Some("packing"));
    assert_eq!(
        run.search_attribute(&NOTES).as_deref(),
        Some("Handle with care")
    );
    assert_eq!(run.search_attribute(&ITEMS), Some(3));
    assert_eq!(run.search_attribute(&WEIGHT), Some(1.5));
    assert_eq!(run.search_attribute(&FRAGILE), Some(true));
    let due = UNIX_EPOCH + Duration::from_secs(1_735_689_600 + 7_200);
    assert_eq!(run.search_attribute(&DUE), Some(due));
    assert_eq!(run.search_attribute(&TAGS).unwrap(), ["express", "gift"]);
    assert_eq!(run.memo::<String>("packed_by"), Some(Ok("ada".to_owned())));
    assert_eq!(run.memo::<bool>("draft"), None);

    assert_eq!(run.result().unwrap(), "new");
    assert_eq!(run.search_attribute(&STAGE).as_deref(), Some("sent"));
    assert_eq!(run.search_attribute(&FRAGILE), None);
    let upserts = run
        .commands()
        .into_iter()
        .filter_map(|command| match command {
            Command::UpsertSearchAttributes { changed } => Some(changed),
            _ => None,
        });
    let last = upserts.collect::<Vec<_>>().pop().unwrap();
    let stage = last["Stage"].clone().unwrap();
    assert_eq!(stage.metadata["type"], b"Keyword");
    assert_eq!(last["Fragile"], None);
    run.check_replay().unwrap();
}
