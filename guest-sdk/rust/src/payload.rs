//! Values as they travel: encoding and decoding of payloads.
//!
//! A [`Payload`] is bytes with metadata; its `encoding` says how to read them
//! (WF-22). This SDK writes three encodings and picks by the value:
//!
//! | value | encoding |
//! |---|---|
//! | `()`, `None`, anything that JSON writes as `null` | `binary/null` |
//! | `Vec<u8>` | `binary/plain` |
//! | everything else | `json/plain`, through serde |
//!
//! A [`Payload`] used as a value passes through unchanged, which is the way to
//! hand on what is encoded otherwise. Several arguments travel as several
//! payloads: see [`Args`].

use std::any::{Any, TypeId};
use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::mainspring::workflow::types as wire;

const ENCODING: &str = "encoding";
const NULL: &str = "binary/null";
const PLAIN_BYTES: &str = "binary/plain";
const PLAIN_JSON: &str = "json/plain";
const PROTOBUF_JSON: &str = "json/protobuf";

/// One encoded value (WF-22).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// What is known about the bytes; `encoding` names their format.
    pub metadata: BTreeMap<String, Vec<u8>>,
    /// The bytes themselves.
    pub data: Vec<u8>,
}

/// A value could not be turned into a payload, or a payload into a value.
///
/// Returned from `run` it fails the workflow task and not the run: the code (or
/// its types) can be corrected and the run goes on. Wrap it in an
/// [`ApplicationFailure`](crate::ApplicationFailure) to fail the run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadConversionError {
    /// serde refused to write the value.
    #[error("cannot encode a value of type {type_name} as JSON: {reason}")]
    Encode {
        /// The Rust type.
        type_name: &'static str,
        /// What serde said.
        reason: String,
    },
    /// The bytes are not a value of this type.
    #[error("cannot decode a {encoding} payload as {type_name}: {reason}")]
    Decode {
        /// The Rust type that was asked for.
        type_name: &'static str,
        /// The payload's `encoding`.
        encoding: String,
        /// What serde said.
        reason: String,
    },
    /// The encoding is none that this SDK reads into this type.
    #[error(
        "cannot read encoding {encoding:?} into {type_name}; take the value as `Payload` and decode it yourself"
    )]
    UnknownEncoding {
        /// The Rust type that was asked for.
        type_name: &'static str,
        /// The payload's `encoding`.
        encoding: String,
    },
}

impl Payload {
    /// Encodes a value by the table at the top of this module.
    pub fn encode<T: Serialize + 'static>(value: &T) -> Result<Self, PayloadConversionError> {
        let any: &dyn Any = value;
        if let Some(payload) = any.downcast_ref::<Payload>() {
            return Ok(payload.clone());
        }
        if let Some(bytes) = any.downcast_ref::<Vec<u8>>() {
            return Ok(Self::with_encoding(PLAIN_BYTES, bytes.clone()));
        }
        let json = serde_json::to_vec(value).map_err(|error| PayloadConversionError::Encode {
            type_name: std::any::type_name::<T>(),
            reason: error.to_string(),
        })?;
        Ok(if json == b"null" {
            Self::with_encoding(NULL, Vec::new())
        } else {
            Self::with_encoding(PLAIN_JSON, json)
        })
    }

    /// Decodes a value. `()` takes any payload and drops it, so a workflow may
    /// ignore what an activity returned.
    pub fn decode<T: DeserializeOwned + 'static>(&self) -> Result<T, PayloadConversionError> {
        if let Some(value) = same_type::<Payload, T>(|| self.clone()) {
            return Ok(value);
        }
        if TypeId::of::<T>() == TypeId::of::<()>() {
            return from_json(b"null", NULL);
        }
        match self.encoding().as_str() {
            NULL => from_json(b"null", NULL),
            PLAIN_BYTES => same_type::<Vec<u8>, T>(|| self.data.clone()).ok_or_else(|| {
                PayloadConversionError::UnknownEncoding {
                    type_name: std::any::type_name::<T>(),
                    encoding: PLAIN_BYTES.to_owned(),
                }
            }),
            encoding @ (PLAIN_JSON | PROTOBUF_JSON) => from_json(&self.data, encoding),
            encoding => Err(PayloadConversionError::UnknownEncoding {
                type_name: std::any::type_name::<T>(),
                encoding: encoding.to_owned(),
            }),
        }
    }

    /// The `encoding` of the metadata; empty if there is none.
    pub fn encoding(&self) -> String {
        self.metadata
            .get(ENCODING)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .unwrap_or_default()
    }

    fn with_encoding(encoding: &str, data: Vec<u8>) -> Self {
        Self {
            metadata: BTreeMap::from([(ENCODING.to_owned(), encoding.as_bytes().to_vec())]),
            data,
        }
    }
}

/// `Some` if both type parameters are one type. The way to treat a type
/// specially inside generic code without asking every caller for a trait.
fn same_type<A: 'static, B: 'static>(value: impl FnOnce() -> A) -> Option<B> {
    if TypeId::of::<A>() != TypeId::of::<B>() {
        return None;
    }
    let boxed: Box<dyn Any> = Box::new(value());
    boxed.downcast::<B>().ok().map(|same| *same)
}

fn from_json<T: DeserializeOwned>(
    json: &[u8],
    encoding: &str,
) -> Result<T, PayloadConversionError> {
    serde_json::from_slice(json).map_err(|error| PayloadConversionError::Decode {
        type_name: std::any::type_name::<T>(),
        encoding: encoding.to_owned(),
        reason: error.to_string(),
    })
}

/// A `Payload` can stand wherever a value can; serde sees it only inside another
/// value, where it is an object with its metadata and data.
impl Serialize for Payload {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.metadata, &self.data).serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Payload {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (metadata, data) = serde::Deserialize::deserialize(deserializer)?;
        Ok(Self { metadata, data })
    }
}

/// Several arguments, each a payload of its own: `Args((from, to, amount))`.
///
/// A plain tuple is one argument (a JSON array), as it is anywhere in serde.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Args<T>(pub T);

impl<T> From<T> for Args<T> {
    fn from(arguments: T) -> Self {
        Self(arguments)
    }
}

/// What can be sent as the arguments of an activity or a handler: any
/// serialisable value, `()` for none, [`Args`] for several.
pub trait IntoPayloads: 'static {
    /// Encodes the arguments in order.
    fn to_payloads(&self) -> Result<Vec<Payload>, PayloadConversionError>;
}

/// What can be received as arguments or as a result.
pub trait FromPayloads: Sized + 'static {
    /// Decodes the arguments in order. A missing one reads as null; surplus ones
    /// are ignored, so that a newer caller can send more.
    fn from_payloads(payloads: &[Payload]) -> Result<Self, PayloadConversionError>;
}

impl<T: Serialize + 'static> IntoPayloads for T {
    fn to_payloads(&self) -> Result<Vec<Payload>, PayloadConversionError> {
        if TypeId::of::<T>() == TypeId::of::<()>() {
            return Ok(Vec::new());
        }
        Ok(vec![Payload::encode(self)?])
    }
}

impl<T: DeserializeOwned + 'static> FromPayloads for T {
    fn from_payloads(payloads: &[Payload]) -> Result<Self, PayloadConversionError> {
        decode_at(payloads, 0)
    }
}

fn decode_at<T: DeserializeOwned + 'static>(
    payloads: &[Payload],
    index: usize,
) -> Result<T, PayloadConversionError> {
    match payloads.get(index) {
        Some(payload) => payload.decode(),
        None => Payload::with_encoding(NULL, Vec::new()).decode(),
    }
}

macro_rules! several_arguments {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Serialize + 'static),+> IntoPayloads for Args<($($name,)+)> {
            fn to_payloads(&self) -> Result<Vec<Payload>, PayloadConversionError> {
                Ok(vec![$(Payload::encode(&self.0.$index)?),+])
            }
        }

        impl<$($name: DeserializeOwned + 'static),+> FromPayloads for Args<($($name,)+)> {
            fn from_payloads(payloads: &[Payload]) -> Result<Self, PayloadConversionError> {
                Ok(Args(($(decode_at::<$name>(payloads, $index)?,)+)))
            }
        }
    };
}

several_arguments!(A 0);
several_arguments!(A 0, B 1);
several_arguments!(A 0, B 1, C 2);
several_arguments!(A 0, B 1, C 2, D 3);
several_arguments!(A 0, B 1, C 2, D 3, E 4);
several_arguments!(A 0, B 1, C 2, D 3, E 4, F 5);

impl From<Payload> for wire::Payload {
    fn from(payload: Payload) -> Self {
        Self {
            metadata: payload.metadata.into_iter().collect(),
            data: payload.data,
        }
    }
}

impl From<wire::Payload> for Payload {
    fn from(payload: wire::Payload) -> Self {
        Self {
            metadata: payload.metadata.into_iter().collect(),
            data: payload.data,
        }
    }
}

pub(crate) fn fields_to_wire(fields: BTreeMap<String, Payload>) -> Vec<(String, wire::Payload)> {
    let fields = fields.into_iter();
    fields.map(|(name, value)| (name, value.into())).collect()
}

pub(crate) fn to_wire(payloads: Vec<Payload>) -> Vec<wire::Payload> {
    payloads.into_iter().map(Into::into).collect()
}

pub(crate) fn from_wire(payloads: Vec<wire::Payload>) -> Vec<Payload> {
    payloads.into_iter().map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_value_takes_its_encoding() {
        assert_eq!(Payload::encode(&()).unwrap().encoding(), "binary/null");
        assert_eq!(
            Payload::encode(&None::<u8>).unwrap().encoding(),
            "binary/null"
        );
        assert_eq!(
            Payload::encode(&vec![1_u8, 2]).unwrap().encoding(),
            "binary/plain"
        );
        let text = Payload::encode(&"hi".to_owned()).unwrap();
        assert_eq!(
            (text.encoding().as_str(), text.data.as_slice()),
            ("json/plain", &b"\"hi\""[..])
        );
    }

    #[test]
    fn nothing_may_be_said_in_three_ways_and_reads_as_unit() {
        let json_null = Payload::with_encoding("json/plain", b"null".to_vec());
        <() as FromPayloads>::from_payloads(&[]).unwrap();
        <() as FromPayloads>::from_payloads(&[Payload::encode(&()).unwrap()]).unwrap();
        <() as FromPayloads>::from_payloads(&[json_null]).unwrap();
        <() as FromPayloads>::from_payloads(&[Payload::encode(&7).unwrap()]).unwrap();
    }

    #[test]
    fn values_come_back_as_they_were_sent() {
        let bytes = Payload::encode(&vec![0_u8, 255]).unwrap();
        assert_eq!(bytes.decode::<Vec<u8>>().unwrap(), [0, 255]);
        assert_eq!(bytes.decode::<Payload>().unwrap(), bytes);
        let args = Args(("a".to_owned(), 2_u32)).to_payloads().unwrap();
        assert_eq!(args.len(), 2);
        let Args((text, number)) = Args::<(String, u32)>::from_payloads(&args).unwrap();
        assert_eq!((text.as_str(), number), ("a", 2));
    }

    #[test]
    fn a_payload_of_another_kind_is_refused_by_name() {
        let bytes = Payload::encode(&vec![1_u8]).unwrap();
        let error = bytes.decode::<String>().unwrap_err().to_string();
        assert!(
            error.contains("binary/plain") && error.contains("String"),
            "{error}"
        );
        let text = Payload::encode(&"x".to_owned()).unwrap();
        assert!(text.decode::<u32>().is_err());
    }
}
