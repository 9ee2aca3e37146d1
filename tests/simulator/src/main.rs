//! `simulate`: lives many worlds, or one again.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

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
    /// Leaves a failing world as it is.
    #[arg(long)]
    no_shrink: bool,
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
    std::thread::scope(|scope| {
        for _ in 0..args.threads.unwrap_or(processors) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= args.worlds {
                        break;
                    }
                    let seed = args.seed.wrapping_add(index);
                    match world::live(&Plan::draw(seed), lab) {
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
                            failed.lock().get_or_insert((seed, violation));
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    failed.into_inner()
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
