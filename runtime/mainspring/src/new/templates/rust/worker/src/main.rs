//! The activities: what touches the world, on Temporal's Rust SDK.

// The attribute makes a constant of each activity for workflows written with the same
// SDK; the workflow of this project is a component and names them itself.
#![allow(dead_code)]

use std::sync::Arc;

use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, Url};
use temporalio_sdk::activities::{ActivityContext, ActivityError, activities};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

struct Greetings;

#[activities]
impl Greetings {
    /// Greets by name.
    #[activity(name = "ComposeGreeting")]
    async fn compose_greeting(
        self: Arc<Self>,
        _ctx: ActivityContext,
        name: String,
    ) -> Result<String, ActivityError> {
        Ok(format!("Hello, {name}!"))
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let address = std::env::var("TEMPORAL_ADDRESS");
    let address = address.unwrap_or_else(|_| "127.0.0.1:7233".to_owned());
    let target: Url = format!("http://{address}").parse()?;
    let connection = Connection::connect(ConnectionOptions::new(target).build()).await?;
    let client = Client::new(connection, ClientOptions::new("default").build())?;
    let runtime = Runtime::from_current_tokio(Default::default())?;
    let options = WorkerOptions::new("{{name}}")
        .register_activities(Greetings)
        .build();
    println!("the worker polls {{name}}");
    Worker::new(&runtime, client, options)?.run().await?;
    Ok(())
}
