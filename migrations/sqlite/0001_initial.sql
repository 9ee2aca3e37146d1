-- The state of a server, as the store's trait has it. Times are nanoseconds since
-- the epoch, run IDs the sixteen bytes of a UUIDv7, digests thirty-two bytes.
-- Every read of the server walks one of the indexes below.

-- History: one row per transition, in the order of arrival. A row per run of
-- events, not per event, and no clustering: appending is what disks do best.
CREATE TABLE history (
    run_id         BLOB    NOT NULL,
    first_event_id INTEGER NOT NULL,
    last_event_id  INTEGER NOT NULL,
    events         BLOB    NOT NULL
);
CREATE UNIQUE INDEX history_by_run ON history (run_id, first_event_id);

CREATE TABLE runs (
    run_id      BLOB    NOT NULL PRIMARY KEY,
    namespace   TEXT    NOT NULL,
    workflow_id TEXT    NOT NULL,
    digest      BLOB    NOT NULL,
    version     INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    wake_at     INTEGER,
    state       BLOB    NOT NULL
) WITHOUT ROWID;
CREATE INDEX runs_due ON runs (wake_at, run_id) WHERE wake_at IS NOT NULL;
CREATE INDEX runs_by_component ON runs (namespace, digest, status);

-- Which run of a workflow ID is the latest.
CREATE TABLE current_runs (
    namespace   TEXT NOT NULL,
    workflow_id TEXT NOT NULL,
    run_id      BLOB NOT NULL,
    PRIMARY KEY (namespace, workflow_id)
) WITHOUT ROWID;

-- Pending activities only: a closed one lives on in the history.
CREATE TABLE activities (
    run_id             BLOB    NOT NULL,
    scheduled_event_id INTEGER NOT NULL,
    namespace          TEXT    NOT NULL,
    workflow_id        TEXT    NOT NULL,
    task_queue         TEXT    NOT NULL,
    queued_at          INTEGER,
    stamp              INTEGER NOT NULL,
    state              BLOB    NOT NULL,
    PRIMARY KEY (run_id, scheduled_event_id)
) WITHOUT ROWID;
CREATE INDEX activities_queued
    ON activities (namespace, task_queue, queued_at, run_id, scheduled_event_id)
    WHERE queued_at IS NOT NULL;

-- Open timers only.
CREATE TABLE timers (
    run_id           BLOB    NOT NULL,
    started_event_id INTEGER NOT NULL,
    timer_id         TEXT    NOT NULL,
    fire_at          INTEGER NOT NULL,
    PRIMARY KEY (run_id, started_event_id)
) WITHOUT ROWID;

-- Open children only.
CREATE TABLE children (
    run_id             BLOB    NOT NULL,
    initiated_event_id INTEGER NOT NULL,
    state              BLOB    NOT NULL,
    PRIMARY KEY (run_id, initiated_event_id)
) WITHOUT ROWID;

-- Letters on their way from one run to another, until both have dealt with them.
-- The run is the sender's, namespace and workflow ID are where it goes to next.
CREATE TABLE outbox (
    run_id      BLOB    NOT NULL,
    event_id    INTEGER NOT NULL,
    stage       INTEGER NOT NULL,
    namespace   TEXT    NOT NULL,
    workflow_id TEXT    NOT NULL,
    letter      BLOB    NOT NULL,
    PRIMARY KEY (run_id, event_id)
) WITHOUT ROWID;

CREATE TABLE request_ids (
    run_id     BLOB NOT NULL,
    request_id TEXT NOT NULL,
    PRIMARY KEY (run_id, request_id)
) WITHOUT ROWID;

CREATE TABLE completed_updates (
    run_id             BLOB    NOT NULL,
    update_id          TEXT    NOT NULL,
    completed_event_id INTEGER NOT NULL,
    PRIMARY KEY (run_id, update_id)
) WITHOUT ROWID;

-- What lists and counts see: written at the start and at the close of a run, and
-- where its code changes memo or search attributes, so that other steps cost these
-- indexes nothing.
CREATE TABLE visibility (
    run_id             BLOB    NOT NULL PRIMARY KEY,
    namespace          TEXT    NOT NULL,
    workflow_id        TEXT    NOT NULL,
    workflow_type      TEXT    NOT NULL,
    task_queue         TEXT    NOT NULL,
    status             INTEGER NOT NULL,
    start_time         INTEGER NOT NULL,
    execution_time     INTEGER NOT NULL,
    close_time         INTEGER,
    history_length     INTEGER NOT NULL,
    history_size_bytes INTEGER NOT NULL,
    first_run_id       BLOB    NOT NULL,
    parent_workflow_id TEXT,
    parent_run_id      TEXT,
    root_workflow_id   TEXT,
    root_run_id        TEXT,
    memo               BLOB    NOT NULL,
    search_attributes  BLOB    NOT NULL,
    -- Lines; NULL for a run that is not blocked.
    problems           TEXT
) WITHOUT ROWID;
CREATE INDEX visibility_by_start ON visibility (namespace, start_time DESC, run_id DESC);
CREATE INDEX visibility_by_id ON visibility (namespace, workflow_id, start_time DESC, run_id DESC);
CREATE INDEX visibility_by_type ON visibility (namespace, workflow_type, start_time DESC, run_id DESC);
CREATE INDEX visibility_by_status ON visibility (namespace, status, start_time DESC, run_id DESC);
-- Closed runs only, so that a start costs it nothing. The start time is there for
-- lists that sort by it.
CREATE INDEX visibility_by_close ON visibility (namespace, close_time DESC, run_id DESC, start_time)
    WHERE close_time IS NOT NULL;

-- Which search attributes a namespace has. A removed one stays, with its values: it
-- is there again when it is added with the same type.
CREATE TABLE search_attributes (
    id        INTEGER PRIMARY KEY,
    namespace TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    type      TEXT    NOT NULL,
    removed   INTEGER NOT NULL
);
CREATE UNIQUE INDEX search_attributes_by_name ON search_attributes (namespace, name, type);

-- One row for each value of a search attribute of a run: several for the words of a
-- text and for the members of a list. The value has no type here: it is a number or
-- text, as its attribute has it. `started_at` is the run's start time: under one value
-- runs are in the order of lists.
CREATE TABLE attribute_values (
    attribute_id INTEGER NOT NULL,
    value                NOT NULL,
    started_at   INTEGER NOT NULL,
    of_run       BLOB    NOT NULL,
    PRIMARY KEY (attribute_id, value, started_at DESC, of_run DESC)
) WITHOUT ROWID;
CREATE INDEX attribute_values_by_run ON attribute_values (of_run, attribute_id);

-- Kept in the transactions that change them, so that no count scans.
CREATE TABLE run_counts (
    namespace TEXT    NOT NULL,
    status    INTEGER NOT NULL,
    runs      INTEGER NOT NULL,
    PRIMARY KEY (namespace, status)
) WITHOUT ROWID;

CREATE TABLE namespaces (
    name         TEXT    NOT NULL PRIMARY KEY,
    id           TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    owner_email  TEXT    NOT NULL,
    retention_ns INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    data         BLOB    NOT NULL
) WITHOUT ROWID;

CREATE TABLE component_versions (
    namespace   TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    digest      BLOB    NOT NULL,
    size_bytes  INTEGER NOT NULL,
    uploaded_at INTEGER NOT NULL,
    uploaded_by TEXT    NOT NULL,
    current     INTEGER NOT NULL,
    description BLOB    NOT NULL,
    PRIMARY KEY (namespace, name, version)
) WITHOUT ROWID;
CREATE INDEX component_versions_by_digest ON component_versions (digest);

CREATE TABLE component_blobs (
    digest BLOB NOT NULL PRIMARY KEY,
    bytes  BLOB NOT NULL
);
