//! Which values of one attribute a filter lets through, as ranges: what an index on
//! that attribute has to be walked over. The ranges may hold too much, never too
//! little; the rest of the filter is asked of each row.

use mainspring_engine::ids::RunId;
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;

use crate::visibility::{Attribute, Comparison, Filter, Subject, Test, Value};

/// A place between two sort keys: values first, then runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cut {
    /// Before everything.
    Start,
    /// At this value: where, among its runs.
    At(Value, Side),
    /// After everything.
    End,
}

/// Where a cut is among the runs that have its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// Before all of them.
    Before,
    /// Right before this one.
    BeforeRun(RunId),
    /// Right after this one.
    AfterRun(RunId),
    /// After all of them.
    After,
}

/// What lies between two cuts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: Cut,
    pub(super) to: Cut,
}

impl Range {
    /// Everything.
    pub(super) const FULL: Range = Range {
        from: Cut::Start,
        to: Cut::End,
    };

    fn new(from: Cut, to: Cut) -> Self {
        Self { from, to }
    }

    fn point(value: &Value) -> Self {
        Self::new(
            Cut::At(value.clone(), Side::Before),
            Cut::At(value.clone(), Side::After),
        )
    }

    /// Whether nothing lies in it.
    pub(super) fn is_empty(&self) -> bool {
        self.from >= self.to
    }

    /// Whether all that has this value lies in it.
    pub(super) fn holds(&self, value: &Value) -> bool {
        let point = Range::point(value);
        self.from <= point.from && point.to <= self.to
    }

    /// The value, if the range holds exactly one.
    pub(super) fn only_value(&self) -> Option<&Value> {
        match (&self.from, &self.to) {
            (Cut::At(from, Side::Before), Cut::At(to, Side::After)) if from == to => Some(from),
            _ => None,
        }
    }

    /// What lies in both.
    pub(super) fn clip(&self, other: &Range) -> Range {
        Range {
            from: (&self.from).max(&other.from).clone(),
            to: (&self.to).min(&other.to).clone(),
        }
    }
}

/// Ranges in order, none touching the next, and whether runs without a value may
/// match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ranges {
    pub(super) ranges: Vec<Range>,
    pub(super) absent: bool,
}

impl Ranges {
    fn everything() -> Self {
        Self {
            ranges: vec![Range::FULL],
            absent: true,
        }
    }

    fn nothing() -> Self {
        Self {
            ranges: Vec::new(),
            absent: false,
        }
    }

    fn present(ranges: Vec<Range>) -> Self {
        Self {
            ranges: joined(ranges),
            absent: false,
        }
    }

    /// Whether no run can match.
    pub(super) fn is_nothing(&self) -> bool {
        self.ranges.is_empty() && !self.absent
    }

    /// Whether every value may match.
    pub(super) fn is_full(&self) -> bool {
        self.ranges == [Range::FULL]
    }

    /// Whether a value is in one of the ranges.
    pub(super) fn holds(&self, value: &Value) -> bool {
        self.ranges.iter().any(|range| range.holds(value))
    }

    /// The smallest single range around all of them.
    pub(super) fn hull(&self) -> Range {
        match (self.ranges.first(), self.ranges.last()) {
            (Some(first), Some(last)) => Range::new(first.from.clone(), last.to.clone()),
            _ => Range::FULL,
        }
    }

    fn and(self, other: &Ranges) -> Self {
        let mut both = Vec::new();
        let (mut one, mut two) = (
            self.ranges.iter().peekable(),
            other.ranges.iter().peekable(),
        );
        while let (Some(left), Some(right)) = (one.peek(), two.peek()) {
            let common = left.clip(right);
            if !common.is_empty() {
                both.push(common);
            }
            if left.to <= right.to {
                one.next();
            } else {
                two.next();
            }
        }
        Self {
            ranges: both,
            absent: self.absent && other.absent,
        }
    }

    fn or(mut self, other: Ranges) -> Self {
        self.ranges.extend(other.ranges);
        Self {
            ranges: joined(self.ranges),
            absent: self.absent || other.absent,
        }
    }

    /// The values that are in none of the ranges.
    fn other_values(self) -> Self {
        let mut others = Vec::new();
        let mut from = Cut::Start;
        for range in self.ranges {
            others.push(Range::new(from, range.from));
            from = range.to;
        }
        others.push(Range::new(from, Cut::End));
        Self::present(others)
    }
}

/// Sorts ranges and joins those that touch.
fn joined(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by(|one, other| one.from.cmp(&other.from));
    let mut joined: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.from <= last.to => {
                if last.to < range.to {
                    last.to = range.to;
                }
            }
            _ => joined.push(range),
        }
    }
    joined
}

/// Whether a run may have several values of it.
fn has_several(subject: Subject) -> bool {
    match subject {
        Subject::BuiltIn(_) => false,
        Subject::Custom(attribute) => attribute.attribute_type.has_several(),
    }
}

/// What a filter lets through of an attribute. Where runs may have several values of
/// it, every run that matches has at least one that is let through.
pub(super) fn allowed(filter: &Filter, subject: impl Into<Subject>) -> Ranges {
    allowed_by(filter, subject.into(), false)
}

fn allowed_by(filter: &Filter, subject: Subject, negated: bool) -> Ranges {
    let parts = |filters: &[Filter]| -> Vec<Ranges> {
        let part = |filter| allowed_by(filter, subject, negated);
        filters.iter().map(part).collect()
    };
    match (filter, negated) {
        (Filter::All, false) => Ranges::everything(),
        (Filter::All, true) => Ranges::nothing(),
        (Filter::Not(filter), _) => allowed_by(filter, subject, !negated),
        (Filter::And(filters), false) | (Filter::Or(filters), true) => {
            let parts = parts(filters);
            // One value passes one part, another one the other: no part narrows
            // what the others let through.
            if has_several(subject) {
                return narrowest(parts);
            }
            parts
                .iter()
                .fold(Ranges::everything(), |all, part| all.and(part))
        }
        (Filter::Or(filters), false) | (Filter::And(filters), true) => {
            // Joined once, not once per part: a filter may have thousands.
            let parts = parts(filters);
            let absent = parts.iter().any(|part| part.absent);
            let ranges = parts.into_iter().flat_map(|part| part.ranges).collect();
            Ranges { ranges, absent }.or(Ranges::nothing())
        }
        (Filter::Is(asked, test), _) => match subject {
            Subject::BuiltIn(attribute) => allowed_by_test(*asked, test, attribute, negated),
            Subject::Custom(_) => Ranges::everything(),
        },
        (Filter::Has(asked, test), _) if Subject::Custom(*asked) == subject => {
            allowed_by_own_test(test, negated, true, has_several(subject))
        }
        (Filter::Has(..), _) => Ranges::everything(),
    }
}

/// The part that lets the least through, as far as the ranges show: values before
/// ranges, fewer before more.
fn narrowest(parts: Vec<Ranges>) -> Ranges {
    let width = |part: &Ranges| {
        let is_point = |range: &Range| range.only_value().is_some();
        let has_ranges = !part.ranges.iter().all(is_point);
        (part.absent, has_ranges, part.ranges.len())
    };
    parts
        .into_iter()
        .min_by_key(width)
        .unwrap_or_else(Ranges::everything)
}

/// A test of the very attribute. `may_lack`: some runs do not have it.
fn allowed_by_own_test(test: &Test, negated: bool, may_lack: bool, has_several: bool) -> Ranges {
    match (test, negated) {
        (Test::IsNull, false) => Ranges {
            ranges: Vec::new(),
            absent: may_lack,
        },
        (Test::IsNull, true) => Ranges::present(vec![Range::FULL]),
        (_, false) => Ranges::present(values(test)),
        // A run whose values all fail the test may have any others.
        (_, true) if has_several => Ranges::present(vec![Range::FULL]),
        (_, true) => Ranges::present(values(test)).other_values(),
    }
}

/// Whether exactly the closed runs have it.
fn comes_with_the_close(attribute: Attribute) -> bool {
    matches!(
        attribute,
        Attribute::CloseTime
            | Attribute::ExecutionDuration
            | Attribute::HistoryLength
            | Attribute::HistorySizeBytes
    )
}

/// Whether exactly the runs have it that another one started.
fn comes_with_a_parent(attribute: Attribute) -> bool {
    matches!(
        attribute,
        Attribute::ParentWorkflowId | Attribute::ParentRunId
    )
}

/// Whether exactly the runs that have one have the other.
fn comes_together(asked: Attribute, attribute: Attribute) -> bool {
    match attribute {
        Attribute::CloseTime => comes_with_the_close(asked),
        Attribute::ParentWorkflowId => comes_with_a_parent(asked),
        _ => false,
    }
}

fn allowed_by_test(asked: Attribute, test: &Test, attribute: Attribute, negated: bool) -> Ranges {
    let asks_for_absent = *test == Test::IsNull && !negated;
    if asked == attribute {
        let may_lack = comes_with_the_close(attribute) || comes_with_a_parent(attribute);
        return allowed_by_own_test(test, negated, may_lack, false);
    }
    match attribute {
        Attribute::ExecutionStatus if comes_with_the_close(asked) => {
            let open = Ranges::present(open_statuses());
            if asks_for_absent {
                open
            } else {
                open.other_values()
            }
        }
        _ if comes_together(asked, attribute) => Ranges {
            ranges: if asks_for_absent {
                Vec::new()
            } else {
                vec![Range::FULL]
            },
            absent: asks_for_absent,
        },
        _ => Ranges::everything(),
    }
}

fn open_statuses() -> Vec<Range> {
    let open = [
        WorkflowExecutionStatus::Running,
        WorkflowExecutionStatus::Paused,
    ];
    let point = |status| Range::point(&Value::Int(status as i64));
    open.into_iter().map(point).collect()
}

/// The values that pass a test.
fn values(test: &Test) -> Vec<Range> {
    let before = |value: &Value| Cut::At(value.clone(), Side::Before);
    let after = |value: &Value| Cut::At(value.clone(), Side::After);
    match test {
        Test::Compare(comparison, value) => match comparison {
            Comparison::Equal => vec![Range::point(value)],
            Comparison::NotEqual => vec![
                Range::new(Cut::Start, before(value)),
                Range::new(after(value), Cut::End),
            ],
            Comparison::Less => vec![Range::new(Cut::Start, before(value))],
            Comparison::LessOrEqual => vec![Range::new(Cut::Start, after(value))],
            Comparison::Greater => vec![Range::new(after(value), Cut::End)],
            Comparison::GreaterOrEqual => vec![Range::new(before(value), Cut::End)],
        },
        Test::In(values) => values.iter().map(Range::point).collect(),
        Test::Between(from, to) => vec![Range::new(before(from), after(to))],
        Test::StartsWith(prefix) => {
            let to = after_prefix(prefix);
            vec![Range::new(
                before(&Value::Text(prefix.clone())),
                to.map_or(Cut::End, |to| before(&Value::Text(to))),
            )]
        }
        Test::IsNull => Vec::new(),
    }
}

/// The first text that comes after all that begin with this; `None`: there is none.
pub(super) fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match last {
            char::MAX => continue,
            // The numbers of surrogates are no characters.
            '\u{D7FF}' => Some('\u{E000}'),
            c => char::from_u32(u32::from(c) + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(test: Test) -> Filter {
        Filter::Is(Attribute::WorkflowId, test)
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn not(filter: Filter) -> Filter {
        Filter::Not(Box::new(filter))
    }

    #[test]
    fn only_the_values_that_can_match_are_walked() {
        let ids = |filter: &Filter| allowed(filter, Attribute::WorkflowId);
        let some = is(Test::In(vec![text("b"), text("a"), text("b")]));
        let points: Vec<_> = ids(&some).ranges;
        let points: Vec<_> = points.iter().map(|range| range.only_value()).collect();
        assert_eq!(points, [Some(&text("a")), Some(&text("b"))]);

        let from_b = is(Test::Compare(Comparison::GreaterOrEqual, text("b")));
        let both = Filter::And(vec![some.clone(), from_b.clone()]);
        assert_eq!(ids(&both).ranges, [Range::point(&text("b"))]);
        let never = Filter::And(vec![some.clone(), not(some.clone())]);
        assert!(ids(&never).is_nothing());
        let either = Filter::Or(vec![from_b.clone(), not(from_b)]);
        assert!(ids(&either).is_full());

        let other = Filter::Is(Attribute::TaskQueue, Test::IsNull);
        assert!(ids(&Filter::Or(vec![some.clone(), other.clone()])).is_full());
        assert_eq!(ids(&Filter::And(vec![some, other])).ranges.len(), 2);
    }

    #[test]
    fn open_runs_have_a_status_that_says_so() {
        let open = Filter::Is(Attribute::CloseTime, Test::IsNull);
        let statuses = |filter: &Filter| {
            let allowed = allowed(filter, Attribute::ExecutionStatus);
            (0..=8)
                .filter(|n| allowed.holds(&Value::Int(*n)))
                .collect::<Vec<_>>()
        };
        assert_eq!(statuses(&open), [1, 8]);
        assert_eq!(statuses(&not(open)), [0, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_prefix_ends_where_nothing_begins_with_it() {
        assert_eq!(after_prefix("order-").as_deref(), Some("order."));
        assert_eq!(after_prefix("a\u{D7FF}").as_deref(), Some("a\u{E000}"));
        assert_eq!(after_prefix("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{10FFFF}"), None);
        assert_eq!(after_prefix(""), None);
    }
}
