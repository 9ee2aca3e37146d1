//! Payloads and failures as one line of text that is safe on a terminal.

use temporalio_protos::temporal::api::common::v1::Payloads;
use temporalio_protos::temporal::api::enums::v1::TimeoutType;
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::failure::v1::failure::FailureInfo;

use crate::cli::value::payload_value;

use super::enum_label;

/// The failures of a chain that are shown; the rest is one ellipsis.
const CAUSES_MAX: usize = 8;

/// Control characters become spaces, and the ends are trimmed: text from
/// histories may hold anything, also what steers a terminal.
pub(crate) fn clean(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    spaced.trim().to_owned()
}

/// At most `length` characters, with an ellipsis where some are left out.
pub(crate) fn shorten(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The values as JSON with commas between them; empty if there are none.
pub(crate) fn values(payloads: Option<&Payloads>) -> String {
    let list = payloads.map_or(&[][..], |payloads| &payloads.payloads);
    let values: Vec<String> = list
        .iter()
        .map(|payload| payload_value(payload).to_string())
        .collect();
    values.join(", ")
}

/// A failure and its causes: `CardDeclined: no funds; caused by …`. Layers that
/// only say that an activity or child failed are left out where their cause
/// follows.
pub(crate) fn failure(failure: &Failure) -> String {
    let mut parts = Vec::new();
    let mut next = Some(failure);
    while let Some(current) = next {
        next = current.cause.as_deref();
        let is_wrapper = matches!(
            current.failure_info,
            Some(
                FailureInfo::ActivityFailureInfo(_)
                    | FailureInfo::ChildWorkflowExecutionFailureInfo(_)
            )
        );
        if is_wrapper && next.is_some() {
            continue;
        }
        if parts.len() == CAUSES_MAX {
            parts.push("…".to_owned());
            break;
        }
        parts.push(one_failure(current));
    }
    clean(&parts.join("; caused by "))
}

fn one_failure(failure: &Failure) -> String {
    let kind = match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => info.r#type.clone(),
        Some(FailureInfo::TimeoutFailureInfo(info)) => {
            let timeout = TimeoutType::try_from(info.timeout_type).unwrap_or_default();
            format!(
                "{}Timeout",
                enum_label(timeout.as_str_name(), "TIMEOUT_TYPE_")
            )
        }
        Some(FailureInfo::CanceledFailureInfo(_)) => "Canceled".to_owned(),
        Some(FailureInfo::TerminatedFailureInfo(_)) => "Terminated".to_owned(),
        _ => String::new(),
    };
    match (kind.as_str(), failure.message.as_str()) {
        ("", "") => "a failure without a message".to_owned(),
        ("", message) => message.to_owned(),
        (kind, "") => kind.to_owned(),
        (kind, message) => format!("{kind}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use temporalio_protos::temporal::api::failure::v1::{
        ActivityFailureInfo, ApplicationFailureInfo, TimeoutFailureInfo,
    };

    use super::*;

    fn application(kind: &str, message: &str) -> Failure {
        let info = ApplicationFailureInfo {
            r#type: kind.to_owned(),
            ..ApplicationFailureInfo::default()
        };
        Failure {
            message: message.to_owned(),
            failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
            ..Failure::default()
        }
    }

    #[test]
    fn the_wrapper_gives_way_to_its_cause() {
        let wrapper = Failure {
            message: "Activity task failed".to_owned(),
            failure_info: Some(FailureInfo::ActivityFailureInfo(
                ActivityFailureInfo::default(),
            )),
            cause: Some(Box::new(application("CardDeclined", "no\nfunds"))),
            ..Failure::default()
        };
        assert_eq!(failure(&wrapper), "CardDeclined: no funds");
    }

    #[test]
    fn causes_follow_in_order() {
        let mut outer = application("OrderFailed", "order 7");
        outer.cause = Some(Box::new(application("", "no stock")));
        assert_eq!(failure(&outer), "OrderFailed: order 7; caused by no stock");
    }

    #[test]
    fn a_timeout_says_which() {
        let info = TimeoutFailureInfo {
            timeout_type: TimeoutType::StartToClose.into(),
            ..TimeoutFailureInfo::default()
        };
        let timed_out = Failure {
            message: "activity timed out".to_owned(),
            failure_info: Some(FailureInfo::TimeoutFailureInfo(info)),
            ..Failure::default()
        };
        assert_eq!(
            failure(&timed_out),
            "StartToCloseTimeout: activity timed out"
        );
    }

    #[test]
    fn a_long_chain_is_cut() {
        let mut chain = application("E0", "");
        for depth in 1..100 {
            let mut outer = application(&format!("E{depth}"), "");
            outer.cause = Some(Box::new(chain));
            chain = outer;
        }
        let text = failure(&chain);
        assert!(text.ends_with("; caused by …"), "{text}");
    }

    #[test]
    fn shortening_counts_characters() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöüß", 3), "äöü…");
    }
}
