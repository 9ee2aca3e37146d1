//! The gRPC code that `build.rs` generates: our ComponentService with client
//! and server, and the server traits of Temporal's services over the messages
//! of `temporalio-protos`.
//!
//! Every method of Temporal's traits has a default that answers UNIMPLEMENTED
//! and names the RPC, so `api` writes only those that this server has.

/// Every service and message of this server's API as an encoded
/// `google.protobuf.FileDescriptorSet`: for reflection, and for writing
/// messages as JSON without generated code for it.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Our own services.
pub mod mainspring {
    /// Components: the uploaded workflows.
    pub mod component {
        /// Version 1 of the component service.
        #[allow(
            missing_docs,
            unreachable_pub,
            clippy::all,
            rustdoc::bare_urls,
            rustdoc::broken_intra_doc_links
        )]
        pub mod v1 {
            tonic::include_proto!("mainspring.component.v1");
        }
    }
}

/// Server traits of Temporal's services.
pub mod temporal {
    /// `temporal.api.workflowservice.v1.WorkflowService`.
    #[allow(
        missing_docs,
        unreachable_pub,
        unused_variables,
        clippy::all,
        rustdoc::bare_urls,
        rustdoc::broken_intra_doc_links,
        rustdoc::invalid_html_tags
    )]
    pub mod workflowservice {
        tonic::include_proto!("temporal.api.workflowservice.v1");
    }

    /// `temporal.api.operatorservice.v1.OperatorService`.
    #[allow(
        missing_docs,
        unreachable_pub,
        unused_variables,
        clippy::all,
        rustdoc::bare_urls,
        rustdoc::broken_intra_doc_links,
        rustdoc::invalid_html_tags
    )]
    pub mod operatorservice {
        tonic::include_proto!("temporal.api.operatorservice.v1");
    }
}

pub use self::mainspring::component;

#[cfg(test)]
mod tests {
    use temporalio_protos::temporal::api::workflowservice::v1::StartBatchOperationRequest;
    use tonic::{Code, Request};

    use super::FILE_DESCRIPTOR_SET;
    use super::temporal::workflowservice::workflow_service_server::WorkflowService;

    struct NothingYet;

    impl WorkflowService for NothingYet {}

    #[tokio::test]
    async fn an_rpc_that_nobody_wrote_answers_with_its_name() {
        let request = Request::new(StartBatchOperationRequest::default());
        let status = NothingYet.start_batch_operation(request).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        assert_eq!(
            status.message(),
            "unknown method StartBatchOperation of \
             temporal.api.workflowservice.v1.WorkflowService: this server does not have it"
        );
    }

    #[test]
    fn reflection_takes_the_descriptors() {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .build_v1()
            .expect("the set is complete");
    }
}
