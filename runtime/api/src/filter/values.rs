//! Attributes by name, and values as their attribute's kind wants them.

use mainspring_engine::search::{Double, REPORTED_PROBLEMS, rfc_3339};
use mainspring_engine::time::Timestamp;
use mainspring_server::NamespaceAttributes;
use mainspring_store::visibility::{Attribute, Filter, Kind, Subject, Test, Value};
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus as Status;

use super::durations::nanoseconds;

/// What Temporal has and this server has not, yet.
const LATER: [&str; 18] = [
    "StateTransitionCount",
    "TemporalScheduledById",
    "TemporalScheduledStartTime",
    "TemporalSchedulePaused",
    "ScheduleId",
    "TemporalChangeVersion",
    "BuildIds",
    "TemporalWorkerDeployment",
    "TemporalWorkerDeploymentVersion",
    "TemporalWorkflowVersioningBehavior",
    "TemporalUsedWorkerDeploymentVersions",
    "TemporalPauseInfo",
    "TemporalExternalPayloadCount",
    "TemporalExternalPayloadSizeBytes",
    "TemporalNamespaceDivision",
    "BatcherUser",
    "BatcherNamespace",
    "BinaryChecksums",
];

/// The names of statuses.
const STATUSES: [(&str, Status); 8] = [
    ("Running", Status::Running),
    ("Completed", Status::Completed),
    ("Failed", Status::Failed),
    ("Canceled", Status::Canceled),
    ("Terminated", Status::Terminated),
    ("ContinuedAsNew", Status::ContinuedAsNew),
    ("TimedOut", Status::TimedOut),
    ("Paused", Status::Paused),
];

/// A value as the text has it.
#[derive(Clone, Debug)]
pub(super) enum Written {
    /// In quotes.
    Text(String),
    /// A number, with its sign.
    Number(String),
    /// `NOW()`, with what was added.
    Time(Timestamp),
    /// `true` or `false`, without quotes.
    Bool(bool),
}

impl Written {
    fn show(&self) -> String {
        match self {
            Written::Text(text) => format!("'{text}'"),
            Written::Number(number) => number.clone(),
            Written::Time(_) => "NOW()".to_owned(),
            Written::Bool(flag) => flag.to_string(),
        }
    }
}

/// An attribute as a condition asks for it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// As it is written.
    pub(super) name: String,
    /// Which one that is.
    pub(super) what: Subject,
}

impl Asked {
    pub(super) fn kind(&self) -> Kind {
        self.what.kind()
    }

    /// The condition.
    pub(super) fn is(&self, test: Test) -> Filter {
        match self.what {
            Subject::BuiltIn(attribute) => Filter::Is(attribute, test),
            Subject::Custom(attribute) => Filter::Has(attribute, test),
        }
    }
}

/// Whether a name is the server's, now or later.
pub(crate) fn is_reserved(name: &str) -> bool {
    let same = |known: &str| known.eq_ignore_ascii_case(name);
    Attribute::ALL.iter().any(|known| same(known.name()))
        || LATER.iter().any(|later| same(later))
        || name.starts_with("Temporal")
}

/// Finds an attribute; the error says what there is.
pub(super) fn attribute(name: &str, known: &NamespaceAttributes) -> Result<Asked, String> {
    let asked = |what| Asked {
        name: name.to_owned(),
        what,
    };
    if let Some(found) = Attribute::ALL.iter().find(|known| known.name() == name) {
        return Ok(asked(Subject::BuiltIn(*found)));
    }
    if let Some(found) = known.get(name) {
        return Ok(asked(Subject::Custom(*found)));
    }
    let built_in = || Attribute::ALL.iter().map(|known| known.name());
    let mut names = built_in().chain(known.keys().map(String::as_str));
    if let Some(meant) = names.find(|known| known.eq_ignore_ascii_case(name)) {
        return Err(format!("{name} is no attribute; did you mean {meant}?"));
    }
    let later = LATER.iter().find(|later| later.eq_ignore_ascii_case(name));
    if let Some(later) = later {
        return Err(format!(
            "{later} is not served by this version of Mainspring"
        ));
    }
    // What the namespace has comes first: it is what one forgets.
    let own = known.keys().map(String::as_str);
    let own = own.filter(|name| *name != REPORTED_PROBLEMS).take(20);
    let names: Vec<&str> = own.chain(built_in()).collect();
    Err(format!(
        "{name} is no attribute of this namespace; there are {}",
        names.join(", ")
    ))
}

/// Reads a value; the error says what would be right.
pub(super) fn value(attribute: &Asked, written: &Written) -> Result<Value, String> {
    let read = match attribute.kind() {
        Kind::Keyword | Kind::Keywords | Kind::Words => match written {
            Written::Text(text) => Some(Value::Text(text.clone())),
            _ => None,
        },
        Kind::Status => status(written)?.map(|status| Value::Int(status as i64)),
        Kind::Time => match written {
            Written::Text(text) => rfc_3339(text),
            Written::Number(nanos) => nanos.parse().ok().map(Timestamp::from_nanos),
            Written::Time(time) => Some(*time),
            Written::Bool(_) => None,
        }
        .map(|time| Value::Int(time.whole_micros().as_nanos())),
        Kind::Duration => match written {
            Written::Text(text) => nanoseconds(text),
            Written::Number(nanos) => nanos.parse().ok(),
            Written::Time(_) | Written::Bool(_) => None,
        }
        .map(Value::Int),
        Kind::Int => match written {
            Written::Number(number) => whole(number).map(Value::Int),
            _ => None,
        },
        Kind::Double => match written {
            Written::Number(number) => number.parse().ok().and_then(Double::new),
            _ => None,
        }
        .map(Value::Double),
        Kind::Bool => match written {
            Written::Bool(flag) => Some(*flag),
            Written::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Written::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
        .map(|flag| Value::Int(flag.into())),
    };
    read.ok_or_else(|| {
        let wanted = match attribute.kind() {
            Kind::Keyword | Kind::Keywords => "text in quotes, such as 'order-1'",
            Kind::Words => "words in quotes, such as 'red bicycle'",
            Kind::Status => "a status such as 'Running'",
            Kind::Time => {
                "a time such as '2026-01-31T08:00:00Z', nanoseconds since 1970, or NOW() - 1h"
            }
            Kind::Duration => "a duration such as '1h30m', '01:30:00', or nanoseconds",
            Kind::Int => "a whole number",
            Kind::Double => "a number",
            Kind::Bool => "true or false",
        };
        let (name, found) = (&attribute.name, written.show());
        format!("{name} is compared with {wanted}; found {found}")
    })
}

fn status(written: &Written) -> Result<Option<Status>, String> {
    let name = match written {
        Written::Number(number) => {
            let status = number.parse::<i32>().ok().map(Status::try_from);
            return Ok(status.and_then(Result::ok));
        }
        Written::Time(_) | Written::Bool(_) => return Ok(None),
        Written::Text(name) => name,
    };
    let is = |(short, status): &&(&str, Status)| short == name || status.as_str_name() == name;
    if let Some((_, status)) = STATUSES.iter().find(is) {
        return Ok(Some(*status));
    }
    let same = |(short, _): &&(&str, Status)| short.eq_ignore_ascii_case(name);
    if let Some((meant, _)) = STATUSES.iter().find(same) {
        return Err(format!("'{name}' is no status; did you mean '{meant}'?"));
    }
    let names = STATUSES.map(|(short, _)| format!("'{short}'"));
    let names = names.join(", ");
    Err(format!("'{name}' is no status; there are {names}"))
}

/// A whole number, however it is written: `5`, `5.0`, `5e2`.
fn whole(number: &str) -> Option<i64> {
    if let Ok(whole) = number.parse() {
        return Some(whole);
    }
    // Whole numbers up to here are exact as floating point.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float: f64 = number.parse().ok()?;
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
}
