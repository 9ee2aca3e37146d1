//! Ending well: the first SIGINT or SIGTERM asks the server to stop, the second
//! ends the process at once. Nothing that was acknowledged is lost either way.

use tokio::sync::watch;

use crate::output;

/// The exit code of a process that a second signal ended.
const INTERRUPTED: i32 = 130;

/// Tells when it is time to stop. Clones tell the same.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown {
    requested: watch::Receiver<bool>,
}

impl Shutdown {
    /// Listens for SIGINT and SIGTERM from now on.
    pub(crate) fn on_signals() -> std::io::Result<Self> {
        let mut signals = Signals::new()?;
        let (request, requested) = watch::channel(false);
        tokio::spawn(async move {
            signals.next().await;
            output::note("Stopping; a second signal stops at once.");
            // Nobody waits any more: the process is about to end.
            let _ = request.send(true);
            signals.next().await;
            std::process::exit(INTERRUPTED);
        });
        Ok(Self { requested })
    }

    /// Waits until a signal has come.
    pub(crate) async fn requested(&mut self) {
        // The sender ends only with the process.
        let _ = self.requested.wait_for(|requested| *requested).await;
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // A console that cannot deliver Ctrl-C leaves the server running.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
