//! What the decisions promise, tried out from outside: properties first, then tables, then pinned bytes.

mod world;

mod journaled;

mod admission;
mod floor;
mod golden;
mod machine_table;
mod machine_walk;
mod plan;
mod replay_properties;
mod replay_table;
