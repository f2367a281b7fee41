-- What the columns of a row must hash to, so that other bytes than were written are never believed.
ALTER TABLE sequence ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE sequence SET seal = seal('sequence', name, high);

ALTER TABLE release ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE release SET seal = seal('release', id, name, pipeline, counter, mode, key, version, created_at, events,
  status, summary);

ALTER TABLE snapshot ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE snapshot SET seal = seal('snapshot', release, body);

ALTER TABLE event ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE event SET seal = seal('event', release, seq, at, body);

ALTER TABLE queue ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE queue SET seal = seal('queue', environment, mode, release, deployment, active);

ALTER TABLE run ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE run SET seal = seal('run', id, uuid, release, deployment, component, created_at, state, due_at, crashes,
  crashed_after, cancel, problem);

-- The hash covers the body.
ALTER TABLE frame ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE frame SET seal = seal('frame', run, position, epoch, at, hash);

ALTER TABLE log ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE log SET seal = seal('log', release, at, run, position, ordinal, n, line);

ALTER TABLE approval ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE approval SET seal = seal('approval', id, release, version, due_at, recheck_at, waiting_for, decision, body);

ALTER TABLE vote ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE vote SET seal = seal('vote', approval, n, voter, body);

ALTER TABLE command ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE command SET seal = seal('command', key, release, attempts, due_at, given_up, error, body);

ALTER TABLE applied ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
UPDATE applied SET seal = seal('applied', environment, mode, api_group, kind, name, release, body);
