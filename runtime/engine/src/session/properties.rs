//! Search attributes and memo, as the code sets and sees them (WF-27).

use std::collections::HashMap;

use temporalio_protos::temporal::api::common::v1::{Memo, Payload, SearchAttributes};
use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause as Cause;

use super::{GuestFault, Session};
use crate::guest::Command;
use crate::search::{is_null, null};

/// Names and what they are set to; `None` removes.
pub type Changes = Vec<(String, Option<Payload>)>;

impl Session {
    /// Sets or removes search attributes. Whether the namespace has them is for the
    /// driver to say, when the task is finished.
    pub fn upsert_search_attributes(&mut self, changes: Changes) -> Result<(), GuestFault> {
        let mut whole = self.search_attributes();
        let Some(changed) =
            self.changed("search attributes", changes, &mut whole.indexed_fields)?
        else {
            return Ok(());
        };
        self.search_attributes = Some(whole.clone());
        self.commands.push(Command::UpsertSearchAttributes {
            changed: SearchAttributes {
                indexed_fields: changed,
            },
            whole,
        });
        Ok(())
    }

    /// Sets or removes fields of the memo.
    pub fn upsert_memo(&mut self, changes: Changes) -> Result<(), GuestFault> {
        let mut whole = self.memo();
        let Some(changed) = self.changed("fields of the memo", changes, &mut whole.fields)? else {
            return Ok(());
        };
        self.memo = Some(whole.clone());
        self.commands.push(Command::UpsertMemo {
            changed: Memo { fields: changed },
            whole,
        });
        Ok(())
    }

    /// Replaces what a person reads of how the run stands. Not recorded.
    pub fn set_current_details(&mut self, details: String) -> Result<(), GuestFault> {
        if self.in_read() {
            return Err(self.read_only("change the current details"));
        }
        self.check_text("the current details", &details)?;
        self.current_details = details;
        Ok(())
    }

    /// What a person reads of how the run stands.
    pub fn current_details(&self) -> &str {
        &self.current_details
    }

    /// The search attributes that the run has now.
    pub fn search_attributes(&self) -> SearchAttributes {
        let started = || self.facts.started.search_attributes.clone();
        self.search_attributes
            .clone()
            .or_else(started)
            .unwrap_or_default()
    }

    /// The memo that the run has now.
    pub fn memo(&self) -> Memo {
        let started = || self.facts.started.memo.clone();
        self.memo.clone().or_else(started).unwrap_or_default()
    }

    /// Applies changes, the last one of a name; `None` if there are none.
    fn changed(
        &mut self,
        what: &str,
        changes: Changes,
        whole: &mut HashMap<String, Payload>,
    ) -> Result<Option<HashMap<String, Payload>>, GuestFault> {
        if self.in_read() {
            return Err(self.read_only(&format!("change {what}")));
        }
        self.may_call(Cause::PendingActivitiesLimitExceeded)?;
        let mut changed = HashMap::with_capacity(changes.len());
        for (name, value) in changes {
            self.count_property(what, &name, value.as_ref())?;
            changed.insert(name, value.unwrap_or_else(null));
        }
        for (name, value) in &changed {
            if is_null(value) {
                whole.remove(name);
            } else {
                whole.insert(name.clone(), value.clone());
            }
        }
        Ok(Some(changed).filter(|changed| !changed.is_empty()))
    }
}
