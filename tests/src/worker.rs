//! An activity worker that keeps account of everything it was asked to do.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use temporalio_protos::temporal::api::workflowservice::v1::{
    PollActivityTaskQueueRequest, PollActivityTaskQueueResponse,
    RespondActivityTaskCompletedRequest,
};
use tokio::task::JoinHandle;
use tonic::{Code, Request};

use crate::calls::{Calls, task_queue};

/// How long one poll waits.
const POLL: Duration = Duration::from_secs(5);

/// What a worker was asked to do, and what the server has acknowledged.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Every (run, activity, attempt) that was handed out.
    handed_out: HashSet<(String, String, i32)>,
    /// Every (run, activity) whose completion was acknowledged.
    completed: HashSet<(String, String)>,
    /// What must never happen, in words.
    violations: Vec<String>,
}

impl Ledger {
    fn take(&mut self, task: &PollActivityTaskQueueResponse) {
        let run = run_of(task);
        let attempt = (run.clone(), task.activity_id.clone(), task.attempt);
        if !self.handed_out.insert(attempt.clone()) {
            self.violations
                .push(format!("attempt {attempt:?} was handed out twice"));
        }
        let activity = (run, task.activity_id.clone());
        if self.completed.contains(&activity) {
            self.violations
                .push(format!("{activity:?} runs again after its completion"));
        }
    }

    fn complete(&mut self, task: &PollActivityTaskQueueResponse) {
        let activity = (run_of(task), task.activity_id.clone());
        self.completed.insert(activity);
    }

    /// What must never happen and did.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Activities whose completion was acknowledged.
    pub fn completed(&self) -> usize {
        self.completed.len()
    }
}

fn run_of(task: &PollActivityTaskQueueResponse) -> String {
    let execution = task.workflow_execution.clone().unwrap_or_default();
    execution.run_id
}

/// Polls that work activities off until they are stopped.
pub struct Worker {
    polls: Vec<JoinHandle<()>>,
}

impl Worker {
    /// Starts `polls` polls on the task queue `orders`; every activity succeeds.
    pub fn start(calls: &Calls, polls: usize, ledger: &Arc<Mutex<Ledger>>) -> Self {
        let polls = (0..polls)
            .map(|_| tokio::spawn(work(calls.clone(), ledger.clone())))
            .collect();
        Self { polls }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        for poll in &self.polls {
            poll.abort();
        }
    }
}

async fn work(calls: Calls, ledger: Arc<Mutex<Ledger>>) {
    loop {
        let mut request = Request::new(PollActivityTaskQueueRequest {
            namespace: "default".to_owned(),
            task_queue: Some(task_queue("orders")),
            identity: "test-worker".to_owned(),
            ..PollActivityTaskQueueRequest::default()
        });
        request.set_timeout(POLL);
        match calls.client().poll_activity_task_queue(request).await {
            Ok(task) => {
                let task = task.into_inner();
                if !task.task_token.is_empty() {
                    ledger.lock().expect("no poll panics").take(&task);
                    report(&calls, &task, &ledger).await;
                }
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Reports a completion until the server has taken it, or says that the attempt
/// is not the one that runs.
async fn report(calls: &Calls, task: &PollActivityTaskQueueResponse, ledger: &Mutex<Ledger>) {
    loop {
        let request = RespondActivityTaskCompletedRequest {
            namespace: "default".to_owned(),
            task_token: task.task_token.clone(),
            identity: "test-worker".to_owned(),
            ..RespondActivityTaskCompletedRequest::default()
        };
        match calls
            .client()
            .respond_activity_task_completed(request)
            .await
        {
            Ok(_) => {
                ledger.lock().expect("no poll panics").complete(task);
                return;
            }
            Err(status) if status.code() == Code::NotFound => return,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
