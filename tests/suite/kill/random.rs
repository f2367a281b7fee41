//! Kills at random places of the whole seed pipeline, seeded: at a label that an uninterrupted journey passes, or
//! after a random time; one kill, or several of the same release in a row. After every one of them the invariants
//! hold, and the result is that of a journey that nobody killed.
//!
//! `cargo xtask torture` runs many. Each trial has a seed of its own, which a failure names.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use relhost_tests::journey::{BOUND, Step};
use relhost_tests::program::{Ended, Running};
use relhost_tests::workspace::root;

use super::*;

/// The seed of the suite's own trials. Fixed, so that the labels are the same each time; kills after a time are not.
const SEED: u64 = 20_261_128;
/// How many trials the suite makes, and at most for how long.
const RUNS: u64 = 24;
const SECONDS: u64 = 75;
/// How many trials run at once: more would fight for the cores, and time out instead of dying.
const AT_ONCE: usize = 2;
/// How many kills one trial makes at most.
const KILLS_MAX: usize = 3;

/// What an uninterrupted journey passes in one step, and how long the step takes.
struct Passed {
    step: Step,
    points: Vec<String>,
    took: Duration,
}

/// The steps of an uninterrupted journey. The second of two, which finds everything compiled.
fn passed() -> Vec<Passed> {
    let _first = uninterrupted(Course::Seed);
    let journey = Journey::new(Course::Seed);
    let mut seen = 0;
    let mut passed = Vec::new();
    for step in Course::Seed.steps() {
        let started = Instant::now();
        let ended = journey.step(*step, None);
        assert!(step.is_done(ended.code), "{step:?}: {:?}\n{}", ended.code, ended.stderr);
        let took = started.elapsed();
        let trace = std::fs::read_to_string(journey.trace()).expect("it was traced");
        let new = trace.lines().skip(seen).filter_map(|line| line.strip_prefix("point "));
        let points = new.map(|point| point.replace(' ', ":")).collect();
        seen = trace.lines().count();
        passed.push(Passed { step: *step, points, took });
    }
    passed
}

fn label(point: &str) -> &str {
    point.rsplit_once(':').map_or(point, |(label, _)| label)
}

/// A place to die in a step: every label is as likely as any other, however often it is passed.
fn random_kill(rng: &mut Rng, passed: &Passed) -> Kill {
    if rng.u8(..3) == 0 {
        return Kill::After(passed.took.mul_f64(rng.f64()));
    }
    let mut labels: Vec<&str> = passed.points.iter().map(|point| label(point)).collect();
    labels.sort_unstable();
    labels.dedup();
    let chosen = rng.choice(labels).expect("a step passes some label");
    let points: Vec<_> = passed.points.iter().filter(|point| label(point) == chosen).collect();
    Kill::At(rng.choice(points).expect("the label was passed").clone())
}

/// How many kills: mostly one, sometimes more, because going on has to survive a kill too.
fn random_count(rng: &mut Rng) -> usize {
    match rng.u8(..10) {
        0..=5 => 1,
        6..=8 => 2,
        _ => KILLS_MAX,
    }
}

/// One trial and where it was hit.
struct Trial<'a> {
    journey: Journey,
    passed: &'a [Passed],
    rng: Rng,
    left: usize,
    hits: Vec<String>,
}

impl Trial<'_> {
    /// The journey with its kills, from a random step on.
    fn run(&mut self) {
        let first = self.rng.usize(..self.passed.len());
        for (index, passed) in self.passed.iter().enumerate() {
            let mut kill = (index >= first).then(|| self.next_kill(passed)).flatten();
            loop {
                let ended = self.journey.step(passed.step, kill.as_ref());
                let died = self.died(&ended, kill.as_ref());
                if !died && passed.step.is_done(ended.code) && !self.set_going_again() {
                    break;
                }
                assert!(
                    died || passed.step.is_done(ended.code),
                    "{:?}: {:?}\n{}",
                    passed.step,
                    ended.code,
                    ended.stderr
                );
                kill = if died { self.next_kill(passed) } else { None };
            }
        }
        self.journey.holds("at the end");
        assert_eq!(self.journey.outcome(), *uninterrupted(Course::Seed));
    }

    fn next_kill(&mut self, passed: &Passed) -> Option<Kill> {
        let kills = self.left > 0;
        self.left = self.left.saturating_sub(1);
        kills.then(|| random_kill(&mut self.rng, passed))
    }

    /// Whether it was killed; what it has left holds every invariant.
    fn died(&mut self, ended: &Ended, kill: Option<&Kill>) -> bool {
        if ended.code.is_some() {
            return false;
        }
        let hit = match kill.expect("nobody else kills") {
            Kill::At(point) => label(point).to_owned(),
            Kill::After(_) => "after a time".to_owned(),
        };
        self.journey.holds(&format!("{kill:?}"));
        self.hits.push(hit);
        true
    }

    /// A run that three owners in a row have died of waits for a person. Here none of them was its fault. Where
    /// fewer have died none may wait, and the step after this one would not do its work.
    fn set_going_again(&self) -> bool {
        if self.hits.len() < KILLS_MAX {
            return false;
        }
        let runs = self.journey.evidence().runs;
        let quarantined = runs.iter().any(|run| run.state == RunState::Quarantined);
        if quarantined {
            let retry = ["release", "retry", "rel-1", "--as", "ann"];
            let _retried = self.journey.command(&retry, None).expect(0);
        }
        quarantined
    }
}

/// What the environment asks for, or what the suite does by itself.
fn asked(name: &str, ordinary: u64) -> u64 {
    std::env::var(name).map_or(ordinary, |text| text.parse().expect("a number"))
}

/// Runs one trial; an error says how to run it again.
fn trial(seed: u64, passed: &[Passed]) -> Result<Vec<String>, String> {
    let mut rng = Rng::with_seed(seed);
    let left = random_count(&mut rng);
    let mut trial = Trial { journey: Journey::new(Course::Seed), passed, rng, left, hits: Vec::new() };
    let run = catch_unwind(AssertUnwindSafe(|| trial.run()));
    let Trial { journey, hits, .. } = trial;
    run.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        let kept = root().join(format!("target/torture/{seed}"));
        journey.keep(&kept);
        let kept = kept.display();
        format!(
            "seed {seed}, killed at {hits:?}: {text}\nits folder is {kept}; again: cargo xtask torture --seed {seed} \
             --runs 1\n"
        )
    })?;
    Ok(hits)
}

#[derive(Default)]
struct Tally {
    trials: u64,
    hits: BTreeMap<String, u64>,
    failures: Vec<String>,
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn a_release_survives_kills_at_random_places() {
    let seed = asked("RELHOST_TORTURE_SEED", SEED);
    let runs = asked("RELHOST_TORTURE_RUNS", RUNS);
    let limit = Duration::from_secs(asked("RELHOST_TORTURE_SECONDS", SECONDS));
    eprintln!("torture: seed {seed}, at most {runs} trials in {limit:?}");
    let passed = passed();
    let (next, tally, started) = (AtomicU64::new(0), Mutex::new(Tally::default()), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= runs || started.elapsed() > limit {
                        return;
                    }
                    let result = trial(seed + index, &passed);
                    let mut tally = tally.lock().expect("nobody panics with it");
                    tally.trials += 1;
                    match result {
                        Ok(hits) => hits.into_iter().for_each(|hit| *tally.hits.entry(hit).or_default() += 1),
                        Err(failure) => {
                            eprintln!("torture: {failure}");
                            tally.failures.push(failure);
                        }
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().expect("nobody panics with it");
    eprint!("{}", report(&tally, started.elapsed()));
    assert!(tally.trials > 0, "no trial ended in time");
    assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
}

fn report(tally: &Tally, took: Duration) -> String {
    let kills: u64 = tally.hits.values().sum();
    let mut text = format!(
        "torture: {} trials with {kills} kills in {:.0} s, {} failed\n",
        tally.trials,
        took.as_secs_f64(),
        tally.failures.len()
    );
    for (hit, count) in &tally.hits {
        writeln!(text, "torture: {count:>5} x {hit}").expect("text takes text");
    }
    text
}

/// What the owner of a served release does while people vote: it is killed then, and started again.
fn serve(journey: &Journey, kill: Option<&str>) -> Running {
    let stays = ["--to", "Prod", "--listen", "127.0.0.1:0"];
    let arguments = [&Step::Run.arguments()[..], &stays].concat();
    let trace = journey.trace();
    let mut environment = vec![("RELHOST_KILL_TRACE", trace.as_os_str())];
    environment.extend(kill.map(|kill| ("RELHOST_KILL", OsStr::new(kill))));
    journey.place.start(&arguments, &environment)
}

/// Votes until the owner has ended, and says how.
fn vote_until_it_ends(journey: &Journey, mut owner: Running) -> Ended {
    for (approval, person) in [("apr-1", "ann"), ("apr-2", "bob"), ("apr-3", "carol")] {
        let asks = format!("{approval} asks for approval");
        relhost_tests::wait::until(&asks, BOUND, || {
            (owner.said().contains(&asks) || owner.has_ended()).then_some(())
        });
        if owner.has_ended() {
            break;
        }
        // It may die meanwhile, and may have been decided before.
        let _counted_or_not = journey.place.run(&Step::Approve(approval, person).arguments());
    }
    owner.end(BOUND)
}

#[test]
#[ignore = "needs components: cargo xtask test"]
fn an_owner_that_stays_survives_kills_between_votes() {
    let points =
        ["queue.after-grant:2", "approval.after-close:2", "runner.after-claim:3", "advance.after-commit:9"];
    let journey = Journey::new(Course::Seed);
    let mut deaths = 0;
    for point in points {
        let ended = vote_until_it_ends(&journey, serve(&journey, Some(point)));
        if ended.code.is_none() {
            journey.holds(point);
            deaths += 1;
        }
    }
    // What one has done the next does not pass again, so not all of them need to be reached.
    assert!(deaths >= 2, "only {deaths} of {points:?} killed it");
    let ended = vote_until_it_ends(&journey, serve(&journey, None));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    journey.holds("at the end");
    assert_eq!(journey.outcome(), *uninterrupted(Course::Seed));
}
