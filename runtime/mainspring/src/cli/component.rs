//! `mainspring component`: from a crate's source to a component that a server
//! runs.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use mainspring_api::component::v1::upload_component_request::Part;
use mainspring_api::component::v1::{
    ComponentVersion, DeleteComponentRequest, DescribeComponentRequest, DownloadComponentRequest,
    ListComponentsRequest, UploadComponentRequest, UploadComponentResponse, UploadHeader,
    WorkflowDefinition,
};
use sha2::{Digest, Sha256};

use crate::build::{self, Built, Language};
use crate::cli::ConnectionArgs;
use crate::error::CliError;
use crate::output::table::{Details, Table};
use crate::output::time::{length_of_millis, stamp};
use crate::output::{self, Format, json};
use crate::rpc::{CALL, Connection, UPLOAD, within};

/// The most bytes that one message of an upload may carry.
const CHUNK_BYTES: usize = 1024 * 1024;

/// The group's arguments. `-o` is not among the shared flags here: where a
/// command writes a file, it names the file.
#[derive(Debug, Args)]
pub(crate) struct ComponentCommand {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// How to print: for people, or as JSON. Also -o, except where that names
    /// a file.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "text"
    )]
    output: Format,
    #[command(subcommand)]
    action: Action,
}

/// `-o FORMAT`, where `-o` is free.
#[derive(Clone, Copy, Debug, Args)]
struct ShortOutput {
    #[arg(short = 'o', hide = true, value_enum, value_name = "FORMAT")]
    short_output: Option<Format>,
}

/// How a project is built, where a command takes one.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct BuildFlags {
    /// The project's language, where its files do not tell.
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    language: Option<Language>,
    /// Where the workflows are, where the project does not tell: a file of a TypeScript
    /// project, a module of a Python project. Can be repeated.
    #[arg(long, value_name = "FILE|MODULE")]
    workflows: Vec<String>,
    /// Folder for the packages that builds need, kept from one build to the next; by
    /// default `mainspring` in your folder of caches.
    #[arg(long, env = "MAINSPRING_TOOL_CACHE", value_name = "FOLDER")]
    tool_cache: Option<PathBuf>,
}

impl From<BuildFlags> for build::Options {
    fn from(flags: BuildFlags) -> Self {
        Self {
            language: flags.language,
            workflows: flags.workflows,
            tool_cache: flags.tool_cache,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Build a project in Rust, Go, TypeScript, Python or C and make a component of it.
    Build {
        /// Folder of the project (or a WebAssembly file that another tool built).
        dir: PathBuf,
        /// Where to write the component; by default where the language's own output is.
        #[arg(long, short = 'o', value_name = "FILE")]
        out_file: Option<PathBuf>,
        #[command(flatten)]
        flags: BuildFlags,
    },
    /// Let the server do all that an upload does, short of storing it.
    Check {
        /// The component, or the folder of a project to build first.
        path: PathBuf,
        #[command(flatten)]
        flags: BuildFlags,
        #[command(flatten)]
        format: ShortOutput,
    },
    /// Upload a component; new runs of its workflow types start on it.
    Upload {
        /// The component, or the folder of a project to build first.
        path: PathBuf,
        #[command(flatten)]
        flags: BuildFlags,
        /// Name it belongs to; by default its first workflow type.
        #[arg(
            long,
            value_name = "NAME",
            default_value = "",
            hide_default_value = true
        )]
        name: String,
        /// Label of this version; by default the first digits of its digest.
        #[arg(
            long,
            value_name = "LABEL",
            default_value = "",
            hide_default_value = true
        )]
        version: String,
        #[command(flatten)]
        format: ShortOutput,
    },
    /// List the versions in the namespace, newest first.
    List {
        /// Only those of this name.
        #[arg(default_value = "", hide_default_value = true)]
        name: String,
        #[command(flatten)]
        format: ShortOutput,
    },
    /// Show one version: its workflow types, its runs.
    Describe {
        /// Component name.
        name: String,
        /// Version label; by default the current one.
        #[arg(
            long,
            value_name = "LABEL",
            default_value = "",
            hide_default_value = true
        )]
        version: String,
        #[command(flatten)]
        format: ShortOutput,
    },
    /// Write the bytes of one version to a file, exactly as they were uploaded.
    Download {
        /// Component name.
        name: String,
        /// Version label; by default the current one.
        #[arg(
            long,
            value_name = "LABEL",
            default_value = "",
            hide_default_value = true
        )]
        version: String,
        /// Where to; by default NAME.component.wasm.
        #[arg(long, short = 'o', value_name = "FILE")]
        out_file: Option<PathBuf>,
    },
    /// Delete a version that no run uses.
    Delete {
        /// Component name.
        name: String,
        /// Version label.
        #[arg(long, value_name = "LABEL")]
        version: String,
    },
}

impl ComponentCommand {
    /// Does what was asked.
    pub(crate) async fn run(self) -> Result<(), CliError> {
        let global = self.output;
        let at = &self.connection;
        match self.action {
            Action::Build {
                dir,
                out_file,
                flags,
            } => build(global, dir, out_file, flags).await,
            Action::Check {
                path,
                flags,
                format,
            } => check(at, format.or(global), &path, flags).await,
            Action::Upload {
                path,
                flags,
                name,
                version,
                format,
            } => upload(at, format.or(global), &path, flags, name, version).await,
            Action::List { name, format } => list(at, format.or(global), name).await,
            Action::Describe {
                name,
                version,
                format,
            } => describe(at, format.or(global), name, version).await,
            Action::Download {
                name,
                version,
                out_file,
            } => download(at, global, name, version, out_file).await,
            Action::Delete { name, version } => delete(at, global, name, version).await,
        }
    }
}

impl ShortOutput {
    fn or(self, global: Format) -> Format {
        self.short_output.unwrap_or(global)
    }
}

async fn build(
    format: Format,
    dir: PathBuf,
    out_file: Option<PathBuf>,
    flags: BuildFlags,
) -> Result<(), CliError> {
    let built = build_blocking(dir, out_file, flags).await?;
    match format {
        Format::Json => output::line(&json::plain(&built.json())),
        Format::Text => output::line(&built.text()),
    }
}

/// Compilers block for seconds, so they get a thread of their own.
async fn build_blocking(
    dir: PathBuf,
    out_file: Option<PathBuf>,
    flags: BuildFlags,
) -> Result<Built, CliError> {
    let building =
        tokio::task::spawn_blocking(move || build::build(&dir, out_file.as_deref(), &flags.into()));
    match building.await {
        Ok(built) => Ok(built?),
        Err(panic) => Err(CliError::Answer(format!("the build broke off: {panic}"))),
    }
}

async fn check(
    at: &ConnectionArgs,
    format: Format,
    path: &Path,
    flags: BuildFlags,
) -> Result<(), CliError> {
    let bytes = read_or_build(path, flags).await?;
    let mut connection = at.open().await?;
    let messages = upload_messages(header(&connection, String::new(), String::new()), bytes);
    let answer = connection
        .component
        .check_component(within(UPLOAD, messages))
        .await
        .map_err(|status| connection.explain(format!("accept {}", path.display()), status))?
        .into_inner();
    match format {
        Format::Json => output::line(&json::pretty(&answer)?),
        Format::Text => {
            let version = answer.component.unwrap_or_default();
            output::line(&format!(
                "{} is a good component (compiled in {})\n{}",
                path.display(),
                length_of_millis(answer.compile_time_ms),
                version_text(&version)
            ))
        }
    }
}

async fn upload(
    at: &ConnectionArgs,
    format: Format,
    path: &Path,
    flags: BuildFlags,
    name: String,
    version: String,
) -> Result<(), CliError> {
    let mut connection = at.open().await?;
    let answer = send(&mut connection, path, flags, name, version).await?;
    match format {
        Format::Json => output::line(&json::pretty(&answer)?),
        Format::Text => {
            let version = answer.component.unwrap_or_default();
            let what = if answer.created {
                "Uploaded"
            } else {
                "Already there:"
            };
            output::line(&format!(
                "{what} {} version {}\n{}",
                version.name,
                version.version,
                version_text(&version)
            ))
        }
    }
}

/// Uploads the component at a path, or what the folder there builds to.
pub(crate) async fn send(
    connection: &mut Connection,
    path: &Path,
    flags: BuildFlags,
    name: String,
    version: String,
) -> Result<UploadComponentResponse, CliError> {
    let bytes = read_or_build(path, flags).await?;
    let messages = upload_messages(header(connection, name, version), bytes);
    let answered = connection
        .component
        .upload_component(within(UPLOAD, messages))
        .await;
    let answer = answered
        .map_err(|status| connection.explain(format!("upload {}", path.display()), status))?;
    Ok(answer.into_inner())
}

async fn list(at: &ConnectionArgs, format: Format, name: String) -> Result<(), CliError> {
    let mut connection = at.open().await?;
    let mut request = ListComponentsRequest {
        namespace: connection.namespace.clone(),
        name,
        page_size: 0,
        next_page_token: Vec::new(),
    };
    let mut versions = Vec::new();
    loop {
        let answer = connection
            .component
            .list_components(within(CALL, request.clone()))
            .await
            .map_err(|status| connection.explain("list components", status))?
            .into_inner();
        versions.extend(answer.components);
        if answer.next_page_token.is_empty() {
            break;
        }
        request.next_page_token = answer.next_page_token;
    }
    if format == Format::Json {
        return output::line(&json::array(&versions)?);
    }
    let mut table = Table::new([
        "Name",
        "Version",
        "Current",
        "Digest",
        "Size",
        "Uploaded",
        "Workflows",
    ]);
    for version in &versions {
        table.row([
            version.name.clone(),
            version.version.clone(),
            if version.current { "yes" } else { "" }.to_owned(),
            version.digest.chars().take(12).collect(),
            byte_size(version.size_bytes),
            stamp(version.upload_time.as_ref()),
            types(&version.workflows),
        ]);
    }
    output::line(&table.render())
}

async fn describe(
    at: &ConnectionArgs,
    format: Format,
    name: String,
    version: String,
) -> Result<(), CliError> {
    let mut connection = at.open().await?;
    let request = DescribeComponentRequest {
        namespace: connection.namespace.clone(),
        name: name.clone(),
        version,
    };
    let answer = connection
        .component
        .describe_component(within(CALL, request))
        .await
        .map_err(|status| connection.explain(format!("describe component {name}"), status))?
        .into_inner();
    if format == Format::Json {
        return output::line(&json::pretty(&answer)?);
    }
    let version = answer.component.unwrap_or_default();
    let mut text = version_text(&version);
    for workflow in &version.workflows {
        text.push('\n');
        text.push_str(&workflow_text(workflow));
    }
    output::line(&text)
}

async fn download(
    at: &ConnectionArgs,
    format: Format,
    name: String,
    version: String,
    out_file: Option<PathBuf>,
) -> Result<(), CliError> {
    // The name comes from the user, yet as a file name it may leave the folder.
    let safe_name = name.replace(['/', '\\'], "_");
    let path = out_file.unwrap_or_else(|| PathBuf::from(format!("{safe_name}.component.wasm")));
    let mut connection = at.open().await?;
    let action = format!("download component {name}");
    let request = DownloadComponentRequest {
        namespace: connection.namespace.clone(),
        name,
        version,
    };
    let answer = connection
        .component
        .download_component(within(UPLOAD, request));
    let mut pieces = match answer.await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return Err(connection.explain(action, status)),
    };
    let mut bytes = Vec::new();
    loop {
        match pieces.message().await {
            Ok(Some(piece)) => bytes.extend(piece.chunk),
            Ok(None) => break,
            Err(status) => return Err(connection.explain(action, status)),
        }
    }
    build::write_whole(&path, &bytes)?;
    let digest = hex::encode(Sha256::digest(&bytes));
    match format {
        Format::Json => output::line(&json::plain(&serde_json::json!({
            "file": path.display().to_string(),
            "digest": digest,
            "sizeBytes": bytes.len(),
        }))),
        Format::Text => output::line(&format!(
            "Wrote {} ({}, SHA-256 {digest})",
            path.display(),
            byte_size(bytes.len() as u64)
        )),
    }
}

async fn delete(
    at: &ConnectionArgs,
    format: Format,
    name: String,
    version: String,
) -> Result<(), CliError> {
    let mut connection = at.open().await?;
    let request = DeleteComponentRequest {
        namespace: connection.namespace.clone(),
        name: name.clone(),
        version: version.clone(),
    };
    connection
        .component
        .delete_component(within(CALL, request))
        .await
        .map_err(|status| {
            connection.explain(format!("delete version {version} of {name}"), status)
        })?;
    match format {
        Format::Json => Ok(()),
        Format::Text => output::line(&format!("Deleted version {version} of {name}")),
    }
}

/// The bytes of a component: a file's, or those of a fresh build.
async fn read_or_build(path: &Path, flags: BuildFlags) -> Result<Vec<u8>, CliError> {
    let file = if path.is_dir() {
        let built = build_blocking(path.to_owned(), None, flags).await?;
        output::note(&built.text());
        built.file
    } else {
        path.to_owned()
    };
    tokio::fs::read(&file)
        .await
        .map_err(|source| CliError::File {
            action: "read",
            path: file,
            source,
        })
}

fn header(connection: &Connection, name: String, version: String) -> UploadHeader {
    UploadHeader {
        namespace: connection.namespace.clone(),
        name,
        version,
        identity: connection.identity.clone(),
    }
}

/// An upload as the stream that the server wants: the header, then the bytes.
fn upload_messages(
    header: UploadHeader,
    bytes: Vec<u8>,
) -> impl futures::Stream<Item = UploadComponentRequest> + Send + 'static {
    let count = bytes.len().div_ceil(CHUNK_BYTES);
    let chunks = (0..count).map(move |index| {
        let start = index * CHUNK_BYTES;
        let end = (start + CHUNK_BYTES).min(bytes.len());
        Part::Chunk(bytes[start..end].to_vec())
    });
    let parts = std::iter::once(Part::Header(header)).chain(chunks);
    tokio_stream::iter(parts.map(|part| UploadComponentRequest { part: Some(part) }))
}

fn version_text(version: &ComponentVersion) -> String {
    let mut details = Details::indented();
    details.add("Name", &version.name);
    details.add("Version", &version.version);
    details.add("Digest", &version.digest);
    details.add("Size", byte_size(version.size_bytes));
    if version.current {
        details.add("Current", "yes");
    }
    details.add("Uploaded", stamp(version.upload_time.as_ref()));
    details.add("UploadedBy", &version.uploaded_by);
    details.add("Workflows", types(&version.workflows));
    details.add("Language", &version.language);
    let sdk = format!("{} {}", version.sdk_name, version.sdk_version);
    details.add("Sdk", sdk);
    if version.open_runs + version.closed_runs > 0 {
        details.add("OpenRuns", version.open_runs.to_string());
        details.add("ClosedRuns", version.closed_runs.to_string());
    }
    details.render()
}

fn workflow_text(workflow: &WorkflowDefinition) -> String {
    let names = |handlers: &[mainspring_api::component::v1::Handler]| {
        let names: Vec<&str> = handlers
            .iter()
            .map(|handler| handler.name.as_str())
            .collect();
        names.join(", ")
    };
    let mut details = Details::indented();
    details.add("Workflow", type_name(workflow));
    details.add("Description", &workflow.description);
    details.add("Signals", names(&workflow.signals));
    details.add("Queries", names(&workflow.queries));
    details.add("Updates", names(&workflow.updates));
    details.add("Versioning", &workflow.versioning);
    details.add("Reads", &workflow.reads);
    details.render()
}

fn types(workflows: &[WorkflowDefinition]) -> String {
    let names: Vec<String> = workflows.iter().map(type_name).collect();
    names.join(", ")
}

/// A component may serve every type that has no definition of its own.
fn type_name(workflow: &WorkflowDefinition) -> String {
    match workflow.workflow_type.as_str() {
        "" => "(any type)".to_owned(),
        name => name.to_owned(),
    }
}

/// `1.4 MiB`, for people.
pub(crate) fn byte_size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    match bytes {
        0..KIB => format!("{bytes} bytes"),
        KIB..MIB => format!("{}.{} KiB", bytes / KIB, bytes % KIB * 10 / KIB),
        _ => format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB),
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt;

    use super::*;

    #[tokio::test]
    async fn an_upload_is_a_header_and_chunks_of_a_mebibyte() {
        let bytes: Vec<u8> = (0..2 * CHUNK_BYTES + 5).map(|i| (i % 251) as u8).collect();
        let stream = upload_messages(UploadHeader::default(), bytes.clone());
        let parts: Vec<Part> = stream.filter_map(|message| message.part).collect().await;
        assert!(matches!(parts[0], Part::Header(_)));
        let chunks: Vec<&Vec<u8>> = parts[1..]
            .iter()
            .map(|part| match part {
                Part::Chunk(chunk) => chunk,
                Part::Header(_) => panic!("one header only"),
            })
            .collect();
        assert_eq!(chunks.len(), 3);
        assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK_BYTES));
        assert_eq!(
            chunks.into_iter().flatten().copied().collect::<Vec<u8>>(),
            bytes
        );
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(byte_size(12), "12 bytes");
        assert_eq!(byte_size(1536), "1.5 KiB");
        assert_eq!(byte_size(64 * 1024 * 1024), "64.0 MiB");
    }
}
