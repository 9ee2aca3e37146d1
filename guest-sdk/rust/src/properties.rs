//! Search attributes and memo: what lists show of a run, set from its code (WF-27).

use std::marker::PhantomData;
use std::time::SystemTime;

use serde::Serialize;

use crate::bindings::mainspring::workflow::types;
use crate::context::BaseWorkflowContext;
use crate::info::WorkflowContextView;
use crate::payload::{Payload, PayloadConversionError};
use crate::{host, rfc_3339};

const TYPE: &str = "type";

/// A search attribute: its name and the type that it has in the namespace.
///
/// ```
/// # use mainspring_workflow::*;
/// const STAGE: SearchAttribute<String> = SearchAttribute::keyword("Stage");
/// const ATTEMPTS: SearchAttribute<i64> = SearchAttribute::int("Attempts");
///
/// # fn part<W>(ctx: &WorkflowContext<W>) {
/// ctx.upsert_search_attributes([STAGE.set("packing"), ATTEMPTS.unset()]);
/// assert_eq!(STAGE.get(&ctx.info()).as_deref(), Some("packing"));
/// # }
/// ```
///
/// The namespace must have it: `mainspring search-attribute create --name Stage --type
/// Keyword`. Otherwise the workflow task fails, and is tried again until it has.
#[derive(Clone, Copy, Debug)]
pub struct SearchAttribute<T> {
    name: &'static str,
    type_name: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T> SearchAttribute<T> {
    const fn new(name: &'static str, type_name: &'static str) -> Self {
        Self {
            name,
            type_name,
            value: PhantomData,
        }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl SearchAttribute<String> {
    /// Text that is found as a whole.
    pub const fn keyword(name: &'static str) -> Self {
        Self::new(name, "Keyword")
    }

    /// Text that is found by its words.
    pub const fn text(name: &'static str) -> Self {
        Self::new(name, "Text")
    }
}

impl SearchAttribute<i64> {
    /// A whole number.
    pub const fn int(name: &'static str) -> Self {
        Self::new(name, "Int")
    }
}

impl SearchAttribute<f64> {
    /// A number.
    pub const fn double(name: &'static str) -> Self {
        Self::new(name, "Double")
    }
}

impl SearchAttribute<bool> {
    /// True or false.
    pub const fn bool(name: &'static str) -> Self {
        Self::new(name, "Bool")
    }
}

impl SearchAttribute<SystemTime> {
    /// A point in time.
    pub const fn datetime(name: &'static str) -> Self {
        Self::new(name, "Datetime")
    }
}

impl SearchAttribute<Vec<String>> {
    /// Several keywords; a run is found by any of them.
    pub const fn keyword_list(name: &'static str) -> Self {
        Self::new(name, "KeywordList")
    }
}

impl<T: SearchAttributeValue> SearchAttribute<T> {
    /// Sets it.
    pub fn set(&self, value: impl Into<T>) -> SearchAttributeUpdate {
        let mut payload = json(&value.into().to_json(), self.name);
        let type_name = self.type_name.as_bytes().to_vec();
        payload.metadata.insert(TYPE.to_owned(), type_name);
        SearchAttributeUpdate {
            name: self.name.to_owned(),
            value: Some(payload),
        }
    }

    /// Removes it.
    pub fn unset(&self) -> SearchAttributeUpdate {
        SearchAttributeUpdate {
            name: self.name.to_owned(),
            value: None,
        }
    }

    pub(crate) fn read(&self, payload: &Payload) -> Option<T> {
        T::from_json(payload.decode().ok()?)
    }

    /// What the run has of it now; `None` where it has nothing, or something of
    /// another type.
    pub fn get(&self, info: &WorkflowContextView) -> Option<T> {
        let value = info.search_attribute::<Payload>(self.name)?;
        self.read(&value.ok()?)
    }
}

/// What a search attribute can be in Rust.
pub trait SearchAttributeValue: sealed::Sealed + Sized {
    #[doc(hidden)]
    fn to_json(&self) -> serde_json::Value;
    #[doc(hidden)]
    fn from_json(json: serde_json::Value) -> Option<Self>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! json_values {
    ($($type:ty),+) => {$(
        impl sealed::Sealed for $type {}

        impl SearchAttributeValue for $type {
            fn to_json(&self) -> serde_json::Value {
                serde_json::Value::from(self.clone())
            }

            fn from_json(json: serde_json::Value) -> Option<Self> {
                serde_json::from_value(json).ok()
            }
        }
    )+};
}

json_values!(String, i64, f64, bool, Vec<String>);

impl sealed::Sealed for SystemTime {}

impl SearchAttributeValue for SystemTime {
    fn to_json(&self) -> serde_json::Value {
        rfc_3339::format(*self).into()
    }

    fn from_json(json: serde_json::Value) -> Option<Self> {
        rfc_3339::parse(json.as_str()?)
    }
}

/// One change of a search attribute; made by [`SearchAttribute::set`] and
/// [`SearchAttribute::unset`].
#[derive(Clone, Debug, PartialEq)]
pub struct SearchAttributeUpdate {
    name: String,
    value: Option<Payload>,
}

impl SearchAttributeUpdate {
    /// Sets an attribute whose name is known at run time only, to a payload that says
    /// its type itself; `None` removes it.
    pub fn raw(name: impl Into<String>, value: Option<Payload>) -> Self {
        Self {
            name: name.into(),
            value,
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl SearchAttributeUpdate {
    pub(crate) fn into_parts(self) -> (String, Option<Payload>) {
        (self.name, self.value)
    }
}

/// One change of the memo.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoUpdate {
    key: String,
    value: Option<Payload>,
}

impl MemoUpdate {
    /// Sets a field. Panics, which fails the workflow task, if the value cannot be
    /// encoded.
    pub fn set<T: Serialize + 'static>(key: impl Into<String>, value: &T) -> Self {
        let key = key.into();
        let value = Some(json(value, &key));
        Self { key, value }
    }

    /// Removes a field.
    pub fn unset(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: None,
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl MemoUpdate {
    pub(crate) fn into_parts(self) -> (String, Option<Payload>) {
        (self.key, self.value)
    }
}

fn json<T: Serialize + 'static>(value: &T, name: &str) -> Payload {
    let encoded: Result<Payload, PayloadConversionError> = Payload::encode(value);
    encoded.unwrap_or_else(|error| panic!("the value of {name} cannot be encoded: {error}"))
}

fn change(name: String, value: Option<Payload>) -> (String, Option<types::Payload>) {
    (name, value.map(Into::into))
}

impl BaseWorkflowContext {
    /// Sets and removes search attributes, by the call itself (WF-27).
    pub fn upsert_search_attributes(
        &self,
        updates: impl IntoIterator<Item = SearchAttributeUpdate>,
    ) {
        let changes: Vec<_> = updates
            .into_iter()
            .map(|update| change(update.name, update.value))
            .collect();
        self.runtime.has_upserts.set(true);
        host::upsert_search_attributes(&changes);
    }

    /// Sets and removes fields of the memo, by the call itself (WF-27).
    ///
    /// ```
    /// # use mainspring_workflow::*;
    /// # fn part<W>(ctx: &WorkflowContext<W>) {
    /// ctx.upsert_memo([MemoUpdate::set("progress", &70), MemoUpdate::unset("draft")]);
    /// # }
    /// ```
    pub fn upsert_memo(&self, updates: impl IntoIterator<Item = MemoUpdate>) {
        let changes: Vec<_> = updates
            .into_iter()
            .map(|update| change(update.key, update.value))
            .collect();
        self.runtime.has_upserts.set(true);
        host::upsert_memo(&changes);
    }
}
