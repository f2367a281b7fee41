//! How the owner of a state folder is reached: a socket for commands, a page for approvers.

pub mod client;
pub mod form;
pub mod html;
pub mod listener;
pub mod page;
pub mod peer;
pub mod socket;
