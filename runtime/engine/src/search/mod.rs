//! Search attributes: which types there are, what a value of each looks like on the
//! wire, and what lists compare (VIS-04). Payloads are read here, once, when they
//! come in: at a start, and when code upserts them.

mod check;
mod times;
mod words;

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::Value as Json;
use temporalio_protos::temporal::api::common::v1::Payload;
use temporalio_protos::temporal::api::enums::v1::IndexedValueType;

pub use self::check::{BadAttributes, check, check_commands, check_memo};
pub use self::times::rfc_3339;
pub use self::words::words;

/// The attribute under which a blocked run says why (VIS-07). The server sets it.
pub const REPORTED_PROBLEMS: &str = "TemporalReportedProblems";

/// How a search attribute's payload says its type.
const TYPE: &str = "type";
const ENCODING: &str = "encoding";
const JSON: &[u8] = b"json/plain";
const NULL: &[u8] = b"binary/null";

/// The type of a search attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttributeType {
    /// Text that is found by its words.
    Text,
    /// Text that is found as a whole.
    Keyword,
    /// A whole number.
    Int,
    /// A number.
    Double,
    /// True or false.
    Bool,
    /// A point in time.
    Datetime,
    /// Several keywords; found by any of them.
    KeywordList,
}

impl AttributeType {
    /// All of them.
    pub const ALL: [AttributeType; 7] = [
        AttributeType::Text,
        AttributeType::Keyword,
        AttributeType::Int,
        AttributeType::Double,
        AttributeType::Bool,
        AttributeType::Datetime,
        AttributeType::KeywordList,
    ];

    /// As payloads, command lines and databases name it.
    pub fn name(self) -> &'static str {
        match self {
            AttributeType::Text => "Text",
            AttributeType::Keyword => "Keyword",
            AttributeType::Int => "Int",
            AttributeType::Double => "Double",
            AttributeType::Bool => "Bool",
            AttributeType::Datetime => "Datetime",
            AttributeType::KeywordList => "KeywordList",
        }
    }

    /// The type of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// As the API has it.
    pub fn to_wire(self) -> IndexedValueType {
        match self {
            AttributeType::Text => IndexedValueType::Text,
            AttributeType::Keyword => IndexedValueType::Keyword,
            AttributeType::Int => IndexedValueType::Int,
            AttributeType::Double => IndexedValueType::Double,
            AttributeType::Bool => IndexedValueType::Bool,
            AttributeType::Datetime => IndexedValueType::Datetime,
            AttributeType::KeywordList => IndexedValueType::KeywordList,
        }
    }

    /// The type that the API means; `None`: unspecified or unknown.
    pub fn from_wire(number: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| known.to_wire() as i32 == number)
    }

    /// Whether a run may have several values of it in the index.
    pub fn has_several(self) -> bool {
        matches!(self, AttributeType::Text | AttributeType::KeywordList)
    }

    /// What its values look like, for people.
    fn form(self) -> &'static str {
        match self {
            AttributeType::Text | AttributeType::Keyword => "a text such as \"blue\"",
            AttributeType::Int => "a whole number such as 7",
            AttributeType::Double => "a number such as 7.5",
            AttributeType::Bool => "true or false",
            AttributeType::Datetime => "a time such as \"2026-01-31T08:00:00Z\"",
            AttributeType::KeywordList => "a list of texts such as [\"a\", \"b\"]",
        }
    }
}

/// A value as lists compare it: text, or the number behind a time (nanoseconds since
/// the epoch), a duration (nanoseconds), a status, a count or a truth value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// A number.
    Double(Double),
    /// Text.
    Text(String),
}

/// A finite number with an order.
#[derive(Clone, Copy, Debug)]
pub struct Double(f64);

impl Double {
    /// `None` for what is no number or infinite.
    pub fn new(number: f64) -> Option<Self> {
        // There is one zero: plus one turns the negative one into it.
        number.is_finite().then_some(Self(number + 0.0))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Double {}

impl PartialOrd for Double {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Double {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// What the index holds of one attribute of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexedAttribute {
    /// Its name.
    pub name: String,
    /// Its values, each once: one for most types, the words of a text, the members of
    /// a list. Empty: the run does not have it (any more).
    pub values: Vec<Value>,
}

/// What the index holds of attributes whose payloads say their type; those that do
/// not were never checked and are left out.
pub fn indexed(fields: &HashMap<String, Payload>) -> Vec<IndexedAttribute> {
    let mut indexed: Vec<IndexedAttribute> = fields
        .iter()
        .filter_map(|(name, payload)| {
            let values = match is_null(payload) {
                true => Vec::new(),
                false => values(type_of(payload)?, payload).ok()?,
            };
            let name = name.clone();
            Some(IndexedAttribute { name, values })
        })
        .collect();
    indexed.sort_by(|one, other| one.name.cmp(&other.name));
    indexed
}

/// The type that a payload says it has.
pub fn type_of(payload: &Payload) -> Option<AttributeType> {
    let name = payload.metadata.get(TYPE)?;
    AttributeType::parse(std::str::from_utf8(name).ok()?)
}

/// Whether a payload stands for "no value": an upsert of it removes.
pub fn is_null(payload: &Payload) -> bool {
    let encoding = payload.metadata.get(ENCODING).map(Vec::as_slice);
    let is_empty = || {
        let data = payload.data.trim_ascii();
        data == b"null"
            || matches!(serde_json::from_slice(data), Ok(Json::Array(list)) if list.is_empty())
    };
    encoding == Some(NULL) || (encoding == Some(JSON) && is_empty())
}

/// The payload that stands for "no value".
pub fn null() -> Payload {
    Payload {
        metadata: [(ENCODING.to_owned(), NULL.to_vec())].into(),
        ..Payload::default()
    }
}

/// A payload of texts, as the server itself writes an attribute.
pub fn keyword_list(texts: &[String]) -> Payload {
    typed_json(AttributeType::KeywordList, &Json::from(texts.to_vec()))
}

/// A payload of one text, as the server itself writes an attribute.
pub fn keyword(text: &str) -> Payload {
    typed_json(AttributeType::Keyword, &Json::from(text))
}

fn typed_json(attribute_type: AttributeType, value: &Json) -> Payload {
    let mut payload = Payload {
        metadata: [(ENCODING.to_owned(), JSON.to_vec())].into(),
        data: value.to_string().into_bytes(),
        ..Payload::default()
    };
    set_type(&mut payload, attribute_type);
    payload
}

fn set_type(payload: &mut Payload, attribute_type: AttributeType) {
    let name = attribute_type.name().as_bytes().to_vec();
    payload.metadata.insert(TYPE.to_owned(), name);
}

/// What the index holds of a payload as a value of this type; the error says what
/// would be right.
fn values(attribute_type: AttributeType, payload: &Payload) -> Result<Vec<Value>, String> {
    let encoding = payload.metadata.get(ENCODING).map(Vec::as_slice);
    if encoding != Some(JSON) {
        let encoding = String::from_utf8_lossy(encoding.unwrap_or_default());
        return Err(format!(
            "it is encoded as {encoding:?}; search attributes are not encrypted and need json/plain"
        ));
    }
    let wrong = |found: &Json| {
        let mut found = found.to_string();
        if let Some((end, _)) = found.char_indices().nth(60) {
            found.truncate(end);
            found.push('…');
        }
        format!("expected {}, found {found}", attribute_type.form())
    };
    let json: Json = serde_json::from_slice(&payload.data).map_err(|error| {
        format!(
            "it is no JSON ({error}); expected {}",
            attribute_type.form()
        )
    })?;
    let mut values = match (&json, attribute_type) {
        (Json::Array(members), AttributeType::KeywordList) => {
            let text = |member: &Json| member.as_str().map(|text| Value::Text(text.to_owned()));
            let texts: Option<Vec<Value>> = members.iter().map(text).collect();
            texts.ok_or_else(|| wrong(&json))?
        }
        // Clients without types send every value as a list.
        (Json::Array(members), _) if members.len() == 1 => {
            one(attribute_type, &members[0]).ok_or_else(|| wrong(&json))?
        }
        _ => one(attribute_type, &json).ok_or_else(|| wrong(&json))?,
    };
    values.sort();
    values.dedup();
    Ok(values)
}

fn one(attribute_type: AttributeType, json: &Json) -> Option<Vec<Value>> {
    let value = match attribute_type {
        AttributeType::Text => {
            let words = words(json.as_str()?);
            // A text without words is there all the same.
            return Some(match words.is_empty() {
                true => vec![Value::Text(String::new())],
                false => words.into_iter().map(Value::Text).collect(),
            });
        }
        AttributeType::Keyword | AttributeType::KeywordList => {
            Value::Text(json.as_str()?.to_owned())
        }
        AttributeType::Int => Value::Int(json.as_i64()?),
        AttributeType::Double => Value::Double(Double::new(json.as_f64()?)?),
        AttributeType::Bool => Value::Int(i64::from(json.as_bool()?)),
        AttributeType::Datetime => Value::Int(rfc_3339(json.as_str()?)?.as_nanos()),
    };
    Some(vec![value])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(data: &str) -> Payload {
        Payload {
            metadata: [(ENCODING.to_owned(), JSON.to_vec())].into(),
            data: data.as_bytes().to_vec(),
            ..Payload::default()
        }
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn vis_04_values_of_every_type_are_read() {
        let double = |number| Value::Double(Double::new(number).unwrap());
        for (attribute_type, data, expected) in [
            (
                AttributeType::Text,
                "\"Red, green\"",
                vec![text("green"), text("red")],
            ),
            (AttributeType::Text, "\"!\"", vec![text("")]),
            (
                AttributeType::Keyword,
                "\"Red, green\"",
                vec![text("Red, green")],
            ),
            (AttributeType::Keyword, "[\"a\"]", vec![text("a")]),
            (AttributeType::Int, "-7", vec![Value::Int(-7)]),
            (AttributeType::Double, "7", vec![double(7.0)]),
            (AttributeType::Double, "-0.0", vec![double(0.0)]),
            (AttributeType::Bool, "true", vec![Value::Int(1)]),
            (
                AttributeType::Datetime,
                "\"1970-01-01T00:00:01Z\"",
                vec![Value::Int(1_000_000_000)],
            ),
            (
                AttributeType::KeywordList,
                "[\"b\", \"a\", \"b\"]",
                vec![text("a"), text("b")],
            ),
            (AttributeType::KeywordList, "\"a\"", vec![text("a")]),
        ] {
            assert_eq!(values(attribute_type, &json(data)), Ok(expected), "{data}");
        }
    }

    #[test]
    fn vis_04_a_value_of_another_type_is_refused_with_what_would_be_right() {
        for (attribute_type, data) in [
            (AttributeType::Text, "1"),
            (AttributeType::Keyword, "[\"a\", \"b\"]"),
            (AttributeType::Keyword, "null"),
            (AttributeType::Int, "1.5"),
            (AttributeType::Int, "\"1\""),
            (AttributeType::Int, "9223372036854775808"),
            (AttributeType::Double, "\"x\""),
            (AttributeType::Double, "1e999"),
            (AttributeType::Bool, "1"),
            (AttributeType::Datetime, "\"noon\""),
            (AttributeType::Datetime, "12"),
            (AttributeType::KeywordList, "[1]"),
            (AttributeType::KeywordList, "{}"),
            (AttributeType::Int, "{"),
        ] {
            let refused = values(attribute_type, &json(data)).unwrap_err();
            assert!(refused.contains(attribute_type.form()), "{data}: {refused}");
        }
        let mut encrypted = json("1");
        encrypted
            .metadata
            .insert(ENCODING.to_owned(), b"binary/encrypted".to_vec());
        let refused = values(AttributeType::Int, &encrypted).unwrap_err();
        assert!(refused.contains("json/plain"), "{refused}");
    }

    #[test]
    fn nothing_is_said_in_three_ways() {
        for nothing in [null(), json("null"), json(" [] ")] {
            assert!(is_null(&nothing), "{nothing:?}");
        }
        assert!(!is_null(&json("\"\"")));
        assert!(!is_null(&json("[null]")));
    }
}
