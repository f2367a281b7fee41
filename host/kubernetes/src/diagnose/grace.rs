//! How long something may be wrong before it is certain that it stays so.

use relhost_model::time::Millis;

/// What no time mends: a name that cannot be read, an image that must be there and is not.
pub(super) const NONE: Millis = Millis(0);
/// A ConfigMap or Secret may come from somebody else, a moment later.
pub(super) const CONFIG: Millis = Millis::from_secs(30);
/// The same for what is mounted: nodes look again only after a pause that doubles up to two minutes.
pub(super) const MOUNT: Millis = Millis::from_secs(60);
/// Registries have short failures, and replicate what was pushed just now.
pub(super) const IMAGE: Millis = Millis::from_secs(60);
/// A node may fail to make a container for a moment.
pub(super) const CONTAINER: Millis = Millis::from_secs(60);
/// One crash may be the start before a dependency.
pub(super) const CRASH: Millis = Millis::from_secs(60);
/// This many restarts are no coincidence, and with the pauses between them they take more than a minute.
pub(super) const RESTARTS: i64 = 3;
/// Quotas and webhooks answer at once; the controller asks again within seconds.
pub(super) const CREATE: Millis = Millis::from_secs(15);
/// What the old pods use of a quota is free once they have ended, for which they get 30 s, and the controller
/// asks again after a pause that has doubled until then.
pub(super) const FREED: Millis = Millis::from_secs(120);
/// An autoscaler needs this long to bring a node.
pub(super) const SCHEDULE: Millis = Millis::from_secs(120);
