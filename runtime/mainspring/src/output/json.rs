//! Messages as JSON, by protobuf's canonical mapping (camelCase names, enum
//! names, 64-bit numbers as strings), with the descriptors of the API instead
//! of generated code. Field order is that of the descriptors.

use std::sync::OnceLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde::Serialize;
use serde_json::Value;

use crate::cli::value::decode_base64;
use crate::error::CliError;

/// One message on several indented lines.
pub(crate) fn pretty<M: Message + Name>(message: &M) -> Result<String, CliError> {
    let dynamic = dynamic(message)?;
    serde_json::to_string_pretty(&dynamic).map_err(|error| unprintable(&M::full_name(), &error))
}

/// Executions with their memo in plain words, as the `temporal` command line
/// prints them. Search attributes stay payloads: their type is in the metadata.
pub(crate) fn unpack_memo(execution_info: &mut Value) {
    if let Some(memo) = execution_info.get_mut("memo") {
        unpack_payloads(memo);
    }
}

/// A list of messages.
pub(crate) fn array<M: Message + Name>(messages: &[M]) -> Result<String, CliError> {
    let list = messages
        .iter()
        .map(dynamic)
        .collect::<Result<Vec<_>, _>>()?;
    serde_json::to_string_pretty(&list).map_err(|error| unprintable(&M::full_name(), &error))
}

/// A message as a value, to be put into another.
pub(crate) fn value<M: Message + Name>(message: &M) -> Result<Value, CliError> {
    let dynamic = dynamic(message)?;
    serde_json::to_value(&dynamic).map_err(|error| unprintable(&M::full_name(), &error))
}

/// A value of our own on several indented lines.
pub(crate) fn plain(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| error.to_string())
}

/// A value as an element of an array that is printed piece by piece.
pub(crate) fn element(value: &impl Serialize) -> String {
    let lines: Vec<String> = plain(value)
        .lines()
        .map(|line| format!("  {line}"))
        .collect();
    lines.join("\n")
}

/// Replaces every payload that holds JSON by what it holds, as people read it.
pub(crate) fn unpack_payloads(value: &mut Value) {
    if let Some(unpacked) = unpacked(value) {
        *value = unpacked;
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(unpack_payloads),
        Value::Object(fields) => {
            if fields.len() == 1
                && let Some(Value::Array(list)) = fields.get_mut("payloads")
            {
                list.iter_mut().for_each(unpack_payloads);
                *value = Value::Array(std::mem::take(list));
                return;
            }
            fields.values_mut().for_each(unpack_payloads);
        }
        _ => {}
    }
}

fn unpacked(value: &Value) -> Option<Value> {
    let fields = value.as_object()?;
    let encoding = fields.get("metadata")?.get("encoding")?.as_str()?;
    let encoding = decode_base64(encoding.as_bytes())?;
    if encoding == b"binary/null" {
        return Some(Value::Null);
    }
    if !encoding.starts_with(b"json/") {
        return None;
    }
    let data = decode_base64(fields.get("data")?.as_str()?.as_bytes())?;
    serde_json::from_slice(&data).ok()
}

fn dynamic<M: Message + Name>(message: &M) -> Result<DynamicMessage, CliError> {
    let name = M::full_name();
    let descriptor = pool()
        .get_message_by_name(&name)
        .ok_or_else(|| unprintable(&name, "it is not in the descriptors"))?;
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .map_err(|error| unprintable(&name, &error))
}

fn unprintable(name: &str, error: impl ToString) -> CliError {
    CliError::Answer(format!(
        "{name} cannot be written as JSON: {}",
        error.to_string()
    ))
}

fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| {
        DescriptorPool::decode(mainspring_api::proto::FILE_DESCRIPTOR_SET)
            .expect("the build wrote a complete set, and a test reads it")
    })
}

#[cfg(test)]
mod tests {
    use mainspring_api::component::v1::ComponentVersion;
    use serde_json::json;
    use temporalio_protos::temporal::api::enums::v1::EventType;
    use temporalio_protos::temporal::api::history::v1::{History, HistoryEvent};

    use super::*;

    #[test]
    fn a_history_prints_as_temporal_prints_it() {
        let event = HistoryEvent {
            event_id: 7,
            event_time: Some(prost_wkt_types::Timestamp {
                seconds: 1_700_000_000,
                nanos: 5_000_000,
            }),
            event_type: EventType::TimerFired.into(),
            ..HistoryEvent::default()
        };
        let history = History {
            events: vec![event],
        };
        let text = pretty(&history).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value,
            json!({"events": [{
                "eventId": "7",
                "eventTime": "2023-11-14T22:13:20.005Z",
                "eventType": "EVENT_TYPE_TIMER_FIRED",
            }]})
        );
    }

    #[test]
    fn our_own_messages_are_in_the_descriptors() {
        let version = ComponentVersion {
            name: "orders".to_owned(),
            size_bytes: 3,
            ..ComponentVersion::default()
        };
        assert_eq!(
            value(&version).unwrap(),
            json!({"name": "orders", "sizeBytes": "3"})
        );
    }

    #[test]
    fn payloads_unpack_to_what_they_hold() {
        let mut value = json!({"input": {"payloads": [
            {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "eyJhIjoxfQ=="},
            {"metadata": {"encoding": "YmluYXJ5L251bGw="}},
            {"metadata": {"encoding": "YmluYXJ5L3BsYWlu"}, "data": "AAEC"},
        ]}});
        unpack_payloads(&mut value);
        assert_eq!(
            value,
            json!({"input": [
                {"a": 1},
                null,
                {"metadata": {"encoding": "YmluYXJ5L3BsYWlu"}, "data": "AAEC"},
            ]})
        );
    }
}
