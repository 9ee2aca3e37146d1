//! Continuing as new: what the code says of the run that comes after it (WF-13).

use std::time::Duration;

use temporalio_protos::temporal::api::common::v1::{
    Header, Memo, Payloads, RetryPolicy, SearchAttributes,
};
use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause as Cause;

use super::{GuestFault, RunEnd, Session};
use crate::guest::{ContinueAsNew, VersioningIntent};
use crate::retry;
use crate::time::set_duration;

/// The options of `continue-as-new`, as the code gave them.
#[derive(Clone, Debug, Default)]
pub struct ContinueRequest {
    /// `None`: the type of this run.
    pub workflow_type: Option<String>,
    /// `None`: the queue of this run.
    pub task_queue: Option<String>,
    /// Arguments.
    pub input: Option<Payloads>,
    /// `None`: the headers of this run.
    pub header: Option<Header>,
    /// `None`: as this run has it.
    pub run_timeout: Option<Duration>,
    /// `None`: as this run has it.
    pub task_timeout: Option<Duration>,
    /// `None`: as this run has it.
    pub retry_policy: Option<RetryPolicy>,
    /// `None`: the memo of this run.
    pub memo: Option<Memo>,
    /// `None`: the search attributes of this run.
    pub search_attributes: Option<SearchAttributes>,
    /// Which version the successor starts on.
    pub versioning: VersioningIntent,
    /// How long its first task is held back.
    pub backoff: Option<Duration>,
}

impl Session {
    /// Notes how the run continues; nothing happens before `run` returns. The last
    /// call holds.
    pub fn continue_as_new(&mut self, request: ContinueRequest) -> Result<(), GuestFault> {
        if self.in_read() {
            return Err(GuestFault::misuse(
                "a query handler tried to continue as new; a query may only look at the \
                 workflow's state",
            ));
        }
        self.check_continuation(&request)
            .map_err(|fault| GuestFault {
                cause: Cause::BadContinueAsNewAttributes,
                ..fault
            })?;
        let started = &self.facts.started;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let set = |length: Option<Duration>| length.filter(|length| !length.is_zero());
        let own_type = || started.workflow_type.clone().unwrap_or_default().name;
        let own_queue = || started.task_queue.clone().unwrap_or_default().name;
        let own_run_timeout = set_duration(started.workflow_run_timeout.as_ref());
        let own_task_timeout = set_duration(started.workflow_task_timeout.as_ref());
        self.continuation = Some(Box::new(ContinueAsNew {
            workflow_type: given(request.workflow_type).unwrap_or_else(own_type).into(),
            task_queue: given(request.task_queue).unwrap_or_else(own_queue).into(),
            input: request.input,
            header: request.header.or_else(|| started.header.clone()),
            run_timeout: set(request.run_timeout).or(own_run_timeout),
            task_timeout: set(request.task_timeout).or(own_task_timeout),
            retry_policy: request
                .retry_policy
                .or_else(|| started.retry_policy.clone()),
            // What the run has changed goes on; what it began with does by itself.
            memo: request.memo.or_else(|| self.memo.clone()),
            search_attributes: request
                .search_attributes
                .or_else(|| self.search_attributes.clone()),
            versioning: request.versioning,
            backoff: set(request.backoff),
            component: None,
        }));
        Ok(())
    }

    /// What `run` means by returning `continued-as-new`.
    pub fn take_continuation(&mut self) -> Result<RunEnd, GuestFault> {
        match self.continuation.take() {
            Some(continuation) => Ok(RunEnd::ContinuedAsNew(continuation)),
            None => Err(GuestFault::misuse(
                "`run` returned `continued-as-new` without a call of `continue-as-new` before",
            )),
        }
    }

    fn check_name(&self, what: &str, name: Option<&String>) -> Result<(), GuestFault> {
        let limit = self.limits.id_bytes;
        match name.map(String::len).filter(|bytes| *bytes > limit) {
            Some(bytes) => Err(GuestFault::misuse(format!(
                "{what} is {bytes} bytes long; {limit} are allowed (limit id-bytes)"
            ))),
            None => Ok(()),
        }
    }

    fn check_continuation(&self, request: &ContinueRequest) -> Result<(), GuestFault> {
        self.check_name(
            "the workflow type of the successor",
            request.workflow_type.as_ref(),
        )?;
        self.check_name(
            "the task queue of the successor",
            request.task_queue.as_ref(),
        )?;
        if let Some(policy) = &request.retry_policy {
            retry::check(policy).map_err(GuestFault::misuse)?;
        }
        self.check_size_of("the input of the successor", request.input.as_ref())?;
        self.check_size_of("the headers of the successor", request.header.as_ref())?;
        self.check_size_of("the memo of the successor", request.memo.as_ref())?;
        self.check_size_of(
            "the search attributes of the successor",
            request.search_attributes.as_ref(),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use temporalio_protos::temporal::api::common::v1::{Payload, WorkflowType};
    use temporalio_protos::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;

    use super::*;
    use crate::activity::wire_queue;
    use crate::ids::{RunId, WorkflowKey};
    use crate::limits::Limits;
    use crate::session::{RunFacts, TaskInfo, TaskInput};
    use crate::time::{Timestamp, wire_duration};

    fn in_a_task(limits: &Limits) -> Session {
        let started = WorkflowExecutionStartedEventAttributes {
            workflow_type: Some(WorkflowType {
                name: "Order".into(),
            }),
            task_queue: Some(wire_queue(&"orders".into())),
            workflow_run_timeout: Some(wire_duration(Duration::from_secs(60))),
            header: Some(Header::default()),
            ..WorkflowExecutionStartedEventAttributes::default()
        };
        let facts = RunFacts {
            key: WorkflowKey {
                namespace: "default".into(),
                workflow_id: "order-1".into(),
            },
            run_id: RunId::new(uuid::Uuid::from_u128(1)),
            start_time: Timestamp::EPOCH,
            started,
            user_metadata: None,
        };
        let mut session = Session::new(Arc::new(facts), limits);
        session.begin_task(TaskInput {
            scheduled_event_id: 2,
            now: Timestamp::EPOCH,
            replaying: false,
            batch: Vec::new(),
            info: TaskInfo::default(),
            update: None,
        });
        session
    }

    fn large(bytes: usize) -> Payload {
        Payload {
            data: vec![0; bytes],
            ..Payload::default()
        }
    }

    #[test]
    fn wf_13_what_the_code_leaves_out_is_as_this_run_has_it_and_the_last_call_holds() {
        let mut session = in_a_task(&Limits::default());
        let first = ContinueRequest {
            workflow_type: Some("Invoice".into()),
            run_timeout: Some(Duration::ZERO),
            ..ContinueRequest::default()
        };
        session.continue_as_new(first).unwrap();
        session.continue_as_new(ContinueRequest::default()).unwrap();
        let RunEnd::ContinuedAsNew(next) = session.take_continuation().unwrap() else {
            panic!("it continues")
        };
        assert_eq!(next.workflow_type.as_str(), "Order");
        assert_eq!(next.task_queue.as_str(), "orders");
        assert_eq!(next.run_timeout, Some(Duration::from_secs(60)));
        assert_eq!(next.header, Some(Header::default()));
        assert_eq!(next.memo, None);
        let fault = session.take_continuation().unwrap_err();
        assert!(fault.message.contains("without a call"), "{fault}");
    }

    #[test]
    fn vis_05_what_is_too_large_or_wrong_is_named() {
        let limits = Limits {
            payload_bytes: 1_000,
            id_bytes: 10,
            ..Limits::default()
        };
        let fields = || [("note".to_owned(), large(2_000))].into();
        let wrong = [
            (
                "the memo of the successor",
                ContinueRequest {
                    memo: Some(Memo { fields: fields() }),
                    ..ContinueRequest::default()
                },
            ),
            (
                "the headers of the successor",
                ContinueRequest {
                    header: Some(Header { fields: fields() }),
                    ..ContinueRequest::default()
                },
            ),
            (
                "the input of the successor",
                ContinueRequest {
                    input: Some(Payloads {
                        payloads: vec![large(2_000)],
                    }),
                    ..ContinueRequest::default()
                },
            ),
            (
                "limit id-bytes",
                ContinueRequest {
                    workflow_type: Some("x".repeat(11)),
                    ..ContinueRequest::default()
                },
            ),
            (
                "maximum attempts",
                ContinueRequest {
                    retry_policy: Some(RetryPolicy {
                        maximum_attempts: -1,
                        ..RetryPolicy::default()
                    }),
                    ..ContinueRequest::default()
                },
            ),
        ];
        for (named, request) in wrong {
            let fault = in_a_task(&limits).continue_as_new(request).unwrap_err();
            assert_eq!(fault.cause, Cause::BadContinueAsNewAttributes);
            assert!(fault.message.contains(named), "{fault}");
        }
    }

    #[test]
    fn msg_08_a_query_cannot_continue_as_new() {
        let mut session = in_a_task(&Limits::default());
        session.finish_task(None);
        session.begin_query("q".into(), None, None);
        let fault = session.continue_as_new(ContinueRequest::default());
        assert!(fault.unwrap_err().message.contains("may only look"));
    }
}
