//! `workflow trace`: the tree of a run and its children, as it is now, and again
//! as it changes while the output is a terminal. As JSON it is written once.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use futures::StreamExt as _;
use prost_wkt_types::Timestamp;
use serde_json::{Value, json};
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

use super::show::history;
use crate::cli::{ClientArgs, ExecutionArgs};
use crate::error::CliError;
use crate::output::close::Close;
use crate::output::{self, Format, json, text, time};
use crate::rpc::Connection;

/// How often the tree is drawn again.
const REDRAW_EVERY: Duration = Duration::from_millis(500);
/// Children are looked for this deep where no depth is given.
const DEEPEST: usize = 100;

/// `workflow trace`.
#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    execution: ExecutionArgs,
    /// Do not look into children that ended like this.
    #[arg(long, value_delimiter = ',', ignore_case = true,
          default_values_t = [Fold::Completed, Fold::Canceled, Fold::Terminated])]
    fold: Vec<Fold>,
    /// Look into every child.
    #[arg(long)]
    no_fold: bool,
    /// How many generations of children are shown; -1 is all.
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    depth: i64,
    /// Histories read at once.
    #[arg(long, default_value_t = 10)]
    concurrency: usize,
}

/// How a child stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Fold {
    Running,
    Completed,
    Failed,
    Canceled,
    Terminated,
    TimedOut,
    ContinuedAsNew,
}

impl std::fmt::Display for Fold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value().expect("no value is skipped");
        f.write_str(value.get_name())
    }
}

/// One run or, without a run ID, a child that has not started.
#[derive(Clone, Debug, Default)]
struct Node {
    workflow_id: String,
    run_id: String,
    workflow_type: String,
    status: String,
    started: Option<Timestamp>,
    closed: Option<Timestamp>,
    /// Why it failed, or did not start.
    note: String,
    /// Its children were not looked for.
    folded: bool,
    children: Vec<Node>,
}

impl TraceArgs {
    /// Draws the tree.
    pub(crate) async fn run(self, client: &ClientArgs) -> Result<(), CliError> {
        let connection = client.connection.open().await?;
        let mut drawn_lines = 0;
        loop {
            let root = Node {
                workflow_id: self.execution.workflow_id.clone(),
                run_id: self.execution.run_id.clone(),
                ..Node::default()
            };
            let tree = self.read(&connection, root, 0).await?;
            if client.output == Format::Json {
                return output::line(&json::plain(&tree.json()));
            }
            let lines = draw(&tree, SystemTime::now());
            if drawn_lines > 0 {
                // Up over what was drawn, and away with it.
                output::raw(format!("\x1b[{drawn_lines}A\x1b[J").as_bytes())?;
            }
            output::line(&lines.join("\n"))?;
            drawn_lines = lines.len();
            if tree.status != "Running" || !std::io::stdout().is_terminal() {
                return Ok(());
            }
            tokio::time::sleep(REDRAW_EVERY).await;
        }
    }

    /// Reads a run and, as far as asked for, its children.
    async fn read(
        &self,
        connection: &Connection,
        node: Node,
        generation: usize,
    ) -> Result<Node, CliError> {
        let mut connection = connection.clone();
        let events = history(&mut connection, &node.workflow_id, &node.run_id).await?;
        let mut node = node_of(node, &events);
        let depth = usize::try_from(self.depth).unwrap_or(DEEPEST);
        if generation >= depth {
            node.folded = !node.children.is_empty();
            node.children.clear();
            return Ok(node);
        }
        let children = std::mem::take(&mut node.children);
        let read = children.into_iter().map(|mut child| {
            let connection = connection.clone();
            async move {
                child.folded = self.is_folded(&child.status);
                if child.run_id.is_empty() || child.folded {
                    return Ok(child);
                }
                Box::pin(self.read(&connection, child, generation + 1)).await
            }
        });
        let read = futures::stream::iter(read).buffered(self.concurrency.max(1));
        node.children = read
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .collect::<Result<_, _>>()?;
        Ok(node)
    }

    fn is_folded(&self, status: &str) -> bool {
        !self.no_fold && self.fold.iter().any(|fold| format!("{fold:?}") == status)
    }
}

/// What a history tells of its run and of the run's children.
fn node_of(mut node: Node, events: &[HistoryEvent]) -> Node {
    let mut children = BTreeMap::<i64, Node>::new();
    let end = |children: &mut BTreeMap<i64, Node>, id: i64, status: &str, note: String| {
        if let Some(child) = children.get_mut(&id) {
            child.status = status.to_owned();
            child.note = note;
        }
    };
    for event in events {
        use Attributes as A;
        match &event.attributes {
            Some(A::WorkflowExecutionStartedEventAttributes(a)) => {
                node.workflow_type = a.workflow_type.clone().unwrap_or_default().name;
                if node.run_id.is_empty() {
                    node.run_id = a.original_execution_run_id.clone();
                }
            }
            Some(A::StartChildWorkflowExecutionInitiatedEventAttributes(a)) => {
                let child = Node {
                    workflow_id: a.workflow_id.clone(),
                    workflow_type: a.workflow_type.clone().unwrap_or_default().name,
                    status: "Asked for".to_owned(),
                    ..Node::default()
                };
                children.insert(event.event_id, child);
            }
            Some(A::StartChildWorkflowExecutionFailedEventAttributes(a)) => {
                let note = output::enum_label(
                    a.cause().as_str_name(),
                    "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_",
                );
                end(&mut children, a.initiated_event_id, "Not started", note);
            }
            Some(A::ChildWorkflowExecutionStartedEventAttributes(a)) => {
                if let Some(child) = children.get_mut(&a.initiated_event_id) {
                    child.status = "Running".to_owned();
                    child.run_id = a.workflow_execution.clone().unwrap_or_default().run_id;
                }
            }
            Some(A::ChildWorkflowExecutionCompletedEventAttributes(a)) => {
                end(
                    &mut children,
                    a.initiated_event_id,
                    "Completed",
                    String::new(),
                );
            }
            Some(A::ChildWorkflowExecutionFailedEventAttributes(a)) => {
                let note = a.failure.as_ref().map(text::failure).unwrap_or_default();
                end(&mut children, a.initiated_event_id, "Failed", note);
            }
            Some(A::ChildWorkflowExecutionCanceledEventAttributes(a)) => {
                end(
                    &mut children,
                    a.initiated_event_id,
                    "Canceled",
                    String::new(),
                );
            }
            Some(A::ChildWorkflowExecutionTimedOutEventAttributes(a)) => {
                end(
                    &mut children,
                    a.initiated_event_id,
                    "TimedOut",
                    String::new(),
                );
            }
            Some(A::ChildWorkflowExecutionTerminatedEventAttributes(a)) => {
                end(
                    &mut children,
                    a.initiated_event_id,
                    "Terminated",
                    String::new(),
                );
            }
            _ => {}
        }
    }
    node.children = children.into_values().collect();
    node.status = match events.last().and_then(Close::of) {
        None => "Running".to_owned(),
        Some(close) => output::enum_label(close.end.status(), ""),
    };
    node.started = events.first().and_then(|event| event.event_time);
    let last = events.last().and_then(|event| event.event_time);
    node.closed = last.filter(|_| node.status != "Running");
    node
}

impl Node {
    /// The tree as a program reads it; what is not known is left out.
    fn json(&self) -> Value {
        let mut object = json!({
            "workflowId": self.workflow_id,
            "workflowType": self.workflow_type,
            "status": self.status,
        });
        let mut add = |name: &str, value: Value| object[name] = value;
        if !self.run_id.is_empty() {
            add("runId", json!(self.run_id));
        }
        for (name, time) in [("startTime", self.started), ("closeTime", self.closed)] {
            if let Some(time) = time {
                add(name, json!(time));
            }
        }
        if !self.note.is_empty() {
            add("reason", json!(self.note));
        }
        if self.folded {
            add("folded", json!(true));
        } else {
            add("children", self.children.iter().map(Node::json).collect());
        }
        object
    }

    /// How long it has been running, or ran.
    fn lasted(&self, now: SystemTime) -> String {
        match (&self.started, &self.closed) {
            (Some(started), None) => format!("for {}", time::between(started, &now.into())),
            (Some(started), Some(closed)) => format!("after {}", time::between(started, closed)),
            (None, _) => String::new(),
        }
    }
}

/// The tree as lines.
fn draw(root: &Node, now: SystemTime) -> Vec<String> {
    let mut lines = vec![label(root, now)];
    draw_children(root, now, "", &mut lines);
    lines
}

fn draw_children(node: &Node, now: SystemTime, indent: &str, lines: &mut Vec<String>) {
    let last = node.children.len().saturating_sub(1);
    for (index, child) in node.children.iter().enumerate() {
        let (branch, below) = if index == last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        lines.push(format!("{indent}{branch}{}", label(child, now)));
        draw_children(child, now, &format!("{indent}{below}"), lines);
    }
}

fn label(node: &Node, now: SystemTime) -> String {
    let mut label = format!(
        "{} ({}) {}",
        text::clean(&node.workflow_id),
        text::clean(&node.workflow_type),
        node.status
    );
    for more in [&node.lasted(now), &node.note] {
        if !more.is_empty() {
            label.push(' ');
            label.push_str(&text::shorten(&text::clean(more), 80));
        }
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(workflow_id: &str, children: Vec<Node>) -> Node {
        Node {
            workflow_id: workflow_id.to_owned(),
            workflow_type: "T".to_owned(),
            status: "Running".to_owned(),
            children,
            ..Node::default()
        }
    }

    #[test]
    fn a_tree_is_drawn_with_its_branches() {
        let tree = node(
            "p",
            vec![node("a", vec![node("a1", vec![])]), node("b", vec![])],
        );
        assert_eq!(
            draw(&tree, SystemTime::now()),
            [
                "p (T) Running",
                "├─ a (T) Running",
                "│  └─ a1 (T) Running",
                "└─ b (T) Running",
            ]
        );
    }

    #[test]
    fn a_tree_is_written_with_what_is_known_of_it() {
        let mut child = node("a", vec![]);
        child.folded = true;
        let mut tree = node("p", vec![child]);
        tree.run_id = "r".to_owned();
        tree.started = Some(Timestamp {
            seconds: 1_700_000_000,
            nanos: 5_000_000,
        });
        assert_eq!(
            tree.json(),
            json!({
                "workflowId": "p",
                "workflowType": "T",
                "runId": "r",
                "status": "Running",
                "startTime": "2023-11-14T22:13:20.005Z",
                "children": [
                    {"workflowId": "a", "workflowType": "T", "status": "Running", "folded": true},
                ],
            })
        );
    }
}
