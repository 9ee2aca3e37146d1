//! Task tokens: which attempt of which activity a worker speaks of.
//!
//! A token names the attempt and carries its nonce, so that a worker that was
//! given up for lost can say nothing about the attempt that replaced it.

use mainspring_engine::ids::{RunId, WorkflowId};
use prost::Message;

use crate::error::ServerError;

/// The only format there is so far; the first byte of every token.
const FORMAT: u8 = 1;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskToken {
    /// The workflow ID.
    pub workflow_id: WorkflowId,
    /// The run.
    pub run_id: RunId,
    /// The ActivityTaskScheduled event.
    pub scheduled_event_id: i64,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Drawn anew each time the attempt is handed out.
    pub nonce: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Wire {
    #[prost(string, tag = "1")]
    workflow_id: String,
    #[prost(bytes = "vec", tag = "2")]
    run_id: Vec<u8>,
    #[prost(int64, tag = "3")]
    scheduled_event_id: i64,
    #[prost(uint32, tag = "4")]
    attempt: u32,
    #[prost(fixed64, tag = "5")]
    nonce: u64,
}

impl TaskToken {
    /// The bytes that travel.
    pub fn encode(&self) -> Vec<u8> {
        let wire = Wire {
            workflow_id: self.workflow_id.to_string(),
            run_id: self.run_id.as_bytes().to_vec(),
            scheduled_event_id: self.scheduled_event_id,
            attempt: self.attempt,
            nonce: self.nonce,
        };
        let mut bytes = Vec::with_capacity(1 + wire.encoded_len());
        bytes.push(FORMAT);
        wire.encode_raw(&mut bytes);
        bytes
    }

    /// Reads back what `encode` gave; INVALID_ARGUMENT for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, ServerError> {
        Self::read(bytes).ok_or_else(|| {
            ServerError::InvalidArgument(
                "the task token is not one that this server hands out; \
                 send back the token of the task unchanged"
                    .to_owned(),
            )
        })
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (format, rest) = bytes.split_first()?;
        if *format != FORMAT {
            return None;
        }
        let wire = Wire::decode(rest).ok()?;
        if wire.workflow_id.is_empty() {
            return None;
        }
        Some(Self {
            workflow_id: WorkflowId::from(wire.workflow_id),
            run_id: RunId::from_slice(&wire.run_id)?,
            scheduled_event_id: wire.scheduled_event_id,
            attempt: wire.attempt,
            nonce: wire.nonce,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> TaskToken {
        TaskToken {
            workflow_id: "order-123".into(),
            run_id: RunId::new(uuid::Uuid::from_u128(7)),
            scheduled_event_id: 5,
            attempt: 2,
            nonce: 0xFEED,
        }
    }

    #[test]
    fn a_token_survives_the_trip() {
        assert_eq!(TaskToken::decode(&token().encode()).unwrap(), token());
    }

    #[test]
    fn anything_else_is_refused() {
        let good = token().encode();
        for bad in [&[][..], b"garbage", &good[1..], &good[..good.len() - 3]] {
            let error = TaskToken::decode(bad).unwrap_err();
            assert!(matches!(error, ServerError::InvalidArgument(_)), "{error}");
        }
    }
}
