//! GetWorkflowExecutionHistory in all its forms, and backwards.
//!
//! | asked for | run | answer |
//! |---|---|---|
//! | all events, no wait | any | a page; a token while there are more |
//! | all events, wait | open | what is new, at the latest after 20 s; a token until the close |
//! | close event | open | waits up to 20 s, then no event; a token only if `wait_new_event` |
//! | close event | closed | exactly that event, no token |

use mainspring_engine::ids::RunId;
use mainspring_server::HistoryState;
use prost::Message;
use temporalio_protos::temporal::api::enums::v1::HistoryEventFilterType;
use temporalio_protos::temporal::api::history::v1::History;
use temporalio_protos::temporal::api::workflowservice::v1::{
    GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse,
    GetWorkflowExecutionHistoryReverseRequest, GetWorkflowExecutionHistoryReverseResponse,
};
use tonic::{Request, Status};

use super::{Workflows, wait_of};
use crate::status;
use crate::validate::target;

/// Events on one page, by default and at most (LIF-16).
const PAGE_EVENTS: usize = 256;

/// The only format there is so far; the first byte of every token.
const FORMAT: u8 = 1;

/// A page token: which run, and from which event on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Token {
    run_id: RunId,
    next_event_id: i64,
}

#[derive(Clone, PartialEq, Message)]
struct WireToken {
    #[prost(bytes = "vec", tag = "1")]
    run_id: Vec<u8>,
    #[prost(int64, tag = "2")]
    next_event_id: i64,
}

impl Token {
    fn encode(self) -> Vec<u8> {
        let wire = WireToken {
            run_id: self.run_id.as_bytes().to_vec(),
            next_event_id: self.next_event_id,
        };
        let mut bytes = vec![FORMAT];
        wire.encode_raw(&mut bytes);
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Option<Self>, Status> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let read = bytes
            .split_first()
            .filter(|(format, _)| **format == FORMAT)
            .and_then(|(_, rest)| WireToken::decode(rest).ok())
            .and_then(|wire| {
                Some(Self {
                    run_id: RunId::from_slice(&wire.run_id)?,
                    // Anything else was not written by us.
                    next_event_id: Some(wire.next_event_id).filter(|id| *id > 0)?,
                })
            });
        read.map(Some)
            .ok_or_else(|| Status::invalid_argument("Invalid NextPageToken."))
    }
}

fn page_size(asked: i32) -> usize {
    match usize::try_from(asked) {
        Ok(0) | Err(_) => PAGE_EVENTS,
        Ok(size) => size.min(PAGE_EVENTS),
    }
}

impl Workflows {
    pub(super) async fn get_workflow_execution_history(
        &self,
        request: Request<GetWorkflowExecutionHistoryRequest>,
    ) -> Result<GetWorkflowExecutionHistoryResponse, Status> {
        let wait = wait_of(&request, self.server.limits().history_poll);
        let request = request.into_inner();
        let mut target = target(
            &request.namespace,
            request.execution.as_ref(),
            "",
            self.server.limits(),
        )?;
        let token = Token::decode(&request.next_page_token)?;
        if let Some(token) = token {
            target.run_id = Some(token.run_id);
        }
        let close_only = request.history_event_filter_type() == HistoryEventFilterType::CloseEvent;
        let from = token.map_or(1, |token| token.next_event_id);
        let state = if close_only || request.wait_new_event {
            self.server
                .wait_for_history(target, from - 1, close_only, wait)
                .await
        } else {
            self.server.history_state(target).await
        };
        let state = state.map_err(status::of)?;
        if close_only {
            return self.close_event(state, request.wait_new_event).await;
        }
        let size = page_size(request.maximum_page_size);
        let events = self
            .server
            .read_history(state.run_id, from, state.last_event_id, size, false)
            .await
            .map_err(status::of)?;
        let next_event_id = events.last().map_or(from, |last| last.event_id + 1);
        let more =
            next_event_id <= state.last_event_id || (request.wait_new_event && !state.closed);
        let token = Token {
            run_id: state.run_id,
            next_event_id,
        };
        Ok(GetWorkflowExecutionHistoryResponse {
            history: Some(History { events }),
            next_page_token: if more { token.encode() } else { Vec::new() },
            ..GetWorkflowExecutionHistoryResponse::default()
        })
    }

    async fn close_event(
        &self,
        state: HistoryState,
        wait_new_event: bool,
    ) -> Result<GetWorkflowExecutionHistoryResponse, Status> {
        if !state.closed {
            let token = Token {
                run_id: state.run_id,
                next_event_id: state.last_event_id + 1,
            };
            return Ok(GetWorkflowExecutionHistoryResponse {
                history: Some(History::default()),
                next_page_token: if wait_new_event {
                    token.encode()
                } else {
                    Vec::new()
                },
                ..GetWorkflowExecutionHistoryResponse::default()
            });
        }
        let last = self.server.last_event(state).await.map_err(status::of)?;
        Ok(GetWorkflowExecutionHistoryResponse {
            history: Some(History { events: vec![last] }),
            ..GetWorkflowExecutionHistoryResponse::default()
        })
    }

    pub(super) async fn get_workflow_execution_history_reverse(
        &self,
        request: Request<GetWorkflowExecutionHistoryReverseRequest>,
    ) -> Result<GetWorkflowExecutionHistoryReverseResponse, Status> {
        let request = request.into_inner();
        let mut target = target(
            &request.namespace,
            request.execution.as_ref(),
            "",
            self.server.limits(),
        )?;
        let token = Token::decode(&request.next_page_token)?;
        if let Some(token) = token {
            target.run_id = Some(token.run_id);
        }
        let state = self.server.history_state(target).await;
        let state = state.map_err(status::of)?;
        let last = state.last_event_id;
        let from = token.map_or(last, |token| token.next_event_id.min(last));
        let size = page_size(request.maximum_page_size);
        let events = self
            .server
            .read_history(state.run_id, 1, from, size, true)
            .await
            .map_err(status::of)?;
        let next_event_id = events.last().map_or(0, |last| last.event_id - 1);
        let token = Token {
            run_id: state.run_id,
            next_event_id,
        };
        Ok(GetWorkflowExecutionHistoryReverseResponse {
            history: Some(History { events }),
            next_page_token: if next_event_id > 0 {
                token.encode()
            } else {
                Vec::new()
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_the_trip_and_others_are_refused() {
        let token = Token {
            run_id: RunId::parse("0193d5a0-0000-7000-8000-000000000001").unwrap(),
            next_event_id: 12,
        };
        assert_eq!(Token::decode(&token.encode()).unwrap(), Some(token));
        assert_eq!(Token::decode(b"").unwrap(), None);
        assert!(Token::decode(b"\x01garbage").is_err());
        assert!(Token::decode(b"\x02").is_err());
        for next_event_id in [0, -1, i64::MIN] {
            let forged = Token {
                next_event_id,
                ..token
            };
            assert!(Token::decode(&forged.encode()).is_err());
        }
    }
}
