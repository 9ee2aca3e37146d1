//! Events as lines: number and type, below it the attributes that are set, in the
//! order of their declaration. The events of workflow tasks, which say little and are
//! many, have them on their own line.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value};
use temporalio_protos::temporal::api::history::v1::HistoryEvent;

use super::json::dynamic;
use super::placeholders::Placeholders;

/// Fields of an event that its first line has already, or that count where it lies.
const HEAD: [&str; 5] = ["event_id", "event_time", "event_type", "version", "task_id"];
/// Attributes that stand behind the event's type.
const IN_LINE: [&str; 3] = [
    "workflow_task_scheduled_event_attributes",
    "workflow_task_started_event_attributes",
    "workflow_task_completed_event_attributes",
];
/// One level of indentation.
const INDENT: &str = "    ";

/// A history's events.
pub(super) fn events(events: &[HistoryEvent], names: &mut Placeholders) -> String {
    let mut text = String::new();
    let mut last = None;
    names.count_events(events.iter().map(|event| (event.event_id, is_task(event))));
    for event in events {
        let time = event.event_time.map(|time| (time.seconds, time.nanos));
        let Some(number) = names.event(event.event_id) else {
            continue;
        };
        text += &format!("{number:>3} {}", kind(event));
        if time < last {
            text += " (earlier than the event before it)";
        }
        last = time;
        text += &attributes(&dynamic(event), names);
    }
    text
}

/// Whether an event is of a workflow task.
fn is_task(event: &HistoryEvent) -> bool {
    kind(event).starts_with("WorkflowTask")
}

/// An event's type as people say it.
fn kind(event: &HistoryEvent) -> String {
    let name = event.event_type().as_str_name();
    camel_case(name.strip_prefix("EVENT_TYPE_").unwrap_or(name))
}

fn camel_case(name: &str) -> String {
    let word = |word: &str| word[..1].to_owned() + &word[1..].to_ascii_lowercase();
    name.split('_').map(word).collect()
}

/// An event's attributes: behind its type or on lines below it.
fn attributes(event: &DynamicMessage, names: &mut Placeholders) -> String {
    let mut lines = Lines::new(names);
    let mut in_line = String::new();
    for (field, value) in event.fields() {
        if HEAD.contains(&field.name()) || lines.names.leaves_out(field.name()) {
            continue;
        }
        match value {
            Value::Message(attributes) if IN_LINE.contains(&field.name()) => {
                in_line = format!(" {}", lines.in_line(attributes));
            }
            Value::Message(attributes) if field.name().ends_with("_event_attributes") => {
                lines.is_cron = !text_of(attributes, "cron_schedule").is_empty();
                lines.message(attributes, 1);
            }
            other => lines.field(&field, other, 1),
        }
    }
    format!("{in_line}\n{}", lines.text)
}

/// The text of a string field.
fn text_of(message: &DynamicMessage, field: &str) -> String {
    let value = message.get_field_by_name(field);
    let text = value.as_ref().and_then(|value| value.as_str());
    text.unwrap_or_default().to_owned()
}

/// Lines in the making.
struct Lines<'a> {
    text: String,
    names: &'a mut Placeholders,
    /// The run waits for the tick of a clock: how long depends on when it was started.
    is_cron: bool,
}

impl<'a> Lines<'a> {
    fn new(names: &'a mut Placeholders) -> Self {
        Self {
            text: String::new(),
            names,
            is_cron: false,
        }
    }

    fn message(&mut self, message: &DynamicMessage, depth: usize) {
        for (field, value) in message.fields() {
            if !self.names.leaves_out(field.name()) {
                self.field(&field, value, depth);
            }
        }
    }

    fn field(&mut self, field: &FieldDescriptor, value: &Value, depth: usize) {
        let name = field.name();
        let indent = INDENT.repeat(depth);
        if let Some(word) = self.word(field, value) {
            if !self.names.is_nothing(&word) {
                self.text += &format!("{indent}{name}: {word}\n");
            }
            return;
        }
        match value {
            Value::List(items) => {
                for item in items {
                    self.text += &format!("{indent}{name}:\n");
                    self.nested(item, depth + 1);
                }
            }
            other => {
                self.text += &format!("{indent}{name}:\n");
                self.nested(other, depth + 1);
            }
        }
    }

    /// A message's fields on one line.
    fn in_line(&mut self, message: &DynamicMessage) -> String {
        let fields = message.fields();
        let fields: Vec<_> = fields
            .filter(|(field, _)| !self.names.leaves_out(field.name()))
            .collect();
        let words = fields.into_iter().map(|(field, value)| {
            let word = match (self.word(&field, value), value) {
                (Some(word), _) => word,
                (None, Value::Message(inner)) => format!("{{{}}}", self.in_line(inner)),
                (None, other) => format!("{other:?}"),
            };
            format!("{}: {word}", field.name())
        });
        words.collect::<Vec<_>>().join(", ")
    }

    fn nested(&mut self, value: &Value, depth: usize) {
        if let Value::Message(message) = value {
            self.message(message, depth);
        }
    }

    /// A value that fits on the line of its name.
    fn word(&mut self, field: &FieldDescriptor, value: &Value) -> Option<String> {
        if field.name() == "history_size_bytes" {
            return Some("<size>".to_owned());
        }
        if field.name() == "first_workflow_task_backoff" && self.is_cron {
            return Some("<until the tick>".to_owned());
        }
        Some(match value {
            Value::Bool(value) => value.to_string(),
            Value::I32(value) => value.to_string(),
            Value::I64(number) if field.name().ends_with("_event_id") => {
                let number = self.names.event(*number);
                number.map_or("<task>".to_owned(), |number| number.to_string())
            }
            Value::I64(value) => value.to_string(),
            Value::U32(value) => value.to_string(),
            Value::U64(value) => value.to_string(),
            Value::F32(value) => value.to_string(),
            Value::F64(value) => value.to_string(),
            Value::String(text) => self.names.string(field.name(), text),
            Value::Bytes(bytes) => format!("<{} bytes>", bytes.len()),
            Value::EnumNumber(number) => enum_word(field, *number),
            Value::Message(message) => return self.message_word(message),
            Value::List(items) => self.list(field, items)?,
            Value::Map(entries) => {
                let mut entries: Vec<(&MapKey, &Value)> = entries.iter().collect();
                entries.sort_by_key(|(key, _)| key_text(key));
                let words = entries.into_iter().map(|(key, value)| {
                    let word = match value {
                        Value::Message(message) => self.message_word(message)?,
                        other => self.word(field, other)?,
                    };
                    Some(format!("{}: {word}", key_text(key)))
                });
                format!("{{{}}}", words.collect::<Option<Vec<_>>>()?.join(", "))
            }
        })
    }

    fn list(&mut self, field: &FieldDescriptor, items: &[Value]) -> Option<String> {
        let words = items.iter().map(|item| match item {
            Value::Message(message) => self.message_word(message),
            other => self.word(field, other),
        });
        Some(format!(
            "[{}]",
            words.collect::<Option<Vec<_>>>()?.join(", ")
        ))
    }

    /// Messages that are one thing to a reader.
    fn message_word(&mut self, message: &DynamicMessage) -> Option<String> {
        let field = |name: &str| message.get_field_by_name(name);
        match message.descriptor().name() {
            "Payload" => Some(self.payload(message)),
            "Payloads" => {
                let payloads = field("payloads")?;
                let words = payloads.as_list()?.iter();
                let words = words.map(|payload| self.message_word(payload.as_message()?));
                Some(format!(
                    "[{}]",
                    words.collect::<Option<Vec<_>>>()?.join(", ")
                ))
            }
            "WorkflowType" | "ActivityType" => Some(text_of(message, "name")),
            "TaskQueue" => Some(text_of(message, "name")),
            "WorkflowExecution" => {
                let workflow_id = self.names.string("", &text_of(message, "workflow_id"));
                let run_id = self.names.string("run_id", &text_of(message, "run_id"));
                Some(format!("{workflow_id} {run_id}").trim().to_owned())
            }
            "Timestamp" => Some("<time>".to_owned()),
            "Duration" => {
                let seconds = field("seconds").and_then(|value| value.as_i64())?;
                let nanos = field("nanos").and_then(|value| value.as_i32())?;
                Some(length(seconds, nanos))
            }
            "Memo" => self.inside(message, "fields"),
            "Header" => self.inside(message, "fields"),
            "SearchAttributes" => self.inside(message, "indexed_fields"),
            _ if message.fields().next().is_none() => Some("{}".to_owned()),
            _ => None,
        }
    }

    /// The one field of a message in its place.
    fn inside(&mut self, message: &DynamicMessage, name: &str) -> Option<String> {
        let field = message.descriptor().get_field_by_name(name)?;
        self.word(&field, &message.get_field(&field))
    }

    /// What a payload holds: JSON as it is, what else there is by its encoding.
    fn payload(&mut self, payload: &DynamicMessage) -> String {
        let data = payload.get_field_by_name("data");
        let data = data
            .and_then(|data| data.as_bytes().cloned())
            .unwrap_or_default();
        let mut metadata = metadata(payload);
        let encoding = metadata.iter().position(|(key, _)| key == "encoding");
        let encoding = encoding.map(|place| metadata.remove(place).1);
        let mut word = match encoding.as_deref() {
            Some("binary/null") => "null".to_owned(),
            // Languages differ in the order of keys and in spaces.
            Some(json) if json.starts_with("json/") => {
                match serde_json::from_slice::<serde_json::Value>(&data) {
                    Ok(json) => self.names.string("", &json.to_string()),
                    Err(_) => format!("<{} bytes that are no JSON>", data.len()),
                }
            }
            Some(other) => format!("<{other}, {} bytes>", data.len()),
            None => format!("<{} bytes>", data.len()),
        };
        for (key, value) in metadata {
            word += &format!(" ({key}: {value})");
        }
        word
    }
}

/// A payload's metadata, sorted by key.
fn metadata(payload: &DynamicMessage) -> Vec<(String, String)> {
    let metadata = payload.get_field_by_name("metadata");
    let mut pairs: Vec<(String, String)> = metadata
        .as_ref()
        .and_then(|metadata| metadata.as_map())
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            let bytes = value
                .as_bytes()
                .map(|bytes| bytes.to_vec())
                .unwrap_or_default();
            (key_text(key), String::from_utf8_lossy(&bytes).into_owned())
        })
        .collect();
    pairs.sort();
    pairs
}

fn key_text(key: &MapKey) -> String {
    key.as_str()
        .map_or_else(|| format!("{key:?}"), str::to_owned)
}

/// An enum's value without the name of the enum before it.
fn enum_word(field: &FieldDescriptor, number: i32) -> String {
    let Kind::Enum(kind) = field.kind() else {
        return number.to_string();
    };
    let Some(value) = kind.get_value(number) else {
        return number.to_string();
    };
    let prefix: String = kind
        .name()
        .char_indices()
        .flat_map(|(place, letter)| {
            let gap = (place > 0 && letter.is_ascii_uppercase()).then_some('_');
            gap.into_iter().chain([letter.to_ascii_uppercase()])
        })
        .collect();
    let name = value.name();
    let short = name.strip_prefix(&prefix).unwrap_or(name);
    short.trim_start_matches('_').to_owned()
}

fn length(seconds: i64, nanos: i32) -> String {
    let millis = seconds * 1_000 + i64::from(nanos) / 1_000_000;
    match (millis % 1_000, nanos % 1_000_000) {
        (0, 0) => format!("{seconds}s"),
        (_, 0) => format!("{millis}ms"),
        _ => format!("{seconds}s {nanos}ns"),
    }
}
