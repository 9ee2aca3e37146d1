//! From a run that closed to the one that follows it, in the same transition.
//!
//! The close event names its successor, so the two are committed together or not at
//! all. A successor whose first task may run is activated in the same step; a chain
//! that never waits is cut into steps, so that messages are recorded in between.

use mainspring_engine::guest::{Command, ComponentRef, TaskFailure};
use mainspring_engine::run::Run;
use mainspring_engine::session::RunFacts;
use prost::Message as _;
use temporalio_protos::temporal::api::common::v1::{Memo, SearchAttributes};
use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause;

use super::guest::{Guest, Turn};
use super::queries::answer_from_history;
use super::step::Step;
use super::{Actor, Latest, State};
use crate::components::Route;
use crate::error::ServerError;

/// Runs that may follow one another in one step.
const SUCCESSORS_PER_STEP: usize = 8;

impl Actor {
    /// Begins the run that follows the latest one, if it closed with a successor.
    pub(super) async fn succeed(&mut self, step: &mut Step) -> Turn {
        match self.successor(step).await {
            Ok(Some(mut next)) => {
                self.hand_on_updates(&mut next, step);
                self.replace(next, step);
                step.successors += 1;
                if step.successors < SUCCESSORS_PER_STEP {
                    Turn::Again
                } else {
                    Turn::Enough
                }
            }
            Ok(None) => Turn::Enough,
            Err(error) => {
                // The close must not be committed without what it names.
                step.broken = Some(error);
                Turn::Enough
            }
        }
    }

    async fn successor(&mut self, step: &mut Step) -> Result<Option<Run>, ServerError> {
        let Some(latest) = self.latest() else {
            return Ok(None);
        };
        let Some(code) = latest.run.successor_code() else {
            return Ok(None);
        };
        let own = own_component(&latest.run);
        let component = match code.component {
            Some(component) => component,
            None => {
                let (namespace, wish) = (&self.key.namespace, code.versioning);
                let components = &self.core.components;
                let route = components.successor(namespace, &own, &code.workflow_type, wish);
                // A retry has to happen, on the code that there is.
                route.map_or(own, |route| take_route(route, step))
            }
        };
        let mut facts = self.facts_of_latest().await?;
        self.bring_up_to_date(&mut facts).await?;
        let latest = self.latest();
        Ok(latest.and_then(|latest| latest.run.begin_successor(&facts, component)))
    }

    /// What the latest run began with.
    async fn facts_of_latest(&mut self) -> Result<RunFacts, ServerError> {
        let core = self.core.clone();
        let Some(latest) = self.latest() else {
            return Err(ServerError::Internal("there is no run".to_owned()));
        };
        if let Some(facts) = latest.run.new_run_facts() {
            return Ok(facts);
        }
        if let Guest::Live(live) = &latest.guest {
            return Ok((**live.instance.session().facts()).clone());
        }
        let (key, run_id) = (latest.run.key().clone(), latest.run.run_id());
        core.run_facts(&key, run_id).await
    }

    /// Memo and search attributes go on as the run has changed them (WF-27).
    async fn bring_up_to_date(&mut self, facts: &mut RunFacts) -> Result<(), ServerError> {
        let core = self.core.clone();
        let Some(latest) = self.latest().filter(|latest| latest.run.has_upserts()) else {
            return Ok(());
        };
        let stored = core.store.load_properties(latest.run.run_id()).await?;
        let stored = stored.as_ref();
        let (memo, attributes) = latest.run.staged_properties();
        let memo = memo.or(stored.map(|stored| stored.memo.as_slice()));
        let attributes = attributes.or(stored.map(|stored| stored.search_attributes.as_slice()));
        if let Some(memo) = memo {
            facts.started.memo = Memo::decode(memo).ok();
        }
        if let Some(attributes) = attributes {
            facts.started.search_attributes = SearchAttributes::decode(attributes).ok();
        }
        Ok(())
    }

    /// Puts a new run in the place of the latest one, whose changes are kept for
    /// the commit.
    pub(super) fn replace(&mut self, next: Run, step: &mut Step) {
        self.drop_guest();
        if let Some(latest) = self.latest() {
            step.replaced.extend(latest.run.take_change());
        }
        self.leave_queries_behind(step);
        self.state = State::Run(Box::new(Latest {
            run: next,
            guest: Guest::Absent,
            overruns: 0,
        }));
    }

    /// Queries that name the run that is replaced are answered from its history,
    /// once that is committed.
    fn leave_queries_behind(&mut self, step: &mut Step) {
        let State::Run(latest) = &self.state else {
            return;
        };
        let run = &latest.run;
        let (run_id, last_event_id, digest) = (run.run_id(), run.last_event_id(), run.digest());
        let (named, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.queries)
            .into_iter()
            .partition(|waiting| waiting.run.run_id == Some(run_id));
        self.queries = others.into();
        if named.is_empty() {
            return;
        }
        let (core, key) = (self.core.clone(), self.key.clone());
        step.afterwards(move |committed| match committed {
            Ok(()) => drop(tokio::spawn(async move {
                answer_from_history(core, key, run_id, last_event_id, digest, named).await;
            })),
            Err(error) => {
                let said = error.to_string();
                for waiting in named {
                    let error = ServerError::Unavailable(said.clone());
                    let _ = waiting.reply.send(Err(error));
                }
            }
        });
    }

    /// Finds the code of the successor that the commands ask for; `Err`: the task
    /// fails, since there is none.
    pub(super) fn find_successor_code(
        &mut self,
        commands: &mut [Command],
        step: &mut Step,
    ) -> Result<(), TaskFailure> {
        let Some(Command::ContinueAsNew(next)) = commands.last_mut() else {
            return Ok(());
        };
        let (core, namespace) = (self.core.clone(), self.key.namespace.clone());
        let Some(latest) = self.latest() else {
            return Ok(());
        };
        let own = own_component(&latest.run);
        let found =
            core.components
                .successor(&namespace, &own, &next.workflow_type, next.versioning);
        match found {
            Ok(route) => {
                next.component = Some(take_route(route, step));
                Ok(())
            }
            Err(error) => Err(TaskFailure {
                cause: WorkflowTaskFailedCause::BadContinueAsNewAttributes,
                message: error.to_string(),
                details: String::new(),
            }),
        }
    }
}

fn own_component(run: &Run) -> ComponentRef {
    let (name, version) = run.component();
    ComponentRef {
        digest: run.digest(),
        name: name.to_owned(),
        version: version.to_owned(),
    }
}

/// The version stays until the step is committed.
fn take_route(route: Route, step: &mut Step) -> ComponentRef {
    let Route {
        digest,
        name,
        version,
        pin,
    } = route;
    step.pins.push(pin);
    ComponentRef {
        digest,
        name,
        version,
    }
}
