/**
 * Counters (FUNNEL-1). Of a file that holds events already they are not complete until `rebuildIndex` has counted those;
 * what is appended meanwhile is counted as well.
 */
export const sql = /* sql */ `
-- Of each version of a campaign, as JSON: {"<key>": <count>}.
CREATE TABLE counters (
  campaign TEXT    NOT NULL,
  version  INTEGER NOT NULL,
  counts   TEXT    NOT NULL,
  PRIMARY KEY (campaign, version)
) STRICT, WITHOUT ROWID;

-- What was counted since: a row for each append, in the same form, added to the counters when there are some hundreds.
CREATE TABLE counter_changes (
  entry    INTEGER PRIMARY KEY,
  campaign TEXT    NOT NULL,
  version  INTEGER NOT NULL,
  counts   TEXT    NOT NULL
) STRICT;

CREATE TABLE counters_state (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  -- How often they were corrected, or found to lack something.
  revision INTEGER NOT NULL,
  -- Whether every event is counted.
  complete INTEGER NOT NULL
) STRICT;
INSERT INTO counters_state (one, revision, complete)
SELECT 1, 0, NOT EXISTS (SELECT 1 FROM events) AND (SELECT position FROM checkpoint) = 0;
`
