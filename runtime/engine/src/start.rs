//! What a start does where the workflow ID has a run already (LIF-01..04).

use temporalio_protos::temporal::api::enums::v1::{
    WorkflowExecutionStatus, WorkflowIdConflictPolicy as Conflict, WorkflowIdReusePolicy as Reuse,
};

use crate::ids::RunId;

/// The latest run of the workflow ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatestRun {
    /// The run.
    pub run_id: RunId,
    /// Open or how it closed.
    pub status: WorkflowExecutionStatus,
    /// The request that started it.
    pub start_request_id: String,
}

/// What to do with a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartDecision {
    /// Start a run.
    Start,
    /// Terminate the open run and start a new one, in one commit.
    TerminateAndStart,
    /// Answer with the latest run.
    UseLatest {
        /// It is this very request's run.
        started: bool,
    },
    /// ALREADY_EXISTS, with this sentence.
    Refuse(String),
}

/// Decides by the policies; unspecified ones take their defaults. `Err`: the
/// policies contradict each other.
pub fn decide(
    latest: Option<&LatestRun>,
    reuse: Reuse,
    conflict: Conflict,
    request_id: &str,
) -> Result<StartDecision, String> {
    let (reuse, conflict) = effective(reuse, conflict)?;
    let Some(latest) = latest else {
        return Ok(StartDecision::Start);
    };
    if !request_id.is_empty() && latest.start_request_id == request_id {
        return Ok(StartDecision::UseLatest { started: true });
    }
    if latest.status == WorkflowExecutionStatus::Running {
        return Ok(match conflict {
            Conflict::UseExisting => StartDecision::UseLatest { started: false },
            Conflict::TerminateExisting => StartDecision::TerminateAndStart,
            Conflict::Fail | Conflict::Unspecified => StartDecision::Refuse(format!(
                "Workflow execution is already running. RunId: {}",
                latest.run_id
            )),
        });
    }
    let closed_well = matches!(
        latest.status,
        WorkflowExecutionStatus::Completed | WorkflowExecutionStatus::ContinuedAsNew
    );
    Ok(match reuse {
        Reuse::RejectDuplicate => StartDecision::Refuse(format!(
            "Workflow execution already finished and the reuse policy rejects duplicates. RunId: {}",
            latest.run_id
        )),
        Reuse::AllowDuplicateFailedOnly if closed_well => StartDecision::Refuse(format!(
            "Workflow execution already finished successfully and the reuse policy allows \
             failed ones only. RunId: {}",
            latest.run_id
        )),
        _ => StartDecision::Start,
    })
}

/// The deprecated TERMINATE_IF_RUNNING stands for another conflict policy.
#[allow(deprecated)]
fn effective(reuse: Reuse, conflict: Conflict) -> Result<(Reuse, Conflict), String> {
    match (reuse, conflict) {
        (Reuse::TerminateIfRunning, Conflict::Unspecified) => {
            Ok((Reuse::AllowDuplicate, Conflict::TerminateExisting))
        }
        (Reuse::TerminateIfRunning, _) => Err(
            "the reuse policy TERMINATE_IF_RUNNING cannot be combined with a conflict policy; \
             use the conflict policy TERMINATE_EXISTING"
                .to_owned(),
        ),
        (Reuse::RejectDuplicate, Conflict::TerminateExisting) => Err(
            "the conflict policy TERMINATE_EXISTING cannot be combined with the reuse policy \
             REJECT_DUPLICATE"
                .to_owned(),
        ),
        (reuse, conflict) => Ok((reuse, conflict)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latest(status: WorkflowExecutionStatus) -> LatestRun {
        LatestRun {
            run_id: RunId::new(uuid::Uuid::from_u128(1)),
            status,
            start_request_id: "first".into(),
        }
    }

    fn on(status: WorkflowExecutionStatus, reuse: Reuse, conflict: Conflict) -> StartDecision {
        decide(Some(&latest(status)), reuse, conflict, "other").unwrap()
    }

    #[test]
    fn lif_04_the_same_request_gets_the_same_run_even_after_it_closed() {
        for status in [
            WorkflowExecutionStatus::Running,
            WorkflowExecutionStatus::Completed,
        ] {
            let decision = decide(
                Some(&latest(status)),
                Reuse::RejectDuplicate,
                Conflict::Fail,
                "first",
            );
            assert_eq!(decision, Ok(StartDecision::UseLatest { started: true }));
        }
    }

    #[test]
    fn lif_03_conflict_policies() {
        let running = WorkflowExecutionStatus::Running;
        let any = Reuse::Unspecified;
        assert!(matches!(
            on(running, any, Conflict::Unspecified),
            StartDecision::Refuse(_)
        ));
        assert_eq!(
            on(running, any, Conflict::UseExisting),
            StartDecision::UseLatest { started: false }
        );
        assert_eq!(
            on(running, any, Conflict::TerminateExisting),
            StartDecision::TerminateAndStart
        );
    }

    #[test]
    fn lif_02_reuse_policies() {
        let (good, bad) = (
            WorkflowExecutionStatus::Completed,
            WorkflowExecutionStatus::Canceled,
        );
        let none = Conflict::Unspecified;
        assert_eq!(on(good, Reuse::Unspecified, none), StartDecision::Start);
        assert_eq!(
            on(bad, Reuse::AllowDuplicateFailedOnly, none),
            StartDecision::Start
        );
        for (status, reuse) in [
            (good, Reuse::AllowDuplicateFailedOnly),
            (good, Reuse::RejectDuplicate),
            (bad, Reuse::RejectDuplicate),
        ] {
            assert!(matches!(on(status, reuse, none), StartDecision::Refuse(_)));
        }
    }

    #[test]
    #[allow(deprecated)]
    fn lif_02_terminate_if_running_is_a_conflict_policy_by_another_name() {
        let running = WorkflowExecutionStatus::Running;
        assert_eq!(
            on(running, Reuse::TerminateIfRunning, Conflict::Unspecified),
            StartDecision::TerminateAndStart
        );
        assert!(decide(None, Reuse::TerminateIfRunning, Conflict::Fail, "r").is_err());
    }
}
