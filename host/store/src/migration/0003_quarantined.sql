-- Asked for at every start, beside however many runs there are.
CREATE INDEX run_quarantined ON run (id) WHERE state = 'quarantined';
