-- Deleted runs that nobody can see any more and whose longest tables are not empty
-- yet: they go piece by piece.
CREATE TABLE remains (
    run_id BLOB NOT NULL PRIMARY KEY
) WITHOUT ROWID;

-- Runs that another run has started only, so that an ordinary start costs them nothing.
CREATE INDEX visibility_by_parent
    ON visibility (namespace, parent_workflow_id, start_time DESC, run_id DESC)
    WHERE parent_workflow_id IS NOT NULL;
CREATE INDEX visibility_by_root
    ON visibility (namespace, root_workflow_id, start_time DESC, run_id DESC)
    WHERE root_workflow_id IS NOT NULL;
