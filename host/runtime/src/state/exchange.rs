//! Where a guest and its host meet. Both are polled in one task, the guest first, so what one leaves here the
//! other finds when its turn comes: a call costs no channel and wakes nobody.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use relhost_engine::port::HostCalls;
use relhost_model::call::{Answer, HostCall, LogLine};
use relhost_model::time::Timestamp;

/// The answer to a call, with the time that the guest has from then on. Nothing if the activation ends.
pub type Reply = Option<(Answer, Timestamp)>;

/// What the guest did in its turn.
#[derive(Debug)]
pub enum Turn<T> {
    /// It makes a call and waits for [`Exchange::answer`].
    Called(HostCall),
    /// It is over.
    Ended(T),
}

/// Held by both sides. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Exchange(Arc<Mutex<Slots>>);

#[derive(Debug, Default)]
struct Slots {
    lines: Vec<LogLine>,
    call: Option<HostCall>,
    reply: Option<Reply>,
}

impl Exchange {
    /// The guest's side: leaves a log line. The host sees it at the guest's next call or yield.
    pub fn log(&self, line: LogLine) {
        self.slots().lines.push(line);
    }

    /// The guest's side: makes a call and waits for the answer. One at a time; it is answered or dropped
    /// before the next.
    pub async fn call(&self, call: HostCall) -> Reply {
        self.slots().call = Some(call);
        // Nobody is woken for the answer: who gives it polls the guest next.
        std::future::poll_fn(|_| self.slots().reply.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// The host's side: lets the guest go on until it makes a call or is over. Its log lines go to `calls`.
    pub async fn turn<T>(
        &self,
        mut guest: Pin<&mut (impl Future<Output = T> + ?Sized)>,
        calls: &mut dyn HostCalls,
    ) -> Turn<T> {
        std::future::poll_fn(|context| {
            let polled = guest.as_mut().poll(context);
            let (lines, call) = self.take();
            lines.into_iter().for_each(|line| calls.log(line));
            match (polled, call) {
                (Poll::Ready(end), _) => Poll::Ready(Turn::Ended(end)),
                (Poll::Pending, Some(call)) => Poll::Ready(Turn::Called(call)),
                (Poll::Pending, None) => Poll::Pending,
            }
        })
        .await
    }

    /// The host's side: answers the call that the last turn returned.
    pub fn answer(&self, reply: Reply) {
        self.slots().reply = Some(reply);
    }

    fn take(&self) -> (Vec<LogLine>, Option<HostCall>) {
        let mut slots = self.slots();
        (std::mem::take(&mut slots.lines), slots.call.take())
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
