//! The only place that starts tasks and threads. Each has a name, an owner that waits for it, and one of
//! two policies: a service whose end stops the process, or a job whose end is its own business. A panic ends
//! a service like anything else does; a job says by [`caught`] what becomes of its work then.
//!
//! Shutdown is staged: the signal is given, every task ends at its next safe point, and what has not
//! ended after [`GRACE`] is dropped. Nothing is lost by that: everything that matters is in the store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use relhost_engine::port::BoxFuture;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

/// How long tasks have to end by themselves. A call to a cluster is cut by it and made again on resume.
pub const GRACE: Duration = Duration::from_secs(5);

/// What `nice` calls the lowest one.
#[cfg(target_os = "linux")]
const LOWEST_PRIORITY: i32 = 19;

/// Starts tasks and ends them.
#[derive(Debug, Clone)]
pub struct Supervisor {
    tasks: Arc<Mutex<JoinSet<()>>>,
    ending: Ending,
}

/// The signal, and why it was given.
#[derive(Debug, Clone)]
struct Ending {
    stop: Arc<watch::Sender<bool>>,
    failure: Arc<OnceLock<String>>,
}

impl Ending {
    /// Something that must not end has ended: unless everything ends anyway, everything ends because of it.
    fn ended(&self, name: &str, panic: Option<String>) {
        if *self.stop.borrow() {
            return;
        }
        self.fail(match panic {
            Some(message) => format!("{name} panicked: {message}"),
            None => format!("{name} ended by itself"),
        });
    }

    fn fail(&self, reason: String) {
        tracing::error!(reason, "stopping");
        let _earlier = self.failure.set(reason);
        self.stop.send_replace(true);
    }
}

/// Tells a task that it is time to end.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Waits for the signal.
    pub async fn wait(&mut self) {
        // An error means that the supervisor is gone, which is as good a reason to end.
        let _gone = self.0.wait_for(|stop| *stop).await;
    }

    /// Whether the signal was given.
    #[must_use]
    pub fn given(&self) -> bool {
        *self.0.borrow()
    }
}

impl Default for Supervisor {
    fn default() -> Self {
        let ending = Ending { stop: Arc::new(watch::channel(false).0), failure: Arc::default() };
        Self { tasks: Arc::default(), ending }
    }
}

impl Supervisor {
    /// The signal that ends tasks.
    #[must_use]
    pub fn stop(&self) -> Stop {
        Stop(self.ending.stop.subscribe())
    }

    /// Gives the signal without waiting.
    pub fn signal(&self) {
        self.ending.stop.send_replace(true);
    }

    /// Gives the signal because the process cannot go on.
    pub fn fail(&self, reason: String) {
        self.ending.fail(reason);
    }

    /// Why the process cannot go on, if the signal was given for that.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.ending.failure.get().map(String::as_str)
    }

    /// Starts a service: if it ends or panics before the signal, everything ends.
    pub async fn service(&self, name: &'static str, work: BoxFuture<'static, ()>) {
        let ending = self.ending.clone();
        self.tasks.lock().await.spawn(async move {
            let panic = caught(work).await.err();
            ending.ended(name, panic);
        });
    }

    /// Starts a job: it ends when it is done, and at the latest at shutdown. After the signal nothing begins any
    /// more that would only be cut.
    pub async fn job(&self, work: BoxFuture<'static, ()>) {
        if *self.ending.stop.borrow() {
            return;
        }
        let mut tasks = self.tasks.lock().await;
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    /// Runs a blocking call on a thread that may block, and waits for it.
    ///
    /// # Panics
    /// If the call panics.
    pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        #[expect(clippy::disallowed_methods, reason = "the supervisor is where tasks are started")]
        let handle = tokio::task::spawn_blocking(work);
        handle.await.expect("a blocking call ends by returning")
    }

    /// Runs a blocking call that nobody waits for on a thread of its own, which gets only what the others leave of the
    /// processors.
    ///
    /// # Errors
    /// If the operating system has no thread to give.
    ///
    /// # Panics
    /// If the call panics.
    pub async fn aside<T: Send + 'static>(
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> std::io::Result<T> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        Self::thread(name, move || {
            // On Linux this is the priority of one thread. Without it the call is only in the way.
            #[cfg(target_os = "linux")]
            let _in_the_way_or_not = rustix::process::setpriority_process(None, LOWEST_PRIORITY);
            let _nobody_waits_any_more = reply.send(work());
        })?;
        Ok(answer.await.expect("a blocking call ends by returning"))
    }

    /// Starts a thread with a name for a loop that blocks and that the process can do without.
    ///
    /// # Errors
    /// If the operating system has no thread to give.
    pub fn thread(
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        std::thread::Builder::new().name(name.into()).spawn(work)
    }

    /// The same for a service: if it ends or panics before the signal, everything ends. After the signal it
    /// ends when its channel or engine is dropped.
    ///
    /// # Errors
    /// If the operating system has no thread to give.
    pub fn service_thread(
        &self,
        name: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        let ending = self.ending.clone();
        Self::thread(name, move || {
            let panic = catch_unwind(AssertUnwindSafe(work)).err();
            ending.ended(name, panic.map(|payload| message(payload.as_ref())));
        })
    }

    /// Gives the signal and waits for every task, at most [`GRACE`]. Returns whether all ended in time.
    pub async fn shut_down(&self) -> bool {
        self.signal();
        let every = async {
            loop {
                // Not locked meanwhile: a task that is about to start another one ends after that.
                let mut tasks = std::mem::take(&mut *self.tasks.lock().await);
                if tasks.is_empty() {
                    break;
                }
                while tasks.join_next().await.is_some() {}
            }
        };
        tokio::time::timeout(GRACE, every).await.is_ok()
    }
}

/// Waits for some work. A panic inside it is an error with the panic's message, so that whoever waits says
/// what becomes of the work instead of vanishing with it.
///
/// # Errors
/// If it panics.
pub fn caught<T>(work: impl Future<Output = T>) -> impl Future<Output = Result<T, String>> {
    let mut work = Box::pin(work);
    std::future::poll_fn(move |context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(payload) => std::task::Poll::Ready(Err(message(payload.as_ref()))),
        }
    })
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the process ends because of a service, and why.
    async fn end(work: BoxFuture<'static, ()>) -> Option<String> {
        let supervisor = Supervisor::default();
        let mut stop = supervisor.stop();
        supervisor.service("the loop", work).await;
        stop.wait().await;
        supervisor.failure().map(str::to_owned)
    }

    #[tokio::test]
    async fn a_service_that_ends_or_panics_ends_the_process_and_is_named() {
        let ended = end(Box::pin(async {})).await;
        assert_eq!(ended.as_deref(), Some("the loop ended by itself"));
        let panicked = end(Box::pin(async { panic!("no way") })).await;
        assert_eq!(panicked.as_deref(), Some("the loop panicked: no way"));
    }

    #[tokio::test]
    async fn a_thread_that_ends_or_panics_ends_the_process_and_is_named() {
        let works: [(fn(), &str); 2] =
            [(|| {}, "the writer ended by itself"), (|| panic!("no way"), "the writer panicked: no way")];
        for (work, expected) in works {
            let supervisor = Supervisor::default();
            let mut stop = supervisor.stop();
            supervisor.service_thread("the writer", work).unwrap().join().unwrap();
            stop.wait().await;
            assert_eq!(supervisor.failure(), Some(expected));
        }
    }

    #[tokio::test]
    async fn what_ends_after_the_signal_is_no_failure() {
        let supervisor = Supervisor::default();
        let mut stop = supervisor.stop();
        supervisor.service("the loop", Box::pin(async move { stop.wait().await })).await;
        supervisor.signal();
        assert!(supervisor.shut_down().await);
        assert_eq!(supervisor.failure(), None);
    }
}
