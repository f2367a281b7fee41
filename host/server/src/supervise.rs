//! The only place that starts tasks and threads. Each has a name, an owner that waits for it, and one of
//! two policies: a service whose end stops the process, or a job whose end is its own business.
//!
//! Shutdown is staged: the signal is given, every task ends at its next safe point, and what has not
//! ended after [`GRACE`] is dropped. Nothing is lost by that: everything that matters is in the store.

use std::sync::Arc;
use std::time::Duration;

use relhost_engine::port::BoxFuture;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

/// How long tasks have to end by themselves. A call to a cluster is cut by it and made again on resume.
pub const GRACE: Duration = Duration::from_secs(5);

/// Starts tasks and ends them.
#[derive(Debug, Clone)]
pub struct Supervisor {
    tasks: Arc<Mutex<JoinSet<()>>>,
    stop: Arc<watch::Sender<bool>>,
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
        Self { tasks: Arc::default(), stop: Arc::new(watch::channel(false).0) }
    }
}

impl Supervisor {
    /// The signal that ends tasks.
    #[must_use]
    pub fn stop(&self) -> Stop {
        Stop(self.stop.subscribe())
    }

    /// Gives the signal without waiting.
    pub fn signal(&self) {
        self.stop.send_replace(true);
    }

    /// Starts a service: if it ends before the signal, everything ends.
    pub async fn service(&self, name: &'static str, work: BoxFuture<'static, ()>) {
        let stop = self.stop.clone();
        self.tasks.lock().await.spawn(async move {
            work.await;
            if !*stop.borrow() {
                tracing::error!(task = name, "ended by itself; stopping");
                stop.send_replace(true);
            }
        });
    }

    /// Starts a job: it ends when it is done, and at the latest at shutdown.
    pub async fn job(&self, work: BoxFuture<'static, ()>) {
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

    /// Starts a thread with a name for a loop that blocks. It ends when its channel or engine is dropped.
    ///
    /// # Errors
    /// If the operating system has no thread to give.
    pub fn thread(
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        std::thread::Builder::new().name(name.into()).spawn(work)
    }

    /// Gives the signal and waits for every task, at most [`GRACE`]. Returns whether all ended in time.
    pub async fn shut_down(&self) -> bool {
        self.signal();
        let mut tasks = self.tasks.lock().await;
        let ended =
            tokio::time::timeout(GRACE, async { while tasks.join_next().await.is_some() {} }).await.is_ok();
        tasks.abort_all();
        ended
    }
}
