//! What stands for the parts of a history that are never the same twice.

use std::collections::HashMap;

/// Characters of a UUID.
const UUID: usize = 36;
/// Characters of a SHA-256 in hexadecimal.
const DIGEST: usize = 64;

/// The placeholders of one story.
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    known: HashMap<String, String>,
    count: HashMap<&'static str, usize>,
    of_every_language: bool,
    /// Events of workflow tasks are not told.
    without_tasks: bool,
    /// The numbers of a run's events that are told, by those that they have.
    events: HashMap<i64, i64>,
}

/// Fields that each language fills in its own way, or not at all, or that one alone
/// looks at (`control`: Go).
const OF_A_LANGUAGE: [&str; 5] = [
    "stack_trace",
    "sdk_metadata",
    "user_metadata",
    "reason",
    "control",
];

impl Placeholders {
    /// `of_every_language` and `without_tasks`: see [`super::Story`].
    pub(super) fn new(of_every_language: bool, without_tasks: bool) -> Self {
        Self {
            of_every_language,
            without_tasks,
            ..Self::default()
        }
    }

    /// Begins a run: its events, and which of them are of workflow tasks.
    pub(super) fn count_events(&mut self, events: impl Iterator<Item = (i64, bool)>) {
        let told = events.filter(|(_, is_task)| !(self.without_tasks && *is_task));
        self.events = told.map(|(event_id, _)| event_id).zip(1..).collect();
    }

    /// The number of an event in the text; none if it is not told.
    pub(super) fn event(&self, event_id: i64) -> Option<i64> {
        if !self.without_tasks {
            return Some(event_id);
        }
        self.events.get(&event_id).copied()
    }

    /// Whether a value says what others mean by saying nothing: null for no value, a
    /// default, that a failure is the library's.
    pub(super) fn is_nothing(&self, word: &str) -> bool {
        self.of_every_language && ["[null]", "ALLOW_DUPLICATE", "<sdk>"].contains(&word)
    }

    /// Whether a field is not written at all.
    pub(super) fn leaves_out(&self, field: &str) -> bool {
        self.of_every_language && OF_A_LANGUAGE.contains(&field)
    }

    /// A string with its run-dependent parts replaced. `field` says where it stands.
    pub(super) fn string(&mut self, field: &str, text: &str) -> String {
        match field {
            "sdk_name" | "sdk_version" => return format!("<{}>", field.replace('_', " ")),
            // The library's name, where it is not the worker or the server that failed.
            "source" if text.ends_with("SDK") => return "<sdk>".to_owned(),
            "build_id" => return self.build(text),
            // Where in a library it went wrong is not what a history promises.
            "stack_trace" => return "<stack trace>".to_owned(),
            _ => {}
        }
        let kind = match field {
            "request_id" => "request",
            _ => "run",
        };
        let mut out = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if is_uuid(rest) {
                out += &self.name(kind, &rest[..UUID]);
                rest = &rest[UUID..];
            } else if is_digest(rest) {
                out += &self.name("component", &rest[..DIGEST]);
                rest = &rest[DIGEST..];
            } else {
                out.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
        out
    }

    /// A build ID that is the beginning of a component's digest.
    fn build(&mut self, text: &str) -> String {
        let digest = self.known.keys().find(|digest| digest.starts_with(text));
        match digest.cloned() {
            Some(digest) if !text.is_empty() => self.known[&digest].clone(),
            _ => text.to_owned(),
        }
    }

    fn name(&mut self, kind: &'static str, text: &str) -> String {
        if let Some(name) = self.known.get(text) {
            return name.clone();
        }
        let count = self.count.entry(kind).or_default();
        *count += 1;
        let name = format!("<{kind} {count}>");
        self.known.insert(text.to_owned(), name.clone());
        name
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() >= UUID
        && text
            .bytes()
            .take(UUID)
            .enumerate()
            .all(|(place, byte)| match place {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
}

fn is_digest(text: &str) -> bool {
    text.len() >= DIGEST
        && text
            .bytes()
            .take(DIGEST)
            .all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ids_have_equal_names_wherever_they_stand() {
        let mut names = Placeholders::default();
        let (a, b) = (
            "019a9c31-0000-7000-8000-00000000000a",
            "019a9c31-0000-7000-8000-00000000000b",
        );
        assert_eq!(names.string("run_id", a), "<run 1>");
        assert_eq!(names.string("request_id", b), "<request 1>");
        assert_eq!(
            names.string("message", &format!("{a}_2, {b}")),
            "<run 1>_2, <request 1>"
        );
        assert_eq!(names.string("", "täxt"), "täxt");
        let digest = "ab".repeat(32);
        assert_eq!(names.string("binary_checksum", &digest), "<component 1>");
        assert_eq!(names.string("build_id", &digest[..12]), "<component 1>");
        assert_eq!(names.string("build_id", "v2"), "v2");
        assert_eq!(names.string("source", "RustSDK"), "<sdk>");
        assert_eq!(names.string("source", "Hand"), "Hand");
        assert_eq!(names.string("sdk_version", "0.1.0"), "<sdk version>");
    }
}
