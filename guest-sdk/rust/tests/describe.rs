//! What a component says about itself.

use mainspring_workflow::__private::bindings::mainspring::workflow::description::{
    ReadsPolicy, VersioningPolicy,
};
use mainspring_workflow::__private::{describe, entry};
use mainspring_workflow::{WorkflowContext, WorkflowResult, workflow, workflow_methods};

/// Watches a subscription.
///
/// For years, if need be.
#[workflow(
    name = "billing/subscription",
    reads = "trust",
    versioning = "auto-upgrade"
)]
#[derive(Default)]
struct Subscription;

#[workflow_methods]
impl Subscription {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        Ok(())
    }

    /// Ends it.
    #[signal(name = "end-now")]
    fn end(&mut self) {}

    /// Whether it is paid.
    #[query]
    fn paid(&self) -> bool {
        true
    }
}

#[workflow(name = "unused")]
#[derive(Default)]
struct Plain;

#[workflow_methods]
impl Plain {
    #[run(name = "plain")]
    async fn run(_ctx: &mut WorkflowContext<Self>) {}
}

mainspring_workflow::export!(Subscription, Plain);

#[test]
fn names_docs_and_policies_are_described() {
    let component = describe(&[entry::<Subscription>(), entry::<Plain>()]);
    assert_eq!(
        (component.sdk_name.as_str(), component.language.as_str()),
        ("mainspring-workflow", "rust")
    );
    let [subscription, plain] = component.workflows.as_slice() else {
        panic!("two workflows")
    };

    assert_eq!(subscription.workflow_type, "billing/subscription");
    assert_eq!(
        subscription.description,
        "Watches a subscription.\n\nFor years, if need be."
    );
    assert_eq!(subscription.reads, ReadsPolicy::Trust);
    assert_eq!(subscription.versioning, VersioningPolicy::AutoUpgrade);
    let signals: Vec<_> = subscription
        .signals
        .iter()
        .map(|signal| (signal.name.as_str(), signal.description.as_str()))
        .collect();
    assert_eq!(signals, [("end-now", "Ends it.")]);
    let queries: Vec<_> = subscription
        .queries
        .iter()
        .map(|query| (query.name.as_str(), query.description.as_str()))
        .collect();
    assert_eq!(queries, [("paid", "Whether it is paid.")]);

    assert_eq!(plain.workflow_type, "plain");
    assert_eq!(
        (plain.reads, plain.versioning),
        (ReadsPolicy::Rebuild, VersioningPolicy::Pinned)
    );
}

#[test]
#[should_panic(expected = "\"plain\"")]
fn one_type_name_for_two_workflows_is_refused() {
    let _ = describe(&[entry::<Plain>(), entry::<Plain>()]);
}
