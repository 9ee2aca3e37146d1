//! One flag per limit, named as the limit is, with its default from the engine.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use mainspring_engine::limits::Limits;

use crate::cli::value::duration;
use crate::output::time::length_of_millis;

/// Defines [`LimitArgs`] and its way to and from [`Limits`], so that the two
/// cannot drift apart: a flag per field, in one list.
macro_rules! limit_flags {
    ($($(#[$doc:meta])* $field:ident: $kind:ident),* $(,)?) => {
        /// The limits that a server keeps. Crossing one gives an error that
        /// names it.
        #[derive(Clone, Debug, Args)]
        #[command(next_help_heading = "Limits")]
        pub(crate) struct LimitArgs {
            $($(#[$doc])* #[arg(long, default_value_t = $kind::from(Limits::default().$field))]
            $field: $kind,)*
        }

        impl LimitArgs {
            /// The limits that the flags ask for.
            pub(crate) fn limits(&self) -> Limits {
                Limits { $($field: self.$field.clone().into(),)* }
            }
        }
    };
}

limit_flags! {
    /// One payload, or one list of arguments.
    payload_bytes: Bytes,
    /// One gRPC request.
    request_bytes: Bytes,
    /// One component file.
    component_bytes: Bytes,
    /// Component files received and compiled at once; the next one waits.
    uploads_at_once: Count,
    /// How long an upload may pause.
    upload_pause: Time,
    /// Compiling one component.
    compile_time: Time,
    /// Linear memory of one run.
    run_memory_bytes: Bytes,
    /// Stack of one run: how deep its code may call.
    run_stack_bytes: Bytes,
    /// CPU time for one delivered event.
    event_cpu: Time,
    /// How long workflow code may hold up the acknowledgement of its inputs.
    activation_slice: Time,
    /// Open activities, timers and children of one run.
    pending_operations: Count,
    /// Operations started in one workflow task.
    task_operations: Count,
    /// What one workflow task may ask for altogether.
    task_bytes: Bytes,
    /// Log text of workflow code between two waits; the rest is dropped.
    task_log_bytes: Bytes,
    /// What one call of workflow code may hand over.
    call_bytes: Bytes,
    /// Workflow types in one component.
    component_types: Count,
    /// What one component says of itself.
    description_bytes: Bytes,
    /// Events in one history.
    history_events: SignedCount,
    /// Bytes in one history.
    history_bytes: SignedBytes,
    /// Updates of one run that were sent and have no outcome yet.
    updates_in_flight: Count,
    /// What the updates that wait for one run carry together.
    updates_in_flight_bytes: Bytes,
    /// Updates that one run takes altogether.
    run_updates: Count,
    /// Events in a history from which on a successor is suggested to its workflow.
    suggest_history_events: SignedCount,
    /// Bytes in a history from which on a successor is suggested to its workflow.
    suggest_history_bytes: SignedBytes,
    /// IDs and names: workflow IDs, types, task queues, signals and so on.
    id_bytes: Bytes,
    /// Instances kept live at once.
    live_instances: Count,
    /// How long an instance is kept live while nothing happens to its run; longer
    /// where its history is long.
    instance_idle: Time,
    /// Messages waiting for one workflow ID.
    mailbox_messages: Count,
    /// Letters between runs kept in memory; the rest waits on disk.
    letters_in_memory: Count,
    /// Transitions waiting to be committed.
    commit_queue: Count,
    /// Tasks of one queue kept in memory; the rest waits on disk.
    queue_tasks_in_memory: Count,
    /// Polls waiting at one task queue.
    queue_pollers: Count,
    /// How long a poll for tasks waits, unless its caller waits less.
    task_poll: Time,
    /// How long a long poll for history waits.
    history_poll: Time,
    /// The text of one list filter.
    filter_bytes: Bytes,
    /// How deep parentheses and NOT may nest in a list filter.
    filter_depth: Count,
    /// Values in one IN of a list filter.
    filter_values: Count,
    /// Rows that one list or count may look at.
    list_rows_examined: Count,
    /// A failure kept with a pending activity is cut to this many bytes.
    stored_failure_bytes: Bytes,
    /// Custom search attributes of one namespace.
    search_attributes: Count,
    /// Search attributes of one run.
    run_search_attributes: Count,
    /// One value of a search attribute.
    search_attribute_bytes: Bytes,
    /// All search attributes of one run.
    run_search_attribute_bytes: Bytes,
    /// The memo of one run.
    memo_bytes: Bytes,
    /// How long a namespace keeps closed runs, at least.
    shortest_retention: Time,
}

/// A number of bytes, written `4096`, `64KiB`, `2MiB` or `1GiB`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bytes(usize);

/// The same for a limit that is counted with a sign.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SignedBytes(i64);

/// A number of things, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Count(usize);

/// The same for a limit that is counted with a sign.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SignedCount(i64);

/// A length of time, written `250ms`, `1m30s`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Time(Duration);

const UNITS: [(&str, u64); 3] = [
    ("GiB", 1024 * 1024 * 1024),
    ("MiB", 1024 * 1024),
    ("KiB", 1024),
];

fn parse_bytes(text: &str) -> Result<u64, String> {
    let unit = UNITS.iter().find(|(name, _)| text.ends_with(name));
    let (number, unit) = match unit {
        Some((name, unit)) => (&text[..text.len() - name.len()], *unit),
        None => (text, 1),
    };
    let bytes = parse_count(number).ok().and_then(|n| n.checked_mul(unit));
    bytes.ok_or_else(|| "write a number of bytes such as 4096, 64KiB, 2MiB or 1GiB".to_owned())
}

fn parse_count(text: &str) -> Result<u64, String> {
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    let number = text.parse::<u64>().ok().filter(|n| is_number && *n > 0);
    number.ok_or_else(|| "write a whole number, 1 or more".to_owned())
}

fn fmt_bytes(bytes: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match UNITS
        .iter()
        .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit))
    {
        Some((name, unit)) => write!(f, "{}{name}", bytes / unit),
        None => write!(f, "{bytes}"),
    }
}

/// Conversions of one flag type: from and to the limit's type, and its text.
macro_rules! number_flag {
    ($kind:ident, $inner:ty, $parse:ident, $format:expr) => {
        impl From<$inner> for $kind {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl From<$kind> for $inner {
            fn from(value: $kind) -> Self {
                value.0
            }
        }

        impl FromStr for $kind {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let number = $parse(text)?;
                let fits = <$inner>::try_from(number);
                fits.map(Self)
                    .map_err(|_| "this number is too large".to_owned())
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let format: fn(u64, &mut fmt::Formatter<'_>) -> fmt::Result = $format;
                format(u64::try_from(self.0).unwrap_or(0), f)
            }
        }
    };
}

number_flag!(Bytes, usize, parse_bytes, fmt_bytes);
number_flag!(SignedBytes, i64, parse_bytes, fmt_bytes);
number_flag!(Count, usize, parse_count, |n, f| write!(f, "{n}"));
number_flag!(SignedCount, i64, parse_count, |n, f| write!(f, "{n}"));

impl From<Duration> for Time {
    fn from(value: Duration) -> Self {
        Self(value)
    }
}

impl From<Time> for Duration {
    fn from(value: Time) -> Self {
        value.0
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match duration(text)? {
            Duration::ZERO => Err("this limit must be longer than 0".to_owned()),
            time => Ok(Self(time)),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        f.write_str(&length_of_millis(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_they_are_written() {
        for text in ["1", "4000", "64KiB", "2MiB", "1GiB"] {
            assert_eq!(text.parse::<Bytes>().unwrap().to_string(), text);
        }
        assert_eq!("1024".parse::<Bytes>().unwrap().to_string(), "1KiB");
        assert_eq!("2MiB".parse::<Bytes>(), Ok(Bytes(2 * 1024 * 1024)));
        for text in [
            "",
            "0",
            "-1",
            "+1",
            "MiB",
            "2MB",
            "1.5MiB",
            "99999999999999999999GiB",
        ] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        assert!("18446744073709551615".parse::<SignedCount>().is_err());
    }

    #[test]
    fn times_read_as_they_are_written() {
        for text in ["5ms", "1s", "1m", "1m30s"] {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        }
        assert!("0s".parse::<Time>().is_err());
    }

    #[test]
    fn without_flags_the_limits_are_the_engines() {
        use clap::Parser;

        #[derive(Debug, Parser)]
        struct Line {
            #[command(flatten)]
            limits: LimitArgs,
        }
        let limits = Line::parse_from(["server"]).limits.limits();
        assert_eq!(format!("{limits:?}"), format!("{:?}", Limits::default()));
    }
}
