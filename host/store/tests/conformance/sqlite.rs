//! `SQLite` against the contract.

use std::thread::JoinHandle;

use relhost_engine::port::BoxFuture;
use relhost_engine::port::store::Store;
use relhost_store::{SqliteStore, StateFolder};
use tempfile::TempDir;

use crate::backend::Backend;

/// A store in a folder of its own, with its writer's thread.
pub struct Sqlite {
    folder: TempDir,
    open: Option<(SqliteStore, JoinHandle<()>)>,
}

impl Sqlite {
    pub fn new() -> Self {
        let mut new = Self { folder: tempfile::tempdir().unwrap(), open: None };
        new.start();
        new
    }

    fn start(&mut self) {
        let held = StateFolder::acquire(&self.folder.path().join("state")).unwrap();
        let (store, writer) = SqliteStore::open(&held).unwrap();
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(|| writer.run()).unwrap();
        self.open = Some((store, thread));
    }
}

impl Backend for Sqlite {
    fn store(&self) -> &dyn Store {
        &self.open.as_ref().unwrap().0
    }

    fn reopen(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let (store, thread) = self.open.take().unwrap();
            store.close().await.unwrap();
            thread.join().unwrap();
            drop(store);
            self.start();
        })
    }

    fn check(&self) -> Vec<String> {
        self.open.as_ref().unwrap().0.check().unwrap()
    }
}

macro_rules! cases {
    ($($file:ident { $($case:ident,)+ })+) => {
        $(mod $file {
            $(#[tokio::test]
            async fn $case() {
                crate::$file::$case(&mut super::Sqlite::new()).await;
            })+
        })+
    };
}

cases! {
    frames {
        a_journal_reads_back_as_it_was_appended,
        an_owner_that_was_replaced_is_fenced,
        position_epoch_and_previous_hash_are_each_checked,
        log_lines_are_stored_once_and_in_the_order_of_the_release,
        a_page_of_log_lines_is_a_thousand,
    }
    runs {
        a_run_is_created_with_its_first_frame_or_not_at_all,
        a_run_is_claimed_once,
        backoff_ends_at_its_time,
        a_clock_that_jumps_delays_work_and_loses_none,
        runs_of_other_releases_are_left_alone,
        a_transition_names_where_it_comes_from,
        cancel_is_a_mark_on_the_run,
        a_run_that_takes_the_host_down_three_times_is_quarantined,
        claims_that_ended_in_good_order_are_no_crashes,
        progress_starts_the_count_again,
    }
    approvals {
        the_version_counts_votes_reassignments_and_the_end,
        a_closed_approval_stays_as_it_is,
        two_deciders_and_one_resolution,
        expiry_and_recheck_are_due_in_order,
        open_ones_come_page_by_page_in_the_order_of_their_end,
        lists_are_newest_first,
    }
    outbox {
        a_command_lives_until_it_is_done,
        a_command_that_was_given_up_is_kept_and_never_due,
        what_nobody_waits_for_comes_before_what_is_asked_for_after_it,
        blobs_are_found_by_their_digest,
        the_newest_apply_of_each_object_is_known,
    }
    releases {
        a_key_belongs_to_one_release_of_a_mode,
        a_release_reads_back_as_it_was_frozen,
        events_follow_each_other,
        lists_are_newest_first,
        one_deployment_holds_an_environment,
        ids_are_never_handed_out_twice,
        a_refused_change_undoes_the_whole_commit,
    }
}
