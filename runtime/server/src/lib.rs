//! Mailboxes, commit pipeline, timers and task dispatch.
