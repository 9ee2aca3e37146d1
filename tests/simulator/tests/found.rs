//! Worlds that found a bug, as small as they became: they stay well.

use mainspring_simulator::lab::Lab;
use mainspring_simulator::plan::{Conflict, Plan, Start};
use mainspring_simulator::world;
use mainspring_tests::component_of;
use simulated_program::{Program, Step};

/// A world in which nothing happens but these starts.
fn world_of(starts: Vec<Start>) -> Plan {
    Plan {
        seed: 1,
        starts,
        messages: Vec::new(),
        faults: Vec::new(),
        outages: Vec::new(),
        live_instances: 100,
        forgets_code: false,
        tasks_in_memory: 100,
        slow: None,
    }
}

/// A start of nothing in particular.
fn start(at: u64, workflow: u8, steps: Vec<Step>) -> Start {
    Start {
        at,
        workflow,
        conflict: Conflict::Fail,
        program: Program {
            steps,
            ..Program::default()
        },
        timeout: None,
        lasts: None,
        cron: None,
        marked: false,
        opens: None,
        retried: false,
        delay: None,
        again: false,
    }
}

#[test]
fn these_worlds_are_well() {
    let lab = Lab::open(&component_of("tests/simulator/guest")).expect("the component opens");
    let worlds = [(
        "a run that waits for its tick is cancelled by another run at once",
        world_of(vec![
            Start {
                cron: Some(13),
                ..start(0, 2, Vec::new())
            },
            start(500, 0, vec![Step::Stop(2)]),
        ]),
    )];
    for (what, plan) in worlds {
        let lived = world::live(&plan, &lab);
        assert!(lived.is_ok(), "{what}: {lived:?}");
    }
}
