//! Values as people type them: durations, `KEY=VALUE` pairs, and JSON inputs
//! that become payloads. Everything is checked here, before a server hears of
//! it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use temporalio_protos::temporal::api::common::v1::{Header, Payload, Payloads};

use crate::error::CliError;

/// The payload encoding of plain JSON.
pub(crate) const JSON_PLAIN: &str = "json/plain";

/// Reads a duration such as `1m30s`, `1.5h`, `250ms`, `3d` or `0`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "a duration is written like 1m30s, 500ms, 1.5h or 3d";
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err(FORM.to_owned());
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or(FORM)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let unit_ns: u128 = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return Err(FORM.to_owned()),
        };
        let part = scaled(number, unit_ns).ok_or(FORM)?;
        total = total.checked_add(part).ok_or("this duration is too long")?;
        rest = tail;
    }
    // The wire carries signed seconds, and no timeout is meant to be longer.
    if total > Duration::from_secs(100 * 365 * 86_400) {
        return Err("a duration is at most 100 years".to_owned());
    }
    Ok(total)
}

/// `number` (with up to nine decimals) times a unit.
fn scaled(number: &str, unit_ns: u128) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || fraction.len() > 9 {
        return None;
    }
    let whole: u128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut nanos = whole.checked_mul(unit_ns)?;
    if !fraction.is_empty() {
        let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
        nanos = nanos.checked_add(fraction.parse::<u128>().ok()? * unit_ns / scale)?;
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let rest = u32::try_from(nanos % 1_000_000_000).ok()?;
    Some(Duration::new(seconds, rest))
}

/// A duration as protobuf carries it.
pub(crate) fn wire_duration(duration: Duration) -> prost_wkt_types::Duration {
    prost_wkt_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

/// `KEY=VALUE` as typed; what VALUE may be is for the flag to say.
#[derive(Clone, Debug)]
pub(crate) struct KeyValue {
    /// Before the first `=`.
    pub(crate) key: String,
    /// All that follows.
    pub(crate) value: String,
}

impl FromStr for KeyValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self {
                key: key.to_owned(),
                value: value.to_owned(),
            }),
            _ => Err("expected KEY=VALUE".to_owned()),
        }
    }
}

/// Turns pairs with JSON values into payloads; `flag` names them in errors.
pub(crate) fn json_fields(
    flag: &str,
    pairs: &[KeyValue],
) -> Result<HashMap<String, Payload>, CliError> {
    let mut fields = HashMap::with_capacity(pairs.len());
    for pair in pairs {
        let payload = json_payload(&pair.value).map_err(|error| {
            CliError::input(format!(
                "{flag} {}: the value is not JSON ({error}); a string needs quotes: {flag} '{}=\"text\"'",
                pair.key, pair.key
            ))
        })?;
        fields.insert(pair.key.clone(), payload);
    }
    Ok(fields)
}

/// Headers from pairs with JSON values; none if there are no pairs.
pub(crate) fn headers(pairs: &[KeyValue]) -> Result<Option<Header>, CliError> {
    if pairs.is_empty() {
        return Ok(None);
    }
    let header = Header {
        fields: json_fields("--headers", pairs)?,
    };
    Ok(Some(header))
}

/// A payload that holds `text`, which must be JSON. The text is kept as typed.
pub(crate) fn json_payload(text: &str) -> Result<Payload, serde_json::Error> {
    serde_json::from_str::<serde::de::IgnoredAny>(text)?;
    Ok(payload(JSON_PLAIN, text.as_bytes().to_vec()))
}

/// A payload with an encoding and nothing else.
pub(crate) fn payload(encoding: &str, data: Vec<u8>) -> Payload {
    let mut payload = Payload::default();
    payload
        .metadata
        .insert("encoding".to_owned(), encoding.as_bytes().to_vec());
    payload.data = data;
    payload
}

/// A list of payloads.
pub(crate) fn payloads(list: Vec<Payload>) -> Payloads {
    Payloads { payloads: list }
}

/// The arguments of a workflow, signal or query.
#[derive(Clone, Debug, Args)]
pub(crate) struct InputArgs {
    /// Input value as JSON; repeat it for several arguments.
    #[arg(
        long,
        short,
        value_name = "JSON",
        conflicts_with = "input_file",
        allow_hyphen_values = true
    )]
    pub(crate) input: Vec<String>,
    /// File with one input value as JSON; repeat it for several arguments.
    #[arg(long, value_name = "FILE")]
    pub(crate) input_file: Vec<PathBuf>,
    /// The inputs are in base64: decode them before they are sent.
    #[arg(long)]
    pub(crate) input_base64: bool,
    /// Payload metadata; `encoding=…` replaces json/plain. Repeating a key
    /// gives each input its own value, in order.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) input_meta: Vec<KeyValue>,
}

impl InputArgs {
    /// The payloads to send, or none if there is no input at all.
    pub(crate) fn payloads(&self) -> Result<Option<Payloads>, CliError> {
        let mut raw: Vec<Vec<u8>> = Vec::new();
        for text in &self.input {
            raw.push(text.clone().into_bytes());
        }
        for path in &self.input_file {
            let bytes = std::fs::read(path).map_err(|source| CliError::File {
                action: "read",
                path: path.clone(),
                source,
            })?;
            raw.push(bytes);
        }
        if raw.is_empty() {
            return Ok(None);
        }
        let mut list = Vec::with_capacity(raw.len());
        for (index, bytes) in raw.into_iter().enumerate() {
            list.push(self.payload(index, bytes)?);
        }
        Ok(Some(payloads(list)))
    }

    fn payload(&self, index: usize, mut bytes: Vec<u8>) -> Result<Payload, CliError> {
        let number = index + 1;
        if self.input_base64 {
            bytes = decode_base64(&bytes)
                .ok_or_else(|| CliError::input(format!("input {number} is not base64")))?;
        }
        let mut payload = payload(JSON_PLAIN, bytes);
        for pair in &self.input_meta {
            if let Some(value) = self.metadata(&pair.key, index) {
                payload
                    .metadata
                    .insert(pair.key.clone(), value.as_bytes().to_vec());
            }
        }
        let is_json = payload
            .metadata
            .get("encoding")
            .is_some_and(|encoding| encoding.starts_with(b"json/"));
        if is_json
            && let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload.data)
        {
            return Err(CliError::input(format!(
                "input {number} is not JSON ({error}); a string needs quotes, as in --input '\"text\"'"
            )));
        }
        Ok(payload)
    }

    /// The value of `key` for one input: its own, or the first where there are
    /// fewer values than inputs.
    fn metadata(&self, key: &str, index: usize) -> Option<&str> {
        let mut values = self.input_meta.iter().filter(|pair| pair.key == key);
        let own = values.clone().nth(index).or_else(|| values.next());
        own.map(|pair| pair.value.as_str())
    }
}

/// Decodes standard or URL-safe base64, with or without padding.
pub(crate) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let trimmed = text.trim_ascii();
    let body_len = trimmed
        .iter()
        .rposition(|c| *c != b'=')
        .map_or(0, |at| at + 1);
    if trimmed.len() - body_len > 2 || body_len % 4 == 1 {
        return None;
    }
    let mut decoded = Vec::with_capacity(body_len * 3 / 4);
    let mut bits: u32 = 0;
    let mut held: u32 = 0;
    for letter in &trimmed[..body_len] {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            decoded.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    Some(decoded)
}

/// What a payload holds, as JSON: its value if it is JSON, null if it is empty,
/// a sentence otherwise.
pub(crate) fn payload_value(payload: &Payload) -> Value {
    let encoding = payload.metadata.get("encoding").map(Vec::as_slice);
    match encoding {
        Some(b"binary/null") => Value::Null,
        Some(encoding) if encoding.starts_with(b"json/") => {
            serde_json::from_slice(&payload.data).unwrap_or_else(|_| opaque(payload))
        }
        _ => opaque(payload),
    }
}

fn opaque(payload: &Payload) -> Value {
    let encoding = payload.metadata.get("encoding");
    let encoding = encoding.map_or("no encoding".into(), |name| String::from_utf8_lossy(name));
    Value::String(format!("<{encoding}, {} bytes>", payload.data.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("1h2m3s4ms", 3_723_004),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("3d", 259_200_000),
            ("250ms", 250),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("1us"), Ok(Duration::from_micros(1)));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "1x",
            "1.2.3s",
            "1s2",
            ".s",
            "1 s",
            "999999999999999999999h",
            "1.0000000001s",
            "40000d",
            "١s",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    fn input(values: &[&str]) -> InputArgs {
        InputArgs {
            input: values.iter().map(|value| (*value).to_owned()).collect(),
            input_file: Vec::new(),
            input_base64: false,
            input_meta: Vec::new(),
        }
    }

    fn encoding(payload: &Payload) -> &[u8] {
        &payload.metadata["encoding"]
    }

    #[test]
    fn inputs_become_json_payloads_in_order() {
        let list = input(&["{\"OrderID\": 7}", "\"x\""])
            .payloads()
            .unwrap()
            .unwrap()
            .payloads;
        assert_eq!(list.len(), 2);
        assert_eq!(encoding(&list[0]), b"json/plain");
        assert_eq!(list[0].data, b"{\"OrderID\": 7}");
        assert_eq!(payload_value(&list[1]), Value::from("x"));
    }

    #[test]
    fn no_input_sends_no_payloads() {
        assert!(input(&[]).payloads().unwrap().is_none());
    }

    #[test]
    fn input_that_is_not_json_says_which_and_how() {
        let error = input(&["1", "hello"]).payloads().unwrap_err().to_string();
        assert!(error.starts_with("input 2 is not JSON"), "{error}");
        assert!(error.contains("quotes"), "{error}");
    }

    #[test]
    fn metadata_goes_to_its_input_and_encoding_lifts_the_json_check() {
        let mut args = input(&["AAEC", "AwQ="]);
        args.input_base64 = true;
        args.input_meta = vec![
            "encoding=binary/plain".parse().unwrap(),
            "kind=first".parse().unwrap(),
            "kind=second".parse().unwrap(),
        ];
        let list = args.payloads().unwrap().unwrap().payloads;
        assert_eq!(list[0].data, [0, 1, 2]);
        assert_eq!(list[1].data, [3, 4]);
        assert_eq!(encoding(&list[1]), b"binary/plain");
        assert_eq!(list[0].metadata["kind"], b"first");
        assert_eq!(list[1].metadata["kind"], b"second");
    }

    #[test]
    fn a_missing_input_file_is_named() {
        let mut args = input(&[]);
        args.input_file = vec!["does-not-exist.json".into()];
        let error = args.payloads().unwrap_err().to_string();
        assert!(error.contains("does-not-exist.json"), "{error}");
    }

    #[test]
    fn base64_is_decoded_or_refused() {
        assert_eq!(decode_base64(b"aGVsbG8=").unwrap(), b"hello");
        assert_eq!(decode_base64(b"aGVsbG8\n").unwrap(), b"hello");
        assert_eq!(decode_base64(b"").unwrap(), b"");
        for bad in ["a", "a*==", "====", "aGV=sbG8"] {
            assert!(decode_base64(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn memo_values_are_json() {
        let good = json_fields("--memo", &["k=\"v\"".parse().unwrap()]).unwrap();
        assert_eq!(payload_value(&good["k"]), Value::from("v"));
        let bad = json_fields("--memo", &["k=v".parse().unwrap()]).unwrap_err();
        assert!(bad.to_string().contains("--memo k"));
        assert!("=v".parse::<KeyValue>().is_err());
    }
}
