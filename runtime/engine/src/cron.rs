//! Cron schedules of workflows, as Temporal reads them (TIM-03).
//!
//! ```text
//! [CRON_TZ=Europe/Berlin ] minute hour day-of-month month day-of-week
//! [CRON_TZ=Europe/Berlin ] @yearly | @monthly | @weekly | @daily | @hourly
//! @every 1h30m
//! ```
//!
//! A field is `*`, `?`, a value, a range, each with `/step`, and lists of these;
//! months and days of the week have names. Where both day fields are given, one
//! of them is enough. The wall clock decides literally: a time that a change of
//! the clocks skips does not come, one that it repeats comes twice (TIM-10).

use std::sync::OnceLock;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use crate::time::Timestamp;

/// How far ahead a time is looked for: the 29th of February is never further.
const DAYS_AHEAD: usize = 366 * 8 + 1;
/// No clock is put back by more than this.
const LARGEST_FOLD: jiff::SignedDuration = jiff::SignedDuration::from_hours(25);
const SECOND: Duration = Duration::from_secs(1);

/// When a workflow runs again.
#[derive(Clone, Debug)]
pub struct CronSchedule(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Every(Duration),
    Fields(Box<Fields>),
}

#[derive(Clone, Debug)]
struct Fields {
    zone: TimeZone,
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
}

/// The values of a field, a bit each.
#[derive(Clone, Copy, Debug)]
struct Set {
    bits: u64,
    /// The field was `*` or `?`: it says nothing.
    any: bool,
}

impl Set {
    fn has(self, value: i8) -> bool {
        self.bits & (1 << value) != 0
    }

    fn values(self) -> impl Iterator<Item = i8> {
        (0..64).filter(move |value| self.has(*value))
    }
}

/// What a field may hold.
struct Field {
    name: &'static str,
    least: u64,
    most: u64,
    /// The names of its values, from `least` on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field {
        name: "minute",
        least: 0,
        most: 59,
        names: &[],
    },
    Field {
        name: "hour",
        least: 0,
        most: 23,
        names: &[],
    },
    Field {
        name: "day of month",
        least: 1,
        most: 31,
        names: &[],
    },
    Field {
        name: "month",
        least: 1,
        most: 12,
        names: &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    },
    Field {
        name: "day of week",
        least: 0,
        most: 6,
        names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    },
];

impl CronSchedule {
    /// Reads a schedule; `Err` says what is wrong with it and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (zone, rest) = time_zone(text.trim())?;
        let kind = match rest.strip_prefix("@every") {
            Some(length) => Kind::Every(every(length.trim())?),
            None => Kind::Fields(Box::new(fields(zone, rest)?)),
        };
        let schedule = Self(kind);
        match &schedule.0 {
            Kind::Fields(fields) if fields.next(Timestamp::EPOCH).is_none() => {
                Err("its times never come: no such day has such a date".to_owned())
            }
            _ => Ok(schedule),
        }
    }

    /// The schedule that a run carries: it was checked when its chain began. Most runs
    /// have none.
    pub(crate) fn of_run(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        Self::parse(text).ok()
    }

    /// How long to wait at `now` for the first time after `scheduled` that is not
    /// past, in whole seconds; `None` if there is none.
    pub fn backoff(&self, scheduled: Timestamp, now: Timestamp) -> Option<Duration> {
        let next = match &self.0 {
            Kind::Every(length) => {
                let whole = Duration::from_nanos(
                    u64::try_from(scheduled.as_nanos().rem_euclid(1_000_000_000)).unwrap_or(0),
                );
                let base = scheduled - whole;
                let times = now.since(base).as_nanos().div_ceil(length.as_nanos());
                base + length.saturating_mul(u32::try_from(times.max(1)).unwrap_or(u32::MAX))
            }
            Kind::Fields(fields) => fields.next(scheduled.max(now - Duration::from_nanos(1)))?,
        };
        let wait = next.since(now);
        Some(Duration::from_secs(
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0),
        ))
    }
}

impl Fields {
    /// The first time after `after`.
    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let instant = jiff::Timestamp::from_nanosecond(i128::from(after.as_nanos())).ok()?;
        let begin = self.zone.to_datetime(instant);
        let earliest = begin.checked_sub(LARGEST_FOLD).ok()?;
        let mut day = earliest.date();
        for _ in 0..DAYS_AHEAD {
            if self.is_day(day) {
                let found = self.times(day, earliest).filter(|at| *at > instant).min();
                if let Some(found) = found {
                    let nanos = i64::try_from(found.as_nanosecond()).ok()?;
                    return Some(Timestamp::from_nanos(nanos));
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn is_day(&self, day: Date) -> bool {
        let of_month = self.days.has(day.day());
        let of_week = self.weekdays.has(day.weekday().to_sunday_zero_offset());
        let holds = if self.days.any || self.weekdays.any {
            of_month && of_week
        } else {
            of_month || of_week
        };
        holds && self.months.has(day.month())
    }

    /// The instants of a day whose wall clock is not before `earliest`.
    fn times(&self, day: Date, earliest: DateTime) -> impl Iterator<Item = jiff::Timestamp> {
        let clocks = self
            .hours
            .values()
            .flat_map(|hour| self.minutes.values().map(move |minute| (hour, minute)))
            .map(move |(hour, minute)| day.at(hour, minute, 0, 0))
            .filter(move |clock| *clock >= earliest);
        clocks.flat_map(|clock| {
            let offsets = match self.zone.to_ambiguous_timestamp(clock).offset() {
                AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
                AmbiguousOffset::Gap { .. } => [None, None],
                AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
            };
            let instants = offsets.map(|offset| offset?.to_timestamp(clock).ok());
            instants.into_iter().flatten()
        })
    }
}

/// Takes `CRON_TZ=…` (or `TZ=…`) off.
fn time_zone(text: &str) -> Result<(TimeZone, &str), String> {
    let Some(rest) = text
        .strip_prefix("CRON_TZ=")
        .or_else(|| text.strip_prefix("TZ="))
    else {
        return Ok((TimeZone::UTC, text));
    };
    let (name, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    // The zones are those of this very binary: the same on every machine.
    static ZONES: OnceLock<TimeZoneDatabase> = OnceLock::new();
    let zones = ZONES.get_or_init(TimeZoneDatabase::bundled);
    let zone = zones.get(name).map_err(|_| {
        format!("the time zone {name:?} is unknown; use an IANA name such as Europe/Berlin")
    })?;
    Ok((zone, rest.trim()))
}

fn fields(zone: TimeZone, text: &str) -> Result<Fields, String> {
    let spelled = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        descriptor if descriptor.starts_with('@') => {
            return Err(format!(
                "{descriptor:?} is unknown; there are @every, @hourly, @daily, @weekly, @monthly \
                 and @yearly"
            ));
        }
        fields => fields,
    };
    let texts: Vec<&str> = spelled.split_whitespace().collect();
    if texts.len() != FIELDS.len() {
        return Err(format!(
            "it has {} fields; 5 are needed: minute, hour, day of month, month, day of week",
            texts.len()
        ));
    }
    let mut sets = [Set {
        bits: 0,
        any: false,
    }; 5];
    for ((set, field), text) in sets.iter_mut().zip(&FIELDS).zip(texts) {
        *set = field
            .set(text)
            .map_err(|wrong| format!("its {} field {text:?}: {wrong}", field.name))?;
    }
    let [minutes, hours, days, months, weekdays] = sets;
    Ok(Fields {
        zone,
        minutes,
        hours,
        days,
        months,
        weekdays,
    })
}

impl Field {
    fn set(&self, text: &str) -> Result<Set, String> {
        let mut set = Set {
            bits: 0,
            any: false,
        };
        for part in text.split(',') {
            let (first, last, step, any) = self.range(part)?;
            let values = (first..=last).step_by(usize::try_from(step).unwrap_or(usize::MAX));
            set.bits |= values.fold(0, |bits, value| bits | (1 << value));
            set.any |= any;
        }
        Ok(set)
    }

    /// `*`, `n`, `n-m`, each with or without `/step`; `n/step` goes on to the end.
    fn range(&self, text: &str) -> Result<(u64, u64, u64, bool), String> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(number(step)?)),
            None => (text, None),
        };
        let whole = matches!(range, "*" | "?");
        let (first, last) = match range.split_once('-') {
            _ if whole => (self.least, self.most),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None => {
                let value = self.value(range)?;
                (value, if step.is_some() { self.most } else { value })
            }
        };
        if first > last {
            return Err(format!("{first} comes after {last}"));
        }
        let step = step.unwrap_or(1);
        if step == 0 {
            return Err("a step of 0 leads nowhere".to_owned());
        }
        Ok((first, last, step, whole && step == 1))
    }

    fn value(&self, text: &str) -> Result<u64, String> {
        let name = text.to_ascii_lowercase();
        let named = (self.least..).zip(self.names).find(|(_, n)| **n == name);
        let value = match named {
            Some((value, _)) => value,
            None => number(text)?,
        };
        if value < self.least || value > self.most {
            return Err(format!(
                "{value} is not within {} to {}",
                self.least, self.most
            ));
        }
        Ok(value)
    }
}

fn number(text: &str) -> Result<u64, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits => Ok(number),
        _ => Err(format!("{text:?} is no number")),
    }
}

/// The length after `@every`: `1h30m`, `1.5h`, `90s`; whole seconds, one at least.
fn every(text: &str) -> Result<Duration, String> {
    let wrong = || format!("@every needs a length such as 1h30m or 90s, not {text:?}");
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(wrong)?;
        let (amount, tail) = rest.split_at(digits);
        let amount: f64 = amount.parse().map_err(|_| wrong())?;
        let unit_len = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        seconds += amount
            * match unit {
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return Err(wrong()),
            };
        rest = tail;
    }
    if text.is_empty() {
        return Err(wrong());
    }
    let length = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    Ok(Duration::from_secs(length.as_secs()).max(SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let instant: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_nanos(i64::try_from(instant.as_nanosecond()).unwrap())
    }

    /// The next times after a moment.
    fn times(schedule: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = CronSchedule::parse(schedule).unwrap();
        let mut times = Vec::new();
        let mut now = at(from);
        for _ in 0..count {
            now = now
                + schedule
                    .backoff(now, now + Duration::from_nanos(1))
                    .unwrap();
            let shown = jiff::Timestamp::from_nanosecond(i128::from(now.as_nanos())).unwrap();
            times.push(shown.to_string());
        }
        times
    }

    #[test]
    fn tim_03_fields_ranges_steps_names_and_lists() {
        let monday = "2026-03-02T10:07:30Z";
        for (schedule, next) in [
            ("* * * * *", "2026-03-02T10:08:00Z"),
            ("*/15 * * * *", "2026-03-02T10:15:00Z"),
            ("5/20 * * * *", "2026-03-02T10:25:00Z"),
            ("0 9-17 * * MON-FRI", "2026-03-02T11:00:00Z"),
            ("30 8 * * 2,4", "2026-03-03T08:30:00Z"),
            ("0 0 1 jan,JUL ?", "2026-07-01T00:00:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
            ("@hourly", "2026-03-02T11:00:00Z"),
            ("@daily", "2026-03-03T00:00:00Z"),
            ("@weekly", "2026-03-08T00:00:00Z"),
            ("@monthly", "2026-04-01T00:00:00Z"),
            ("@yearly", "2027-01-01T00:00:00Z"),
            (
                "CRON_TZ=America/New_York 0 12 * * *",
                "2026-03-02T17:00:00Z",
            ),
            ("TZ=Asia/Kolkata @daily", "2026-03-02T18:30:00Z"),
        ] {
            assert_eq!(times(schedule, monday, 1), [next], "{schedule}");
        }
    }

    #[test]
    fn tim_03_either_day_field_is_enough_where_both_are_given() {
        assert_eq!(
            times("0 0 13 * FRI", "2026-03-02T00:00:00Z", 3),
            [
                "2026-03-06T00:00:00Z",
                "2026-03-13T00:00:00Z",
                "2026-03-20T00:00:00Z"
            ]
        );
        assert_eq!(
            times("0 0 13 * */2", "2026-03-01T00:00:00Z", 1),
            ["2026-03-03T00:00:00Z"]
        );
    }

    #[test]
    fn tim_10_a_skipped_time_does_not_come_and_a_repeated_one_comes_twice() {
        assert_eq!(
            times(
                "CRON_TZ=Europe/Berlin 30 2 * * *",
                "2026-03-28T12:00:00Z",
                1
            ),
            ["2026-03-30T00:30:00Z"]
        );
        assert_eq!(
            times(
                "CRON_TZ=Europe/Berlin 30 2 * * *",
                "2026-10-24T12:00:00Z",
                3
            ),
            [
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:30:00Z",
                "2026-10-26T01:30:00Z"
            ]
        );
    }

    #[test]
    fn tim_03_every_counts_from_the_last_time_and_skips_what_is_past() {
        let schedule = CronSchedule::parse("@every 1h30m").unwrap();
        let (scheduled, now) = (at("2026-03-02T10:00:00.25Z"), at("2026-03-02T13:10:00Z"));
        assert_eq!(
            schedule.backoff(scheduled, now),
            Some(Duration::from_secs(80 * 60))
        );
        let quick = CronSchedule::parse("@every 10ms").unwrap();
        assert_eq!(quick.backoff(now, now), Some(SECOND));
        let daily = CronSchedule::parse("0 0 * * *").unwrap();
        let late = at("2026-03-09T23:59:59.5Z");
        assert_eq!(daily.backoff(scheduled, late), Some(SECOND));
    }

    #[test]
    fn tim_03_a_bad_schedule_is_refused_in_words() {
        for (schedule, said) in [
            ("", "0 fields"),
            ("* * * *", "4 fields"),
            ("0 * * * * *", "6 fields"),
            (
                "60 * * * *",
                "minute field \"60\": 60 is not within 0 to 59",
            ),
            ("* 5-3 * * *", "hour field \"5-3\": 5 comes after 3"),
            ("* * 0 * *", "day of month"),
            ("* * * may-foo *", "\"foo\" is no number"),
            ("* * * * 7", "day of week"),
            ("*/0 * * * *", "step of 0"),
            ("1,,2 * * * *", "\"\" is no number"),
            ("+5 * * * *", "no number"),
            ("0 0 30 2 *", "never come"),
            ("@fortnightly", "unknown"),
            ("@every", "needs a length"),
            ("@every 5", "needs a length"),
            ("@every 1d", "needs a length"),
            ("@every -5s", "needs a length"),
            ("CRON_TZ=Mars/Olympus 0 0 * * *", "Mars/Olympus"),
            ("CRON_TZ=Europe/Berlin", "0 fields"),
        ] {
            let error = CronSchedule::parse(schedule).unwrap_err();
            assert!(error.contains(said), "{schedule}: {error}");
        }
    }
}
