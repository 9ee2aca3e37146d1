//! A lean activity worker on the public API: polls, and answers every task at once
//! with nothing. It stands in for workers that cost nothing, so that the server is
//! what is measured.

use std::time::Duration;

use temporalio_protos::temporal::api::workflowservice::v1::{
    PollActivityTaskQueueRequest, RespondActivityTaskCompletedRequest,
};
use tokio::task::JoinHandle;

use super::client::queue;
use crate::rpc::{CALL, Connection, LONG_POLL, within};

/// How long to wait after a poll that failed: the server may be restarting.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Polls at work; stopped when dropped.
pub(super) struct Worker {
    polls: Vec<JoinHandle<()>>,
}

impl Worker {
    /// Starts that many polls on a task queue.
    pub(super) fn start(connection: &Connection, task_queue: &str, polls: usize) -> Self {
        let polls = (0..polls)
            .map(|_| tokio::spawn(work(connection.clone(), task_queue.to_owned())))
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

async fn work(connection: Connection, task_queue: String) {
    let mut workflow = connection.workflow.clone();
    loop {
        let request = PollActivityTaskQueueRequest {
            namespace: connection.namespace.clone(),
            task_queue: Some(queue(&task_queue)),
            identity: connection.identity.clone(),
            ..PollActivityTaskQueueRequest::default()
        };
        let polled = workflow
            .poll_activity_task_queue(within(LONG_POLL, request))
            .await;
        let task = match polled {
            Ok(task) => task.into_inner(),
            Err(_) => {
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        if task.task_token.is_empty() {
            continue;
        }
        let response = RespondActivityTaskCompletedRequest {
            namespace: connection.namespace.clone(),
            task_token: task.task_token,
            identity: connection.identity.clone(),
            ..RespondActivityTaskCompletedRequest::default()
        };
        // Lost with its server: the attempt's timeout brings the task back.
        let _ = workflow
            .respond_activity_task_completed(within(CALL, response))
            .await;
    }
}
