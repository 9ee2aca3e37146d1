//! Requests of activity workers, and of clients about activities.

use std::time::Duration;

use mainspring_engine::activity::{ActivityRef, HeartbeatReply};
use mainspring_engine::ids::{Namespace, TaskQueue, WorkflowKey};
use temporalio_protos::temporal::api::common::v1::Payloads;
use temporalio_protos::temporal::api::failure::v1::Failure;

use crate::Server;
use crate::error::ServerError;
use crate::mailbox::message::{ActivityReport, Message, RunSelector};
use crate::request::{ActivityTarget, PollActivity};
use crate::task::ActivityTask;
use crate::token::TaskToken;

impl Server {
    /// Waits up to `wait` for an activity task.
    pub async fn poll_activity_task(
        &self,
        poll: PollActivity,
        wait: Duration,
    ) -> Result<Option<ActivityTask>, ServerError> {
        self.core.namespaces.check(&poll.namespace)?;
        if self.core.stop.is_cancelled() {
            return Ok(None);
        }
        let matching = &self.core.matching;
        matching.note_poller(&poll.namespace, &poll.task_queue, &poll.identity);
        matching.poll(poll, wait).await
    }

    /// A worker that also registers workflows polls for them: there is never one,
    /// since the server runs workflow code itself. The poll waits like any other,
    /// so that a worker's shutdown ends it.
    pub async fn poll_workflow_task(
        &self,
        poll: PollActivity,
        wait: Duration,
    ) -> Result<(), ServerError> {
        self.core.namespaces.check(&poll.namespace)?;
        if self.core.stop.is_cancelled() {
            return Ok(());
        }
        let poll = PollActivity {
            task_queue: workflow_queue(&poll.task_queue),
            ..poll
        };
        let matching = &self.core.matching;
        matching.note_poller(&poll.namespace, &poll.task_queue, &poll.identity);
        matching.poll(poll, wait).await.map(drop)
    }

    /// A worker process is shutting down: its waiting polls are answered now.
    pub fn shutdown_worker(
        &self,
        namespace: &Namespace,
        worker_instance_key: &str,
    ) -> Result<(), ServerError> {
        self.core.namespaces.check(namespace)?;
        if !worker_instance_key.is_empty() {
            self.core.matching.dismiss_worker(worker_instance_key);
        }
        Ok(())
    }

    /// An attempt completed.
    pub async fn complete_activity(
        &self,
        namespace: &Namespace,
        activity: ActivityTarget,
        result: Option<Payloads>,
        identity: String,
    ) -> Result<(), ServerError> {
        let report = ActivityReport::Completed(result);
        self.report(namespace, activity, report, identity).await
    }

    /// An attempt failed.
    pub async fn fail_activity(
        &self,
        namespace: &Namespace,
        activity: ActivityTarget,
        failure: Failure,
        last_heartbeat_details: Option<Payloads>,
        identity: String,
    ) -> Result<(), ServerError> {
        let report = ActivityReport::Failed {
            failure: Box::new(failure),
            last_heartbeat_details,
        };
        self.report(namespace, activity, report, identity).await
    }

    /// An attempt stopped because it was asked to.
    pub async fn cancel_activity(
        &self,
        namespace: &Namespace,
        activity: ActivityTarget,
        details: Option<Payloads>,
        identity: String,
    ) -> Result<(), ServerError> {
        let report = ActivityReport::Canceled(details);
        self.report(namespace, activity, report, identity).await
    }

    /// An attempt is alive.
    pub async fn heartbeat_activity(
        &self,
        namespace: &Namespace,
        activity: ActivityTarget,
        details: Option<Payloads>,
    ) -> Result<HeartbeatReply, ServerError> {
        self.core.namespaces.check(namespace)?;
        let (key, run, activity) = address(namespace, activity)?;
        self.core
            .ask(&key, |reply| Message::Heartbeat {
                run,
                activity,
                details,
                reply,
            })
            .await
    }

    async fn report(
        &self,
        namespace: &Namespace,
        activity: ActivityTarget,
        report: ActivityReport,
        identity: String,
    ) -> Result<(), ServerError> {
        self.core.namespaces.check(namespace)?;
        let (key, run, activity) = address(namespace, activity)?;
        self.core
            .ask(&key, |reply| Message::Report {
                run,
                activity,
                report: Box::new(report),
                identity,
                reply,
            })
            .await
    }
}

/// Where polls for workflow tasks wait: beside the activity queue of the same name
/// (WRK-02), under a name that no client can give.
pub(crate) fn workflow_queue(queue: &TaskQueue) -> TaskQueue {
    TaskQueue::from(format!("\0workflow:{queue}"))
}

/// Whose mailbox, which run, which activity.
fn address(
    namespace: &Namespace,
    activity: ActivityTarget,
) -> Result<(WorkflowKey, RunSelector, ActivityRef), ServerError> {
    let (workflow_id, run_id, activity) = match activity {
        ActivityTarget::Token(bytes) => {
            let token = TaskToken::decode(&bytes)?;
            let activity = ActivityRef::Token {
                scheduled_event_id: token.scheduled_event_id,
                attempt: token.attempt,
                nonce: token.nonce,
            };
            (token.workflow_id, Some(token.run_id), activity)
        }
        ActivityTarget::Id {
            workflow_id,
            run_id,
            activity_id,
        } => (workflow_id, run_id, ActivityRef::Id(activity_id)),
    };
    let key = WorkflowKey {
        namespace: namespace.clone(),
        workflow_id,
    };
    let run = RunSelector {
        run_id,
        first_run_id: None,
    };
    Ok((key, run, activity))
}
