//! Our own service: components, uploaded and looked after.

use std::pin::Pin;
use std::sync::Arc;

use mainspring_server::{Server, UploadComponent};
use mainspring_store::components::ComponentUse;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::convert::component::version as to_wire;
use crate::proto::component::v1::component_service_server::ComponentService;
use crate::proto::component::v1::upload_component_request::Part;
use crate::proto::component::v1::{
    CheckComponentResponse, DeleteComponentRequest, DeleteComponentResponse,
    DescribeComponentRequest, DescribeComponentResponse, DownloadComponentRequest,
    DownloadComponentResponse, ListComponentsRequest, ListComponentsResponse,
    UploadComponentRequest, UploadComponentResponse,
};
use crate::{status, validate};

/// Bytes of a download in one message.
const PIECE_BYTES: usize = 1024 * 1024;
/// Components on one page of a list.
const PAGE: usize = 100;
/// Components on one page of a list, at most.
const LARGEST_PAGE: usize = 1_000;

/// The service over a server.
pub(crate) struct Components {
    server: Server,
    /// Files that may be on their way: each is in memory whole.
    uploads: Arc<Semaphore>,
}

/// A file that was received, and its place among those that may be.
struct Received {
    upload: UploadComponent,
    _place: OwnedSemaphorePermit,
}

impl Components {
    pub(crate) fn new(server: Server) -> Self {
        let uploads = Arc::new(Semaphore::new(server.limits().uploads_at_once));
        Self { server, uploads }
    }

    /// A place among the uploads; waits for one as long as a compilation may take.
    async fn place(&self) -> Result<OwnedSemaphorePermit, Status> {
        let limits = self.server.limits();
        let place = self.uploads.clone().acquire_owned();
        match tokio::time::timeout(limits.compile_time, place).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Status::resource_exhausted(format!(
                "{} other uploads are under way (limit uploads-at-once); try again in a minute",
                limits.uploads_at_once
            ))),
        }
    }

    /// The next part of an upload, which may not pause for long: it has a place that
    /// others wait for.
    async fn part(
        &self,
        stream: &mut Streaming<UploadComponentRequest>,
    ) -> Result<Option<UploadComponentRequest>, Status> {
        let pause = self.server.limits().upload_pause;
        match tokio::time::timeout(pause, stream.message()).await {
            Ok(part) => part,
            Err(_) => Err(Status::deadline_exceeded(format!(
                "nothing came for {pause:?} (limit upload-pause); send the file again"
            ))),
        }
    }

    /// Receives an upload; stops at the size limit, not after it.
    async fn receive(
        &self,
        mut stream: Streaming<UploadComponentRequest>,
    ) -> Result<Received, Status> {
        let limits = self.server.limits();
        let first = self.part(&mut stream).await?;
        let header = match first.and_then(|message| message.part) {
            Some(Part::Header(header)) => header,
            Some(Part::Chunk(_)) | None => {
                return Err(Status::invalid_argument(
                    "an upload begins with its header: namespace, name, version",
                ));
            }
        };
        let namespace = validate::namespace(&header.namespace, limits)?;
        validate::short("Name", &header.name, limits)?;
        validate::short("Version", &header.version, limits)?;
        let place = self.place().await?;
        let mut bytes = Vec::new();
        while let Some(message) = self.part(&mut stream).await? {
            let Some(Part::Chunk(chunk)) = message.part else {
                return Err(Status::invalid_argument(
                    "after its header an upload has nothing but chunks",
                ));
            };
            if bytes.len() + chunk.len() > limits.component_bytes {
                return Err(Status::resource_exhausted(format!(
                    "the file is larger than {} bytes (limit component-bytes); build it in \
                     release mode and strip it",
                    limits.component_bytes
                )));
            }
            bytes.extend_from_slice(&chunk);
        }
        let upload = UploadComponent {
            namespace,
            name: header.name,
            version: header.version,
            identity: header.identity,
            bytes,
        };
        Ok(Received {
            upload,
            _place: place,
        })
    }
}

#[tonic::async_trait]
impl ComponentService for Components {
    async fn upload_component(
        &self,
        request: Request<Streaming<UploadComponentRequest>>,
    ) -> Result<Response<UploadComponentResponse>, Status> {
        let received = self.receive(request.into_inner()).await?;
        let uploaded = self.server.upload_component(received.upload).await;
        let uploaded = uploaded.map_err(status::of)?;
        Ok(Response::new(UploadComponentResponse {
            component: Some(to_wire(uploaded.version, ComponentUse::default())),
            created: uploaded.created,
            compile_time_ms: uploaded.compile_time.as_millis() as u64,
        }))
    }

    async fn check_component(
        &self,
        request: Request<Streaming<UploadComponentRequest>>,
    ) -> Result<Response<CheckComponentResponse>, Status> {
        let received = self.receive(request.into_inner()).await?;
        let checked = self.server.check_component(received.upload).await;
        let checked = checked.map_err(status::of)?;
        Ok(Response::new(CheckComponentResponse {
            component: Some(to_wire(checked.version, ComponentUse::default())),
            compile_time_ms: checked.compile_time.as_millis() as u64,
        }))
    }

    async fn list_components(
        &self,
        request: Request<ListComponentsRequest>,
    ) -> Result<Response<ListComponentsResponse>, Status> {
        let request = request.into_inner();
        let namespace = validate::namespace(&request.namespace, self.server.limits())?;
        let name = Some(request.name.as_str()).filter(|name| !name.is_empty());
        let listed = self.server.list_components(&namespace, name);
        let listed = listed.map_err(status::of)?;
        let from = list_offset(&request.next_page_token)?;
        let size = match usize::try_from(request.page_size) {
            Ok(0) | Err(_) => PAGE,
            Ok(size) => size.min(LARGEST_PAGE),
        };
        let next = from.saturating_add(size);
        let next_page_token = if next < listed.len() {
            next.to_string().into_bytes()
        } else {
            Vec::new()
        };
        Ok(Response::new(ListComponentsResponse {
            components: listed
                .into_iter()
                .skip(from)
                .take(size)
                .map(|version| to_wire(version, ComponentUse::default()))
                .collect(),
            next_page_token,
        }))
    }

    async fn describe_component(
        &self,
        request: Request<DescribeComponentRequest>,
    ) -> Result<Response<DescribeComponentResponse>, Status> {
        let request = request.into_inner();
        let namespace = validate::namespace(&request.namespace, self.server.limits())?;
        let described = self
            .server
            .describe_component(&namespace, &request.name, &request.version)
            .await;
        let (version, usage) = described.map_err(status::of)?;
        Ok(Response::new(DescribeComponentResponse {
            component: Some(to_wire(version, usage)),
        }))
    }

    type DownloadComponentStream =
        Pin<Box<dyn Stream<Item = Result<DownloadComponentResponse, Status>> + Send>>;

    async fn download_component(
        &self,
        request: Request<DownloadComponentRequest>,
    ) -> Result<Response<Self::DownloadComponentStream>, Status> {
        let request = request.into_inner();
        let namespace = validate::namespace(&request.namespace, self.server.limits())?;
        let found = self
            .server
            .component_bytes(&namespace, &request.name, &request.version)
            .await;
        let (_, bytes) = found.map_err(status::of)?;
        // A piece at a time, as the caller takes them.
        let pieces = (0..bytes.len()).step_by(PIECE_BYTES).map(move |from| {
            let to = bytes.len().min(from + PIECE_BYTES);
            Ok(DownloadComponentResponse {
                chunk: bytes[from..to].to_vec(),
            })
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces))))
    }

    async fn delete_component(
        &self,
        request: Request<DeleteComponentRequest>,
    ) -> Result<Response<DeleteComponentResponse>, Status> {
        let request = request.into_inner();
        let limits = self.server.limits();
        let namespace = validate::namespace(&request.namespace, limits)?;
        validate::text("Name", &request.name, limits)?;
        validate::text("Version", &request.version, limits)?;
        let deleted = self
            .server
            .delete_component(&namespace, &request.name, &request.version)
            .await;
        deleted.map_err(status::of)?;
        Ok(Response::new(DeleteComponentResponse {}))
    }
}

fn list_offset(token: &[u8]) -> Result<usize, Status> {
    if token.is_empty() {
        return Ok(0);
    }
    let text = std::str::from_utf8(token).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| Status::invalid_argument("Invalid NextPageToken."))
}
