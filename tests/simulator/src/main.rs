//! `simulate`: lives many worlds, or one again.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use mainspring_simulator::lab::Lab;
use mainspring_simulator::plan::Plan;
use mainspring_simulator::{Violation, shrink, world};
use parking_lot::Mutex;

/// Lives seeded worlds and stops at the first that shows what must not be.
#[derive(Debug, Parser)]
struct Args {
    /// The simulated workflow, as a component file
    /// (`mainspring component build tests/simulator/guest -o FILE`).
    #[arg(long)]
    component: PathBuf,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many worlds.
    #[arg(long, default_value_t = 1)]
    worlds: u64,
    /// Worlds at once; one per processor unless told otherwise.
    #[arg(long)]
    threads: Option<usize>,
    /// Shows the plan of the first world instead of living it.
    #[arg(long)]
    show: bool,
    /// A world that takes longer than this many seconds hangs: it goes round and its
    /// time does not pass.
    #[arg(long, default_value_t = 60)]
    patience: u64,
    /// Leaves a failing world as it is.
    #[arg(long)]
    no_shrink: bool,
}

/// The worlds that threads are at, and since when.
#[derive(Default)]
struct Watch {
    worlds: Mutex<Vec<(u64, Instant)>>,
}

impl Watch {
    fn begin(&self, seed: u64) {
        self.worlds.lock().push((seed, Instant::now()));
    }

    fn end(&self, seed: u64) {
        self.worlds.lock().retain(|(other, _)| *other != seed);
    }

    /// Ends the process where a world hangs: its thread cannot be stopped.
    fn look(&self, patience: Duration) {
        let hanging = self
            .worlds
            .lock()
            .iter()
            .find(|(_, began)| began.elapsed() > patience)
            .copied();
        if let Some((seed, _)) = hanging {
            println!("world {seed} hangs: something goes round and time does not pass");
            std::process::exit(1);
        }
    }
}

#[derive(Default)]
struct Totals {
    runs: AtomicU64,
    events: AtomicU64,
    lives: AtomicU64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.show {
        println!("{:#?}", Plan::draw(args.seed));
        return ExitCode::SUCCESS;
    }
    let lab = match Lab::open(&args.component) {
        Ok(lab) => lab,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let began = Instant::now();
    let totals = Totals::default();
    match live_all(&args, &lab, &totals) {
        Some((seed, violation)) => {
            report(&args, &lab, seed, violation);
            ExitCode::FAILURE
        }
        None => {
            let seconds = began.elapsed().as_secs_f64();
            println!(
                "{} worlds from seed {} in {seconds:.1} s ({:.0}/s): {} servers lived, {} runs, {} events; all is well",
                args.worlds,
                args.seed,
                args.worlds as f64 / seconds,
                totals.lives.load(Ordering::Relaxed),
                totals.runs.load(Ordering::Relaxed),
                totals.events.load(Ordering::Relaxed),
            );
            ExitCode::SUCCESS
        }
    }
}

/// The first failing world that was met.
fn live_all(args: &Args, lab: &Lab, totals: &Totals) -> Option<(u64, Violation)> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let failed = Mutex::new(None);
    let (watch, over) = (Watch::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                watch.look(Duration::from_secs(args.patience));
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let live = || {
            live_some(
                args,
                lab,
                totals,
                &Shared {
                    next: &next,
                    stop: &stop,
                    failed: &failed,
                    watch: &watch,
                },
            )
        };
        let threads = args.threads.unwrap_or(processors);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(live)).collect();
        for thread in threads {
            if thread.join().is_err() {
                failed
                    .lock()
                    .get_or_insert((0, Violation("a world panicked".to_owned())));
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    failed.into_inner()
}

/// What the threads share.
struct Shared<'a> {
    next: &'a AtomicU64,
    stop: &'a AtomicBool,
    failed: &'a Mutex<Option<(u64, Violation)>>,
    watch: &'a Watch,
}

/// One thread's worlds.
fn live_some(args: &Args, lab: &Lab, totals: &Totals, shared: &Shared<'_>) {
    while !shared.stop.load(Ordering::Relaxed) {
        let index = shared.next.fetch_add(1, Ordering::Relaxed);
        if index >= args.worlds {
            break;
        }
        let seed = args.seed.wrapping_add(index);
        shared.watch.begin(seed);
        let lived = world::live(&Plan::draw(seed), lab);
        shared.watch.end(seed);
        match lived {
            Ok(lived) => {
                totals
                    .lives
                    .fetch_add(lived.lives as u64, Ordering::Relaxed);
                totals.runs.fetch_add(lived.runs as u64, Ordering::Relaxed);
                totals
                    .events
                    .fetch_add(lived.events as u64, Ordering::Relaxed);
            }
            Err(violation) => {
                shared.failed.lock().get_or_insert((seed, violation));
                shared.stop.store(true, Ordering::Relaxed);
            }
        }
    }
}

fn report(args: &Args, lab: &Lab, seed: u64, violation: Violation) {
    println!("world {seed} fails: {violation}");
    println!(
        "Again: cargo run -p mainspring-simulator --bin simulate -- --component {} --seed {seed}",
        args.component.display()
    );
    if args.no_shrink {
        return;
    }
    let (plan, violation) = shrink::shrink(&Plan::draw(seed), violation, lab);
    println!("The smallest world found that fails ({violation}):\n{plan:#?}");
}
