//! What activity workers ask: polls, reports, heartbeats.

use mainspring_engine::activity::{HeartbeatReply, StartedAttempt};
use mainspring_engine::ids::{Namespace, WorkflowId};
use mainspring_engine::time::wire_duration;
use mainspring_server::{ActivityTarget, ActivityTask, PollActivity};
use temporalio_protos::temporal::api::common::v1::{WorkflowExecution, WorkflowType};
use temporalio_protos::temporal::api::workflowservice::v1::*;
use tonic::{Request, Status};

use super::{Workflows, wait_of};
use crate::convert::{opt_duration, time};
use crate::status;
use crate::validate::{namespace, run_id, size, task_queue, text};

impl Workflows {
    pub(super) async fn poll_activity_task_queue(
        &self,
        request: Request<PollActivityTaskQueueRequest>,
    ) -> Result<PollActivityTaskQueueResponse, Status> {
        let wait = wait_of(&request, self.server.limits().task_poll);
        let request = request.into_inner();
        let limits = self.server.limits();
        let poll = PollActivity {
            namespace: namespace(&request.namespace, limits)?,
            task_queue: task_queue(request.task_queue.as_ref(), limits)?,
            identity: request.identity,
            worker_instance_key: request.worker_instance_key,
        };
        let task = self.server.poll_activity_task(poll, wait).await;
        match task.map_err(status::of)? {
            Some(mut task) => {
                let response = task_response(&task);
                // From here on the transport has it.
                task.handed_over();
                Ok(response)
            }
            None => Ok(PollActivityTaskQueueResponse::default()),
        }
    }

    pub(super) async fn respond_activity_task_completed(
        &self,
        request: Request<RespondActivityTaskCompletedRequest>,
    ) -> Result<RespondActivityTaskCompletedResponse, Status> {
        let request = request.into_inner();
        let namespace = namespace(&request.namespace, self.server.limits())?;
        size("Result", request.result.as_ref(), self.server.limits())?;
        let activity = ActivityTarget::Token(request.task_token);
        self.server
            .complete_activity(&namespace, activity, request.result, request.identity)
            .await
            .map_err(status::of)?;
        Ok(RespondActivityTaskCompletedResponse::default())
    }

    pub(super) async fn respond_activity_task_completed_by_id(
        &self,
        request: Request<RespondActivityTaskCompletedByIdRequest>,
    ) -> Result<RespondActivityTaskCompletedByIdResponse, Status> {
        let request = request.into_inner();
        let (namespace, activity) = self.by_id(
            &request.namespace,
            &request.workflow_id,
            &request.run_id,
            request.activity_id,
        )?;
        size("Result", request.result.as_ref(), self.server.limits())?;
        self.server
            .complete_activity(&namespace, activity, request.result, request.identity)
            .await
            .map_err(status::of)?;
        Ok(RespondActivityTaskCompletedByIdResponse::default())
    }

    pub(super) async fn respond_activity_task_failed(
        &self,
        request: Request<RespondActivityTaskFailedRequest>,
    ) -> Result<RespondActivityTaskFailedResponse, Status> {
        let request = request.into_inner();
        let limits = self.server.limits();
        let namespace = namespace(&request.namespace, limits)?;
        size("Failure", request.failure.as_ref(), limits)?;
        size(
            "HeartbeatDetails",
            request.last_heartbeat_details.as_ref(),
            limits,
        )?;
        self.server
            .fail_activity(
                &namespace,
                ActivityTarget::Token(request.task_token),
                request.failure.unwrap_or_default(),
                request.last_heartbeat_details,
                request.identity,
            )
            .await
            .map_err(status::of)?;
        Ok(RespondActivityTaskFailedResponse::default())
    }

    pub(super) async fn respond_activity_task_failed_by_id(
        &self,
        request: Request<RespondActivityTaskFailedByIdRequest>,
    ) -> Result<RespondActivityTaskFailedByIdResponse, Status> {
        let request = request.into_inner();
        let limits = self.server.limits();
        let (namespace, activity) = self.by_id(
            &request.namespace,
            &request.workflow_id,
            &request.run_id,
            request.activity_id,
        )?;
        size("Failure", request.failure.as_ref(), limits)?;
        size(
            "HeartbeatDetails",
            request.last_heartbeat_details.as_ref(),
            limits,
        )?;
        self.server
            .fail_activity(
                &namespace,
                activity,
                request.failure.unwrap_or_default(),
                request.last_heartbeat_details,
                request.identity,
            )
            .await
            .map_err(status::of)?;
        Ok(RespondActivityTaskFailedByIdResponse::default())
    }

    pub(super) async fn respond_activity_task_canceled(
        &self,
        request: Request<RespondActivityTaskCanceledRequest>,
    ) -> Result<RespondActivityTaskCanceledResponse, Status> {
        let request = request.into_inner();
        let namespace = namespace(&request.namespace, self.server.limits())?;
        size("Details", request.details.as_ref(), self.server.limits())?;
        let activity = ActivityTarget::Token(request.task_token);
        self.server
            .cancel_activity(&namespace, activity, request.details, request.identity)
            .await
            .map_err(status::of)?;
        Ok(RespondActivityTaskCanceledResponse::default())
    }

    pub(super) async fn respond_activity_task_canceled_by_id(
        &self,
        request: Request<RespondActivityTaskCanceledByIdRequest>,
    ) -> Result<RespondActivityTaskCanceledByIdResponse, Status> {
        let request = request.into_inner();
        let (namespace, activity) = self.by_id(
            &request.namespace,
            &request.workflow_id,
            &request.run_id,
            request.activity_id,
        )?;
        size("Details", request.details.as_ref(), self.server.limits())?;
        self.server
            .cancel_activity(&namespace, activity, request.details, request.identity)
            .await
            .map_err(status::of)?;
        Ok(RespondActivityTaskCanceledByIdResponse::default())
    }

    pub(super) async fn record_activity_task_heartbeat(
        &self,
        request: Request<RecordActivityTaskHeartbeatRequest>,
    ) -> Result<RecordActivityTaskHeartbeatResponse, Status> {
        let request = request.into_inner();
        let namespace = namespace(&request.namespace, self.server.limits())?;
        size("Details", request.details.as_ref(), self.server.limits())?;
        let activity = ActivityTarget::Token(request.task_token);
        let reply = self
            .server
            .heartbeat_activity(&namespace, activity, request.details)
            .await;
        let HeartbeatReply { cancel_requested } = reply.map_err(status::of)?;
        Ok(RecordActivityTaskHeartbeatResponse {
            cancel_requested,
            ..RecordActivityTaskHeartbeatResponse::default()
        })
    }

    pub(super) async fn record_activity_task_heartbeat_by_id(
        &self,
        request: Request<RecordActivityTaskHeartbeatByIdRequest>,
    ) -> Result<RecordActivityTaskHeartbeatByIdResponse, Status> {
        let request = request.into_inner();
        let (namespace, activity) = self.by_id(
            &request.namespace,
            &request.workflow_id,
            &request.run_id,
            request.activity_id,
        )?;
        size("Details", request.details.as_ref(), self.server.limits())?;
        let reply = self
            .server
            .heartbeat_activity(&namespace, activity, request.details)
            .await;
        let HeartbeatReply { cancel_requested } = reply.map_err(status::of)?;
        Ok(RecordActivityTaskHeartbeatByIdResponse {
            cancel_requested,
            ..RecordActivityTaskHeartbeatByIdResponse::default()
        })
    }

    fn by_id(
        &self,
        namespace_name: &str,
        workflow_id: &str,
        run: &str,
        activity_id: String,
    ) -> Result<(Namespace, ActivityTarget), Status> {
        let limits = self.server.limits();
        let namespace = namespace(namespace_name, limits)?;
        text("WorkflowId", workflow_id, limits)?;
        text("ActivityId", &activity_id, limits)?;
        let target = ActivityTarget::Id {
            workflow_id: WorkflowId::from(workflow_id),
            run_id: run_id(run)?,
            activity_id,
        };
        Ok((namespace, target))
    }
}

fn task_response(task: &ActivityTask) -> PollActivityTaskQueueResponse {
    let StartedAttempt {
        attempt,
        scheduled_at,
        attempt_scheduled_at,
        started_at,
        heartbeat_details,
        timeouts,
        retry_policy,
        priority,
        ..
    } = task.attempt.clone();
    PollActivityTaskQueueResponse {
        task_token: task.token.clone(),
        workflow_namespace: task.key.namespace.to_string(),
        workflow_type: Some(WorkflowType {
            name: task.attempt.workflow_type.to_string(),
        }),
        workflow_execution: Some(WorkflowExecution {
            workflow_id: task.key.workflow_id.to_string(),
            run_id: task.run_id.to_string(),
        }),
        activity_type: task.scheduled.activity_type.clone(),
        activity_id: task.scheduled.activity_id.clone(),
        header: task.scheduled.header.clone(),
        input: task.scheduled.input.clone(),
        heartbeat_details,
        scheduled_time: time(scheduled_at),
        current_attempt_scheduled_time: time(attempt_scheduled_at),
        started_time: time(started_at),
        attempt: i32::try_from(attempt).unwrap_or(i32::MAX),
        // Clients tell "infinite" from "unknown" by a zero that is there.
        schedule_to_close_timeout: Some(wire_duration(
            timeouts.schedule_to_close.unwrap_or_default(),
        )),
        start_to_close_timeout: opt_duration(timeouts.start_to_close),
        heartbeat_timeout: Some(wire_duration(timeouts.heartbeat.unwrap_or_default())),
        retry_policy: Some(retry_policy),
        priority,
        ..PollActivityTaskQueueResponse::default()
    }
}
