//! Lengths of time as people write them in filters.

/// Nanoseconds of each unit.
const UNITS: [(&str, i128); 10] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// Reads `1h30m`, `-1.5h`, `2d`, `01:30:00` or a number of nanoseconds, as
/// nanoseconds.
pub(super) fn nanoseconds(text: &str) -> Option<i64> {
    let (digits, negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let length = whole(digits)
        .or_else(|| clock(digits))
        .or_else(|| with_units(digits))?;
    i64::try_from(if negative { -length } else { length }).ok()
}

/// Reads `1h30m`, `1.5h`, `2w` as nanoseconds.
pub(super) fn with_units(text: &str) -> Option<i128> {
    if text.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let unit = unit.to_lowercase();
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(times(number, *nanos)?)?;
        rest = tail;
    }
    Some(total)
}

/// A number, perhaps with decimals, times a unit.
fn times(number: &str, unit: i128) -> Option<i128> {
    let (before, decimals) = number.split_once('.').unwrap_or((number, ""));
    if before.is_empty() && decimals.is_empty() || decimals.contains('.') {
        return None;
    }
    let mut total = whole(before).unwrap_or(0).checked_mul(unit)?;
    if !before.is_empty() {
        whole(before)?;
    }
    // Decimals below a nanosecond of the longest unit say nothing.
    let decimals = &decimals[..decimals.len().min(15)];
    if !decimals.is_empty() {
        let parts = 10_i128.pow(u32::try_from(decimals.len()).ok()?);
        total = total.checked_add(whole(decimals)? * unit / parts)?;
    }
    Some(total)
}

/// `hh:mm:ss`
fn clock(text: &str) -> Option<i128> {
    let parts: Vec<&str> = text.split(':').collect();
    let [hours, minutes, seconds] = parts.as_slice() else {
        return None;
    };
    let below_60 = |text: &str| whole(text).filter(|n| *n < 60 && text.len() == 2);
    let minutes = whole(hours)?
        .checked_mul(60)?
        .checked_add(below_60(minutes)?)?;
    let seconds = minutes.checked_mul(60)?.checked_add(below_60(seconds)?)?;
    seconds.checked_mul(1_000_000_000)
}

/// Digits, and nothing else.
fn whole(text: &str) -> Option<i128> {
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_in_every_form() {
        const SECOND: i64 = 1_000_000_000;
        for (text, nanos) in [
            ("0", 0),
            ("1500", 1_500),
            ("-7", -7),
            ("1h", 3_600 * SECOND),
            ("1h30m", 5_400 * SECOND),
            ("-1.5h", -5_400 * SECOND),
            (".5s", SECOND / 2),
            ("300ms", 300_000_000),
            ("2us", 2_000),
            ("2µs", 2_000),
            ("1d", 86_400 * SECOND),
            ("2W", 1_209_600 * SECOND),
            ("01:30:00", 5_400 * SECOND),
            ("100:00:01", 360_001 * SECOND),
        ] {
            assert_eq!(nanoseconds(text), Some(nanos), "{text}");
        }
        for text in [
            "",
            "h",
            "1x",
            "1h2",
            "1 h",
            "1..5h",
            ".h",
            "1:00",
            "00:60:00",
            "00:00:5",
            "--1h",
            "9999999999999h",
            "99999999999999999999",
            "99999999999999999999999999999999999999999999h",
            "١h",
        ] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }
}
