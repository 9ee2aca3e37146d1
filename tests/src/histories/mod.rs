//! Histories as text, for people and for comparisons.
//!
//! A [`Story`] holds one run or several that belong together, with a heading that says
//! what they show. [`Story::text`] writes their events in order, with placeholders for
//! whatever differs from one time to the next: run IDs, requests, components, times,
//! sizes, library versions. Placeholders are numbered by first appearance, so that what
//! was equal still reads equal. [`Story::check`] compares that text with the file that
//! is kept of it; [`Story::save`] leaves the histories themselves, as protobuf JSON, to
//! the tests that have an official SDK read them.

mod compare;
mod json;
mod placeholders;
mod text;

use std::path::Path;

use temporalio_protos::temporal::api::history::v1::{History, HistoryEvent};

use self::placeholders::Placeholders;

/// Runs that belong together.
#[derive(Clone, Debug)]
pub struct Story {
    name: &'static str,
    heading: &'static str,
    runs: Vec<Run>,
    of_every_language: bool,
    without_tasks: bool,
}

/// One run of a story.
#[derive(Clone, Debug)]
struct Run {
    workflow_id: String,
    events: Vec<HistoryEvent>,
}

impl Story {
    /// A story without runs. The name is that of its file; the heading names the rows
    /// of the table of semantics that it shows, and says how.
    pub fn new(name: &'static str, heading: &'static str) -> Self {
        let runs = Vec::new();
        Self {
            name,
            heading,
            runs,
            of_every_language: false,
            without_tasks: false,
        }
    }

    /// The text leaves out what is a language's own: stack traces, what its library
    /// says of itself, whether nothing is null or no value at all.
    #[must_use]
    pub fn of_every_language(mut self) -> Self {
        self.of_every_language = true;
        self
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Adds a run behind those that it has.
    pub fn add(&mut self, workflow_id: &str, events: Vec<HistoryEvent>) {
        self.runs.push(Run {
            workflow_id: workflow_id.to_owned(),
            events,
        });
    }

    /// The text leaves the workflow tasks out: how many there are depends on what
    /// comes first, the code or another run.
    #[must_use]
    pub fn without_tasks(mut self) -> Self {
        self.without_tasks = true;
        self
    }

    /// The story as its file has it.
    pub fn text(&self) -> String {
        let mut names = Placeholders::new(self.of_every_language, self.without_tasks);
        let mut text = String::new();
        for line in self.heading.lines() {
            text += &format!("# {}\n", line.trim());
        }
        for run in &self.runs {
            let run_id = run.events.first().map(run_id_of).unwrap_or_default();
            let run_id = names.string("run_id", &run_id);
            text += &format!("\n== {} {run_id}\n", names.string("", &run.workflow_id));
            text += &text::events(&run.events, &mut names);
        }
        text
    }

    /// Compares the story with its file in a folder; `Err` is a readable difference.
    /// Where the variable `MAINSPRING_BLESS` is set the file is written instead.
    pub fn check(&self, folder: &Path) -> Result<(), String> {
        compare::check(&folder.join(format!("{}.txt", self.name)), &self.text())
    }

    /// Writes each run's history into a folder, as `temporal workflow show` prints it:
    /// `NAME.json`, `NAME.2.json` …
    pub fn save(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        for (index, run) in self.runs.iter().enumerate() {
            let number = match index {
                0 => String::new(),
                _ => format!(".{}", index + 1),
            };
            let file = folder.join(format!("{}{number}.json", self.name));
            let history = History {
                events: run.events.clone(),
            };
            std::fs::write(&file, json::pretty(&history))?;
        }
        Ok(())
    }
}

/// The run ID that a history begins with.
fn run_id_of(event: &HistoryEvent) -> String {
    use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
    match &event.attributes {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => {
            started.original_execution_run_id.clone()
        }
        _ => String::new(),
    }
}
