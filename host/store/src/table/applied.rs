//! What is known to be applied in an environment.

use relhost_model::call::AppliedObject;
use relhost_model::id::{EnvironmentName, ReleaseId};
use relhost_model::release::Mode;
use rusqlite::Connection;

use super::column::{int, mode_word, text, value};
use super::seal::{self, APPLIED};
use crate::fault::Outcome;

/// Where objects are applied.
pub(crate) struct Place<'a> {
    pub environment: &'a EnvironmentName,
    pub mode: Mode,
}

/// Stores objects in the order they were applied. One that is known already moves to the end; the same
/// object in a newer version of its API is the same object.
pub(crate) fn put(
    db: &Connection,
    place: &Place<'_>,
    release: ReleaseId,
    objects: &[AppliedObject],
) -> Outcome<()> {
    for object in objects {
        db.prepare_cached(&APPLIED.insert("INSERT OR REPLACE"))?.execute((
            place.environment.as_str(),
            mode_word(place.mode),
            object.api_version.split_once('/').map_or("", |(group, _)| group),
            &object.kind,
            &object.name,
            int(release.0)?,
            text(object),
        ))?;
    }
    Ok(())
}

/// Forgets objects of an environment that are still what they were.
pub(crate) fn forget(db: &Connection, place: &Place<'_>, objects: &[AppliedObject]) -> Outcome<()> {
    for object in objects {
        db.prepare_cached("DELETE FROM applied WHERE environment = ?1 AND mode = ?2 AND body = ?3")?
            .execute((place.environment.as_str(), mode_word(place.mode), text(object)))?;
    }
    Ok(())
}

/// The objects of an environment, in the order of their newest apply.
pub(crate) fn read(db: &Connection, place: &Place<'_>) -> Outcome<Vec<AppliedObject>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT body, {}, {} FROM applied WHERE environment = ?1 AND mode = ?2 ORDER BY id",
        APPLIED.fits(),
        APPLIED.name
    ))?;
    let mut rows = statement.query((place.environment.as_str(), mode_word(place.mode)))?;
    let mut objects = Vec::new();
    while let Some(row) = rows.next()? {
        seal::check(row, 1, row.get::<_, String>(2)?)?;
        objects.push(value("applied object", &row.get::<_, String>(0)?)?);
    }
    Ok(objects)
}
