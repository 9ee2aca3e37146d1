//! An activity worker that does what each activity's input says, and nothing by
//! itself: no heartbeats in the background, no stack traces, no identity of a process.

use std::time::Duration;

use serde_json::Value;
use temporalio_protos::temporal::api::common::v1::{Payload, Payloads};
use temporalio_protos::temporal::api::failure::v1::failure::FailureInfo;
use temporalio_protos::temporal::api::failure::v1::{ApplicationFailureInfo, Failure};
use temporalio_protos::temporal::api::workflowservice::v1::*;
use tokio::task::JoinHandle;
use tonic::Request;

use crate::calls::{Calls, json, task_queue};

/// How long one poll waits.
const POLL: Duration = Duration::from_secs(5);
/// How often an activity that waits for its cancel says that it is alive.
const BEAT: Duration = Duration::from_millis(50);
/// Who it says it is.
const IDENTITY: &str = "hand";

/// Polls that work a queue off. An input without `do` succeeds without a result;
/// otherwise `do` is one of
///
/// - `echo`: succeeds with `value`,
/// - `fail`: fails (`type`, `message`, `detail`, `non_retryable`),
/// - `fail until`: fails before attempt `attempt`, then succeeds with its number,
/// - `hang`: sends `heartbeat`, if there is one, and is never heard of again,
/// - `wait for cancel`: heartbeats until it is told, and ends as cancelled,
/// - `clean up`: succeeds with "cleaned".
pub struct Hand {
    polls: Vec<JoinHandle<()>>,
}

impl Hand {
    /// Starts so many polls on a queue.
    pub fn start(calls: &Calls, queue: &str, polls: usize) -> Self {
        let polls = (0..polls)
            .map(|_| tokio::spawn(work(calls.clone(), queue.to_owned())))
            .collect();
        Self { polls }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        for poll in &self.polls {
            poll.abort();
        }
    }
}

async fn work(calls: Calls, queue: String) {
    loop {
        let mut request = Request::new(PollActivityTaskQueueRequest {
            namespace: "default".to_owned(),
            task_queue: Some(task_queue(&queue)),
            identity: IDENTITY.to_owned(),
            ..PollActivityTaskQueueRequest::default()
        });
        request.set_timeout(POLL);
        match calls.client().poll_activity_task_queue(request).await {
            Ok(task) if task.get_ref().task_token.is_empty() => {}
            // The next poll does not wait for a task that takes long.
            Ok(task) => drop(tokio::spawn(act(calls.clone(), task.into_inner()))),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Does one task. What the server says to a report is not this worker's affair: an
/// attempt that has timed out is refused, as it should be.
async fn act(calls: Calls, task: PollActivityTaskQueueResponse) {
    let input = input_of(&task);
    let text = |field: &str| input[field].as_str().unwrap_or_default().to_owned();
    match text("do").as_str() {
        "" => complete(&calls, &task, None).await,
        "echo" => complete(&calls, &task, Some(&input["value"])).await,
        "clean up" => complete(&calls, &task, Some(&Value::from("cleaned"))).await,
        "fail" => fail(&calls, &task, failure(&input)).await,
        "fail until" if u64::try_from(task.attempt).ok() < input["attempt"].as_u64() => {
            let message = format!("attempt {} fails", task.attempt);
            let input = serde_json::json!({"message": message, "type": "Flaky"});
            fail(&calls, &task, failure(&input)).await;
        }
        "fail until" => complete(&calls, &task, Some(&Value::from(task.attempt))).await,
        "hang" => {
            if !input["heartbeat"].is_null() {
                heartbeat(&calls, &task, &input["heartbeat"]).await;
            }
        }
        "wait for cancel" => {
            while !heartbeat(&calls, &task, &Value::from("alive")).await {
                tokio::time::sleep(BEAT).await;
            }
            cancelled(&calls, &task).await;
        }
        other => {
            let input = serde_json::json!({
                "message": format!("cannot {other}"), "type": "Unknown", "non_retryable": true,
            });
            fail(&calls, &task, failure(&input)).await;
        }
    }
}

fn input_of(task: &PollActivityTaskQueueResponse) -> Value {
    let payload = task.input.as_ref().and_then(|input| input.payloads.first());
    let data = payload.map(|payload: &Payload| payload.data.as_slice());
    serde_json::from_slice(data.unwrap_or(b"null")).unwrap_or_default()
}

fn failure(input: &Value) -> Failure {
    let text = |field: &str| input[field].as_str().unwrap_or_default().to_owned();
    let detail = &input["detail"];
    Failure {
        message: text("message"),
        source: "Hand".to_owned(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(
            ApplicationFailureInfo {
                r#type: text("type"),
                non_retryable: input["non_retryable"].as_bool().unwrap_or_default(),
                details: (!detail.is_null()).then(|| json(detail)),
                ..ApplicationFailureInfo::default()
            },
        )),
        ..Failure::default()
    }
}

async fn complete(calls: &Calls, task: &PollActivityTaskQueueResponse, result: Option<&Value>) {
    let request = RespondActivityTaskCompletedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token.clone(),
        result: result.map(json),
        identity: IDENTITY.to_owned(),
        ..RespondActivityTaskCompletedRequest::default()
    };
    let _ = calls
        .client()
        .respond_activity_task_completed(request)
        .await;
}

async fn fail(calls: &Calls, task: &PollActivityTaskQueueResponse, failure: Failure) {
    let request = RespondActivityTaskFailedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token.clone(),
        failure: Some(failure),
        identity: IDENTITY.to_owned(),
        ..RespondActivityTaskFailedRequest::default()
    };
    let _ = calls.client().respond_activity_task_failed(request).await;
}

async fn cancelled(calls: &Calls, task: &PollActivityTaskQueueResponse) {
    let details: Payloads = json(&Value::from("stopped when told"));
    let request = RespondActivityTaskCanceledRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token.clone(),
        details: Some(details),
        identity: IDENTITY.to_owned(),
        ..RespondActivityTaskCanceledRequest::default()
    };
    let _ = calls.client().respond_activity_task_canceled(request).await;
}

/// Sends a heartbeat; whether the activity is to end, since that was asked for or
/// since nobody waits for it any more.
async fn heartbeat(calls: &Calls, task: &PollActivityTaskQueueResponse, details: &Value) -> bool {
    let request = RecordActivityTaskHeartbeatRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token.clone(),
        details: Some(json(details)),
        identity: IDENTITY.to_owned(),
        ..RecordActivityTaskHeartbeatRequest::default()
    };
    let answered = calls.client().record_activity_task_heartbeat(request).await;
    answered.map_or(true, |answer| answer.into_inner().cancel_requested)
}
