//! One damaged row, in every column of every table in turn. The store opens, names the row, and everything
//! that does not need it goes on.

use relhost_engine::journal::Record;
use relhost_engine::port::store::{Change, ReleaseFilter, RunState, Store as _};
use relhost_model::id::{ApprovalId, EnvironmentName, ReleaseId, RunId};
use relhost_model::release::{Mode, RunEnd};
use rusqlite::Connection;

use crate::sample;
use crate::work::{Running, block_on, open};

/// A folder in which every table has a row of release 1.
fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(open(folder.path()).unwrap());
    let store = &running.store;
    block_on(async {
        let release = sample::release(store).await;
        let run = sample::run(store, release).await;
        let claimed = store.claim(run, "a".into(), sample::at(1)).await.unwrap().unwrap();
        let mut frame = sample::after(claimed.frames.last().unwrap(), vec![sample::intent(0)]);
        frame.logs = vec![(0, 0, sample::line("one"))];
        store.commit(sample::frame(frame)).await.unwrap();
        let state = relhost_engine::port::store::StageState::Running(run);
        let mut commit = sample::changes(vec![
            Change::OpenApproval(Box::new(sample::approval(ApprovalId(1), release))),
            Change::AddVote { approval: ApprovalId(1), expected: 0, vote: Box::new(sample::vote("ann")) },
            Change::PutCommand(sample::command(b"a", release, 1)),
            Change::PutBlob(b"bytes".to_vec()),
            Change::PutApplied {
                environment: EnvironmentName::new("dev").unwrap(),
                mode: Mode::Real,
                release,
                objects: vec![sample::object("v1", "Service", "web")],
            },
        ]);
        commit.events = Some(sample::events(release, 1, sample::summary(&[("dev", state, 1)])));
        store.commit(commit).await.unwrap();
    });
    running.stop();
    folder
}

/// Every column of every table, with its type.
fn columns(folder: &tempfile::TempDir) -> Vec<(String, String, String)> {
    let db = Connection::open(folder.path().join("relhost.db")).unwrap();
    let sql = "SELECT s.name, c.name, c.type FROM sqlite_schema AS s JOIN pragma_table_info(s.name) AS c \
               WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite_%'";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn damage(folder: &tempfile::TempDir, table: &str, column: &str, kind: &str) {
    let garbage = match kind {
        "INTEGER" => "-77",
        "BLOB" => "x'00'",
        _ => "'garbage'",
    };
    let db = Connection::open(folder.path().join("relhost.db")).unwrap();
    db.execute_batch("PRAGMA ignore_check_constraints = 1; PRAGMA foreign_keys = 0").unwrap();
    // The last row of release 1: of the journal it is the frame that matters most.
    let keys = match table {
        "frame" => "run, position",
        "event" => "release, seq",
        "vote" => "approval, n",
        "sequence" => "name",
        "snapshot" => "release",
        _ => "id",
    };
    let keys = if table == "queue" { "place" } else { keys };
    let sql = format!(
        "UPDATE {table} SET {column} = {garbage} WHERE ({keys}) = \
         (SELECT {keys} FROM {table} ORDER BY {keys} DESC LIMIT 1)"
    );
    assert_eq!(db.execute(&sql, []).unwrap(), 1, "{table}.{column}");
}

/// Everything that a host does at its start and while it runs, with a release that has nothing to do with
/// the damage; and what the check of the whole database says.
async fn goes_on(running: &Running) -> Vec<String> {
    let store = &running.store;
    store.recover().await.unwrap();
    for (run, problem) in store.read().damaged_runs().await.unwrap() {
        store.commit(sample::changes(vec![Change::SetRunAside { run, problem }])).await.unwrap();
    }
    let due = store.due(sample::at(100_000), 64, None).await.unwrap();
    for command in due.damaged {
        store.commit(sample::changes(vec![Change::SetCommandAside { row: command.row }])).await.unwrap();
    }
    assert!(store.due(sample::at(100_000), 64, None).await.unwrap().damaged.is_empty(), "it is due again");
    store.read().quarantined().await.unwrap();
    store.read().approvals(true, None).await.unwrap();
    store.read().commands(None).await.unwrap();
    let release = sample::release(store).await;
    let run = sample::run(store, release).await;
    assert!((release, run) > (ReleaseId(1), RunId(1)), "an id came twice");
    let claimed = store.claim(run, "b".into(), sample::at(2)).await.unwrap().unwrap();
    let end = RunEnd::Failed(relhost_model::call::CallError::permanent("test", "over"));
    let complete = Record::Complete { at: sample::at(3), end: Box::new(end) };
    let mut commit = sample::frame(sample::after(claimed.frames.last().unwrap(), vec![complete]));
    commit.changes.push(sample::set_run(run, &[RunState::Running], RunState::Done));
    store.commit(commit).await.unwrap();
    let listed = store.read().releases(ReleaseFilter::default()).await.unwrap();
    assert!(listed.rows.iter().any(|row| row.id == release), "it is not listed");
    store.check().unwrap()
}

#[test]
fn a_damaged_row_is_named_and_everything_else_goes_on() {
    let whole = filled();
    for (table, column, kind) in columns(&whole) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(whole.path().join("relhost.db"), folder.path().join("relhost.db")).unwrap();
        damage(&folder, &table, &column, &kind);
        let opened = open(folder.path()).unwrap_or_else(|error| panic!("{table}.{column}: {error}"));
        let running = Running::start(opened);
        let problems = block_on(goes_on(&running));
        running.stop();
        // Numbers that nobody but the database gives out are in no seal; nothing refers to them.
        let bare = ["queue.place", "log.id", "command.id", "applied.id", "blob.id"];
        let mended = table == "sequence";
        if !bare.contains(&format!("{table}.{column}").as_str()) && !mended {
            assert!(!problems.is_empty(), "{table}.{column} is damaged and nobody says so");
        }
    }
}
