//! DescribeWorkflowExecution.

use temporalio_protos::temporal::api::workflowservice::v1::{
    DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse,
};
use tonic::{Request, Status};

use super::Workflows;
use crate::convert::describe::description;
use crate::status;
use crate::validate::target;

impl Workflows {
    pub(super) async fn describe_workflow_execution(
        &self,
        request: Request<DescribeWorkflowExecutionRequest>,
    ) -> Result<DescribeWorkflowExecutionResponse, Status> {
        let request = request.into_inner();
        let target = target(
            &request.namespace,
            request.execution.as_ref(),
            "",
            self.server.limits(),
        )?;
        let namespace = target.key.namespace.clone();
        let described = self.server.describe_workflow(target).await;
        let described = described.map_err(status::of)?;
        let known = self.server.search_attributes(&namespace);
        Ok(description(described, &known.map_err(status::of)?))
    }
}
