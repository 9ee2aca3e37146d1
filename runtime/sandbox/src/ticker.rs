//! The clock tick that interrupts running code.
//!
//! Compiled code looks at a counter, the engine's epoch, at every loop and call.
//! A thread moves it on about once a millisecond while some code runs, so that
//! code that runs long gives way; it sleeps when nothing does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

/// How long code may run before it is looked at.
const TICK: Duration = Duration::from_millis(1);
/// Ticks without running code before the thread goes to sleep.
const IDLE_TICKS: u32 = 100;

#[derive(Debug)]
struct Shared {
    /// Grows each time code begins to run.
    runs: AtomicU64,
    /// Code that runs at the moment.
    running: AtomicU64,
    asleep: AtomicBool,
    stop: AtomicBool,
}

/// The ticking thread; stops when dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

/// Some code runs while this lives.
pub(crate) struct Running<'a>(&'a Shared);

impl Ticker {
    pub(crate) fn start(engine: wasmtime::Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            runs: AtomicU64::new(0),
            running: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let of_thread = shared.clone();
        let handle = std::thread::Builder::new()
            .name("workflow-ticker".to_owned())
            .spawn(move || tick(&of_thread, &engine))?;
        Ok(Self {
            shared,
            thread: handle.thread().clone(),
        })
    }

    /// Code begins to run.
    pub(crate) fn run(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        self.shared.runs.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.swap(false, Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(&self.shared)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

fn tick(shared: &Shared, engine: &wasmtime::Engine) {
    let mut idle_ticks = 0;
    let mut seen = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        std::thread::sleep(TICK);
        engine.increment_epoch();
        let runs = shared.runs.load(Ordering::SeqCst);
        let active = runs != seen || shared.running.load(Ordering::SeqCst) > 0;
        seen = runs;
        idle_ticks = if active { 0 } else { idle_ticks + 1 };
        if idle_ticks >= IDLE_TICKS {
            shared.asleep.store(true, Ordering::SeqCst);
            // Code that began before the line above saw nobody asleep.
            if shared.runs.load(Ordering::SeqCst) == seen {
                std::thread::park();
            }
            shared.asleep.store(false, Ordering::SeqCst);
            idle_ticks = 0;
        }
    }
}
