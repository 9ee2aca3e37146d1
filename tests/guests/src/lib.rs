//! Workflow components written by hand, for tests of what no SDK would do.
//!
//! A [`Guest`] is a core module in text whose `run`, `describe` and
//! `answer-queries` a test fills in, turned into a component of the contract in
//! `wit/`. It takes milliseconds to build and compile, so a test can have one for
//! each way to misbehave. Helpers in the text (`$timer`, `$activity`, `$next` …)
//! do the contract's calls.

mod description;

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId, WorldItem, WorldKey};

pub use self::description::{Description, Handler};

/// Where the code keeps what `next` and `take` give it.
pub const EVENT: u32 = 1_024;
/// Where the code keeps what `run` answers: completed, without a result.
pub const OUTCOME: u32 = 16;
/// Where the answer of `describe` begins.
const DESCRIPTION: u32 = 65_536;
/// A page of WebAssembly's memory, in bytes.
const PAGE: u32 = 65_536;
/// Pages behind the description: payloads of up to 4 MiB have their place.
const SPARE_PAGES: u32 = 64;

/// What the component exports.
#[derive(Clone, Copy, Debug)]
enum Exports {
    AsAgreed,
    /// All but this one.
    Without(&'static str),
    /// This one as a function without parameters and results.
    Mistyped(&'static str),
}

/// A component in the making.
#[derive(Clone, Debug)]
pub struct Guest {
    description: Description,
    run: String,
    describe: String,
    answer_queries: String,
    start: String,
    exports: Exports,
    spare_pages: u32,
}

impl Guest {
    /// A component with one workflow type, which completes at once.
    pub fn new(workflow_type: &str) -> Self {
        Self::described(Description::of(&[workflow_type]))
    }

    /// A component that says this of itself.
    pub fn described(description: Description) -> Self {
        Self {
            description,
            run: String::new(),
            describe: String::new(),
            answer_queries: String::new(),
            start: String::new(),
            exports: Exports::AsAgreed,
            spare_pages: SPARE_PAGES,
        }
    }

    /// What `run` does before it completes. `$i` (i32) and `$h` (i64) are there to
    /// count with.
    pub fn run(mut self, instructions: &str) -> Self {
        self.run = instructions.to_owned();
        self
    }

    /// What `describe` does before it answers.
    pub fn describe(mut self, instructions: &str) -> Self {
        self.describe = instructions.to_owned();
        self
    }

    /// What `answer-queries` does.
    pub fn answer_queries(mut self, instructions: &str) -> Self {
        self.answer_queries = instructions.to_owned();
        self
    }

    /// What its module does when it is instantiated, before anything is called.
    pub fn start(mut self, instructions: &str) -> Self {
        self.start = instructions.to_owned();
        self
    }

    /// Memory that it has from the beginning, besides its description.
    pub fn pages(mut self, pages: u32) -> Self {
        self.spare_pages = pages;
        self
    }

    /// It lacks this export.
    pub fn without(mut self, export: &'static str) -> Self {
        self.exports = Exports::Without(export);
        self
    }

    /// It has this export with another signature.
    pub fn mistyped(mut self, export: &'static str) -> Self {
        self.exports = Exports::Mistyped(export);
        self
    }

    /// The component's bytes.
    pub fn component(&self) -> Vec<u8> {
        let text = self.module();
        let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let (package, _) = resolve.push_dir(wit).expect("the contract can be read");
        let world = resolve
            .select_world(&[package], Some("workflow"))
            .expect("the contract has a world `workflow`");
        self.change_exports(&mut resolve, world);
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .expect("the contract can be embedded");
        ComponentEncoder::default()
            .validate(true)
            .module(&module)
            .and_then(|mut encoder| encoder.encode())
            .unwrap_or_else(|error| panic!("{error:#}\n{text}"))
    }

    fn change_exports(&self, resolve: &mut Resolve, world: WorldId) {
        let exports = &mut resolve.worlds[world].exports;
        let key = |export: &str| WorldKey::Name(export.to_owned());
        match self.exports {
            Exports::AsAgreed => {}
            Exports::Without(export) => {
                exports.shift_remove(&key(export)).expect("it is there");
            }
            Exports::Mistyped(export) => {
                let plain = exports[&key("answer-queries")].clone();
                let WorldItem::Function(mut plain) = plain else {
                    panic!("`answer-queries` is a function");
                };
                plain.name = export.to_owned();
                exports.insert(key(export), WorldItem::Function(plain));
            }
        }
    }

    /// The head of an exported function, up to its locals.
    fn head(&self, export: &str, signature: &str) -> String {
        match self.exports {
            Exports::Without(absent) if absent == export => format!("(func {signature}"),
            _ => format!("(func (export \"{export}\") {signature}"),
        }
    }

    fn module(&self) -> String {
        let description = self.description.laid_out(DESCRIPTION);
        let used = u32::try_from(description.len()).expect("a description fits into memory");
        let heap_page = (DESCRIPTION + used).div_ceil(PAGE);
        let pages = heap_page + self.spare_pages;
        let heap = heap_page * PAGE;
        let data = escaped(&description);
        let (describe_type, description_at) = match self.exports {
            Exports::Mistyped("describe") => ("", String::new()),
            _ => ("(result i32)", format!("(i32.const {DESCRIPTION})")),
        };
        let (run_type, outcome_at) = match self.exports {
            Exports::Mistyped("run") => ("", String::new()),
            _ => (RUN_TYPE, format!("(i32.const {OUTCOME})")),
        };
        let head_of_describe = self.head("describe", describe_type);
        let head_of_run = self.head("run", run_type);
        let head_of_answer_queries = self.head("answer-queries", "");
        let Self {
            run,
            describe,
            answer_queries,
            start,
            ..
        } = self;
        format!(
            r#"(module
{IMPORTS}
  (memory (export "memory") {pages})
  (global $heap (mut i32) (i32.const {heap}))
  (data (i32.const {DESCRIPTION}) "{data}")
{HELPERS}
  (func $start {start})
  (start $start)
  {head_of_describe} (local $i i32) (local $h i64) {describe} {description_at})
  {head_of_run} (local $i i32) (local $h i64) {run} {outcome_at})
  {head_of_answer_queries} (local $i i32) (local $h i64) {answer_queries})
)"#
        )
    }
}

/// Bytes as a string of the text format.
fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

const RUN_TYPE: &str = "(param $type i32) (param $type_len i32) (param $input i32) \
                        (param $input_len i32) (result i32)";

const IMPORTS: &str = r#"
  (import "mainspring:workflow/timers@1.0.0" "start-timer" (func $start_timer
    (param i64 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i64)))
  (import "mainspring:workflow/activities@1.0.0" "start-activity" (func $start_activity
    (param i32) (result i64)))
  (import "mainspring:workflow/cancellation@1.0.0" "cancel" (func $cancel_for
    (param i64 i32 i32)))
  (import "mainspring:workflow/events@1.0.0" "next" (func $next_at (param i32)))
  (import "mainspring:workflow/events@1.0.0" "take" (func $take_at (param i32)))
  (import "mainspring:workflow/events@1.0.0" "wait" (func $wait (param i64) (result i32)))
  (import "mainspring:workflow/queries@1.0.0" "answer-query" (func $answer_query
    (param i32 i32 i32 i32 i32 i32 i32)))
  (import "mainspring:workflow/continuation@1.0.0" "continue-as-new" (func $continue_at
    (param i32)))
  (import "mainspring:workflow/random@1.0.0" "bytes" (func $random_bytes (param i32 i32)))
  (import "mainspring:workflow/logging@1.0.0" "log" (func $log_at
    (param i32 i32 i32 i32 i32)))"#;

/// Calls of the contract with the least that they need. The activity's options lie
/// at 2048 (its input at 2560), text from 4096 on; payloads are whatever the memory
/// holds from 0 on.
const HELPERS: &str = r#"
  (data (i32.const 4096) "Do")
  (data (i32.const 4128) "the code says something")
  ;; A bump allocator over memory that grows.
  (func $realloc (export "cabi_realloc") (param i32 i32) (param $align i32) (param $len i32)
    (result i32) (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $len)))
    (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
      (then (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1)
          (i32.div_u (local.get $len) (i32.const 65536)))))
        (then (unreachable)))))
    (local.get $at))
  ;; A timer of so many nanoseconds; answers its handle.
  (func $timer (param $ns i64) (result i64)
    (call $start_timer (local.get $ns) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
  ;; The same with a summary of so many bytes.
  (func $timer_with_summary (param $ns i64) (param $len i32) (result i64)
    (call $start_timer (local.get $ns) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)
      (local.get $len) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
  ;; Activity `Do` with an input of so many bytes; answers its handle.
  (func $activity (param $len i32) (result i64)
    (i32.store (i32.const 2048) (i32.const 4096))
    (i32.store (i32.const 2052) (i32.const 2))
    (i32.store (i32.const 2080) (i32.const 2560))
    (i32.store (i32.const 2084) (i32.const 1))
    (i32.store (i32.const 2128) (i32.const 1))
    (i64.store (i32.const 2136) (i64.const 10000000000))
    (i32.store (i32.const 2572) (local.get $len))
    (call $start_activity (i32.const 2048)))
  (func $cancel (param $handle i64)
    (call $cancel_for (local.get $handle) (i32.const 0) (i32.const 0)))
  ;; Waits for an event; answers its kind (2 is a signal, 3 a query).
  (func $next (result i32)
    (call $next_at (i32.const 1024))
    (i32.load8_u (i32.const 1024)))
  ;; Takes an event; answers whether there was one.
  (func $take (result i32)
    (call $take_at (i32.const 1024))
    (i32.load8_u (i32.const 1024)))
  ;; The first letter of the name of the query that `$next` or `$take` gave.
  (func $asked (result i32) (i32.load8_u (i32.load (i32.const 1040))))
  (func $asked_taken (result i32) (i32.load8_u (i32.load (i32.const 1048))))
  ;; Answers the query that `$next` gave with so many bytes.
  (func $answer (param $len i32)
    (call $answer_query (i32.load (i32.const 1032)) (i32.load (i32.const 1036))
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (local.get $len)))
  ;; The same for a query that `$take` gave.
  (func $answer_taken (param $len i32)
    (call $answer_query (i32.load (i32.const 1040)) (i32.load (i32.const 1044))
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (local.get $len)))
  ;; Makes `run` end as a run that continues as new, without any option (from 3072
  ;; on there are zeros).
  (func $continue_as_new
    (call $continue_at (i32.const 3072))
    (i32.store8 (i32.const 16) (i32.const 3)))
  ;; Logs an error of so many bytes of memory.
  (func $log (param $len i32)
    (call $log_at (i32.const 4) (i32.const 4096) (local.get $len) (i32.const 0) (i32.const 0)))
  ;; Logs a sentence as an error.
  (func $say (call $log_at (i32.const 4) (i32.const 4128) (i32.const 23)
    (i32.const 0) (i32.const 0)))
  ;; Recurses until the stack is used up.
  (func $recurse (param $n i32) (result i32)
    (i32.add (i32.const 1) (call $recurse (i32.add (local.get $n) (i32.const 1)))))
  ;; Grows the memory until it cannot.
  (func $grow (loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 16))))))
  ;; Makes `run` answer with a result of so many bytes.
  (func $complete_with (param $len i32)
    (i32.store (i32.const 20) (i32.const 2560))
    (i32.store (i32.const 24) (i32.const 1))
    (i32.store (i32.const 2572) (local.get $len)))
  ;; Makes `run` fail with so many causes, each with a message of so many bytes.
  (func $fail_with (param $nodes i32) (param $len i32) (local $at i32) (local $i i32)
    (local.set $at (call $realloc (i32.const 0) (i32.const 0) (i32.const 8)
      (i32.mul (local.get $nodes) (i32.const 112))))
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.store (i32.const 20) (local.get $at))
    (i32.store (i32.const 24) (local.get $nodes))
    (loop $more
      (i32.store offset=4 (local.get $at) (local.get $len))
      (i32.store8 offset=48 (local.get $at) (i32.const 4))
      (local.set $at (i32.add (local.get $at) (i32.const 112)))
      (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
        (local.get $nodes)))))"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_a_component_of_the_contract() {
        let component = Guest::new("Quiet").component();
        assert_eq!(&component[..8], b"\0asm\x0d\0\x01\0");
    }
}
