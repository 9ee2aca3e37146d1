//! Temporal's OperatorService: which search attributes a namespace has (OPS-05).

use std::collections::HashMap;

use mainspring_engine::ids::Namespace;
use mainspring_engine::search::{AttributeType, REPORTED_PROBLEMS};
use mainspring_server::{NamespaceAttributes, Server};
use mainspring_store::visibility::{Attribute, Kind};
use temporalio_protos::temporal::api::enums::v1::IndexedValueType;
use temporalio_protos::temporal::api::operatorservice::v1::{
    AddSearchAttributesRequest, AddSearchAttributesResponse, ListSearchAttributesRequest,
    ListSearchAttributesResponse, RemoveSearchAttributesRequest, RemoveSearchAttributesResponse,
};
use tonic::{Request, Response, Status};

use crate::filter::is_reserved;
use crate::proto::temporal::operatorservice::operator_service_server::OperatorService;
use crate::status;
use crate::validate::{namespace, text};

/// The service over a server.
pub(crate) struct Operators {
    server: Server,
}

impl Operators {
    pub(crate) fn new(server: Server) -> Self {
        Self { server }
    }

    /// A name that a list filter can be written with.
    fn check_name(&self, name: &str) -> Result<(), Status> {
        text("SearchAttribute name", name, self.server.limits())?;
        if is_reserved(name) {
            return Err(Status::invalid_argument(format!(
                "Search attribute {name} is reserved by system."
            )));
        }
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
        let begins = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if !begins || !name.chars().all(is_part) {
            return Err(Status::invalid_argument(format!(
                "Search attribute name {name:?} is invalid: it begins with a letter and has \
                 letters, digits, _, -, . and spaces."
            )));
        }
        Ok(())
    }

    fn namespace(&self, name: &str) -> Result<Namespace, Status> {
        namespace(name, self.server.limits())
    }
}

#[tonic::async_trait]
impl OperatorService for Operators {
    async fn add_search_attributes(
        &self,
        request: Request<AddSearchAttributesRequest>,
    ) -> Result<Response<AddSearchAttributesResponse>, Status> {
        let request = request.into_inner();
        let namespace = self.namespace(&request.namespace)?;
        if request.search_attributes.is_empty() {
            return Err(Status::invalid_argument(
                "SearchAttributes are not set on request.",
            ));
        }
        let mut attributes: Vec<(String, i32)> = request.search_attributes.into_iter().collect();
        attributes.sort_unstable();
        let typed = attributes.into_iter().map(|(name, number)| {
            self.check_name(&name)?;
            match AttributeType::from_wire(number) {
                Some(attribute_type) => Ok((name, attribute_type)),
                None => Err(Status::invalid_argument(format!(
                    "Unable to parse search attribute type of {name}: {number} is unknown."
                ))),
            }
        });
        let typed = typed.collect::<Result<Vec<_>, Status>>()?;
        let added = self.server.add_search_attributes(&namespace, typed).await;
        added.map_err(status::of)?;
        Ok(Response::new(AddSearchAttributesResponse {}))
    }

    async fn remove_search_attributes(
        &self,
        request: Request<RemoveSearchAttributesRequest>,
    ) -> Result<Response<RemoveSearchAttributesResponse>, Status> {
        let request = request.into_inner();
        let namespace = self.namespace(&request.namespace)?;
        if request.search_attributes.is_empty() {
            return Err(Status::invalid_argument(
                "SearchAttributes are not set on request.",
            ));
        }
        let mut names = request.search_attributes;
        names.sort_unstable();
        names.dedup();
        if let Some(name) = names.iter().find(|name| is_reserved(name)) {
            return Err(Status::invalid_argument(format!(
                "Unable to remove non-custom search attribute {name}."
            )));
        }
        let removed = self
            .server
            .remove_search_attributes(&namespace, &names)
            .await;
        removed.map_err(status::of)?;
        Ok(Response::new(RemoveSearchAttributesResponse {}))
    }

    async fn list_search_attributes(
        &self,
        request: Request<ListSearchAttributesRequest>,
    ) -> Result<Response<ListSearchAttributesResponse>, Status> {
        let namespace = self.namespace(&request.into_inner().namespace)?;
        let known = self.server.search_attributes(&namespace);
        Ok(Response::new(ListSearchAttributesResponse {
            custom_attributes: custom(&known.map_err(status::of)?),
            system_attributes: system(),
            ..ListSearchAttributesResponse::default()
        }))
    }
}

/// What somebody has registered.
pub(crate) fn custom(known: &NamespaceAttributes) -> HashMap<String, i32> {
    known
        .iter()
        .filter(|(name, _)| name.as_str() != REPORTED_PROBLEMS)
        .map(|(name, known)| (name.clone(), known.attribute_type.to_wire() as i32))
        .collect()
}

/// What every namespace has.
pub(crate) fn system() -> HashMap<String, i32> {
    let built_in = Attribute::ALL.iter().map(|attribute| {
        let value_type = match attribute.kind() {
            Kind::Keyword | Kind::Status => IndexedValueType::Keyword,
            Kind::Time => IndexedValueType::Datetime,
            Kind::Duration | Kind::Int => IndexedValueType::Int,
            Kind::Double => IndexedValueType::Double,
            Kind::Bool => IndexedValueType::Bool,
            Kind::Keywords => IndexedValueType::KeywordList,
            Kind::Words => IndexedValueType::Text,
        };
        (attribute.name().to_owned(), value_type as i32)
    });
    let problems = IndexedValueType::KeywordList as i32;
    built_in
        .chain([(REPORTED_PROBLEMS.to_owned(), problems)])
        .collect()
}
