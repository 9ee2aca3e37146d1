//! Task queues: polls for workflow tasks, shutdown of workers, descriptions.

use mainspring_server::PollActivity;
use temporalio_protos::temporal::api::enums::v1::TaskQueueType;
use temporalio_protos::temporal::api::taskqueue::v1::{PollerInfo, TaskQueueStats};
use temporalio_protos::temporal::api::workflowservice::v1::{
    DescribeTaskQueueRequest, DescribeTaskQueueResponse, PollWorkflowTaskQueueRequest,
    PollWorkflowTaskQueueResponse, ShutdownWorkerRequest, ShutdownWorkerResponse,
};
use tonic::{Request, Status};

use super::{Workflows, wait_of};
use crate::convert::{opt_duration, time};
use crate::status;
use crate::validate::{namespace, task_queue};

impl Workflows {
    /// Workers that also register workflows poll for them; workflow code runs in
    /// the server, so there is never a task.
    pub(super) async fn poll_workflow_task_queue(
        &self,
        request: Request<PollWorkflowTaskQueueRequest>,
    ) -> Result<PollWorkflowTaskQueueResponse, Status> {
        let wait = wait_of(&request, self.server.limits().task_poll);
        let request = request.into_inner();
        let limits = self.server.limits();
        let poll = PollActivity {
            namespace: namespace(&request.namespace, limits)?,
            task_queue: task_queue(request.task_queue.as_ref(), limits)?,
            identity: request.identity,
            worker_instance_key: request.worker_instance_key,
        };
        let polled = self.server.poll_workflow_task(poll, wait).await;
        polled.map_err(status::of)?;
        Ok(PollWorkflowTaskQueueResponse::default())
    }

    pub(super) async fn shutdown_worker(
        &self,
        request: Request<ShutdownWorkerRequest>,
    ) -> Result<ShutdownWorkerResponse, Status> {
        let request = request.into_inner();
        let namespace = namespace(&request.namespace, self.server.limits())?;
        self.server
            .shutdown_worker(&namespace, &request.worker_instance_key)
            .map_err(status::of)?;
        Ok(ShutdownWorkerResponse::default())
    }

    pub(super) async fn describe_task_queue(
        &self,
        request: Request<DescribeTaskQueueRequest>,
    ) -> Result<DescribeTaskQueueResponse, Status> {
        let request = request.into_inner();
        let limits = self.server.limits();
        let namespace = namespace(&request.namespace, limits)?;
        let queue = task_queue(request.task_queue.as_ref(), limits)?;
        let is_activity_queue = request.task_queue_type() == TaskQueueType::Activity;
        let described = self
            .server
            .describe_task_queue(&namespace, &queue, is_activity_queue)
            .await;
        let described = described.map_err(status::of)?;
        let pollers = described.pollers.into_iter().map(|poller| PollerInfo {
            last_access_time: time(poller.last_access),
            identity: poller.identity,
            ..PollerInfo::default()
        });
        let stats = TaskQueueStats {
            approximate_backlog_count: i64::try_from(described.backlog_count).unwrap_or(i64::MAX),
            approximate_backlog_age: opt_duration(Some(described.backlog_age)),
            ..TaskQueueStats::default()
        };
        Ok(DescribeTaskQueueResponse {
            pollers: pollers.collect(),
            stats: request.report_stats.then_some(stats),
            ..DescribeTaskQueueResponse::default()
        })
    }
}
