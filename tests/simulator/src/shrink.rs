//! Makes a failing world smaller, as long as it fails.

use simulated_program::Step;

use crate::Violation;
use crate::lab::Lab;
use crate::plan::Plan;
use crate::world;

/// Worlds tried at most.
const TRIES: usize = 400;

/// The smallest world that was found to fail, and how it fails.
pub fn shrink(plan: &Plan, violation: Violation, lab: &Lab) -> (Plan, Violation) {
    let mut smallest = (plan.clone(), violation);
    let mut tries = 0;
    loop {
        let smaller = smaller(&smallest.0).into_iter().find_map(|plan| {
            tries += 1;
            if tries > TRIES {
                return None;
            }
            let violation = world::live(&plan, lab).err()?;
            Some((plan, violation))
        });
        match smaller {
            Some(smaller) => smallest = smaller,
            None => return smallest,
        }
    }
}

/// Plans with one thing less.
fn smaller(plan: &Plan) -> Vec<Plan> {
    let mut plans = Vec::new();
    let mut push = |change: &dyn Fn(&mut Plan)| {
        let mut smaller = plan.clone();
        change(&mut smaller);
        if smaller != *plan {
            plans.push(smaller);
        }
    };
    for index in 0..plan.starts.len() {
        push(&|plan| drop(plan.starts.remove(index)));
    }
    for index in 0..plan.messages.len() {
        push(&|plan| {
            plan.messages.remove(index);
        });
    }
    for index in 0..plan.faults.len() {
        push(&|plan| {
            plan.faults.remove(index);
        });
    }
    push(&|plan| plan.outages.clear());
    push(&|plan| plan.forgets_code = false);
    push(&|plan| plan.live_instances = 100);
    push(&|plan| plan.tasks_in_memory = 100);
    push(&|plan| plan.slow = None);
    for index in 0..plan.starts.len() {
        push(&|plan| plan.starts[index].timeout = None);
        push(&|plan| plan.starts[index].lasts = None);
        push(&|plan| plan.starts[index].cron = None);
        push(&|plan| plan.starts[index].marked = false);
        push(&|plan| plan.starts[index].opens = None);
        push(&|plan| plan.starts[index].again = false);
        push(&|plan| plan.starts[index].retried = false);
        push(&|plan| plan.starts[index].delay = None);
        push(&|plan| plan.starts[index].program.next = None);
        for steps in fewer_steps(&plan.starts[index].program.steps) {
            push(&|plan| plan.starts[index].program.steps.clone_from(&steps));
        }
    }
    plans
}

/// The steps with one of them gone, or replaced by something in it.
fn fewer_steps(steps: &[Step]) -> Vec<Vec<Step>> {
    let mut found = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let mut without = steps.to_vec();
        without.remove(index);
        found.push(without);
        for simpler in simpler(step) {
            let mut steps = steps.to_vec();
            steps[index] = simpler;
            found.push(steps);
        }
    }
    found
}

fn simpler(step: &Step) -> Vec<Step> {
    match step {
        Step::All(steps) => parts(steps, Step::All),
        Step::Each(steps) => parts(steps, Step::Each),
        Step::First(steps) => parts(steps, Step::First),
        Step::Within(ms, inner) => {
            let mut found = vec![(**inner).clone()];
            found.extend(
                simpler(inner)
                    .into_iter()
                    .map(|step| Step::Within(*ms, Box::new(step))),
            );
            found
        }
        Step::Activity(activity) if activity.work.len() > 1 => {
            let mut shorter = activity.clone();
            shorter.work.remove(0);
            vec![Step::Activity(shorter)]
        }
        Step::Child(child) => {
            let mut found = Vec::new();
            for steps in fewer_steps(&child.program.steps) {
                let mut smaller = child.clone();
                smaller.program.steps = steps;
                found.push(Step::Child(smaller));
            }
            let mut alone = child.clone();
            alone.program.next = None;
            if alone != *child {
                found.push(Step::Child(alone));
            }
            found
        }
        Step::Tell(_)
        | Step::Stop(_)
        | Step::Mark(_)
        | Step::Activity(_)
        | Step::Sleep(_)
        | Step::Hear(_)
        | Step::Draw => Vec::new(),
    }
}

fn parts(steps: &[Step], whole: fn(Vec<Step>) -> Step) -> Vec<Step> {
    let mut found = steps.to_vec();
    found.extend(fewer_steps(steps).into_iter().map(whole));
    found
}
