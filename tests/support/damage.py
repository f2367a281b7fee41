"""Changes rows of a database as a broken disk or a hand would: past the host, and past every constraint.

    python damage.py DATABASE SQL

It is an error if no row was changed.
"""

import sqlite3
import sys

db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA ignore_check_constraints = 1")
changed = db.execute(sys.argv[2]).rowcount
db.close()
if changed < 1:
    sys.exit("no row was changed")
