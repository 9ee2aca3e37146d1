//! Which search attributes a namespace has.

use mainspring_engine::ids::{Namespace, RunId};
use mainspring_engine::search::AttributeType;

use crate::StoreFuture;
use crate::visibility::CustomAttribute;

/// A registered search attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchAttributeRow {
    /// Whose it is.
    pub namespace: Namespace,
    /// Its name.
    pub name: String,
    /// Which one it is for filters.
    pub attribute: CustomAttribute,
}

/// Memo and search attributes of a run, as wire messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties {
    /// The memo.
    pub memo: Vec<u8>,
    /// The search attributes.
    pub search_attributes: Vec<u8>,
}

/// The search attributes of a server, and what runs have of them.
pub trait SearchAttributeStore {
    /// All that are there. (Read once at start, then kept in memory.)
    fn list_search_attributes(&self) -> StoreFuture<'_, Vec<SearchAttributeRow>>;

    /// Registers attributes, all or none, and gives their rows. One that was removed
    /// and had the same type is there again, with the values that runs have of it.
    fn add_search_attributes<'a>(
        &'a self,
        namespace: &'a Namespace,
        attributes: &'a [(String, AttributeType)],
    ) -> StoreFuture<'a, Vec<SearchAttributeRow>>;

    /// Removes attributes, all or none. The values that runs have stay.
    fn remove_search_attributes<'a>(
        &'a self,
        namespace: &'a Namespace,
        names: &'a [String],
    ) -> StoreFuture<'a, ()>;

    /// Memo and search attributes of a run as they are now; `None` if there is no such
    /// run.
    fn load_properties(&self, run_id: RunId) -> StoreFuture<'_, Option<Properties>>;
}
