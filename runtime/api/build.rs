//! Generates the gRPC code of this crate: client and server of our
//! ComponentService from `proto/`, and server traits of Temporal's
//! WorkflowService and OperatorService from the descriptors that
//! `temporalio-protos` was built from, with that crate's message types.
//!
//! Everything works on descriptor sets, so no `protoc` is needed. An RPC that
//! nobody implements answers UNIMPLEMENTED with its name.

use std::collections::HashSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message;
use tonic_prost_build::FileDescriptorSet;

const COMPONENT_PROTO: &str = "mainspring/component/v1/service.proto";

/// Temporal's services that this server offers, with the module each one's
/// code lands in.
const TEMPORAL_SERVICES: [&str; 2] = [
    "temporal/api/workflowservice/v1/service.proto",
    "temporal/api/operatorservice/v1/service.proto",
];

/// Files whose messages travel inside others as `google.protobuf.Any`, so
/// nothing imports them, yet a reader of the descriptors needs them.
const DETAIL_PROTOS: [&str; 2] = [
    "temporal/api/errordetails/v1/message.proto",
    "google/rpc/status.proto",
];

/// What tonic puts into a default stub, as it appears in the generated code.
const DEFAULT_STUB_MESSAGE: &str = "\"Not yet implemented\"";

/// What tonic reads requests with, and what we do (`src/codec.rs`).
const CODEC: &str = "tonic_prost::ProstCodec";
const OUR_CODEC: &str = "crate::codec::RequestCodec";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-env-changed=DEP_TEMPORALIO_PROTOS_DESCRIPTOR_PATH");
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);

    let temporal = temporal_descriptors()?;
    let component = protox::compile([COMPONENT_PROTO], ["proto"])?;

    generate_component_service(component.clone())?;
    let services = only(&temporal, &TEMPORAL_SERVICES)?;
    generate_temporal_stubs(services.clone())?;
    name_the_stubs(&services, &out_dir)?;

    let mut roots: Vec<&str> = TEMPORAL_SERVICES.to_vec();
    roots.extend(DETAIL_PROTOS);
    write_descriptors(&temporal, &roots, &component, &out_dir)
}

fn temporal_descriptors() -> Result<FileDescriptorSet, Box<dyn Error>> {
    let path = env::var("DEP_TEMPORALIO_PROTOS_DESCRIPTOR_PATH")
        .map_err(|_| "temporalio-protos did not say where its descriptor set is")?;
    Ok(FileDescriptorSet::decode(fs::read(path)?.as_slice())?)
}

/// The named files and no others. Messages of the rest are mapped to crates
/// that already have them.
fn only(set: &FileDescriptorSet, names: &[&str]) -> Result<FileDescriptorSet, Box<dyn Error>> {
    let mut file = Vec::with_capacity(names.len());
    for name in names {
        let found = set.file.iter().find(|file| file.name() == *name);
        file.push(found.ok_or_else(|| format!("{name} is missing"))?.clone());
    }
    Ok(FileDescriptorSet { file })
}

fn generate_component_service(set: FileDescriptorSet) -> std::io::Result<()> {
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        // The same well-known types that temporalio-protos has.
        .compile_well_known_types(true)
        .extern_path(".google.protobuf", "::prost_wkt_types")
        .compile_fds_with_config(set, config)
}

fn generate_temporal_stubs(set: FileDescriptorSet) -> std::io::Result<()> {
    tonic_prost_build::configure()
        .build_client(false)
        .generate_default_stubs(true)
        .extern_path(".temporal.api", "::temporalio_protos::temporal::api")
        .compile_fds(set)
}

/// Puts each RPC's name into the message of its default stub. The stubs come
/// in the order of the descriptors; a tonic that writes them another way stops
/// the build here instead of giving answers that name the wrong RPC.
fn name_the_stubs(services: &FileDescriptorSet, out_dir: &Path) -> Result<(), Box<dyn Error>> {
    for file in &services.file {
        let path = out_dir.join(format!("{}.rs", file.package()));
        let code = fs::read_to_string(&path)?;
        let mut parts = code.split(DEFAULT_STUB_MESSAGE);
        let mut named = String::with_capacity(code.len() * 2);
        for service in &file.service {
            for method in &service.method {
                let before = parts.next().unwrap_or_default();
                let function = format!("async fn {}(", snake_case(method.name()));
                if !before.contains(&function) {
                    return Err(format!("no default stub for {}", method.name()).into());
                }
                named.push_str(before);
                named.push_str(&format!(
                    "\"unknown method {} of {}.{}: this server does not have it\"",
                    method.name(),
                    file.package(),
                    service.name()
                ));
            }
        }
        named.push_str(parts.next().ok_or("fewer default stubs than RPCs")?);
        if parts.next().is_some() {
            return Err("more default stubs than RPCs".into());
        }
        if !named.contains(CODEC) {
            return Err(format!("the generated code does not mention {CODEC}").into());
        }
        fs::write(&path, named.replace(CODEC, OUR_CODEC))?;
    }
    Ok(())
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 8);
    for (index, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Writes one descriptor set with our service, Temporal's and all that they
/// import, for server reflection and for writing messages as JSON.
fn write_descriptors(
    temporal: &FileDescriptorSet,
    roots: &[&str],
    component: &FileDescriptorSet,
    out_dir: &Path,
) -> Result<(), Box<dyn Error>> {
    let mut wanted: HashSet<&str> = HashSet::new();
    let mut waiting = roots.to_vec();
    while let Some(name) = waiting.pop() {
        if !wanted.insert(name) {
            continue;
        }
        let file = temporal.file.iter().find(|file| file.name() == name);
        let file = file.ok_or_else(|| format!("{name} is missing"))?;
        waiting.extend(file.dependency.iter().map(String::as_str));
    }
    // The sets come with imports before importers, and filtering keeps that.
    let mut file: Vec<_> = temporal
        .file
        .iter()
        .filter(|file| wanted.contains(file.name()))
        .cloned()
        .collect();
    let ours = component.file.iter();
    file.extend(ours.filter(|file| !wanted.contains(file.name())).cloned());
    let bytes = FileDescriptorSet { file }.encode_to_vec();
    fs::write(out_dir.join("descriptors.bin"), bytes)?;
    Ok(())
}
