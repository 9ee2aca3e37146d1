//! `workflow trace`: the tree of a run and its children, as it is now, and again
//! as it changes while the output is a terminal.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use futures::StreamExt as _;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

use super::show::history;
use crate::cli::{ClientArgs, ExecutionArgs};
use crate::error::CliError;
use crate::output::close::Close;
use crate::output::{self, text, time};
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
    lasted: String,
    note: String,
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
            let lines = draw(&tree);
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
        let mut node = node_of(node, &events, SystemTime::now());
        let depth = usize::try_from(self.depth).unwrap_or(DEEPEST);
        if generation >= depth {
            node.children.clear();
            return Ok(node);
        }
        let children = std::mem::take(&mut node.children);
        let read = children.into_iter().map(|child| {
            let connection = connection.clone();
            async move {
                if child.run_id.is_empty() || self.is_folded(&child.status) {
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
fn node_of(mut node: Node, events: &[HistoryEvent], now: SystemTime) -> Node {
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
    let first = events.first().and_then(|event| event.event_time.as_ref());
    let last = events.last().and_then(|event| event.event_time.as_ref());
    node.lasted = match (first, last, node.status.as_str()) {
        (Some(first), _, "Running") => format!("for {}", time::between(first, &now.into())),
        (Some(first), Some(last), _) => format!("after {}", time::between(first, last)),
        _ => String::new(),
    };
    node
}

/// The tree as lines.
fn draw(root: &Node) -> Vec<String> {
    let mut lines = vec![label(root)];
    draw_children(root, "", &mut lines);
    lines
}

fn draw_children(node: &Node, indent: &str, lines: &mut Vec<String>) {
    let last = node.children.len().saturating_sub(1);
    for (index, child) in node.children.iter().enumerate() {
        let (branch, below) = if index == last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        lines.push(format!("{indent}{branch}{}", label(child)));
        draw_children(child, &format!("{indent}{below}"), lines);
    }
}

fn label(node: &Node) -> String {
    let mut label = format!(
        "{} ({}) {}",
        text::clean(&node.workflow_id),
        text::clean(&node.workflow_type),
        node.status
    );
    for more in [&node.lasted, &node.note] {
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
            draw(&tree),
            [
                "p (T) Running",
                "├─ a (T) Running",
                "│  └─ a1 (T) Running",
                "└─ b (T) Running",
            ]
        );
    }
}
