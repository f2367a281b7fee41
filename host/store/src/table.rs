//! One file per table or group of tables that change together. Functions here run inside a transaction
//! that somebody else begins and ends.

pub(crate) mod column;
pub(crate) mod seal;

pub(crate) mod applied;
pub(crate) mod approval;
pub(crate) mod blob;
pub(crate) mod command;
pub(crate) mod log;
pub(crate) mod queue;

pub(crate) mod frame;
pub(crate) mod release;

pub(crate) mod run;
