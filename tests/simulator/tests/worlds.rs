//! Many worlds, all of them well; and the same seed lives the same world.
//!
//! `MAINSPRING_WORLDS=n` lives more of them, `MAINSPRING_SEED=n` begins elsewhere;
//! `cargo run --release -p mainspring-simulator --bin simulate -- --worlds 1000000`
//! is for a night.

use std::path::PathBuf;
use std::process::Command;

use mainspring_simulator::lab::Lab;
use mainspring_simulator::plan::Plan;
use mainspring_simulator::world;
use mainspring_tests::component_of;

/// Worlds in one run of the tests.
const WORLDS: &str = "20000";

fn component() -> PathBuf {
    component_of("tests/simulator/guest")
}

#[test]
fn twenty_thousand_worlds_are_well() {
    let setting =
        |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let output = Command::new(env!("CARGO_BIN_EXE_simulate"))
        .arg("--component")
        .arg(component())
        .args(["--worlds", &setting("MAINSPRING_WORLDS", WORLDS)])
        .args(["--seed", &setting("MAINSPRING_SEED", "1")])
        .output()
        .expect("the simulator runs");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}");
    assert!(said.contains("all is well"), "{said}");
}

#[test]
fn the_same_seed_lives_the_same_world() {
    let lab = Lab::open(&component()).expect("the component can be opened");
    for seed in 100..110 {
        let plan = Plan::draw(seed);
        let lives: Vec<_> = (0..2).map(|_| world::live(&plan, &lab)).collect();
        let [Ok(first), Ok(second)] = &lives[..] else {
            panic!("world {seed}: {lives:?}");
        };
        assert_eq!(first, second, "world {seed}");
        assert!(first.events > 0, "world {seed} is empty");
    }
}
