use super::*;
use crate::migration;

fn database() -> Connection {
    let mut db = Connection::open_in_memory().unwrap();
    register(&db).unwrap();
    migration::migrate(&mut db).unwrap();
    db
}

/// Columns that no seal covers, with the reason above.
const BARE: [&str; 6] = ["queue.place", "log.id", "command.id", "applied.id", "frame.body", "seal"];

#[test]
fn every_column_of_every_table_is_sealed() {
    let db = database();
    let sql = "SELECT s.name, c.name FROM sqlite_schema AS s JOIN pragma_table_info(s.name) AS c \
               WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite_%' AND s.name <> 'blob'";
    let mut statement = db.prepare(sql).unwrap();
    let columns = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    for column in columns {
        let (table, column): (String, String) = column.unwrap();
        let sealed = ALL.iter().find(|sealed| sealed.table == table).expect("every table is sealed");
        let covered = sealed.columns.contains(&column.as_str());
        let bare = BARE.contains(&column.as_str()) || BARE.contains(&format!("{table}.{column}").as_str());
        assert!(covered != bare, "{table}.{column}");
    }
}

/// A seal is stored: whoever changes what it is made of breaks every database there is.
#[test]
fn seals_are_what_they_were() {
    let db = database();
    let seal =
        |sql: &str| db.query_row(&format!("SELECT seal({sql})"), [], |row| row.get::<_, i64>(0)).unwrap();
    let seals = [seal("'event', 7, 0, 1000, '{}'"), seal("'run', 7, x'00ff', NULL, -1"), seal("''")];
    assert_eq!(seals, GOLDEN);
}

const GOLDEN: [i64; 3] = [4_079_265_759_407_049_693, 6_647_271_885_071_414_876, -2_572_533_497_863_175_400];

#[test]
fn values_of_another_type_or_another_split_have_another_seal() {
    let db = database();
    let lists =
        ["1", "'1'", "x'31'", "NULL", "''", "x''", "1.0", "'a', 'bc'", "'ab', 'c'", "'abc'", "'abc', NULL"];
    let seals: std::collections::BTreeSet<i64> = lists
        .iter()
        .map(|list| db.query_row(&format!("SELECT seal({list})"), [], |row| row.get(0)).unwrap())
        .collect();
    assert_eq!(seals.len(), lists.len());
}

#[test]
fn a_row_that_was_changed_by_hand_is_refused_and_not_sealed_again() {
    let db = database();
    SEQUENCE.verify(&db, "name", ["run"]).unwrap();
    db.execute("UPDATE sequence SET high = 9 WHERE name = 'run'", []).unwrap();
    let Err(Fault::Damaged(problem)) = SEQUENCE.verify(&db, "name", ["run"]) else { panic!("not found out") };
    assert!(problem.starts_with("the counter of run ids: its columns do not fit its seal"), "{problem}");
    assert!(!SEQUENCE.verify(&db, "name", ["nobody"]).unwrap());
}
