//! The way to a server: address, headers, deadlines, and gRPC failures turned
//! into sentences. A command connects once; the channel reconnects by itself,
//! so long polls survive a restart of the server.

use std::time::Duration;

use mainspring_api::component::v1::component_service_client::ComponentServiceClient;
use temporalio_protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_protos::temporal::api::operatorservice::v1::operator_service_client::OperatorServiceClient;
use temporalio_protos::temporal::api::workflowservice::v1::workflow_service_client::WorkflowServiceClient;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::error::CliError;

/// How long an ordinary call may take.
pub(crate) const CALL: Duration = Duration::from_secs(10);
/// How long a call may take that makes workflow code run.
pub(crate) const WORKFLOW_CALL: Duration = Duration::from_secs(30);
/// How long a long poll may wait; the server answers after 20 s at the latest.
pub(crate) const LONG_POLL: Duration = Duration::from_secs(65);
/// How long an upload may take: bytes on the wire, then compilation.
pub(crate) const UPLOAD: Duration = Duration::from_secs(300);

const CONNECT: Duration = Duration::from_secs(5);
const PING_EVERY: Duration = Duration::from_secs(30);
/// Histories come in pages that may be far over tonic's default of 4 MiB.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A channel that sends our headers along.
pub(crate) type Transport = InterceptedService<Channel, ClientHeaders>;

/// A connection to one server, and whom it speaks for.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) workflow: WorkflowServiceClient<Transport>,
    pub(crate) operator: OperatorServiceClient<Transport>,
    pub(crate) component: ComponentServiceClient<Transport>,
    pub(crate) namespace: String,
    pub(crate) identity: String,
    address: String,
}

impl Connection {
    /// Connects to `address` (`host:port`, or a URL with `http`).
    pub(crate) async fn open(
        address: &str,
        namespace: &str,
        identity: Option<&str>,
    ) -> Result<Self, CliError> {
        let endpoint = endpoint(address)?;
        let channel = endpoint
            .connect()
            .await
            .map_err(|error| CliError::Unreachable {
                address: address.to_owned(),
                cause: root_cause(&error),
            })?;
        let headers = ClientHeaders;
        Ok(Self {
            workflow: WorkflowServiceClient::with_interceptor(channel.clone(), headers.clone())
                .max_decoding_message_size(ANSWER_BYTES_MAX),
            operator: OperatorServiceClient::with_interceptor(channel.clone(), headers.clone()),
            component: ComponentServiceClient::with_interceptor(channel, headers)
                .max_decoding_message_size(ANSWER_BYTES_MAX),
            namespace: namespace.to_owned(),
            identity: identity.map_or_else(default_identity, str::to_owned),
            address: address.to_owned(),
        })
    }

    /// Turns the failure of a call into an error that says what was tried:
    /// `action` completes "could not …".
    pub(crate) fn explain(&self, action: impl Into<String>, status: Status) -> CliError {
        if is_unreachable(&status) {
            return CliError::Unreachable {
                address: self.address.clone(),
                cause: root_cause(&status),
            };
        }
        let mut message = match status.message() {
            "" => status.code().description().to_owned(),
            message => message.to_owned(),
        };
        // The transport's own words say little: "transport error".
        if std::error::Error::source(&status).is_some() {
            message = format!("{message}: {}", root_cause(&status));
        }
        CliError::Rpc {
            action: action.into(),
            message,
            code: code_name(status.code()),
        }
    }

    /// Where it is connected to, as the user gave it.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

/// A request with a deadline, which travels to the server too.
pub(crate) fn within<T>(deadline: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}

/// Names one run; without a run ID, the current one of that workflow ID.
pub(crate) fn execution(workflow_id: &str, run_id: &str) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: workflow_id.to_owned(),
        run_id: run_id.to_owned(),
    }
}

/// True if the same call may work in a moment: the server is restarting, busy
/// or was cut off in the middle of an answer.
pub(crate) fn may_recover(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable
        | Code::Unknown
        | Code::Aborted
        | Code::Cancelled
        | Code::DeadlineExceeded
        | Code::ResourceExhausted => true,
        // tonic reports a broken stream as INTERNAL with the cause attached.
        Code::Internal => std::error::Error::source(status).is_some(),
        _ => false,
    }
}

/// Adds the headers by which a server tells its clients apart.
#[derive(Clone)]
pub(crate) struct ClientHeaders;

impl Interceptor for ClientHeaders {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert("client-name", MetadataValue::from_static("mainspring-cli"));
        metadata.insert(
            "client-version",
            MetadataValue::from_static(env!("CARGO_PKG_VERSION")),
        );
        Ok(request)
    }
}

fn endpoint(address: &str) -> Result<Endpoint, CliError> {
    if address.starts_with("https://") {
        return Err(CliError::input(format!(
            "--address {address}: TLS is not supported; use host:port of a server in plain text"
        )));
    }
    let bare = address.strip_prefix("http://").unwrap_or(address);
    let endpoint = Endpoint::from_shared(format!("http://{bare}"))
        .ok()
        .filter(|endpoint| endpoint.uri().port_u16().is_some())
        .ok_or_else(|| {
            CliError::input(format!(
                "--address {address:?} is not host:port, such as 127.0.0.1:7233"
            ))
        })?;
    Ok(endpoint
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(PING_EVERY))
}

fn default_identity() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let user = user.unwrap_or_else(|_| "unknown".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => format!("mainspring-cli:{user}"),
        host => format!("mainspring-cli:{user}@{host}"),
    }
}

fn is_unreachable(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
        {
            return true;
        }
        source = error.source();
    }
    false
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_host_and_port() {
        for good in [
            "127.0.0.1:7233",
            "localhost:1",
            "[::1]:7233",
            "http://db:80",
        ] {
            assert!(endpoint(good).is_ok(), "{good}");
        }
        for bad in ["", "localhost", "https://a:1", "a b:1", "host:port"] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_missing_server_is_reported_with_the_way_out() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let error = Connection::open(&address, "default", None)
            .await
            .err()
            .unwrap();
        let text = error.to_string();
        assert!(text.starts_with(&format!("no server answers at {address}")));
        assert!(text.contains("mainspring dev"), "{text}");
    }

    #[test]
    fn only_passing_failures_are_tried_again() {
        assert!(may_recover(&Status::unavailable("restarting")));
        assert!(!may_recover(&Status::not_found("no such run")));
        assert!(!may_recover(&Status::internal("a bug")));
    }
}
