-- Journal first: a run's frames lie together in the order they are replayed, because the key is the
-- clustering key. An append touches this table only.
CREATE TABLE sequence (
  name TEXT PRIMARY KEY,
  high INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sequence VALUES ('release', 0), ('deployment', 0), ('run', 0), ('approval', 0);

-- Whatever changes with an event; the frozen part lies apart, so that an event does not rewrite it.
CREATE TABLE release (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  counter INTEGER NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('real', 'rehearsal')),
  key TEXT NOT NULL,
  version TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  events INTEGER NOT NULL DEFAULT 0,
  status TEXT,
  summary TEXT NOT NULL
) STRICT;
CREATE INDEX release_key ON release (key, mode);
CREATE INDEX release_counter ON release (pipeline, counter);
CREATE INDEX release_active ON release (id) WHERE status IS NULL;

CREATE TABLE snapshot (
  release INTEGER PRIMARY KEY REFERENCES release (id),
  body TEXT NOT NULL
) STRICT;

CREATE TABLE event (
  release INTEGER NOT NULL REFERENCES release (id),
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (release, seq)
) STRICT, WITHOUT ROWID;

-- Who holds an environment and who waits for it. At most one holds it, whatever anybody decides.
CREATE TABLE queue (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  environment TEXT NOT NULL,
  mode TEXT NOT NULL,
  release INTEGER NOT NULL REFERENCES release (id),
  deployment INTEGER NOT NULL UNIQUE,
  active INTEGER NOT NULL
) STRICT;
CREATE INDEX queue_environment ON queue (environment, mode);
CREATE INDEX queue_release ON queue (release);
CREATE UNIQUE INDEX queue_active ON queue (environment, mode) WHERE active = 1;

CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  uuid BLOB NOT NULL UNIQUE,
  release INTEGER NOT NULL REFERENCES release (id),
  deployment INTEGER NOT NULL,
  component BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('ready', 'running', 'waiting', 'backoff', 'quarantined', 'done')),
  due_at INTEGER,
  crashes INTEGER NOT NULL DEFAULT 0,
  crashed_after INTEGER,
  cancel INTEGER NOT NULL DEFAULT 0,
  problem TEXT
) STRICT;
CREATE INDEX run_ready ON run (id) WHERE state = 'ready';
CREATE INDEX run_backoff ON run (coalesce(due_at, 0), id) WHERE state = 'backoff';
CREATE INDEX run_running ON run (id) WHERE state = 'running';
CREATE INDEX run_release ON run (release);

CREATE TABLE frame (
  run INTEGER NOT NULL REFERENCES run (id),
  position INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  at INTEGER NOT NULL,
  hash BLOB NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;

-- A note about a release has no run.
CREATE TABLE log (
  id INTEGER PRIMARY KEY,
  release INTEGER NOT NULL REFERENCES release (id),
  at INTEGER NOT NULL,
  run INTEGER REFERENCES run (id),
  position INTEGER,
  ordinal INTEGER,
  n INTEGER,
  line TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX log_key ON log (run, ordinal, n) WHERE run IS NOT NULL;
CREATE INDEX log_release ON log (release, id);

CREATE TABLE approval (
  id INTEGER PRIMARY KEY,
  release INTEGER NOT NULL REFERENCES release (id),
  version INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER NOT NULL,
  recheck_at INTEGER,
  waiting_for TEXT NOT NULL DEFAULT '',
  decision TEXT,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX approval_due ON approval (due_at) WHERE decision IS NULL;
CREATE INDEX approval_recheck ON approval (recheck_at) WHERE decision IS NULL AND recheck_at IS NOT NULL;
CREATE INDEX approval_release ON approval (release);

CREATE TABLE vote (
  approval INTEGER NOT NULL REFERENCES approval (id),
  n INTEGER NOT NULL,
  voter TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (approval, n),
  UNIQUE (approval, voter)
) STRICT, WITHOUT ROWID;

CREATE TABLE command (
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  release INTEGER NOT NULL REFERENCES release (id),
  attempts INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  given_up INTEGER NOT NULL DEFAULT 0,
  error TEXT,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX command_due ON command (due_at) WHERE given_up = 0;
CREATE INDEX command_release ON command (release);

CREATE TABLE blob (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  bytes BLOB NOT NULL
) STRICT;

CREATE TABLE applied (
  id INTEGER PRIMARY KEY,
  environment TEXT NOT NULL,
  mode TEXT NOT NULL,
  api_group TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  release INTEGER NOT NULL REFERENCES release (id),
  body TEXT NOT NULL,
  UNIQUE (environment, mode, api_group, kind, name)
) STRICT;
