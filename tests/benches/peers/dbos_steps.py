"""Steps and approvals in DBOS, for `cargo xtask bench`.

Usage: dbos_steps.py URL PART OPERATIONS TIMES

Prints one JSON object: the version, what the database says about durability, and the seconds of each time.
Nothing is tuned: it is DBOS as its documentation starts it.
"""

import json
import sys
import time
from importlib.metadata import version

import sqlalchemy
from dbos import DBOS

# A thread is in `recv` by then; nothing that is public says so.
IN_RECV = 0.05


@DBOS.step()
def step(number: int) -> int:
    return number


@DBOS.workflow()
def steps(count: int) -> None:
    for number in range(count):
        step(number)


@DBOS.step()
def effect() -> float:
    return time.perf_counter()


@DBOS.workflow()
def gate() -> float:
    step(0)
    DBOS.recv("approve", timeout_seconds=600)
    return effect()


def runs(count: int, each: int) -> float:
    started = time.perf_counter()
    handles = [DBOS.start_workflow(steps, each) for _ in range(count)]
    for handle in handles:
        handle.get_result()
    return time.perf_counter() - started


def approval() -> float:
    handle = DBOS.start_workflow(gate)
    time.sleep(IN_RECV)
    started = time.perf_counter()
    DBOS.send(handle.workflow_id, True, "approve")
    return handle.get_result() - started


def settings(url: str) -> str:
    sqlite = url.startswith("sqlite")
    names = ["journal_mode", "synchronous"] if sqlite else ["fsync", "synchronous_commit"]
    with sqlalchemy.create_engine(url).connect() as connection:
        ask = "PRAGMA {}" if sqlite else "SHOW {}"
        return ", ".join(
            f"{name}={connection.execute(sqlalchemy.text(ask.format(name))).scalar()}" for name in names
        )


def main() -> None:
    url, part, operations, times = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR"})
    DBOS.launch()
    work = {
        "one-run": lambda: runs(1, operations),
        "runs-of-five": lambda: runs(operations, 5),
        "approval": approval,
    }[part]
    if operations > 0:
        runs(1, 5)
    seconds = [work() for _ in range(times)]
    told = {"version": version("dbos"), "settings": settings(url), "seconds": seconds}
    DBOS.destroy()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
