//! Points in time and lengths of time as text: RFC 3339 in UTC with
//! milliseconds, and lengths such as `1m30s`.

use std::time::{SystemTime, UNIX_EPOCH};

use prost_wkt_types::{Duration, Timestamp};

/// `2026-11-24T12:13:44.673Z`; empty for no time.
pub(crate) fn stamp(time: Option<&Timestamp>) -> String {
    let Some(time) = time else {
        return String::new();
    };
    let (year, month, day) = date(time.seconds.div_euclid(86_400));
    let second = time.seconds.rem_euclid(86_400);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60,
        time.nanos.clamp(0, 999_999_999) / 1_000_000
    )
}

/// A time with its distance from `now`: `2026-…Z (4s ago)` or `(in 2s)`.
pub(crate) fn stamp_from_now(time: Option<&Timestamp>, now: SystemTime) -> String {
    let Some(at) = time else {
        return String::new();
    };
    let distance_ms = millis(at).saturating_sub(system_millis(now));
    let size = short_length(distance_ms.unsigned_abs());
    if distance_ms > 0 {
        format!("{} (in {size})", stamp(time))
    } else {
        format!("{} ({size} ago)", stamp(time))
    }
}

/// From one time to another: `1.043s`.
pub(crate) fn between(start: &Timestamp, end: &Timestamp) -> String {
    let millis = millis(end).saturating_sub(millis(start)).max(0);
    length_of_millis(millis.unsigned_abs())
}

/// A length in Temporal's messages, such as `1h30m`.
pub(crate) fn length(duration: &Duration) -> String {
    let millis = duration
        .seconds
        .saturating_mul(1_000)
        .saturating_add(i64::from(duration.nanos / 1_000_000));
    length_of_millis(millis.max(0).unsigned_abs())
}

/// A length with every unit that it needs, down to milliseconds.
pub(crate) fn length_of_millis(millis: u64) -> String {
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let (seconds, rest) = (millis / 1_000 % 60, millis % 1_000);
    let mut text = String::new();
    if hours > 0 {
        text.push_str(&format!("{hours}h"));
    }
    if minutes > 0 {
        text.push_str(&format!("{minutes}m"));
    }
    if seconds > 0 && rest > 0 {
        let decimals = format!("{rest:03}");
        text.push_str(&format!("{seconds}.{}s", decimals.trim_end_matches('0')));
    } else if seconds > 0 {
        text.push_str(&format!("{seconds}s"));
    } else if rest > 0 {
        text.push_str(&format!("{rest}ms"));
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

/// About how long: `4s`, `12m`, `3h`, `2d`.
fn short_length(millis: u64) -> String {
    match millis {
        0..10_000 => length_of_millis(millis / 100 * 100),
        10_000..60_000 => format!("{}s", millis / 1_000),
        60_000..3_600_000 => format!("{}m", millis / 60_000),
        3_600_000..172_800_000 => format!("{}h", millis / 3_600_000),
        _ => format!("{}d", millis / 86_400_000),
    }
}

fn millis(time: &Timestamp) -> i64 {
    time.seconds
        .saturating_mul(1_000)
        .saturating_add(i64::from(time.nanos / 1_000_000))
}

fn system_millis(now: SystemTime) -> i64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian
/// calendar. Years are counted from March, so that a leap day ends one.
fn date(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use std::time::Duration as StdDuration;

    use super::*;

    fn at(seconds: i64, nanos: i32) -> Timestamp {
        Timestamp { seconds, nanos }
    }

    #[test]
    fn stamps_are_utc_with_milliseconds() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
            (-1, "1969-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(stamp(Some(&at(seconds, 0))), text);
        }
        assert_eq!(
            stamp(Some(&at(1_700_000_000, 5_999_999))),
            "2023-11-14T22:13:20.005Z"
        );
        assert_eq!(stamp(None), "");
    }

    #[test]
    fn hostile_times_do_not_panic() {
        for seconds in [i64::MIN, i64::MAX, -62_135_596_800] {
            let time = at(seconds, i32::MAX);
            stamp(Some(&time));
            stamp_from_now(Some(&time), SystemTime::now());
            between(&time, &at(0, 0));
        }
    }

    #[test]
    fn distances_are_about_right() {
        let now = UNIX_EPOCH + StdDuration::from_secs(1_700_000_000);
        let text = stamp_from_now(Some(&at(1_700_000_004, 0)), now);
        assert!(text.ends_with("(in 4s)"), "{text}");
        let text = stamp_from_now(Some(&at(1_699_999_000, 0)), now);
        assert!(text.ends_with("(16m ago)"), "{text}");
    }

    #[test]
    fn lengths_name_every_unit() {
        for (millis, text) in [
            (0, "0s"),
            (7, "7ms"),
            (1_043, "1.043s"),
            (60_000, "1m"),
            (90_500, "1m30.5s"),
            (259_200_000, "72h"),
        ] {
            assert_eq!(length_of_millis(millis), text);
        }
    }
}
