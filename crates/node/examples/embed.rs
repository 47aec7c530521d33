//! Joins a running cluster and prints members and events: `cargo run --example embed -- ADDR`.

#![allow(clippy::print_stdout)]

use headcount::Node;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seed = std::env::args().nth(1).ok_or("usage: embed HOST:PORT of a member")?;
    let node = Node::builder("orders").name("embedded").bind("0.0.0.0:0").seeds([seed]).start();
    let node = node.await?;
    node.ready().await?;
    for member in &node.members() {
        println!("{member}");
    }
    let mut events = node.events();
    while let Some(event) = events.next().await {
        println!("{event}");
    }
    Ok(())
}
