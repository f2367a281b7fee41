//! The mutations. Each takes out one guard by replacing a text that stands in its file exactly once.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// One guard, and how it is taken out.
#[derive(Debug, Clone, Copy)]
pub struct Mutation {
    /// The guard.
    pub guard: &'static str,
    /// Which part of it is taken out.
    pub what: &'static str,
    /// The file.
    pub file: &'static str,
    /// What stands there.
    pub from: &'static str,
    /// What takes its place.
    pub to: &'static str,
    /// The test that is there for it.
    pub test: Test,
}

/// A test.
#[derive(Debug, Clone, Copy)]
pub struct Test {
    /// The test program.
    pub place: Where,
    /// Its name in there.
    pub name: &'static str,
    /// The file that has it.
    pub file: &'static str,
}

/// The test program of a test, whose name no other package has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Where {
    /// Beside the code.
    Unit,
    /// A program of its own.
    Suite(&'static str),
}

impl Mutation {
    /// Whether it still applies to the sources, and its test is there.
    ///
    /// # Errors
    /// If the entry is stale.
    pub fn check(&self, root: &Path) -> Result<()> {
        let read =
            |file: &str| std::fs::read_to_string(root.join(file)).with_context(|| format!("stale: {file}"));
        self.apply(&read(self.file)?)?;
        let Test { name, file, .. } = self.test;
        let function = name.rsplit("::").next().unwrap_or(name);
        if !read(file)?.contains(&format!("fn {function}(")) {
            bail!("stale: there is no test `{function}` in {file}");
        }
        Ok(())
    }

    /// A file's text with the guard taken out.
    ///
    /// # Errors
    /// If the text to be replaced is not there exactly once.
    pub fn apply(&self, text: &str) -> Result<String> {
        let Self { what, file, from, .. } = self;
        match text.matches(from).count() {
            1 => Ok(text.replace(from, self.to)),
            count => bail!("stale: for {what} this stands {count} times in {file}, not once:\n{from}"),
        }
    }
}

const ENGINE: Where = Where::Suite("rules");
const STORE: Where = Where::Suite("conformance");
const RUNTIME: Where = Where::Suite("contract");

/// All of them, by guard.
pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        guard: "position fence",
        what: "the check of position, epoch and hash at an append",
        file: "host/store/src/table/frame.rs",
        from: "    if (frame.position, frame.epoch, frame.previous) != (position, epoch, previous) {",
        to: "    if frame.position < position {",
        test: Test {
            place: STORE,
            name: "sqlite::frames::position_epoch_and_previous_hash_are_each_checked",
            file: "host/store/tests/conformance/frames.rs",
        },
    },
    Mutation {
        guard: "position fence",
        what: "the claim's frame",
        file: "host/store/src/table/frame.rs",
        from: "    insert(db, (run, position, position), at, (Some(tail.hash), &body))",
        to: "    let _ = (position, body, at);\n    Ok(())",
        test: Test {
            place: STORE,
            name: "sqlite::frames::an_owner_that_was_replaced_is_fenced",
            file: "host/store/tests/conformance/frames.rs",
        },
    },
    Mutation {
        guard: "replay check",
        what: "the comparison of a call with its record",
        file: "host/engine/src/replay.rs",
        from: "        if step.fingerprint != call.fingerprint() || step.operation != call.operation() {",
        to: "        if false {",
        test: Test {
            place: ENGINE,
            name: "replay_table::other_arguments_are_named_by_their_place",
            file: "host/engine/tests/rules/replay_table.rs",
        },
    },
    Mutation {
        guard: "replay check",
        what: "the check that no recorded call is left at the end",
        file: "host/engine/src/replay.rs",
        from: "            return Err(Box::new(Mismatch::returned_early(&self.program, self.next_ordinal())));",
        to: "",
        test: Test {
            place: ENGINE,
            name: "replay_table::returning_before_the_records_end_is_a_mismatch",
            file: "host/engine/tests/rules/replay_table.rs",
        },
    },
    Mutation {
        guard: "replay check",
        what: "the hash chain of a journal",
        file: "host/engine/src/replay/verify.rs",
        from: "        if frame.hash != chain(previous, &encode(&frame.records)) {",
        to: "        if false {",
        test: Test {
            place: ENGINE,
            name: "replay_table::frames_that_no_run_writes_are_refused",
            file: "host/engine/tests/rules/replay_table.rs",
        },
    },
    Mutation {
        guard: "intent before effect",
        what: "the frame with the intent",
        file: "host/engine/src/replay.rs",
        from: "        let frame = Some(Box::new(self.frame(vec![intent], at)));",
        to: "        let _ = intent;\n        let frame = None;",
        test: Test {
            place: ENGINE,
            name: "replay_table::recorded_calls_are_answered_and_the_one_in_doubt_is_made_again_under_its_key",
            file: "host/engine/tests/rules/replay_table.rs",
        },
    },
    Mutation {
        guard: "intent before effect",
        what: "the order: the call first, then its intent",
        file: "host/server/src/dispatch/session.rs",
        from: "                    self.commit(Commit { frame: Some(*frame), ..Commit::default() }).await?;\n                }",
        to: "                    let answer = self.perform(key, &call).await?;\n                    self.commit(Commit { frame: Some(*frame), ..Commit::default() }).await?;\n                    self.journal.finish(ordinal, answer.clone(), self.host.now());\n                    return Ok(answer);\n                }",
        test: Test {
            place: Where::Unit,
            name: "dispatch::session::tests::what_is_not_durable_is_not_done",
            file: "host/server/src/dispatch/session/tests.rs",
        },
    },
    Mutation {
        guard: "namespace policy",
        what: "the check of an object's namespace",
        file: "host/kubernetes/src/policy.rs",
        from: "            Some(namespace) if namespace == rules.namespace => {}",
        to: "            Some(namespace) if !namespace.is_empty() => {}",
        test: Test {
            place: Where::Unit,
            name: "policy::tests::an_object_without_a_namespace_is_put_into_the_only_one",
            file: "host/kubernetes/src/policy.rs",
        },
    },
    Mutation {
        guard: "namespace policy",
        what: "the check of what belongs to the whole cluster",
        file: "host/kubernetes/src/policy.rs",
        from: "            cluster_kind(object, rules)?;",
        to: "            let _ = cluster_kind(object, rules);",
        test: Test {
            place: Where::Unit,
            name: "policy::tests::what_belongs_to_the_whole_cluster_is_allowed_by_name_only",
            file: "host/kubernetes/src/policy.rs",
        },
    },
    Mutation {
        guard: "namespace policy",
        what: "the check of names that become part of a path",
        file: "host/kubernetes/src/manifest.rs",
        from: "    can_be_named(&document, origin)?;",
        to: "    let _ = can_be_named(&document, origin);",
        test: Test {
            place: Where::Unit,
            name: "manifest::tests::nothing_that_becomes_part_of_a_path_leads_elsewhere",
            file: "host/kubernetes/src/manifest.rs",
        },
    },
    Mutation {
        guard: "grant check",
        what: "the check of imports at registration",
        file: "host/runtime/src/grant.rs",
        from: "    if missing.is_empty() { Ok(()) } else { Err(NotGranted { plugin: plugin.clone(), missing }) }",
        to: "    let _ = (plugin, missing);\n    Ok(())",
        test: Test {
            place: RUNTIME,
            name: "denial::without_a_grant_no_caller_is_registered",
            file: "host/runtime/tests/contract/denial.rs",
        },
    },
    Mutation {
        guard: "grant check",
        what: "the check at the call",
        file: "host/runtime/src/state.rs",
        from: "            return Ok(Err(denied));",
        to: "            let _ = denied;",
        test: Test {
            place: RUNTIME,
            name: "denial::without_a_grant_the_call_itself_is_denied",
            file: "host/runtime/tests/contract/denial.rs",
        },
    },
    Mutation {
        guard: "grant check",
        what: "the rules for parameters",
        file: "host/runtime/src/grant.rs",
        from: "    if patterns.is_empty() || patterns.iter().any(|pattern| matches_pattern(pattern, value)) {",
        to: "    if patterns.is_empty() || !value.is_empty() {",
        test: Test {
            place: Where::Unit,
            name: "grant::tests::parameters_follow_the_rules_of_the_grant",
            file: "host/runtime/src/grant/tests.rs",
        },
    },
    Mutation {
        guard: "vote binding",
        what: "the comparison with what the voter saw",
        file: "host/engine/src/approval/floor.rs",
        from: "    if candidate.content != approval.content.digest() {",
        to: "    if false {",
        test: Test {
            place: ENGINE,
            name: "admission::each_rule_shuts_out_with_its_own_word",
            file: "host/engine/tests/rules/admission.rs",
        },
    },
    Mutation {
        guard: "vote binding",
        what: "the comparison with what is current",
        file: "host/engine/src/approval/floor.rs",
        from: "    if let Some(field) = approval.content.first_difference(current) {",
        to: "    if let Some(field) = approval.content.first_difference(&approval.content) {\n        let _ = current;",
        test: Test {
            place: ENGINE,
            name: "admission::each_rule_shuts_out_with_its_own_word",
            file: "host/engine/tests/rules/admission.rs",
        },
    },
    Mutation {
        guard: "vote binding",
        what: "the comparison of the attempt",
        file: "host/engine/src/approval/floor.rs",
        from: "    if candidate.attempt != approval.attempt || attempt != approval.attempt {",
        to: "    if false {",
        test: Test {
            place: ENGINE,
            name: "admission::each_rule_shuts_out_with_its_own_word",
            file: "host/engine/tests/rules/admission.rs",
        },
    },
    Mutation {
        guard: "redaction",
        what: "the masking of what was found",
        file: "host/connect/src/redact.rs",
        from: "        Cow::Owned(mask(text, &found))",
        to: "        Cow::Borrowed(text)",
        test: Test {
            place: Where::Unit,
            name: "redact::tests::every_form_is_masked",
            file: "host/connect/src/redact/tests.rs",
        },
    },
    Mutation {
        guard: "redaction",
        what: "the encoded forms",
        file: "host/connect/src/redact.rs",
        from: "            encode::all(bytes, &mut |pattern| self.look_for(pattern));",
        to: "            self.look_for(bytes.to_vec());",
        test: Test {
            place: Where::Unit,
            name: "redact::tests::every_form_is_masked",
            file: "host/connect/src/redact/tests.rs",
        },
    },
    Mutation {
        guard: "single-use token",
        what: "one vote per person",
        file: "host/engine/src/approval/floor.rs",
        from: "    if row.votes.iter().any(|vote| vote.voter == candidate.voter) {",
        to: "    if false {",
        test: Test {
            place: ENGINE,
            name: "admission::each_rule_shuts_out_with_its_own_word",
            file: "host/engine/tests/rules/admission.rs",
        },
    },
    Mutation {
        guard: "single-use token",
        what: "the end of an approval",
        file: "host/engine/src/approval/floor.rs",
        from: "        return Err(Refused::Closed { resolution, at, reason });\n    }\n    if candidate.content",
        to: "        let _ = (resolution, at, reason);\n    }\n    if candidate.content",
        test: Test {
            place: ENGINE,
            name: "admission::each_rule_shuts_out_with_its_own_word",
            file: "host/engine/tests/rules/admission.rs",
        },
    },
    Mutation {
        guard: "single-use token",
        what: "the version of an approval at a commit",
        file: "host/store/src/table/approval.rs",
        from: "    advance(db, approval, expected)?;\n    APPROVAL.reseal",
        to: "    let _ = expected;\n    APPROVAL.reseal",
        test: Test {
            place: STORE,
            name: "sqlite::approvals::the_version_counts_votes_reassignments_and_the_end",
            file: "host/store/tests/conformance/approvals.rs",
        },
    },
    Mutation {
        guard: "single-use token",
        what: "the attempt in a token",
        file: "host/server/src/token.rs",
        from: "                &binding.attempt.to_be_bytes(),\n",
        to: "",
        test: Test {
            place: Where::Unit,
            name: "token::tests::every_field_of_the_binding_counts",
            file: "host/server/src/token.rs",
        },
    },
    Mutation {
        guard: "single-use token",
        what: "the count of wrong codes",
        file: "host/server/src/api/form.rs",
        from: "        *count += 1;",
        to: "",
        test: Test {
            place: Where::Unit,
            name: "api::form::tests::a_code_cannot_be_guessed_for_ever",
            file: "host/server/src/api/form.rs",
        },
    },
    Mutation {
        guard: "what stands is left out",
        what: "the value of a field",
        file: "host/kubernetes/src/apply/standing.rs",
        from: "_ if below.clone().next().is_none() => wanted == live",
        to: "_ if below.clone().next().is_none() => true",
        test: Test {
            place: Where::Unit,
            name: "apply::standing::tests::every_other_value_is_applied",
            file: "host/kubernetes/src/apply/standing/tests.rs",
        },
    },
    Mutation {
        guard: "what stands is left out",
        what: "a field that the manifest no longer has",
        file: "host/kubernetes/src/apply/standing.rs",
        from: "below.clone().count() == wanted.len() && ",
        to: "",
        test: Test {
            place: Where::Unit,
            name: "apply::standing::tests::a_field_more_or_less_is_applied",
            file: "host/kubernetes/src/apply/standing/tests.rs",
        },
    },
    Mutation {
        guard: "what stands is left out",
        what: "the order of a list",
        file: "host/kubernetes/src/apply/standing.rs",
        from: "        live = &live[position + 1..];\n",
        to: "",
        test: Test {
            place: Where::Unit,
            name: "apply::standing::tests::another_order_is_applied",
            file: "host/kubernetes/src/apply/standing/tests.rs",
        },
    },
    Mutation {
        guard: "what stands is left out",
        what: "another owner of its fields",
        file: "host/kubernetes/src/apply/standing.rs",
        from: "        && !owner::all(live).iter().any(owner::is_client_side)\n",
        to: "",
        test: Test {
            place: Where::Unit,
            name: "apply::standing::tests::what_somebody_else_has_a_part_in_is_applied",
            file: "host/kubernetes/src/apply/standing/tests.rs",
        },
    },
];
