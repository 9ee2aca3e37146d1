//! The parts of the order's activity worker, for it and for the workers of the other
//! stories: a connection, a worker on the official Rust SDK, the shop's database.

mod activities;
mod shop;

use clap::Args;
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, Url};
use temporalio_sdk::activities::ActivityImplementer;
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

pub use activities::OrderActivities;
pub use shop::Shop;

/// Whatever goes wrong; a worker's `main` prints it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Where a worker connects to.
#[derive(Args, Debug)]
pub struct Server {
    /// The server.
    #[arg(long, env = "TEMPORAL_ADDRESS", default_value = "127.0.0.1:7233")]
    pub address: String,
    /// The namespace.
    #[arg(long, env = "TEMPORAL_NAMESPACE", default_value = "default")]
    pub namespace: String,
}

/// Works activities of a task queue off until the process is stopped.
pub async fn serve(
    server: &Server,
    task_queue: &str,
    activities: impl ActivityImplementer,
) -> Result<(), BoxError> {
    let target: Url = format!("http://{}", server.address).parse()?;
    let connection = Connection::connect(ConnectionOptions::new(target).build()).await?;
    let options = ClientOptions::new(server.namespace.clone()).build();
    let client = Client::new(connection, options)?;
    let runtime = Runtime::from_current_tokio(Default::default())?;
    let options = WorkerOptions::new(task_queue)
        .register_activities(activities)
        .build();
    let mut worker = Worker::new(&runtime, client, options)?;
    println!("worker {} polls {task_queue}", std::process::id());
    worker.run().await?;
    Ok(())
}
