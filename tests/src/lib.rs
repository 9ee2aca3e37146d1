//! The harness of the end-to-end tests: the real server binary in a folder of its
//! own, killed and started again at will, and plain gRPC calls to it.

mod calls;
mod hand;
pub mod histories;
mod process;
mod server;
pub mod stage;
mod worker;

pub use calls::{Calls, ORDER_ACTIVITIES, execution, json, task_queue};
pub use hand::Hand;
pub use process::{WorkerProcess, bench, binary, target_folder};
pub use server::{Server, component_of};
pub use worker::{Ledger, Worker};
