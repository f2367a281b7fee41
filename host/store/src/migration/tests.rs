use super::*;

fn database() -> Connection {
    let db = Connection::open_in_memory().unwrap();
    crate::table::seal::register(&db).unwrap();
    db
}

fn version(db: &Connection) -> u32 {
    db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn an_empty_database_gets_every_step_once() {
    let mut db = database();
    migrate(&mut db).unwrap();
    assert_eq!(version(&db), newest());
    migrate(&mut db).unwrap();
    let tables: u32 = db
        .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'frame'", [], |r| {
            r.get(0)
        })
        .unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn a_newer_database_is_refused_with_both_numbers() {
    let mut db = Connection::open_in_memory().unwrap();
    db.pragma_update(None, "user_version", newest() + 1).unwrap();
    let Err(Fault::Refused(StoreError::Damaged { reason })) = migrate(&mut db) else {
        panic!("a newer schema was accepted")
    };
    assert!(reason.contains(&format!("schema {}", newest() + 1)), "{reason}");
    let tables: u32 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).unwrap();
    assert_eq!(tables, 0, "a refused database was touched");
}

#[test]
fn a_step_that_fails_leaves_nothing_behind() {
    let mut db = database();
    // The last table of the step exists already, so all of the ones before it have to be undone.
    db.execute_batch("CREATE TABLE applied (id INTEGER)").unwrap();
    migrate(&mut db).unwrap_err();
    assert_eq!(version(&db), 0);
    let tables: u32 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).unwrap();
    assert_eq!(tables, 1);
}
