//! Points in time as RFC 3339 has them.

use crate::time::Timestamp;

/// Reads `2026-01-31T08:00:00.5+01:00`, in microseconds: finer digits are cut, as
/// they are in what lists tell. Times that are out of range become the nearest in
/// range.
pub fn rfc_3339(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (time, zone) = rest.split_at(zone_at);
    let (clock, fraction) = time
        .split_once('.')
        .map_or((time, None), |(clock, fraction)| (clock, Some(fraction)));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let in_range = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range {
        return None;
    }
    let offset_minutes = match zone.split_at(1) {
        ("Z", "") => 0,
        (sign, zone) => {
            let [hours, minutes] = numbers(zone, ':', [2, 2])?;
            if hours >= 24 || minutes >= 60 {
                return None;
            }
            let minutes = hours * 60 + minutes;
            if sign == "-" { -minutes } else { minutes }
        }
    };
    let days = days_before(year) + (1..month).map(|m| days_in(year, m)).sum::<i64>() + day - 1;
    let seconds = ((days * 24 + hour) * 60 + minute - offset_minutes) * 60 + second;
    let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(nanos(fraction)?);
    let nanos = nanos.clamp(i64::MIN.into(), i64::MAX.into());
    Some(Timestamp::from_nanos(i64::try_from(nanos).ok()?).whole_micros())
}

/// Numbers of these lengths between separators.
fn numbers<const N: usize>(text: &str, separator: char, lengths: [usize; N]) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(separator);
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part = parts.next()?;
        let is_number = part.len() == length && part.bytes().all(|c| c.is_ascii_digit());
        *number = part.parse().ok().filter(|_| is_number)?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Digits behind a point as nanoseconds.
fn nanos(fraction: Option<&str>) -> Option<i64> {
    let Some(digits) = fraction else {
        return Some(0);
    };
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    format!("{digits:0<9.9}").parse().ok()
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// From 1970-01-01 to the first day of a year.
fn days_before(year: i64) -> i64 {
    let leap_days = |year: i64| {
        let last = year - 1;
        last.div_euclid(4) - last.div_euclid(100) + last.div_euclid(400)
    };
    (year - 1970) * 365 + leap_days(year) - leap_days(1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_zones_and_fractions() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:01.5Z", 1_500_000),
            ("1970-01-01T00:00:00.1234567899999Z", 123_456),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T19:30:00-04:30", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000),
            ("2024-12-31T23:59:59Z", 1_735_689_599_000_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000_000),
        ] {
            let expected = Timestamp::from_nanos(micros * 1_000);
            assert_eq!(rfc_3339(text), Some(expected), "{text}");
        }
        assert_eq!(
            rfc_3339("9999-12-31T23:59:59Z"),
            Some(Timestamp::MAX.whole_micros())
        );
        assert!(rfc_3339("0001-01-01T00:00:00Z").unwrap() < Timestamp::from_nanos(-1 << 62));
        for text in [
            "",
            "noon",
            "2026-01-31",
            "2026-01-31 08:00:00Z",
            "2026-01-31T08:00:00",
            "2026-01-31T08:00Z",
            "2026-02-29T08:00:00Z",
            "2026-13-01T08:00:00Z",
            "2026-00-01T08:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T08:00:00.Z",
            "2026-01-31T08:00:00+1:00",
            "2026-01-31T08:00:00+25:00",
            "2026-01-31T08:00:00Zx",
            "26-01-31T08:00:00Z",
            "2026-01-31T08:00:00.١Z",
        ] {
            assert_eq!(rfc_3339(text), None, "{text}");
        }
    }
}
