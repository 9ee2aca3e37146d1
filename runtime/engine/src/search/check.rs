//! Whether search attributes and memos may be taken: known names, right types,
//! within the limits (VIS-04, VIS-05). Only what comes in is checked, never what a
//! history holds already: a name that was removed since must not stop a replay.

use std::collections::HashMap;

use prost::Message as _;
use temporalio_protos::temporal::api::common::v1::{Memo, Payload, SearchAttributes};
use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause as Cause;

use super::{AttributeType, REPORTED_PROBLEMS, is_null, set_type, type_of, values};
use crate::guest::{Command, ContinueAsNew, StartChild, TaskFailure};
use crate::limits::Limits;

/// Why they are not taken; the sentence names the attribute and the limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadAttributes(pub String);

/// Checks the attributes of a start against those that are registered, and notes the
/// type in each payload. Values that stand for nothing are left out.
pub fn check(
    attributes: &mut SearchAttributes,
    known: &dyn Fn(&str) -> Option<AttributeType>,
    limits: &Limits,
) -> Result<(), BadAttributes> {
    check_fields(&mut attributes.indexed_fields, known, limits)?;
    attributes
        .indexed_fields
        .retain(|_, payload| !is_null(payload));
    check_whole(&attributes.indexed_fields, limits)
}

/// Checks what a workflow task asks to upsert, and what it starts other runs with,
/// likewise. `known` is asked by namespace (empty: the run's own) and name. The error
/// fails the task.
pub fn check_commands(
    commands: &mut [Command],
    known: &dyn Fn(&str, &str) -> Option<AttributeType>,
    limits: &Limits,
) -> Result<(), TaskFailure> {
    let own = &|name: &str| known("", name);
    for command in commands {
        let (checked, cause) = match command {
            Command::UpsertSearchAttributes { changed, whole } => (
                check_upsert(changed, whole, own, limits),
                Cause::BadSearchAttributes,
            ),
            Command::UpsertMemo { whole, .. } => (
                check_memo(Some(whole), limits),
                Cause::BadModifyWorkflowPropertiesAttributes,
            ),
            Command::ContinueAsNew(next) => (
                check_successor(next, own, limits),
                Cause::BadContinueAsNewAttributes,
            ),
            Command::StartChild(child) => {
                let namespace = child.namespace.clone();
                let of_child = &|name: &str| known(&namespace, name);
                (
                    check_child(child, of_child, limits),
                    Cause::BadStartChildExecutionAttributes,
                )
            }
            _ => continue,
        };
        checked.map_err(|BadAttributes(message)| TaskFailure {
            cause,
            message,
            details: String::new(),
        })?;
    }
    Ok(())
}

fn check_successor(
    next: &mut ContinueAsNew,
    known: &dyn Fn(&str) -> Option<AttributeType>,
    limits: &Limits,
) -> Result<(), BadAttributes> {
    check_memo(next.memo.as_ref(), limits)?;
    match &mut next.search_attributes {
        // What is removed by now was taken before: it goes on unseen.
        Some(attributes) => {
            attributes
                .indexed_fields
                .retain(|name, payload| known(name).is_some() || type_of(payload).is_none());
            check(attributes, known, limits)
        }
        None => Ok(()),
    }
}

fn check_child(
    child: &mut StartChild,
    known: &dyn Fn(&str) -> Option<AttributeType>,
    limits: &Limits,
) -> Result<(), BadAttributes> {
    check_memo(child.memo.as_ref(), limits)?;
    match &mut child.search_attributes {
        Some(attributes) => check(attributes, known, limits),
        None => Ok(()),
    }
}

/// Checks the size of a memo.
pub fn check_memo(memo: Option<&Memo>, limits: &Limits) -> Result<(), BadAttributes> {
    let bytes = memo.map_or(0, Memo::encoded_len);
    if bytes <= limits.memo_bytes {
        return Ok(());
    }
    Err(BadAttributes(format!(
        "Memo exceeds size limit: it has {bytes} bytes, {} are allowed (limit memo-bytes); \
         pass a reference instead.",
        limits.memo_bytes
    )))
}

fn check_upsert(
    changed: &mut SearchAttributes,
    whole: &mut SearchAttributes,
    known: &dyn Fn(&str) -> Option<AttributeType>,
    limits: &Limits,
) -> Result<(), BadAttributes> {
    check_fields(&mut changed.indexed_fields, known, limits)?;
    for (name, payload) in &mut whole.indexed_fields {
        if let Some(attribute_type) = known(name).filter(|_| !is_null(payload)) {
            set_type(payload, attribute_type);
        }
    }
    check_whole(&whole.indexed_fields, limits)
}

fn check_fields(
    fields: &mut HashMap<String, Payload>,
    known: &dyn Fn(&str) -> Option<AttributeType>,
    limits: &Limits,
) -> Result<(), BadAttributes> {
    // The same mistake is told in the same words each time.
    let mut names: Vec<String> = fields.keys().cloned().collect();
    names.sort_unstable();
    for name in names {
        if name == REPORTED_PROBLEMS {
            return Err(BadAttributes(format!(
                "search attribute {name} is set by the server alone; leave it out."
            )));
        }
        let Some(attribute_type) = known(&name) else {
            let shown: String = name.chars().take(100).collect();
            return Err(BadAttributes(format!(
                "search attribute {shown} is not defined in this namespace; create it with \
                 `mainspring search-attribute create --name {shown} --type TYPE`."
            )));
        };
        let Some(payload) = fields.get_mut(&name) else {
            continue;
        };
        let (bytes, allowed) = (payload.data.len(), limits.search_attribute_bytes);
        if bytes > allowed {
            return Err(BadAttributes(format!(
                "the value of search attribute {name} has {bytes} bytes, {allowed} are allowed \
                 (limit search-attribute-bytes)."
            )));
        }
        set_type(payload, attribute_type);
        if is_null(payload) {
            continue;
        }
        values(attribute_type, payload).map_err(|wrong| {
            BadAttributes(format!(
                "invalid value of search attribute {name} of type {}: {wrong}.",
                attribute_type.name()
            ))
        })?;
    }
    Ok(())
}

/// All attributes of a run together.
fn check_whole(fields: &HashMap<String, Payload>, limits: &Limits) -> Result<(), BadAttributes> {
    let (count, allowed) = (fields.len(), limits.run_search_attributes);
    if count > allowed {
        return Err(BadAttributes(format!(
            "the run would have {count} search attributes, {allowed} are allowed \
             (limit run-search-attributes)."
        )));
    }
    let bytes: usize = fields
        .iter()
        .map(|(name, p)| name.len() + p.data.len())
        .sum();
    let allowed = limits.run_search_attribute_bytes;
    if bytes > allowed {
        return Err(BadAttributes(format!(
            "the search attributes of the run would have {bytes} bytes together, {allowed} are \
             allowed (limit run-search-attribute-bytes)."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{keyword, null, type_of};
    use super::*;

    fn known(name: &str) -> Option<AttributeType> {
        match name {
            "Color" => Some(AttributeType::Keyword),
            "Amount" => Some(AttributeType::Int),
            _ if name.starts_with("More") => Some(AttributeType::Keyword),
            _ => None,
        }
    }

    fn attributes(fields: &[(&str, Payload)]) -> SearchAttributes {
        let fields = fields.iter().cloned();
        SearchAttributes {
            indexed_fields: fields.map(|(name, p)| (name.to_owned(), p)).collect(),
        }
    }

    fn refused(fields: &[(&str, Payload)]) -> String {
        let mut attributes = attributes(fields);
        let checked = check(&mut attributes, &known, &Limits::default());
        checked.unwrap_err().to_string()
    }

    #[test]
    fn vis_04_a_start_takes_known_attributes_and_notes_their_types() {
        let mut untyped = keyword("7");
        untyped.metadata.remove("type");
        untyped.data = b"7".to_vec();
        let fields = [
            ("Color", keyword("red")),
            ("Amount", untyped),
            ("More1", null()),
        ];
        let mut taken = attributes(&fields);
        check(&mut taken, &known, &Limits::default()).unwrap();
        assert_eq!(
            type_of(&taken.indexed_fields["Amount"]),
            Some(AttributeType::Int)
        );
        assert!(
            !taken.indexed_fields.contains_key("More1"),
            "it stands for nothing"
        );
    }

    #[test]
    fn vis_04_what_is_wrong_is_named() {
        let no_number = refused(&[("Amount", keyword("red"))]);
        assert!(no_number.contains("Amount of type Int"), "{no_number}");
        assert!(no_number.contains("whole number"), "{no_number}");
        let unknown = refused(&[("Shape", keyword("round")), ("Color", keyword("red"))]);
        assert!(unknown.contains("Shape is not defined"), "{unknown}");
        let own = refused(&[(REPORTED_PROBLEMS, keyword("none"))]);
        assert!(own.contains("set by the server"), "{own}");
        let long = "x".repeat(2 * 1024);
        let large = refused(&[("Color", keyword(&long))]);
        assert!(
            large.contains("Color has 2050 bytes, 2048 are allowed"),
            "{large}"
        );
        let names: Vec<String> = (0..101).map(|n| format!("More{n}")).collect();
        let many: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), keyword("x")))
            .collect();
        assert!(refused(&many).contains("limit run-search-attributes"));
        let large: Vec<_> = names[..30]
            .iter()
            .map(|name| (name.as_str(), keyword(&long[..1_500])))
            .collect();
        assert!(refused(&large).contains("limit run-search-attribute-bytes"));
    }
}
